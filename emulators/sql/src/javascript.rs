//! Functions in JavaScript, `LANGUAGE js`, run by QuickJS. One engine serves a statement; a function is
//! compiled once. A function sees the session's time and entropy alone, has bounded memory and a bounded
//! number of steps, and can reach neither files nor the network. Libraries in Cloud Storage are refused.

mod convert;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rquickjs::function::Args;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Runtime};

use crate::error::{Result, SqlError};
use crate::limits::{
    JAVASCRIPT_INTERRUPTS_MAX, JAVASCRIPT_MEMORY_BYTES_MAX, JAVASCRIPT_STACK_BYTES_MAX,
};
use crate::routine::ForeignFunction;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;
use convert::Helpers;

/// A JavaScript function that outlives a visit to the engine.
type Kept = Persistent<Function<'static>>;

/// The engine of a statement. What is kept of it goes before the engine itself.
pub(crate) struct Engine {
    /// By the function's place in memory, which holds while the statement runs.
    compiled: RefCell<HashMap<usize, Kept>>,
    helpers: Persistent<Object<'static>>,
    /// How long the call at hand may still go on.
    interrupts: Rc<Cell<u32>>,
    context: Context,
    _runtime: Runtime,
}

impl Engine {
    /// An engine with the session's time and entropy.
    pub(crate) fn new(session: &Session) -> Result<Self> {
        let failed = |error: rquickjs::Error| {
            SqlError::evaluation(format!("The JavaScript engine does not start: {error}"))
        };
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(JAVASCRIPT_MEMORY_BYTES_MAX);
        runtime.set_max_stack_size(JAVASCRIPT_STACK_BYTES_MAX);
        let interrupts = Rc::new(Cell::new(JAVASCRIPT_INTERRUPTS_MAX));
        let (left, cancelled) = (Rc::clone(&interrupts), Arc::clone(&session.cancelled));
        runtime.set_interrupt_handler(Some(Box::new(move || {
            left.set(left.get().saturating_sub(1));
            left.get() == 0 || cancelled.load(Ordering::Relaxed)
        })));
        let context = Context::full(&runtime).map_err(failed)?;
        let helpers = context.with(|ctx| prepare(&ctx, session)).map_err(failed)?;
        let compiled = RefCell::default();
        Ok(Self { compiled, helpers, interrupts, context, _runtime: runtime })
    }

    /// Calls a function with values of the given types.
    ///
    /// # Errors
    /// What the function throws, with its place in the function's text, or a result that has no value of the
    /// function's type.
    pub(crate) fn call(
        &self,
        function: &ForeignFunction,
        values: &[Value],
        types: &[&Type],
    ) -> Result<Value> {
        self.interrupts.set(JAVASCRIPT_INTERRUPTS_MAX);
        self.context.with(|ctx| {
            let helpers = Helpers::new(self.helpers.clone().restore(&ctx));
            let called = self.called(&ctx, function, values, types, &helpers);
            let result = called.map_err(|error| self.thrown(&ctx, function, types, &error))?;
            convert::from_javascript(&ctx, &helpers, &result, &function.result)
        })
    }

    fn called<'js>(
        &self,
        ctx: &Ctx<'js>,
        function: &ForeignFunction,
        values: &[Value],
        types: &[&Type],
        helpers: &Helpers<'js>,
    ) -> rquickjs::Result<rquickjs::Value<'js>> {
        let key = std::ptr::from_ref(function).addr();
        let known = self.compiled.borrow().get(&key).cloned();
        let compiled = match known {
            Some(known) => known.restore(ctx)?,
            None => {
                let parameters = function.parameters.join(", ");
                let compiled: Function<'js> =
                    ctx.eval(format!("(function({parameters}) {{\n{}\n}})", function.code))?;
                let kept = Persistent::save(ctx, compiled.clone());
                self.compiled.borrow_mut().insert(key, kept);
                compiled
            }
        };
        let mut args = Args::new(ctx.clone(), values.len());
        for (value, value_type) in values.iter().zip(types) {
            args.push_arg(convert::to_javascript(ctx, helpers, value, value_type)?)?;
        }
        compiled.call_arg(args)
    }

    /// An exception in BigQuery's words: `TypeError: … at name(TYPE) line 1, columns 2-3`.
    fn thrown(
        &self,
        ctx: &Ctx<'_>,
        function: &ForeignFunction,
        types: &[&Type],
        error: &rquickjs::Error,
    ) -> SqlError {
        let caught = ctx.catch();
        if self.interrupts.get() == 0 {
            let text = format!("JavaScript function {} takes too long", function.name);
            return SqlError::evaluation(text);
        }
        if !error.is_exception() {
            return SqlError::evaluation(error.to_string());
        }
        let (text, place) = match caught.as_exception() {
            None => (convert::printed(ctx, &caught), None),
            Some(exception) => {
                let name: Option<String> = exception.as_object().get("name").ok();
                let name = name.unwrap_or_else(|| "Error".to_owned());
                let message = exception.message().unwrap_or_default();
                let place = exception.stack().and_then(|stack| place(&stack));
                (format!("{name}: {message}"), place)
            }
        };
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        let mut message = format!("{text} at {}({})", function.name, types.join(", "));
        if let Some((line, column)) = place {
            message += &format!(" line {line}, columns {column}-{}", column + 1);
        }
        SqlError::evaluation(message)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// Runs the prelude.
fn prepare(ctx: &Ctx<'_>, session: &Session) -> rquickjs::Result<Persistent<Object<'static>>> {
    let prelude: Function<'_> = ctx.eval(include_str!("javascript/prelude.js"))?;
    let state = Cell::new(session.random());
    let random = Function::new(ctx.clone(), move || {
        let (next, drawn) = convert::unit(state.get());
        state.set(next);
        drawn
    })?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of the calendar fit 53 bits")]
    let now = session.now_micros.div_euclid(1000) as f64;
    let helpers: Object<'_> = prelude.call((now, random))?;
    Ok(Persistent::save(ctx, helpers))
}

/// The first place of a stack trace, in the function's own text: line and column.
fn place(stack: &str) -> Option<(u32, u32)> {
    let first = stack.lines().find(|line| line.contains("eval_script"))?;
    let mut numbers = first.trim_end_matches(')').rsplit(':');
    let column: u32 = numbers.next()?.parse().ok()?;
    let line: u32 = numbers.next()?.parse().ok()?;
    // The text begins behind the line that names the parameters.
    Some((line.checked_sub(1)?, column))
}

#[cfg(test)]
mod tests;

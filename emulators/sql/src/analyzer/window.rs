//! Analytic calls. Each becomes a column that a window computes; the call itself is replaced by that column.
//! Frames are in `frame.rs`.

use super::Analyzer;
use super::aggregate::{aggregate_kind, check_arguments, check_constants};
use super::overload::Spelling;
use super::signature::Signature;
use crate::ast::{self, Call, WindowReference};
use crate::error::{Offset, Result, SqlError};
use crate::functions::{self, WindowOrder, window_rules};
use crate::resolved::{ColumnId, Expr, ExprKind, SortItem, WindowCall, WindowKind};

/// A window and a call over it, before calls over the same window are put together.
#[derive(Debug, Clone)]
pub(super) struct PendingWindow {
    pub(super) partition_by: Vec<Expr>,
    pub(super) order_by: Vec<SortItem>,
    pub(super) call: WindowCall,
}

impl Analyzer<'_> {
    /// A call with `OVER`.
    pub(super) fn window_call(&mut self, name: &str, call: &Call, at: Offset) -> Result<Expr> {
        let Some(reference) = &call.over else {
            let text = format!("Analytic function {name} cannot be called without an OVER clause");
            return Err(SqlError::at(at, text));
        };
        if let Some(clause) = self.collector.no_windows {
            let text = match clause {
                IN_AGGREGATE => {
                    "Analytic functions cannot be arguments to aggregate functions".to_owned()
                }
                IN_WINDOW => "Analytic function cannot be an argument of another analytic function"
                    .to_owned(),
                clause => format!("Analytic function not allowed in {clause}"),
            };
            return Err(SqlError::at(at, text));
        }
        let windows = self.collector.no_windows.replace(IN_WINDOW);
        let resolved = self.pending_window(name, call, reference, at);
        self.collector.no_windows = windows;
        let pending = resolved?;
        let column = Expr::column(pending.call.column, pending.call.result.clone(), at);
        self.collector.windows.push(pending);
        Ok(column)
    }

    fn pending_window(
        &mut self,
        name: &str,
        call: &Call,
        reference: &WindowReference,
        at: Offset,
    ) -> Result<PendingWindow> {
        let analytic = functions::analytic(name);
        let is_analytic = !analytic.is_empty();
        let texts: Vec<&'static str> = match is_analytic {
            true => analytic.iter().flat_map(|function| function.signatures).copied().collect(),
            false => functions::aggregate(name)
                .iter()
                .flat_map(|function| function.signatures)
                .copied()
                .collect(),
        };
        let signatures: Vec<Signature> = texts.into_iter().map(Signature::parse).collect();
        if signatures.is_empty() {
            let text = match functions::scalar(name).is_empty() {
                true => format!("Function not found: {name}"),
                false => format!("Function {name} does not support an OVER clause"),
            };
            return Err(SqlError::at(at, text));
        }
        check_call(name, call, is_analytic, at)?;
        let spelling = match is_analytic && !name.starts_with("PERCENTILE_") {
            true => Spelling::Analytic(name),
            false => Spelling::Aggregate(name),
        };
        let (number, args, result) = self.arguments(&spelling, name, &signatures, call, at)?;
        check_arguments(name, &args, call.distinct, at)?;
        check_constants(name, &args)?;
        let kind = match is_analytic {
            true => analytic_kind(analytic, number),
            false => WindowKind::Aggregate(aggregate_kind(functions::aggregate(name), number)),
        };
        let spec = self.window_spec(reference)?;
        check_window(name, call, is_analytic, &spec)?;
        let partition_by = self.partition(&spec)?;
        let order_by = self.sort_items(&spec.order_by)?;
        let frame = self.frame(spec.frame.as_ref(), &order_by, spec.inner_at)?;
        let call = WindowCall {
            column: self.new_column(),
            kind,
            result,
            args,
            frame,
            ignore_nulls: call.nulls == Some(ast::NullTreatment::Ignore),
            respect_nulls: call.nulls == Some(ast::NullTreatment::Respect),
            distinct: call.distinct,
            at,
        };
        Ok(PendingWindow { partition_by, order_by, call })
    }

    fn partition(&mut self, spec: &ast::WindowSpec) -> Result<Vec<Expr>> {
        let values = spec.partition_by.iter().map(|value| self.resolve(value));
        let values = values.collect::<Result<Vec<_>>>()?;
        match values.iter().find(|value| !value.expr_type.is_groupable()) {
            None => Ok(values),
            Some(value) => {
                let text = format!(
                    "Partitioning by expressions of type {} is not allowed",
                    value.expr_type
                );
                Err(SqlError::at(value.at, text))
            }
        }
    }

    /// A window with everything that it takes from named windows.
    fn window_spec(&mut self, reference: &WindowReference) -> Result<ast::WindowSpec> {
        let (mut spec, mut is_plain) = match reference {
            WindowReference::Spec(spec) => (spec.clone(), false),
            WindowReference::Named(name) => {
                let spec = ast::WindowSpec {
                    base: Some(name.clone()),
                    partition_by: Vec::new(),
                    order_by: Vec::new(),
                    frame: None,
                    at: name.at,
                    inner_at: name.at,
                };
                (spec, true)
            }
        };
        let mut steps = 0;
        while let Some(base) = spec.base.take() {
            let same =
                |(known, _): &&(String, ast::WindowSpec)| known.eq_ignore_ascii_case(&base.name);
            let Some((_, named)) = self.collector.named_windows.iter().find(same) else {
                return Err(SqlError::at(
                    base.at,
                    format!("Unrecognized window alias {}", base.name),
                ));
            };
            extend(&mut spec, named, is_plain, base.at)?;
            // A plain reference is the named window itself, whose own base is another matter.
            is_plain &= named.base.is_some() && spec.frame.is_none();
            steps += 1;
            if steps > self.collector.named_windows.len() {
                return Err(SqlError::at(base.at, "Windows refer to each other in a circle"));
            }
        }
        Ok(spec)
    }
}

pub(super) const IN_AGGREGATE: &str = "arguments of an aggregate function";
const IN_WINDOW: &str = "arguments of an analytic function";

/// What a window takes from the one that it names.
fn extend(
    spec: &mut ast::WindowSpec,
    named: &ast::WindowSpec,
    is_plain: bool,
    at: Offset,
) -> Result<()> {
    if !is_plain && !spec.partition_by.is_empty() {
        let text = "If a window has a PARTITION BY, it cannot reference a named window";
        return Err(SqlError::at(at, text));
    }
    if !is_plain && named.frame.is_some() && (!spec.order_by.is_empty() || spec.frame.is_some()) {
        let text = "If a window has an inline ORDER BY or window frame clause, it cannot reference another window that contains or inherits a window frame clause";
        return Err(SqlError::at(at, text));
    }
    if let Some(item) = spec.order_by.first().filter(|_| !named.order_by.is_empty()) {
        let text = "If a window inherits an ORDER BY from its referenced window, it cannot have an inline ORDER BY";
        return Err(SqlError::at(item.value.at, text));
    }
    if spec.partition_by.is_empty() {
        spec.partition_by.clone_from(&named.partition_by);
    }
    if spec.order_by.is_empty() {
        spec.order_by.clone_from(&named.order_by);
    }
    if spec.frame.is_none() {
        spec.frame.clone_from(&named.frame);
    }
    spec.base.clone_from(&named.base);
    Ok(())
}

/// What the parentheses of an analytic call may say beside its arguments.
fn check_call(name: &str, call: &Call, is_analytic: bool, at: Offset) -> Result<()> {
    let lower = name.to_ascii_lowercase();
    if is_analytic && call.distinct {
        let text = format!("DISTINCT is not allowed for analytic function {lower}");
        return Err(SqlError::at(at, text));
    }
    if let Some(item) = call.order_by.first() {
        let text = "ORDER BY in arguments is not supported on analytic functions";
        return Err(SqlError::at(item.value.at, text));
    }
    if let Some(limit) = &call.limit {
        return Err(SqlError::at(
            limit.at,
            "LIMIT in arguments is not supported on analytic functions",
        ));
    }
    let takes_nulls = match is_analytic {
        true => window_rules(name).nulls.is_some(),
        false => matches!(name, "ARRAY_AGG" | "APPROX_QUANTILES"),
    };
    if call.nulls.is_some() && !takes_nulls {
        let kind = if is_analytic { "analytic" } else { "aggregate" };
        let text =
            format!("IGNORE NULLS and RESPECT NULLS are not allowed for {kind} function {lower}");
        return Err(SqlError::at(at, text));
    }
    Ok(())
}

/// Whether a function can be called over a window of this kind.
fn check_window(name: &str, call: &Call, is_analytic: bool, spec: &ast::WindowSpec) -> Result<()> {
    let lower = name.to_ascii_lowercase();
    let order_at = spec.order_by.first().map(|item| item.value.at);
    if !is_analytic {
        return match order_at {
            Some(at) if call.distinct => {
                Err(SqlError::at(at, "Window ORDER BY is not allowed if DISTINCT is specified"))
            }
            _ => Ok(()),
        };
    }
    let rules = window_rules(name);
    match (rules.order, order_at) {
        (WindowOrder::Required, None) => {
            let text = format!("Window ORDER BY is required for analytic function {lower}");
            return Err(SqlError::at(spec.at, text));
        }
        (WindowOrder::Forbidden, Some(at)) => {
            let text = format!("Window ORDER BY is not allowed for analytic function {lower}");
            return Err(SqlError::at(at, text));
        }
        _ => {}
    }
    if let Some(frame) = spec.frame.as_ref().filter(|_| !rules.framed) {
        let text = format!("Window framing clause is not allowed for analytic function {lower}");
        return Err(SqlError::at(frame.at, text));
    }
    Ok(())
}

fn analytic_kind(analytic: &[&'static functions::AnalyticFunction], number: usize) -> WindowKind {
    let mut signature = number;
    for function in analytic {
        if signature < function.signatures.len() {
            return WindowKind::Analytic { function, signature };
        }
        signature -= function.signatures.len();
    }
    unreachable!("the number came from these signatures")
}

/// The columns that the calls over windows fill.
pub(super) fn window_columns(windows: &[PendingWindow]) -> impl Iterator<Item = ColumnId> + '_ {
    windows.iter().map(|window| window.call.column)
}

/// Every expression of a pending window.
pub(super) fn window_exprs(window: &mut PendingWindow) -> impl Iterator<Item = &mut Expr> {
    window
        .partition_by
        .iter_mut()
        .chain(window.order_by.iter_mut().map(|item| &mut item.value))
        .chain(window.call.args.iter_mut())
}

/// Whether an expression is a plain column.
pub(super) fn as_column(expr: &Expr) -> Option<ColumnId> {
    match expr.kind {
        ExprKind::Column(id) => Some(id),
        _ => None,
    }
}

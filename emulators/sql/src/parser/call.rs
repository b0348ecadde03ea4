//! Calls of functions: arguments with names and lambdas, what an aggregate may say after them, and
//! windows.

use super::Parser;
use crate::ast::{
    Arg, Call, Expr, ExprKind, Ident, NullTreatment, Path, WindowFrame, WindowFrameBound,
    WindowFrameUnit, WindowReference, WindowSpec,
};
use crate::error::{Result, SqlError};

impl Parser<'_> {
    /// A call whose name has been read; the opening parenthesis comes next.
    pub(super) fn call(&mut self, name: Path) -> Result<Expr> {
        let at = name.at;
        let call = self.call_with(name, Vec::new())?;
        Ok(Expr { kind: ExprKind::Call(call), at })
    }

    /// `first.name(…)`
    pub(super) fn chained_call(&mut self, first: Expr, name: Path) -> Result<Expr> {
        let at = first.at;
        let first = Arg { name: None, value: first, alias: None };
        let call = self.call_with(name, vec![first])?;
        Ok(Expr { kind: ExprKind::Call(call), at })
    }

    /// The call is boxed at once: calls nest, and the stack is small.
    fn call_with(&mut self, name: Path, args: Vec<Arg>) -> Result<Box<Call>> {
        self.expect_symbol("(")?;
        let distinct = self.eat_word("DISTINCT");
        let mut call = Box::new(Call {
            name,
            args,
            distinct,
            nulls: None,
            having: None,
            order_by: Vec::new(),
            limit: None,
            over: None,
        });
        self.arguments(&mut call.args)?;
        self.call_modifiers(&mut call)?;
        self.expect_symbol(")")?;
        if self.eat_word("OVER") {
            call.over = Some(self.window_reference()?);
        }
        Ok(call)
    }

    /// What an aggregate may say after its arguments.
    fn call_modifiers(&mut self, call: &mut Call) -> Result<()> {
        if self.eat_word("IGNORE") {
            call.nulls = Some(NullTreatment::Ignore);
        } else if self.eat_word("RESPECT") {
            call.nulls = Some(NullTreatment::Respect);
        }
        if call.nulls.is_some() {
            self.expect_word("NULLS")?;
        }
        if self.eat_word("HAVING") {
            let maximum = self.is_word("MAX");
            if !maximum && !self.is_word("MIN") {
                return self.expected("keyword MAX or keyword MIN");
            }
            self.take();
            call.having = Some((maximum, self.expression()?));
        }
        call.order_by = self.order_by()?;
        if self.eat_word("LIMIT") {
            call.limit = Some(self.expression()?);
        }
        Ok(())
    }

    /// Arguments between commas; none at all before what cannot begin one.
    fn arguments(&mut self, args: &mut Vec<Arg>) -> Result<()> {
        if self.is_symbol("*") {
            let at = self.take().start;
            args.push(Arg { name: None, value: Expr { kind: ExprKind::Star, at }, alias: None });
            if !self.eat_symbol(",") {
                return Ok(());
            }
        } else if !self.is_expression_start() && !self.is_word("SELECT") {
            return Ok(());
        }
        loop {
            args.push(self.argument()?);
            if !self.eat_symbol(",") {
                return Ok(());
            }
        }
    }

    /// `value`, `name => value`, `value AS alias`, `x -> …`
    pub(super) fn argument(&mut self) -> Result<Arg> {
        if self.is_word("SELECT") {
            return self.fail(
                "Each function argument is an expression, not a query; to use a query as an \
                 expression, the query must be wrapped with additional parentheses to make it a \
                 scalar subquery expression",
            );
        }
        let mut name = None;
        if self.nth_is_identifier(0) && self.nth_is_symbol(1, "=>") {
            name = Some(self.identifier()?);
            self.take();
        }
        let mut value = self.expression()?;
        if self.is_symbol("->") {
            value = self.lambda(value)?;
        }
        let alias = self.explicit_alias()?;
        Ok(Arg { name, value, alias })
    }

    /// The body of a lambda whose parameters were read as an expression: names, alone or in
    /// parentheses.
    fn lambda(&mut self, parameters: Expr) -> Result<Expr> {
        let at = parameters.at;
        let names = match parameters.kind {
            ExprKind::Tuple(items) => items.into_iter().map(parameter_name).collect(),
            kind => parameter_name(Expr { kind, at }).map(|name| vec![name]),
        };
        let Some(parameters) = names else {
            return Err(SqlError::at(at, "Syntax error: Expecting lambda argument list"));
        };
        self.expect_symbol("->")?;
        let body = Box::new(self.expression()?);
        Ok(Expr { kind: ExprKind::Lambda { parameters, body }, at })
    }

    fn window_reference(&mut self) -> Result<WindowReference> {
        if self.is_symbol("(") {
            return self.window().map(WindowReference::Spec);
        }
        self.identifier().map(WindowReference::Named)
    }

    /// `([base] [PARTITION BY …] [ORDER BY …] [frame])`
    pub(super) fn window(&mut self) -> Result<WindowSpec> {
        let at = self.at();
        self.expect_symbol("(")?;
        let inner_at = self.at();
        let base = if self.nth_is_identifier(0) { Some(self.identifier()?) } else { None };
        let mut partition_by = Vec::new();
        if self.eat_word("PARTITION") {
            self.skip_hint()?;
            self.expect_by()?;
            partition_by.push(self.expression()?);
            while self.eat_symbol(",") {
                partition_by.push(self.expression()?);
            }
        }
        let ordered = self.is_word("ORDER");
        let order_by = self.order_by()?;
        let frame = self.window_frame()?;
        if !self.eat_symbol(")") {
            let order = if ordered { "" } else { "keyword ORDER or " };
            let what = format!("\")\" or {order}keyword RANGE or keyword ROWS");
            return self.expected(if frame.is_some() { "\")\"" } else { &what });
        }
        Ok(WindowSpec { base, partition_by, order_by, frame, at, inner_at })
    }

    fn window_frame(&mut self) -> Result<Option<WindowFrame>> {
        let at = self.at();
        let unit = if self.eat_word("ROWS") {
            WindowFrameUnit::Rows
        } else if self.eat_word("RANGE") {
            WindowFrameUnit::Range
        } else {
            return Ok(None);
        };
        let has_end = self.eat_word("BETWEEN");
        let start_at = self.at();
        let start = self.window_bound()?;
        if !has_end {
            return Ok(Some(WindowFrame {
                unit,
                start,
                end: None,
                at,
                start_at,
                end_at: start_at,
            }));
        }
        self.expect_word("AND")?;
        let end_at = self.at();
        let end = Some(self.window_bound()?);
        Ok(Some(WindowFrame { unit, start, end, at, start_at, end_at }))
    }

    fn window_bound(&mut self) -> Result<WindowFrameBound> {
        if self.eat_words(&["CURRENT", "ROW"]) {
            return Ok(WindowFrameBound::CurrentRow);
        }
        let value = if self.eat_word("UNBOUNDED") { None } else { Some(self.expression()?) };
        let preceding = self.is_word("PRECEDING");
        if !preceding && !self.is_word("FOLLOWING") {
            return self.expected("keyword FOLLOWING or keyword PRECEDING");
        }
        self.take();
        Ok(match (preceding, value) {
            (true, None) => WindowFrameBound::UnboundedPreceding,
            (false, None) => WindowFrameBound::UnboundedFollowing,
            (true, Some(value)) => WindowFrameBound::Preceding(Box::new(value)),
            (false, Some(value)) => WindowFrameBound::Following(Box::new(value)),
        })
    }
}

/// A name alone.
fn parameter_name(expression: Expr) -> Option<Ident> {
    match expression.kind {
        ExprKind::Path(path) if path.parts.len() == 1 => path.parts.into_iter().next(),
        _ => None,
    }
}

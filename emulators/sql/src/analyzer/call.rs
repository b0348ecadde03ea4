//! Calls: special forms that do not evaluate all their arguments, functions by their signatures, lambdas.
//! Aggregate and analytic calls are in `window.rs`, routines in `routine.rs`.

use super::overload::{Spelling, choose, choose_named};
use super::path::nearest;
use super::signature::{Arg, Pattern, Signature};
use super::{Analyzer, coerce_to};
use crate::ast::{self, Call};
use crate::error::{Offset, Result, SqlError};
use crate::functions;
use crate::resolved::{ArrayLambda, Expr, ExprKind, Function};
use crate::sql_type::Type;
use crate::value::Value;

const IF: &str = "(BOOL, T1, T1) -> T1";
const TWO_ALIKE: &str = "(T1, T1) -> T1";
const MANY_ALIKE: &str = "([T1, ...]) -> T1";

impl Analyzer<'_> {
    /// A call of a function of any kind.
    pub(super) fn call(&mut self, call: &Call, at: Offset) -> Result<Expr> {
        let mut parts: Vec<&str> = call.name.parts.iter().map(|part| part.name.as_str()).collect();
        let safe = parts.len() > 1 && parts[0].eq_ignore_ascii_case("SAFE");
        if safe {
            parts.remove(0);
        }
        let name = parts.join(".").to_ascii_uppercase();
        if parts.len() == 1
            && let Some(routine) = self.temporary_routine(parts[0])
        {
            return self.routine_call(&routine, call, at);
        }
        if let Some(expr) = self.special_form(&name, call, safe, at)? {
            return Ok(expr);
        }
        if call.over.is_some() || functions::is_analytic_only(&name) {
            return self.window_call(&name, call, at);
        }
        if functions::is_aggregate(&name) {
            return self.aggregate_call(&name, call, safe, at);
        }
        let overloads = functions::scalar(&name);
        if overloads.is_empty() {
            return self.unknown_function(call, &parts, safe, at);
        }
        if call.distinct {
            let text = format!("Non-aggregate function {name} cannot be called with DISTINCT");
            return Err(SqlError::at(at, text));
        }
        if let Some(item) = call.order_by.first() {
            let text = "ORDER BY in arguments is not supported on scalar functions";
            return Err(SqlError::at(item.value.at, text));
        }
        let signatures = signatures_of(&name);
        let mut args = Vec::with_capacity(call.args.len());
        for (position, arg) in call.args.iter().enumerate() {
            let value = match word(&signatures, position, &arg.value) {
                Some(word) => Expr::literal(Value::String(word.into()), Type::String, arg.value.at),
                None => self.resolve(&arg.value)?,
            };
            args.push((arg.name.as_ref().map(|name| name.name.clone()), value));
        }
        self.overload(&name, &signatures, &Spelling::Function(&name), &args, safe, at)
    }

    /// A built-in function or operator by its name.
    pub(super) fn builtin(
        &mut self,
        name: &str,
        spelling: &Spelling<'_>,
        args: Vec<Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let signatures = signatures_of(name);
        if signatures.is_empty() {
            return Err(SqlError::not_implemented(name.trim_start_matches('$')).or_at(at));
        }
        let args: Vec<Arg> = args.into_iter().map(|arg| (None, arg)).collect();
        self.overload(name, &signatures, spelling, &args, false, at)
    }

    fn overload(
        &mut self,
        name: &str,
        signatures: &[Signature],
        spelling: &Spelling<'_>,
        args: &[Arg],
        safe: bool,
        at: Offset,
    ) -> Result<Expr> {
        let (number, fit) =
            choose_named(spelling, signatures, args).map_err(|error| error.or_at(at))?;
        let args = fit
            .args
            .into_iter()
            .zip(&fit.targets)
            .map(|(arg, target)| coerce_to(self.session, arg, target))
            .collect::<Result<Vec<_>>>()?;
        if matches!(name, "GREATEST" | "LEAST") && !fit.result.is_orderable() {
            let text = format!("{name} is not defined for arguments of type {}", fit.result);
            return Err(SqlError::at(at, text));
        }
        // Overloads stand in several lists: find the list that the number falls into.
        let mut signature = number;
        for function in functions::scalar(name) {
            if signature < function.signatures.len() {
                let function = Function { function, signature };
                let types = fit.targets.iter().cloned().collect();
                let kind = ExprKind::Call { function, args, types, safe };
                return Ok(Expr { kind, expr_type: fit.result, at });
            }
            signature -= function.signatures.len();
        }
        unreachable!("the number came from these signatures")
    }

    fn special_form(
        &mut self,
        name: &str,
        call: &Call,
        safe: bool,
        at: Offset,
    ) -> Result<Option<Expr>> {
        let args: Vec<&ast::Expr> = call.args.iter().map(|arg| &arg.value).collect();
        Ok(Some(match (name, &args[..]) {
            ("IF", _) => {
                let args = self.resolve_all(&args)?;
                let (mut values, expr_type) = self.function_form("IF", IF, args, at)?;
                let otherwise = Box::new(values.pop().expect("three arguments"));
                let then = values.pop().expect("three arguments");
                let condition = values.pop().expect("three arguments");
                let kind = ExprKind::Case { branches: vec![(condition, then)], otherwise };
                Expr { kind, expr_type, at }
            }
            ("COALESCE" | "IFNULL", _) => {
                let signature = if name == "IFNULL" { TWO_ALIKE } else { MANY_ALIKE };
                let args = self.resolve_all(&args)?;
                let (values, expr_type) = self.function_form(name, signature, args, at)?;
                Expr { kind: ExprKind::Coalesce(values), expr_type, at }
            }
            ("ZEROIFNULL", [value]) => {
                let zero = Expr::literal(Value::Int64(0), Type::Int64, at);
                let values = vec![self.resolve(value)?, zero];
                let (values, expr_type) = self.function_form(name, TWO_ALIKE, values, at)?;
                Expr { kind: ExprKind::Coalesce(values), expr_type, at }
            }
            ("NULLIF", _) => {
                let args = self.resolve_all(&args)?;
                self.null_if(name, args, at)?
            }
            ("NULLIFZERO", [value]) => {
                let zero = Expr::literal(Value::Int64(0), Type::Int64, at);
                let args = vec![self.resolve(value)?, zero];
                self.null_if(name, args, at)?
            }
            ("IFERROR", [operand, instead]) => {
                let values = self.resolve_all(&[operand, instead])?;
                let (mut values, expr_type) =
                    self.function_form("IFERROR", TWO_ALIKE, values, at)?;
                let instead = values.pop().map(Box::new);
                let operand = Box::new(values.pop().expect("two values"));
                Expr { kind: ExprKind::IfError { operand, instead }, expr_type, at }
            }
            ("NULLIFERROR", [operand]) => {
                let operand = Box::new(self.resolve(operand)?);
                let expr_type = operand.expr_type.clone();
                Expr { kind: ExprKind::IfError { operand, instead: None }, expr_type, at }
            }
            ("ISERROR", [operand]) => {
                let operand = Box::new(self.resolve(operand)?);
                Expr { kind: ExprKind::IsError(operand), expr_type: Type::Bool, at }
            }
            ("GROUPING", [key]) => return self.grouping_call(key, at).map(Some),
            ("TYPEOF", [value]) => {
                let value = self.resolve(value)?;
                Expr::literal(Value::String(value.expr_type.to_string().into()), Type::String, at)
            }
            _ => return self.lambda_form(name, call, safe, at),
        }))
    }

    fn null_if(&mut self, name: &str, args: Vec<Expr>, at: Offset) -> Result<Expr> {
        let (mut sides, expr_type) = self.function_form(name, TWO_ALIKE, args, at)?;
        if !expr_type.is_comparable() {
            let text = format!("{name} is not defined for arguments of type {expr_type}");
            return Err(SqlError::at(at, text));
        }
        let right = Box::new(sides.pop().expect("two arguments"));
        let left = Box::new(sides.pop().expect("two arguments"));
        Ok(Expr { kind: ExprKind::NullIf { left, right }, expr_type, at })
    }

    /// The arguments of a form of the language as its signature wants them, and its type.
    fn function_form(
        &mut self,
        name: &str,
        signature: &'static str,
        args: Vec<Expr>,
        at: Offset,
    ) -> Result<(Vec<Expr>, Type)> {
        self.form(&Spelling::Function(name), signature, args, at)
    }

    pub(super) fn form(
        &mut self,
        spelling: &Spelling<'_>,
        signature: &'static str,
        args: Vec<Expr>,
        at: Offset,
    ) -> Result<(Vec<Expr>, Type)> {
        let signatures = [Signature::parse(signature)];
        let (_, fit) = choose(spelling, &signatures, args).map_err(|error| error.or_at(at))?;
        let args = fit
            .args
            .into_iter()
            .zip(&fit.targets)
            .map(|(arg, target)| coerce_to(self.session, arg, target))
            .collect::<Result<Vec<_>>>()?;
        Ok((args, fit.result))
    }

    /// `ARRAY_FILTER(array, e -> …)` and its like.
    fn lambda_form(
        &mut self,
        name: &str,
        call: &Call,
        safe: bool,
        at: Offset,
    ) -> Result<Option<Expr>> {
        let [array, lambda, ..] = &call.args[..] else { return Ok(None) };
        let ast::ExprKind::Lambda { parameters, body } = &lambda.value.kind else {
            return Ok(None);
        };
        let kind = match name {
            "ARRAY_FILTER" => ArrayLambda::Filter,
            "ARRAY_TRANSFORM" => ArrayLambda::Transform,
            "ARRAY_INCLUDES" => ArrayLambda::Includes,
            "ARRAY_FIND" => ArrayLambda::Find,
            "ARRAY_FIND_ALL" => ArrayLambda::FindAll,
            "ARRAY_OFFSET" => ArrayLambda::Offset,
            "ARRAY_OFFSETS" => ArrayLambda::OffsetsAll,
            _ => return Ok(None),
        };
        let array = self.resolve(&array.value)?;
        let Some(element_type) = array.expr_type.element().cloned() else {
            return Err(SqlError::at(at, format!("No matching signature for function {name}")));
        };
        let element = self.new_column();
        let mut aliases = Vec::new();
        let mut offset = None;
        for (position, parameter) in parameters.iter().enumerate() {
            let value = match position {
                0 => Expr::column(element, element_type.clone(), parameter.at),
                1 => {
                    let id = self.new_column();
                    offset = Some(id);
                    Expr::column(id, Type::Int64, parameter.at)
                }
                _ => return Err(SqlError::at(parameter.at, "Lambda has too many arguments")),
            };
            aliases.push((parameter.name.as_str().into(), value));
        }
        let names = super::Names { aliases, ..super::Names::default() };
        let body = self.with_names(names, |this| match kind {
            ArrayLambda::Transform => this.resolve(body),
            _ => this.condition(body, "Lambda"),
        })?;
        let expr_type = match kind {
            ArrayLambda::Filter | ArrayLambda::FindAll => array.expr_type.clone(),
            ArrayLambda::Transform => Type::array_of(body.expr_type.clone()),
            ArrayLambda::Includes => Type::Bool,
            ArrayLambda::Find => element_type,
            ArrayLambda::Offset => Type::Int64,
            ArrayLambda::OffsetsAll => Type::array_of(Type::Int64),
        };
        let (array, body) = (Box::new(array), Box::new(body));
        let lambda = Expr {
            kind: ExprKind::ArrayLambda { kind, array, element, offset, body },
            expr_type,
            at,
        };
        if !safe {
            return Ok(Some(lambda));
        }
        let expr_type = lambda.expr_type.clone();
        let kind = ExprKind::IfError { operand: Box::new(lambda), instead: None };
        Ok(Some(Expr { kind, expr_type, at }))
    }

    pub(super) fn resolve_all(&mut self, exprs: &[&ast::Expr]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.resolve(expr)).collect()
    }

    fn unknown_function(
        &mut self,
        call: &Call,
        parts: &[&str],
        safe: bool,
        at: Offset,
    ) -> Result<Expr> {
        if let Some(routine) = self.stored_routine(&call.name, safe)? {
            return self.routine_call(&routine, call, at);
        }
        if call.name.parts.len() > 1 {
            let names = call.name.parts.iter().map(|part| match part.name.contains('.') {
                true => format!("`{}`", part.name),
                false => part.name.clone(),
            });
            let text = format!("Function not found: {}", names.collect::<Vec<_>>().join("."));
            return Err(SqlError::at(at, text));
        }
        let name = parts.join(".");
        let hint = nearest(&name.to_ascii_uppercase(), functions::names())
            .map(|name| format!("; Did you mean {}?", name.to_ascii_lowercase()))
            .unwrap_or_default();
        Err(SqlError::at(at, format!("Function not found: {name}{hint}")))
    }
}

/// All signatures of a function, over its lists.
pub(super) fn signatures_of(name: &str) -> Vec<Signature> {
    functions::scalar(name)
        .iter()
        .flat_map(|function| function.signatures.iter().map(|text| Signature::parse(text)))
        .collect()
}

/// A date part or another word, where the function wants one: `DAY`, `WEEK(MONDAY)`.
fn word(signatures: &[Signature], position: usize, arg: &ast::Expr) -> Option<String> {
    let wants = signatures.iter().any(|signature| {
        signature.param(position).is_some_and(|param| param.pattern == Pattern::Word)
    });
    if !wants {
        return None;
    }
    match &arg.kind {
        ast::ExprKind::Path(path) => match &path.parts[..] {
            [part] => Some(part.name.to_ascii_uppercase()),
            _ => None,
        },
        ast::ExprKind::Call(call) => match (&call.name.parts[..], &call.args[..]) {
            ([name], [arg]) => {
                let ast::ExprKind::Path(day) = &arg.value.kind else { return None };
                let [day] = &day.parts[..] else { return None };
                Some(format!("{}({})", name.name, day.name).to_ascii_uppercase())
            }
            _ => None,
        },
        _ => None,
    }
}

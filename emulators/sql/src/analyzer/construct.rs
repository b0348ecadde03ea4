//! `CASE`, casts, arrays, structs, subqueries and bindings: expressions that put others together.

use super::coercion::{coerce_to, common_type, distance};
use super::condition::comparison;
use super::expression::implied_name;
use super::overload::{Spelling, type_set, type_text};
use super::{Analyzer, literal_to};
use crate::ast::{self, SubqueryKind};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Comparison, Expr, ExprKind, Origin};
use crate::session::Session;
use crate::sql_type::{StructField, Type};
use crate::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Analyzer<'_> {
    pub(super) fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[ast::CaseBranch],
        otherwise: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.resolve(operand)).transpose()?;
        let mut whens = Vec::with_capacity(branches.len());
        let mut thens = Vec::with_capacity(branches.len() + 1);
        for branch in branches {
            whens.push(self.resolve(&branch.when)?);
            thens.push(self.resolve(&branch.then)?);
        }
        thens.push(match otherwise {
            Some(otherwise) => self.resolve(otherwise)?,
            None => Expr::literal(Value::Null, Type::Int64, at),
        });
        let Some(expr_type) = common_type(&thens) else {
            return Err(case_mismatch(operand.as_ref(), &whens, &thens, at));
        };
        let whens = match operand {
            None if whens.iter().any(|when| distance(when, &Type::Bool).is_none()) => {
                return Err(case_mismatch(None, &whens, &thens, at));
            }
            None => self.coerce_all(whens, &Type::Bool)?,
            Some(operand) => {
                let common = common_type(std::iter::once(&operand).chain(&whens));
                let Some(common) = common.filter(Type::is_comparable) else {
                    return Err(case_mismatch(Some(&operand), &whens, &thens, at));
                };
                let operand = coerce_to(self.session, operand, &common)?;
                let values = self.coerce_all(whens, &common)?;
                let equal = |value| comparison(Comparison::Equal, operand.clone(), value, at);
                values.into_iter().map(equal).collect()
            }
        };
        let mut thens = self.coerce_all(thens, &expr_type)?;
        let otherwise = Box::new(thens.pop().expect("the else branch was pushed"));
        let branches = whens.into_iter().zip(thens).collect();
        Ok(Expr { kind: ExprKind::Case { branches, otherwise }, expr_type, at })
    }

    fn coerce_all(&self, exprs: Vec<Expr>, to: &Type) -> Result<Vec<Expr>> {
        exprs.into_iter().map(|expr| coerce_to(self.session, expr, to)).collect()
    }

    pub(super) fn cast_expr(
        &mut self,
        safe: bool,
        operand: &ast::Expr,
        target: &ast::TypeExpr,
        format: Option<&ast::Expr>,
        zone: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let to = self.written_type(target)?;
        let operand = self.resolve(operand)?;
        let kind = if let Some(format) = format {
            let format = Box::new(self.resolve_as(format, &Type::String, "FORMAT clause")?);
            let zone = zone
                .map(|zone| {
                    self.resolve_as(zone, &Type::String, "AT TIME ZONE clause").map(Box::new)
                })
                .transpose()?;
            ExprKind::FormatCast { operand: Box::new(operand), safe, format, zone }
        } else {
            let is_empty = matches!(&operand.kind, ExprKind::Array(list) if list.is_empty());
            if operand.is_untyped_null() || is_empty && matches!(to, Type::Array(_)) {
                // NULL and [] have no type of their own.
                let kind = match operand.kind {
                    ExprKind::Array(list) => ExprKind::Array(list),
                    _ => ExprKind::Literal { value: Value::Null, origin: Origin::Firm },
                };
                return Ok(Expr { kind, expr_type: to, at });
            }
            let operand = digits_as(self.session, operand, &to);
            if operand.expr_type == to && target.parameters.is_empty() {
                return Ok(Expr { at, ..operand });
            }
            if !crate::cast::is_castable(&operand.expr_type, &to) {
                let text = format!("Invalid cast from {} to {to}", operand.expr_type);
                return Err(SqlError::at(operand.at, text));
            }
            let is_literal = operand.is_coercible_literal() && !safe;
            if is_literal
                && let Some(value) = operand.as_literal()
                && target.parameters.is_empty()
                && operand.expr_type == Type::String
            {
                let value = literal_to(self.session, value, &operand.expr_type, &to);
                if let Ok(value) = value {
                    return Ok(Expr::firm(value, to, at));
                }
            }
            ExprKind::Cast {
                operand: Box::new(operand),
                safe,
                parameters: target.parameters.clone(),
            }
        };
        Ok(Expr { kind, expr_type: to, at })
    }

    pub(super) fn extract(
        &mut self,
        part: &str,
        operand: &ast::Expr,
        zone: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let name = match part {
            "DATE" => "$extract_date",
            "TIME" => "$extract_time",
            "DATETIME" => "$extract_datetime",
            _ => "$extract",
        };
        let mut args = vec![Expr::literal(Value::string(part), Type::String, at), operand];
        if let Some(zone) = zone {
            args.push(self.resolve(zone)?);
        }
        self.builtin(name, &Spelling::Function("EXTRACT"), args, at)
    }

    pub(super) fn array(
        &mut self,
        element: Option<&ast::TypeExpr>,
        elements: &[ast::Expr],
        at: Offset,
    ) -> Result<Expr> {
        let element = element.map(|element| self.written_type(element)).transpose()?;
        let elements =
            elements.iter().map(|value| self.resolve(value)).collect::<Result<Vec<_>>>()?;
        let element = match element {
            Some(Type::Array(element)) => (*element).clone(),
            Some(element) => element,
            None if elements.is_empty() => Type::Int64,
            None => common_type(&elements).ok_or_else(|| no_common_element(&elements, at))?,
        };
        if matches!(element, Type::Array(_)) {
            let text = format!(
                "Cannot construct array with element type {element} because nested arrays are not supported"
            );
            return Err(SqlError::at(elements.first().map_or(at, |first| first.at), text));
        }
        if let Some(value) = elements.iter().find(|value| distance(value, &element).is_none()) {
            let text =
                format!("Array element type {} does not coerce to {element}", value.expr_type);
            return Err(SqlError::at(value.at, text));
        }
        let elements = self.coerce_all(elements, &element)?;
        Ok(Expr { kind: ExprKind::Array(elements), expr_type: Type::array_of(element), at })
    }

    pub(super) fn structure(
        &mut self,
        target: Option<&ast::TypeExpr>,
        items: &[ast::StructItem],
        at: Offset,
    ) -> Result<Expr> {
        let values =
            items.iter().map(|item| self.resolve(&item.value)).collect::<Result<Vec<_>>>()?;
        if let Some(target) = target {
            let to = self.written_type(target)?;
            let fields = to.fields().unwrap_or_default();
            if fields.len() != values.len() {
                let text = format!(
                    "STRUCT type has {} fields but constructor call has {} fields",
                    fields.len(),
                    values.len()
                );
                return Err(SqlError::at(at, text));
            }
            let coerced =
                values.into_iter().zip(fields).enumerate().map(|(index, (value, field))| {
                    if distance(&value, &field.field_type).is_some() {
                        return coerce_to(self.session, value, &field.field_type);
                    }
                    let text = format!(
                        "Struct field {} has type {} which does not coerce to {}",
                        index + 1,
                        value.expr_type,
                        field.field_type
                    );
                    Err(SqlError::at(value.at, text))
                });
            let values = coerced.collect::<Result<Vec<_>>>()?;
            return Ok(Expr { kind: ExprKind::Struct(values), expr_type: to, at });
        }
        let fields = items.iter().zip(&values).map(|(item, value)| {
            let name = match &item.alias {
                Some(alias) => alias.name.as_str(),
                None => implied_name(&item.value).unwrap_or_default(),
            };
            StructField::new(name, value.expr_type.clone())
        });
        let expr_type = Type::struct_of(fields);
        Ok(Expr { kind: ExprKind::Struct(values), expr_type, at })
    }

    pub(super) fn subquery_expr(
        &mut self,
        kind: SubqueryKind,
        query: &ast::Query,
        at: Offset,
    ) -> Result<Expr> {
        let (subquery, columns) = self.subquery(query)?;
        let one = |what: &str| match &columns[..] {
            [column] => Ok(column.column_type.clone()),
            _ => {
                let hint = match what {
                    "ARRAY" => {
                        "ARRAY subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values"
                    }
                    _ => {
                        "Scalar subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values"
                    }
                };
                Err(SqlError::at(at, hint))
            }
        };
        let (kind, expr_type) = match kind {
            SubqueryKind::Exists => (ExprKind::Exists(subquery), Type::Bool),
            SubqueryKind::Scalar => {
                let expr_type = one("scalar")?;
                (ExprKind::ScalarSubquery(subquery), expr_type)
            }
            SubqueryKind::Array => {
                let element = one("ARRAY")?;
                if matches!(element, Type::Array(_)) {
                    let text = format!(
                        "Cannot use array subquery with column of type {element} because nested arrays are not supported"
                    );
                    return Err(SqlError::at(at, text));
                }
                (ExprKind::ArraySubquery(subquery), Type::array_of(element))
            }
        };
        Ok(Expr { kind, expr_type, at })
    }

    pub(super) fn with_expr(
        &mut self,
        bindings: &[(ast::Ident, ast::Expr)],
        result: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        let depth = self.arguments.len();
        let mut bound = Vec::with_capacity(bindings.len());
        for (name, value) in bindings {
            let value = self.resolve(value)?;
            let id = self.new_column();
            let column = Expr::column(id, value.expr_type.clone(), name.at);
            self.arguments.push((name.name.clone(), column));
            bound.push((id, value));
        }
        // Bound names go before columns: they are looked up as aliases of a level of their own.
        let aliases = self.arguments[depth..]
            .iter()
            .map(|(name, value)| (Arc::from(name.as_str()), value.clone()))
            .collect();
        let names = super::Names { aliases, ..super::Names::default() };
        let body = self.with_names(names, |this| this.resolve(result));
        self.arguments.truncate(depth);
        let body = body?;
        let expr_type = body.expr_type.clone();
        Ok(Expr { kind: ExprKind::Let { bindings: bound, body: Box::new(body) }, expr_type, at })
    }
}

/// A decimal number as written becomes NUMERIC by its digits.
fn digits_as(session: &Session, operand: Expr, to: &Type) -> Expr {
    let is_decimal = matches!(operand.kind, ExprKind::Literal { origin: Origin::Decimal(_), .. });
    if !is_decimal || !matches!(to, Type::Numeric | Type::BigNumeric) {
        return operand;
    }
    match coerce_to(session, operand.clone(), to) {
        Ok(Expr { kind: ExprKind::Literal { value, .. }, at, .. }) => {
            Expr::firm(value, to.clone(), at)
        }
        _ => operand,
    }
}

fn no_common_element(elements: &[Expr], at: Offset) -> SqlError {
    let typed = elements.iter().filter(|element| !element.is_untyped_null());
    let types = type_set(typed.map(|element| &element.expr_type));
    let text = format!("Array elements of types {{{types}}} do not have a common supertype");
    SqlError::at(at, text)
}

/// Why a `CASE` does not fit together.
fn case_mismatch(operand: Option<&Expr>, whens: &[Expr], thens: &[Expr], at: Offset) -> SqlError {
    let texts = |exprs: &[Expr]| exprs.iter().map(type_text).collect::<Vec<_>>();
    let (when_types, then_types) = (texts(whens), texts(thens));
    if let Some(operand) = operand {
        let pairs = when_types.into_iter().zip(&then_types);
        let inner = pairs.flat_map(|(when, then)| [when, then.clone()]);
        let types: Vec<String> = std::iter::once(type_text(operand))
            .chain(inner)
            .chain(then_types.last().cloned())
            .collect();
        let text = format!(
            "No matching signature for operator CASE\n  Argument types: {}",
            types.join(", ")
        );
        return SqlError::at(at, text);
    }
    let mut text = "No matching signature for operator CASE".to_owned();
    let wrong: Vec<&str> = whens
        .iter()
        .zip(&when_types)
        .filter(|(when, _)| when.expr_type != Type::Bool)
        .map(|(_, found)| found.as_str())
        .collect();
    if !wrong.is_empty() {
        text += &format!("; all WHEN argument types must be BOOL but found: {}", wrong.join(", "));
    }
    if common_type(thens).is_none() {
        let typed = thens.iter().filter(|then| !then.is_untyped_null());
        text += &format!(
            "; all THEN/ELSE arguments must be coercible to a common type but found: {}",
            typed
                .map(|then| then.expr_type.to_string())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let pairs: Vec<String> =
        when_types.iter().zip(&then_types).map(|(when, then)| format!("({when} {then})")).collect();
    text += &format!(
        "; actual argument types (WHEN THEN) ELSE: {} {}",
        pairs.join(" "),
        then_types.last().map_or("NULL", String::as_str)
    );
    SqlError::at(at, text)
}

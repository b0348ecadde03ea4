//! `CASE`, casts, arrays, structs, subqueries and bindings: expressions that put others together.

use super::coercion::{coerce_to, common_type};
use super::expression::implied_name;
use super::signature::Spelling;
use super::{Analyzer, literal_to};
use crate::ast::{self, SubqueryKind};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Comparison, Expr, ExprKind};
use crate::sql_type::{StructField, Type};
use crate::value::Value;
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
            whens.push(match &operand {
                None => self.condition(&branch.when, "WHEN clause")?,
                Some(operand) => {
                    let value = self.resolve(&branch.when)?;
                    self.compare(Comparison::Equal, operand.clone(), value, "=", at)?
                }
            });
            thens.push(self.resolve(&branch.then)?);
        }
        thens.push(match otherwise {
            Some(otherwise) => self.resolve(otherwise)?,
            None => Expr::literal(Value::Null, Type::Int64, at),
        });
        let (mut thens, expr_type) = self.unify(thens, "CASE", at)?;
        let otherwise = Box::new(thens.pop().expect("the else branch was pushed"));
        let branches = whens.into_iter().zip(thens).collect();
        Ok(Expr { kind: ExprKind::Case { branches, otherwise }, expr_type, at })
    }

    /// Expressions as their common type.
    pub(super) fn unify(
        &mut self,
        exprs: Vec<Expr>,
        what: &str,
        at: Offset,
    ) -> Result<(Vec<Expr>, Type)> {
        let Some(common) = common_type(&exprs) else {
            let mut types: Vec<String> = exprs
                .iter()
                .filter(|expr| !expr.is_untyped_null())
                .map(|expr| expr.expr_type.to_string())
                .collect();
            types.dedup();
            let text = format!(
                "No matching signature for {what}\n  Argument types: {}\n  \
                 Unable to find common supertype for templated argument <T1>",
                types.join(", ")
            );
            return Err(SqlError::at(at, text));
        };
        let exprs = exprs
            .into_iter()
            .map(|expr| coerce_to(self.session, expr, &common))
            .collect::<Result<Vec<_>>>()?;
        Ok((exprs, common))
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
                    _ => ExprKind::Literal { value: Value::Null, coercible: false },
                };
                return Ok(Expr { kind, expr_type: to, at });
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
                    let kind = ExprKind::Literal { value, coercible: false };
                    return Ok(Expr { kind, expr_type: to, at });
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
        let (elements, element) = match element {
            Some(Type::Array(element)) => {
                let what = "Array element";
                let elements = elements
                    .into_iter()
                    .map(|value| self.coerce(value, &element, what))
                    .collect::<Result<Vec<_>>>()?;
                (elements, (*element).clone())
            }
            Some(element) => {
                let elements = elements
                    .into_iter()
                    .map(|value| self.coerce(value, &element, "Array element"))
                    .collect::<Result<Vec<_>>>()?;
                (elements, element)
            }
            None if elements.is_empty() => (elements, Type::Int64),
            None => {
                let types: Vec<String> =
                    elements.iter().map(|value| value.expr_type.to_string()).collect();
                self.unify(elements, "array", at).map_err(|_| {
                    let text = format!(
                        "Array elements of types {{{}}} do not have a common supertype",
                        types.join(", ")
                    );
                    SqlError::at(at, text)
                })?
            }
        };
        if matches!(element, Type::Array(_)) {
            let text = "Cannot construct array with element type ARRAY because nested arrays are not supported";
            return Err(SqlError::at(at, text));
        }
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
            let values = values
                .into_iter()
                .zip(fields)
                .map(|(value, field)| self.coerce(value, &field.field_type, "Struct field"))
                .collect::<Result<Vec<_>>>()?;
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
                    let text = "Cannot use array subquery with column of type ARRAY because nested arrays are not supported";
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

//! Expressions as other types: which of several types is nearest, and the common type of several
//! expressions. The rules themselves are `cast/rules.rs`.

use crate::cast::{cast, is_coercible, is_literal_coercible};
use crate::error::{Result, SqlError};
use crate::resolved::{Expr, ExprKind};
use crate::session::Session;
use crate::sql_type::{StructField, Type};
use crate::value::Value;

/// How far an expression is from a type: `None` when it cannot go there.
pub(super) fn distance(expr: &Expr, to: &Type) -> Option<u32> {
    if expr.expr_type == *to {
        return Some(0);
    }
    if expr.is_untyped_null() {
        return Some(1);
    }
    match (&expr.kind, to) {
        // An array or a struct of literals coerces element by element.
        (ExprKind::Array(elements), Type::Array(element)) => {
            return elements
                .iter()
                .map(|value| distance(value, element))
                .try_fold(1, |sum: u32, step| Some(sum.saturating_add(step?)));
        }
        (ExprKind::Struct(values), Type::Struct(fields)) if values.len() == fields.len() => {
            return values
                .iter()
                .zip(fields.iter())
                .map(|(value, field)| distance(value, &field.field_type))
                .try_fold(1, |sum: u32, step| Some(sum.saturating_add(step?)));
        }
        _ => {}
    }
    // A literal goes before an expression that would have to change.
    if expr.is_coercible_literal() && is_literal_coercible(&expr.expr_type, to) {
        return Some(2 + rank(to));
    }
    is_coercible(&expr.expr_type, to).then(|| 10 + rank(to))
}

/// Nearer types first, where several would do.
fn rank(to: &Type) -> u32 {
    match to {
        Type::Date | Type::Float64 => 1,
        Type::Numeric | Type::Time => 2,
        Type::BigNumeric | Type::Datetime => 3,
        Type::Timestamp => 4,
        _ => 5,
    }
}

/// The expression as another type, which [`distance`] allows.
///
/// # Errors
/// A literal that does not have a value there.
pub(crate) fn coerce_to(session: &Session, expr: Expr, to: &Type) -> Result<Expr> {
    if expr.expr_type == *to {
        return Ok(expr);
    }
    let at = expr.at;
    match (expr.kind, to) {
        (ExprKind::Literal { value, coercible }, _) => {
            let value = literal_to(session, &value, &expr.expr_type, to)
                .map_err(|error| error.or_at(at))?;
            Ok(Expr { kind: ExprKind::Literal { value, coercible }, expr_type: to.clone(), at })
        }
        (ExprKind::Array(elements), Type::Array(element)) => {
            let elements = elements
                .into_iter()
                .map(|value| coerce_to(session, value, element))
                .collect::<Result<Vec<_>>>()?;
            Ok(Expr { kind: ExprKind::Array(elements), expr_type: to.clone(), at })
        }
        (ExprKind::Struct(values), Type::Struct(fields)) if values.len() == fields.len() => {
            let values = values
                .into_iter()
                .zip(fields.iter())
                .map(|(value, field)| coerce_to(session, value, &field.field_type))
                .collect::<Result<Vec<_>>>()?;
            Ok(Expr { kind: ExprKind::Struct(values), expr_type: to.clone(), at })
        }
        (kind, _) => {
            let operand = Box::new(Expr { kind, expr_type: expr.expr_type, at });
            let kind = ExprKind::Cast { operand, safe: false, parameters: Vec::new() };
            Ok(Expr { kind, expr_type: to.clone(), at })
        }
    }
}

/// A literal's value as another type.
///
/// # Errors
/// In BigQuery's words, without a place.
pub(crate) fn literal_to(
    session: &Session,
    value: &Value,
    from: &Type,
    to: &Type,
) -> Result<Value> {
    cast(session, value, from, to).map_err(|_| {
        let text = match value {
            Value::String(text) => format!("\"{text}\""),
            _ => crate::value::text::display(value, from, session),
        };
        SqlError::evaluation(format!("Could not cast literal {text} to type {to}"))
    })
}

/// The type that all expressions can have.
pub(super) fn common_type<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Option<Type> {
    let exprs: Vec<&Expr> = exprs.into_iter().collect();
    let typed = |expr: &&&Expr| !expr.is_untyped_null() && !is_empty_array(expr);
    let mut common: Option<Type> = None;
    // Expressions decide before literals do.
    let (literals, firm): (Vec<&Expr>, Vec<&Expr>) =
        exprs.iter().filter(typed).partition(|expr| expr.is_coercible_literal());
    for expr in firm {
        common = Some(match common {
            None => expr.expr_type.clone(),
            Some(common) => supertype(&common, &expr.expr_type)?,
        });
    }
    for expr in literals {
        common = Some(match common {
            None => expr.expr_type.clone(),
            Some(common) if distance(expr, &common).is_some() => common,
            Some(common) => supertype(&common, &expr.expr_type)?,
        });
    }
    match common {
        Some(common) => {
            exprs.iter().all(|expr| distance(expr, &common).is_some()).then_some(common)
        }
        None => exprs.first().map(|expr| expr.expr_type.clone()),
    }
}

fn is_empty_array(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Array(elements) if elements.is_empty())
}

/// The smallest type to which both coerce.
pub(crate) fn supertype(left: &Type, right: &Type) -> Option<Type> {
    // Of two that differ in names alone the first gives its names.
    if is_coercible(right, left) {
        return Some(left.clone());
    }
    if is_coercible(left, right) {
        return Some(right.clone());
    }
    match (left, right) {
        (Type::Struct(left), Type::Struct(right)) if left.len() == right.len() => {
            let fields = left
                .iter()
                .zip(right.iter())
                .map(|(left, right)| {
                    let field_type = supertype(&left.field_type, &right.field_type)?;
                    Some(StructField { name: left.name.clone(), field_type })
                })
                .collect::<Option<Vec<_>>>()?;
            Some(Type::struct_of(fields))
        }
        _ => None,
    }
}

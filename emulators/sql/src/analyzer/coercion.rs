//! Expressions as other types: which of several types is nearest, and the common type of several
//! expressions. The rules themselves are `cast/rules.rs`.

use crate::cast::{cast, is_coercible, is_literal_coercible};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{ColumnId, Expr, ExprKind, Origin};
use crate::session::Session;
use crate::sql_type::{StructField, Type};
use crate::value::Value;

/// How far an expression is from a type: `None` when it cannot go there.
pub(super) fn distance(expr: &Expr, to: &Type) -> Option<u32> {
    if expr.expr_type == *to {
        return Some(0);
    }
    if expr.is_untyped_null() || expr.is_error_call() {
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
    if expr.is_error_call() {
        return Ok(Expr { expr_type: to.clone(), ..expr });
    }
    match (expr.kind, to) {
        (ExprKind::Literal { value, origin }, _) => {
            let value = match &origin {
                Origin::Decimal(digits) if matches!(to, Type::Numeric | Type::BigNumeric) => {
                    literal_to(session, &Value::string(digits), &Type::String, to)
                        .map_err(|_| not_a_literal(digits, to))
                }
                _ => literal_to(session, &value, &expr.expr_type, to),
            };
            let value = value.map_err(|error| error.or_at(at))?;
            Ok(Expr { kind: ExprKind::Literal { value, origin }, expr_type: to.clone(), at })
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
        not_a_literal(&text, to)
    })
}

fn not_a_literal(text: &str, to: &Type) -> SqlError {
    SqlError::evaluation(format!("Could not cast literal {text} to type {to}"))
}

/// The type that all expressions can have.
pub(super) fn common_type<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Option<Type> {
    let exprs: Vec<&Expr> = exprs.into_iter().collect();
    let is_typed =
        |expr: &&&Expr| !expr.is_untyped_null() && !is_empty_array(expr) && !expr.is_error_call();
    let typed: Vec<&Expr> = exprs.iter().filter(is_typed).copied().collect();
    let common = match typed.first().map(|first| &first.expr_type) {
        None => {
            let empty = exprs.iter().find(|expr| is_empty_array(expr));
            return empty.or(exprs.first()).map(|expr| expr.expr_type.clone());
        }
        Some(first) if typed.iter().all(|expr| expr.expr_type == *first) => first.clone(),
        Some(Type::Struct(fields)) => common_struct(&typed, fields)?,
        Some(Type::Array(_)) => common_array(&typed)?,
        Some(_) => common_simple(&typed)?,
    };
    exprs.iter().all(|expr| distance(expr, &common).is_some()).then_some(common)
}

/// Expressions decide before literals do.
fn common_simple(exprs: &[&Expr]) -> Option<Type> {
    let (literals, firm): (Vec<&Expr>, Vec<&Expr>) =
        exprs.iter().partition(|expr| expr.is_coercible_literal());
    let mut common: Option<Type> = None;
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
            Some(common) if common_is_literal(exprs, &common) => expr.expr_type.clone(),
            Some(common) => supertype(&common, &expr.expr_type)?,
        });
    }
    common
}

/// Whether only literals have a type, and all of them become what stands after them: `['a', b'b']`.
fn common_is_literal(exprs: &[&Expr], common: &Type) -> bool {
    *common == Type::String
        && exprs.iter().all(|expr| expr.is_coercible_literal())
        && exprs.iter().all(|expr| matches!(expr.expr_type, Type::String | Type::Bytes))
}

/// Structs have a type in common when each of their fields does; the first gives the names.
fn common_struct(exprs: &[&Expr], names: &[StructField]) -> Option<Type> {
    let mut fields = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let values = exprs
            .iter()
            .map(|expr| match (&expr.kind, &expr.expr_type) {
                (ExprKind::Struct(values), _) if values.len() == names.len() => {
                    Some(values[index].clone())
                }
                (_, Type::Struct(fields)) if fields.len() == names.len() => {
                    Some(sample(fields[index].field_type.clone(), expr.at))
                }
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        fields.push(StructField { name: name.name.clone(), field_type: common_type(&values)? });
    }
    Some(Type::struct_of(fields))
}

/// Arrays as written coerce element by element; others do not.
fn common_array(exprs: &[&Expr]) -> Option<Type> {
    let mut elements = Vec::new();
    for expr in exprs {
        match (&expr.kind, &expr.expr_type) {
            (ExprKind::Array(values), _) => elements.extend(values.iter().cloned()),
            (_, Type::Array(element)) => elements.push(sample((**element).clone(), expr.at)),
            _ => return None,
        }
    }
    common_type(&elements).map(Type::array_of)
}

/// An expression of which the type alone is known.
fn sample(expr_type: Type, at: Offset) -> Expr {
    Expr::column(ColumnId(u32::MAX), expr_type, at)
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

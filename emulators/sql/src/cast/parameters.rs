//! What the parameters of a type do to a value: a length refuses, a precision refuses, a scale rounds.
//! Invariant: what is kept fits the column, and is kept a second time unchanged.

use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::decimal::Rounding;
use crate::value::{BigNumeric, Numeric, Value};

/// The value as a column of `value_type(parameters)` keeps it. A length of -1 is `MAX`.
pub(crate) fn apply_parameters(
    value: &Value,
    value_type: &Type,
    parameters: &[i64],
) -> Result<Value> {
    let [first, rest @ ..] = parameters else { return Ok(value.clone()) };
    let (first, scale) = (*first, rest.first().copied().unwrap_or(0));
    match value {
        Value::String(text) => {
            check_length(value_type, first, text.chars().count())?;
            Ok(value.clone())
        }
        Value::Bytes(bytes) => {
            check_length(value_type, first, bytes.len())?;
            Ok(value.clone())
        }
        Value::Numeric(number) => {
            let rounded = number.round(scale, Rounding::HalfAwayFromZero);
            let bound = bound(first, scale);
            let most = Numeric::parse(&bound);
            match rounded {
                Some(rounded) if most.is_none_or(|most| rounded.abs() <= most) => {
                    Ok(Value::Numeric(rounded))
                }
                _ => Err(out_of_range("NUMERIC", first, scale, &bound)),
            }
        }
        Value::BigNumeric(number) => {
            let rounded = number.round(scale, Rounding::HalfAwayFromZero);
            let bound = bound(first, scale);
            let most = BigNumeric::parse(&bound);
            let in_range = |rounded: &BigNumeric| {
                let most = most.as_ref();
                most.is_none_or(|most| rounded.checked_abs().is_some_and(|size| size <= *most))
            };
            match rounded {
                Some(rounded) if in_range(&rounded) => Ok(Value::big_numeric(rounded)),
                _ => Err(out_of_range("BIGNUMERIC", first, scale, &bound)),
            }
        }
        Value::Array(elements) => {
            let element = value_type.element().unwrap_or(value_type);
            let kept = elements.iter().map(|value| apply_parameters(value, element, parameters));
            Ok(Value::Array(kept.collect::<Result<_>>()?))
        }
        _ => Ok(value.clone()),
    }
}

fn check_length(value_type: &Type, most: i64, length: usize) -> Result<()> {
    if most < 0 || usize::try_from(most).is_ok_and(|most| length <= most) {
        return Ok(());
    }
    Err(SqlError::evaluation(format!(
        "{value_type}({most}) has maximum length {most} but got a value with length {length}"
    )))
}

/// As many nines as the precision, with the point before as many of them as the scale.
fn bound(precision: i64, scale: i64) -> String {
    let count = |digits: i64| usize::try_from(digits.clamp(0, 80)).unwrap_or(0);
    let whole = "9".repeat(count(precision.saturating_sub(scale)));
    let whole = if whole.is_empty() { "0".to_owned() } else { whole };
    if scale <= 0 { whole } else { format!("{whole}.{}", "9".repeat(count(scale))) }
}

fn out_of_range(type_name: &str, precision: i64, scale: i64, bound: &str) -> SqlError {
    let shown = if scale == 0 { format!("{precision}") } else { format!("{precision}, {scale}") };
    SqlError::evaluation(format!(
        "{type_name}({shown}) has precision {precision} and scale {scale} but got a value that is \
         not in range of [-{bound}, {bound}]"
    ))
}

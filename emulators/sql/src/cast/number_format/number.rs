//! A number taken apart into the digits that a format places: before the point, after it, the exponent.
//! Knows no layout. Invariant: digits are those of the exact value, rounded once.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::error::{Result, SqlError};
use crate::value::decimal::{self, Rounding};
use crate::value::{BigNumeric, Numeric, Value};

/// The parts of a number. Zero has no digits before the point.
pub(super) struct Parts {
    pub(super) negative: bool,
    pub(super) whole: String,
    pub(super) fraction: String,
    /// With its sign, such as `+03`; empty when there is none.
    pub(super) exponent: String,
    /// `INF` or `NAN`, instead of digits.
    pub(super) word: Option<&'static str>,
}

impl Parts {
    /// The parts with so many digits after the point.
    pub(super) fn of(value: &Value, scale: usize, has_exponent: bool) -> Result<Self> {
        let (negative, text) = match value {
            Value::Float64(value) if value.is_nan() => return Ok(Self::word("NAN", false)),
            Value::Float64(value) if value.is_infinite() => {
                return Ok(Self::word("INF", *value < 0.0));
            }
            Value::Float64(value) => {
                let size = value.abs();
                let text = if has_exponent {
                    format!("{size:.scale$e}")
                } else {
                    format!("{size:.scale$}")
                };
                (*value < 0.0, text)
            }
            Value::Int64(value) => {
                let scaled = Numeric::from(*value).scaled().into();
                decimal_text(&scaled, Numeric::SCALE, scale, has_exponent)
            }
            Value::Numeric(value) => {
                decimal_text(&value.scaled().into(), Numeric::SCALE, scale, has_exponent)
            }
            Value::BigNumeric(value) => {
                decimal_text(value.scaled(), BigNumeric::SCALE, scale, has_exponent)
            }
            _ => return Err(SqlError::not_implemented("a format of this type")),
        };
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, ""));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = exponent.parse::<i64>().map_or_else(
            |_| String::new(),
            |exponent| format!("{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
        );
        Ok(Self {
            negative,
            whole: if whole == "0" { String::new() } else { whole.to_owned() },
            fraction: fraction.to_owned(),
            exponent,
            word: None,
        })
    }

    fn word(word: &'static str, negative: bool) -> Self {
        let none = String::new;
        Self { negative, whole: none(), fraction: none(), exponent: none(), word: Some(word) }
    }
}

/// The sign of a scaled integer, and its size as `12.340` or `1.23e1`, rounded half away from zero.
fn decimal_text(value: &BigInt, from: u32, scale: usize, has_exponent: bool) -> (bool, String) {
    let negative = value.is_negative();
    let wanted = u32::try_from(scale).unwrap_or(u32::MAX);
    if !has_exponent {
        let kept = decimal::round(value, from, i64::from(wanted), Rounding::HalfAwayFromZero);
        let text = decimal::text(false, &kept.magnitude().to_string(), from as usize);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        return (negative, format!("{whole}.{fraction:0<scale$}"));
    }
    if value.is_zero() {
        return (negative, format!("0.{:0<scale$}e0", ""));
    }
    let digits = value.magnitude().to_string();
    let mut exponent = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1 - i64::from(from);
    let mut kept = format!("{digits:0<width$}", width = scale + 1);
    if digits.len() > scale + 1 {
        let dropped = u32::try_from(digits.len() - scale - 1).unwrap_or(u32::MAX);
        let unit = decimal::power_of_ten(dropped);
        let magnitude = BigInt::from(value.magnitude().clone());
        kept = decimal::divide(&magnitude, &unit, Rounding::HalfAwayFromZero).to_string();
        if kept.len() > scale + 1 {
            kept.pop();
            exponent += 1;
        }
    }
    (negative, format!("{}.{}e{exponent}", &kept[..1], &kept[1..]))
}

/// The sign, and the size rounded to an integer; `None` when it has more than 64 bits.
pub(super) fn magnitude(value: &Value) -> Result<(bool, Option<u64>)> {
    let of_scaled = |scaled: &BigInt, scale: u32| {
        let unit = decimal::power_of_ten(scale);
        let rounded = decimal::divide(scaled, &unit, Rounding::HalfAwayFromZero);
        (scaled.is_negative(), rounded.abs().to_u64())
    };
    Ok(match value {
        Value::Int64(value) => (*value < 0, Some(value.unsigned_abs())),
        Value::Float64(value) => (*value < 0.0, value.abs().round().to_u64()),
        Value::Numeric(value) => of_scaled(&value.scaled().into(), Numeric::SCALE),
        Value::BigNumeric(value) => of_scaled(value.scaled(), BigNumeric::SCALE),
        _ => return Err(SqlError::not_implemented("a format of this type")),
    })
}

//! ROUND, TRUNC, CEIL and FLOOR: doubles to decimal digits as the C++ engine does it in extended precision,
//! decimals exactly and with a mode.

use super::super::Call;
use super::extended::Extended;
use super::{mismatch, short};
use crate::error::{Result, SqlError};
use crate::value::Value;
use crate::value::decimal::Rounding;

pub(super) const ROUND: &[&str] = &[
    "(FLOAT64) -> FLOAT64",
    "(NUMERIC) -> NUMERIC",
    "(BIGNUMERIC) -> BIGNUMERIC",
    "(FLOAT64, INT64) -> FLOAT64",
    "(NUMERIC, INT64) -> NUMERIC",
    "(BIGNUMERIC, INT64) -> BIGNUMERIC",
    "(NUMERIC, INT64, STRING) -> NUMERIC",
    "(BIGNUMERIC, INT64, STRING) -> BIGNUMERIC",
];

pub(super) const TRUNC: &[&str] = &[
    "(FLOAT64) -> FLOAT64",
    "(NUMERIC) -> NUMERIC",
    "(BIGNUMERIC) -> BIGNUMERIC",
    "(FLOAT64, INT64) -> FLOAT64",
    "(NUMERIC, INT64) -> NUMERIC",
    "(BIGNUMERIC, INT64) -> BIGNUMERIC",
];

pub(super) const WHOLE: &[&str] =
    &["(FLOAT64) -> FLOAT64", "(NUMERIC) -> NUMERIC", "(BIGNUMERIC) -> BIGNUMERIC"];

pub(super) fn round(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let rounding = match args.get(2) {
        None => Rounding::HalfAwayFromZero,
        Some(mode) => match mode.as_str().map(str::to_ascii_uppercase).as_deref() {
            Some("ROUND_HALF_AWAY_FROM_ZERO") => Rounding::HalfAwayFromZero,
            Some("ROUND_HALF_EVEN") => Rounding::HalfEven,
            Some(_) => {
                let mode = mode.as_str().unwrap_or_default();
                let text = format!("Could not cast literal \"{mode}\" to type ROUNDING_MODE");
                return Err(SqlError::evaluation(text));
            }
            None => return Err(mismatch()),
        },
    };
    match args {
        [Value::Float64(value)] => Ok(value.round().into()),
        [Value::Float64(value), Value::Int64(digits)] => {
            round_double(*value, *digits).map(Value::Float64)
        }
        _ => decimal("ROUND", args, rounding),
    }
}

pub(super) fn trunc(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match args {
        [Value::Float64(value)] => Ok(value.trunc().into()),
        [Value::Float64(value), Value::Int64(digits)] => Ok(trunc_double(*value, *digits).into()),
        _ => decimal("TRUNC", args, Rounding::Truncate),
    }
}

pub(super) fn ceil(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match args {
        [Value::Float64(value)] => Ok(value.ceil().into()),
        _ => decimal("CEIL", args, Rounding::Ceiling),
    }
}

pub(super) fn floor(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match args {
        [Value::Float64(value)] => Ok(value.floor().into()),
        _ => decimal("FLOOR", args, Rounding::Floor),
    }
}

fn decimal(name: &str, args: &[Value], rounding: Rounding) -> Result<Value> {
    let digits = args.get(1).map_or(Some(0), Value::as_int64).ok_or_else(mismatch)?;
    let (type_name, rounded, text) = match &args[0] {
        Value::Numeric(value) => {
            ("numeric", value.round(digits, rounding).map(Value::Numeric), value.to_string())
        }
        Value::BigNumeric(value) => {
            let rounded = value.round(digits, rounding).map(Value::big_numeric);
            ("BIGNUMERIC", rounded, value.to_string())
        }
        _ => return Err(mismatch()),
    };
    rounded.ok_or_else(|| {
        let digits = if name == "ROUND" { format!(", {digits}") } else { String::new() };
        SqlError::evaluation(format!("{type_name} overflow: {name}({text}{digits})"))
    })
}

/// Doubles have no digits beyond this place.
const DIGITS_MAX: i64 = 323;
/// Doubles have no digits before this place.
const DIGITS_MIN: i64 = -308;

fn round_double(value: f64, digits: i64) -> Result<f64> {
    let result = to_digits(value, digits, Extended::round);
    if result.is_finite() || !value.is_finite() {
        return Ok(result);
    }
    Err(SqlError::evaluation(format!(
        "Floating point overflow in function: ROUND({}, {})",
        short(value),
        -digits
    )))
}

fn trunc_double(value: f64, digits: i64) -> f64 {
    to_digits(value, digits, Extended::truncate)
}

fn to_digits(value: f64, digits: i64, to_integer: fn(Extended) -> Extended) -> f64 {
    if digits > DIGITS_MAX || !value.is_finite() {
        return value;
    }
    if digits < DIGITS_MIN {
        return 0.0;
    }
    let unit = Extended::power_of_ten(i32::try_from(-digits).expect("three digits"));
    let count = to_integer(Extended::from_f64(value).divide(unit));
    count.multiply(unit).to_f64().copysign(value)
}

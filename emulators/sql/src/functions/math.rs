//! Mathematical functions of numbers: signs, rounding, roots, powers, logarithms, extremes. Trigonometry and
//! distances have files of their own. A double that is not finite passes through; a finite one that gives
//! none is an error in BigQuery's words.

mod distance;
mod extended;
mod powers;
mod rounding;
mod trigonometry;

use super::arithmetic::{mismatch, negate, short, strict};
use super::{Call, Nulls, ScalarFunction};
use crate::error::{Result, SqlError};
use crate::value::{BigNumeric, Numeric, Value, compare};

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("ABS", SIGNED, abs),
    strict("SIGN", SIGNED, sign),
    strict("IS_INF", &["(FLOAT64) -> BOOL"], |_, args| Ok(float(&args[0])?.is_infinite().into())),
    strict("IS_NAN", &["(FLOAT64) -> BOOL"], |_, args| Ok(float(&args[0])?.is_nan().into())),
    ScalarFunction {
        name: "RAND",
        signatures: &["() -> FLOAT64"],
        nulls: Nulls::Passed,
        call: random,
    },
    strict("GREATEST", &["([T1, ...]) -> T1"], |_, args| Ok(extreme(args, true))),
    strict("LEAST", &["([T1, ...]) -> T1"], |_, args| Ok(extreme(args, false))),
    strict("RANGE_BUCKET", &["(T1, ARRAY<T1>) -> INT64"], range_bucket),
    strict("PARSE_NUMERIC", &["(STRING) -> NUMERIC"], parse_numeric),
    strict("PARSE_BIGNUMERIC", &["(STRING) -> BIGNUMERIC"], parse_big_numeric),
    strict("ROUND", rounding::ROUND, rounding::round),
    strict("TRUNC", rounding::TRUNC, rounding::trunc),
    strict("CEIL", rounding::WHOLE, rounding::ceil),
    strict("CEILING", rounding::WHOLE, rounding::ceil),
    strict("FLOOR", rounding::WHOLE, rounding::floor),
    strict("SQRT", powers::ONE, powers::sqrt),
    strict("CBRT", powers::ONE, powers::cbrt),
    strict("EXP", powers::ONE, powers::exp),
    strict("LN", powers::ONE, powers::ln),
    strict("LOG10", powers::ONE, powers::log10),
    strict("LOG", powers::LOG, powers::log),
    strict("POW", powers::TWO, powers::pow),
    strict("POWER", powers::TWO, powers::pow),
    strict("SIN", ANGLE, |_, args| Ok(float(&args[0])?.sin().into())),
    strict("COS", ANGLE, |_, args| Ok(float(&args[0])?.cos().into())),
    strict("TAN", ANGLE, |_, args| overflowing("TAN", f64::tan, args)),
    strict("ASIN", ANGLE, |_, args| checked("ASIN", f64::asin, args)),
    strict("ACOS", ANGLE, |_, args| checked("ACOS", f64::acos, args)),
    strict("ATAN", ANGLE, |_, args| Ok(float(&args[0])?.atan().into())),
    strict("ATAN2", &["(FLOAT64, FLOAT64) -> FLOAT64"], trigonometry::atan2),
    strict("SINH", ANGLE, |_, args| overflowing("SINH", f64::sinh, args)),
    strict("COSH", ANGLE, |_, args| overflowing("COSH", f64::cosh, args)),
    strict("TANH", ANGLE, |_, args| Ok(float(&args[0])?.tanh().into())),
    strict("ASINH", ANGLE, |_, args| checked("ASINH", trigonometry::asinh, args)),
    strict("ACOSH", ANGLE, |_, args| checked("ACOSH", trigonometry::acosh, args)),
    strict("ATANH", ANGLE, |_, args| checked("ATANH", trigonometry::atanh, args)),
    strict("CSC", ANGLE, |_, args| checked("CSC", |angle| 1.0 / angle.sin(), args)),
    strict("SEC", ANGLE, |_, args| checked("SEC", |angle| 1.0 / angle.cos(), args)),
    strict("COT", ANGLE, |_, args| checked("COT", |angle| 1.0 / angle.tan(), args)),
    strict("CSCH", ANGLE, |_, args| checked("CSCH", |angle| 1.0 / angle.sinh(), args)),
    strict("SECH", ANGLE, |_, args| Ok((1.0 / float(&args[0])?.cosh()).into())),
    strict("COTH", ANGLE, |_, args| checked("COTH", |angle| 1.0 / angle.tanh(), args)),
    strict("COSINE_DISTANCE", distance::SIGNATURES, distance::cosine),
    strict("EUCLIDEAN_DISTANCE", distance::SIGNATURES, distance::euclidean),
];

const SIGNED: &[&str] = &[
    "(INT64) -> INT64",
    "(FLOAT64) -> FLOAT64",
    "(NUMERIC) -> NUMERIC",
    "(BIGNUMERIC) -> BIGNUMERIC",
];

const ANGLE: &[&str] = &["(FLOAT64) -> FLOAT64"];

/// A double that the signature promises.
fn float(value: &Value) -> Result<f64> {
    value.as_float64().ok_or_else(mismatch)
}

/// A function of one double whose result must be finite.
fn checked(name: &str, function: fn(f64) -> f64, args: &[Value]) -> Result<Value> {
    let value = float(&args[0])?;
    let result = function(value);
    if result.is_finite() || !value.is_finite() {
        return Ok(result.into());
    }
    Err(floating_point_error(&format!("{name}({})", short(value))))
}

/// The same where only the range can be exceeded.
fn overflowing(name: &str, function: fn(f64) -> f64, args: &[Value]) -> Result<Value> {
    checked(name, function, args).map_err(|error| SqlError {
        message: error.message.replacen(" error ", " overflow ", 1),
        ..error
    })
}

fn floating_point_error(call: &str) -> SqlError {
    SqlError::evaluation(format!("Floating point error in function: {call}"))
}

fn abs(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Int64(value) if *value < 0 => negate(call, args),
        Value::Int64(value) => Ok(Value::Int64(*value)),
        Value::Float64(value) => Ok(Value::Float64(value.abs())),
        Value::Numeric(value) => Ok(Value::Numeric(value.abs())),
        Value::BigNumeric(value) => value.checked_abs().map(Value::big_numeric).ok_or_else(|| {
            SqlError::evaluation(format!("Floating point overflow in function: ABS({value})"))
        }),
        _ => Err(mismatch()),
    }
}

fn sign(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(match &args[0] {
        Value::Int64(value) => Value::Int64(value.signum()),
        Value::Float64(value) if *value == 0.0 => Value::Float64(0.0),
        Value::Float64(value) if value.is_nan() => Value::Float64(*value),
        Value::Float64(value) => Value::Float64(value.signum()),
        Value::Numeric(value) => Value::Numeric(value.signum().into()),
        Value::BigNumeric(value) => Value::big_numeric(value.signum().into()),
        _ => return Err(mismatch()),
    })
}

fn random(call: &Call<'_>, _: &[Value]) -> Result<Value> {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let fraction = (call.session.random() >> 11) as f64 / (1_u64 << 53) as f64;
    Ok(fraction.into())
}

/// The greatest or the least of values; a NaN among them is the result.
fn extreme(args: &[Value], greatest: bool) -> Value {
    let is_nan = |value: &&Value| value.as_float64().is_some_and(f64::is_nan);
    if let Some(nan) = args.iter().find(is_nan) {
        return nan.clone();
    }
    let mut best = &args[0];
    for value in &args[1..] {
        let order = compare(value, best);
        if if greatest { order.is_gt() } else { order.is_lt() } {
            best = value;
        }
    }
    best.clone()
}

fn range_bucket(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [point, Value::Array(bounds)] = args else { return Err(mismatch()) };
    if point.as_float64().is_some_and(f64::is_nan) {
        return Ok(Value::Null);
    }
    for (index, bound) in bounds.iter().enumerate() {
        let position = index + 1;
        let problem = if bound.is_null() {
            format!("cannot be null. Null element found at position {position}")
        } else if bound.as_float64().is_some_and(f64::is_nan) {
            format!("cannot be NaN. NaN element found at position {position}")
        } else if bounds
            .get(position)
            .is_some_and(|next| !next.is_null() && compare(next, bound).is_lt())
        {
            format!(
                "must be in ascending order. Nonconforming elements found at position {position} \
                 and {}",
                position + 1
            )
        } else {
            continue;
        };
        return Err(SqlError::evaluation(format!(
            "Elements in input array to RANGE_BUCKET {problem}"
        )));
    }
    let bucket = bounds.partition_point(|bound| compare(bound, point).is_le());
    Ok(Value::Int64(i64::try_from(bucket).map_err(|_| mismatch())?))
}

fn parse_numeric(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let text = args[0].as_str().ok_or_else(mismatch)?;
    let number = plain_number(text).and_then(|plain| Numeric::parse(&plain));
    number
        .map(Value::Numeric)
        .ok_or_else(|| SqlError::evaluation(format!("Invalid input to PARSE_NUMERIC: \"{text}\"")))
}

fn parse_big_numeric(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let text = args[0].as_str().ok_or_else(mismatch)?;
    let number = plain_number(text).and_then(|plain| BigNumeric::parse(&plain));
    number.map(Value::big_numeric).ok_or_else(|| {
        SqlError::evaluation(format!("Invalid input to PARSE_BIGNUMERIC: \"{text}\""))
    })
}

/// A number as people write it, `1,234.5 -`, without commas and with its sign in front.
fn plain_number(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let is_sign = |c: char| c == '+' || c == '-';
    let (sign, text) = match text.chars().next()? {
        sign if is_sign(sign) => (Some(sign), &text[1..]),
        _ => (None, text),
    };
    let (sign, text) = match text.chars().next_back()? {
        last if is_sign(last) && sign.is_none() => (Some(last), &text[..text.len() - 1]),
        _ => (sign, text),
    };
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    if text.starts_with(is_sign) {
        return None;
    }
    let whole_end = text.find(['.', 'e', 'E']).unwrap_or(text.len());
    let (whole, rest) = text.split_at(whole_end);
    let digits = whole.replace(',', "");
    if digits.is_empty() && !whole.is_empty() {
        return None;
    }
    Some(format!("{}{digits}{rest}", sign.unwrap_or('+')))
}

#[cfg(test)]
mod tests;

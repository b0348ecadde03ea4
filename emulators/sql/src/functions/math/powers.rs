//! Roots, powers and logarithms. Doubles are those of the C library; decimals are calculated to their last
//! digit.

use super::super::Call;
use super::{checked, float, floating_point_error, mismatch, short};
use crate::error::{Result, SqlError};
use crate::value::{BigNumeric, Numeric, Value, decimal};

pub(super) const ONE: &[&str] =
    &["(FLOAT64) -> FLOAT64", "(NUMERIC) -> NUMERIC", "(BIGNUMERIC) -> BIGNUMERIC"];

pub(super) const TWO: &[&str] = &[
    "(FLOAT64, FLOAT64) -> FLOAT64",
    "(NUMERIC, NUMERIC) -> NUMERIC",
    "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
];

pub(super) const LOG: &[&str] = &[
    "(FLOAT64, [FLOAT64]) -> FLOAT64",
    "(NUMERIC, [NUMERIC]) -> NUMERIC",
    "(BIGNUMERIC, [BIGNUMERIC]) -> BIGNUMERIC",
];

pub(super) fn sqrt(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Float64(value) if *value < 0.0 => Err(SqlError::evaluation(format!(
            "Argument to SQRT cannot be negative: {}",
            short(*value)
        ))),
        Value::Float64(value) => Ok(value.sqrt().into()),
        value if sign(value)? < 0 => Err(SqlError::evaluation(format!(
            "SQRT is undefined for negative value: SQRT({})",
            text(value)
        ))),
        value => of_decimal("SQRT", &[value], |values, scale| decimal::sqrt(&values[0], scale)),
    }
}

pub(super) fn cbrt(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Float64(value) => Ok(value.cbrt().into()),
        value => of_decimal("CBRT", &[value], |values, scale| decimal::cbrt(&values[0], scale)),
    }
}

pub(super) fn exp(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Float64(_) => checked("EXP", f64::exp, args),
        value => of_decimal("EXP", &[value], |values, scale| decimal::exp(&values[0], scale)),
    }
}

pub(super) fn ln(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Float64(_) => checked("LN", f64::ln, args),
        value => {
            positive("LN", value)?;
            of_decimal("LN", &[value], |values, scale| decimal::ln(&values[0], scale))
        }
    }
}

pub(super) fn log10(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Float64(_) => checked("LOG10", f64::log10, args),
        value => {
            positive("LOG10", value)?;
            of_decimal("LOG10", &[value], |values, scale| {
                let ten = decimal::power_of_ten(scale + 1);
                decimal::log(&values[0], &ten, scale)
            })
        }
    }
}

pub(super) fn log(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [value, base] = args else { return ln(call, args) };
    if let (Value::Float64(value), Value::Float64(base)) = (value, base) {
        let result =
            if base.is_finite() && *base > 0.0 { value.ln() / base.ln() } else { f64::NAN };
        if result.is_finite() || !value.is_finite() || !base.is_finite() {
            return Ok(result.into());
        }
        return Err(floating_point_error(&format!("LOG({}, {})", short(*value), short(*base))));
    }
    let is_one = text(base) == "1";
    if sign(value)? <= 0 || sign(base)? <= 0 || is_one {
        return Err(SqlError::evaluation(format!(
            "LOG is undefined for zero or negative value, or when base equals 1: LOG({}, {})",
            text(value),
            text(base)
        )));
    }
    of_decimal("LOG", &[value, base], |values, scale| decimal::log(&values[0], &values[1], scale))
}

pub(super) fn pow(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if let [Value::Float64(_), Value::Float64(_)] = args {
        let (base, exponent) = (float(&args[0])?, float(&args[1])?);
        let result = base.powf(exponent);
        if result.is_finite() || !base.is_finite() || !exponent.is_finite() {
            return Ok(result.into());
        }
        return Err(floating_point_error(&format!("POW({}, {})", short(base), short(exponent))));
    }
    let [base, exponent] = args else { return Err(mismatch()) };
    let call = format!("POW({}, {})", text(base), text(exponent));
    if sign(base)? == 0 && sign(exponent)? < 0 {
        return Err(SqlError::evaluation(format!("division by zero: {call}")));
    }
    if sign(base)? < 0 && text(exponent).contains('.') {
        let name = if matches!(base, Value::Numeric(_)) { "NUMERIC" } else { "BIGNUMERIC" };
        return Err(SqlError::evaluation(format!(
            "Negative {name} value cannot be raised to a fractional power: {call}"
        )));
    }
    of_decimal("POW", &[base, exponent], |values, scale| {
        decimal::pow(&values[0], &values[1], scale)
    })
}

fn positive(name: &str, value: &Value) -> Result<()> {
    if sign(value)? > 0 {
        return Ok(());
    }
    Err(SqlError::evaluation(format!(
        "{name} is undefined for zero or negative value: {name}({})",
        text(value)
    )))
}

fn sign(value: &Value) -> Result<i64> {
    match value {
        Value::Numeric(value) => Ok(value.signum()),
        Value::BigNumeric(value) => Ok(value.signum()),
        _ => Err(mismatch()),
    }
}

fn text(value: &Value) -> String {
    super::super::arithmetic::error_text(value)
}

/// A function of scaled integers; no result is an overflow.
fn of_decimal(
    name: &str,
    args: &[&Value],
    function: impl FnOnce(&[num_bigint::BigInt], u32) -> Option<num_bigint::BigInt>,
) -> Result<Value> {
    let scaled = args
        .iter()
        .map(|value| match value {
            Value::Numeric(value) => Ok(value.scaled().into()),
            Value::BigNumeric(value) => Ok(value.scaled().clone()),
            _ => Err(mismatch()),
        })
        .collect::<Result<Vec<_>>>()?;
    let (type_name, result) = if matches!(args[0], Value::Numeric(_)) {
        let result = function(&scaled, Numeric::SCALE);
        ("numeric", result.and_then(|scaled| Numeric::from_big(&scaled)).map(Value::Numeric))
    } else {
        let result = function(&scaled, BigNumeric::SCALE);
        ("BIGNUMERIC", result.and_then(BigNumeric::from_scaled).map(Value::big_numeric))
    };
    result.ok_or_else(|| {
        let args = args.iter().map(|value| text(value)).collect::<Vec<_>>().join(", ");
        SqlError::evaluation(format!("{type_name} overflow: {name}({args})"))
    })
}

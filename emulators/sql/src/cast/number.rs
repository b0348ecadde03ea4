//! Casts between numbers. Doubles and decimals round half away from zero; what is out of range is an error.
//! Invariant: a result is the nearest value of its type.

use num_traits::ToPrimitive;

use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::{BigNumeric, Numeric, Value, general};

/// Converts a number, or a bool; `Null` when there is no such cast.
pub(super) fn convert(value: &Value, to: &Type) -> Result<Value> {
    match value {
        Value::Bool(value) if *to == Type::Int64 => Ok(i64::from(*value).into()),
        Value::Int64(value) => Ok(from_int64(*value, to)),
        Value::Float64(value) => from_float64(*value, to),
        Value::Numeric(value) => from_numeric(*value, to),
        Value::BigNumeric(value) => from_big_numeric(value, to),
        _ => Ok(Value::Null),
    }
}

fn from_int64(value: i64, to: &Type) -> Value {
    match to {
        Type::Bool => (value != 0).into(),
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
        Type::Float64 => (value as f64).into(),
        Type::Numeric => Value::Numeric(value.into()),
        Type::BigNumeric => Value::big_numeric(value.into()),
        _ => Value::Null,
    }
}

fn from_float64(value: f64, to: &Type) -> Result<Value> {
    let (type_name, kind, result) = match to {
        // Casts from doubles to integers saturate, so the range is checked by hand.
        Type::Int64 => ("int64", "an integer", value.round().to_i64().map(Value::Int64)),
        Type::Numeric => ("numeric", "numeric", Numeric::from_f64(value).map(Value::Numeric)),
        Type::BigNumeric => {
            let result = BigNumeric::from_f64(value).map(Value::big_numeric);
            ("BIGNUMERIC", "BIGNUMERIC", result)
        }
        _ => return Ok(Value::Null),
    };
    let shown = general(value, Some(6));
    if !value.is_finite() {
        return Err(SqlError::evaluation(format!(
            "Illegal conversion of non-finite floating point number to {kind}: {shown}"
        )));
    }
    result.ok_or_else(|| out_of_range(type_name, &shown))
}

fn from_numeric(value: Numeric, to: &Type) -> Result<Value> {
    match to {
        Type::Int64 => value
            .to_i64()
            .map(Value::Int64)
            .ok_or_else(|| out_of_range("int64", &value.to_string())),
        Type::Float64 => Ok(value.to_f64().into()),
        Type::BigNumeric => Ok(Value::big_numeric(value.into())),
        _ => Ok(Value::Null),
    }
}

fn from_big_numeric(value: &BigNumeric, to: &Type) -> Result<Value> {
    match to {
        Type::Int64 => value
            .to_i64()
            .map(Value::Int64)
            .ok_or_else(|| out_of_range("int64", &value.to_string())),
        Type::Float64 => Ok(value.to_f64().into()),
        Type::Numeric => value
            .to_numeric()
            .map(Value::Numeric)
            .ok_or_else(|| out_of_range("numeric", &value.to_string())),
        _ => Ok(Value::Null),
    }
}

fn out_of_range(type_name: &str, value: &str) -> SqlError {
    SqlError::evaluation(format!("{type_name} out of range: {value}"))
}

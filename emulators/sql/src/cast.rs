//! CAST: every pair of types that GoogleSQL converts between, which pairs convert by themselves, and what a
//! column's type parameters do to a value. Invariant: NULL casts to NULL, and a pair that the rules do not
//! name never gets here but answers an error.

mod encoding;
mod from_text;
mod number;
mod number_format;
mod parameters;
mod rules;

pub(crate) use parameters::apply_parameters;
pub(crate) use rules::{is_castable, is_coercible, is_literal_coercible};

use crate::calendar::{
    MICROS_PER_DAY, Zone, date_of_datetime, date_text, date_to_timestamp, datetime_text,
    datetime_to_timestamp, format_cast, interval_text, parse_cast, parse_zone, range_text,
    time_of_datetime, time_text, timestamp_text, timestamp_to_date, timestamp_to_datetime,
    timestamp_to_time,
};
use crate::error::{Result, SqlError};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::{Value, float_text};

/// Converts a value: `CAST(value AS to)`.
pub(crate) fn cast(session: &Session, value: &Value, from: &Type, to: &Type) -> Result<Value> {
    if value.is_null() || from == to {
        return Ok(value.clone());
    }
    let zone = Zone::Iana(session.time_zone);
    match (value, to) {
        (Value::Array(elements), Type::Array(to)) => {
            let from = from.element().unwrap_or(from);
            let elements = elements.iter().map(|element| cast(session, element, from, to));
            Ok(Value::Array(elements.collect::<Result<_>>()?))
        }
        (Value::Struct(values), Type::Struct(to_fields)) if values.len() == to_fields.len() => {
            let from_fields = from.fields().unwrap_or_default();
            let values = values.iter().zip(to_fields.iter()).enumerate();
            let values = values.map(|(index, (value, to))| {
                let from = from_fields.get(index).map_or(from, |field| &field.field_type);
                cast(session, value, from, &to.field_type)
            });
            Ok(Value::Struct(values.collect::<Result<_>>()?))
        }
        (Value::Range(ends), Type::String) => Ok(range_text(ends, &zone).into()),
        (Value::Range(_), Type::Range(_)) | (Value::Json(_), Type::Json) => Ok(value.clone()),
        (Value::Geography(_), Type::Geography) => Ok(value.clone()),
        (Value::String(text), _) => from_text::from_text(text, to, &zone),
        (_, Type::String) => to_text(value, &zone),
        (Value::Date(_) | Value::Time(_) | Value::Datetime(_) | Value::Timestamp(_), _) => {
            moment(value, to, &zone)
        }
        _ => number::convert(value, to),
    }
    .and_then(|result| result_or_invalid(result, from, to))
}

/// Converts a value by a format: `CAST(value AS to FORMAT format AT TIME ZONE zone)`, of numbers to text,
/// between text and bytes, and between text and dates or times.
pub(crate) fn cast_with_format(
    session: &Session,
    value: &Value,
    from: &Type,
    to: &Type,
    format: &str,
    zone: Option<&str>,
) -> Result<Value> {
    let zone = zone.map_or(Ok(Zone::Iana(session.time_zone)), parse_zone)?;
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Bytes(bytes), Type::String) => encoding::encode(bytes, format).map(Value::from),
        (Value::String(text), Type::Bytes) => encoding::decode(text, format).map(Value::bytes),
        (
            Value::Int64(_) | Value::Float64(_) | Value::Numeric(_) | Value::BigNumeric(_),
            Type::String,
        ) => number_format::format_number(value, format).map(Value::from),
        (_, Type::String) => format_cast(value, from, format, &zone),
        (Value::String(text), _) => parse_cast(text, to, format, &zone, session.now_micros),
        _ => Err(SqlError::not_implemented(format_args!("CAST from {from} to {to} with FORMAT"))),
    }
}

/// The error of a pair that does not cast.
pub(crate) fn invalid_cast(from: &Type, to: &Type) -> SqlError {
    let prefix = match (from, to) {
        (Type::Array(_), Type::Array(_)) => {
            "Casting between arrays with incompatible element types is not supported: "
        }
        _ => "",
    };
    SqlError::evaluation(format!("{prefix}Invalid cast from {from} to {to}"))
}

/// Conversions answer `Null` for what they do not know: no value that is not NULL becomes NULL.
fn result_or_invalid(result: Value, from: &Type, to: &Type) -> Result<Value> {
    if result.is_null() { Err(invalid_cast(from, to)) } else { Ok(result) }
}

fn to_text(value: &Value, zone: &Zone) -> Result<Value> {
    Ok(Value::from(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float64(value) => float_text(*value),
        Value::Numeric(value) => value.to_string(),
        Value::BigNumeric(value) => value.to_string(),
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec())
            .map_err(|_| SqlError::evaluation("Invalid cast of bytes to UTF8 string"))?,
        Value::Date(date) => date_text(*date),
        Value::Time(time) => time_text(*time),
        Value::Datetime(datetime) => datetime_text(*datetime),
        Value::Timestamp(timestamp) => timestamp_text(*timestamp, zone),
        Value::Interval(interval) => interval_text(interval),
        _ => return Ok(Value::Null),
    }))
}

fn moment(value: &Value, to: &Type, zone: &Zone) -> Result<Value> {
    Ok(match (value, to) {
        (Value::Date(date), Type::Datetime) => Value::Datetime(i64::from(*date) * MICROS_PER_DAY),
        (Value::Date(date), Type::Timestamp) => Value::Timestamp(date_to_timestamp(*date, zone)?),
        (Value::Datetime(datetime), Type::Date) => Value::Date(date_of_datetime(*datetime)),
        (Value::Datetime(datetime), Type::Time) => Value::Time(time_of_datetime(*datetime)),
        (Value::Datetime(datetime), Type::Timestamp) => {
            Value::Timestamp(datetime_to_timestamp(*datetime, zone)?)
        }
        (Value::Timestamp(timestamp), Type::Date) => {
            Value::Date(timestamp_to_date(*timestamp, zone)?)
        }
        (Value::Timestamp(timestamp), Type::Datetime) => {
            Value::Datetime(timestamp_to_datetime(*timestamp, zone)?)
        }
        (Value::Timestamp(timestamp), Type::Time) => {
            Value::Time(timestamp_to_time(*timestamp, zone))
        }
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests;

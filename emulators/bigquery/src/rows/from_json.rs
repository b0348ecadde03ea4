//! JSON rows of `insertAll`: texts are read as the column's type, a number in a TIMESTAMP column is
//! seconds since the epoch with fractions allowed (as the real service takes it).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Map, Value};

use super::cell::check;
use super::{Cell, CellError};
use crate::schema::{Field, FieldType, Mode, index_of};

/// One row's cells, in the order of the table's columns.
///
/// # Errors
/// The first thing that is wrong with the row; unknown fields are passed over when `ignore_unknown`.
pub fn row_cells<'a>(
    fields: &[Field],
    row: &'a Map<String, Value>,
    ignore_unknown: bool,
) -> Result<Vec<Cell<'a>>, CellError> {
    if let Some(unknown) = row.keys().find(|key| index_of(fields, key).is_none())
        && !ignore_unknown
    {
        return Err(CellError::UnknownField(unknown.clone()));
    }
    fields
        .iter()
        .map(|field| {
            let value = row.iter().find(|(key, _)| key.eq_ignore_ascii_case(&field.name));
            let value = value.map_or(&Value::Null, |(_, value)| value);
            let cell = cell(field, value, ignore_unknown)?;
            check(field, &cell)?;
            Ok(cell)
        })
        .collect()
}

fn cell<'a>(field: &Field, value: &'a Value, ignore_unknown: bool) -> Result<Cell<'a>, CellError> {
    if field.mode == Mode::Repeated {
        let item = Field { mode: Mode::Nullable, ..field.clone() };
        return match value {
            Value::Null => Ok(Cell::List(Vec::new())),
            Value::Array(items) => items
                .iter()
                .map(|value| cell(&item, value, ignore_unknown))
                .collect::<Result<_, _>>()
                .map(Cell::List),
            _ => Err(CellError::Invalid(format!(
                "Array specified for non-repeated field: {}.",
                field.name
            ))),
        };
    }
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let wrong = || {
        let shown = value.to_string();
        CellError::Invalid(format!(
            "Cannot convert value to {} (bad value): {shown} in field {}",
            field.field_type.name().to_lowercase(),
            field.name
        ))
    };
    let text = value.as_str();
    Ok(match &field.field_type {
        FieldType::String => match value {
            Value::String(text) => Cell::Text(Cow::Borrowed(text)),
            Value::Number(_) | Value::Bool(_) => Cell::Text(Cow::Owned(value.to_string())),
            _ => return Err(wrong()),
        },
        FieldType::Json => match value {
            Value::String(text) if serde_json::from_str::<Value>(text).is_ok() => {
                Cell::Text(Cow::Borrowed(text))
            }
            Value::String(_) => return Err(wrong()),
            value => Cell::Text(Cow::Owned(value.to_string())),
        },
        FieldType::Bytes => Cell::Bytes(Cow::Owned(
            text.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(wrong)?,
        )),
        FieldType::Int64 => {
            let number = text.map_or_else(|| integer(value), |text| text.trim().parse().ok());
            Cell::Int(number.ok_or_else(wrong)?)
        }
        FieldType::Float64 => {
            Cell::Float(text.map_or_else(|| value.as_f64(), float).ok_or_else(wrong)?)
        }
        FieldType::Bool => Cell::Bool(match (value, text) {
            (Value::Bool(flag), _) => *flag,
            (_, Some(text)) if text.eq_ignore_ascii_case("true") => true,
            (_, Some(text)) if text.eq_ignore_ascii_case("false") => false,
            _ => return Err(wrong()),
        }),
        FieldType::Timestamp => Cell::Int(match (value, text) {
            (Value::Number(number), _) => seconds(number).ok_or_else(wrong)?,
            (_, Some(text)) => timestamp(text).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        }),
        FieldType::Date => {
            let date = text.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).expect("the epoch is a date");
            Cell::Int((date.ok_or_else(wrong)? - epoch).num_days())
        }
        FieldType::Record(fields) => match value {
            Value::Object(record) => Cell::Record(row_cells(fields, record, ignore_unknown)?),
            _ => return Err(wrong()),
        },
    })
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

fn float(text: &str) -> Option<f64> {
    match text.trim().to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "infinity" | "+inf" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

fn seconds(number: &serde_json::Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return whole.checked_mul(1_000_000);
    }
    let micros = (number.as_f64()? * 1e6).round();
    (micros.abs() < 9e18).then_some(micros as i64)
}

/// A TIMESTAMP's text in microseconds: RFC 3339, `2024-01-01 12:00:00[.f] [UTC]`, or a date.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let civil = text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text).trim();
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(civil, format) {
            return Some(time.and_utc().timestamp_micros());
        }
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(civil, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn timestamps_in_every_dress() {
        let cases = [
            (json!("2024-01-01T12:00:00Z"), Some(1_704_110_400_000_000)),
            (json!("2024-01-01 12:00:00 UTC"), Some(1_704_110_400_000_000)),
            (json!("2024-01-01 12:00:00.25"), Some(1_704_110_400_250_000)),
            (json!("2024-01-01 14:00:00+02"), Some(1_704_110_400_000_000)),
            (json!("2024-01-01"), Some(1_704_067_200_000_000)),
            (json!(1_704_110_400), Some(1_704_110_400_000_000)),
            (json!(1_704_110_400.5), Some(1_704_110_400_500_000)),
            (json!("yesterday"), None),
            (json!(true), None),
        ];
        let field = Field {
            name: "t".to_owned(),
            field_type: FieldType::Timestamp,
            mode: Mode::Nullable,
            description: None,
        };
        for (value, expected) in cases {
            let cell = cell(&field, &value, false);
            assert_eq!(cell.ok(), expected.map(Cell::Int), "{value}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_or_passed_over() {
        let row = json!({ "x": 1 });
        let row = row.as_object().unwrap();
        assert_eq!(row_cells(&[], row, false), Err(CellError::UnknownField("x".to_owned())));
        assert_eq!(row_cells(&[], row, true), Ok(vec![]));
    }
}

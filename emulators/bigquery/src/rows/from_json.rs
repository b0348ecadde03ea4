//! JSON rows of `insertAll` and of newline-delimited files: texts are read as the column's type, a number
//! in a TIMESTAMP column is seconds since the epoch with fractions allowed (as the real service takes it).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};

use super::cell::fit;
use super::decimal::{big_numeric, numeric, parse_scaled};
use super::geography::normalized;
use super::text::{
    format_interval, parse_date, parse_datetime, parse_interval, parse_time, parse_timestamp,
};
use super::{Cell, CellError};
use crate::schema::{Field, FieldType, Mode, RangeElement, index_of};

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
            let value = row.get(&field.name).or_else(|| {
                row.iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(&field.name))
                    .map(|(_, value)| value)
            });
            fit(field, cell(field, value.unwrap_or(&Value::Null), ignore_unknown)?)
        })
        .collect()
}

fn cell<'a>(field: &Field, value: &'a Value, ignore_unknown: bool) -> Result<Cell<'a>, CellError> {
    if field.mode == Mode::Repeated {
        return match value {
            Value::Null => Ok(Cell::List(Vec::new())),
            Value::Array(items) => items
                .iter()
                .map(|value| scalar(field, value, ignore_unknown))
                .collect::<Result<_, _>>()
                .map(Cell::List),
            _ => Err(CellError::Invalid(format!(
                "Array specified for non-repeated field: {}.",
                field.name
            ))),
        };
    }
    if value.is_array() && field.field_type != FieldType::Json {
        let text = format!("Array specified for non-repeated field: {}.", field.name);
        return Err(CellError::Invalid(text));
    }
    scalar(field, value, ignore_unknown)
}

/// One value, whatever the field's mode.
fn scalar<'a>(
    field: &Field,
    value: &'a Value,
    ignore_unknown: bool,
) -> Result<Cell<'a>, CellError> {
    match (value, &field.field_type) {
        (Value::Null, _) => Ok(Cell::Null),
        (Value::Object(record), FieldType::Record(fields)) => {
            row_cells(fields, record, ignore_unknown).map(Cell::Record)
        }
        (Value::Object(bounds), FieldType::Range(element)) => {
            row_cells(&element.bounds(), bounds, false).map(Cell::Record)
        }
        (Value::String(text), FieldType::String) => Ok(Cell::Text(Cow::Borrowed(text))),
        (Value::Number(_) | Value::Bool(_), FieldType::String) => {
            Ok(Cell::Text(Cow::Owned(value.to_string())))
        }
        (Value::String(text), of) => text_cell(of, text).ok_or_else(|| wrong(field, text)),
        (value, FieldType::Json) => Ok(Cell::Text(Cow::Owned(value.to_string()))),
        (Value::Bool(flag), FieldType::Bool) => Ok(Cell::Bool(*flag)),
        (Value::Number(number), of) => {
            number_cell(of, number).ok_or_else(|| wrong(field, &value.to_string()))
        }
        _ => Err(wrong(field, &value.to_string())),
    }
}

pub(super) fn wrong(field: &Field, shown: &str) -> CellError {
    CellError::BadValue {
        field: field.name.clone(),
        of: field.field_type.name().to_lowercase(),
        value: shown.to_owned(),
    }
}

fn number_cell(of: &FieldType, number: &serde_json::Number) -> Option<Cell<'static>> {
    Some(match of {
        FieldType::Int64 => Cell::Int(integer(number)?),
        FieldType::Float64 => Cell::Float(number.as_f64()?),
        FieldType::Numeric => Cell::Decimal(numeric(&number.to_string())?),
        FieldType::BigNumeric => Cell::BigDecimal(big_numeric(&number.to_string())?),
        FieldType::Timestamp => Cell::Int(seconds(number)?),
        FieldType::Bool => match number.as_f64()? {
            1.0 => Cell::Bool(true),
            0.0 => Cell::Bool(false),
            _ => return None,
        },
        _ => return None,
    })
}

/// A text as a value of a column; records have no text. Also the cells of CSV files.
pub(crate) fn text_cell<'a>(of: &FieldType, text: &'a str) -> Option<Cell<'a>> {
    Some(match of {
        FieldType::String => Cell::Text(Cow::Borrowed(text)),
        FieldType::Bytes => {
            Cell::Bytes(Cow::Owned(STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?))
        }
        FieldType::Int64 => Cell::Int(text.trim().parse().ok()?),
        FieldType::Float64 => Cell::Float(float(text)?),
        FieldType::Numeric => Cell::Decimal(numeric(text)?),
        FieldType::BigNumeric => Cell::BigDecimal(big_numeric(text)?),
        FieldType::Bool => Cell::Bool(boolean(text)?),
        FieldType::Timestamp => Cell::Int(parse_timestamp(text).or_else(|| seconds_text(text))?),
        FieldType::Date => Cell::Int(i64::from(parse_date(text)?)),
        FieldType::Time => Cell::Int(parse_time(text)?),
        FieldType::Datetime => Cell::Int(parse_datetime(text)?),
        FieldType::Interval => Cell::Text(Cow::Owned(format_interval(&parse_interval(text)?))),
        FieldType::Json => {
            serde_json::from_str::<Value>(text).ok()?;
            Cell::Text(Cow::Borrowed(text))
        }
        FieldType::Geography => Cell::Text(Cow::Owned(normalized(text)?)),
        FieldType::Range(element) => range(*element, text)?,
        FieldType::Record(_) => return None,
    })
}

/// `[start, end)`; a bound that is `UNBOUNDED` or `NULL` is open.
fn range(element: RangeElement, text: &str) -> Option<Cell<'static>> {
    let inside = text.trim().strip_prefix('[')?.strip_suffix(')')?;
    let (start, end) = inside.split_once(',')?;
    let of = element.field_type();
    let bound = |text: &str| match text.trim() {
        open if open.eq_ignore_ascii_case("unbounded") || open.eq_ignore_ascii_case("null") => {
            Some(Cell::Null)
        }
        text => match text_cell(&of, text)? {
            Cell::Int(value) => Some(Cell::Int(value)),
            _ => None,
        },
    };
    Some(Cell::Record(vec![bound(start)?, bound(end)?]))
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let number = number.as_f64()?;
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
    micros(number.as_f64()?)
}

/// A text that is a number of seconds, as REST's own rows have it.
fn seconds_text(text: &str) -> Option<i64> {
    i64::try_from(parse_scaled(text, 6)?).ok()
}

fn micros(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    (micros.abs() < 9e18).then_some(micros as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(field_type: FieldType, cases: Vec<(Value, Option<Cell<'static>>)>) {
        let field = Field::new("t", field_type);
        for (value, expected) in cases {
            assert_eq!(cell(&field, &value, false).ok(), expected, "{value}");
        }
    }

    #[test]
    fn numbers_in_timestamp_columns_are_seconds() {
        let noon = Some(Cell::Int(1_704_110_400_000_000));
        check(
            FieldType::Timestamp,
            vec![
                (json!("2024-01-01T12:00:00Z"), noon.clone()),
                (json!(1_704_110_400), noon.clone()),
                (json!("1704110400"), noon),
                (json!(1_704_110_400.5), Some(Cell::Int(1_704_110_400_500_000))),
                (json!("yesterday"), None),
                (json!(true), None),
            ],
        );
    }

    #[test]
    fn decimals_intervals_and_ranges() {
        check(
            FieldType::Numeric,
            vec![
                (json!("1.5"), Some(Cell::Decimal(1_500_000_000))),
                (json!(1.5), Some(Cell::Decimal(1_500_000_000))),
                (json!(-2), Some(Cell::Decimal(-2_000_000_000))),
                (json!("x"), None),
                (json!(true), None),
            ],
        );
        let days = |from, to| Some(Cell::Record(vec![from, to]));
        check(
            FieldType::Range(RangeElement::Date),
            vec![
                (json!("[1970-01-02, 1970-01-05)"), days(Cell::Int(1), Cell::Int(4))),
                (json!("[UNBOUNDED, 1970-01-05)"), days(Cell::Null, Cell::Int(4))),
                (json!({ "start": "1970-01-02", "end": null }), days(Cell::Int(1), Cell::Null)),
                (json!("1970-01-02"), None),
            ],
        );
        check(
            FieldType::Interval,
            vec![
                (json!("1-2 3 4:5:6"), Some(Cell::Text("1-2 3 4:5:6".into()))),
                (json!("P1Y"), None),
            ],
        );
    }

    #[test]
    fn type_parameters_are_checked() {
        let mut field = Field::new("s", FieldType::String);
        field.parameters.length_max = Some(3);
        for (text, fits) in [("äöü", true), ("four", false)] {
            let row = json!({ "s": text });
            let cells = row_cells(std::slice::from_ref(&field), row.as_object().unwrap(), false);
            assert_eq!(cells.is_ok(), fits, "{text}");
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

//! SQL values as JSON: a JSON value (TO_JSON), where members lie in the order of their keys and the first of
//! a name counts, and a text (TO_JSON_STRING), where members keep the order of the struct.

use serde_json::{Map, Number, Value as Json};

use super::text::{new_line, write_string, write_value};
use crate::calendar::{date_text, datetime_text, time_text};
use crate::error::{Result, SqlError};
use crate::functions::to_base64;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::{Interval, Value, display, float_text};

/// Whole numbers that a double holds exactly lie between this and its negative.
const LOSSLESS_MAX: i64 = 1 << 53;

/// The JSON value of a SQL value. `stringify_wide` makes strings of numbers that a double does not hold;
/// without it such decimals are an error.
pub(crate) fn to_json_exact(
    value: &Value,
    value_type: &Type,
    session: &Session,
    stringify_wide: bool,
) -> Result<Json> {
    let wide = if stringify_wide { Wide::Stringified } else { Wide::Refused };
    encode(value, value_type, session, wide)
}

/// What becomes of a number that a double does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Stringified,
    Refused,
}

fn encode(value: &Value, value_type: &Type, session: &Session, wide: Wide) -> Result<Json> {
    let inner = |value: &Value, value_type: &Type| encode(value, value_type, session, wide);
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int64(number) => {
            let is_wide = !(-LOSSLESS_MAX..=LOSSLESS_MAX).contains(number);
            if wide == Wide::Stringified && is_wide {
                Json::String(number.to_string())
            } else {
                Json::Number((*number).into())
            }
        }
        Value::Float64(number) => Number::from_f64(number + 0.0)
            .map_or_else(|| Json::String(not_finite(*number).to_owned()), Json::Number),
        Value::Numeric(number) => decimal(&number.to_string(), number.to_f64(), value_type, wide)?,
        Value::BigNumeric(number) => {
            decimal(&number.to_string(), number.to_f64(), value_type, wide)?
        }
        Value::Json(value) => Json::clone(value),
        Value::Array(elements) => {
            let element_type = value_type.element().unwrap_or(value_type);
            let elements: Result<Vec<Json>> =
                elements.iter().map(|element| inner(element, element_type)).collect();
            Json::Array(elements?)
        }
        Value::Struct(values) => {
            let mut members = Map::new();
            for (field, value) in value_type.fields().unwrap_or_default().iter().zip(&**values) {
                if !members.contains_key(&*field.name) {
                    members.insert(field.name.to_string(), inner(value, &field.field_type)?);
                }
            }
            Json::Object(members)
        }
        Value::Range(ends) => {
            let element = range_element(value_type);
            let mut members = Map::new();
            for (key, end) in ["start", "end"].into_iter().zip(&**ends) {
                members.insert(key.to_owned(), inner(end, element)?);
            }
            Json::Object(members)
        }
        scalar => Json::String(scalar_text(scalar, value_type, session)),
    })
}

fn range_element(value_type: &Type) -> &Type {
    match value_type {
        Type::Range(element) => element,
        other => other,
    }
}

fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A decimal as a number of JSON: an integer, or the double that is written the same.
fn decimal(text: &str, double: f64, value_type: &Type, wide: Wide) -> Result<Json> {
    if let Ok(number) = text.parse::<i64>() {
        let is_wide = !(-LOSSLESS_MAX..=LOSSLESS_MAX).contains(&number);
        return Ok(if wide == Wide::Stringified && is_wide {
            Json::String(text.to_owned())
        } else {
            Json::Number(number.into())
        });
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(if wide == Wide::Stringified {
            Json::String(text.to_owned())
        } else {
            Json::Number(number.into())
        });
    }
    let number = Number::from_f64(double);
    let exact = number.as_ref().is_some_and(|_| super::parse::is_exact(text, double));
    match (exact, wide, number) {
        (true, _, Some(number)) => Ok(Json::Number(number)),
        (_, Wide::Refused, _) => {
            Err(SqlError::evaluation(format!("Failed to convert type {value_type} to JSON")))
        }
        _ => Ok(Json::String(text.to_owned())),
    }
}

/// The text of what is a string in JSON.
fn scalar_text(value: &Value, value_type: &Type, session: &Session) -> String {
    match value {
        Value::Bytes(bytes) => to_base64(bytes),
        Value::Date(date) => date_text(*date),
        Value::Time(time) => time_text(*time),
        Value::Datetime(datetime) => datetime_text(*datetime).replace(' ', "T"),
        Value::Timestamp(timestamp) => datetime_text(*timestamp).replace(' ', "T") + "Z",
        Value::Interval(interval) => iso_text(interval),
        _ => display(value, value_type, session),
    }
}

/// An interval as ISO 8601 writes it, with a sign for each part.
fn iso_text(interval: &Interval) -> String {
    let mut text = String::from("P");
    let mut part = |number: i128, unit: char| {
        if number != 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    };
    part(i128::from(interval.months / 12), 'Y');
    part(i128::from(interval.months % 12), 'M');
    part(i128::from(interval.days), 'D');
    if interval.nanos != 0 {
        const SECOND: i128 = 1_000_000_000;
        let seconds = interval.nanos / SECOND;
        let mut time = String::from("T");
        for (number, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M')] {
            if number != 0 {
                time.push_str(&format!("{number}{unit}"));
            }
        }
        let (second, fraction) = (seconds % 60, (interval.nanos % SECOND).unsigned_abs());
        if second != 0 || fraction != 0 {
            let sign = if interval.nanos < 0 { "-" } else { "" };
            let digits = format!("{fraction:09}");
            let digits = digits.trim_end_matches('0');
            let point = if digits.is_empty() { "" } else { "." };
            time.push_str(&format!("{sign}{}{point}{digits}S", second.unsigned_abs()));
        }
        text.push_str(&time);
    }
    if text == "P" { "P0Y".to_owned() } else { text }
}

/// The text of `TO_JSON_STRING`.
pub(crate) fn to_json_string(
    value: &Value,
    value_type: &Type,
    session: &Session,
    pretty: bool,
) -> Result<String> {
    let mut output = String::new();
    write(&mut output, value, value_type, session, pretty.then_some(0))?;
    Ok(output)
}

fn write(
    output: &mut String,
    value: &Value,
    value_type: &Type,
    session: &Session,
    indent: Option<usize>,
) -> Result<()> {
    match value {
        Value::Null => output.push_str("null"),
        Value::Bool(value) => output.push_str(if *value { "true" } else { "false" }),
        Value::Int64(_) | Value::Numeric(_) | Value::BigNumeric(_) => {
            write_exact(output, &display(value, value_type, session));
        }
        Value::Float64(number) if number.is_finite() => output.push_str(&float_text(*number)),
        Value::Float64(number) => write_string(output, not_finite(*number), true),
        Value::String(text) => write_string(output, text, true),
        Value::Json(json) => write_value(output, json, indent),
        Value::Array(elements) => {
            let element_type = value_type.element().unwrap_or(value_type);
            let elements = elements.iter().map(|element| (None, element, element_type));
            write_all(output, ['[', ']'], elements, session, indent)?;
        }
        Value::Struct(values) => {
            let fields = value_type.fields().unwrap_or_default();
            let members = fields
                .iter()
                .zip(&**values)
                .map(|(field, value)| (Some(&*field.name), value, &field.field_type));
            write_all(output, ['{', '}'], members, session, indent)?;
        }
        Value::Range(ends) => {
            let element = range_element(value_type);
            let members = ["start", "end"].into_iter().zip(&**ends);
            let members = members.map(|(key, end)| (Some(key), end, element));
            write_all(output, ['{', '}'], members, session, indent)?;
        }
        scalar => write_string(output, &scalar_text(scalar, value_type, session), true),
    }
    Ok(())
}

/// A number that a double holds, or a string.
fn write_exact(output: &mut String, text: &str) {
    let number = text.parse::<i64>().ok();
    if number.is_some_and(|number| (-LOSSLESS_MAX..=LOSSLESS_MAX).contains(&number)) {
        output.push_str(text);
    } else {
        output.push_str(&format!("\"{text}\""));
    }
}

fn write_all<'v>(
    output: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = (Option<&'v str>, &'v Value, &'v Type)>,
    session: &Session,
    indent: Option<usize>,
) -> Result<()> {
    let inner = indent.map(|depth| depth + 1);
    output.push(open);
    let mut empty = true;
    for (key, value, value_type) in items {
        if !std::mem::replace(&mut empty, false) {
            output.push(',');
        }
        new_line(output, inner);
        if let Some(key) = key {
            write_string(output, key, true);
            output.push_str(if indent.is_some() { ": " } else { ":" });
        }
        write(output, value, value_type, session, inner)?;
    }
    if !empty {
        new_line(output, indent);
    }
    output.push(close);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::text::compact;
    use super::*;
    use crate::sql_type::StructField;
    use crate::value::Numeric;

    fn check(value: &Value, value_type: &Type, json: &str, text: &str) {
        let session = Session::new("project", 0, 1);
        assert_eq!(compact(&to_json_exact(value, value_type, &session, false).unwrap()), json);
        assert_eq!(to_json_string(value, value_type, &session, false).as_deref(), Ok(text));
    }

    #[test]
    fn scalars() {
        check(&Value::Null, &Type::Int64, "null", "null");
        check(&Value::Int64(1 << 53), &Type::Int64, "9007199254740992", "9007199254740992");
        let wide = (1 << 53) + 1;
        check(&Value::Int64(wide), &Type::Int64, "9007199254740993", "\"9007199254740993\"");
        check(&Value::Float64(1.0), &Type::Float64, "1.0", "1");
        check(&Value::Float64(f64::NAN), &Type::Float64, "\"NaN\"", "\"NaN\"");
        check(&Value::Float64(f64::NEG_INFINITY), &Type::Float64, "\"-Infinity\"", "\"-Infinity\"");
        let price = Value::Numeric(Numeric::parse("123.56").unwrap());
        check(&price, &Type::Numeric, "123.56", "\"123.56\"");
        check(&Value::Numeric(7.into()), &Type::Numeric, "7", "7");
        check(&Value::from("a\u{2028}\""), &Type::String, "\"a\u{2028}\\\"\"", "\"a\\u2028\\\"\"");
        check(&Value::bytes(b"Google"), &Type::Bytes, "\"R29vZ2xl\"", "\"R29vZ2xl\"");
        check(&Value::Date(0), &Type::Date, "\"1970-01-01\"", "\"1970-01-01\"");
        let moment = 1_705_321_845_123_000;
        let text = "\"2024-01-15T12:30:45.123Z\"";
        check(&Value::Timestamp(moment), &Type::Timestamp, text, text);
        let text = "\"2024-01-15T12:30:45.123\"";
        check(&Value::Datetime(moment), &Type::Datetime, text, text);
    }

    #[test]
    fn intervals() {
        let check_interval = |months, days, nanos, expected: &str| {
            assert_eq!(iso_text(&Interval { months, days, nanos }), expected);
        };
        check_interval(0, 0, 0, "P0Y");
        check_interval(-25, 0, 0, "P-2Y-1M");
        check_interval(0, 0, 37_230_520_000_000, "PT10H20M30.52S");
        check_interval(0, 1, 19_800_000_000_000, "P1DT5H30M");
        check_interval(0, 0, -500_000_000, "PT-0.5S");
    }

    #[test]
    fn containers() {
        let row = Type::struct_of([
            StructField::new("b", Type::Int64),
            StructField::new("a", Type::array_of(Type::String)),
            StructField::new("b", Type::Bool),
        ]);
        let value = Value::structure([
            Value::Int64(1),
            Value::array([Value::from("x"), Value::Null]),
            Value::Bool(true),
        ]);
        check(&value, &row, r#"{"a":["x",null],"b":1}"#, r#"{"b":1,"a":["x",null],"b":true}"#);
        let session = Session::new("project", 0, 1);
        let pretty = to_json_string(&value, &row, &session, true);
        let lines = "{\n  \"b\": 1,\n  \"a\": [\n    \"x\",\n    null\n  ],\n  \"b\": true\n}";
        assert_eq!(pretty.as_deref(), Ok(lines));
    }

    #[test]
    fn wide_decimals() {
        let session = Session::new("project", 0, 1);
        let value = Value::Numeric(Numeric::parse("12345678901234567890123.5").unwrap());
        let exact = to_json_exact(&value, &Type::Numeric, &session, false);
        assert_eq!(exact.unwrap_err().message, "Failed to convert type NUMERIC to JSON");
        let text = to_json_exact(&value, &Type::Numeric, &session, true);
        assert_eq!(text, Ok(Json::from("12345678901234567890123.5")));
    }
}

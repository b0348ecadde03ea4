//! Casts from STRING: numbers and bools here, dates and times by the calendar.
//! Invariant: an error shows the text that was read, shortened and escaped.

use std::fmt::Write as _;

use crate::calendar::{
    Zone, parse_date, parse_datetime, parse_interval, parse_range, parse_time, parse_timestamp,
};
use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::{BigNumeric, Numeric, Value};

/// Reads a value of a type; `Null` when the type has no text.
pub(super) fn from_text(text: &str, to: &Type, zone: &Zone) -> Result<Value> {
    let bad = |what: &str, text: &str| SqlError::evaluation(format!("{what}: {}", shown(text)));
    match to {
        Type::String => Ok(text.into()),
        Type::Bytes => Ok(Value::bytes(text)),
        Type::Bool if text.eq_ignore_ascii_case("true") => Ok(true.into()),
        Type::Bool if text.eq_ignore_ascii_case("false") => Ok(false.into()),
        Type::Bool => Err(bad("Bad bool value", text)),
        Type::Int64 => {
            let text = text.trim_start_matches(' ');
            parse_int64(text).map(Value::Int64).ok_or_else(|| bad("Bad int64 value", text))
        }
        Type::Float64 => {
            parse_float64(text).map(Value::Float64).ok_or_else(|| bad("Bad double value", text))
        }
        Type::Numeric => Numeric::parse(text)
            .map(Value::Numeric)
            .ok_or_else(|| bad("Invalid NUMERIC value", text)),
        Type::BigNumeric => BigNumeric::parse(text)
            .map(Value::big_numeric)
            .ok_or_else(|| bad("Invalid BIGNUMERIC value", text)),
        Type::Date => parse_date(text).map(Value::Date),
        Type::Time => parse_time(text).map(Value::Time),
        Type::Datetime => parse_datetime(text).map(Value::Datetime),
        Type::Timestamp => parse_timestamp(text, zone).map(Value::Timestamp),
        Type::Interval => parse_interval(text).map(Value::interval),
        Type::Range(element) => parse_range(text, element, zone),
        Type::Json | Type::Geography | Type::Array(_) | Type::Struct(_) => Ok(Value::Null),
    }
}

/// Decimal or `0x…`, with a sign or without, in blanks or without.
fn parse_int64(text: &str) -> Option<i64> {
    let text = trim(text);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((digits, 10), |digits| (digits, 16));
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

fn parse_float64(text: &str) -> Option<f64> {
    trim(text).parse().ok()
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b')
}

/// A text of the user in an error: 32 bytes of it, escaped as in C.
fn shown(text: &str) -> String {
    const BYTES_MAX: usize = 32;
    let mut shown = String::new();
    for &byte in text.as_bytes().iter().take(BYTES_MAX) {
        match byte {
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'\t' => shown.push_str("\\t"),
            b'"' | b'\'' | b'\\' => {
                shown.push('\\');
                shown.push(char::from(byte));
            }
            b' '..=b'~' => shown.push(char::from(byte)),
            _ => write!(shown, "\\{byte:03o}").expect("a string takes everything"),
        }
    }
    if text.len() > BYTES_MAX {
        shown.push_str("...");
    }
    shown
}

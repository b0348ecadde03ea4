//! One JSON value as one protobuf field: what each type of column takes, as insertAll takes it where JSON
//! has no such type (numbers and times as text, bytes in base64, seconds since the epoch).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::Value;
use windtunnel_model::EventTime;

use super::Kind;
use crate::rows::{delimited, double, text, varint};

/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;

/// What a value is, for a person.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Encodes a value that is no RECORD; the error says what was expected.
pub(super) fn scalar(
    kind: &Kind,
    number: u32,
    value: &Value,
    out: &mut BytesMut,
) -> Result<(), &'static str> {
    match kind {
        Kind::Text => text(number, value.as_str().ok_or("a string")?, out),
        Kind::Json => text(number, &value.to_string(), out),
        Kind::Decimal => match value {
            Value::Number(digits) => text(number, &digits.to_string(), out),
            Value::String(digits) => text(number, digits, out),
            _ => return Err("a number, or its digits as a string"),
        },
        Kind::Integer => varint(number, integer(value).ok_or("an INT64")?, out),
        Kind::Double => double(number, float(value).ok_or("a FLOAT64")?, out),
        Kind::Bool => {
            let value = match value {
                Value::Bool(value) => *value,
                Value::String(text) if text.eq_ignore_ascii_case("true") => true,
                Value::String(text) if text.eq_ignore_ascii_case("false") => false,
                _ => return Err("a boolean"),
            };
            encode_key(number, WireType::Varint, out);
            encode_varint(u64::from(value), out);
        }
        Kind::Bytes => {
            let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            delimited(number, &bytes.ok_or("bytes in base64")?, out);
        }
        Kind::Timestamp => {
            let expected = "a time as RFC 3339 says it, or seconds since 1970";
            varint(number, micros(value).ok_or(expected)?, out);
        }
        Kind::Date => varint(number, days(value).ok_or("a date as YYYY-MM-DD")?, out),
        Kind::Record(_) => return Err("an object"),
    }
    Ok(())
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number without a fraction, of the range in which every integer is one.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => EventTime::parse(text).ok().map(|time| time.0),
        Value::Number(seconds) => match seconds.as_i64() {
            Some(seconds) => seconds.checked_mul(1_000_000),
            None => {
                let micros = (seconds.as_f64()? * 1e6).round();
                (micros.abs() < 9.2e18).then_some(micros as i64)
            }
        },
        _ => None,
    }
}

/// Days since 1970, by the algorithm of Howard Hinnant's `days_from_civil`:
/// <https://howardhinnant.github.io/date_algorithms.html>.
fn days(value: &Value) -> Option<i64> {
    let mut parts = value.as_str()?.splitn(3, '-');
    let mut part = |digits: usize| {
        let text = parts.next()?;
        let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok())?
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_are_days() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-03-01", Some(11_017)),
            ("2024-02-29", Some(19_782)),
            ("0001-01-01", Some(-719_162)),
            ("9999-12-31", Some(2_932_896)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-1-1", None),
            ("0000-01-01", None),
            ("x", None),
        ] {
            assert_eq!(days(&json!(text)), expected, "{text}");
        }
    }

    #[test]
    fn times_are_microseconds() {
        for (value, expected) in [
            (json!(1.5), Some(1_500_000)),
            (json!(-3), Some(-3_000_000)),
            (json!("1970-01-01T00:00:01.5Z"), Some(1_500_000)),
            (json!(i64::MAX), None),
            (json!(1e300), None),
            (json!("soon"), None),
        ] {
            assert_eq!(micros(&value), expected, "{value}");
        }
    }

    #[test]
    fn integers_are_whole() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.0), Some(7)),
            (json!(7.5), None),
            (json!("-9223372036854775808"), Some(i64::MIN)),
            (json!(1e17), None),
            (json!(true), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }
}

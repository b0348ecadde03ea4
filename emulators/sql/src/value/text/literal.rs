//! Values as SQL literals, the `%T` of `FORMAT`: quotes, escapes and the words before them.
//! Invariant: a literal reads back as the same value, and is one line of text.

use std::fmt::Write as _;

use super::{Value, float_with_point, moment_text};
use crate::calendar::{Zone, range_text};
use crate::json::compact;
use crate::session::Session;
use crate::sql_type::Type;

/// The text of `FORMAT('%T', value)`.
pub(crate) fn literal(value: &Value, value_type: &Type, session: &Session) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float64(value) if value.is_finite() => float_with_point(*value),
        Value::Float64(value) => format!("CAST(\"{}\" AS FLOAT64)", float_with_point(*value)),
        Value::Numeric(value) => format!("NUMERIC {}", string_literal(&value.to_string())),
        Value::BigNumeric(value) => format!("BIGNUMERIC {}", string_literal(&value.to_string())),
        Value::String(value) => string_literal(value),
        Value::Bytes(value) => bytes_literal(value),
        Value::Date(_) | Value::Time(_) | Value::Datetime(_) | Value::Timestamp(_) => {
            format!("{value_type} {}", string_literal(&moment_text(value, session)))
        }
        Value::Interval(_) => {
            format!("INTERVAL {} YEAR TO SECOND", string_literal(&moment_text(value, session)))
        }
        Value::Json(value) => format!("JSON {}", string_literal(&compact(value))),
        Value::Geography(value) => {
            format!("ST_GEOGFROMTEXT({})", string_literal(&value.to_string()))
        }
        Value::Range(ends) => {
            format!(
                "{value_type} {}",
                string_literal(&range_text(ends, &Zone::Iana(session.time_zone)))
            )
        }
        Value::Array(elements) => {
            let element = value_type.element().unwrap_or(value_type);
            let texts = elements.iter().map(|value| literal(value, element, session));
            format!("[{}]", texts.collect::<Vec<_>>().join(", "))
        }
        Value::Struct(values) => {
            let fields = value_type.fields().unwrap_or_default();
            let texts = values.iter().enumerate().map(|(index, value)| {
                let field = fields.get(index).map_or(value_type, |field| &field.field_type);
                literal(value, field, session)
            });
            // One value in parentheses would not be a struct.
            let word = if values.len() < 2 { "STRUCT" } else { "" };
            format!("{word}({})", texts.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A string in quotes: double ones unless only single ones need no escapes.
pub(crate) fn string_literal(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut literal = String::from(quote);
    let mut after_hex = false;
    for character in text.chars() {
        after_hex = match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => escape_byte(&mut literal, byte, Some(quote), after_hex),
            _ => {
                literal.push(character);
                false
            }
        };
    }
    literal.push(quote);
    literal
}

/// Bytes in quotes, with their `b`.
pub(crate) fn bytes_literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'"') && !bytes.contains(&b'\'') { '\'' } else { '"' };
    format!("b{quote}{}{quote}", escape_bytes(bytes, Some(quote)))
}

/// Bytes with all but printable ASCII as escapes; without a quote, all quotes are escaped too.
pub(crate) fn escape_bytes(bytes: &[u8], quote: Option<char>) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut after_hex = false;
    for byte in bytes {
        after_hex = escape_byte(&mut text, *byte, quote, after_hex);
    }
    text
}

/// Writes one byte; whether it became `\x..`, after which a hexadecimal digit must be escaped too.
fn escape_byte(text: &mut String, byte: u8, quote: Option<char>, after_hex: bool) -> bool {
    match byte {
        b'\n' => text.push_str("\\n"),
        b'\r' => text.push_str("\\r"),
        b'\t' => text.push_str("\\t"),
        b'\\' => text.push_str("\\\\"),
        b'\'' | b'"' | b'`' => {
            if quote.is_none_or(|quote| quote == char::from(byte)) {
                text.push('\\');
            }
            text.push(char::from(byte));
        }
        b' '..=b'~' if !(after_hex && byte.is_ascii_hexdigit()) => text.push(char::from(byte)),
        _ => {
            write!(text, "\\x{byte:02x}").expect("a string takes everything");
            return true;
        }
    }
    false
}

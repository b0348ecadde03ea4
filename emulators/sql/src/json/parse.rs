//! JSON text, read strictly: RFC 8259 and nothing more, with the error words that BigQuery passes on from
//! its parser. Of members with the same key the first counts. Invariant: no more than 500 levels.

mod lexer;

use serde_json::{Map, Number, Value};

use self::lexer::{Lexer, Token};
use super::text::double_text;
use crate::error::{Result, SqlError};

/// Levels of nesting that BigQuery takes.
const NESTING_MAX: usize = 500;

/// What to do with a number that a double does not hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WideNumbers {
    /// It is an error.
    Exact,
    /// The nearest double is taken.
    Round,
}

/// Reads a JSON text. The message of an error has no prefix: the caller knows who asked.
pub(crate) fn parse(text: &str, wide: WideNumbers) -> Result<Value> {
    let mut parser = Parser { lexer: Lexer::new(text), wide, depth: 0 };
    let first = parser.lexer.next();
    if first == Token::End && text.is_empty() {
        return Err(SqlError::evaluation(
            "attempting to parse an empty input; check that your input string or stream contains \
             the expected JSON",
        ));
    }
    let value = parser.value(first)?;
    match parser.lexer.next() {
        Token::End => Ok(value),
        token => Err(parser.unexpected(&token, "value", Some("end of input"))),
    }
}

fn too_deep() -> SqlError {
    SqlError::evaluation(format!(
        "Max nesting of {NESTING_MAX} has been exceeded while parsing JSON document"
    ))
}

/// Refuses a JSON value with more levels than a text may have.
pub(crate) fn check_nesting(value: &Value) -> Result<()> {
    fn fits(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(elements) => {
                levels > 0 && elements.iter().all(|element| fits(element, levels - 1))
            }
            Value::Object(members) => {
                levels > 0 && members.values().all(|member| fits(member, levels - 1))
            }
            _ => true,
        }
    }
    if fits(value, NESTING_MAX) { Ok(()) } else { Err(too_deep()) }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    wide: WideNumbers,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self, token: Token) -> Result<Value> {
        Ok(match token {
            Token::Null => Value::Null,
            Token::True => Value::Bool(true),
            Token::False => Value::Bool(false),
            Token::String(text) => Value::String(text),
            Token::Number(text) => Value::Number(self.number(&text)?),
            Token::BeginArray => self.nested(Self::array)?,
            Token::BeginObject => self.nested(Self::object)?,
            Token::Error(_) => return Err(self.unexpected(&token, "value", None)),
            _ => {
                let expected = "'[', '{', or a literal";
                return Err(self.unexpected(&token, "value", Some(expected)));
            }
        })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value>) -> Result<Value> {
        if self.depth >= NESTING_MAX {
            return Err(too_deep());
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value> {
        let mut elements = Vec::new();
        let mut token = self.lexer.next();
        if token == Token::EndArray {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(token)?);
            match self.lexer.next() {
                Token::Comma => token = self.lexer.next(),
                Token::EndArray => return Ok(Value::Array(elements)),
                other => return Err(self.unexpected(&other, "array", Some("']'"))),
            }
        }
    }

    fn object(&mut self) -> Result<Value> {
        let mut members = Map::new();
        let mut token = self.lexer.next();
        if token == Token::EndObject {
            return Ok(Value::Object(members));
        }
        loop {
            let Token::String(key) = token else {
                return Err(self.unexpected(&token, "object key", Some("string literal")));
            };
            match self.lexer.next() {
                Token::Colon => {}
                other => return Err(self.unexpected(&other, "object separator", Some("':'"))),
            }
            let first = self.lexer.next();
            let value = self.value(first)?;
            members.entry(key).or_insert(value);
            match self.lexer.next() {
                Token::Comma => token = self.lexer.next(),
                Token::EndObject => return Ok(Value::Object(members)),
                other => return Err(self.unexpected(&other, "object", Some("'}'"))),
            }
        }
    }

    fn number(&self, text: &str) -> Result<Number> {
        if let Ok(number) = text.parse::<u64>() {
            return Ok(number.into());
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(number.into());
        }
        let double: f64 = text.parse().unwrap_or(f64::INFINITY);
        let number = Number::from_f64(double)
            .ok_or_else(|| SqlError::evaluation(format!("number overflow parsing '{text}'")))?;
        if self.wide == WideNumbers::Exact && !is_exact(text, double) {
            return Err(SqlError::evaluation(format!(
                "Input number: {text} cannot round-trip through string representation"
            )));
        }
        Ok(number)
    }

    fn unexpected(&self, token: &Token, context: &str, expected: Option<&str>) -> SqlError {
        let what = match token {
            Token::Error(why) => format!("{why}; last read: '{}'", self.lexer.last_read()),
            token => format!("unexpected {}", token.name()),
        };
        let expected = expected.map_or_else(String::new, |what| format!("; expected {what}"));
        SqlError::evaluation(format!("syntax error while parsing {context} - {what}{expected}"))
    }
}

/// Whether a double is written as the decimal that it was read from.
pub(super) fn is_exact(text: &str, double: f64) -> bool {
    decimal(text) == decimal(&double_text(double))
}

/// A decimal number as a sign, its digits without zeros at both ends, and the exponent of the first digit.
fn decimal(text: &str) -> (bool, String, i64) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::from(i32::MAX));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let first = i64::try_from(whole.len()).unwrap_or(i64::MAX / 4)
        - i64::try_from(leading).unwrap_or(i64::MAX / 4);
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return (negative, String::new(), 0);
    }
    (negative, significant.to_owned(), exponent.saturating_add(first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::compact;
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match parse(text, WideNumbers::Exact) {
            Ok(value) => compact(&value),
            Err(error) => format!("ERROR {}", error.message),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values() {
        check(
            r#" {"b": [1, -2, 1.50], "a": "\u00e9\ud83d\ude00\/"} "#,
            r#"{"a":"é😀/","b":[1,-2,1.5]}"#,
        );
        check(r#"{"a": 1, "a": 2}"#, r#"{"a":1}"#);
        check("18446744073709551615", "18446744073709551615");
        check("-0", "0");
        check("1e2", "100.0");
        check("[]", "[]");
    }

    #[test]
    fn refusals() {
        let syntax = "ERROR syntax error while parsing";
        check(
            "[[[",
            &format!("{syntax} value - unexpected end of input; expected '[', '{{', or a literal"),
        );
        check("t", &format!("{syntax} value - invalid literal; last read: 't'"));
        check("[1, a]", &format!("{syntax} value - invalid literal; last read: '1, a'"));
        check(
            "{a: b}",
            &format!(
                "{syntax} object key - invalid literal; last read: '{{a'; expected string literal"
            ),
        );
        check(
            "{",
            &format!("{syntax} object key - unexpected end of input; expected string literal"),
        );
        check(
            "\n{\n  k",
            &format!(
                "{syntax} object key - invalid literal; last read: '<U+000A>{{<U+000A>  k'; expected string literal"
            ),
        );
        check(
            "{\"a\" 1}",
            &format!("{syntax} object separator - unexpected number literal; expected ':'"),
        );
        check("[1 2]", &format!("{syntax} array - unexpected number literal; expected ']'"));
        check("{\"a\":1]", &format!("{syntax} object - unexpected ']'; expected '}}'"));
        check("1 2", &format!("{syntax} value - unexpected number literal; expected end of input"));
        check(
            "\"a",
            &format!("{syntax} value - invalid string: missing closing quote; last read: '\"a'"),
        );
        check(
            "\"a\n\"",
            &format!(
                "{syntax} value - invalid string: control character U+000A (LF) must be escaped to \\u000A or \\n; last read: '\"a<U+000A>'"
            ),
        );
        check(
            "-x",
            &format!("{syntax} value - invalid number; expected digit after '-'; last read: '-x'"),
        );
        check(
            "1.",
            &format!("{syntax} value - invalid number; expected digit after '.'; last read: '1.'"),
        );
        check("1e99999", "ERROR number overflow parsing '1e99999'");
        check(
            "123456789012345678901",
            "ERROR Input number: 123456789012345678901 cannot round-trip through string representation",
        );
        check(
            &"[".repeat(501),
            "ERROR Max nesting of 500 has been exceeded while parsing JSON document",
        );
    }

    #[test]
    fn wide_numbers_are_rounded_on_request() {
        let rounded = parse("123456789012345678901", WideNumbers::Round).map(|it| compact(&it));
        assert_eq!(rounded.as_deref(), Ok("1.2345678901234568e+20"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{}",:a0-9.eE+\\u\-tfn \n]{0,16}"#) {
            let found = parse(&text, WideNumbers::Round);
            let expected: std::result::Result<Value, _> = serde_json::from_str(&text);
            prop_assert_eq!(found.is_ok(), expected.is_ok(), "{:?}", found);
        }
    }
}

//! JSON as text: as BigQuery writes a JSON value, on one line or indented by two spaces. A double always
//! shows that it is one, by a point or an exponent.

use std::fmt::Write;

use serde_json::{Number, Value};

/// A JSON value on one line, without spaces.
pub(crate) fn compact(value: &Value) -> String {
    let mut output = String::new();
    write_value(&mut output, value, None);
    output
}

/// A JSON value on several lines.
pub(crate) fn pretty(value: &Value) -> String {
    let mut output = String::new();
    write_value(&mut output, value, Some(0));
    output
}

/// Writes a JSON value; `indent` is how deep its lines stand when it is spread over lines.
pub(super) fn write_value(output: &mut String, value: &Value, indent: Option<usize>) {
    let inner = indent.map(|depth| depth + 1);
    match value {
        Value::Null => output.push_str("null"),
        Value::Bool(value) => output.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => output.push_str(&number_text(number)),
        Value::String(text) => write_string(output, text, false),
        Value::Array(elements) => {
            output.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    output.push(',');
                }
                new_line(output, inner);
                write_value(output, element, inner);
            }
            if !elements.is_empty() {
                new_line(output, indent);
            }
            output.push(']');
        }
        Value::Object(members) => {
            output.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    output.push(',');
                }
                new_line(output, inner);
                write_string(output, key, false);
                output.push_str(if indent.is_some() { ": " } else { ":" });
                write_value(output, member, inner);
            }
            if !members.is_empty() {
                new_line(output, indent);
            }
            output.push('}');
        }
    }
}

/// Starts a line of some depth, when there are lines.
pub(super) fn new_line(output: &mut String, indent: Option<usize>) {
    if let Some(depth) = indent {
        output.push('\n');
        (0..depth).for_each(|_| output.push_str("  "));
    }
}

/// A number of JSON.
pub(crate) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if number.is_f64() => double_text(double),
        _ => number.to_string(),
    }
}

/// The shortest digits that read back, with a point or an exponent. The exponent appears from 10^15 up and
/// below 10^-4.
pub(crate) fn double_text(double: f64) -> String {
    let scientific = format!("{double:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    if double != 0.0 && !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    format!("{double:?}")
}

/// Writes a string in quotes. Line separators of Unicode are escaped only where text goes to scripts.
pub(crate) fn write_string(output: &mut String, text: &str, for_scripts: bool) {
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\0'..='\u{1f}' => {
                write!(output, "\\u{:04x}", u32::from(character)).expect("a string takes it");
            }
            '\u{2028}' if for_scripts => output.push_str("\\u2028"),
            '\u{2029}' if for_scripts => output.push_str("\\u2029"),
            _ => output.push(character),
        }
    }
    output.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_on_one_line_and_on_several() {
        let value = json!({"b": [1, 2.0, "x\n\u{1}"], "a": {}, "c": [], "d": null});
        assert_eq!(compact(&value), r#"{"a":{},"b":[1,2.0,"x\n\u0001"],"c":[],"d":null}"#);
        let lines = "{\n  \"a\": {},\n  \"b\": [\n    1,\n    2.0,\n    \"x\\n\\u0001\"\n  ],\n  \
                     \"c\": [],\n  \"d\": null\n}";
        assert_eq!(pretty(&value), lines);
    }

    #[test]
    fn doubles() {
        let check = |double: f64, expected: &str| assert_eq!(double_text(double), expected);
        check(1.0, "1.0");
        check(-0.0, "-0.0");
        check(0.1, "0.1");
        check(1e14, "100000000000000.0");
        check(1e15, "1e+15");
        check(9_007_199_254_740_992.0, "9.007199254740992e+15");
        check(1e-4, "0.0001");
        check(1.5e-5, "1.5e-05");
        check(1e300, "1e+300");
    }

    proptest! {
        #[test]
        fn doubles_read_back(double in any::<f64>().prop_filter("finite", |it| it.is_finite())) {
            prop_assert_eq!(double_text(double).parse::<f64>(), Ok(double));
        }
    }
}

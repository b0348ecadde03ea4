//! SQL values of JSON values: strictly (`INT64(json)`), where the kind must fit, and laxly (`LAX_INT64(json)`),
//! where what does not fit is NULL and text is read as numbers.

use serde_json::{Number, Value as Json};

use super::arguments::{optional_text, strict};
use super::json_access::json;
use crate::error::{Result, SqlError};
use crate::functions::ScalarFunction;
use crate::value::{BigNumeric, Value, float_text, general};

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("BOOL", &["(JSON) -> BOOL"], |_, args| to_bool(json(args, 0))),
    strict("INT64", &["(JSON) -> INT64"], |_, args| to_int64(json(args, 0))),
    strict("FLOAT64", &["(JSON, [wide_number_mode => STRING]) -> FLOAT64"], |_, args| {
        to_float64(json(args, 0), is_exact(args)?)
    }),
    strict("STRING", &["(JSON) -> STRING"], |_, args| to_string(json(args, 0))),
    strict("BOOL_ARRAY", &["(JSON) -> ARRAY<BOOL>"], |_, args| each(args, to_bool)),
    strict("INT64_ARRAY", &["(JSON) -> ARRAY<INT64>"], |_, args| each(args, to_int64)),
    strict(
        "FLOAT64_ARRAY",
        &["(JSON, [wide_number_mode => STRING]) -> ARRAY<FLOAT64>"],
        |_, args| {
            let exact = is_exact(args)?;
            each(args, |element| to_float64(element, exact))
        },
    ),
    strict("STRING_ARRAY", &["(JSON) -> ARRAY<STRING>"], |_, args| each(args, to_string)),
    strict("LAX_BOOL", &["(JSON) -> BOOL"], |_, args| Ok(lax_bool(json(args, 0)))),
    strict("LAX_INT64", &["(JSON) -> INT64"], |_, args| Ok(lax_int64(json(args, 0)))),
    strict("LAX_FLOAT64", &["(JSON) -> FLOAT64"], |_, args| Ok(lax_float64(json(args, 0)))),
    strict("LAX_STRING", &["(JSON) -> STRING"], |_, args| Ok(lax_string(json(args, 0)))),
    strict("LAX_BOOL_ARRAY", &["(JSON) -> ARRAY<BOOL>"], |_, args| Ok(lax_each(args, lax_bool))),
    strict("LAX_INT64_ARRAY", &["(JSON) -> ARRAY<INT64>"], |_, args| Ok(lax_each(args, lax_int64))),
    strict("LAX_FLOAT64_ARRAY", &["(JSON) -> ARRAY<FLOAT64>"], |_, args| {
        Ok(lax_each(args, lax_float64))
    }),
    strict("LAX_STRING_ARRAY", &["(JSON) -> ARRAY<STRING>"], |_, args| {
        Ok(lax_each(args, lax_string))
    }),
];

fn refuse<T>(why: &str) -> Result<T> {
    Err(SqlError::evaluation(format!("The provided JSON input is not {why}")))
}

fn is_exact(args: &[Value]) -> Result<bool> {
    match optional_text(args, 1).unwrap_or("round") {
        "exact" => Ok(true),
        "round" => Ok(false),
        other => {
            Err(SqlError::evaluation(format!("Invalid `wide_number_mode` specified: {other}")))
        }
    }
}

fn each(args: &[Value], convert: impl Fn(&Json) -> Result<Value>) -> Result<Value> {
    let Json::Array(elements) = json(args, 0) else { return refuse("an array") };
    let elements: Result<Vec<Value>> = elements.iter().map(convert).collect();
    elements.map(Value::array)
}

fn lax_each(args: &[Value], convert: fn(&Json) -> Value) -> Value {
    match json(args, 0) {
        Json::Array(elements) => Value::array(elements.iter().map(convert)),
        _ => Value::Null,
    }
}

fn to_bool(value: &Json) -> Result<Value> {
    value.as_bool().map_or_else(|| refuse("a boolean"), |value| Ok(Value::Bool(value)))
}

fn to_string(value: &Json) -> Result<Value> {
    value.as_str().map_or_else(|| refuse("a string"), |text| Ok(Value::from(text)))
}

/// A double as an integer, when it is one.
fn whole(double: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    let integer = (-BOUND..BOUND).contains(&double).then_some(double as i64);
    integer.filter(|_| double.fract() == 0.0)
}

fn to_int64(value: &Json) -> Result<Value> {
    let Json::Number(number) = value else { return refuse("an integer") };
    if let Some(integer) = number.as_i64() {
        return Ok(Value::Int64(integer));
    }
    match number.as_f64() {
        Some(double) if number.is_f64() => whole(double).map(Value::Int64).ok_or_else(|| {
            SqlError::evaluation(format!(
                "The provided JSON number: {} cannot be converted to an int64",
                general(double, Some(6))
            ))
        }),
        _ => refuse("an integer"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounding is what was asked for")]
fn double_of(number: &Number) -> f64 {
    match (number.as_i64(), number.as_u64()) {
        (Some(integer), _) => integer as f64,
        (_, Some(integer)) => integer as f64,
        _ => number.as_f64().unwrap_or(f64::NAN),
    }
}

fn to_float64(value: &Json, exact: bool) -> Result<Value> {
    let Json::Number(number) = value else { return refuse("a number") };
    let integer = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
    if exact && integer.is_some_and(|integer| integer > 1 << 53) {
        return Err(SqlError::evaluation(format!(
            "JSON number: {number} cannot be converted to FLOAT64 without loss of precision"
        )));
    }
    Ok(Value::Float64(double_of(number)))
}

fn lax_bool(value: &Json) -> Value {
    match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Bool(double_of(number) != 0.0),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        _ => Value::Null,
    }
}

fn lax_int64(value: &Json) -> Value {
    Value::from(match value {
        Json::Bool(value) => Some(i64::from(*value)),
        Json::Number(number) if number.is_f64() => {
            // Half away from zero.
            number.as_f64().and_then(|double| whole(double.round()))
        }
        Json::Number(number) => number.as_i64(),
        Json::String(text) => BigNumeric::parse(text).and_then(|number| number.to_i64()),
        _ => None,
    })
}

fn lax_float64(value: &Json) -> Value {
    Value::from(match value {
        Json::Number(number) => Some(double_of(number)),
        Json::String(text) => text.trim_ascii().parse::<f64>().ok(),
        _ => None,
    })
}

fn lax_string(value: &Json) -> Value {
    match value {
        Json::Bool(value) => Value::from(value.to_string()),
        Json::Number(number) if number.is_f64() => Value::from(float_text(double_of(number))),
        Json::Number(number) => Value::from(number.to_string()),
        Json::String(text) => Value::from(text.as_str()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::outcome;
    use super::*;

    fn check(name: &str, text: &str, expected: &str) {
        let value = Value::json(serde_json::from_str(text).expect("JSON"));
        assert_eq!(outcome(FUNCTIONS, name, &[value]), expected, "{name}({text})");
    }

    #[test]
    fn strictly() {
        check("BOOL", "true", "true");
        check("BOOL", "1", "ERROR The provided JSON input is not a boolean");
        check("INT64", "42", "42");
        check("INT64", "10.0", "10");
        check(
            "INT64",
            "1.5",
            "ERROR The provided JSON number: 1.5 cannot be converted to an int64",
        );
        check(
            "INT64",
            "1e100",
            "ERROR The provided JSON number: 1e+100 cannot be converted to an int64",
        );
        check("INT64", "\"1\"", "ERROR The provided JSON input is not an integer");
        check("INT64", "18446744073709551615", "ERROR The provided JSON input is not an integer");
        check("FLOAT64", "9.8", "9.8");
        check("FLOAT64", "18446744073709551615", "1.8446744073709552e19");
        check("STRING", "\"purple\"", "purple");
        check("STRING", "null", "ERROR The provided JSON input is not a string");
        check("INT64_ARRAY", "[1, 2.0]", "[1, 2]");
        check("INT64_ARRAY", "[null]", "ERROR The provided JSON input is not an integer");
        check("STRING_ARRAY", "{}", "ERROR The provided JSON input is not an array");
        let wide = Value::json(serde_json::json!(9_007_199_254_740_993_i64));
        let exact = outcome(FUNCTIONS, "FLOAT64", &[wide, Value::from("exact")]);
        let message = "ERROR JSON number: 9007199254740993 cannot be converted to FLOAT64 without \
                       loss of precision";
        assert_eq!(exact, message);
    }

    #[test]
    fn laxly() {
        check("LAX_BOOL", "\"TRUE\"", "true");
        check("LAX_BOOL", "0.0", "false");
        check("LAX_BOOL", "\"foo\"", "NULL");
        check("LAX_BOOL", "null", "NULL");
        check("LAX_INT64", "\"42\"", "42");
        check("LAX_INT64", "\"1.5e1\"", "15");
        check("LAX_INT64", "\"1.5\"", "2");
        check("LAX_INT64", "-1.5", "-2");
        check("LAX_INT64", "true", "1");
        check("LAX_INT64", "1e100", "NULL");
        check("LAX_INT64", "18446744073709551615", "NULL");
        check("LAX_FLOAT64", "\"-inf\"", "-inf");
        check("LAX_FLOAT64", "true", "NULL");
        check("LAX_FLOAT64", "9", "9.0");
        check("LAX_STRING", "42", "42");
        check("LAX_STRING", "1.0", "1");
        check("LAX_STRING", "{}", "NULL");
        check("LAX_STRING_ARRAY", "[1, null, \"x\"]", "[1, NULL, x]");
        check("LAX_BOOL_ARRAY", "1", "NULL");
    }
}

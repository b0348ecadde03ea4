//! Goal: values cross the border as BigQuery documents it. Method: whole calls, by their results.

use super::*;
use crate::sql_type::StructField;

fn outcome(code: &str, result: Type, args: &[(&str, Value, Type)]) -> Result<Value> {
    let session = Session::new("project", 1_700_000_000_123_456, 7);
    let engine = Engine::new(&session)?;
    let function = ForeignFunction {
        name: "f".to_owned(),
        language: "js".to_owned(),
        parameters: args.iter().map(|(name, _, _)| (*name).to_owned()).collect(),
        result,
        code: code.to_owned(),
    };
    let values: Vec<Value> = args.iter().map(|(_, value, _)| value.clone()).collect();
    let types: Vec<&Type> = args.iter().map(|(_, _, value_type)| value_type).collect();
    engine.call(&function, &values, &types)
}

fn check(code: &str, result: Type, args: &[(&str, Value, Type)], expected: Value) {
    assert_eq!(outcome(code, result, args), Ok(expected), "{code}");
}

fn refused(code: &str, result: Type, expected: &str) {
    let error = outcome(code, result, &[]).expect_err(code);
    assert_eq!(error.message, expected, "{code}");
}

#[test]
fn numbers_are_numbers_where_a_double_holds_them() {
    let integer = |value: i64| ("x", Value::Int64(value), Type::Int64);
    check("return x * 3", Type::Int64, &[integer(4)], 12.into());
    check("return typeof x", Type::String, &[integer(1 << 53)], "number".into());
    check("return typeof x", Type::String, &[integer(i64::MAX)], "string".into());
    check("return x", Type::Int64, &[integer(i64::MIN)], i64::MIN.into());
    check("return Math.sqrt(x)", Type::Float64, &[("x", 16.0.into(), Type::Float64)], 4.0.into());
    refused("return 1.5", Type::Int64, "Failed to coerce output value 1.5 to type INT64");
    refused(
        "return 1e19",
        Type::Int64,
        "Failed to coerce output value 10000000000000000000 to type INT64",
    );
}

#[test]
fn text_bytes_and_dates() {
    let bytes = ("x", Value::bytes("abc"), Type::Bytes);
    check("return x", Type::String, std::slice::from_ref(&bytes), "YWJj".into());
    check("return x", Type::Bytes, &[bytes], Value::bytes("abc"));
    let date = ("x", Value::Date(19_000), Type::Date);
    check("return x.getUTCFullYear()", Type::Int64, std::slice::from_ref(&date), 2022.into());
    check("return x", Type::Date, &[date], Value::Date(19_000));
    let time = ("x", Value::Timestamp(2_000), Type::Timestamp);
    check("return x.getTime() + 1", Type::Float64, &[time], 3.0.into());
    check("return '2024-01-02'", Type::Date, &[], Value::Date(19_724));
    check("return 1 + 2", Type::String, &[], "3".into());
}

#[test]
fn arrays_structs_and_json() {
    let doubled = "return xs.map(x => x * 2);";
    let array = Value::array([1.into(), 2.into()]);
    let array_type = Type::array_of(Type::Int64);
    let expected = Value::array([2.into(), 4.into()]);
    check(doubled, array_type.clone(), &[("xs", array, array_type)], expected);
    let fields = [StructField::new("a", Type::Int64), StructField::new("b", Type::String)];
    let pair = Type::struct_of(fields);
    let value = Value::structure([1.into(), "x".into()]);
    let expected = Value::structure([2.into(), Value::Null]);
    check("return {a: s.a + 1}", pair.clone(), &[("s", value, pair)], expected);
    let json = Value::json(serde_json::json!({"k": [1, 2]}));
    let expected = Value::json(serde_json::json!({"k": [1, 2], "n": null}));
    check("j.n = null; return j", Type::Json, &[("j", json, Type::Json)], expected);
}

#[test]
fn nothing_is_null() {
    check("return x === null", Type::Bool, &[("x", Value::Null, Type::Int64)], true.into());
    check("", Type::Int64, &[], Value::Null);
    check("return null", Type::array_of(Type::Int64), &[], Value::Null);
}

#[test]
fn the_session_is_the_only_clock() {
    let now = Value::Timestamp(1_700_000_000_123_000);
    check("return new Date()", Type::Timestamp, &[], now);
    check("return Date.now()", Type::Int64, &[], 1_700_000_000_123.into());
    let twice = || outcome("return Math.random()", Type::Float64, &[]);
    assert_eq!(twice(), twice());
}

#[test]
fn what_is_thrown_has_a_place() {
    refused("throw new Error('no')", Type::Int64, "Error: no at f() line 1, columns 11-12");
    let unknown = "ReferenceError: y is not defined at f() line 2, columns 8-9";
    refused("\nreturn y", Type::Int64, unknown);
    refused("while (true) {}", Type::Int64, "JavaScript function f takes too long");
}

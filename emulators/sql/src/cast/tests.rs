//! Goal: casts give BigQuery's values and errors, and the rules say which exist. Method: tables of casts, and
//! properties of going there and back.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::sql_type::StructField;
use crate::value::{BigNumeric, Numeric};

fn session() -> Session {
    Session::new("p", 0, 0)
}

fn numeric(text: &str) -> Value {
    Value::Numeric(Numeric::parse(text).unwrap())
}

fn check(value: Value, from: Type, to: Type, expected: Result<Value, &str>) {
    assert!(is_castable(&from, &to), "{from} to {to}");
    let outcome = cast(&session(), &value, &from, &to).map_err(|error| error.message);
    assert_eq!(outcome, expected.map_err(str::to_owned), "{value:?} as {to}");
}

#[test]
fn text_to_numbers() {
    let check = |text: &str, to: Type, expected: Result<Value, &str>| {
        check(text.into(), Type::String, to, expected);
    };
    check("42", Type::Int64, Ok(42.into()));
    check("  -0x1F ", Type::Int64, Ok((-31).into()));
    check("+7", Type::Int64, Ok(7.into()));
    check("-9223372036854775808", Type::Int64, Ok(i64::MIN.into()));
    check("9223372036854775808", Type::Int64, Err("Bad int64 value: 9223372036854775808"));
    check("abc", Type::Int64, Err("Bad int64 value: abc"));
    check("1.5", Type::Int64, Err("Bad int64 value: 1.5"));
    check("", Type::Int64, Err("Bad int64 value: "));
    check("0x", Type::Int64, Err("Bad int64 value: 0x"));
    let long = "a".repeat(40);
    let error = format!("Bad int64 value: {}...", "a".repeat(32));
    check(&long, Type::Int64, Err(&error));
    check("é'", Type::Int64, Err("Bad int64 value: \\303\\251\\'"));
    check("1.5e3", Type::Float64, Ok(1500.0.into()));
    check(" inf ", Type::Float64, Ok(f64::INFINITY.into()));
    check("-Infinity", Type::Float64, Ok(f64::NEG_INFINITY.into()));
    check("1e400", Type::Float64, Ok(f64::INFINITY.into()));
    check("x", Type::Float64, Err("Bad double value: x"));
    check("123.456", Type::Numeric, Ok(numeric("123.456")));
    check("1e30", Type::Numeric, Err("Invalid NUMERIC value: 1e30"));
    check("x", Type::BigNumeric, Err("Invalid BIGNUMERIC value: x"));
    check("TRUE", Type::Bool, Ok(true.into()));
    check("1", Type::Bool, Err("Bad bool value: 1"));
    check("ab", Type::Bytes, Ok(Value::bytes(b"ab")));
}

#[test]
fn numbers_to_numbers() {
    let float = |value: f64, to: Type, expected: Result<Value, &str>| {
        check(value.into(), Type::Float64, to, expected);
    };
    float(2.5, Type::Int64, Ok(3.into()));
    float(-2.5, Type::Int64, Ok((-3).into()));
    float(1e20, Type::Int64, Err("int64 out of range: 1e+20"));
    float(-9_223_372_036_854_775_808.0, Type::Int64, Ok(i64::MIN.into()));
    float(9_223_372_036_854_775_808.0, Type::Int64, Err("int64 out of range: 9.22337e+18"));
    let illegal = "Illegal conversion of non-finite floating point number to an integer: nan";
    float(f64::NAN, Type::Int64, Err(illegal));
    float(0.1, Type::Numeric, Ok(numeric("0.1")));
    float(1e30, Type::Numeric, Err("numeric out of range: 1e+30"));
    let exact = BigNumeric::parse("0.10000000000000000555111512312578270212").unwrap();
    float(0.1, Type::BigNumeric, Ok(Value::big_numeric(exact)));
    check(true.into(), Type::Bool, Type::Int64, Ok(1.into()));
    check(7.into(), Type::Int64, Type::Bool, Ok(true.into()));
    check(7.into(), Type::Int64, Type::Numeric, Ok(numeric("7")));
    check(numeric("2.5"), Type::Numeric, Type::Int64, Ok(3.into()));
    let much = numeric("1e20");
    check(much, Type::Numeric, Type::Int64, Err("int64 out of range: 100000000000000000000"));
    let much = Value::big_numeric(BigNumeric::parse("1e30").unwrap());
    let error = "numeric out of range: 1000000000000000000000000000000";
    check(much, Type::BigNumeric, Type::Numeric, Err(error));
}

#[test]
fn values_to_text() {
    let check = |value: Value, from: Type, expected: &str| {
        check(value, from, Type::String, Ok(expected.into()));
    };
    check(false.into(), Type::Bool, "false");
    check(1.0.into(), Type::Float64, "1");
    check((-0.0).into(), Type::Float64, "0");
    check(numeric("1.50"), Type::Numeric, "1.5");
    check(Value::Date(19737), Type::Date, "2024-01-15");
    check(Value::Timestamp(0), Type::Timestamp, "1970-01-01 00:00:00+00");
    check(Value::bytes("é"), Type::Bytes, "é");
    let outcome = cast(&session(), &Value::bytes([0xff]), &Type::Bytes, &Type::String);
    assert_eq!(outcome.unwrap_err().message, "Invalid cast of bytes to UTF8 string");
}

#[test]
fn moments() {
    const DAY: i64 = 86_400_000_000;
    check(Value::Date(1), Type::Date, Type::Datetime, Ok(Value::Datetime(DAY)));
    check(Value::Date(1), Type::Date, Type::Timestamp, Ok(Value::Timestamp(DAY)));
    check(Value::Datetime(DAY + 5), Type::Datetime, Type::Date, Ok(Value::Date(1)));
    check(Value::Datetime(DAY + 5), Type::Datetime, Type::Time, Ok(Value::Time(5)));
    check(Value::Timestamp(-1), Type::Timestamp, Type::Date, Ok(Value::Date(-1)));
    check("2024-01-15".into(), Type::String, Type::Date, Ok(Value::Date(19737)));
    let error = "Invalid date: 'x'";
    check("x".into(), Type::String, Type::Date, Err(error));
    let dates = Type::Range(Arc::new(Type::Date));
    let range = Value::Range(Arc::new([Value::Date(0), Value::Null]));
    check(range, dates, Type::String, Ok("[1970-01-01, UNBOUNDED)".into()));
}

#[test]
fn structs_and_arrays() {
    let pair = |first: Type, second: Type| {
        Type::struct_of([StructField::new("a", first), StructField::new("", second)])
    };
    let value = Value::structure([1.into(), Value::Null]);
    let (from, to) = (pair(Type::Int64, Type::Int64), pair(Type::String, Type::Float64));
    check(value, from.clone(), to.clone(), Ok(Value::structure(["1".into(), Value::Null])));
    let doubles = Value::array([1.0.into()]);
    let (integers, floats) = (Type::array_of(Type::Int64), Type::array_of(Type::Float64));
    check(Value::array([1.into()]), integers.clone(), floats, Ok(doubles));
    assert!(!is_castable(&integers, &Type::array_of(Type::String)));
    assert_eq!(
        invalid_cast(&integers, &Type::array_of(Type::String)).message,
        "Casting between arrays with incompatible element types is not supported: Invalid cast from \
         ARRAY<INT64> to ARRAY<STRING>"
    );
    assert!(!is_castable(&Type::Int64, &Type::Date));
    assert_eq!(cast(&session(), &Value::Null, &from, &to), Ok(Value::Null));
    let error = cast(&session(), &1.into(), &Type::Int64, &Type::Date).unwrap_err();
    assert_eq!(error.message, "Invalid cast from INT64 to DATE");
}

#[test]
fn coercions() {
    assert!(is_coercible(&Type::Int64, &Type::Float64));
    assert!(is_coercible(&Type::Numeric, &Type::BigNumeric));
    assert!(is_coercible(&Type::Date, &Type::Datetime));
    assert!(!is_coercible(&Type::Float64, &Type::Numeric));
    assert!(!is_coercible(&Type::String, &Type::Date));
    assert!(!is_coercible(&Type::Date, &Type::Timestamp));
    assert!(is_literal_coercible(&Type::String, &Type::Date));
    assert!(is_literal_coercible(&Type::Float64, &Type::Numeric));
    assert!(!is_literal_coercible(&Type::String, &Type::Int64));
}

#[test]
fn parameters() {
    let check =
        |value: Value, value_type: Type, parameters: &[i64], expected: Result<Value, &str>| {
            let outcome = apply_parameters(&value, &value_type, parameters);
            let outcome = outcome.map_err(|error| error.message);
            assert_eq!(outcome, expected.map_err(str::to_owned));
        };
    check("héllo".into(), Type::String, &[5], Ok("héllo".into()));
    let error = "STRING(3) has maximum length 3 but got a value with length 5";
    check("hello".into(), Type::String, &[3], Err(error));
    let error = "BYTES(1) has maximum length 1 but got a value with length 2";
    check(Value::bytes("ab"), Type::Bytes, &[1], Err(error));
    check("hello".into(), Type::String, &[-1], Ok("hello".into()));
    check(numeric("1.255"), Type::Numeric, &[5, 2], Ok(numeric("1.26")));
    check(numeric("12.5"), Type::Numeric, &[3], Ok(numeric("13")));
    check(
        numeric("99.96"),
        Type::Numeric,
        &[3, 1],
        Err("NUMERIC(3, 1) has precision 3 and scale 1 but got a value that is not in range of \
             [-99.9, 99.9]"),
    );
    check(
        numeric("1000"),
        Type::Numeric,
        &[3],
        Err("NUMERIC(3) has precision 3 and scale 0 but got a value that is not in range of \
             [-999, 999]"),
    );
    check(Value::Null, Type::Numeric, &[3], Ok(Value::Null));
}

fn by_format(value: Value, to: Type, format: &str) -> Result<Value> {
    cast_with_format(&session(), &value, &Type::String, &to, format, None)
}

#[test]
fn moments_by_format() {
    let date = by_format(Value::Date(19737), Type::String, "YYYY/MM/DD");
    assert_eq!(date, Ok("2024/01/15".into()));
    let date = by_format("15.01.2024".into(), Type::Date, "DD.MM.YYYY");
    assert_eq!(date, Ok(Value::Date(19737)));
}

#[test]
fn bytes_by_format() {
    let check = |bytes: &[u8], format: &str, text: &str| {
        let encoded = by_format(Value::bytes(bytes), Type::String, format);
        assert_eq!(encoded, Ok(text.into()), "{format}");
        let decoded = by_format(text.into(), Type::Bytes, format);
        assert_eq!(decoded, Ok(Value::bytes(bytes)), "{format}");
    };
    check(b"\x00\x01\xef", "HEX", "0001ef");
    check(b"\x02\x11\x3b", "BASE8", "00410473");
    check(b"\x02\x11", "BASE2", "0000001000010001");
    check(b"\xde\xad\xbe\xef", "BASE64", "3q2+7w==");
    check(b"\xde\xad\xbe\xef", "base64m", "3q2+7w==");
    check(b"Hello", "ASCII", "Hello");
    check("é".as_bytes(), "UTF-8", "é");
    let wrong = |text: &str, format: &str, error: &str| {
        let outcome = by_format(text.into(), Type::Bytes, format);
        assert_eq!(outcome.unwrap_err().message, error);
    };
    wrong("a", "nope", "Invalid format 'nope'");
    wrong("é", "ASCII", "Failed to decode invalid ASCII string");
    wrong("*", "BASE64", "Failed to decode invalid base64 string");
    let error = "Failed to decode invalid hexadecimal string due to character at offset 1: 0g";
    wrong("0g", "HEX", error);
}

proptest! {
    #[test]
    fn text_and_back(integer in any::<i64>(), double in any::<f64>(), scaled in any::<i128>()) {
        let there_and_back = |value: Value, value_type: Type| {
            let text = cast(&session(), &value, &value_type, &Type::String).unwrap();
            cast(&session(), &text, &Type::String, &value_type).unwrap()
        };
        prop_assert_eq!(there_and_back(integer.into(), Type::Int64), Value::Int64(integer));
        prop_assume!(!double.is_nan());
        prop_assert_eq!(there_and_back(double.into(), Type::Float64), Value::Float64(double));
        if let Some(number) = Numeric::from_scaled(scaled) {
            let number = Value::Numeric(number);
            prop_assert_eq!(there_and_back(number.clone(), Type::Numeric), number);
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC*", double in any::<f64>(), integer in any::<i64>()) {
        let types = [
            Type::Bool, Type::Int64, Type::Float64, Type::Numeric, Type::BigNumeric, Type::String,
            Type::Bytes, Type::Date, Type::Time, Type::Datetime, Type::Timestamp, Type::Interval,
            Type::Json, Type::Geography, Type::Range(Arc::new(Type::Date)),
        ];
        let values = [
            Value::from(text.as_str()),
            double.into(),
            integer.into(),
            Value::bytes(&text),
            Value::Numeric(Numeric::from(integer)),
        ];
        for (value, to) in values.iter().flat_map(|value| types.iter().map(move |to| (value, to))) {
            let _ = cast(&session(), value, &Type::Json, to);
            let _ = by_format(value.clone(), to.clone(), &text);
            let _ = apply_parameters(value, to, &[integer, integer]);
        }
        for format in ["S9,999.99", "99.99EEEE", "0XXXX", "RN", "BFM$9.9PR"] {
            let _ = by_format(double.into(), Type::String, format);
            let _ = by_format(integer.into(), Type::String, format);
        }
    }
}

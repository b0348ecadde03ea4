//! FORMAT against what C's printf and BigQuery write.

use proptest::prelude::*;

use super::super::arguments::testing::{call_typed, outcome, render, type_of};
use super::*;
use crate::value::{BigNumeric, Numeric};

fn check(pattern: &str, args: &[Value], expected: &str) {
    let mut all = vec![Value::from(pattern)];
    all.extend_from_slice(args);
    assert_eq!(outcome(FUNCTIONS, "FORMAT", &all), expected, "{pattern}");
}

#[test]
fn integers() {
    let check = |pattern: &str, value: i64, expected: &str| {
        check(pattern, &[Value::Int64(value)], expected);
    };
    check("%d", 7, "7");
    check("%i|", -7, "-7|");
    check("%5d", 42, "   42");
    check("%-5d|", 42, "42   |");
    check("%05d", -42, "-0042");
    check("%+d", 42, "+42");
    check("% d", 42, " 42");
    check("%.4d", 42, "0042");
    check("%06.3d", 42, "   042");
    check("%'d", 1_234_567, "1,234,567");
    check("%'d", i64::MIN, "-9,223,372,036,854,775,808");
    check("%'012d", 1234, "00000001,234");
    check("%x", 255, "ff");
    check("%X", -255, "-FF");
    check("%#x", 255, "0xff");
    check("%'x", 0x12_3456_789a, "12:3456:789a");
    check("%o", 8, "10");
    check("%#o", 8, "010");
    check("%'o", 0o1234567, "123,4567");
    check("%u", 1, "ERROR Invalid type for argument 2 to FORMAT; Expected UINT; Got INT64");
    check("%f", 1, "ERROR Invalid type for argument 2 to FORMAT; Expected FLOAT64; Got INT64");
}

#[test]
fn doubles() {
    let check = |pattern: &str, value: f64, expected: &str| {
        check(pattern, &[Value::Float64(value)], expected);
    };
    check("%f", 1.5, "1.500000");
    check("%.3f", 2.14159, "2.142");
    check("%.0f", 2.5, "2");
    check("%#.0f", 2.5, "2.");
    check("%8.2f", -1.0, "   -1.00");
    check("%-8.2f|", 1.0, "1.00    |");
    check("%08.2f", -1.0, "-0001.00");
    check("%'.2f", 1_234_567.891, "1,234,567.89");
    check("%e", 12345.678, "1.234568e+04");
    check("%.2E", 0.000_012_345, "1.23E-05");
    check("%g", 100_000.0, "100000");
    check("%g", 1_000_000.0, "1e+06");
    check("%g", 0.0001, "0.0001");
    check("%g", 0.00001, "1e-05");
    check("%#g", 1.0, "1.00000");
    check("%.10g", 1.0 / 3.0, "0.3333333333");
    check("%g", f64::INFINITY, "inf");
    check("%F", f64::NEG_INFINITY, "-INF");
    check("%05f", f64::NAN, "  nan");
    check("%f", -0.0, "0.000000");
    check("%s", 1.0, "ERROR Invalid type for argument 2 to FORMAT; Expected STRING; Got FLOAT64");
    check("%d", 1.0, "ERROR Invalid type for argument 2 to FORMAT; Expected integer; Got FLOAT64");
    check("%.2000f", 1.0, "ERROR Precision value is too big1074");
}

#[test]
fn decimals() {
    let check = |pattern: &str, value: &str, expected: &str| {
        let numeric = Value::Numeric(Numeric::parse(value).expect("a NUMERIC"));
        check(pattern, &[numeric], expected);
        let big = Value::big_numeric(BigNumeric::parse(value).expect("a BIGNUMERIC"));
        check(pattern, &[big], expected);
    };
    check("%f", "1.5", "1.500000");
    check("%.1f", "0.25", "0.3");
    check("%.0f", "-2.5", "-3");
    check("%.2f", "9.999", "10.00");
    check("%.3f", "0.0005", "0.001");
    check("%'.1f", "1234567.89", "1,234,567.9");
    check("%e", "12345.678", "1.234568e+04");
    check("%.1e", "99.9", "1.0e+02");
    check("%.0e", "0.05", "5e-02");
    check("%e", "0", "0.000000e+00");
    check("%g", "123456.7", "123457");
    check("%g", "1234567.8", "1.23457e+06");
    check("%g", "0.5", "0.5");
    check("%010.2f", "-3.14159", "-000003.14");
}

#[test]
fn texts_and_values() {
    check("%s=%d", &[Value::from("n"), Value::Int64(7)], "n=7");
    check("|%5s|%-5s|%.2s|", &["é", "b", "日本語"].map(Value::from), "|    é|b    |日本|");
    check("%*d|%-*d|", &[5, 1, 3, 2].map(Value::Int64), "    1|2  |");
    check("%*d|", &[-5, 1].map(Value::Int64), "1    |");
    check("%.*f", &[Value::Int64(2), Value::Float64(2.14159)], "2.14");
    check("100%%", &[], "100%");
    check("", &[], "");
    check("%t %T", &[Value::Float64(1.0), Value::from("it's")], "1.0 \"it's\"");
    check("%t", &[Value::array([Value::Int64(1), Value::Int64(2)])], "[1, 2]");
    check("%t %T", &[Value::Null, Value::Null], "NULL NULL");
    check("%6t|", &[Value::Null], "  NULL|");
    check("%s", &[Value::Null], "NULL");
    check("%T", &[Value::Date(0)], "DATE \"1970-01-01\"");
    let json = || Value::json(serde_json::json!({"a": [1.0]}));
    check("%p", &[json()], r#"{"a":[1.0]}"#);
    check("%P", &[json()], "{\n  \"a\": [\n    1.0\n  ]\n}");
    check("%t", &[json()], r#"{"a":[1.0]}"#);
}

#[test]
fn refusals() {
    let text = || Value::from("x");
    check(
        "%s %s",
        &[text()],
        "ERROR Too few arguments to FORMAT for pattern \"%s %s\"; Expected 3; Got 2",
    );
    check(
        "%s",
        &[text(), text()],
        "ERROR Too many arguments to FORMAT for pattern \"%s\"; Expected 2; Got 3",
    );
    check("%", &[], "ERROR Invalid FORMAT string: \"%\"");
    check("%5%", &[], "ERROR Invalid FORMAT string: \"%5%\"");
    check(
        "%c",
        &[text()],
        "ERROR Invalid format specifier character \"c\" in FORMAT string: \"%c\"",
    );
    check(
        "%*s",
        &[text(), text()],
        "ERROR Invalid type for argument 2 to FORMAT; Expected integer; Got STRING",
    );
    check(
        "%2000000d",
        &[Value::Int64(1)],
        "ERROR Width 2000000 exceeds the maximum supported output width of FORMAT. Limit: 1048576",
    );
    check(
        "%*d",
        &[2_000_000, 1].map(Value::Int64),
        "ERROR Output string too long while evaluating FORMAT; limit 1048576",
    );
    check(
        "%1000000d%1000000d",
        &[1, 1].map(Value::Int64),
        "ERROR Output string too long while evaluating FORMAT; limit 1048576",
    );
}

#[test]
fn a_null_makes_the_whole_null() {
    let args = [Value::from("%d"), Value::Null];
    let types = [Type::String, Type::Int64];
    let found = call_typed(FUNCTIONS, "FORMAT", &args, &types);
    assert_eq!(found, Ok(Value::Null));
}

proptest! {
    #[test]
    fn any_pattern_is_written_or_refused(
        pattern in "[-%dsfegoxXtT0-9.*'# +é]{0,12}",
        number in any::<i64>(),
        double in any::<f64>(),
    ) {
        let numeric = Numeric::from_f64(double).map_or(Value::Float64(double), Value::Numeric);
        let choices = [Value::Int64(number), Value::Float64(double), Value::from("é"), numeric];
        for count in 0..=choices.len() {
            let mut args = vec![Value::from(pattern.as_str())];
            args.extend_from_slice(&choices[..count]);
            let types: Vec<Type> = args.iter().map(type_of).collect();
            let _ = call_typed(FUNCTIONS, "FORMAT", &args, &types);
        }
    }

    #[test]
    fn decimals_are_rounded_as_decimals(units in -999_999i64..999_999, precision in 0usize..6) {
        let text = format!("{}e-4", units);
        let numeric = Numeric::parse(&text).expect("a NUMERIC");
        let args = [Value::from(format!("%.{precision}f")), Value::Numeric(numeric)];
        let types = [Type::String, Type::Numeric];
        let found = call_typed(FUNCTIONS, "FORMAT", &args, &types);
        let found = Numeric::parse(&render(&found.expect("it formats"))).expect("a NUMERIC");
        let off = (found.scaled() - numeric.scaled()).abs();
        let step = Numeric::ONE_SCALED / 10i128.pow(u32::try_from(precision).expect("small"));
        prop_assert!(off * 2 <= step);
    }
}

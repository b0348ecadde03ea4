//! Goal: mathematical functions give BigQuery's digits and errors. Method: tables of calls, and properties
//! that tie the decimal functions to those of doubles.

use proptest::prelude::*;

use super::super::arithmetic::tests::{big_numeric, call, numeric, outcome};
use super::*;

fn check(name: &str, args: &[Value], expected: Result<Value, &str>) {
    assert_eq!(outcome(name, args), expected.map_err(str::to_owned), "{name}");
}

#[test]
fn signs() {
    check("ABS", &[i64::MIN.into()], Err("int64 overflow: --9223372036854775808"));
    check("ABS", &[(-5).into()], Ok(5.into()));
    check("ABS", &[numeric("-1.5")], Ok(numeric("1.5")));
    check("SIGN", &[(-5).into()], Ok((-1).into()));
    check("SIGN", &[0.0.into()], Ok(0.0.into()));
    check("SIGN", &[f64::NEG_INFINITY.into()], Ok((-1.0).into()));
    check("SIGN", &[big_numeric("0.1")], Ok(big_numeric("1")));
    check("IS_INF", &[f64::INFINITY.into()], Ok(true.into()));
    check("IS_NAN", &[f64::NAN.into()], Ok(true.into()));
}

#[test]
fn doubles_round_to_digits() {
    let round = |value: f64, digits: i64, expected: f64| {
        check("ROUND", &[value.into(), digits.into()], Ok(expected.into()));
    };
    round(3.24159, 2, 3.24);
    round(2.675, 2, 2.67);
    round(1.005, 2, 1.0);
    round(0.125, 2, 0.13);
    round(-1.5, 0, -2.0);
    round(1234.5, -2, 1200.0);
    round(1234.5, -400, 0.0);
    round(1234.5, 400, 1234.5);
    check("ROUND", &[2.5.into()], Ok(3.0.into()));
    check("ROUND", &[(-2.5).into()], Ok((-3.0).into()));
    check(
        "ROUND",
        &[1.7e308.into(), (-308).into()],
        Err("Floating point overflow in function: ROUND(1.7e+308, 308)"),
    );
    check("TRUNC", &[(-2.789).into(), 2.into()], Ok((-2.78).into()));
    check("TRUNC", &[2.9.into()], Ok(2.0.into()));
    check("CEIL", &[(-3.2).into()], Ok((-3.0).into()));
    check("FLOOR", &[(-3.2).into()], Ok((-4.0).into()));
}

#[test]
fn decimals_round_to_digits() {
    check("ROUND", &[numeric("2.5")], Ok(numeric("3")));
    check("ROUND", &[numeric("2.555"), 2.into()], Ok(numeric("2.56")));
    check("ROUND", &[numeric("2.5"), 0.into(), "ROUND_HALF_EVEN".into()], Ok(numeric("2")));
    check("TRUNC", &[big_numeric("-2.555"), 2.into()], Ok(big_numeric("-2.55")));
    check("CEILING", &[numeric("2.000000001")], Ok(numeric("3")));
    check("FLOOR", &[numeric("-2.000000001")], Ok(numeric("-3")));
    let most = "99999999999999999999999999999.999999999";
    let overflow = format!("numeric overflow: ROUND({most}, 0)");
    check("ROUND", &[numeric(most)], Err(&overflow));
    let overflow = format!("numeric overflow: CEIL({most})");
    check("CEIL", &[numeric(most)], Err(&overflow));
}

#[test]
fn roots_powers_and_logarithms() {
    check("SQRT", &[16.0.into()], Ok(4.0.into()));
    check("SQRT", &[(-1.0).into()], Err("Argument to SQRT cannot be negative: -1"));
    check("SQRT", &[numeric("2")], Ok(numeric("1.414213562")));
    check("SQRT", &[numeric("-2")], Err("SQRT is undefined for negative value: SQRT(-2)"));
    check("CBRT", &[(-8.0).into()], Ok((-2.0).into()));
    check("CBRT", &[numeric("-27")], Ok(numeric("-3")));
    check("EXP", &[1.0.into()], Ok(std::f64::consts::E.into()));
    check("EXP", &[1000.0.into()], Err("Floating point error in function: EXP(1000)"));
    check("EXP", &[numeric("1")], Ok(numeric("2.718281828")));
    check("EXP", &[numeric("-1000")], Ok(numeric("0")));
    check("EXP", &[numeric("100")], Err("numeric overflow: EXP(100)"));
    let e = big_numeric("2.71828182845904523536028747135266249776");
    check("EXP", &[big_numeric("1")], Ok(e));
    check("LN", &[(-1.0).into()], Err("Floating point error in function: LN(-1)"));
    check("LN", &[0.0.into()], Err("Floating point error in function: LN(0)"));
    check("LN", &[numeric("10")], Ok(numeric("2.302585093")));
    check("LN", &[numeric("0")], Err("LN is undefined for zero or negative value: LN(0)"));
    check("LOG10", &[1000.0.into()], Ok(3.0.into()));
    check("LOG10", &[big_numeric("0.001")], Ok(big_numeric("-3")));
    check("LOG", &[100.0.into(), 10.0.into()], Ok(2.0.into()));
    check("LOG", &[100.0.into(), 0.0.into()], Err("Floating point error in function: LOG(100, 0)"));
    check("LOG", &[numeric("8"), numeric("2")], Ok(numeric("3")));
    check("POW", &[2.0.into(), 10.0.into()], Ok(1024.0.into()));
    check("POW", &[0.0.into(), (-1.0).into()], Err("Floating point error in function: POW(0, -1)"));
    check("POW", &[numeric("2"), numeric("-2")], Ok(numeric("0.25")));
    check("POWER", &[numeric("2"), numeric("0.5")], Ok(numeric("1.414213562")));
    check("POW", &[numeric("-2"), numeric("3")], Ok(numeric("-8")));
    check("POW", &[numeric("0"), numeric("-1")], Err("division by zero: POW(0, -1)"));
    check(
        "POW",
        &[numeric("-2"), numeric("0.5")],
        Err("Negative NUMERIC value cannot be raised to a fractional power: POW(-2, 0.5)"),
    );
    check("POW", &[numeric("10"), numeric("29")], Err("numeric overflow: POW(10, 29)"));
    check("POW", &[numeric("1.000000001"), numeric("1000000000")], Ok(numeric("2.718281827")));
}

#[test]
fn trigonometry_and_its_errors() {
    let near = |name, value: f64, expected: f64| {
        let result = call(name, &[value.into()]).unwrap().as_float64().unwrap();
        assert!((result - expected).abs() < 1e-6, "{name}({value}) = {result}");
    };
    near("COT", -1.0, -0.642_093);
    near("CSC", -1.5, -1.002_511);
    near("SEC", 1.0, 1.850_816);
    near("CSCH", -2.0, -0.275_721);
    near("SECH", 1.0, 0.648_054);
    near("COTH", 1.0, 1.313_035);
    near("ASINH", -3.0, -1.818_446);
    near("ACOSH", 1.5, 0.962_424);
    near("ATANH", 0.5, 0.549_306);
    check("ATAN2", &[1.0.into(), 1.0.into()], Ok(std::f64::consts::FRAC_PI_4.into()));
    check("COT", &[0.0.into()], Err("Floating point error in function: COT(0)"));
    check("ACOS", &[2.0.into()], Err("Floating point error in function: ACOS(2)"));
    check("ATANH", &[1.0.into()], Err("Floating point error in function: ATANH(1)"));
    check("ACOSH", &[0.5.into()], Err("Floating point error in function: ACOSH(0.5)"));
    check("SINH", &[1000.0.into()], Err("Floating point overflow in function: SINH(1000)"));
}

#[test]
fn extremes_and_buckets() {
    check("GREATEST", &[1.into(), 3.into(), 2.into()], Ok(3.into()));
    check("LEAST", &["b".into(), "a".into()], Ok("a".into()));
    assert!(
        outcome("GREATEST", &[1.0.into(), f64::NAN.into()]).unwrap().as_float64().unwrap().is_nan()
    );
    let bounds = || Value::array([10, 20, 30].map(Value::Int64));
    check("RANGE_BUCKET", &[5.into(), bounds()], Ok(0.into()));
    check("RANGE_BUCKET", &[20.into(), bounds()], Ok(2.into()));
    check("RANGE_BUCKET", &[35.into(), bounds()], Ok(3.into()));
    check(
        "RANGE_BUCKET",
        &[5.into(), Value::array([20, 10].map(Value::Int64))],
        Err("Elements in input array to RANGE_BUCKET must be in ascending order. Nonconforming \
             elements found at position 1 and 2"),
    );
    check(
        "RANGE_BUCKET",
        &[5.into(), Value::array([Value::Null])],
        Err(
            "Elements in input array to RANGE_BUCKET cannot be null. Null element found at position 1",
        ),
    );
}

#[test]
fn numbers_of_people_are_read() {
    let good = |text: &str, expected: &str| {
        check("PARSE_NUMERIC", &[text.into()], Ok(numeric(expected)));
        check("PARSE_BIGNUMERIC", &[text.into()], Ok(big_numeric(expected)));
    };
    good("123.45", "123.45");
    good(" - 1,234.5 ", "-1234.5");
    good("12.34 -", "-12.34");
    good("1,2,3,.5", "123.5");
    good(".5e2", "50");
    for bad in ["", "1.2,3", "--1", "-1-", ",", "a", "1 2", "+ -1"] {
        let error = format!("Invalid input to PARSE_NUMERIC: \"{bad}\"");
        check("PARSE_NUMERIC", &[bad.into()], Err(&error));
    }
}

#[test]
fn distances() {
    let dense = |values: &[f64]| Value::array(values.iter().copied().map(Value::Float64));
    check("EUCLIDEAN_DISTANCE", &[dense(&[1.0, 2.0]), dense(&[4.0, 6.0])], Ok(5.0.into()));
    check("COSINE_DISTANCE", &[dense(&[1.0, 0.0]), dense(&[0.0, 1.0])], Ok(1.0.into()));
    check(
        "COSINE_DISTANCE",
        &[dense(&[0.0]), dense(&[1.0])],
        Err("Cannot compute cosine distance against zero vector"),
    );
    let sparse = |values: &[(i64, f64)]| {
        let entry = |(key, value): &(i64, f64)| Value::structure([(*key).into(), (*value).into()]);
        Value::array(values.iter().map(entry))
    };
    let (left, right) = (sparse(&[(1, 3.0)]), sparse(&[(2, 4.0)]));
    check("EUCLIDEAN_DISTANCE", &[left, right], Ok(5.0.into()));
}

proptest! {
    #[test]
    fn decimal_functions_agree_with_doubles(value in 0.001..80.0_f64, power in -3.0..3.0_f64) {
        let decimal = |value: f64| Value::big_numeric(BigNumeric::from_f64(value).unwrap());
        let number = |value: Value| match value {
            Value::BigNumeric(value) => value.to_f64(),
            _ => f64::NAN,
        };
        let close = |name, args: &[Value], expected: f64| {
            let result = number(call(name, args).unwrap());
            assert!((result - expected).abs() <= expected.abs() * 1e-13, "{name}: {result} {expected}");
        };
        close("EXP", &[decimal(value)], value.exp());
        close("SQRT", &[decimal(value)], value.sqrt());
        close("CBRT", &[decimal(value)], value.cbrt());
        close("POW", &[decimal(value), decimal(power)], value.powf(power));
        prop_assume!((value - 1.0).abs() > 0.01);
        close("LN", &[decimal(value)], value.ln());
        close("LOG", &[decimal(value), decimal(10.0)], value.log10());
    }

    #[test]
    fn doubles_of_few_digits_round_to_themselves(digits in -999_999_i64..999_999) {
        let value: f64 = format!("{digits}e-3").parse().unwrap();
        prop_assert_eq!(call("ROUND", &[value.into(), 3.into()]).unwrap(), Value::Float64(value));
        prop_assert_eq!(call("ROUND", &[value.into(), 6.into()]).unwrap(), Value::Float64(value));
    }

    #[test]
    fn nothing_panics(value in any::<f64>(), other in any::<f64>(), digits in any::<i64>()) {
        for function in FUNCTIONS {
            for args in [
                vec![value.into(), other.into()],
                vec![value.into(), Value::Int64(digits)],
                vec![Value::Int64(digits), Value::Int64(digits)],
                vec![Value::Numeric(digits.into()), Value::Numeric(digits.into())],
                vec![Value::big_numeric(BigNumeric::from(digits)); 2],
            ] {
                let _ = call(function.name, &args);
            }
        }
    }
}

//! Goal: operators give the right numbers and BigQuery's errors. Method: tables of calls, and properties
//! against wider integers.

use proptest::prelude::*;

use super::*;
use crate::functions::{bits, math};
use crate::session::Session;
use crate::sql_type::Type;

/// Calls a function of the numeric families, whichever overload takes it.
pub(crate) fn call(name: &str, args: &[Value]) -> Result<Value> {
    let lists = [FUNCTIONS, bits::FUNCTIONS, math::FUNCTIONS];
    let function = lists
        .iter()
        .flat_map(|list| list.iter())
        .find(|function| function.name == name)
        .unwrap_or_else(|| panic!("no function {name}"));
    let session = Session::new("p", 0, 0);
    let types = vec![Type::Int64; args.len()];
    let call = Call { session: &session, args: &types };
    (function.call)(&call, args)
}

/// The value, or the error's text.
pub(crate) fn outcome(name: &str, args: &[Value]) -> Result<Value, String> {
    call(name, args).map_err(|error| error.message)
}

pub(crate) fn numeric(text: &str) -> Value {
    Value::Numeric(Numeric::parse(text).unwrap())
}

pub(crate) fn big_numeric(text: &str) -> Value {
    Value::big_numeric(BigNumeric::parse(text).unwrap())
}

fn check(name: &str, args: &[Value], expected: Result<Value, &str>) {
    assert_eq!(outcome(name, args), expected.map_err(str::to_owned), "{name}");
}

#[test]
fn results_in_range() {
    check("$add", &[1.into(), 2.into()], Ok(3.into()));
    check("$subtract", &[numeric("1"), numeric("0.1")], Ok(numeric("0.9")));
    check("$multiply", &[big_numeric("1.5"), big_numeric("-2")], Ok(big_numeric("-3")));
    check("$divide", &[3.0.into(), 2.0.into()], Ok(1.5.into()));
    check("$divide", &[numeric("1"), numeric("3")], Ok(numeric("0.333333333")));
    check("$divide", &[numeric("2"), numeric("3")], Ok(numeric("0.666666667")));
    check("$unary_minus", &[2.5.into()], Ok((-2.5).into()));
    check("DIV", &[(-7).into(), 2.into()], Ok((-3).into()));
    check("DIV", &[numeric("7.5"), numeric("2")], Ok(numeric("3")));
    check("MOD", &[i64::MIN.into(), (-1).into()], Ok(0.into()));
    check("MOD", &[i64::MIN.into(), 3.into()], Ok((-2).into()));
    check("MOD", &[numeric("-7.5"), numeric("2")], Ok(numeric("-1.5")));
    check("IEEE_DIVIDE", &[1.0.into(), 0.0.into()], Ok(f64::INFINITY.into()));
    check("$add", &[f64::INFINITY.into(), 1.0.into()], Ok(f64::INFINITY.into()));
}

#[test]
fn results_out_of_range() {
    let max = i64::MAX;
    check("$add", &[max.into(), 1.into()], Err("int64 overflow: 9223372036854775807 + 1"));
    check(
        "$subtract",
        &[i64::MIN.into(), 1.into()],
        Err("int64 overflow: -9223372036854775808 - 1"),
    );
    check("$multiply", &[max.into(), 2.into()], Err("int64 overflow: 9223372036854775807 * 2"));
    check("$unary_minus", &[i64::MIN.into()], Err("int64 overflow: --9223372036854775808"));
    check("DIV", &[i64::MIN.into(), (-1).into()], Err("int64 overflow: --9223372036854775808"));
    check("$multiply", &[1e308.into(), 10.0.into()], Err("double overflow: 1e+308 * 10"));
    check("$divide", &[3.0.into(), 0.0.into()], Err("division by zero: 3 / 0"));
    check("$divide", &[1_234_567.0.into(), 0.0.into()], Err("division by zero: 1.23457e+06 / 0"));
    check("$divide", &[numeric("1.5"), numeric("0")], Err("division by zero: 1.5 / 0"));
    check("DIV", &[3.into(), 0.into()], Err("division by zero: 3 / 0"));
    check("DIV", &[numeric("3"), numeric("0")], Err("division by zero: DIV(3, 0)"));
    check("MOD", &[3.into(), 0.into()], Err("division by zero: MOD(3, 0)"));
    let most = Value::Numeric(Numeric::from_scaled(Numeric::MAX_SCALED).unwrap());
    let overflow = "numeric overflow: 99999999999999999999999999999.999999999 + 1";
    check("$add", &[most, numeric("1")], Err(overflow));
    let text = "500000000000000000000000000000000000000";
    check(
        "$multiply",
        &[big_numeric(text), big_numeric("2")],
        Err("BIGNUMERIC overflow: 500000000000000000000000000000000000000 * 2"),
    );
}

#[test]
fn safe_functions_answer_null() {
    check("SAFE_ADD", &[i64::MAX.into(), 1.into()], Ok(Value::Null));
    check("SAFE_SUBTRACT", &[5.into(), 3.into()], Ok(2.into()));
    check("SAFE_MULTIPLY", &[1e308.into(), 10.0.into()], Ok(Value::Null));
    check("SAFE_DIVIDE", &[1.0.into(), 0.0.into()], Ok(Value::Null));
    check("SAFE_DIVIDE", &[7.0.into(), 2.0.into()], Ok(3.5.into()));
    check("SAFE_NEGATE", &[i64::MIN.into()], Ok(Value::Null));
}

proptest! {
    #[test]
    fn integers_agree_with_wider_ones(left in any::<i64>(), right in any::<i64>()) {
        let (wide_left, wide_right) = (i128::from(left), i128::from(right));
        let expected = [
            ("$add", wide_left.checked_add(wide_right)),
            ("$subtract", wide_left.checked_sub(wide_right)),
            ("$multiply", wide_left.checked_mul(wide_right)),
            ("DIV", wide_left.checked_div(wide_right)),
            ("MOD", wide_left.checked_rem(wide_right)),
        ];
        for (name, expected) in expected {
            let expected = expected.and_then(|value| i64::try_from(value).ok());
            let found = call(name, &[left.into(), right.into()]).ok();
            prop_assert_eq!(found, expected.map(Value::Int64));
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        integers in any::<(i64, i64)>(),
        doubles in any::<(f64, f64)>(),
        scaled in (any::<i128>(), any::<i128>()),
        bytes in any::<(Vec<u8>, i64)>(),
    ) {
        let limit =
            |scaled: i128| Numeric::from_scaled(scaled % (Numeric::MAX_SCALED + 1)).unwrap();
        let decimals = (limit(scaled.0), limit(scaled.1));
        let big = |number: Numeric| {
            let wide = BigNumeric::from_scaled(BigNumeric::from(number).scaled() * 578_960_444);
            Value::big_numeric(wide.unwrap_or_else(|| number.into()))
        };
        let pairs = [
            [integers.0.into(), integers.1.into()],
            [doubles.0.into(), doubles.1.into()],
            [Value::Numeric(decimals.0), Value::Numeric(decimals.1)],
            [big(decimals.0), big(decimals.1)],
            [Value::bytes(&bytes.0), bytes.1.into()],
            [Value::bytes(&bytes.0), Value::bytes(&bytes.0)],
        ];
        for function in FUNCTIONS.iter().chain(bits::FUNCTIONS) {
            for pair in &pairs {
                let _ = call(function.name, pair);
            }
        }
    }
}

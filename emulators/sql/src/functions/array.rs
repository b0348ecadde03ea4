//! Functions of arrays: elements by index, parts, joining, series of numbers.
//! Lambdas and subqueries are the evaluator's. Invariant: no array grows beyond a bound that its
//! function names.

use std::sync::Arc;

use hashbrown::HashSet;

use super::arithmetic::{mismatch, strict};
use super::{Call, ScalarFunction};
use crate::error::{Result, SqlError};
use crate::value::{BigNumeric, GroupKey, Numeric, Value};

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("ARRAY_LENGTH", &["(ARRAY<T1>) -> INT64"], |_, args| {
        Ok(Value::Int64(count(elements(&args[0])?)))
    }),
    strict("ARRAY_CONCAT", &["(ARRAY<T1>, [ARRAY<T1>, ...]) -> ARRAY<T1>"], concat),
    strict("ARRAY_REVERSE", &["(ARRAY<T1>) -> ARRAY<T1>"], |_, args| {
        Ok(Value::array(elements(&args[0])?.iter().rev().cloned()))
    }),
    strict(
        "ARRAY_TO_STRING",
        &["(ARRAY<STRING>, STRING, [STRING]) -> STRING", "(ARRAY<BYTES>, BYTES, [BYTES]) -> BYTES"],
        to_string,
    ),
    strict("ARRAY_FIRST", &["(ARRAY<T1>) -> T1"], |_, args| {
        end("ARRAY_FIRST", "first", elements(&args[0])?.first())
    }),
    strict("ARRAY_LAST", &["(ARRAY<T1>) -> T1"], |_, args| {
        end("ARRAY_LAST", "last", elements(&args[0])?.last())
    }),
    strict("ARRAY_SLICE", &["(ARRAY<T1>, INT64, INT64) -> ARRAY<T1>"], slice),
    strict("ARRAY_IS_DISTINCT", &["(ARRAY<T1>) -> BOOL"], is_distinct),
    strict(
        "GENERATE_ARRAY",
        &[
            "(INT64, INT64, [INT64]) -> ARRAY<INT64>",
            "(NUMERIC, NUMERIC, [NUMERIC]) -> ARRAY<NUMERIC>",
            "(BIGNUMERIC, BIGNUMERIC, [BIGNUMERIC]) -> ARRAY<BIGNUMERIC>",
            "(FLOAT64, FLOAT64, [FLOAT64]) -> ARRAY<FLOAT64>",
        ],
        generate,
    ),
    strict("$array_at_offset", AT, |_, args| at(args, 0)),
    strict("$array_at_ordinal", AT, |_, args| at(args, 1)),
    strict("$safe_array_at_offset", AT, |_, args| Ok(at(args, 0).unwrap_or_default())),
    strict("$safe_array_at_ordinal", AT, |_, args| Ok(at(args, 1).unwrap_or_default())),
];

const AT: &[&str] = &["(ARRAY<T1>, INT64) -> T1"];

/// No generated array has more elements.
const GENERATED_MAX: usize = 1_048_575;

fn elements(value: &Value) -> Result<&[Value]> {
    value.as_array().ok_or_else(mismatch)
}

fn count(elements: &[Value]) -> i64 {
    i64::try_from(elements.len()).unwrap_or(i64::MAX)
}

fn concat(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut all = Vec::new();
    for array in args {
        all.extend_from_slice(elements(array)?);
    }
    Ok(Value::Array(all.into()))
}

fn to_string(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let is_text = matches!(args[1], Value::String(_));
    let bytes = |value: &Value| match value {
        Value::String(text) => Ok(Arc::<[u8]>::from(text.as_bytes())),
        Value::Bytes(bytes) => Ok(Arc::clone(bytes)),
        _ => Err(mismatch()),
    };
    let mut parts = Vec::new();
    for element in elements(&args[0])? {
        match (element, args.get(2)) {
            (Value::Null, None) => {}
            (Value::Null, Some(null_text)) => parts.push(bytes(null_text)?),
            (element, _) => parts.push(bytes(element)?),
        }
    }
    let joined = parts.join(&bytes(&args[1])?[..]);
    if is_text {
        return String::from_utf8(joined).map(Value::from).map_err(|_| mismatch());
    }
    Ok(Value::Bytes(joined.into()))
}

fn end(function: &str, which: &str, element: Option<&Value>) -> Result<Value> {
    element.cloned().ok_or_else(|| {
        SqlError::evaluation(format!("{function} cannot get the {which} element of an empty array"))
    })
}

/// The elements from one offset to another, both included; negative ones count from the end.
fn slice(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let all = elements(&args[0])?;
    let length = count(all);
    let offset = |value: &Value| {
        let offset = value.as_int64().ok_or_else(mismatch)?;
        Ok::<_, SqlError>(if offset < 0 { offset.saturating_add(length) } else { offset })
    };
    let (start, end) = (offset(&args[1])?.max(0), offset(&args[2])?.min(length - 1));
    let part = match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end => all.get(start..=end).unwrap_or_default(),
        _ => &[],
    };
    Ok(Value::array(part.iter().cloned()))
}

fn is_distinct(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut seen = HashSet::new();
    let distinct = elements(&args[0])?.iter().all(|value| seen.insert(GroupKey(value.clone())));
    Ok(distinct.into())
}

fn at(args: &[Value], base: i64) -> Result<Value> {
    let [Value::Array(all), Value::Int64(position)] = args else { return Err(mismatch()) };
    if *position < base {
        return Err(SqlError::evaluation(format!(
            "Array index {position} is out of bounds (underflow)"
        )));
    }
    let index = usize::try_from(position - base).unwrap_or(usize::MAX);
    all.get(index).cloned().ok_or_else(|| {
        SqlError::evaluation(format!("Array index {position} is out of bounds (overflow)"))
    })
}

fn generate(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match (&args[0], &args[1], args.get(2)) {
        (Value::Int64(start), Value::Int64(end), step) => {
            let step = step.map_or(Some(1), Value::as_int64).ok_or_else(mismatch)?;
            series(start, end, &step, &0, |last, _| last.checked_add(step), Value::Int64)
        }
        (Value::Float64(start), Value::Float64(end), step) => {
            let step = step.map_or(Some(1.0), Value::as_float64).ok_or_else(mismatch)?;
            generate_doubles(*start, *end, step)
        }
        (Value::Numeric(start), Value::Numeric(end), step) => {
            let step = match step {
                None => Numeric::from(1),
                Some(Value::Numeric(step)) => *step,
                Some(_) => return Err(mismatch()),
            };
            let zero = Numeric::ZERO;
            series(start, end, &step, &zero, |last, _| last.checked_add(step), Value::Numeric)
        }
        (Value::BigNumeric(start), Value::BigNumeric(end), step) => {
            let step = match step {
                None => BigNumeric::from(1),
                Some(Value::BigNumeric(step)) => step.as_ref().clone(),
                Some(_) => return Err(mismatch()),
            };
            let (start, end, zero) = (start.as_ref(), end.as_ref(), BigNumeric::from(0));
            series(start, end, &step, &zero, |last, _| last.checked_add(&step), Value::big_numeric)
        }
        _ => Err(mismatch()),
    }
}

fn generate_doubles(start: f64, end: f64, step: f64) -> Result<Value> {
    if start.is_nan() || end.is_nan() || step.is_nan() {
        return Err(SqlError::evaluation("Sequence start, end, and step cannot be NaN."));
    }
    if step.is_infinite() {
        return Err(SqlError::evaluation("Sequence step cannot be +/-inf."));
    }
    // From the start each time, so that errors do not add up.
    #[expect(clippy::cast_precision_loss, reason = "the count is bounded far below 2^53")]
    let next = |_: &f64, count: usize| {
        let next = start + count as f64 * step;
        next.is_finite().then_some(next)
    };
    series(&start, &end, &step, &0.0, next, Value::Float64)
}

/// The values from start to end, both included; `next` is given the last value and the count so far.
fn series<T: Clone + PartialOrd>(
    start: &T,
    end: &T,
    step: &T,
    zero: &T,
    next: impl Fn(&T, usize) -> Option<T>,
    value: impl Fn(T) -> Value,
) -> Result<Value> {
    if step == zero {
        return Err(SqlError::evaluation("Sequence step cannot be 0."));
    }
    let upward = step > zero;
    let mut values = Vec::new();
    let mut current = Some(start.clone());
    while let Some(element) =
        current.take_if(|element| if upward { *element <= *end } else { *element >= *end })
    {
        if values.len() == GENERATED_MAX {
            return Err(SqlError::evaluation(format!(
                "Cannot generate arrays with more than {GENERATED_MAX} elements."
            )));
        }
        current = next(&element, values.len() + 1);
        values.push(value(element));
        if start == end {
            break;
        }
    }
    Ok(Value::Array(values.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::arithmetic::tests::{big_numeric, numeric};
    use crate::session::Session;

    fn check(name: &str, args: &[Value], expected: Result<Value, &str>) {
        let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
        let session = Session::new("p", 0, 0);
        let call = Call { session: &session, args: &[] };
        let outcome = (function.call)(&call, args).map_err(|error| error.message);
        assert_eq!(outcome, expected.map_err(str::to_owned), "{name}");
    }

    fn integers(values: &[i64]) -> Value {
        Value::array(values.iter().copied().map(Value::Int64))
    }

    #[test]
    fn elements_and_parts() {
        let three = || integers(&[10, 20, 30]);
        check("ARRAY_LENGTH", &[three()], Ok(3.into()));
        check("ARRAY_REVERSE", &[three()], Ok(integers(&[30, 20, 10])));
        check("ARRAY_CONCAT", &[three(), integers(&[1])], Ok(integers(&[10, 20, 30, 1])));
        check("ARRAY_FIRST", &[three()], Ok(10.into()));
        check("ARRAY_LAST", &[three()], Ok(30.into()));
        let empty = "ARRAY_FIRST cannot get the first element of an empty array";
        check("ARRAY_FIRST", &[integers(&[])], Err(empty));
        check("$array_at_offset", &[three(), 1.into()], Ok(20.into()));
        check("$array_at_ordinal", &[three(), 1.into()], Ok(10.into()));
        let over = "Array index 3 is out of bounds (overflow)";
        check("$array_at_offset", &[three(), 3.into()], Err(over));
        let under = "Array index 0 is out of bounds (underflow)";
        check("$array_at_ordinal", &[three(), 0.into()], Err(under));
        check("$safe_array_at_offset", &[three(), i64::MAX.into()], Ok(Value::Null));
        check("$safe_array_at_ordinal", &[three(), i64::MIN.into()], Ok(Value::Null));
        check("ARRAY_IS_DISTINCT", &[three()], Ok(true.into()));
        check("ARRAY_IS_DISTINCT", &[Value::array([Value::Null, Value::Null])], Ok(false.into()));
    }

    #[test]
    fn slices_count_from_both_ends() {
        let slice = |start: i64, end: i64, expected: &[i64]| {
            let args = [integers(&[1, 2, 3, 4, 5]), start.into(), end.into()];
            check("ARRAY_SLICE", &args, Ok(integers(expected)));
        };
        slice(1, 3, &[2, 3, 4]);
        slice(-3, -1, &[3, 4, 5]);
        slice(-30, 1, &[1, 2]);
        slice(3, 100, &[4, 5]);
        slice(3, 1, &[]);
        slice(0, -100, &[]);
        slice(i64::MIN, i64::MAX, &[1, 2, 3, 4, 5]);
    }

    #[test]
    fn joined_text() {
        let texts = || Value::array(["a".into(), Value::Null, "c".into()]);
        check("ARRAY_TO_STRING", &[texts(), ",".into()], Ok("a,c".into()));
        check("ARRAY_TO_STRING", &[texts(), ",".into(), "NA".into()], Ok("a,NA,c".into()));
        let bytes = Value::array([Value::bytes(b"a"), Value::bytes(b"b")]);
        check("ARRAY_TO_STRING", &[bytes, Value::bytes(b"-")], Ok(Value::bytes(b"a-b")));
    }

    #[test]
    fn generated_series() {
        let check = |args: &[Value], expected: Result<Value, &str>| {
            check("GENERATE_ARRAY", args, expected);
        };
        check(&[1.into(), 5.into()], Ok(integers(&[1, 2, 3, 4, 5])));
        check(&[10.into(), 0.into(), (-5).into()], Ok(integers(&[10, 5, 0])));
        check(&[1.into(), 5.into(), (-1).into()], Ok(integers(&[])));
        check(&[5.into(), 5.into(), (-1).into()], Ok(integers(&[5])));
        let near = i64::MAX - 1;
        check(&[near.into(), i64::MAX.into(), 2.into()], Ok(integers(&[near])));
        check(&[1.into(), 5.into(), 0.into()], Err("Sequence step cannot be 0."));
        let too_many = "Cannot generate arrays with more than 1048575 elements.";
        check(&[0.into(), i64::MAX.into()], Err(too_many));
        let tenths = [0.0, 0.1, 0.2, 0.1 * 3.0].map(Value::Float64);
        check(&[0.0.into(), 0.3.into(), 0.1.into()], Ok(Value::array(tenths[..3].to_vec())));
        check(
            &[f64::INFINITY.into(), f64::INFINITY.into()],
            Ok(Value::array([f64::INFINITY.into()])),
        );
        let halves = Value::array([numeric("1"), numeric("1.5"), numeric("2")]);
        check(&[numeric("1"), numeric("2"), numeric("0.5")], Ok(halves));
        check(&[big_numeric("1"), big_numeric("1.5")], Ok(Value::array([big_numeric("1")])));
    }
}

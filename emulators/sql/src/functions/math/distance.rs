//! Distances of vectors, dense (arrays of doubles) or sparse (arrays of an index and a double, in which what
//! is not named is zero).

use std::collections::BTreeMap;

use super::super::Call;
use super::super::arithmetic::short;
use super::mismatch;
use crate::error::{Result, SqlError};
use crate::value::Value;

pub(super) const SIGNATURES: &[&str] = &[
    "(ARRAY<FLOAT64>, ARRAY<FLOAT64>) -> FLOAT64",
    "(ARRAY<STRUCT<INT64, FLOAT64>>, ARRAY<STRUCT<INT64, FLOAT64>>) -> FLOAT64",
    "(ARRAY<STRUCT<STRING, FLOAT64>>, ARRAY<STRUCT<STRING, FLOAT64>>) -> FLOAT64",
];

pub(super) fn cosine(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (mut product, mut left_square, mut right_square) = (0.0, 0.0, 0.0);
    for (left, right) in pairs("COSINE_DISTANCE", args)? {
        product = finite(product, "+", finite(left, "*", right)?)?;
        left_square = finite(left_square, "+", finite(left, "*", left)?)?;
        right_square = finite(right_square, "+", finite(right, "*", right)?)?;
    }
    if left_square == 0.0 || right_square == 0.0 {
        return Err(SqlError::evaluation("Cannot compute cosine distance against zero vector"));
    }
    Ok(Value::Float64(1.0 - product / (left_square.sqrt() * right_square.sqrt())))
}

pub(super) fn euclidean(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut sum = 0.0;
    for (left, right) in pairs("EUCLIDEAN_DISTANCE", args)? {
        let difference = finite(left, "-", right)?;
        sum = finite(sum, "+", finite(difference, "*", difference)?)?;
    }
    Ok(Value::Float64(sum.sqrt()))
}

fn finite(left: f64, symbol: &str, right: f64) -> Result<f64> {
    let result = match symbol {
        "+" => left + right,
        "-" => left - right,
        _ => left * right,
    };
    if result.is_finite() || !left.is_finite() || !right.is_finite() {
        return Ok(result);
    }
    let (left, right) = (short(left), short(right));
    Err(SqlError::evaluation(format!("double overflow: {left} {symbol} {right}")))
}

/// The values of both vectors, dimension by dimension.
fn pairs(name: &str, args: &[Value]) -> Result<Vec<(f64, f64)>> {
    let [Value::Array(left), Value::Array(right)] = args else { return Err(mismatch()) };
    let is_sparse = |vector: &[Value]| matches!(vector.first(), Some(Value::Struct(_)));
    if is_sparse(left) || is_sparse(right) {
        let (left, right) = (sparse(left)?, sparse(right)?);
        let keys = left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>();
        let at = |vector: &BTreeMap<Key, f64>, key| vector.get(key).copied().unwrap_or(0.0);
        return Ok(keys.into_iter().map(|key| (at(&left, key), at(&right, key))).collect());
    }
    if left.len() != right.len() {
        return Err(SqlError::evaluation(format!(
            "Array length mismatch: {} and {}.",
            left.len(),
            right.len()
        )));
    }
    let number = |value: &Value| {
        value.as_float64().ok_or_else(|| {
            SqlError::evaluation(format!(
                "Cannot compute {name} with a NULL element, since it is unclear if NULLs should be \
                 ignored, counted as a zero value, or another interpretation."
            ))
        })
    };
    left.iter().zip(right.iter()).map(|(left, right)| Ok((number(left)?, number(right)?))).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Integer(i64),
    Text(String),
}

fn sparse(vector: &[Value]) -> Result<BTreeMap<Key, f64>> {
    let mut values = BTreeMap::new();
    for element in vector {
        let Value::Struct(fields) = element else {
            return Err(SqlError::evaluation("NULL array element"));
        };
        let (key, value) = match &fields[..] {
            [Value::Int64(key), Value::Float64(value)] => (Key::Integer(*key), *value),
            [Value::String(key), Value::Float64(value)] => (Key::Text(key.to_string()), *value),
            _ => return Err(SqlError::evaluation("NULL struct field")),
        };
        let text = match &key {
            Key::Integer(key) => key.to_string(),
            Key::Text(key) => key.clone(),
        };
        if values.insert(key, value).is_some() {
            return Err(SqlError::evaluation(format!(
                "Duplicate index {text} found in the input array"
            )));
        }
    }
    Ok(values)
}

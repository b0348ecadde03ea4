//! Equality, order and grouping of values of one type. Three questions that SQL keeps apart: `=` (NULL
//! makes NULL, NaN equals nothing), `ORDER BY` (NULL first, then NaN) and grouping (NULL equals NULL, NaN
//! equals NaN).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Value;

/// `left = right`: `None` is NULL.
#[must_use]
pub fn equals(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Float64(left), Value::Float64(right)) => Some(left == right),
        (Value::Struct(left), Value::Struct(right)) | (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                return Some(false);
            }
            let mut all = Some(true);
            for (left, right) in left.iter().zip(right.iter()) {
                match equals(left, right) {
                    Some(false) => return Some(false),
                    None => all = None,
                    Some(true) => {}
                }
            }
            all
        }
        _ => Some(compare(left, right) == Ordering::Equal),
    }
}

/// The order of `ORDER BY … ASC`: NULL, then NaN, then the rest. Values must be of one type.
#[must_use]
pub fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Int64(left), Value::Int64(right))
        | (Value::Time(left), Value::Time(right))
        | (Value::Datetime(left), Value::Datetime(right))
        | (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
        (Value::Date(left), Value::Date(right)) => left.cmp(right),
        (Value::Float64(left), Value::Float64(right)) => compare_floats(*left, *right),
        (Value::Numeric(left), Value::Numeric(right)) => left.cmp(right),
        (Value::BigNumeric(left), Value::BigNumeric(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Interval(left), Value::Interval(right)) => {
            left.comparable_nanos().cmp(&right.comparable_nanos())
        }
        (Value::Range(left), Value::Range(right)) => {
            // An unbounded start is the smallest, an unbounded end the largest.
            compare(&left[0], &right[0]).then_with(|| match (&left[1], &right[1]) {
                (Value::Null, Value::Null) => Ordering::Equal,
                (Value::Null, _) => Ordering::Greater,
                (_, Value::Null) => Ordering::Less,
                (left, right) => compare(left, right),
            })
        }
        (Value::Array(left), Value::Array(right)) | (Value::Struct(left), Value::Struct(right)) => {
            left.iter()
                .zip(right.iter())
                .map(|(left, right)| compare(left, right))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        (Value::Json(left), Value::Json(right)) => left.to_string().cmp(&right.to_string()),
        // Geographies have no order; the analyzer refuses to ask.
        _ => Ordering::Equal,
    }
}

fn compare_floats(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.partial_cmp(&right).expect("neither is NaN"),
    }
}

/// A value as `GROUP BY`, `DISTINCT` and `PARTITION BY` see it.
#[derive(Debug, Clone)]
pub struct GroupKey(pub Value);

impl PartialEq for GroupKey {
    fn eq(&self, other: &Self) -> bool {
        compare(&self.0, &other.0) == Ordering::Equal
    }
}

impl Eq for GroupKey {}

impl Hash for GroupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_group(&self.0, state);
    }
}

/// The hash that goes with [`GroupKey`]'s equality.
pub(crate) fn hash_group<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        // Geographies and JSON do not group; their hash need only be consistent.
        Value::Null | Value::Geography(_) | Value::Json(_) => state.write_u8(0),
        Value::Bool(value) => value.hash(state),
        Value::Int64(value)
        | Value::Time(value)
        | Value::Datetime(value)
        | Value::Timestamp(value) => {
            value.hash(state);
        }
        Value::Date(value) => value.hash(state),
        Value::Float64(value) => {
            // Both zeros are one group, and so are all NaNs.
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            value.to_bits().hash(state);
        }
        Value::Numeric(value) => value.hash(state),
        Value::BigNumeric(value) => value.hash(state),
        Value::String(value) => value.hash(state),
        Value::Bytes(value) => value.hash(state),
        Value::Interval(value) => value.comparable_nanos().hash(state),
        Value::Range(ends) => ends.iter().for_each(|end| hash_group(end, state)),
        Value::Array(values) | Value::Struct(values) => {
            state.write_usize(values.len());
            values.iter().for_each(|value| hash_group(value, state));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_come_first_and_then_nan() {
        let mut values =
            [1.0, f64::NAN, f64::NEG_INFINITY].map(Value::Float64).into_iter().collect::<Vec<_>>();
        values.push(Value::Null);
        values.sort_by(compare);
        assert!(values[0].is_null());
        assert!(values[1].as_float64().unwrap().is_nan());
        assert_eq!(values[2], Value::Float64(f64::NEG_INFINITY));
    }

    #[test]
    fn a_null_field_makes_equality_unknown_unless_another_field_differs() {
        let row = |a: i64, b: Option<i64>| Value::structure([a.into(), b.into()]);
        assert_eq!(equals(&row(1, None), &row(1, Some(2))), None);
        assert_eq!(equals(&row(1, None), &row(2, Some(2))), Some(false));
        assert_eq!(equals(&row(1, Some(2)), &row(1, Some(2))), Some(true));
    }
}

//! `APPROX_COUNT_DISTINCT`, a sketch whose estimate is taken at once, and `APPROX_TOP_COUNT` and
//! `APPROX_TOP_SUM`, which are exact here: every distinct value is kept. Ties are in the order of
//! first appearance.

use indexmap::IndexMap;

use super::decimal::WideSum;
use super::quantile::number_argument;
use super::sketch::{Hashed, PRECISION_DEFAULT, Sketch};
use crate::error::{Result, SqlError};
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::value::{BigNumeric, GroupKey, Value, compare};

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "APPROX_COUNT_DISTINCT",
        signatures: &["(T1) -> INT64"],
        nulls: AggregateNulls::Skipped,
        make: |_| {
            Box::new(CountDistinct { sketch: Sketch::new(0, PRECISION_DEFAULT), scratch: vec![] })
        },
    },
    AggregateFunction {
        name: "APPROX_TOP_COUNT",
        signatures: &["(T1, INT64) -> ARRAY<STRUCT<value T1, count INT64>>"],
        nulls: AggregateNulls::Counted,
        make: |_| Box::new(Top { by: By::Count, number: 0, weights: IndexMap::new() }),
    },
    AggregateFunction {
        name: "APPROX_TOP_SUM",
        signatures: &[
            "(T1, INT64, INT64) -> ARRAY<STRUCT<value T1, sum INT64>>",
            "(T1, FLOAT64, INT64) -> ARRAY<STRUCT<value T1, sum FLOAT64>>",
            "(T1, NUMERIC, INT64) -> ARRAY<STRUCT<value T1, sum NUMERIC>>",
            "(T1, BIGNUMERIC, INT64) -> ARRAY<STRUCT<value T1, sum BIGNUMERIC>>",
        ],
        nulls: AggregateNulls::Counted,
        make: |_| Box::new(Top { by: By::Sum, number: 0, weights: IndexMap::new() }),
    },
];

struct CountDistinct {
    sketch: Sketch,
    scratch: Vec<u8>,
}

impl Accumulator for CountDistinct {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(value) = args.first() {
            self.sketch.add_hash(Hashed::of(value, &mut self.scratch).hash);
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(Value::Int64(self.sketch.estimate()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Count,
    Sum,
}

struct Top {
    by: By,
    number: usize,
    /// NULL while no weight of the value was anything else.
    weights: IndexMap<GroupKey, Value>,
}

impl Accumulator for Top {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let (value, weight, number) = match (self.by, args) {
            (By::Count, [value, number, ..]) => (value, Value::Int64(1), number),
            (By::Sum, [value, weight, number, ..]) => (value, checked_weight(weight)?, number),
            _ => return Ok(()),
        };
        self.number = match self.by {
            By::Count => number_argument("APPROX_TOP_COUNT", 2, number)?,
            By::Sum => number_argument("APPROX_TOP_SUM", 3, number)?,
        };
        let total = self.weights.entry(GroupKey(value.clone())).or_default();
        *total = add_weights(total, &weight)?;
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        if self.weights.is_empty() {
            return Ok(Value::Null);
        }
        let mut sorted: Vec<_> = self.weights.iter().collect();
        sorted.sort_by(|(_, left), (_, right)| compare(right, left));
        let top = sorted.into_iter().take(self.number);
        Ok(Value::array(
            top.map(|(value, weight)| Value::structure([value.0.clone(), weight.clone()])),
        ))
    }
}

fn checked_weight(weight: &Value) -> Result<Value> {
    let negative = match weight {
        Value::Int64(weight) => *weight < 0,
        Value::Float64(weight) => weight.is_nan() || *weight < 0.0,
        Value::Numeric(weight) => weight.scaled() < 0,
        Value::BigNumeric(weight) => *weight.scaled() < 0.into(),
        _ => false,
    };
    if !negative {
        return Ok(weight.clone());
    }
    let mut message =
        "APPROX_TOP_SUM does not support negative or NaN weights in the second argument".to_owned();
    match weight {
        Value::Int64(weight) => message.push_str(&format!("; got {weight}")),
        Value::Float64(weight) if weight.is_nan() => message.push_str("; got nan"),
        Value::Float64(weight) => message.push_str(&format!("; got {weight}")),
        _ => {}
    }
    Err(SqlError::evaluation(message))
}

/// A sum in which NULL is nothing.
fn add_weights(total: &Value, weight: &Value) -> Result<Value> {
    let (sum, overflow) = match (total, weight) {
        (Value::Null, weight) => (Some(weight.clone()), ""),
        (total, Value::Null) => (Some(total.clone()), ""),
        (Value::Int64(total), Value::Int64(weight)) => {
            (total.checked_add(*weight).map(Value::Int64), "int64 overflow")
        }
        (Value::Float64(total), Value::Float64(weight)) => {
            (Some(Value::Float64(total + weight)), "")
        }
        (Value::Numeric(total), Value::Numeric(weight)) => {
            let mut sum = WideSum::default();
            sum.add(total.scaled());
            sum.add(weight.scaled());
            (sum.to_numeric().map(Value::Numeric), "numeric overflow: APPROX_TOP_SUM")
        }
        (Value::BigNumeric(total), Value::BigNumeric(weight)) => {
            let sum = BigNumeric::from_scaled(total.scaled() + weight.scaled());
            (sum.map(Value::big_numeric), "BIGNUMERIC overflow: APPROX_TOP_SUM")
        }
        _ => (None, "APPROX_TOP_SUM: weights of different types"),
    };
    sum.ok_or_else(|| SqlError::evaluation(overflow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs, rows};
    use crate::sql_type::Type;

    fn entries<W: Into<Value> + Clone>(entries: &[(Option<&str>, W)]) -> Value {
        Value::array(
            entries.iter().map(|(value, weight)| {
                Value::structure([Value::from(*value), weight.clone().into()])
            }),
        )
    }

    #[test]
    fn top_counts() {
        let check = |values: &[Option<&str>], number: i64, expected: Value| {
            let rows: Vec<_> = values.iter().map(|value| (*value, number)).collect();
            let args = [Type::String, Type::Int64];
            let found = aggregate("APPROX_TOP_COUNT", &args, &pairs(&rows));
            assert_eq!(found, Ok(expected), "{values:?} {number}");
        };
        let fruit = ["apple", "apple", "pear", "pear", "pear", "banana"].map(Some);
        check(&fruit, 2, entries(&[(Some("pear"), 3), (Some("apple"), 2)]));
        let nulls = [None, Some("pear"), Some("pear"), Some("pear"), Some("apple"), None];
        check(&nulls, 2, entries(&[(Some("pear"), 3), (None, 2)]));
        check(&[], 2, Value::Null);
        check(&[Some("a")], 9, entries(&[(Some("a"), 1)]));
    }

    #[test]
    fn top_sums() {
        let check = |values: &[(Option<&str>, Option<i64>)], number: i64, expected: Value| {
            let rows: Vec<_> = values
                .iter()
                .map(|(value, weight)| vec![(*value).into(), (*weight).into(), number.into()])
                .collect();
            let found = aggregate("APPROX_TOP_SUM", &[Type::String, Type::Int64], &rows);
            assert_eq!(found, Ok(expected), "{values:?} {number}");
        };
        let fruit = [("apple", 3), ("pear", 2), ("apple", 0), ("banana", 5), ("pear", 4)]
            .map(|(value, weight)| (Some(value), Some(weight)));
        check(&fruit, 2, entries(&[(Some("pear"), 6), (Some("banana"), 5)]));
        let nulls = [(Some("apple"), None), (Some("pear"), Some(0)), (Some("pear"), None)];
        check(&nulls, 2, entries(&[(Some("pear"), Some(0)), (Some("apple"), None)]));
        check(
            &[(Some("apple"), Some(0)), (None, None)],
            2,
            entries(&[(Some("apple"), Some(0)), (None, None)]),
        );
        let negative = vec![vec!["a".into(), Value::Int64(-1), Value::Int64(1)]];
        let error = aggregate("APPROX_TOP_SUM", &[Type::String, Type::Int64], &negative);
        assert!(error.unwrap_err().message.ends_with("in the second argument; got -1"));
    }

    #[test]
    fn distinct_values_are_nearly_counted() {
        let count = |rows: &[Vec<Value>]| {
            aggregate("APPROX_COUNT_DISTINCT", &[Type::Int64], rows).unwrap().as_int64().unwrap()
        };
        assert_eq!(count(&rows(&[Some(0), Some(1), Some(1), None, Some(2), Some(3), Some(5)])), 5);
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&rows(&[0.0, -0.0, f64::NAN, -f64::NAN])), 2);
        assert_eq!(count(&rows(&["a", "b", "a"])), 2);
        assert_eq!(count(&rows(&[true, false, true])), 2);
        for distinct in [1, 10, 100, 1000, 10_000i64] {
            let rows: Vec<_> =
                (0..distinct * 2).map(|n| vec![Value::Int64(n % distinct)]).collect();
            let error = (count(&rows) - distinct).abs();
            assert!(error * 500 <= distinct, "{distinct} off by {error}");
        }
    }
}

//! `APPROX_QUANTILES`. Exact here: all values are kept, and the boundary of a share is the smallest
//! value that at least that share of the rows does not exceed.

use crate::error::{Result, SqlError};
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::value::{Value, compare};

/// More boundaries than this GoogleSQL refuses.
const QUANTILES_MAX: i64 = 100_000;

pub(super) const FUNCTIONS: &[AggregateFunction] = &[AggregateFunction {
    name: "APPROX_QUANTILES",
    signatures: &["(T1, INT64) -> ARRAY<T1>"],
    nulls: AggregateNulls::Skipped,
    make: |_| Box::new(Quantiles { values: Vec::new(), number: 0 }),
}];

struct Quantiles {
    values: Vec<Value>,
    number: usize,
}

impl Accumulator for Quantiles {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let [value, number, ..] = args else { return Ok(()) };
        self.number = number_argument("APPROX_QUANTILES", 2, number)?;
        self.values.push(value.clone());
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        if self.values.is_empty() {
            return Ok(Value::Null);
        }
        let mut sorted = self.values.clone();
        sorted.sort_by(compare);
        let boundary = |index: usize| {
            let rank = (index as u128 * sorted.len() as u128).div_ceil(self.number as u128);
            let rank = usize::try_from(rank).expect("at most the number of rows");
            sorted[rank.saturating_sub(1)].clone()
        };
        Ok(Value::array((0..=self.number).map(boundary)))
    }
}

/// How many results an approximate aggregate is asked for.
pub(super) fn number_argument(name: &str, position: usize, value: &Value) -> Result<usize> {
    let refuse =
        |why: &str| Err(SqlError::evaluation(format!("Argument {position} to {name} must {why}")));
    match value.as_int64() {
        None => refuse("not be NULL"),
        Some(number) if number < 1 => refuse("be at least 1"),
        Some(number) if number > QUANTILES_MAX => Err(SqlError::evaluation(format!(
            "The second argument to {name} function cannot be greater than {QUANTILES_MAX}"
        ))),
        Some(number) => Ok(usize::try_from(number).expect("positive and small")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs};
    use crate::sql_type::Type;

    #[test]
    fn boundaries() {
        let check = |values: &[i64], number: i64, expected: &[i64]| {
            let rows: Vec<_> = values.iter().map(|value| (*value, number)).collect();
            let found = aggregate("APPROX_QUANTILES", &[Type::Int64, Type::Int64], &pairs(&rows));
            let expected = Value::array(expected.iter().map(|value| (*value).into()));
            assert_eq!(found, Ok(expected), "{values:?} {number}");
        };
        check(&[10, 1, 1, 1, 4, 5, 6, 7, 8, 9], 2, &[1, 5, 10]);
        check(&[1, 4, 5, 6, 7, 8, 9, 10], 2, &[1, 6, 10]);
        check(&[1, 2, 3, 4, 5], 1, &[1, 5]);
        check(&[7], 4, &[7, 7, 7, 7, 7]);
        check(&(1..=100).collect::<Vec<_>>(), 4, &[1, 25, 50, 75, 100]);
    }

    #[test]
    fn nulls_and_numbers() {
        let args = [Type::Int64, Type::Int64];
        let only_null = pairs(&[(None, Some(2)), (None::<i64>, Some(2i64))]);
        assert_eq!(aggregate("APPROX_QUANTILES", &args, &only_null), Ok(Value::Null));
        let zero = aggregate("APPROX_QUANTILES", &args, &pairs(&[(1, 0)])).unwrap_err();
        assert_eq!(zero.message, "Argument 2 to APPROX_QUANTILES must be at least 1");
        let many = aggregate("APPROX_QUANTILES", &args, &pairs(&[(1, 100_001)])).unwrap_err();
        assert!(many.message.ends_with("cannot be greater than 100000"));
    }
}

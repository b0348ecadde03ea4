//! Numbers of rows in the order of a window. Peers share their rank; only `ROW_NUMBER` and `NTILE`
//! tell them apart.

use crate::error::{Result, SqlError};
use crate::functions::{AnalyticFunction, Call, Partition};
use crate::value::Value;

pub(super) const FUNCTIONS: &[AnalyticFunction] = &[
    AnalyticFunction { name: "ROW_NUMBER", signatures: &["() -> INT64"], call: row_number },
    AnalyticFunction { name: "RANK", signatures: &["() -> INT64"], call: rank },
    AnalyticFunction { name: "DENSE_RANK", signatures: &["() -> INT64"], call: dense_rank },
    AnalyticFunction { name: "PERCENT_RANK", signatures: &["() -> FLOAT64"], call: percent_rank },
    AnalyticFunction { name: "CUME_DIST", signatures: &["() -> FLOAT64"], call: cume_dist },
    AnalyticFunction { name: "NTILE", signatures: &["(INT64) -> INT64"], call: ntile },
];

fn integer(value: usize) -> Value {
    Value::Int64(i64::try_from(value).expect("rows in memory are fewer"))
}

fn row_number(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    Ok((1..=partition.rows).map(integer).collect())
}

fn rank(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    Ok(partition.peers.iter().map(|(first, _)| integer(first + 1)).collect())
}

fn dense_rank(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    let mut rank = 0;
    let ranks = partition.peers.iter().enumerate().map(|(row, (first, _))| {
        rank += usize::from(*first == row);
        integer(rank)
    });
    Ok(ranks.collect())
}

fn percent_rank(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    // A single row has rank 0 of 0; its share is 0.
    let others = partition.rows.saturating_sub(1).max(1) as f64;
    Ok(partition.peers.iter().map(|(first, _)| Value::Float64(*first as f64 / others)).collect())
}

fn cume_dist(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    let rows = partition.rows as f64;
    let share = |(_, past_last): &(usize, usize)| Value::Float64(*past_last as f64 / rows);
    Ok(partition.peers.iter().map(share).collect())
}

/// Buckets whose sizes differ by at most one, the larger ones first.
fn ntile(_: &Call<'_>, partition: &Partition<'_>) -> Result<Vec<Value>> {
    let Some(number) = partition.args.first().and_then(|column| column.first()) else {
        return Ok(Vec::new());
    };
    let buckets = match number.as_int64() {
        None => return Err(SqlError::evaluation("Argument 1 to NTILE must not be NULL")),
        Some(number) if number < 1 => {
            return Err(SqlError::evaluation("Argument 1 to NTILE must be at least 1"));
        }
        Some(number) => usize::try_from(number).map_or(partition.rows, |n| n.min(partition.rows)),
    };
    let (size, larger) = (partition.rows / buckets, partition.rows % buckets);
    let sizes = (0..buckets).map(|bucket| size + usize::from(bucket < larger));
    let numbers = (1..).zip(sizes).flat_map(|(number, size)| vec![integer(number); size]);
    Ok(numbers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::analytic::fixture::analytic;

    fn check(name: &str, order: &[i64], expected: &[i64]) {
        let expected: Vec<_> = expected.iter().map(|value| Value::Int64(*value)).collect();
        assert_eq!(analytic(name, false, order, &[]), Ok(expected), "{name} {order:?}");
    }

    #[test]
    fn ranks() {
        let order = [1, 2, 2, 5, 8, 10, 10];
        check("ROW_NUMBER", &order, &[1, 2, 3, 4, 5, 6, 7]);
        check("RANK", &order, &[1, 2, 2, 4, 5, 6, 6]);
        check("DENSE_RANK", &order, &[1, 2, 2, 3, 4, 5, 5]);
        check("ROW_NUMBER", &[], &[]);
    }

    #[test]
    fn shares() {
        let check = |name: &str, order: &[i64], expected: &[f64]| {
            let expected: Vec<_> = expected.iter().map(|value| Value::Float64(*value)).collect();
            assert_eq!(analytic(name, false, order, &[]), Ok(expected), "{name} {order:?}");
        };
        check("PERCENT_RANK", &[1, 2, 2, 4, 5], &[0.0, 0.25, 0.25, 0.75, 1.0]);
        check("PERCENT_RANK", &[1], &[0.0]);
        check("CUME_DIST", &[1, 2, 2, 4], &[0.25, 0.75, 0.75, 1.0]);
    }

    #[test]
    fn buckets() {
        let buckets = |rows: usize, number: Value| {
            analytic("NTILE", false, &vec![0; rows], &[vec![number; rows]])
        };
        let check = |rows: usize, number: i64, expected: &[i64]| {
            let expected: Vec<_> = expected.iter().map(|value| Value::Int64(*value)).collect();
            assert_eq!(buckets(rows, number.into()), Ok(expected), "{rows} {number}");
        };
        check(5, 3, &[1, 1, 2, 2, 3]);
        check(6, 3, &[1, 1, 2, 2, 3, 3]);
        check(2, 5, &[1, 2]);
        check(3, i64::MAX, &[1, 2, 3]);
        check(3, 1, &[1, 1, 1]);
        let zero = buckets(2, 0.into()).unwrap_err();
        assert_eq!(zero.message, "Argument 1 to NTILE must be at least 1");
        assert!(buckets(2, Value::Null).is_err());
    }
}

//! Values of other rows: `LAG` and `LEAD` count from the current row through the partition,
//! `FIRST_VALUE`, `LAST_VALUE` and `NTH_VALUE` from the ends of the frame, over NULLs or not.

use crate::error::{Result, SqlError};
use crate::functions::{AnalyticFunction, Partition};
use crate::value::Value;

pub(super) const FUNCTIONS: &[AnalyticFunction] = &[
    AnalyticFunction {
        name: "LAG",
        signatures: &["(T1, [INT64], [T1]) -> T1"],
        call: |_, partition| {
            let offset = offset(partition, "LAG")?;
            Ok(shifted(partition, |row| row.checked_sub(offset)))
        },
    },
    AnalyticFunction {
        name: "LEAD",
        signatures: &["(T1, [INT64], [T1]) -> T1"],
        call: |_, partition| {
            let offset = offset(partition, "LEAD")?;
            Ok(shifted(partition, |row| row.checked_add(offset)))
        },
    },
    AnalyticFunction {
        name: "FIRST_VALUE",
        signatures: &["(T1) -> T1"],
        call: |_, partition| Ok(of_frames(partition, |first, _| Some(first))),
    },
    AnalyticFunction {
        name: "LAST_VALUE",
        signatures: &["(T1) -> T1"],
        call: |_, partition| Ok(of_frames(partition, |_, past_last| past_last.checked_sub(1))),
    },
    AnalyticFunction {
        name: "NTH_VALUE",
        signatures: &["(T1, INT64) -> T1"],
        call: |_, partition| {
            let before = nth(partition)?;
            Ok(of_frames(partition, |first, _| first.checked_add(before)))
        },
    },
];

/// The offset of `LAG` and `LEAD`: 1 unless it is given; it is the same for all rows.
fn offset(partition: &Partition<'_>, name: &str) -> Result<usize> {
    let Some(offset) = partition.args.get(1).and_then(|column| column.first()) else {
        return Ok(1);
    };
    let refuse = |why: &str| {
        Err(SqlError::evaluation(format!("The offset to the function {name} must not be {why}")))
    };
    match offset.as_int64() {
        None => refuse("null"),
        Some(offset) if offset < 0 => refuse("negative"),
        Some(offset) => Ok(usize::try_from(offset).unwrap_or(usize::MAX)),
    }
}

fn shifted(partition: &Partition<'_>, other: impl Fn(usize) -> Option<usize>) -> Vec<Value> {
    let value = |row: usize| {
        let other = other(row).and_then(|other| partition.args[0].get(other));
        let default = || partition.args.get(2).and_then(|column| column.get(row));
        other.or_else(default).cloned().unwrap_or_default()
    };
    (0..partition.rows).map(value).collect()
}

/// How many values stand before the one that `NTH_VALUE` asks for.
fn nth(partition: &Partition<'_>) -> Result<usize> {
    let Some(number) = partition.args.get(1).and_then(|column| column.first()) else {
        return Ok(0);
    };
    match number.as_int64() {
        None => Err(SqlError::evaluation("Argument 2 to NTH_VALUE must not be NULL")),
        Some(number) if number < 1 => {
            Err(SqlError::evaluation("Argument 2 to NTH_VALUE must be at least 1"))
        }
        Some(number) => Ok(usize::try_from(number - 1).unwrap_or(usize::MAX)),
    }
}

/// For each frame the value that a function picks between its ends. Under `IGNORE NULLS` rows are
/// counted without those whose value is NULL.
fn of_frames(
    partition: &Partition<'_>,
    pick: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<Value> {
    let Some(values) = partition.args.first() else { return Vec::new() };
    let counted = |row: &usize| !partition.ignore_nulls || !values[*row].is_null();
    let rows: Vec<usize> = (0..partition.rows).filter(counted).collect();
    let value = |(first, past_last): &(usize, usize)| {
        let first = rows.partition_point(|row| row < first);
        let past_last = rows.partition_point(|row| row < past_last);
        pick(first, past_last)
            .filter(|picked| (first..past_last).contains(picked))
            .map_or(Value::Null, |picked| values[rows[picked]].clone())
    };
    partition.frames.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::analytic::fixture::analytic;

    fn column(values: &[Option<i64>]) -> Vec<Value> {
        values.iter().map(|value| (*value).into()).collect()
    }

    #[test]
    fn rows_before_and_after() {
        let values = column(&[Some(10), None, Some(30)]);
        let check = |name: &str, more: &[Value], expected: &[Option<i64>]| {
            let mut args = vec![values.clone()];
            args.extend(more.iter().map(|value| vec![value.clone(); 3]));
            let found = analytic(name, false, &[1, 2, 3], &args);
            assert_eq!(found, Ok(column(expected)), "{name} {more:?}");
        };
        check("LAG", &[], &[None, Some(10), None]);
        check("LEAD", &[], &[None, Some(30), None]);
        check("LEAD", &[0.into()], &[Some(10), None, Some(30)]);
        check("LAG", &[2.into(), (-1).into()], &[Some(-1), Some(-1), Some(10)]);
        check("LEAD", &[1.into(), 7.into()], &[None, Some(30), Some(7)]);
        check("LEAD", &[i64::MAX.into()], &[None, None, None]);
        for (offset, why) in [(Value::Null, "null"), (Value::Int64(-1), "negative")] {
            let args = [values.clone(), vec![offset; 3]];
            let error = analytic("LAG", false, &[1, 2, 3], &args).unwrap_err();
            assert_eq!(error.message, format!("The offset to the function LAG must not be {why}"));
        }
    }

    #[test]
    fn ends_of_frames() {
        let values = column(&[None, Some(1), None, Some(3), None]);
        let check = |name: &str, ignore_nulls: bool, number: Option<i64>, expected: &[_]| {
            let mut args = vec![values.clone()];
            args.extend(number.map(|number| vec![Value::Int64(number); 5]));
            let found = analytic(name, ignore_nulls, &[1, 2, 3, 4, 5], &args);
            assert_eq!(found, Ok(column(expected)), "{name} {ignore_nulls} {number:?}");
        };
        check("FIRST_VALUE", false, None, &[None; 5]);
        check("FIRST_VALUE", true, None, &[None, Some(1), Some(1), Some(1), Some(1)]);
        check("LAST_VALUE", false, None, &[None, Some(1), None, Some(3), None]);
        check("LAST_VALUE", true, None, &[None, Some(1), Some(1), Some(3), Some(3)]);
        check("NTH_VALUE", false, Some(2), &[None, Some(1), Some(1), Some(1), Some(1)]);
        check("NTH_VALUE", true, Some(2), &[None, None, None, Some(3), Some(3)]);
        check("NTH_VALUE", false, Some(i64::MAX), &[None; 5]);
        let error = analytic("NTH_VALUE", false, &[1], &[column(&[Some(1)]), column(&[Some(0)])]);
        assert_eq!(error.unwrap_err().message, "Argument 2 to NTH_VALUE must be at least 1");
    }
}

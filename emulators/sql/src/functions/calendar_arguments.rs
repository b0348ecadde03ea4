//! Arguments of calendar functions as numbers. The analyzer has matched them to a signature, so
//! that a wrong type here is a mistake of ours; it is an error all the same, never a panic.

use super::Call;
use crate::calendar::{Part, Zone, parse_zone};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value};

fn wrong(at: usize, expected: &str) -> SqlError {
    SqlError::evaluation(format!("Argument {} is not of type {expected}", at + 1))
}

/// A `DATE`.
pub(super) fn date(args: &[Value], at: usize) -> Result<i32> {
    match args.get(at) {
        Some(Value::Date(date)) => Ok(*date),
        _ => Err(wrong(at, "DATE")),
    }
}

/// A `TIME`.
pub(super) fn time(args: &[Value], at: usize) -> Result<i64> {
    match args.get(at) {
        Some(Value::Time(time)) => Ok(*time),
        _ => Err(wrong(at, "TIME")),
    }
}

/// A `DATETIME`.
pub(super) fn datetime(args: &[Value], at: usize) -> Result<i64> {
    match args.get(at) {
        Some(Value::Datetime(datetime)) => Ok(*datetime),
        _ => Err(wrong(at, "DATETIME")),
    }
}

/// A `TIMESTAMP`.
pub(super) fn timestamp(args: &[Value], at: usize) -> Result<i64> {
    match args.get(at) {
        Some(Value::Timestamp(timestamp)) => Ok(*timestamp),
        _ => Err(wrong(at, "TIMESTAMP")),
    }
}

/// An `INT64`.
pub(super) fn integer(args: &[Value], at: usize) -> Result<i64> {
    args.get(at).and_then(Value::as_int64).ok_or_else(|| wrong(at, "INT64"))
}

/// A `STRING`.
pub(super) fn text(args: &[Value], at: usize) -> Result<&str> {
    args.get(at).and_then(Value::as_str).ok_or_else(|| wrong(at, "STRING"))
}

/// An `INTERVAL`.
pub(super) fn interval(args: &[Value], at: usize) -> Result<&Interval> {
    match args.get(at) {
        Some(Value::Interval(interval)) => Ok(interval),
        _ => Err(wrong(at, "INTERVAL")),
    }
}

/// The ends of a `RANGE`.
pub(super) fn range(args: &[Value], at: usize) -> Result<&[Value; 2]> {
    match args.get(at) {
        Some(Value::Range(ends)) => Ok(ends),
        _ => Err(wrong(at, "RANGE")),
    }
}

/// A part of dates.
pub(super) fn part(args: &[Value], at: usize) -> Result<Part> {
    Part::parse(text(args, at)?)
}

/// A zone, or the session's when the argument is not there.
pub(super) fn zone(call: &Call<'_>, args: &[Value], at: usize) -> Result<Zone> {
    match args.get(at) {
        None => Ok(Zone::Iana(call.session.time_zone)),
        Some(_) => parse_zone(text(args, at)?),
    }
}

/// The number of elements beyond which BigQuery makes no array.
pub(super) const GENERATED_ELEMENTS_MAX: usize = 1_048_575;

/// Refuses an array that grows too long.
pub(super) fn check_generated(elements: usize) -> Result<()> {
    if elements < GENERATED_ELEMENTS_MAX {
        return Ok(());
    }
    Err(SqlError::evaluation(format!(
        "Cannot generate arrays with more than {GENERATED_ELEMENTS_MAX} elements."
    )))
}

//! What dates, datetimes and timestamps share: moving by an interval, differences, truncation,
//! buckets, under the names of each type. `DATE_TRUNC` and its like take all three types; each
//! keeps its own rules.

use super::calendar_arguments::{date, datetime, interval, part, timestamp, zone};
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    DEFAULT_BUCKET_ORIGIN, Part, date_bucket, date_difference, datetime_bucket,
    datetime_difference, last_day, midnight, negated, part_beyond_dates, part_beyond_times,
    part_beyond_timestamps, shift_date, shift_datetime, shift_time, shift_timestamp,
    time_difference, timestamp_bucket, timestamp_difference, truncate_date, truncate_datetime,
    truncate_time, truncate_timestamp,
};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value};

/// A function that propagates NULL.
macro_rules! function {
    ($name:literal, $call:expr, $($signature:literal),+ $(,)?) => {
        ScalarFunction {
            name: $name,
            signatures: &[$($signature),+],
            nulls: Nulls::Propagate,
            call: $call,
        }
    };
}
pub(super) use function;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "DATE_ADD",
        |_, args| shift("DATE_ADD", &args[0], interval(args, 1)?),
        "(DATE, INTERVAL) -> DATE",
        "(DATETIME, INTERVAL) -> DATETIME",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
    ),
    function!(
        "DATE_SUB",
        |_, args| shift("DATE_SUB", &args[0], &negated(interval(args, 1)?)),
        "(DATE, INTERVAL) -> DATE",
        "(DATETIME, INTERVAL) -> DATETIME",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
    ),
    function!(
        "DATETIME_ADD",
        |_, args| shift("DATETIME_ADD", &args[0], interval(args, 1)?),
        "(DATETIME, INTERVAL) -> DATETIME",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
    ),
    function!(
        "DATETIME_SUB",
        |_, args| shift("DATETIME_SUB", &args[0], &negated(interval(args, 1)?)),
        "(DATETIME, INTERVAL) -> DATETIME",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
    ),
    function!(
        "TIMESTAMP_ADD",
        |_, args| shift("TIMESTAMP_ADD", &args[0], interval(args, 1)?),
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
        "(DATETIME, INTERVAL) -> DATETIME",
    ),
    function!(
        "TIMESTAMP_SUB",
        |_, args| shift("TIMESTAMP_SUB", &args[0], &negated(interval(args, 1)?)),
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
        "(DATETIME, INTERVAL) -> DATETIME",
    ),
    function!(
        "TIME_ADD",
        |_, args| shift("TIME_ADD", &args[0], interval(args, 1)?),
        "(TIME, INTERVAL) -> TIME",
    ),
    function!(
        "TIME_SUB",
        |_, args| shift("TIME_SUB", &args[0], &negated(interval(args, 1)?)),
        "(TIME, INTERVAL) -> TIME",
    ),
    function!(
        "DATE_DIFF",
        |_, args| difference("DATE_DIFF", args),
        "(DATE, DATE, DATE_PART) -> INT64",
        "(DATETIME, DATETIME, DATE_PART) -> INT64",
        "(TIMESTAMP, TIMESTAMP, DATE_PART) -> INT64",
    ),
    function!(
        "DATETIME_DIFF",
        |_, args| difference("DATETIME_DIFF", args),
        "(DATETIME, DATETIME, DATE_PART) -> INT64",
        "(TIMESTAMP, TIMESTAMP, DATE_PART) -> INT64",
    ),
    function!(
        "TIMESTAMP_DIFF",
        |_, args| difference("TIMESTAMP_DIFF", args),
        "(TIMESTAMP, TIMESTAMP, DATE_PART) -> INT64",
        "(DATETIME, DATETIME, DATE_PART) -> INT64",
    ),
    function!(
        "TIME_DIFF",
        |_, args| difference("TIME_DIFF", args),
        "(TIME, TIME, DATE_PART) -> INT64",
    ),
    function!(
        "DATE_TRUNC",
        |call, args| truncate("DATE_TRUNC", call, args),
        "(DATE, DATE_PART) -> DATE",
        "(DATETIME, DATE_PART) -> DATETIME",
        "(TIMESTAMP, DATE_PART, [STRING]) -> TIMESTAMP",
    ),
    function!(
        "DATETIME_TRUNC",
        |call, args| truncate("DATETIME_TRUNC", call, args),
        "(DATETIME, DATE_PART) -> DATETIME",
        "(TIMESTAMP, DATE_PART, [STRING]) -> TIMESTAMP",
    ),
    function!(
        "TIMESTAMP_TRUNC",
        |call, args| truncate("TIMESTAMP_TRUNC", call, args),
        "(TIMESTAMP, DATE_PART, [STRING]) -> TIMESTAMP",
        "(DATETIME, DATE_PART) -> DATETIME",
    ),
    function!(
        "TIME_TRUNC",
        |call, args| truncate("TIME_TRUNC", call, args),
        "(TIME, DATE_PART) -> TIME",
    ),
    function!(
        "LAST_DAY",
        last_day_of,
        "(DATE, [DATE_PART]) -> DATE",
        "(DATETIME, [DATE_PART]) -> DATE",
    ),
    function!(
        "DATE_BUCKET",
        |_, args| bucket(args),
        "(DATE, INTERVAL, [DATE]) -> DATE",
        "(DATETIME, INTERVAL, [DATETIME]) -> DATETIME",
        "(TIMESTAMP, INTERVAL, [TIMESTAMP]) -> TIMESTAMP",
    ),
    function!(
        "DATETIME_BUCKET",
        |_, args| bucket(args),
        "(DATETIME, INTERVAL, [DATETIME]) -> DATETIME",
        "(DATE, INTERVAL, [DATE]) -> DATE",
        "(TIMESTAMP, INTERVAL, [TIMESTAMP]) -> TIMESTAMP",
    ),
    function!(
        "TIMESTAMP_BUCKET",
        |_, args| bucket(args),
        "(TIMESTAMP, INTERVAL, [TIMESTAMP]) -> TIMESTAMP",
        "(DATETIME, INTERVAL, [DATETIME]) -> DATETIME",
        "(DATE, INTERVAL, [DATE]) -> DATE",
    ),
];

fn shift(function: &str, value: &Value, interval: &Interval) -> Result<Value> {
    match value {
        Value::Date(date) => match part_beyond_dates(interval) {
            Some(part) => Err(part.unsupported_for(function, "DATE")),
            None => shift_date(*date, interval).map(Value::Date),
        },
        Value::Time(time) => match part_beyond_times(interval) {
            Some(part) => Err(part.unsupported(function)),
            None => Ok(Value::Time(shift_time(*time, interval))),
        },
        Value::Datetime(datetime) => shift_datetime(*datetime, interval).map(Value::Datetime),
        Value::Timestamp(timestamp) => match part_beyond_timestamps(interval) {
            Some(part) => Err(part.unsupported_for(function, "TIMESTAMP")),
            None => shift_timestamp(*timestamp, interval).map(Value::Timestamp),
        },
        _ => Err(not_of_the_calendar(function)),
    }
}

fn difference(function: &str, args: &[Value]) -> Result<Value> {
    let part = part(args, 2)?;
    let number = match (&args[0], &args[1]) {
        (Value::Date(later), Value::Date(earlier)) => {
            date_difference(part, *later, *earlier, function)
        }
        (Value::Datetime(later), Value::Datetime(earlier)) => {
            datetime_difference(part, *later, *earlier, function)
        }
        (Value::Timestamp(later), Value::Timestamp(earlier)) => {
            timestamp_difference(part, *later, *earlier, function)
        }
        (Value::Time(later), Value::Time(earlier)) => time_difference(part, *later, *earlier),
        _ => Err(not_of_the_calendar(function)),
    };
    number.map(Value::Int64)
}

fn truncate(function: &str, call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let part = part(args, 1)?;
    match &args[0] {
        Value::Date(date) => truncate_date(part, *date, function).map(Value::Date),
        Value::Time(time) => truncate_time(part, *time, function).map(Value::Time),
        Value::Datetime(datetime) => {
            truncate_datetime(part, *datetime, function).map(Value::Datetime)
        }
        Value::Timestamp(timestamp) => {
            let zone = zone(call, args, 2)?;
            truncate_timestamp(part, *timestamp, &zone, function).map(Value::Timestamp)
        }
        _ => Err(not_of_the_calendar(function)),
    }
}

fn last_day_of(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let part = if args.len() > 1 { part(args, 1)? } else { Part::Month };
    let date = match &args[0] {
        Value::Datetime(datetime) => crate::calendar::date_of_datetime(*datetime),
        _ => date(args, 0)?,
    };
    last_day(part, date).map(Value::Date)
}

fn bucket(args: &[Value]) -> Result<Value> {
    let width = interval(args, 1)?;
    let has_origin = args.len() > 2;
    let origin_micros = midnight(DEFAULT_BUCKET_ORIGIN.into());
    match &args[0] {
        Value::Date(value) => {
            let origin = if has_origin { date(args, 2)? } else { DEFAULT_BUCKET_ORIGIN };
            date_bucket(*value, width, origin).map(Value::Date)
        }
        Value::Datetime(value) => {
            let origin = if has_origin { datetime(args, 2)? } else { origin_micros };
            datetime_bucket(*value, width, origin).map(Value::Datetime)
        }
        Value::Timestamp(value) => {
            let origin = if has_origin { timestamp(args, 2)? } else { origin_micros };
            timestamp_bucket(*value, width, origin).map(Value::Timestamp)
        }
        _ => Err(not_of_the_calendar("BUCKET")),
    }
}

fn not_of_the_calendar(function: &str) -> SqlError {
    SqlError::evaluation(format!("{function} needs a date or a time"))
}

#[cfg(test)]
mod tests;

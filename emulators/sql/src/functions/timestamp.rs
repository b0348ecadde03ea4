//! Functions that make timestamps, numbers and texts of them, and arrays.

use super::calendar_arguments::{check_generated, integer, interval, text, timestamp, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    date_text, date_to_timestamp, datetime_text, datetime_to_timestamp, is_valid_datetime,
    parse_timestamp, parse_timestamp_without_zone, part_beyond_timestamps, shift_timestamp,
    time_text, timestamp_text,
};
use crate::error::{Result, SqlError};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "CURRENT_TIMESTAMP",
        |call, _| Ok(Value::Timestamp(call.session.now_micros)),
        "() -> TIMESTAMP",
    ),
    function!(
        "TIMESTAMP",
        make_timestamp,
        "(STRING, [STRING]) -> TIMESTAMP",
        "(DATE, [STRING]) -> TIMESTAMP",
        "(DATETIME, [STRING]) -> TIMESTAMP",
        "(TIMESTAMP) -> TIMESTAMP",
    ),
    function!("TIMESTAMP_SECONDS", |_, args| from_unix(args, 1_000_000), "(INT64) -> TIMESTAMP",),
    function!("TIMESTAMP_MILLIS", |_, args| from_unix(args, 1_000), "(INT64) -> TIMESTAMP"),
    function!("TIMESTAMP_MICROS", |_, args| from_unix(args, 1), "(INT64) -> TIMESTAMP"),
    function!("UNIX_SECONDS", |_, args| to_unix(args, 1_000_000), "(TIMESTAMP) -> INT64"),
    function!("UNIX_MILLIS", |_, args| to_unix(args, 1_000), "(TIMESTAMP) -> INT64"),
    function!("UNIX_MICROS", |_, args| to_unix(args, 1), "(TIMESTAMP) -> INT64"),
    function!(
        "STRING",
        string_of,
        "(TIMESTAMP, [STRING]) -> STRING",
        "(DATE) -> STRING",
        "(TIME) -> STRING",
        "(DATETIME) -> STRING",
    ),
    function!(
        "GENERATE_TIMESTAMP_ARRAY",
        generate_timestamp_array,
        "(TIMESTAMP, TIMESTAMP, INTERVAL) -> ARRAY<TIMESTAMP>",
    ),
];

fn make_timestamp(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let zone = zone(call, args, 1)?;
    let timestamp = match &args[0] {
        Value::Timestamp(timestamp) => *timestamp,
        Value::Date(date) => date_to_timestamp(*date, &zone)?,
        Value::Datetime(datetime) => datetime_to_timestamp(*datetime, &zone)?,
        _ if args.len() > 1 => parse_timestamp_without_zone(text(args, 0)?, &zone)?,
        _ => parse_timestamp(text(args, 0)?, &zone)?,
    };
    Ok(Value::Timestamp(timestamp))
}

fn from_unix(args: &[Value], unit_micros: i64) -> Result<Value> {
    let micros = integer(args, 0)?.checked_mul(unit_micros);
    let timestamp = micros.filter(|micros| is_valid_datetime(*micros));
    timestamp.map(Value::Timestamp).ok_or_else(|| {
        SqlError::evaluation(
            "TIMESTAMP value is out of allowed range: from 0001-01-01 00:00:00.000000+00 to \
             9999-12-31 23:59:59.999999+00.",
        )
    })
}

fn to_unix(args: &[Value], unit_micros: i64) -> Result<Value> {
    Ok(Value::Int64(timestamp(args, 0)?.div_euclid(unit_micros)))
}

fn string_of(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(Value::from(match &args[0] {
        Value::Date(date) => date_text(*date),
        Value::Time(time) => time_text(*time),
        Value::Datetime(datetime) => datetime_text(*datetime),
        _ => timestamp_text(timestamp(args, 0)?, &zone(call, args, 1)?),
    }))
}

fn generate_timestamp_array(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (start, end) = (timestamp(args, 0)?, timestamp(args, 1)?);
    let step = interval(args, 2)?;
    if let Some(part) = part_beyond_timestamps(step) {
        return Err(part.unsupported("GENERATE_TIMESTAMP_ARRAY"));
    }
    let direction = step.comparable_nanos().signum();
    if direction == 0 {
        return Err(SqlError::evaluation("Sequence step cannot be 0."));
    }
    let mut timestamps = Vec::new();
    let mut next = Some(start);
    while let Some(current) =
        next.filter(|next| if direction > 0 { *next <= end } else { *next >= end })
    {
        check_generated(timestamps.len())?;
        timestamps.push(Value::Timestamp(current));
        // Beyond the last instant there is nothing to add.
        next = shift_timestamp(current, step).ok();
    }
    Ok(Value::array(timestamps))
}

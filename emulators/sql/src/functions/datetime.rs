//! Functions that make datetimes.

use super::calendar_arguments::{integer, time, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    Civil, CivilDate, CivilTime, Zone, is_valid_time_of_day, midnight, parse_datetime,
    parse_timestamp, timestamp_to_datetime,
};
use crate::error::{Result, SqlError};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!("CURRENT_DATETIME", current_datetime, "([STRING]) -> DATETIME"),
    function!(
        "DATETIME",
        make_datetime,
        "(INT64, INT64, INT64, INT64, INT64, INT64) -> DATETIME",
        "(DATE, TIME) -> DATETIME",
        "(TIMESTAMP, [STRING]) -> DATETIME",
        "(DATE) -> DATETIME",
        "(DATETIME) -> DATETIME",
        "(STRING) -> DATETIME",
    ),
];

fn current_datetime(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    timestamp_to_datetime(call.session.now_micros, &zone(call, args, 0)?).map(Value::Datetime)
}

fn make_datetime(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let datetime = match &args[0] {
        Value::Datetime(datetime) => *datetime,
        Value::Timestamp(timestamp) => timestamp_to_datetime(*timestamp, &zone(call, args, 1)?)?,
        Value::String(text) => datetime_of_text(call, text)?,
        Value::Date(date) => {
            let time = if args.len() > 1 { time(args, 1)? } else { 0 };
            midnight((*date).into()).saturating_add(time)
        }
        _ => datetime_of_fields(args)?,
    };
    Ok(Value::Datetime(datetime))
}

fn datetime_of_fields(args: &[Value]) -> Result<i64> {
    let (year, month, day) = (integer(args, 0)?, integer(args, 1)?, integer(args, 2)?);
    let (hour, minute, second) = (integer(args, 3)?, integer(args, 4)?, integer(args, 5)?);
    let date = CivilDate { year, month, day };
    let time = CivilTime { hour, minute, second, micros: 0 };
    Some(Civil { date, time })
        .filter(|_| is_valid_time_of_day(hour, minute, second))
        .and_then(Civil::datetime)
        .ok_or_else(|| {
            SqlError::evaluation(format!(
                "Input calculates to invalid datetime: \
                 {year:04}-{month:02}-{day:02} {hour:04}:{minute:02}:{second:02}"
            ))
        })
}

/// A literal is a timestamp first, so that it may have a zone.
fn datetime_of_text(call: &Call<'_>, text: &str) -> Result<i64> {
    let error = match parse_datetime(text) {
        Ok(datetime) => return Ok(datetime),
        Err(error) => error,
    };
    let zone = Zone::Iana(call.session.time_zone);
    let timestamp = parse_timestamp(text, &zone).map_err(|_| error)?;
    timestamp_to_datetime(timestamp, &zone)
}

//! `EXTRACT`. Parts that are numbers are `$extract`; a date, a time and a datetime out of a larger
//! thing have functions of their own, because their results have types of their own.

use super::calendar_arguments::{part, timestamp, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    date_of_datetime, extract_from_civil, extract_from_date, extract_from_datetime,
    extract_from_interval, extract_from_time, time_of_datetime, timestamp_to_date,
    timestamp_to_datetime, timestamp_to_time,
};
use crate::error::Result;
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "$extract",
        extract,
        "(DATE_PART, DATE) -> INT64",
        "(DATE_PART, TIMESTAMP, [STRING]) -> INT64",
        "(DATE_PART, DATETIME) -> INT64",
        "(DATE_PART, TIME) -> INT64",
        "(DATE_PART, INTERVAL) -> INT64",
    ),
    function!(
        "$extract_date",
        extract_date,
        "(DATE_PART, TIMESTAMP, [STRING]) -> DATE",
        "(DATE_PART, DATETIME) -> DATE",
    ),
    function!(
        "$extract_time",
        extract_time,
        "(DATE_PART, TIMESTAMP, [STRING]) -> TIME",
        "(DATE_PART, DATETIME) -> TIME",
    ),
    function!(
        "$extract_datetime",
        extract_datetime,
        "(DATE_PART, TIMESTAMP, [STRING]) -> DATETIME",
    ),
];

fn extract(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let part = part(args, 0)?;
    let number = match args.get(1) {
        Some(Value::Date(date)) => extract_from_date(part, *date),
        Some(Value::Time(time)) => extract_from_time(part, *time),
        Some(Value::Datetime(datetime)) => extract_from_datetime(part, *datetime),
        Some(Value::Interval(interval)) => extract_from_interval(part, interval),
        _ => extract_from_civil(part, zone(call, args, 2)?.civil_micros(timestamp(args, 1)?)),
    };
    number.map(Value::Int64)
}

fn extract_date(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(Value::Date(match args.get(1) {
        Some(Value::Datetime(datetime)) => date_of_datetime(*datetime),
        _ => timestamp_to_date(timestamp(args, 1)?, &zone(call, args, 2)?)?,
    }))
}

fn extract_time(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(Value::Time(match args.get(1) {
        Some(Value::Datetime(datetime)) => time_of_datetime(*datetime),
        _ => timestamp_to_time(timestamp(args, 1)?, &zone(call, args, 2)?),
    }))
}

fn extract_datetime(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    timestamp_to_datetime(timestamp(args, 1)?, &zone(call, args, 2)?).map(Value::Datetime)
}

//! `FORMAT_DATE`, `PARSE_DATE` and their siblings.

use super::calendar_arguments::{text, timestamp, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    Kind, Moment, Zone, date_of_datetime, format_moment, midnight, parse_moment, time_of_datetime,
};
use crate::error::Result;
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "FORMAT_DATE",
        format,
        "(STRING, DATE) -> STRING",
        "(STRING, DATETIME) -> STRING",
        "(STRING, TIMESTAMP, [STRING]) -> STRING",
    ),
    function!(
        "FORMAT_DATETIME",
        format,
        "(STRING, DATETIME) -> STRING",
        "(STRING, TIMESTAMP, [STRING]) -> STRING",
    ),
    function!("FORMAT_TIME", format, "(STRING, TIME) -> STRING"),
    function!(
        "FORMAT_TIMESTAMP",
        format,
        "(STRING, TIMESTAMP, [STRING]) -> STRING",
        "(STRING, DATETIME) -> STRING",
    ),
    function!("PARSE_DATE", parse_date, "(STRING, STRING) -> DATE"),
    function!("PARSE_DATETIME", parse_datetime, "(STRING, STRING) -> DATETIME"),
    function!("PARSE_TIME", parse_time, "(STRING, STRING) -> TIME"),
    function!("PARSE_TIMESTAMP", parse_timestamp, "(STRING, STRING, [STRING]) -> TIMESTAMP"),
];

fn format(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let civil = |civil| Moment { civil, offset_minutes: 0 };
    let (moment, kind) = match args.get(1) {
        Some(Value::Date(date)) => (civil(midnight((*date).into())), Kind::Date),
        Some(Value::Time(time)) => (civil(*time), Kind::Time),
        Some(Value::Datetime(datetime)) => (civil(*datetime), Kind::Datetime),
        _ => {
            let timestamp = timestamp(args, 1)?;
            let offset_minutes = zone(call, args, 2)?.shown_offset_minutes(timestamp);
            let civil = timestamp.saturating_add(offset_minutes * 60_000_000);
            (Moment { civil, offset_minutes }, Kind::Timestamp)
        }
    };
    Ok(Value::from(format_moment(text(args, 0)?, moment, kind)))
}

fn parse_date(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let micros = parse_moment(text(args, 0)?, text(args, 1)?, &Zone::UTC, Kind::Date)?;
    Ok(Value::Date(date_of_datetime(micros)))
}

fn parse_datetime(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let micros = parse_moment(text(args, 0)?, text(args, 1)?, &Zone::UTC, Kind::Datetime)?;
    Ok(Value::Datetime(micros))
}

fn parse_time(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let micros = parse_moment(text(args, 0)?, text(args, 1)?, &Zone::UTC, Kind::Time)?;
    Ok(Value::Time(time_of_datetime(micros)))
}

fn parse_timestamp(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let zone = zone(call, args, 2)?;
    parse_moment(text(args, 0)?, text(args, 1)?, &zone, Kind::Timestamp).map(Value::Timestamp)
}

//! Functions that make dates, and numbers and arrays of dates.

use super::calendar_arguments::{check_generated, date, integer, interval, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    Zone, date_from_civil, date_of_datetime, is_valid_date, parse_date, parse_timestamp,
    part_beyond_dates, shift_date, timestamp_to_date,
};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value};

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!("CURRENT_DATE", current_date, "([STRING]) -> DATE"),
    function!(
        "DATE",
        make_date,
        "(TIMESTAMP, [STRING]) -> DATE",
        "(DATETIME) -> DATE",
        "(INT64, INT64, INT64) -> DATE",
        "(DATE) -> DATE",
        "(STRING) -> DATE",
    ),
    function!("DATE_FROM_UNIX_DATE", date_from_unix_date, "(INT64) -> DATE"),
    function!("UNIX_DATE", |_, args| Ok(Value::Int64(date(args, 0)?.into())), "(DATE) -> INT64",),
    function!(
        "GENERATE_DATE_ARRAY",
        generate_date_array,
        "(DATE, DATE, [INTERVAL]) -> ARRAY<DATE>",
    ),
];

fn current_date(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    timestamp_to_date(call.session.now_micros, &zone(call, args, 0)?).map(Value::Date)
}

fn make_date(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let date = match &args[0] {
        Value::Date(date) => *date,
        Value::Datetime(datetime) => date_of_datetime(*datetime),
        Value::Timestamp(timestamp) => timestamp_to_date(*timestamp, &zone(call, args, 1)?)?,
        Value::String(text) => date_of_text(call, text)?,
        _ => {
            let (year, month, day) = (integer(args, 0)?, integer(args, 1)?, integer(args, 2)?);
            date_from_civil(year, month, day).ok_or_else(|| {
                SqlError::evaluation(format!(
                    "Input calculates to invalid date: {year:04}-{month:02}-{day:02}"
                ))
            })?
        }
    };
    Ok(Value::Date(date))
}

/// A literal is a timestamp first, so that it may have a time and a zone.
fn date_of_text(call: &Call<'_>, text: &str) -> Result<i32> {
    let error = match parse_date(text) {
        Ok(date) => return Ok(date),
        Err(error) => error,
    };
    let zone = Zone::Iana(call.session.time_zone);
    let timestamp = parse_timestamp(text, &zone).map_err(|_| error)?;
    timestamp_to_date(timestamp, &zone)
}

fn date_from_unix_date(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let days = integer(args, 0)?;
    let date = i32::try_from(days).ok().filter(|_| is_valid_date(days));
    date.map(Value::Date).ok_or_else(|| {
        SqlError::evaluation("DATE value is out of allowed range: from 0001-01-01 to 9999-12-31.")
    })
}

fn generate_date_array(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (start, end) = (date(args, 0)?, date(args, 1)?);
    let one_day = Interval { months: 0, days: 1, nanos: 0 };
    let step = if args.len() > 2 { interval(args, 2)? } else { &one_day };
    if let Some(part) = part_beyond_dates(step) {
        return Err(part.unsupported("GENERATE_DATE_ARRAY"));
    }
    let direction = step.comparable_nanos().signum();
    if direction == 0 {
        return Err(SqlError::evaluation("Sequence step cannot be 0."));
    }
    let mut dates = Vec::new();
    let mut next = Some(start);
    while let Some(current) =
        next.filter(|next| if direction > 0 { *next <= end } else { *next >= end })
    {
        check_generated(dates.len())?;
        dates.push(Value::Date(current));
        // Beyond the last date of the calendar there is nothing to add.
        next = shift_date(current, step).ok();
    }
    Ok(Value::array(dates))
}

//! Functions that make times of day.

use super::calendar_arguments::{integer, zone};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    CivilTime, MICROS_PER_DAY, is_valid_time_of_day, time_of_datetime, timestamp_to_time,
};
use crate::error::{Result, SqlError};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!("CURRENT_TIME", current_time, "([STRING]) -> TIME"),
    function!(
        "TIME",
        make_time,
        "(INT64, INT64, INT64) -> TIME",
        "(TIMESTAMP, [STRING]) -> TIME",
        "(DATETIME) -> TIME",
        "(TIME) -> TIME",
    ),
];

fn current_time(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(Value::Time(timestamp_to_time(call.session.now_micros, &zone(call, args, 0)?)))
}

fn make_time(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let time = match &args[0] {
        Value::Time(time) => *time,
        Value::Datetime(datetime) => time_of_datetime(*datetime),
        Value::Timestamp(timestamp) => timestamp_to_time(*timestamp, &zone(call, args, 1)?),
        _ => {
            let (hour, minute, second) = (integer(args, 0)?, integer(args, 1)?, integer(args, 2)?);
            if !is_valid_time_of_day(hour, minute, second) {
                return Err(SqlError::evaluation(format!(
                    "Input calculates to invalid time: {hour:02}:{minute:02}:{second:02}"
                )));
            }
            // A leap second is the first second of the next minute.
            CivilTime { hour, minute, second, micros: 0 }.micros_of_day() % MICROS_PER_DAY
        }
    };
    Ok(Value::Time(time))
}

//! `+`, `-`, `*`, `/` and the sign, where dates, times or intervals stand at one side. A date and
//! an interval make a datetime; the difference of two dates is an interval of days.

use super::calendar_arguments::{integer, interval};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    MICROS_PER_DAY, NANOS_PER_DAY, checked_interval, midnight, negated, shift_date, shift_datetime,
    shift_timestamp,
};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value};

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "$add",
        add,
        "(DATE, INT64) -> DATE",
        "(INT64, DATE) -> DATE",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
        "(INTERVAL, TIMESTAMP) -> TIMESTAMP",
        "(DATE, INTERVAL) -> DATETIME",
        "(INTERVAL, DATE) -> DATETIME",
        "(DATETIME, INTERVAL) -> DATETIME",
        "(INTERVAL, DATETIME) -> DATETIME",
        "(INTERVAL, INTERVAL) -> INTERVAL",
    ),
    function!(
        "$subtract",
        subtract,
        "(DATE, INT64) -> DATE",
        "(DATE, DATE) -> INTERVAL",
        "(TIMESTAMP, TIMESTAMP) -> INTERVAL",
        "(DATETIME, DATETIME) -> INTERVAL",
        "(TIME, TIME) -> INTERVAL",
        "(TIMESTAMP, INTERVAL) -> TIMESTAMP",
        "(DATE, INTERVAL) -> DATETIME",
        "(DATETIME, INTERVAL) -> DATETIME",
        "(INTERVAL, INTERVAL) -> INTERVAL",
    ),
    function!(
        "$multiply",
        multiply,
        "(INTERVAL, INT64) -> INTERVAL",
        "(INT64, INTERVAL) -> INTERVAL",
    ),
    function!(
        "$divide",
        |_, args| divide(interval(args, 0)?, integer(args, 1)?),
        "(INTERVAL, INT64) -> INTERVAL",
    ),
    function!(
        "$unary_minus",
        |_, args| Ok(Value::interval(negated(interval(args, 0)?))),
        "(INTERVAL) -> INTERVAL",
    ),
];

fn add(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match (&args[0], &args[1]) {
        (Value::Date(date), Value::Int64(days)) | (Value::Int64(days), Value::Date(date)) => {
            add_days(*date, *days)
        }
        (Value::Interval(left), Value::Interval(right)) => sum(left, right),
        (moment, Value::Interval(interval)) | (Value::Interval(interval), moment) => {
            shift(moment, interval)
        }
        _ => Err(not_an_operand()),
    }
}

fn subtract(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match (&args[0], &args[1]) {
        (Value::Date(date), Value::Int64(days)) => {
            let days = days.checked_neg().ok_or_else(|| {
                let date = crate::calendar::date_text(*date);
                SqlError::evaluation(format!(
                    "Subtracting {days} DAY from date {date} causes overflow"
                ))
            })?;
            add_days(*date, days)
        }
        (Value::Interval(left), Value::Interval(right)) => sum(left, &negated(right)),
        (moment, Value::Interval(interval)) => shift(moment, &negated(interval)),
        (Value::Date(later), Value::Date(earlier)) => {
            checked_interval(0, i64::from(*later) - i64::from(*earlier), 0).map(Value::interval)
        }
        (Value::Timestamp(later), Value::Timestamp(earlier))
        | (Value::Time(later), Value::Time(earlier)) => {
            let micros = i128::from(*later) - i128::from(*earlier);
            checked_interval(0, 0, micros * 1_000).map(Value::interval)
        }
        (Value::Datetime(later), Value::Datetime(earlier)) => {
            let micros = i128::from(*later) - i128::from(*earlier);
            let day = i128::from(MICROS_PER_DAY);
            let days = i64::try_from(micros / day).map_err(|_| not_an_operand())?;
            checked_interval(0, days, micros % day * 1_000).map(Value::interval)
        }
        _ => Err(not_an_operand()),
    }
}

fn add_days(date: i32, days: i64) -> Result<Value> {
    shift_date(date, &Interval { months: 0, days, nanos: 0 }).map(Value::Date)
}

fn shift(moment: &Value, interval: &Interval) -> Result<Value> {
    match moment {
        Value::Date(date) => {
            shift_datetime(midnight((*date).into()), interval).map(Value::Datetime)
        }
        Value::Datetime(datetime) => shift_datetime(*datetime, interval).map(Value::Datetime),
        Value::Timestamp(timestamp) => shift_timestamp(*timestamp, interval).map(Value::Timestamp),
        _ => Err(not_an_operand()),
    }
}

fn sum(left: &Interval, right: &Interval) -> Result<Value> {
    let (months, days) = (left.months + right.months, left.days + right.days);
    checked_interval(months, days, left.nanos + right.nanos).map(Value::interval)
}

fn multiply(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (interval, factor) = match (&args[0], &args[1]) {
        (Value::Interval(interval), Value::Int64(factor))
        | (Value::Int64(factor), Value::Interval(interval)) => (interval, *factor),
        _ => return Err(not_an_operand()),
    };
    let overflow = || SqlError::evaluation("Interval overflow during multiplication");
    let months = interval.months.checked_mul(factor).ok_or_else(overflow)?;
    let days = interval.days.checked_mul(factor).ok_or_else(overflow)?;
    let nanos = interval.nanos.checked_mul(factor.into()).ok_or_else(overflow)?;
    checked_interval(months, days, nanos).map(Value::interval)
}

/// What is left of months goes on as days of 30 to a month, what is left of days as time; all is cut to
/// microseconds.
fn divide(interval: &Interval, divisor: i64) -> Result<Value> {
    if divisor == 0 {
        return Err(SqlError::evaluation("Interval division by zero"));
    }
    let divisor = i128::from(divisor);
    let months = i128::from(interval.months);
    let days = i128::from(interval.days) + months % divisor * 30;
    let nanos = (interval.nanos + days % divisor * NANOS_PER_DAY) / divisor;
    let fits = |number: i128| {
        i64::try_from(number).map_err(|_| SqlError::evaluation("Interval overflow during division"))
    };
    let nanos = nanos / 1_000 * 1_000;
    checked_interval(fits(months / divisor)?, fits(days / divisor)?, nanos).map(Value::interval)
}

fn not_an_operand() -> SqlError {
    SqlError::evaluation("An operator of the calendar needs dates, times or intervals")
}

//! Functions that make intervals: literals, `MAKE_INTERVAL` and the `JUSTIFY` functions.

use super::calendar_arguments::{integer, interval, part, text};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    Field, NANOS_PER_DAY, Part, checked_interval, interval_of_micros, overflow,
    parse_interval_fields, parse_interval_seconds,
};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value};

const DAYS_PER_MONTH: i64 = 30;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    function!(
        "$interval",
        literal,
        "(INT64, DATE_PART) -> INTERVAL",
        "(STRING, DATE_PART, [DATE_PART]) -> INTERVAL",
    ),
    function!(
        "MAKE_INTERVAL",
        make_interval,
        "([year: INT64 = 0], [month: INT64 = 0], [day: INT64 = 0], [hour: INT64 = 0], \
         [minute: INT64 = 0], [second: INT64 = 0]) -> INTERVAL",
    ),
    function!(
        "JUSTIFY_HOURS",
        |_, args| finish(justify_hours(*interval(args, 0)?)),
        "(INTERVAL) -> INTERVAL",
    ),
    function!(
        "JUSTIFY_DAYS",
        |_, args| finish(justify_days(*interval(args, 0)?)),
        "(INTERVAL) -> INTERVAL",
    ),
    function!(
        "JUSTIFY_INTERVAL",
        |_, args| finish(justify_interval(*interval(args, 0)?)),
        "(INTERVAL) -> INTERVAL",
    ),
];

fn finish(interval: Interval) -> Result<Value> {
    let Interval { months, days, nanos } = interval;
    checked_interval(months, days, nanos).map(Value::interval)
}

fn literal(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let from = part(args, 1)?;
    let interval = match &args[0] {
        Value::Int64(number) => of_number(*number, from)?,
        _ if args.len() > 2 => {
            let (to, text) = (part(args, 2)?, text(args, 0)?);
            let fields = field(from).zip(field(to)).filter(|(from, to)| from < to);
            let (from, to) = fields.ok_or_else(|| {
                let (from, to) = (from.name(), to.name());
                SqlError::evaluation(format!("Invalid interval datetime fields: {from} TO {to}"))
            })?;
            parse_interval_fields(text, from, to)?
        }
        _ => of_text(text(args, 0)?, from)?,
    };
    Ok(Value::interval(interval))
}

fn field(part: Part) -> Option<Field> {
    Some(match part {
        Part::Year => Field::Year,
        Part::Month => Field::Month,
        Part::Day => Field::Day,
        Part::Hour => Field::Hour,
        Part::Minute => Field::Minute,
        Part::Second => Field::Second,
        _ => return None,
    })
}

fn of_number(number: i64, part: Part) -> Result<Interval> {
    let times =
        |factor: i64| number.checked_mul(factor).ok_or_else(|| overflow(number, '*', factor));
    match part {
        Part::Year => checked_interval(times(12)?, 0, 0),
        Part::Quarter => checked_interval(times(3)?, 0, 0),
        Part::Month => checked_interval(number, 0, 0),
        Part::Week(0) => checked_interval(0, times(7)?, 0),
        Part::Day => checked_interval(0, number, 0),
        Part::Millisecond => interval_of_micros(times(1_000)?),
        Part::Microsecond => interval_of_micros(number),
        Part::Hour | Part::Minute | Part::Second => {
            let unit = part.clock_micros().unwrap_or(0);
            checked_interval(0, 0, i128::from(number) * i128::from(unit) * 1_000)
        }
        _ => {
            let message = format!("Invalid interval datetime field {}", part.name());
            Err(SqlError::evaluation(message))
        }
    }
}

fn of_text(text: &str, part: Part) -> Result<Interval> {
    if part == Part::Second && text.contains('.') {
        return parse_interval_seconds(text);
    }
    let number = text
        .parse()
        .map_err(|_| SqlError::evaluation(format!("Invalid INTERVAL value '{text}'")))?;
    of_number(number, part)
}

fn make_interval(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut fields = [0_i64; 6];
    for (at, field) in fields.iter_mut().enumerate().take(args.len()) {
        *field = if args[at].is_null() { 0 } else { integer(args, at)? };
    }
    let [years, months, days, hours, minutes, seconds] = fields;
    let year_months = years.checked_mul(12).ok_or_else(|| overflow(years, '*', 12))?;
    let months =
        months.checked_add(year_months).ok_or_else(|| overflow(months, '+', year_months))?;
    let seconds = i128::from(hours) * 3_600 + i128::from(minutes) * 60 + i128::from(seconds);
    checked_interval(months, days, seconds * 1_000_000_000).map(Value::interval)
}

/// Whole days of the time become days, with one sign for both.
fn justify_hours(interval: Interval) -> Interval {
    let mut days = interval.days + whole_days(interval.nanos);
    let mut nanos = interval.nanos % NANOS_PER_DAY;
    if days > 0 && nanos < 0 {
        nanos += NANOS_PER_DAY;
        days -= 1;
    } else if days < 0 && nanos > 0 {
        nanos -= NANOS_PER_DAY;
        days += 1;
    }
    Interval { days, nanos, ..interval }
}

/// Thirty days become a month, with one sign for both.
fn justify_days(interval: Interval) -> Interval {
    let mut months = interval.months + interval.days / DAYS_PER_MONTH;
    let mut days = interval.days % DAYS_PER_MONTH;
    if months > 0 && days < 0 {
        days += DAYS_PER_MONTH;
        months -= 1;
    } else if months < 0 && days > 0 {
        days -= DAYS_PER_MONTH;
        months += 1;
    }
    Interval { months, days, ..interval }
}

/// Both, with one sign for all three.
fn justify_interval(interval: Interval) -> Interval {
    let days = interval.days + whole_days(interval.nanos);
    let mut nanos = interval.nanos % NANOS_PER_DAY;
    let mut months = interval.months + days / DAYS_PER_MONTH;
    let mut days = days % DAYS_PER_MONTH;
    if months > 0 && (days < 0 || (days == 0 && nanos < 0)) {
        days += DAYS_PER_MONTH;
        months -= 1;
    } else if months < 0 && (days > 0 || (days == 0 && nanos > 0)) {
        days -= DAYS_PER_MONTH;
        months += 1;
    }
    if days > 0 && nanos < 0 {
        nanos += NANOS_PER_DAY;
        days -= 1;
    } else if days < 0 && nanos > 0 {
        nanos -= NANOS_PER_DAY;
        days += 1;
    }
    Interval { months, days, nanos }
}

fn whole_days(nanos: i128) -> i64 {
    i64::try_from(nanos / NANOS_PER_DAY).expect("an interval's time is within ten thousand years")
}

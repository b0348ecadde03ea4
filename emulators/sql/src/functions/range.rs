//! Ranges of dates, datetimes and timestamps. A NULL end is unbounded; a range has its start and
//! not its end.

use super::calendar_arguments::{check_generated, interval, range};
use super::calendar_arithmetic::function;
use super::{Call, Nulls, ScalarFunction};
use crate::calendar::{
    Zone, checked_range, range_text, shift_date, shift_datetime, shift_timestamp,
};
use crate::error::{Result, SqlError};
use crate::value::{Interval, Value, compare};

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    ScalarFunction {
        name: "RANGE",
        signatures: &[
            "(DATE, DATE) -> RANGE<DATE>",
            "(DATETIME, DATETIME) -> RANGE<DATETIME>",
            "(TIMESTAMP, TIMESTAMP) -> RANGE<TIMESTAMP>",
        ],
        nulls: Nulls::Passed,
        call: |_, args| checked_range(args[0].clone(), args[1].clone()),
    },
    function!(
        "RANGE_START",
        |_, args| Ok(range(args, 0)?[0].clone()),
        "(RANGE<DATE>) -> DATE",
        "(RANGE<DATETIME>) -> DATETIME",
        "(RANGE<TIMESTAMP>) -> TIMESTAMP",
    ),
    function!(
        "RANGE_END",
        |_, args| Ok(range(args, 0)?[1].clone()),
        "(RANGE<DATE>) -> DATE",
        "(RANGE<DATETIME>) -> DATETIME",
        "(RANGE<TIMESTAMP>) -> TIMESTAMP",
    ),
    function!(
        "RANGE_CONTAINS",
        contains,
        "(RANGE<DATE>, RANGE<DATE>) -> BOOL",
        "(RANGE<DATETIME>, RANGE<DATETIME>) -> BOOL",
        "(RANGE<TIMESTAMP>, RANGE<TIMESTAMP>) -> BOOL",
        "(RANGE<DATE>, DATE) -> BOOL",
        "(RANGE<DATETIME>, DATETIME) -> BOOL",
        "(RANGE<TIMESTAMP>, TIMESTAMP) -> BOOL",
    ),
    function!(
        "RANGE_OVERLAPS",
        |_, args| Ok(Value::Bool(intersection(range(args, 0)?, range(args, 1)?).is_some())),
        "(RANGE<DATE>, RANGE<DATE>) -> BOOL",
        "(RANGE<DATETIME>, RANGE<DATETIME>) -> BOOL",
        "(RANGE<TIMESTAMP>, RANGE<TIMESTAMP>) -> BOOL",
    ),
    function!(
        "RANGE_INTERSECT",
        intersect,
        "(RANGE<DATE>, RANGE<DATE>) -> RANGE<DATE>",
        "(RANGE<DATETIME>, RANGE<DATETIME>) -> RANGE<DATETIME>",
        "(RANGE<TIMESTAMP>, RANGE<TIMESTAMP>) -> RANGE<TIMESTAMP>",
    ),
    function!(
        "GENERATE_RANGE_ARRAY",
        generate_range_array,
        "(RANGE<TIMESTAMP>, INTERVAL, [BOOL]) -> ARRAY<RANGE<TIMESTAMP>>",
        "(RANGE<DATE>, INTERVAL, [BOOL]) -> ARRAY<RANGE<DATE>>",
        "(RANGE<DATETIME>, INTERVAL, [BOOL]) -> ARRAY<RANGE<DATETIME>>",
    ),
];

/// Whether a range has a value, or all of another range.
fn contains(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [start, end] = range(args, 0)?;
    let has = match args.get(1) {
        Some(Value::Range(inner)) => {
            let begins =
                start.is_null() || !inner[0].is_null() && compare(start, &inner[0]).is_le();
            let ends = end.is_null() || !inner[1].is_null() && compare(&inner[1], end).is_le();
            begins && ends
        }
        Some(value) => {
            (start.is_null() || compare(start, value).is_le())
                && (end.is_null() || compare(value, end).is_lt())
        }
        None => false,
    };
    Ok(Value::Bool(has))
}

/// What two ranges share.
fn intersection(left: &[Value; 2], right: &[Value; 2]) -> Option<[Value; 2]> {
    let start = match (&left[0], &right[0]) {
        (Value::Null, start) | (start, Value::Null) => start,
        (left, right) if compare(left, right).is_ge() => left,
        (_, right) => right,
    };
    let end = match (&left[1], &right[1]) {
        (Value::Null, end) | (end, Value::Null) => end,
        (left, right) if compare(left, right).is_le() => left,
        (_, right) => right,
    };
    let empty = !start.is_null() && !end.is_null() && compare(start, end).is_ge();
    (!empty).then(|| [start.clone(), end.clone()])
}

fn intersect(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (left, right) = (range(args, 0)?, range(args, 1)?);
    let Some([start, end]) = intersection(left, right) else {
        let zone = Zone::Iana(call.session.time_zone);
        return Err(SqlError::evaluation(format!(
            "Provided RANGE inputs: {} and {} do not overlap. Please check RANGE_OVERLAPS before \
             calling RANGE_INTERSECT",
            range_text(left, &zone),
            range_text(right, &zone)
        )));
    };
    checked_range(start, end)
}

fn generate_range_array(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let ([start, end], step) = (range(args, 0)?, interval(args, 1)?);
    let keeps_partial = args.get(2).is_none_or(Value::is_true);
    check_step(start, end, step)?;
    if start.is_null() || end.is_null() {
        return Err(SqlError::evaluation("input RANGE cannot have UNBOUNDED endpoints"));
    }
    let mut ranges = Vec::new();
    let mut from = start.clone();
    let mut steps = 0_i64;
    loop {
        steps += 1;
        // Every end is counted from the start, so that the last days of months stay.
        let to = shift(start, step, steps).filter(|to| compare(to, end).is_lt());
        let Some(to) = to else { break };
        check_generated(ranges.len())?;
        ranges.push(checked_range(from, to.clone())?);
        from = to;
    }
    let is_whole = shift(start, step, steps).is_some_and(|to| compare(&to, end).is_eq());
    if is_whole || keeps_partial {
        ranges.push(checked_range(from, end.clone())?);
    }
    Ok(Value::array(ranges))
}

/// The start after so many steps; `None` beyond the calendar's end.
fn shift(start: &Value, step: &Interval, steps: i64) -> Option<Value> {
    let interval = Interval {
        months: step.months.checked_mul(steps)?,
        days: step.days.checked_mul(steps)?,
        nanos: step.nanos.checked_mul(steps.into())?,
    };
    match start {
        Value::Date(date) => shift_date(*date, &interval).ok().map(Value::Date),
        Value::Datetime(datetime) => shift_datetime(*datetime, &interval).ok().map(Value::Datetime),
        Value::Timestamp(timestamp) => {
            shift_timestamp(*timestamp, &interval).ok().map(Value::Timestamp)
        }
        _ => None,
    }
}

fn check_step(start: &Value, end: &Value, step: &Interval) -> Result<()> {
    let Interval { months, days, nanos } = *step;
    let refuse = |condition: bool, message: &str| {
        if condition { Err(SqlError::evaluation(message)) } else { Ok(()) }
    };
    let of = if start.is_null() { end } else { start };
    match of {
        Value::Timestamp(_) => {
            refuse(months != 0, "step with non-zero MONTH or YEAR part is not supported")?;
        }
        Value::Date(_) => {
            refuse(nanos != 0, "step with non-zero (H:M:S[.F]) part is not supported")?;
            refuse(
                months != 0 && days != 0,
                "step should either have the Y-M part or the DAY part",
            )?;
        }
        _ => refuse(
            months != 0 && (days != 0 || nanos != 0),
            "step should either have the Y-M part or the D (H:M:S[.F]) part",
        )?,
    }
    refuse(months < 0 || days < 0 || nanos < 0, "step cannot be negative")?;
    refuse(months == 0 && days == 0 && nanos == 0, "step cannot be 0")
}

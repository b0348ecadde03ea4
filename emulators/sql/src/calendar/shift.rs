//! Dates, times and instants moved by an interval. Months clip to the end of the month; a time of
//! day goes round the clock. Invariant: what leaves is in range, or the error names what was added
//! to what.

use super::civil::{
    CivilDate, MICROS_PER_DAY, date_from_civil, days_in_month, is_valid_date, is_valid_datetime,
};
use super::part::Part;
use super::text::{date_text, datetime_text, time_text};
use crate::error::{Result, SqlError};
use crate::value::Interval;

const NANOS_PER_MICRO: i128 = 1_000;

/// The interval as a number of the largest part that divides it; `None` when it has several parts.
fn amount(interval: &Interval) -> Option<(Part, i64)> {
    let nanos = interval.nanos;
    let units = [
        (Part::Hour, 3_600_000_000_000),
        (Part::Minute, 60_000_000_000),
        (Part::Second, 1_000_000_000),
        (Part::Millisecond, 1_000_000),
        (Part::Microsecond, 1_000),
    ];
    match (interval.months, interval.days, nanos) {
        (months, 0, 0) if months != 0 && months % 12 == 0 => Some((Part::Year, months / 12)),
        (months, 0, 0) if months != 0 => Some((Part::Month, months)),
        (0, days, 0) => Some((Part::Day, days)),
        (0, 0, nanos) => {
            let (part, unit) = units.into_iter().find(|(_, unit)| nanos % unit == 0)?;
            Some((part, i64::try_from(nanos / unit).ok()?))
        }
        _ => None,
    }
}

/// What was added, in an error.
fn amount_text(interval: &Interval) -> String {
    match amount(interval) {
        Some((part, number)) => format!("{number} {}", part.name()),
        None => format!("INTERVAL '{}'", super::interval_text(interval)),
    }
}

/// The date so many months later, on the same day or on the month's last; `None` out of range.
pub(crate) fn add_months(days: i64, months: i64) -> Option<i64> {
    let CivilDate { year, month, day } = CivilDate::from_days(days);
    let month_index = (year * 12 + month - 1).checked_add(months)?;
    let (year, month) = (month_index.div_euclid(12), month_index.rem_euclid(12) + 1);
    if !(1..=9_999).contains(&year) {
        return None;
    }
    date_from_civil(year, month, day.min(days_in_month(year, month))).map(i64::from)
}

/// The part of an interval that dates do not have.
pub(crate) fn part_beyond_dates(interval: &Interval) -> Option<Part> {
    let (part, _) = amount(&Interval { months: 0, days: 0, nanos: interval.nanos })?;
    (interval.nanos != 0).then_some(part)
}

/// The part of an interval that timestamps do not have.
pub(crate) fn part_beyond_timestamps(interval: &Interval) -> Option<Part> {
    let (part, _) = amount(&Interval { months: interval.months, days: 0, nanos: 0 })?;
    (interval.months != 0).then_some(part)
}

/// The part of an interval that times of day do not have.
pub(crate) fn part_beyond_times(interval: &Interval) -> Option<Part> {
    part_beyond_timestamps(interval).or_else(|| (interval.days != 0).then_some(Part::Day))
}

/// A date moved by years, months and days; the rest of the interval is not looked at.
pub(crate) fn shift_date(date: i32, interval: &Interval) -> Result<i32> {
    add_months_and_days(date.into(), interval).and_then(|days| i32::try_from(days).ok()).ok_or_else(
        || {
            SqlError::evaluation(format!(
                "Adding {} to date {} causes overflow",
                amount_text(interval),
                date_text(date)
            ))
        },
    )
}

fn add_months_and_days(mut days: i64, interval: &Interval) -> Option<i64> {
    if interval.months != 0 {
        days = add_months(days, interval.months)?;
    }
    days.checked_add(interval.days).filter(|days| is_valid_date(*days))
}

/// A time of day moved by hours or less, round the clock; the rest of the interval is not looked at.
pub(crate) fn shift_time(time: i64, interval: &Interval) -> i64 {
    let moved = i128::from(time) + interval.nanos / NANOS_PER_MICRO;
    let micros = moved.rem_euclid(i128::from(MICROS_PER_DAY));
    i64::try_from(micros).expect("less than a day")
}

/// A datetime moved by months, then days, then time.
pub(crate) fn shift_datetime(datetime: i64, interval: &Interval) -> Result<i64> {
    let moved =
        add_months_and_days(datetime.div_euclid(MICROS_PER_DAY), interval).and_then(|days| {
            let midnight = i128::from(days) * i128::from(MICROS_PER_DAY);
            let micros = i128::from(datetime.rem_euclid(MICROS_PER_DAY));
            in_range(midnight + micros + interval.nanos / NANOS_PER_MICRO)
        });
    moved.ok_or_else(|| {
        SqlError::evaluation(format!(
            "Adding {} to datetime {} causes overflow",
            amount_text(interval),
            datetime_text(datetime)
        ))
    })
}

/// An instant moved by days of 24 hours and time.
pub(crate) fn shift_timestamp(timestamp: i64, interval: &Interval) -> Result<i64> {
    if interval.months != 0 {
        return Err(SqlError::evaluation(
            "TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero MONTH or YEAR part.",
        ));
    }
    let days = i128::from(interval.days) * i128::from(MICROS_PER_DAY);
    in_range(i128::from(timestamp) + days + interval.nanos / NANOS_PER_MICRO).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Adding {} to timestamp {} causes overflow",
            amount_text(interval),
            full_timestamp_text(timestamp)
        ))
    })
}

fn in_range(micros: i128) -> Option<i64> {
    i64::try_from(micros).ok().filter(|micros| is_valid_datetime(*micros))
}

/// `2024-01-15 12:30:45.000000+00`: six digits always.
fn full_timestamp_text(timestamp: i64) -> String {
    let date = date_text(super::date_of_datetime(timestamp));
    let time = super::time_of_datetime(timestamp);
    let seconds = time_text(time - time.rem_euclid(super::MICROS_PER_SECOND));
    format!("{date} {seconds}.{:06}+00", time.rem_euclid(super::MICROS_PER_SECOND))
}

/// The interval with every sign changed.
pub(crate) fn negated(interval: &Interval) -> Interval {
    Interval { months: -interval.months, days: -interval.days, nanos: -interval.nanos }
}

//! Parts as numbers: what `EXTRACT` gives from dates, times, datetimes and intervals. Weeks count
//! from the first week day of the year; days before it are in week 0.

use super::civil::{
    CivilDate, CivilTime, MICROS_PER_DAY, days_from_civil, iso_year_and_week, weekday_from_sunday,
};
use super::part::Part;
use crate::error::{Result, SqlError};
use crate::value::Interval;

/// A part of a date.
pub(crate) fn extract_from_date(part: Part, date: i32) -> Result<i64> {
    date_part(part, date.into()).ok_or_else(|| unsupported("DATE", part))
}

/// A part of a time of day.
pub(crate) fn extract_from_time(part: Part, time: i64) -> Result<i64> {
    time_part(part, time).ok_or_else(|| unsupported("TIME", part))
}

/// A part of a datetime.
pub(crate) fn extract_from_datetime(part: Part, datetime: i64) -> Result<i64> {
    civil_part(part, datetime).ok_or_else(|| unsupported("DATETIME", part))
}

/// A part of what a clock shows at an instant; the civil time may be a day out of range.
pub(crate) fn extract_from_civil(part: Part, civil: i64) -> Result<i64> {
    civil_part(part, civil).ok_or_else(|| unsupported("TIMESTAMP", part))
}

fn civil_part(part: Part, civil: i64) -> Option<i64> {
    let days = civil.div_euclid(MICROS_PER_DAY);
    date_part(part, days).or_else(|| time_part(part, civil.rem_euclid(MICROS_PER_DAY)))
}

/// A part of an interval, with the sign of the part that it belongs to.
pub(crate) fn extract_from_interval(part: Part, interval: &Interval) -> Result<i64> {
    let Interval { months, days, nanos } = *interval;
    let value = match part {
        Part::Year => i128::from(months / 12),
        Part::Month => i128::from(months % 12),
        Part::Day => i128::from(days),
        Part::Hour => nanos / 3_600_000_000_000,
        Part::Minute => nanos / 60_000_000_000 % 60,
        Part::Second => nanos / 1_000_000_000 % 60,
        Part::Millisecond => nanos / 1_000_000 % 1_000,
        Part::Microsecond => nanos / 1_000 % 1_000_000,
        _ => {
            return Err(SqlError::evaluation(format!(
                "Unsupported date part {} in EXTRACT FROM INTERVAL",
                part.name()
            )));
        }
    };
    i64::try_from(value).map_err(|_| SqlError::evaluation("Interval field is out of range"))
}

fn unsupported(source: &str, part: Part) -> SqlError {
    part.unsupported(&format!("EXTRACT from {source}"))
}

fn date_part(part: Part, days: i64) -> Option<i64> {
    let civil = CivilDate::from_days(days);
    Some(match part {
        Part::Year => civil.year,
        Part::Quarter => civil.quarter(),
        Part::Month => civil.month,
        Part::Day => civil.day,
        Part::DayOfYear => civil.day_of_year(),
        Part::DayOfWeek => weekday_from_sunday(days) + 1,
        Part::IsoYear => iso_year_and_week(days).0,
        Part::IsoWeek => iso_year_and_week(days).1,
        Part::Week(start) => week_of_year(days, civil.year, start.into()),
        _ => return None,
    })
}

/// The week of the year, of weeks that begin on a day of the week (0 is Sunday).
pub(crate) fn week_of_year(days: i64, year: i64, week_start: i64) -> i64 {
    let first = days_from_civil(year, 1, 1);
    let first_start = first + (week_start - weekday_from_sunday(first)).rem_euclid(7);
    (days - first_start).div_euclid(7) + 1
}

fn time_part(part: Part, time: i64) -> Option<i64> {
    let CivilTime { hour, minute, second, micros } = CivilTime::from_micros(time);
    Some(match part {
        Part::Hour => hour,
        Part::Minute => minute,
        Part::Second => second,
        Part::Millisecond => micros / 1_000,
        Part::Microsecond => micros,
        _ => return None,
    })
}

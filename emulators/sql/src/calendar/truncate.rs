//! Truncation to the start of a part, and the last day of one. Invariant: a truncated value is not
//! after what was truncated, and truncating it again changes nothing.

use super::civil::{
    CivilDate, MICROS_PER_DAY, days_from_civil, is_valid_date, is_valid_datetime,
    iso_year_and_week, iso_year_start, midnight, weekday_from_sunday,
};
use super::part::Part;
use super::text::{date_text, timestamp_text};
use super::zone::Zone;
use crate::error::{Result, SqlError};

/// The first day of the year, quarter, month, week or day in which a day lies; it may be out of range.
pub(crate) fn start_of_period(part: Part, days: i64) -> Option<i64> {
    if let Some(week_start) = part.week_start() {
        return Some(days - (weekday_from_sunday(days) - week_start).rem_euclid(7));
    }
    let CivilDate { year, month, .. } = CivilDate::from_days(days);
    Some(match part {
        Part::Year => days_from_civil(year, 1, 1),
        Part::IsoYear => iso_year_start(iso_year_and_week(days).0),
        Part::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        Part::Month => days_from_civil(year, month, 1),
        Part::Day => days,
        _ => return None,
    })
}

/// A date truncated to a part.
pub(crate) fn truncate_date(part: Part, date: i32, function: &str) -> Result<i32> {
    let days = start_of_period(part, date.into()).ok_or_else(|| part.unsupported(function))?;
    valid_date(days).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Truncating date {} to {} resulted in an out of range date value: {days}",
            date_text(date),
            part.name()
        ))
    })
}

/// A time of day truncated to a part.
pub(crate) fn truncate_time(part: Part, time: i64, function: &str) -> Result<i64> {
    let unit = part.clock_micros().ok_or_else(|| part.unsupported(function))?;
    Ok(time.saturating_sub(time.rem_euclid(unit)))
}

/// A datetime truncated to a part.
pub(crate) fn truncate_datetime(part: Part, datetime: i64, function: &str) -> Result<i64> {
    if let Some(unit) = part.clock_micros() {
        return Ok(datetime.saturating_sub(datetime.rem_euclid(unit)));
    }
    let date = truncate_date(part, super::date_of_datetime(datetime), function)?;
    Ok(midnight(date.into()))
}

/// A timestamp truncated to a part as clocks of a zone show it.
pub(crate) fn truncate_timestamp(
    part: Part,
    timestamp: i64,
    zone: &Zone,
    function: &str,
) -> Result<i64> {
    let truncated = match part.clock_micros() {
        // Hours and minutes are cut by the offset that holds at the instant, also across a transition.
        Some(unit) => timestamp.saturating_sub(zone.civil_micros(timestamp).rem_euclid(unit)),
        None => {
            let days = zone.civil_micros(timestamp).div_euclid(MICROS_PER_DAY);
            let start = start_of_period(part, days).ok_or_else(|| part.unsupported(function))?;
            if part.week_start().is_some() && !is_valid_date(start) {
                return Err(SqlError::evaluation(format!(
                    "Truncating {} to the nearest week causes overflow",
                    timestamp_text(timestamp, zone)
                )));
            }
            zone.instant_micros(midnight(start))
        }
    };
    if is_valid_datetime(truncated) {
        return Ok(truncated);
    }
    Err(SqlError::evaluation(format!(
        "Truncating to the nearest {} causes underflow at timezone {}",
        part.name(),
        zone.name()
    )))
}

/// The last day of the year, quarter, month or week in which a date lies.
pub(crate) fn last_day(part: Part, date: i32) -> Result<i32> {
    let unsupported = || part.unsupported("LAST_DAY");
    let start = start_of_period(part, date.into()).ok_or_else(unsupported)?;
    let CivilDate { year, month, .. } = CivilDate::from_days(date.into());
    let days = match part {
        Part::Year => days_from_civil(year + 1, 1, 1) - 1,
        Part::IsoYear => iso_year_start(iso_year_and_week(date.into()).0 + 1) - 1,
        Part::Quarter => match (month - 1) / 3 * 3 + 4 {
            13 => days_from_civil(year + 1, 1, 1) - 1,
            next => days_from_civil(year, next, 1) - 1,
        },
        Part::Month if month == 12 => days_from_civil(year + 1, 1, 1) - 1,
        Part::Month => days_from_civil(year, month + 1, 1) - 1,
        Part::Week(_) | Part::IsoWeek => start + 6,
        _ => return Err(unsupported()),
    };
    valid_date(days).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Last day of date {} to {} resulted in an out of range date value: {days}",
            date_text(date),
            part.name()
        ))
    })
}

fn valid_date(days: i64) -> Option<i32> {
    i32::try_from(days).ok().filter(|_| is_valid_date(days))
}

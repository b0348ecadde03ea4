//! Differences in parts. Dates and datetimes count the boundaries of a part between two values;
//! timestamps count whole parts that have passed. Invariant: swapping the two changes the sign and
//! nothing else.

use super::civil::{CivilDate, MICROS_PER_DAY, iso_year_and_week};
use super::part::Part;
use super::truncate::start_of_period;
use crate::error::{Result, SqlError};

/// Boundaries between two dates.
pub(crate) fn date_difference(part: Part, later: i32, earlier: i32, function: &str) -> Result<i64> {
    days_difference(part, later.into(), earlier.into())
        .ok_or_else(|| part.unsupported_for(function, "DATE"))
}

/// Boundaries between two datetimes.
pub(crate) fn datetime_difference(
    part: Part,
    later: i64,
    earlier: i64,
    function: &str,
) -> Result<i64> {
    let unit = part.clock_micros();
    let days = |datetime: i64| datetime.div_euclid(MICROS_PER_DAY);
    let difference = match unit {
        Some(unit) => later.div_euclid(unit).checked_sub(earlier.div_euclid(unit)),
        None => {
            return days_difference(part, days(later), days(earlier))
                .ok_or_else(|| part.unsupported_for(function, "DATETIME"));
        }
    };
    difference.ok_or_else(|| overflow(part, function))
}

/// Boundaries between two times of a day.
pub(crate) fn time_difference(part: Part, later: i64, earlier: i64) -> Result<i64> {
    let unit = part.clock_micros().ok_or_else(|| part.unsupported_for("TIME_DIFF", "TIME"))?;
    let difference = later.div_euclid(unit).checked_sub(earlier.div_euclid(unit));
    difference.ok_or_else(|| overflow(part, "TIME_DIFF"))
}

/// Whole parts between two timestamps, towards zero.
pub(crate) fn timestamp_difference(
    part: Part,
    later: i64,
    earlier: i64,
    function: &str,
) -> Result<i64> {
    let unit = part.fixed_micros().ok_or_else(|| part.unsupported_for(function, "TIMESTAMP"))?;
    let difference = later.checked_sub(earlier).ok_or_else(|| overflow(part, function))?;
    Ok(difference / unit)
}

fn days_difference(part: Part, later: i64, earlier: i64) -> Option<i64> {
    if part.week_start().is_some() {
        return Some((start_of_period(part, later)? - start_of_period(part, earlier)?) / 7);
    }
    let (from, to) = (CivilDate::from_days(earlier), CivilDate::from_days(later));
    Some(match part {
        Part::Year => to.year - from.year,
        Part::IsoYear => iso_year_and_week(later).0 - iso_year_and_week(earlier).0,
        Part::Quarter => (to.year - from.year) * 4 + to.quarter() - from.quarter(),
        Part::Month => (to.year - from.year) * 12 + to.month - from.month,
        Part::Day => later - earlier,
        _ => return None,
    })
}

fn overflow(part: Part, function: &str) -> SqlError {
    SqlError::evaluation(format!("{function} at {} precision causes overflow", part.name()))
}

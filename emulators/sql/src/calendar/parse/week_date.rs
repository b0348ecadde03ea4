//! Weeks, weekdays, days of the year and ISO years in a format that is parsed. Which of them count:
//! of a week and a day of the year the later; a weekday only beside a week; ISO parts only when
//! there are no others, and only with an ISO year.

use super::super::civil::{
    CivilDate, days_from_civil, is_valid_day, iso_year_start, weekday_from_sunday,
};
use crate::error::{Result, SqlError};

/// A value and which element of the format it was, counted from 1.
type Placed = Option<(usize, i64)>;

/// What elements have said of weeks and days of the year.
#[derive(Default)]
pub(super) struct WeekDate {
    /// The last element that says something of the year, the month, the day; 0 when there is none.
    pub(super) last_year: usize,
    pub(super) last_month: usize,
    pub(super) last_day: usize,
    /// Whether any element speaks of the civil calendar, which makes ISO parts mute.
    pub(super) civil: bool,
    /// Of `%U` (weeks begin on Sunday) or `%W` (on Monday).
    pub(super) week: Placed,
    /// Whether it was `%W`.
    pub(super) week_from_monday: bool,
    pub(super) day_of_year: Placed,
    pub(super) iso_year: Placed,
    pub(super) iso_week: Placed,
    pub(super) iso_day_of_year: Placed,
    /// From Sunday, which is 0.
    pub(super) weekday: Placed,
}

impl WeekDate {
    /// The date that the fields and these elements make together.
    pub(super) fn resolve(self, date: CivilDate) -> Result<CivilDate> {
        if !self.civil
            && let Some((_, iso_year)) = self.iso_year
        {
            return self.resolve_iso(iso_year);
        }
        let (at, days) = match (self.week, self.day_of_year) {
            (Some(week), Some(day)) if week.0 > day.0 && self.weekday.is_some() => {
                (week.0, self.week_day(date.year, week.1)?)
            }
            (_, Some((at, day))) => (at, day_of_year(date.year, day)?),
            (Some((at, week)), None) => (at, self.week_day(date.year, week)?),
            (None, None) => return Ok(date),
        };
        let found = CivilDate::from_days(days);
        let merged = CivilDate {
            year: if self.last_year < at { found.year } else { date.year },
            month: if self.last_month < at { found.month } else { date.month },
            day: if self.last_day < at { found.day } else { date.day },
        };
        exists(merged)
    }

    fn resolve_iso(self, year: i64) -> Result<CivilDate> {
        let start = iso_year_start(year);
        let length = iso_year_start(year + 1) - start;
        let days = match (self.iso_week, self.iso_day_of_year) {
            (Some(week), Some(day)) if week.0 > day.0 && self.weekday.is_some() => {
                self.iso_week_day(year, week.1)?
            }
            (_, Some((_, day))) if day > length => {
                return Err(SqlError::evaluation(format!(
                    "ISO Year {year} has {length} days, but the specified day of year was {day}"
                )));
            }
            (_, Some((_, day))) => start + day - 1,
            (Some((_, week)), None) => self.iso_week_day(year, week)?,
            (None, None) => start,
        };
        exists(CivilDate::from_days(days))
    }

    fn iso_week_day(&self, year: i64, week: i64) -> Result<i64> {
        let start = iso_year_start(year);
        if start + (week - 1) * 7 >= iso_year_start(year + 1) {
            return Err(SqlError::evaluation(format!(
                "Invalid ISO week {week} specified for ISO year {year}"
            )));
        }
        Ok(start + (week - 1) * 7 + self.weekday.map_or(0, |(_, day)| (day + 6) % 7))
    }

    /// The first day of a week, or the weekday in it.
    fn week_day(&self, year: i64, week: i64) -> Result<i64> {
        let week_start = i64::from(self.week_from_monday);
        let first = days_from_civil(year, 1, 1);
        let last = days_from_civil(year, 12, 31);
        let first_start = first + (week_start - weekday_from_sunday(first)).rem_euclid(7);
        let start = first_start + (week - 1) * 7;
        // Week 0 is there unless the year begins with a week; the last week may run out of the year.
        if start > last || start + 7 <= first {
            return Err(SqlError::evaluation(format!(
                "Week number {week} is invalid for year {year}"
            )));
        }
        Ok(start + self.weekday.map_or(0, |(_, day)| (day - week_start).rem_euclid(7)))
    }
}

fn day_of_year(year: i64, day: i64) -> Result<i64> {
    let first = days_from_civil(year, 1, 1);
    if first + day > days_from_civil(year + 1, 1, 1) {
        return Err(SqlError::evaluation(format!(
            "Year {year} has 365 days, but the specified day of year was {day}"
        )));
    }
    Ok(first + day - 1)
}

fn exists(date: CivilDate) -> Result<CivilDate> {
    let CivilDate { year, month, day } = date;
    if is_valid_day(year, month, day) {
        return Ok(date);
    }
    Err(SqlError::evaluation(format!(
        "Out-of-range datetime field in parsing function; year: {year}, month: {month}, day: {day}"
    )))
}

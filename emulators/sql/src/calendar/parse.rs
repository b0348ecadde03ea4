//! `PARSE_DATE` and its siblings: the elements of strptime and those that GoogleSQL adds. A later
//! element overrides an earlier one for the same field; `%s` overrides all. Weeks, days of the year
//! and ISO years count where they come after what they contradict. Invariant: the whole text is
//! read, or there is an error.

mod element;
mod week_date;

use super::civil::{Civil, CivilDate, CivilTime, is_valid_datetime, is_valid_day};
use super::format::Kind;
use super::zone::Zone;
use crate::error::{Result, SqlError};
use element::Reader;

/// The instant that a text names by a format, for a type of the calendar. Types without zones read as UTC.
pub(crate) fn parse_moment(format: &str, text: &str, zone: &Zone, kind: Kind) -> Result<i64> {
    refuse_elements(format, kind)?;
    let mut reader = Reader::new(format, text, *zone);
    reader.read()?;
    let micros = moment_of(reader)?;
    if is_valid_datetime(micros) {
        return Ok(micros);
    }
    Err(SqlError::evaluation("Invalid result from parsing function"))
}

fn moment_of(reader: Reader<'_>) -> Result<i64> {
    let Reader { fields, zone, offset_minutes, .. } = reader;
    if let Some(seconds) = fields.unix_seconds {
        return seconds
            .checked_mul(super::MICROS_PER_SECOND)
            .ok_or_else(|| SqlError::evaluation("Invalid result from parsing function"));
    }
    let mut time = fields.time;
    if fields.twelve_hours && fields.afternoon {
        time.hour += 12;
    }
    if time.second == 60 {
        time.micros = 0;
    }
    let date = CivilDate { year: fields.year(), ..fields.date };
    let date = fields.week_date.resolve(date)?;
    if !is_valid_day(date.year, date.month, date.day) {
        return Err(SqlError::evaluation("Out-of-range datetime field in parsing function"));
    }
    let civil = Civil { date, time }.micros();
    Ok(match offset_minutes {
        Some(minutes) => civil - minutes * 60 * super::MICROS_PER_SECOND,
        None => zone.instant_micros(civil),
    })
}

/// Elements of a format that a type cannot have are an error before the text is looked at.
fn refuse_elements(format: &str, kind: Kind) -> Result<()> {
    let refused = kind.refused();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        let mut element = String::new();
        let mut next = letters.next();
        if let Some(modifier @ ('E' | 'O')) = next {
            element.push(modifier);
            next = letters.next();
            while let Some(digit @ ('*' | '0'..='9')) = next {
                element.push(digit);
                next = letters.next();
            }
        }
        if let Some(letter) = next.filter(|letter| refused.contains(*letter)) {
            element.push(letter);
            return Err(SqlError::evaluation(format!(
                "Invalid format: %{element} is not allowed for the {} type.",
                kind.name()
            )));
        }
    }
    Ok(())
}

/// What has been read so far; what no element names is 1970-01-01 00:00:00.
struct Fields {
    date: CivilDate,
    /// Of `%C`, or of the two digits of `%y`.
    century: Option<i64>,
    century_is_explicit: bool,
    time: CivilTime,
    twelve_hours: bool,
    afternoon: bool,
    unix_seconds: Option<i64>,
    week_date: week_date::WeekDate,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            date: CivilDate { year: 1970, month: 1, day: 1 },
            century: None,
            century_is_explicit: false,
            time: CivilTime { hour: 0, minute: 0, second: 0, micros: 0 },
            twelve_hours: false,
            afternoon: false,
            unix_seconds: None,
            week_date: week_date::WeekDate::default(),
        }
    }
}

impl Fields {
    /// With a century, the year is what comes after it.
    fn year(&self) -> i64 {
        self.century.map_or(self.date.year, |century| century * 100 + self.date.year)
    }

    fn set_year(&mut self, year: i64) {
        self.date.year = year;
        self.century = None;
        self.century_is_explicit = false;
    }

    fn set_century(&mut self, century: i64) {
        if self.century.is_none() {
            self.date.year = 0;
        }
        self.century = Some(century);
        self.century_is_explicit = true;
    }

    fn set_year_of_century(&mut self, year: i64) {
        self.date.year = year;
        if !self.century_is_explicit {
            self.century = Some(if year < 69 { 20 } else { 19 });
        }
    }

    fn set_hour_of_twelve(&mut self, hour: i64) {
        self.time.hour = hour % 12;
        self.twelve_hours = true;
    }

    fn set_hour(&mut self, hour: i64) {
        self.time.hour = hour;
        self.twelve_hours = false;
    }
}

#[cfg(test)]
mod tests;

//! Reads dates, times and instants as CAST from STRING does: `YYYY-[M]M-[D]D`, then a blank or `T`,
//! then `[H]H:[M]M:[S]S[.FFFFFF]`, then a zone. Never trims. Invariant: what it returns is in
//! range; a leap second is the first second of the next minute.

use super::civil::{
    Civil, CivilDate, CivilTime, date_from_civil, is_valid_day, is_valid_time_of_day,
};
use super::zone::{Zone, parse_zone};
use crate::error::{Result, SqlError};

/// Digits of a fraction of a second: more are an error, not rounded.
const FRACTION_DIGITS_MAX: usize = 6;

/// A date.
pub(crate) fn parse_date(text: &str) -> Result<i32> {
    let mut reader = Reader::new(text);
    let date = reader.date(4).filter(|date| reader.is_at_end() && exists(*date));
    let Some(CivilDate { year, month, day }) = date else {
        return Err(SqlError::evaluation(format!("Invalid date: '{}'", shown(text))));
    };
    date_from_civil(year, month, day)
        .ok_or_else(|| SqlError::evaluation(format!("Date value out of range: '{}'", shown(text))))
}

/// A time of day.
pub(crate) fn parse_time(text: &str) -> Result<i64> {
    let mut reader = Reader::new(text);
    let time = reader.time().filter(|time| reader.is_at_end() && is_on_a_clock(*time));
    let micros = time.map(|time| without_leap_fraction(time).micros_of_day());
    micros.map(|micros| micros % super::MICROS_PER_DAY).ok_or_else(|| invalid_string("time", text))
}

/// A date and a time of day; midnight when there is no time.
pub(crate) fn parse_datetime(text: &str) -> Result<i64> {
    read_datetime(text).ok_or_else(|| invalid_string("datetime", text))
}

fn read_datetime(text: &str) -> Option<i64> {
    let mut reader = Reader::new(text);
    let date = reader.date(4)?;
    let mut time = CivilTime { hour: 0, minute: 0, second: 0, micros: 0 };
    if !reader.is_at_end() {
        reader.separator()?;
        time = reader.time()?;
    }
    if !reader.is_at_end() || !exists(date) || !is_on_a_clock(time) {
        return None;
    }
    Civil { date, time: without_leap_fraction(time) }.datetime()
}

/// An instant; the zone holds when the text has none.
pub(crate) fn parse_timestamp(text: &str, default_zone: &Zone) -> Result<i64> {
    let (civil, zone) = split_timestamp(text)?;
    let zone = zone.unwrap_or(*default_zone);
    read_instant(civil, &zone).ok_or_else(|| invalid_string("timestamp", text))
}

/// As [`parse_timestamp`], for a text whose zone is given beside it.
pub(crate) fn parse_timestamp_without_zone(text: &str, zone: &Zone) -> Result<i64> {
    let (civil, own_zone) = split_timestamp(text)?;
    if own_zone.is_some() {
        let message = format!("Timezone is not allowed in \"{}\"", shown(text));
        return Err(SqlError::evaluation(message));
    }
    read_instant(civil, zone).ok_or_else(|| invalid_string("timestamp", text))
}

fn read_instant(civil: Civil, zone: &Zone) -> Option<i64> {
    let Civil { date, time } = civil;
    if !exists(date) || !is_on_a_clock(time) {
        return None;
    }
    // Years from 0 to 99999 get so far: the zone may bring them into range.
    let instant = zone.instant_micros(civil.micros());
    super::is_valid_datetime(instant).then_some(instant)
}

fn split_timestamp(text: &str) -> Result<(Civil, Option<Zone>)> {
    let mut reader = Reader::new(text);
    let invalid = || SqlError::evaluation(format!("Invalid timestamp: '{}'", shown(text)));
    let date = reader.date(5).ok_or_else(invalid)?;
    let mut time = CivilTime { hour: 0, minute: 0, second: 0, micros: 0 };
    if !reader.is_at_end() {
        reader.separator().ok_or_else(invalid)?;
        match reader.peek() {
            Some(byte) if byte.is_ascii_digit() => time = reader.time().ok_or_else(invalid)?,
            Some(b'+' | b'-') => {}
            _ => return Err(invalid()),
        }
    }
    let civil = Civil { date, time };
    let mut rest = reader.rest();
    if rest.is_empty() {
        return Ok((civil, None));
    }
    if let Some(after) = rest.strip_prefix(" UTC") {
        if after.is_empty() {
            return Ok((civil, Some(Zone::UTC)));
        }
        rest = after;
    }
    let zone = match rest.as_bytes() {
        [b'+' | b'-', ..] => parse_zone(rest)?,
        [b'Z' | b'z'] => Zone::UTC,
        [b' ', b'+' | b'-', ..] | [b' '] => return Err(invalid()),
        [b' ', ..] => parse_zone(&rest[1..])?,
        _ => return Err(invalid()),
    };
    Ok((civil, Some(zone)))
}

fn exists(date: CivilDate) -> bool {
    is_valid_day(date.year, date.month, date.day)
}

fn is_on_a_clock(time: CivilTime) -> bool {
    is_valid_time_of_day(time.hour, time.minute, time.second)
}

fn without_leap_fraction(time: CivilTime) -> CivilTime {
    if time.second == 60 { CivilTime { micros: 0, ..time } } else { time }
}

fn invalid_string(type_name: &str, text: &str) -> SqlError {
    SqlError::evaluation(format!("Invalid {type_name} string \"{}\"", shown(text)))
}

/// A text of the user in a message: its first fifty bytes, escaped as in C.
pub(crate) fn shown(text: &str) -> String {
    const BYTES_MAX: usize = 50;
    let mut shown = String::new();
    for &byte in text.as_bytes().iter().take(BYTES_MAX) {
        match byte {
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'\t' => shown.push_str("\\t"),
            b'"' => shown.push_str("\\\""),
            b'\'' => shown.push_str("\\'"),
            b'\\' => shown.push_str("\\\\"),
            0x20..=0x7e => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("\\{byte:03o}")),
        }
    }
    if text.len() > BYTES_MAX {
        shown.push_str("...");
    }
    shown
}

/// A text and how far it is read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        // Only ASCII is ever passed over.
        &self.text[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    fn separator(&mut self) -> Option<()> {
        matches!(self.peek()?, b' ' | b'T' | b't').then(|| self.at += 1)
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let rest = self.rest().as_bytes();
        let count = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        let number = rest[..count].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        (count >= least).then_some(number)
    }

    fn date(&mut self, year_digits_max: usize) -> Option<CivilDate> {
        let year = self.digits(4, year_digits_max)?;
        self.byte(b'-')?;
        let month = self.digits(1, 2)?;
        self.byte(b'-')?;
        let day = self.digits(1, 2)?;
        Some(CivilDate { year, month, day })
    }

    fn time(&mut self) -> Option<CivilTime> {
        let hour = self.digits(1, 2)?;
        self.byte(b':')?;
        let minute = self.digits(1, 2)?;
        self.byte(b':')?;
        let second = self.digits(1, 2)?;
        let mut micros = 0;
        if self.byte(b'.').is_some() {
            let start = self.at;
            micros = self.digits(1, FRACTION_DIGITS_MAX)?;
            for _ in self.at - start..FRACTION_DIGITS_MAX {
                micros *= 10;
            }
        }
        Some(CivilTime { hour, minute, second, micros })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::{
        DATE_MAX, DATE_MIN, DATETIME_MAX, DATETIME_MIN, MICROS_PER_DAY, date_text, datetime_text,
        time_text, timestamp_text,
    };

    #[test]
    fn dates() {
        let check = |text: &str, expected: &str| {
            let found = parse_date(text).map_or_else(|error| error.message, date_text);
            assert_eq!(found, expected);
        };
        check("2024-01-15", "2024-01-15");
        check("2024-1-5", "2024-01-05");
        check("0001-01-01", "0001-01-01");
        check("9999-12-31", "9999-12-31");
        check("0000-01-01", "Date value out of range: '0000-01-01'");
        for text in ["2024-13-01", "2023-02-29", "24-01-15", "2024-01-15 ", "", "2024-01", "x"] {
            check(text, &format!("Invalid date: '{text}'"));
        }
        check("2024-01-15T00:00:00é", "Invalid date: '2024-01-15T00:00:00\\303\\251'");
    }

    #[test]
    fn times_and_datetimes() {
        let time = |text: &str, expected: &str| {
            let found = parse_time(text).map_or_else(|error| error.message, time_text);
            assert_eq!(found, expected);
        };
        time("1:2:3", "01:02:03");
        time("12:30:45.5", "12:30:45.500");
        time("23:59:60.9", "00:00:00");
        time("24:00:00", "Invalid time string \"24:00:00\"");
        time("12:30", "Invalid time string \"12:30\"");
        time("12:30:45.1234567", "Invalid time string \"12:30:45.1234567\"");
        let datetime = |text: &str, expected: &str| {
            let found = parse_datetime(text).map_or_else(|error| error.message, datetime_text);
            assert_eq!(found, expected);
        };
        datetime("2024-1-5", "2024-01-05 00:00:00");
        datetime("2024-01-15t12:34:56.789", "2024-01-15 12:34:56.789");
        datetime("2016-12-31 23:59:60.5", "2017-01-01 00:00:00");
        datetime("9999-12-31 23:59:60", "Invalid datetime string \"9999-12-31 23:59:60\"");
        datetime("2024-01-15 ", "Invalid datetime string \"2024-01-15 \"");
        datetime("2024-01-15 12:00:00Z", "Invalid datetime string \"2024-01-15 12:00:00Z\"");
    }

    #[test]
    fn timestamps() {
        let check = |text: &str, expected: &str| {
            let found = parse_timestamp(text, &Zone::UTC)
                .map_or_else(|error| error.message, |at| timestamp_text(at, &Zone::UTC));
            assert_eq!(found, expected);
        };
        check("2024-01-15", "2024-01-15 00:00:00+00");
        check("2024-01-15 12:34:56 UTC", "2024-01-15 12:34:56+00");
        check("2024-01-15T12:34:56Z", "2024-01-15 12:34:56+00");
        check("2024-01-15 12:34:56+00", "2024-01-15 12:34:56+00");
        check("2024-01-15 12:34:56.1+05:30", "2024-01-15 07:04:56.100+00");
        check("2024-01-15 12:34:56 America/New_York", "2024-01-15 17:34:56+00");
        check("2024-01-15 12:34:56 UTC+1", "2024-01-15 11:34:56+00");
        check("2024-01-15 +01:00", "2024-01-14 23:00:00+00");
        check("10000-01-01 00:00:00+01:00", "9999-12-31 23:00:00+00");
        check("2024-01-15 12:34:56 Mars/X", "Invalid time zone: Mars/X");
        check("2024-01-15 12:34:56 +01", "Invalid timestamp: '2024-01-15 12:34:56 +01'");
        check("2024-01-15 12:34", "Invalid timestamp: '2024-01-15 12:34'");
        check("nonsense", "Invalid timestamp: 'nonsense'");
        check("2024-02-30", "Invalid timestamp string \"2024-02-30\"");
        check("0000-01-01", "Invalid timestamp string \"0000-01-01\"");
        assert!(parse_timestamp_without_zone("2024-01-15 12:34:56Z", &Zone::UTC).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            date in DATE_MIN..=DATE_MAX,
            time in 0..MICROS_PER_DAY,
            datetime in DATETIME_MIN..=DATETIME_MAX,
        ) {
            prop_assert_eq!(parse_date(&date_text(date)), Ok(date));
            prop_assert_eq!(parse_time(&time_text(time)), Ok(time));
            prop_assert_eq!(parse_datetime(&datetime_text(datetime)), Ok(datetime));
            for zone in [Zone::UTC, Zone::Fixed(-16_200), Zone::Iana(chrono_tz::Asia::Kolkata)] {
                let text = timestamp_text(datetime, &zone);
                if text.len() > 20 && !text.starts_with("10000") {
                    let back = parse_timestamp(&text, &Zone::UTC).unwrap();
                    prop_assert_eq!(back, datetime);
                }
            }
        }

        #[test]
        fn nothing_panics(text in "[-0-9 TZ:.+UTCé/]{0,40}") {
            let _ = parse_date(&text);
            let _ = parse_time(&text);
            let _ = parse_datetime(&text);
            let _ = parse_timestamp(&text, &Zone::UTC);
        }
    }
}

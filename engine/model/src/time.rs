//! Event time and processing time as different types, in microseconds since the Unix epoch, and the
//! one RFC 3339 reader and writer of the hot path. Invariant: nothing here reads a clock.

use std::fmt;

use thiserror::Error;

/// When something happened, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EventTime(pub i64);

/// When the pipeline handled something, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProcessingTime(pub i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Why a text is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimeError {
    /// The text has not the shape of RFC 3339 (`2024-01-01T12:00:00.123456Z`).
    #[error("timestamp is not RFC 3339")]
    Shape,
    /// A part is out of its range (month 13, 30 February, hour 24).
    #[error("timestamp has a field out of range")]
    Range,
}

impl EventTime {
    /// Before every event.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event.
    pub const MAX: Self = Self(i64::MAX);

    /// Reads RFC 3339 (section 5.6) with a year of four digits: `T` or a space between date and time,
    /// up to nine fractional digits (those beyond the sixth are cut), `Z` or a numeric offset.
    ///
    /// # Errors
    /// [`TimeError`] when the shape is wrong or a field is out of range. A leap second (`:60`) is refused.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bytes = text.as_bytes();
        if bytes.len() < 20
            || bytes[4] != b'-'
            || bytes[7] != b'-'
            || !matches!(bytes[10], b'T' | b't' | b' ')
            || bytes[13] != b':'
            || bytes[16] != b':'
        {
            return Err(TimeError::Shape);
        }
        let year = i64::from(digits(&bytes[0..4])?);
        let month = digits(&bytes[5..7])?;
        let day = digits(&bytes[8..10])?;
        let hour = digits(&bytes[11..13])?;
        let minute = digits(&bytes[14..16])?;
        let second = digits(&bytes[17..19])?;
        if !(1..=12).contains(&month)
            || day < 1
            || day > days_in_month(year, month)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return Err(TimeError::Range);
        }
        let (fraction, rest) = fraction_micros(&bytes[19..])?;
        let offset = offset_seconds(rest)?;
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
            + i64::from(hour * 3_600 + minute * 60 + second)
            - offset;
        Ok(Self(seconds * MICROS_PER_SECOND + fraction))
    }

    /// The start of the tumbling window of `size_micros` that this instant falls into.
    #[must_use]
    pub fn window_start(self, size_micros: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(size_micros)))
    }

    /// Writes `2024-01-01T12:00:00.123456Z` at the end of `out`; six fractional digits, always UTC.
    pub fn write_rfc3339(self, out: &mut String) {
        use fmt::Write;
        let days = self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let rest = self.0.rem_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let (year, month, day) = civil_from_days(days);
        let seconds = rest / MICROS_PER_SECOND;
        let micros = rest % MICROS_PER_SECOND;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
            .expect("writing to a String cannot fail");
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(27);
        self.write_rfc3339(&mut text);
        formatter.write_str(&text)
    }
}

fn digits(bytes: &[u8]) -> Result<u32, TimeError> {
    let mut value = 0;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return Err(TimeError::Shape);
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    Ok(value)
}

/// The fraction in microseconds, and what follows it.
fn fraction_micros(bytes: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let Some((b'.', rest)) = bytes.split_first() else { return Ok((0, bytes)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > 9 {
        return Err(TimeError::Shape);
    }
    let mut micros = 0;
    for &digit in rest[..length].iter().chain(b"000000").take(6) {
        micros = micros * 10 + i64::from(digit - b'0');
    }
    Ok((micros, &rest[length..]))
}

fn offset_seconds(bytes: &[u8]) -> Result<i64, TimeError> {
    match bytes {
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hour > 23 || minute > 59 {
                return Err(TimeError::Range);
            }
            let seconds = i64::from(hour * 3_600 + minute * 60);
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(TimeError::Shape),
    }
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date: years are counted from March, so that the
/// leap day is a year's last, and 153 days make five such months.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_rfc_3339_allows_and_refuses_the_rest() {
        let cases = [
            ("1970-01-01T00:00:00Z", Ok(0)),
            ("2024-01-01T12:00:00Z", Ok(1_704_110_400_000_000)),
            ("2024-01-01T12:00:00.5Z", Ok(1_704_110_400_500_000)),
            ("2024-01-01T12:00:00.123456789Z", Ok(1_704_110_400_123_456)),
            ("2024-01-01 14:00:00+02:00", Ok(1_704_110_400_000_000)),
            ("2024-02-29T00:00:00Z", Ok(1_709_164_800_000_000)),
            ("2023-02-29T00:00:00Z", Err(TimeError::Range)),
            ("2024-13-01T00:00:00Z", Err(TimeError::Range)),
            ("2024-01-01T24:00:00Z", Err(TimeError::Range)),
            ("2024-01-01T00:00:60Z", Err(TimeError::Range)),
            ("2024-01-01T00:00:00", Err(TimeError::Shape)),
            ("2024-01-01T00:00:00.Z", Err(TimeError::Shape)),
            ("2024-01-01T00:00:00+2:00", Err(TimeError::Shape)),
            ("yesterday", Err(TimeError::Shape)),
            ("", Err(TimeError::Shape)),
        ];
        for (text, expected) in cases {
            assert_eq!(EventTime::parse(text).map(|time| time.0), expected, "{text}");
        }
    }

    proptest! {
        /// What is written is read back, over the four-digit years.
        #[test]
        fn written_times_are_read_back(
            micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000
        ) {
            let time = EventTime(micros);
            prop_assert_eq!(EventTime::parse(&time.to_string()), Ok(time));
        }

        /// No text makes the reader panic.
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = EventTime::parse(&text);
        }

        /// A window starts at a multiple of its size, at most one size before the instant.
        #[test]
        fn windows_cover_their_instants(micros in any::<i32>(), size in 1_i64..100_000) {
            let time = EventTime(i64::from(micros));
            let start = time.window_start(size);
            prop_assert!(start <= time && time.0 - start.0 < size && start.0 % size == 0);
        }
    }
}

//! Time zones: names of the IANA database and fixed offsets, and the way between civil time and
//! instants. A civil time that a zone skips, and one that it has twice, are read with the offset
//! before the transition. Invariant: rules go on for ever, also after the last year in the compiled
//! tables.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

use super::civil::{
    CivilDate, MICROS_PER_DAY, MICROS_PER_SECOND, days_from_civil, is_valid_date,
    is_valid_datetime, midnight, weekday_from_sunday,
};
use super::text::{datetime_text, timestamp_text};
use crate::error::{Result, SqlError};

/// Where a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A zone of the IANA database.
    Iana(Tz),
    /// Seconds east of Greenwich.
    Fixed(i32),
}

impl Zone {
    /// UTC.
    pub(crate) const UTC: Self = Self::Iana(Tz::UTC);

    /// Seconds east of Greenwich at an instant.
    pub(crate) fn offset_seconds(self, timestamp: i64) -> i64 {
        match self {
            Self::Iana(Tz::UTC) => 0,
            Self::Iana(zone) => iana_offset(zone, timestamp.div_euclid(MICROS_PER_SECOND)),
            Self::Fixed(seconds) => seconds.into(),
        }
    }

    /// The offset as GoogleSQL shows it, in whole minutes towards Greenwich.
    pub(crate) fn shown_offset_minutes(self, timestamp: i64) -> i64 {
        self.offset_seconds(timestamp) / 60
    }

    /// What a clock of the zone shows; it may be a day out of range.
    pub(crate) fn civil_micros(self, timestamp: i64) -> i64 {
        timestamp.saturating_add(self.offset_seconds(timestamp) * MICROS_PER_SECOND)
    }

    /// The instant at which a clock of the zone shows a civil time; it may be a day out of range.
    pub(crate) fn instant_micros(self, civil: i64) -> i64 {
        // No zone is farther than 16 hours from Greenwich, so the offset then is the one before any
        // transition near the civil time.
        const FARTHEST_SECONDS: i64 = 16 * 3_600;
        let at = |offset: i64| civil.saturating_sub(offset * MICROS_PER_SECOND);
        if let Self::Fixed(offset) = self {
            return at(offset.into());
        }
        let before = self.offset_seconds(at(FARTHEST_SECONDS));
        let after = self.offset_seconds(at(before));
        if after != before && self.offset_seconds(at(after)) == after {
            at(after)
        } else {
            at(before)
        }
    }
}

fn iana_offset(zone: Tz, seconds: i64) -> i64 {
    let seconds = same_rules_seconds(seconds);
    let Some(instant) = chrono::DateTime::from_timestamp(seconds, 0) else { return 0 };
    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc())
}

/// The tables end in 2100; a year after that has the rules of a year in 2072 to 2099 that begins on the same
/// weekday and is a leap year when it is one. Those 28 years hold all fourteen kinds.
fn same_rules_seconds(seconds: i64) -> i64 {
    const DAY_SECONDS: i64 = 86_400;
    let days = seconds.div_euclid(DAY_SECONDS);
    let year = CivilDate::from_days(days).year;
    if year < 2_100 {
        return seconds;
    }
    let start = |year: i64| days_from_civil(year, 1, 1);
    let kind = |year: i64| (weekday_from_sunday(start(year)), start(year + 1) - start(year));
    let like = (2_072..2_100).find(|&candidate| kind(candidate) == kind(year)).unwrap_or(2_099);
    seconds - (start(year) - start(like)) * DAY_SECONDS
}

/// A zone by its name or its offset (`+05:30`, `-8`, `UTC+1`).
pub(crate) fn parse_zone(text: &str) -> Result<Zone> {
    if text.is_empty() {
        return Err(SqlError::evaluation("Invalid empty time zone"));
    }
    let invalid = || SqlError::evaluation(format!("Invalid time zone: {text}"));
    if let Some((negative, hour, minute)) = offset_fields(text) {
        let minutes = hour * 60 + minute;
        if minute > 59 || minutes > 14 * 60 {
            return Err(invalid());
        }
        let seconds = minutes * 60;
        return Ok(Zone::Fixed(if negative { -seconds } else { seconds }));
    }
    text.parse::<Tz>().map(Zone::Iana).map_err(|_| invalid())
}

/// Sign, hours and minutes of `[UTC](+|-)H[H][[:]M[M]]`.
fn offset_fields(text: &str) -> Option<(bool, i32, i32)> {
    let text = text.strip_prefix("UTC").unwrap_or(text);
    let (&sign, rest) = text.as_bytes().split_first()?;
    let negative = match sign {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let (hour, rest) = up_to_two_digits(rest)?;
    if rest.is_empty() {
        return Some((negative, hour, 0));
    }
    let (minute, rest) = up_to_two_digits(rest.strip_prefix(b":").unwrap_or(rest))?;
    rest.is_empty().then_some((negative, hour, minute))
}

fn up_to_two_digits(text: &[u8]) -> Option<(i32, &[u8])> {
    let count = text.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let number = text[..count].iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    (count > 0).then_some((number, &text[count..]))
}

/// The civil time of an instant in a zone.
pub(crate) fn timestamp_to_datetime(timestamp: i64, zone: &Zone) -> Result<i64> {
    let datetime = zone.civil_micros(timestamp);
    if is_valid_datetime(datetime) {
        return Ok(datetime);
    }
    // The service's own words, with the blank that is missing there.
    Err(SqlError::evaluation(format!(
        "Invalid Datetime [INVALID]extracted from timestamp {}",
        timestamp_text(timestamp, zone)
    )))
}

/// The date of an instant in a zone.
pub(crate) fn timestamp_to_date(timestamp: i64, zone: &Zone) -> Result<i32> {
    let days = zone.civil_micros(timestamp).div_euclid(MICROS_PER_DAY);
    i32::try_from(days).ok().filter(|_| is_valid_date(days)).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Invalid date extracted from timestamp {}",
            timestamp_text(timestamp, zone)
        ))
    })
}

/// The time of day of an instant in a zone.
pub(crate) fn timestamp_to_time(timestamp: i64, zone: &Zone) -> i64 {
    zone.civil_micros(timestamp).rem_euclid(MICROS_PER_DAY)
}

/// The instant of a civil time in a zone.
pub(crate) fn datetime_to_timestamp(datetime: i64, zone: &Zone) -> Result<i64> {
    let timestamp = zone.instant_micros(datetime);
    if is_valid_datetime(timestamp) {
        return Ok(timestamp);
    }
    Err(SqlError::evaluation(format!(
        "Cannot convert Datetime {} at timezone {} to a Timestamp",
        datetime_text(datetime),
        zone.name()
    )))
}

/// The instant at which a date begins in a zone.
pub(crate) fn date_to_timestamp(date: i32, zone: &Zone) -> Result<i64> {
    datetime_to_timestamp(midnight(date.into()), zone)
}

impl Zone {
    /// Its name; offsets are named as Abseil names them.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Iana(zone) => zone.name().to_owned(),
            Self::Fixed(0) => "UTC".to_owned(),
            Self::Fixed(seconds) => {
                let sign = if seconds < 0 { '-' } else { '+' };
                let minutes = seconds.unsigned_abs() / 60;
                format!("Fixed/UTC{sign}{:02}:{:02}:00", minutes / 60, minutes % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::{parse_datetime, parse_timestamp};

    #[test]
    fn names_and_offsets() {
        for (text, expected) in [
            ("+05:30", Zone::Fixed(19_800)),
            ("-8", Zone::Fixed(-28_800)),
            ("-0430", Zone::Fixed(-16_200)),
            ("UTC+1", Zone::Fixed(3_600)),
            ("+14:00", Zone::Fixed(50_400)),
            ("UTC", Zone::UTC),
            ("Pacific/Auckland", Zone::Iana(Tz::Pacific__Auckland)),
        ] {
            assert_eq!(parse_zone(text).unwrap(), expected, "{text}");
        }
        for text in ["Mars/Olympus_Mons", "+15", "+14:01", "+5:60", "utc+1", "+", "+1:2:3", "é"] {
            let error = parse_zone(text).unwrap_err();
            assert_eq!(error.message, format!("Invalid time zone: {text}"));
        }
        assert_eq!(parse_zone("").unwrap_err().message, "Invalid empty time zone");
    }

    #[test]
    fn civil_times_that_a_zone_skips_or_repeats() {
        let check = |zone: &str, civil: &str, expected: &str| {
            let zone = parse_zone(zone).unwrap();
            let civil = parse_datetime(civil).unwrap();
            let instant = datetime_to_timestamp(civil, &zone).unwrap();
            assert_eq!(timestamp_text(instant, &Zone::UTC), expected);
        };
        check("America/New_York", "2024-01-15 12:00:00", "2024-01-15 17:00:00+00");
        // 02:30 does not exist: read with -05:00.
        check("America/New_York", "2024-03-10 02:30:00", "2024-03-10 07:30:00+00");
        // 01:30 is there twice: the first, with -04:00.
        check("America/New_York", "2024-11-03 01:30:00", "2024-11-03 05:30:00+00");
        check("America/New_York", "2024-11-03 02:30:00", "2024-11-03 07:30:00+00");
        check("Pacific/Auckland", "2024-06-15 12:00:00", "2024-06-15 00:00:00+00");
        // Samoa had no 2011-12-30.
        check("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 22:00:00+00");
        // Summer time goes on beyond the tables.
        check("America/New_York", "2524-07-01 12:00:00", "2524-07-01 16:00:00+00");
        check("America/New_York", "2100-01-01 12:00:00", "2100-01-01 17:00:00+00");
        // Local mean time before there were zones.
        check("America/Los_Angeles", "1800-01-01 00:00:00", "1800-01-01 07:52:58+00");
    }

    #[test]
    fn the_ends_of_time() {
        let last = parse_timestamp("9999-12-31 23:59:59.999999 UTC", &Zone::UTC).unwrap();
        assert_eq!(
            timestamp_to_datetime(last, &parse_zone("+01").unwrap()).unwrap_err().message,
            "Invalid Datetime [INVALID]extracted from timestamp 10000-01-01 00:59:59.999999+01"
        );
        assert!(timestamp_to_date(last, &parse_zone("+01").unwrap()).is_err());
        let first = parse_datetime("0001-01-01").unwrap();
        assert!(datetime_to_timestamp(first, &parse_zone("+01").unwrap()).is_err());
        assert!(datetime_to_timestamp(first, &parse_zone("-01").unwrap()).is_ok());
    }

    proptest! {
        #[test]
        fn an_instant_comes_back_unless_it_is_a_second_reading(
            timestamp in 0..super::super::DATETIME_MAX,
            zone in proptest::sample::select(vec!["America/New_York", "Asia/Kolkata", "+05:30"]),
        ) {
            let zone = parse_zone(zone).unwrap();
            let back = zone.instant_micros(zone.civil_micros(timestamp));
            prop_assert!(back == timestamp || timestamp - back == 3_600 * MICROS_PER_SECOND);
        }

        #[test]
        fn no_number_panics(micros in any::<i64>()) {
            for zone in [Zone::Iana(Tz::America__New_York), Zone::Fixed(-3_600), Zone::UTC] {
                let _ = datetime_to_timestamp(micros, &zone);
                let _ = timestamp_to_datetime(micros, &zone);
                let _ = timestamp_to_date(micros, &zone);
                let _ = timestamp_to_time(micros, &zone);
                let _ = timestamp_text(micros, &zone);
            }
        }
    }
}

//! Calendar types and intervals as text: every form that the service takes, and the one that it writes.
//! Years run from 1 to 9999, as in GoogleSQL.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use windtunnel_sql::Interval;

const DAY_MICROS: i64 = 86_400_000_000;

/// Days since the epoch of `2024-01-31`.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
    in_calendar(date)?;
    i32::try_from((date - epoch()).num_days()).ok()
}

/// Microseconds since midnight of `12:34:56[.789]`.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
        .ok()?;
    // A leap second is not a time of GoogleSQL.
    (time.nanosecond() < 1_000_000_000).then(|| micros_of_day(time))
}

/// Civil microseconds of `2024-01-31T12:34:56[.789]`, also with a space, or of a date.
pub(crate) fn parse_datetime(text: &str) -> Option<i64> {
    let text = text.trim();
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            in_calendar(time.date())?;
            return Some(time.and_utc().timestamp_micros());
        }
    }
    Some(i64::from(parse_date(text)?) * DAY_MICROS)
}

/// A TIMESTAMP's text in microseconds: RFC 3339, `2024-01-01 12:00:00[.f] [UTC]`, or a date.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let micros = |time: DateTime<chrono::FixedOffset>| {
        in_calendar(time.date_naive())?;
        Some(time.timestamp_micros())
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return micros(time);
    }
    let civil = text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text).trim();
    if let Some(time) = parse_datetime(civil) {
        return Some(time);
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"]
    {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return micros(time);
        }
    }
    None
}

/// `2024-01-31`.
pub(crate) fn format_date(days: i32) -> String {
    let date = chrono::TimeDelta::try_days(i64::from(days))
        .and_then(|delta| epoch().checked_add_signed(delta))
        .unwrap_or_else(epoch);
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// `12:34:56.789`: no fraction, or three or six digits of it.
pub(crate) fn format_time(micros: i64) -> String {
    let micros = micros.rem_euclid(DAY_MICROS);
    let seconds = micros / 1_000_000;
    let fraction = fraction(micros.rem_euclid(1_000_000));
    format!("{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `2024-01-31T12:34:56.789`.
pub(crate) fn format_datetime(micros: i64) -> String {
    let days = i32::try_from(micros.div_euclid(DAY_MICROS)).unwrap_or_default();
    format!("{}T{}", format_date(days), format_time(micros))
}

/// `2024-01-31 12:34:56.789 UTC`, as exports write it.
pub(crate) fn format_timestamp(micros: i64) -> String {
    let days = i32::try_from(micros.div_euclid(DAY_MICROS)).unwrap_or_default();
    format!("{} {} UTC", format_date(days), format_time(micros))
}

/// `1-2 3 4:5:6.789`, the canonical form: each part has its own sign.
pub(crate) fn format_interval(interval: &Interval) -> String {
    let months = interval.months.unsigned_abs();
    let month_sign = if interval.months < 0 { "-" } else { "" };
    let nanos = interval.nanos.unsigned_abs();
    let time_sign = if interval.nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let mut fraction = String::new();
    if nanos > 0 {
        fraction = format!(".{nanos:09}");
        while fraction.ends_with("000") {
            fraction.truncate(fraction.len() - 3);
        }
    }
    format!(
        "{month_sign}{}-{} {} {time_sign}{}:{}:{}{fraction}",
        months / 12,
        months % 12,
        interval.days,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Reads the canonical form.
pub(crate) fn parse_interval(text: &str) -> Option<Interval> {
    let mut parts = text.split_ascii_whitespace();
    let (months, days, time) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (negative, months) = signed(months);
    let (years, months) = months.split_once('-')?;
    let months = number(years)?.checked_mul(12)?.checked_add(number(months)?)?;
    let months = if negative { -months } else { months };
    let (negative, days) = signed(days);
    let days = if negative { -number(days)? } else { number(days)? };
    let (negative, time) = signed(time);
    let mut clock = time.split(':');
    let (hours, minutes) = (number(clock.next()?)?, number(clock.next()?)?);
    let seconds = clock.next()?;
    if clock.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    if fraction.len() > 9 {
        return None;
    }
    let nanos = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<9}"))? };
    let seconds =
        i128::from(hours) * 3600 + i128::from(minutes) * 60 + i128::from(number(seconds)?);
    let nanos = seconds * 1_000_000_000 + i128::from(nanos);
    Some(Interval { months, days, nanos: if negative { -nanos } else { nanos } })
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits alone: a sign inside a part is no number here.
fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn fraction(micros: i64) -> String {
    match micros {
        0 => String::new(),
        micros if micros % 1_000 == 0 => format!(".{:03}", micros / 1_000),
        micros => format!(".{micros:06}"),
    }
}

fn micros_of_day(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond()) / 1_000
}

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(1970, 1, 1).expect("the epoch is a date")
}

fn in_calendar(date: NaiveDate) -> Option<()> {
    (1..=9999).contains(&date.year()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamps_in_every_dress() {
        let cases = [
            ("2024-01-01T12:00:00Z", Some(1_704_110_400_000_000)),
            ("2024-01-01 12:00:00 UTC", Some(1_704_110_400_000_000)),
            ("2024-01-01 12:00:00.25", Some(1_704_110_400_250_000)),
            ("2024-01-01 14:00:00+02", Some(1_704_110_400_000_000)),
            ("2024-01-01 14:00:00+02:00", Some(1_704_110_400_000_000)),
            ("2024-01-01", Some(1_704_067_200_000_000)),
            ("0000-01-01", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_timestamp(text), expected, "{text}");
        }
    }

    #[test]
    fn intervals() {
        let cases = [
            ("1-2 3 4:5:6", Some((14, 3, 14_706_000_000_000))),
            ("-1-2 -3 -4:5:6.5", Some((-14, -3, -14_706_500_000_000))),
            ("0-0 0 0:0:0.000001", Some((0, 0, 1_000))),
            ("1 2:3:4", None),
            ("1-2 3 4:5", None),
            ("1-2 3 --4:5:6", None),
        ];
        for (text, expected) in cases {
            let parsed = parse_interval(text);
            let parts = parsed.as_ref().map(|it| (it.months, it.days, it.nanos));
            assert_eq!(parts, expected, "{text}");
        }
        let half = Interval { months: -14, days: 0, nanos: 500_000_000 };
        assert_eq!(format_interval(&half), "-1-2 0 0:0:0.500");
    }

    proptest! {
        #[test]
        fn texts_read_back(
            days in -719_162_i32..2_932_896, micros in 0_i64..DAY_MICROS,
            months in -120_000_i64..=120_000, nanos in any::<i64>(),
        ) {
            prop_assert_eq!(parse_date(&format_date(days)), Some(days));
            prop_assert_eq!(parse_time(&format_time(micros)), Some(micros));
            let civil = i64::from(days) * DAY_MICROS + micros;
            prop_assert_eq!(parse_datetime(&format_datetime(civil)), Some(civil));
            prop_assert_eq!(parse_timestamp(&format_timestamp(civil)), Some(civil));
            let interval = Interval { months, days: i64::from(days), nanos: i128::from(nanos) };
            prop_assert_eq!(parse_interval(&format_interval(&interval)), Some(interval));
        }
    }
}

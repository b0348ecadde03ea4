//! How dates, times and instants are written where no format is given: as CAST to STRING writes
//! them. Fractions of seconds have no, three or six digits. Invariant: what is in range reads back
//! as itself.

use std::fmt::Write;

use super::civil::{Civil, CivilDate, CivilTime};
use super::zone::Zone;

/// `2024-01-15`.
pub(crate) fn date_text(date: i32) -> String {
    let CivilDate { year, month, day } = CivilDate::from_days(date.into());
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:30:45`, `12:30:45.123`, `12:30:45.123456`.
pub(crate) fn time_text(time: i64) -> String {
    let mut text = String::new();
    write_time(&mut text, CivilTime::from_micros(time));
    text
}

/// `2024-01-15 12:30:45.123`.
pub(crate) fn datetime_text(datetime: i64) -> String {
    let Civil { date: CivilDate { year, month, day }, time } = Civil::from_datetime(datetime);
    let mut text = format!("{year:04}-{month:02}-{day:02} ");
    write_time(&mut text, time);
    text
}

/// `2024-01-15 12:30:45+00`, `2024-01-15 18:00:45+05:30`.
pub(crate) fn timestamp_text(timestamp: i64, zone: &Zone) -> String {
    let minutes = zone.shown_offset_minutes(timestamp);
    let mut text = datetime_text(timestamp.saturating_add(minutes * 60_000_000));
    text.push(if minutes < 0 { '-' } else { '+' });
    let minutes = minutes.abs();
    push(&mut text, format_args!("{:02}", minutes / 60));
    if minutes % 60 != 0 {
        push(&mut text, format_args!(":{:02}", minutes % 60));
    }
    text
}

fn write_time(text: &mut String, time: CivilTime) {
    let CivilTime { hour, minute, second, micros } = time;
    push(text, format_args!("{hour:02}:{minute:02}:{second:02}"));
    if micros % 1_000 != 0 {
        push(text, format_args!(".{micros:06}"));
    } else if micros != 0 {
        push(text, format_args!(".{:03}", micros / 1_000));
    }
}

/// Appends formatted text.
pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes whatever is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_zone;

    #[test]
    fn fractions_come_in_threes() {
        assert_eq!(date_text(19_737), "2024-01-15");
        assert_eq!(time_text(45_045_000_000), "12:30:45");
        assert_eq!(time_text(45_045_120_000), "12:30:45.120");
        assert_eq!(time_text(45_045_000_001), "12:30:45.000001");
        assert_eq!(datetime_text(1_705_321_845_123_000), "2024-01-15 12:30:45.123");
        assert_eq!(datetime_text(-1), "1969-12-31 23:59:59.999999");
    }

    #[test]
    fn offsets_have_minutes_when_they_must() {
        let check = |zone: &str, expected: &str| {
            let zone = parse_zone(zone).unwrap();
            assert_eq!(timestamp_text(1_705_321_845_000_000, &zone), expected);
        };
        check("UTC", "2024-01-15 12:30:45+00");
        check("America/New_York", "2024-01-15 07:30:45-05");
        check("+05:30", "2024-01-15 18:00:45+05:30");
        check("-00:30", "2024-01-15 12:00:45-00:30");
    }
}

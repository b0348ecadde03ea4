//! Goal: PARSE functions read what BigQuery reads and refuse what it refuses. Method: pairs of
//! texts.

use proptest::prelude::*;

use super::*;
use crate::calendar::{
    date_of_datetime, date_text, datetime_text, time_of_datetime, time_text, timestamp_text,
};

fn parsed(kind: Kind, format: &str, text: &str) -> String {
    match (parse_moment(format, text, &Zone::UTC, kind), kind) {
        (Err(error), _) => error.message,
        (Ok(micros), Kind::Date) => date_text(date_of_datetime(micros)),
        (Ok(micros), Kind::Time) => time_text(time_of_datetime(micros)),
        (Ok(micros), Kind::Datetime) => datetime_text(micros),
        (Ok(micros), Kind::Timestamp) => timestamp_text(micros, &Zone::UTC),
    }
}

#[test]
fn dates() {
    let check = |format: &str, text: &str, expected: &str| {
        assert_eq!(parsed(Kind::Date, format, text), expected, "{format} {text}");
    };
    check("%Y-%m-%d", "2024-01-15", "2024-01-15");
    check("%Y/%m/%d", "2024/1/5", "2024-01-05");
    check("%Y%m%d", "20081225", "2008-12-25");
    check("%A %b %e %Y", "Thursday Dec 25 2008", "2008-12-25");
    check("%b %d, %Y", "december 25, 2008", "2008-12-25");
    check("  %F ", "2024-01-15", "2024-01-15");
    check("%D", "01/15/24", "2024-01-15");
    check("%x", "12/25/69", "1969-12-25");
    check("%y %C", "24 19", "1924-01-01");
    check("%C%y", "2024", "2024-01-01");
    check("%Y-%m", "2024-03", "2024-03-01");
    check("%Y Q%Q", "2024 Q3", "2024-07-01");
    check("%Y %j", "2024 060", "2024-02-29");
    check("%j", "366", "Year 1970 has 365 days, but the specified day of year was 366");
    check("%Y %U", "2024 01", "2024-01-07");
    check("%Y %W %u", "2024 01 3", "2024-01-03");
    check("%G-W%V-%u", "2024-W03-1", "2024-01-15");
    check("%G-W%V", "2020-W53", "2020-12-28");
    check("%G-W%V", "2021-W53", "Invalid ISO week 53 specified for ISO year 2021");
    check("%G %J", "2020 001", "2019-12-30");
    check("%n%Y", "  2024", "2024-01-01");
    check("%Y%%", "2024%", "2024-01-01");
    check("%Y-%m-%d", "2024-02-30", "Out-of-range datetime field in parsing function");
    check("%Y-%m-%d", "2024-13-01", "Failed to parse input string \"2024-13-01\"");
    check("%Y-%m-%d", "2024-01", "Failed to parse input string \"2024-01\"");
    check("%Y-%m-%d", "2024-01-15x", "Failed to parse input string \"2024-01-15x\"");
    check(
        "%Y/%m/%d",
        "2024-01-15",
        "Mismatch between format character '/' and string character '-' at string index: 4 with \
         format: '%Y/%m/%d'",
    );
    check("%H", "12", "Invalid format: %H is not allowed for the DATE type.");
    check("%E*S", "12", "Invalid format: %E*S is not allowed for the DATE type.");
    check("%", "x", "Format string cannot end with a single '%'");
    check("%q", "x", "Failed to parse input string \"x\"");
    check("%Y", "0000", "Invalid result from parsing function");
    check("", "", "1970-01-01");
}

#[test]
fn times_datetimes_and_timestamps() {
    let check = |kind: Kind, format: &str, text: &str, expected: &str| {
        assert_eq!(parsed(kind, format, text), expected, "{format} {text}");
    };
    check(Kind::Time, "%H:%M:%S", "15:04:05", "15:04:05");
    check(Kind::Time, "%I:%M:%S %p", "2:23:38 pm", "14:23:38");
    check(Kind::Time, "%I %p", "12 AM", "00:00:00");
    check(Kind::Time, "%r", "02:23:38 PM", "14:23:38");
    check(Kind::Time, "%H:%M:%E*S", "15:04:05.1234567", "15:04:05.123456");
    check(Kind::Time, "%E3S", "05.123", "00:00:05.123");
    check(Kind::Time, "%H:%M:%S", "23:59:60", "00:00:00");
    check(Kind::Time, "%R", "15:04", "15:04:00");
    check(Kind::Time, "%Y", "2024", "Invalid format: %Y is not allowed for the TIME type.");
    check(Kind::Datetime, "%Y-%m-%dT%H:%M:%S", "2024-01-15T12:30:45", "2024-01-15 12:30:45");
    check(Kind::Datetime, "%c", "Mon Jan 15 12:30:45 2024", "2024-01-15 12:30:45");
    check(Kind::Datetime, "%s", "1705321845", "2024-01-15 12:30:45");
    check(
        Kind::Datetime,
        "%z",
        "+0100",
        "Invalid format: %z is not allowed for the DATETIME type.",
    );
    check(
        Kind::Timestamp,
        "%Y-%m-%dT%H:%M:%S%Ez",
        "2024-01-15T12:34:56+05:30",
        "2024-01-15 07:04:56+00",
    );
    check(
        Kind::Timestamp,
        "%FT%H:%M:%E*S%Ez",
        "2024-01-15T12:34:56.5Z",
        "2024-01-15 12:34:56.500+00",
    );
    check(Kind::Timestamp, "%F %T%z", "2024-01-15 12:34:56-0800", "2024-01-15 20:34:56+00");
    check(
        Kind::Timestamp,
        "%F %T %Z",
        "2024-01-15 12:34:56 America/New_York",
        "2024-01-15 17:34:56+00",
    );
    check(Kind::Timestamp, "%F %Z", "2024-01-15 Mars/X", "Invalid time zone: Mars/X");
    check(
        Kind::Timestamp,
        "%F %Ez",
        "2024-01-15 +15:00",
        "Timezone offset out of valid range -14:00 to +14:00: +15:00",
    );
    check(
        Kind::Timestamp,
        "%a %b %e %I:%M:%S %Y",
        "Thu Dec 25 07:30:00 2008",
        "2008-12-25 07:30:00+00",
    );
}

proptest! {
    #[test]
    fn nothing_panics(
        format in "(%[-_^#0-9EO]?[A-Za-z%*]|[ é/:-]){0,8}",
        text in "[-+0-9 :/.A-Za-zé]{0,24}",
    ) {
        for kind in [Kind::Date, Kind::Time, Kind::Datetime, Kind::Timestamp] {
            let _ = parse_moment(&format, &text, &Zone::UTC, kind);
        }
    }
}

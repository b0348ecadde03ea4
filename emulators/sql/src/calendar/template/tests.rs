//! Goal: the FORMAT clause writes and reads as BigQuery's does. Method: pairs of texts, and a round
//! trip.

use proptest::prelude::*;

use super::*;
use crate::calendar::{
    DATETIME_MAX, DATETIME_MIN, Zone, date_text, datetime_text, parse_zone, time_text,
    timestamp_text,
};
use crate::sql_type::Type;
use crate::value::Value;

const MOMENT: i64 = 1_705_321_845_123_456;

fn shown(value: Result<Value>) -> String {
    match value {
        Err(error) => error.message,
        Ok(Value::Date(date)) => date_text(date),
        Ok(Value::Time(time)) => time_text(time),
        Ok(Value::Datetime(datetime)) => datetime_text(datetime),
        Ok(Value::Timestamp(timestamp)) => timestamp_text(timestamp, &Zone::UTC),
        Ok(Value::String(text)) => text.to_string(),
        Ok(other) => format!("{other:?}"),
    }
}

#[test]
fn writing() {
    let check = |format: &str, expected: &str| {
        let zone = parse_zone("America/New_York").unwrap();
        let value = Value::Timestamp(MOMENT);
        assert_eq!(
            shown(format_cast(&value, &Type::Timestamp, format, &zone)),
            expected,
            "{format}"
        );
    };
    check("YYYY-MM-DD HH24:MI:SS", "2024-01-15 07:30:45");
    check("YYY YY Y RRRR RR", "024 24 4 2024 24");
    check("MON Mon mon MONTH Month month", "JAN Jan jan JANUARY January january");
    check("DAY Day day DY Dy D DDD", "MONDAY Monday monday MON Mon 2 015");
    check("HH:MI AM hh12 p.m. P.M.", "07:30 AM 07 a.m. A.M.");
    check("SSSSS FF1 FF3 FF6 FF9", "27045 1 123 123456 123456000");
    check("TZH:TZM", "-05:00");
    check("\"at\" HH24\"h \\\"q\\\"\"", "at 07h \"q\"");
    check("YYYY\"\"MM", "202401");
    check("Q", "Unsupported format element 'Q'");
    check("YYYYx", "Cannot find matched format element at 4");
    check("\"x", "Cannot find matching \" for quoted literal at 0");
    let date =
        |format: &str| shown(format_cast(&Value::Date(19_737), &Type::Date, format, &Zone::UTC));
    assert_eq!(date("DD/MM/YYYY"), "15/01/2024");
    assert_eq!(date("HH24"), "DATE does not support 'HH24'");
    let time = |format: &str| shown(format_cast(&Value::Time(1), &Type::Time, format, &Zone::UTC));
    assert_eq!(time("HH24:MI:SS.FF6"), "00:00:00.000001");
    assert_eq!(time("YYYY"), "TIME does not support 'YYYY'");
}

#[test]
fn reading() {
    let check = |to: Type, format: &str, text: &str, expected: &str| {
        let zone = parse_zone("America/New_York").unwrap();
        let found = shown(parse_cast(text, &to, format, &zone, MOMENT));
        assert_eq!(found, expected, "{format} {text}");
    };
    check(Type::Date, "YYYY-MM-DD", "2024-02-03", "2024-02-03");
    check(Type::Date, "YYYYMMDD", "20240203", "2024-02-03");
    check(Type::Date, "DD-MON-YY", "3-feb-23", "2023-02-03");
    check(Type::Date, "MONTH DD, YYYY", "February 3, 2024", "2024-02-03");
    check(Type::Date, "DD", "7", "2024-01-07");
    check(Type::Date, "RR", "51", "1951-01-01");
    check(Type::Date, "Y,YYY", "2,024", "2024-01-01");
    check(
        Type::Date,
        "YYYY-MM-DD",
        "2024-02-30",
        "Invalid result from year, month, day values after parsing",
    );
    check(
        Type::Date,
        "YYYY-MM-DD",
        "2024/02/30",
        "Failed to parse input timestamp string at 4 with format element '-'",
    );
    check(Type::Date, "YYYY", "2024x", "Illegal non-space trailing data 'x' in timestamp string");
    check(
        Type::Date,
        "YYYY-MM",
        "2024",
        "Entire timestamp string has been parsed before dealing with format element '-'",
    );
    check(
        Type::Date,
        "YYYY HH24",
        "2024 1",
        "Format element in category HOUR ('HH24') is not allowed for output type DATE",
    );
    check(
        Type::Date,
        "YYYY YYYY",
        "2024 2024",
        "Format element 'YYYY' appears more than once in the format string",
    );
    check(
        Type::Date,
        "YYYY YY",
        "2024 24",
        "More than one format element in category YEAR exist: 'YYYY' and 'YY'",
    );
    check(Type::Date, "DAY", "Monday", "Format element 'DAY' is not supported for parsing");
    check(Type::Time, "HH24:MI:SS.FF3", "12:30:45.678", "12:30:45.678");
    check(Type::Time, "HH12:MI P.M.", "02:30 p.m.", "14:30:00");
    check(Type::Time, "SSSSS", "3662", "01:01:02");
    check(
        Type::Time,
        "HH12",
        "02",
        "Format element in category MERIDIAN_INDICATOR is required when format element 'HH12' exists",
    );
    check(Type::Datetime, "YYYY-MM-DD HH24:MI:SS", "2024-02-03 04:05:06", "2024-02-03 04:05:06");
    check(
        Type::Timestamp,
        "YYYY-MM-DD HH24:MI:SS",
        "2024-02-03 04:05:06",
        "2024-02-03 09:05:06+00",
    );
    check(
        Type::Timestamp,
        "YYYY-MM-DD HH24:MI TZH:TZM",
        "2024-02-03 04:05 +05:30",
        "2024-02-02 22:35:00+00",
    );
    check(Type::Timestamp, "YYYY TZH:TZM", "2024 +14:30", "Invalid time zone: +1430");
    check(
        Type::Timestamp,
        "HH24 A.M.",
        "1 A.M.",
        "Format element in category MERIDIAN_INDICATOR ('A.M.') and format element 'HH24' cannot exist \
         simultaneously",
    );
}

proptest! {
    #[test]
    fn what_is_written_reads_back(datetime in DATETIME_MIN..=DATETIME_MAX) {
        for format in ["YYYY-MM-DD HH24:MI:SS.FF6", "YYYYMMDDSSSSSFF6", "DD Month YYYY HH12:MI:SS.FF6 P.M."] {
            let value = Value::Datetime(datetime);
            let text = format_cast(&value, &Type::Datetime, format, &Zone::UTC).unwrap();
            let back = parse_cast(text.as_str().unwrap(), &Type::Datetime, format, &Zone::UTC, 0);
            prop_assert_eq!(back, Ok(value));
        }
    }

    #[test]
    fn nothing_panics(format in "([A-Za-z]{1,5}|[0-9 \"é/:,.-]){0,8}", text in "[-+0-9 :/.,A-Za-zé]{0,24}") {
        for to in [Type::Date, Type::Time, Type::Datetime, Type::Timestamp] {
            let _ = parse_cast(&text, &to, &format, &Zone::UTC, 0);
        }
        let _ = format_cast(&Value::Timestamp(i64::MIN), &Type::Timestamp, &format, &Zone::UTC);
    }
}

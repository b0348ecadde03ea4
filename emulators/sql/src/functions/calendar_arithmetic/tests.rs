//! Goal: every function of the calendar gives what BigQuery gives. Method: calls written as text, the way they
//! stand in SQL, against results as CAST to STRING writes them; then properties over the whole range of
//! values.

use proptest::prelude::*;

use crate::calendar::{
    DATE_MAX, DATE_MIN, DATETIME_MAX, DATETIME_MIN, MICROS_PER_DAY, Zone, date_text, datetime_text,
    interval_text, parse_date, parse_datetime, parse_interval, parse_range, parse_time,
    parse_timestamp, range_text, time_text, timestamp_text,
};
use crate::error::Result;
use crate::functions::{Call, Nulls, SCALAR};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::{Interval, Value};

/// A value by a word for its type and a text: `DATE 2024-01-15`, `'text'`, `5`, `MONTH`.
fn value(text: &str) -> Value {
    if let Ok(number) = text.parse() {
        return Value::Int64(number);
    }
    if let Some(text) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Value::string(text);
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match (word, rest) {
        ("NULL", _) => Value::Null,
        ("TRUE", _) => Value::Bool(true),
        ("FALSE", _) => Value::Bool(false),
        (_, "") => Value::string(text),
        ("DATE", rest) => Value::Date(parse_date(rest).unwrap()),
        ("TIME", rest) => Value::Time(parse_time(rest).unwrap()),
        ("DATETIME", rest) => Value::Datetime(parse_datetime(rest).unwrap()),
        ("TIMESTAMP", rest) => Value::Timestamp(parse_timestamp(rest, &Zone::UTC).unwrap()),
        ("INTERVAL", rest) => Value::interval(parse_interval(rest).unwrap()),
        ("RANGE<DATE>", rest) => parse_range(rest, &Type::Date, &Zone::UTC).unwrap(),
        ("RANGE<DATETIME>", rest) => parse_range(rest, &Type::Datetime, &Zone::UTC).unwrap(),
        ("RANGE<TIMESTAMP>", rest) => parse_range(rest, &Type::Timestamp, &Zone::UTC).unwrap(),
        _ => panic!("{text} is no value"),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::String(text) => text.to_string(),
        Value::Date(date) => date_text(*date),
        Value::Time(time) => time_text(*time),
        Value::Datetime(datetime) => datetime_text(*datetime),
        Value::Timestamp(timestamp) => timestamp_text(*timestamp, &Zone::UTC),
        Value::Interval(interval) => interval_text(interval),
        Value::Range(ends) => range_text(ends, &Zone::UTC),
        Value::Array(elements) => elements.iter().map(shown).collect::<Vec<_>>().join("; "),
        other => format!("{other:?}"),
    }
}

fn call(name: &str, args: &[Value]) -> Result<Value> {
    let session = Session::new("project", 1_705_321_845_123_456, 0);
    let function = SCALAR[name][0];
    if function.nulls == Nulls::Propagate && args.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let context = Call { session: &session, args: &[], result: &Type::Int64, signature: 0 };
    (function.call)(&context, args)
}

fn check(name: &str, args: &[&str], expected: &str) {
    let args = args.iter().map(|arg| value(arg)).collect::<Vec<_>>();
    let found = call(name, &args).map_or_else(|error| error.message, |value| shown(&value));
    assert_eq!(found, expected, "{name}({args:?})");
}

#[test]
fn current_moments_are_the_sessions() {
    check("CURRENT_TIMESTAMP", &[], "2024-01-15 12:30:45.123456+00");
    check("CURRENT_DATE", &[], "2024-01-15");
    check("CURRENT_DATE", &["'Pacific/Kiritimati'"], "2024-01-16");
    check("CURRENT_TIME", &["'-08'"], "04:30:45.123456");
    check("CURRENT_DATETIME", &["'America/New_York'"], "2024-01-15 07:30:45.123456");
    check("CURRENT_DATE", &["NULL"], "NULL");
    check("CURRENT_DATE", &["'Mars/X'"], "Invalid time zone: Mars/X");
}

#[test]
fn constructors() {
    check("DATE", &["2024", "1", "15"], "2024-01-15");
    check("DATE", &["2023", "2", "29"], "Input calculates to invalid date: 2023-02-29");
    check("DATE", &["10000", "1", "1"], "Input calculates to invalid date: 10000-01-01");
    check(
        "DATE",
        &["9223372036854775807", "1", "1"],
        "Input calculates to invalid date: 9223372036854775807-01-01",
    );
    check("DATE", &["TIMESTAMP 2024-01-15 02:00:00+00", "'America/New_York'"], "2024-01-14");
    check("DATE", &["DATETIME 2024-01-15 02:00:00"], "2024-01-15");
    check("DATE", &["'2024-01-15'"], "2024-01-15");
    check("DATE", &["'2024-01-15 23:00:00-05'"], "2024-01-16");
    check("DATE", &["'x'"], "Invalid date: 'x'");
    check("TIME", &["12", "30", "45"], "12:30:45");
    check("TIME", &["23", "59", "60"], "00:00:00");
    check("TIME", &["24", "0", "0"], "Input calculates to invalid time: 24:00:00");
    check("TIME", &["TIMESTAMP 2024-01-15 12:00:00+00", "'+05:30'"], "17:30:00");
    check("TIME", &["DATETIME 2024-01-15 12:00:00.5"], "12:00:00.500");
    check("DATETIME", &["2024", "1", "15", "12", "30", "45"], "2024-01-15 12:30:45");
    check(
        "DATETIME",
        &["2024", "1", "15", "24", "0", "0"],
        "Input calculates to invalid datetime: 2024-01-15 0024:00:00",
    );
    check("DATETIME", &["DATE 2024-01-15", "TIME 01:02:03"], "2024-01-15 01:02:03");
    check("DATETIME", &["DATE 2024-01-15"], "2024-01-15 00:00:00");
    check(
        "DATETIME",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "'America/New_York'"],
        "2024-01-15 07:00:00",
    );
    check("DATETIME", &["'2024-01-15T01:02:03'"], "2024-01-15 01:02:03");
    check("TIMESTAMP", &["'2024-01-15 12:34:56+00'"], "2024-01-15 12:34:56+00");
    check("TIMESTAMP", &["'2024-01-15'", "'America/New_York'"], "2024-01-15 05:00:00+00");
    check(
        "TIMESTAMP",
        &["'2024-01-15 00:00:00Z'", "'America/New_York'"],
        "Timezone is not allowed in \"2024-01-15 00:00:00Z\"",
    );
    check(
        "TIMESTAMP",
        &["DATETIME 2024-01-15 12:00:00", "'America/New_York'"],
        "2024-01-15 17:00:00+00",
    );
    check("TIMESTAMP", &["DATE 2024-07-01", "'Europe/Berlin'"], "2024-06-30 22:00:00+00");
    check(
        "STRING",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "'Asia/Kolkata'"],
        "2024-01-15 17:30:00+05:30",
    );
    check("STRING", &["DATE 2024-01-15"], "2024-01-15");
    check("STRING", &["TIME 01:02:03.4"], "01:02:03.400");
}

#[test]
fn numbers_of_the_epoch() {
    check("UNIX_DATE", &["DATE 1970-01-02"], "1");
    check("DATE_FROM_UNIX_DATE", &["19737"], "2024-01-15");
    check(
        "DATE_FROM_UNIX_DATE",
        &["-719163"],
        "DATE value is out of allowed range: from 0001-01-01 to 9999-12-31.",
    );
    check("UNIX_SECONDS", &["TIMESTAMP 1969-12-31 23:59:59.5+00"], "-1");
    check("UNIX_MILLIS", &["TIMESTAMP 2024-01-15 12:00:00+00"], "1705320000000");
    check("UNIX_MICROS", &["TIMESTAMP 2024-01-15 12:00:00+00"], "1705320000000000");
    check("TIMESTAMP_SECONDS", &["1705320000"], "2024-01-15 12:00:00+00");
    check("TIMESTAMP_MILLIS", &["-1"], "1969-12-31 23:59:59.999+00");
    check("TIMESTAMP_MICROS", &["1"], "1970-01-01 00:00:00.000001+00");
    let out_of_range = "TIMESTAMP value is out of allowed range: from 0001-01-01 00:00:00.000000+00 to \
                        9999-12-31 23:59:59.999999+00.";
    check("TIMESTAMP_SECONDS", &["253402300800"], out_of_range);
    check("TIMESTAMP_SECONDS", &["9223372036854775807"], out_of_range);
    check("TIMESTAMP_MICROS", &["-62135596800000001"], out_of_range);
}

#[test]
fn extracts() {
    for (part, expected) in [
        ("YEAR", "2024"),
        ("QUARTER", "2"),
        ("MONTH", "4"),
        ("DAY", "23"),
        ("DAYOFWEEK", "3"),
        ("DAYOFYEAR", "114"),
        ("WEEK", "16"),
        ("WEEK(MONDAY)", "17"),
        ("WEEK(TUESDAY)", "17"),
        ("WEEK(WEDNESDAY)", "16"),
        ("ISOWEEK", "17"),
        ("ISOYEAR", "2024"),
        ("HOUR", "EXTRACT from DATE does not support the HOUR date part"),
    ] {
        check("$extract", &[part, "DATE 2024-04-23"], expected);
    }
    check("$extract", &["ISOWEEK", "DATE 2024-03-15"], "11");
    check("$extract", &["ISOYEAR", "DATE 2021-01-03"], "2020");
    check("$extract", &["WEEK", "DATE 2021-01-02"], "0");
    let moment = "TIMESTAMP 2024-01-15 12:34:56.123456+00";
    check("$extract", &["MICROSECOND", moment], "123456");
    check("$extract", &["MILLISECOND", moment], "123");
    check("$extract", &["HOUR", moment, "'America/New_York'"], "7");
    check("$extract", &["HOUR", "TIMESTAMP 2024-06-15 00:00:00+00", "'Pacific/Auckland'"], "12");
    check("$extract", &["HOUR", "TIMESTAMP 2024-06-15 12:00:00+00", "'-04:30'"], "7");
    check("$extract", &["DAY", "DATETIME 2024-01-15 12:34:56"], "15");
    check("$extract", &["SECOND", "TIME 12:34:56.5"], "56");
    check("$extract_date", &["DATE", moment, "'Asia/Tokyo'"], "2024-01-15");
    check("$extract_time", &["TIME", moment, "'Asia/Tokyo'"], "21:34:56.123456");
    check("$extract_datetime", &["DATETIME", moment, "'-13'"], "2024-01-14 23:34:56.123456");
    check("$extract_date", &["DATE", "DATETIME 2024-01-15 12:34:56"], "2024-01-15");
    check("$extract", &["YEAR", "INTERVAL 5-3"], "5");
    check("$extract", &["MONTH", "INTERVAL -5-3"], "-3");
    check("$extract", &["DAY", "INTERVAL 1-2 3 4:5:6.789"], "3");
    check("$extract", &["HOUR", "INTERVAL 1-2 3 100:5:6.789"], "100");
    check("$extract", &["MILLISECOND", "INTERVAL 1-2 3 4:5:6.789"], "789");
    check("$extract", &["MICROSECOND", "INTERVAL 1-2 3 4:5:6.789"], "789000");
    check(
        "$extract",
        &["WEEK", "INTERVAL 1-2"],
        "EXTRACT from INTERVAL does not support the WEEK date part",
    );
}

#[test]
fn moving_by_intervals() {
    check("DATE_ADD", &["DATE 2024-01-15", "INTERVAL 0-0 7"], "2024-01-22");
    check("DATE_ADD", &["DATE 2024-01-31", "INTERVAL 0-1"], "2024-02-29");
    check("DATE_ADD", &["DATE 2024-02-29", "INTERVAL 1-0"], "2025-02-28");
    check("DATE_SUB", &["DATE 2024-03-31", "INTERVAL 0-1"], "2024-02-29");
    check(
        "DATE_ADD",
        &["DATE 9999-12-31", "INTERVAL 0-0 1"],
        "Adding 1 DAY to date 9999-12-31 causes overflow",
    );
    check(
        "DATE_SUB",
        &["DATE 0001-01-01", "INTERVAL 1-0"],
        "Adding -1 YEAR to date 0001-01-01 causes overflow",
    );
    check(
        "DATE_ADD",
        &["DATE 2024-01-15", "INTERVAL 0-0 0 5:0:0"],
        "DATE_ADD does not support the HOUR date part when the argument is DATE type",
    );
    check(
        "DATETIME_SUB",
        &["DATETIME 2024-01-15 12:00:00", "INTERVAL 0-0 0 2:0:0"],
        "2024-01-15 10:00:00",
    );
    check("DATETIME_ADD", &["DATETIME 2024-01-31 12:00:00", "INTERVAL 0-1"], "2024-02-29 12:00:00");
    check(
        "DATE_ADD",
        &["DATETIME 2024-01-31 12:00:00", "INTERVAL 0-0 0 0:0:1"],
        "2024-01-31 12:00:01",
    );
    check(
        "DATETIME_ADD",
        &["DATETIME 9999-12-31 23:59:59", "INTERVAL 0-0 0 0:0:1"],
        "Adding 1 SECOND to datetime 9999-12-31 23:59:59 causes overflow",
    );
    check(
        "TIMESTAMP_ADD",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "INTERVAL 0-0 0 1:30:0"],
        "2024-01-15 13:30:00+00",
    );
    check(
        "TIMESTAMP_SUB",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "INTERVAL 0-0 1"],
        "2024-01-14 12:00:00+00",
    );
    check(
        "TIMESTAMP_ADD",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "INTERVAL 0-1"],
        "TIMESTAMP_ADD does not support the MONTH date part when the argument is TIMESTAMP type",
    );
    check(
        "TIMESTAMP_ADD",
        &["TIMESTAMP 9999-12-31 23:59:59.999999+00", "INTERVAL 0-0 1"],
        "Adding 1 DAY to timestamp 9999-12-31 23:59:59.999999+00 causes overflow",
    );
    check(
        "TIMESTAMP_SUB",
        &["TIMESTAMP 0001-01-01 00:00:00+00", "INTERVAL 0-0 0 0:0:1"],
        "Adding -1 SECOND to timestamp 0001-01-01 00:00:00.000000+00 causes overflow",
    );
    check("TIME_ADD", &["TIME 23:30:00", "INTERVAL 0-0 0 1:0:0"], "00:30:00");
    check("TIME_SUB", &["TIME 00:00:00", "INTERVAL 0-0 0 0:0:0.001"], "23:59:59.999");
    check(
        "TIME_ADD",
        &["TIME 23:30:00", "INTERVAL 0-0 1"],
        "TIME_ADD does not support the DAY date part",
    );
    check("DATE_ADD", &["NULL", "INTERVAL 0-0 1"], "NULL");
}

#[test]
fn differences() {
    let dates = |part: &str, later: &str, earlier: &str, expected: &str| {
        check("DATE_DIFF", &[&format!("DATE {later}"), &format!("DATE {earlier}"), part], expected);
    };
    dates("DAY", "2024-02-15", "2024-01-15", "31");
    dates("MONTH", "2024-02-01", "2024-01-31", "1");
    dates("YEAR", "2026-01-15", "2024-12-31", "2");
    dates("QUARTER", "2024-01-01", "2023-12-31", "1");
    dates("WEEK", "2017-10-15", "2017-10-14", "1");
    dates("WEEK(MONDAY)", "2017-10-15", "2017-10-14", "0");
    dates("ISOWEEK", "2017-10-16", "2017-10-15", "1");
    dates("ISOYEAR", "2017-12-30", "2014-12-30", "2");
    dates("YEAR", "2017-12-30", "2014-12-30", "3");
    dates("DAY", "2024-01-14", "2024-01-15", "-1");
    dates("HOUR", "2024-01-14", "2024-01-15", "DATE_DIFF does not support the HOUR date part");
    let datetimes = |part: &str, expected: &str| {
        let args = ["DATETIME 2024-01-15 00:00:00", "DATETIME 2024-01-14 23:59:59.9", part];
        check("DATETIME_DIFF", &args, expected);
    };
    datetimes("DAY", "1");
    datetimes("HOUR", "1");
    datetimes("SECOND", "1");
    datetimes("MILLISECOND", "100");
    datetimes("MICROSECOND", "100000");
    datetimes("MONTH", "0");
    let timestamps = |part: &str, expected: &str| {
        let args = ["TIMESTAMP 2024-01-15 14:59:59+00", "TIMESTAMP 2024-01-15 12:00:00+00", part];
        check("TIMESTAMP_DIFF", &args, expected);
    };
    timestamps("HOUR", "2");
    timestamps("MINUTE", "179");
    timestamps("DAY", "0");
    timestamps("MONTH", "TIMESTAMP_DIFF does not support the MONTH date part");
    check("TIME_DIFF", &["TIME 12:30:45.5", "TIME 12:30:45.123", "MICROSECOND"], "377000");
    check("TIME_DIFF", &["TIME 12:00:00", "TIME 13:59:59", "HOUR"], "-1");
}

#[test]
fn truncation() {
    let dates = |part: &str, date: &str, expected: &str| {
        check("DATE_TRUNC", &[&format!("DATE {date}"), part], expected);
    };
    dates("MONTH", "2024-04-23", "2024-04-01");
    dates("QUARTER", "2024-06-23", "2024-04-01");
    dates("YEAR", "2024-04-23", "2024-01-01");
    dates("WEEK", "2024-04-23", "2024-04-21");
    dates("WEEK(MONDAY)", "2024-04-21", "2024-04-15");
    dates("WEEK(WEDNESDAY)", "2024-04-23", "2024-04-17");
    dates("ISOWEEK", "2024-04-21", "2024-04-15");
    dates("ISOYEAR", "2015-06-15", "2014-12-29");
    dates("DAY", "2024-04-23", "2024-04-23");
    dates(
        "WEEK",
        "0001-01-01",
        "Truncating date 0001-01-01 to WEEK resulted in an out of range date value: -719163",
    );
    dates("HOUR", "2024-04-23", "DATE_TRUNC does not support the HOUR date part");
    check("DATETIME_TRUNC", &["DATETIME 2024-01-15 12:34:56", "HOUR"], "2024-01-15 12:00:00");
    check("DATETIME_TRUNC", &["DATETIME 2024-01-15 12:34:56.789", "SECOND"], "2024-01-15 12:34:56");
    check("DATE_TRUNC", &["DATETIME 2024-01-15 12:34:56", "MONTH"], "2024-01-01 00:00:00");
    check("TIME_TRUNC", &["TIME 12:30:45.123", "MINUTE"], "12:30:00");
    check("TIME_TRUNC", &["TIME 12:30:45.1239", "MILLISECOND"], "12:30:45.123");
    check("TIME_TRUNC", &["TIME 12:30:45", "DAY"], "TIME_TRUNC does not support the DAY date part");
    let moment = "TIMESTAMP 2024-01-15 12:34:56+00";
    check("TIMESTAMP_TRUNC", &[moment, "DAY"], "2024-01-15 00:00:00+00");
    check("TIMESTAMP_TRUNC", &[moment, "DAY", "'America/New_York'"], "2024-01-15 05:00:00+00");
    check("TIMESTAMP_TRUNC", &[moment, "HOUR", "'Asia/Kolkata'"], "2024-01-15 12:30:00+00");
    check("TIMESTAMP_TRUNC", &[moment, "WEEK(MONDAY)"], "2024-01-15 00:00:00+00");
    check("TIMESTAMP_TRUNC", &["NULL", "DAY"], "NULL");
    check("LAST_DAY", &["DATE 2024-02-15"], "2024-02-29");
    check("LAST_DAY", &["DATE 2024-02-15", "YEAR"], "2024-12-31");
    check("LAST_DAY", &["DATE 2024-02-15", "QUARTER"], "2024-03-31");
    check("LAST_DAY", &["DATE 2024-11-10", "WEEK(SUNDAY)"], "2024-11-16");
    check("LAST_DAY", &["DATE 2024-11-10", "WEEK(MONDAY)"], "2024-11-10");
    check("LAST_DAY", &["DATE 2024-11-10", "ISOYEAR"], "2024-12-29");
    check("LAST_DAY", &["DATE 9999-12-31", "MONTH"], "9999-12-31");
    check("LAST_DAY", &["DATETIME 2024-02-15 10:00:00", "MONTH"], "2024-02-29");
    check("LAST_DAY", &["DATE 2024-02-15", "DAY"], "LAST_DAY does not support the DAY date part");
}

#[test]
fn buckets() {
    let dates = |date: &str, width: &str, expected: &str| {
        check("DATE_BUCKET", &[&format!("DATE {date}"), &format!("INTERVAL {width}")], expected);
    };
    dates("1949-12-29", "0-0 2", "1949-12-28");
    dates("1950-01-04", "0-0 2", "1950-01-03");
    dates("1950-02-15", "0-1", "1950-02-01");
    dates("1949-12-15", "0-2", "1949-11-01");
    dates(
        "1950-01-01",
        "0-0 0 1:0:0",
        "Only MONTH and DAY parts are allowed in bucket width INTERVAL",
    );
    dates("1950-01-01", "0-1 1", "Exactly one non-zero INTERVAL part in bucket width is required");
    dates("1950-01-01", "0-0 -1", "Negative bucket width INTERVAL is not allowed");
    check("DATE_BUCKET", &["DATE 2000-12-24", "INTERVAL 0-0 7", "DATE 2000-12-24"], "2000-12-24");
    check("DATE_BUCKET", &["DATE 2024-02-29", "INTERVAL 0-1", "DATE 2024-01-31"], "2024-02-29");
    check("DATE_BUCKET", &["DATE 2024-02-28", "INTERVAL 0-1", "DATE 2024-01-31"], "2024-01-31");
    check(
        "DATETIME_BUCKET",
        &["DATETIME 1950-01-01 23:00:00", "INTERVAL 0-0 0 12:0:0"],
        "1950-01-01 12:00:00",
    );
    check(
        "TIMESTAMP_BUCKET",
        &["TIMESTAMP 2000-12-28 00:00:00+00", "INTERVAL 0-0 7", "TIMESTAMP 2000-12-22 12:00:00+00"],
        "2000-12-22 12:00:00+00",
    );
    check(
        "TIMESTAMP_BUCKET",
        &["TIMESTAMP 2000-12-28 00:00:00+00", "INTERVAL 0-1"],
        "Bucket width INTERVAL with non-zero MONTH part is not allowed",
    );
    check(
        "TIMESTAMP_BUCKET",
        &["TIMESTAMP 2000-12-28 00:00:00+00", "INTERVAL 0-0 0"],
        "Zero bucket width INTERVAL is not allowed",
    );
    check(
        "DATE_BUCKET",
        &["DATE 0001-01-01", "INTERVAL 0-0 3660000", "DATE 0001-01-02"],
        "Bucket for 0001-01-01 is outside of date range",
    );
}

#[test]
fn generated_arrays() {
    check(
        "GENERATE_DATE_ARRAY",
        &["DATE 2024-01-30", "DATE 2024-02-01"],
        "2024-01-30; 2024-01-31; 2024-02-01",
    );
    check(
        "GENERATE_DATE_ARRAY",
        &["DATE 2024-01-01", "DATE 2024-03-15", "INTERVAL 0-1"],
        "2024-01-01; 2024-02-01; 2024-03-01",
    );
    check("GENERATE_DATE_ARRAY", &["DATE 2024-01-02", "DATE 2024-01-01"], "");
    check(
        "GENERATE_DATE_ARRAY",
        &["DATE 2024-01-02", "DATE 2024-01-01", "INTERVAL 0-0 -1"],
        "2024-01-02; 2024-01-01",
    );
    check(
        "GENERATE_DATE_ARRAY",
        &["DATE 2024-01-02", "DATE 2024-01-01", "INTERVAL 0-0 0"],
        "Sequence step cannot be 0.",
    );
    check("GENERATE_DATE_ARRAY", &["DATE 9999-12-31", "DATE 9999-12-31"], "9999-12-31");
    check(
        "GENERATE_TIMESTAMP_ARRAY",
        &[
            "TIMESTAMP 2024-01-15 02:00:00+00",
            "TIMESTAMP 2024-01-15 00:00:00+00",
            "INTERVAL 0-0 0 -1:0:0",
        ],
        "2024-01-15 02:00:00+00; 2024-01-15 01:00:00+00; 2024-01-15 00:00:00+00",
    );
    check(
        "GENERATE_TIMESTAMP_ARRAY",
        &[
            "TIMESTAMP 2024-01-15 00:00:00+00",
            "TIMESTAMP 2025-01-15 00:00:00+00",
            "INTERVAL 0-0 0 0:0:0.000001",
        ],
        "Cannot generate arrays with more than 1048575 elements.",
    );
}

#[test]
fn intervals() {
    check("$interval", &["5", "DAY"], "0-0 5 0:0:0");
    check("$interval", &["5", "WEEK"], "0-0 35 0:0:0");
    check("$interval", &["5", "QUARTER"], "1-3 0 0:0:0");
    check("$interval", &["90", "MINUTE"], "0-0 0 1:30:0");
    check("$interval", &["1500", "MILLISECOND"], "0-0 0 0:0:1.500");
    check("$interval", &["'1-2'", "YEAR", "MONTH"], "1-2 0 0:0:0");
    check("$interval", &["'1 6'", "DAY", "HOUR"], "0-0 1 6:0:0");
    check("$interval", &["'10:20'", "MINUTE", "SECOND"], "0-0 0 0:10:20");
    check("$interval", &["'10:20.25'", "MINUTE", "SECOND"], "0-0 0 0:10:20.250");
    check("$interval", &["'8 -20 17'", "MONTH", "HOUR"], "0-8 -20 17:0:0");
    check("$interval", &["'-1.5'", "SECOND"], "0-0 0 -0:0:1.500");
    check("$interval", &["'7'", "DAY"], "0-0 7 0:0:0");
    check("$interval", &["'x'", "DAY"], "Invalid INTERVAL value 'x'");
    check(
        "$interval",
        &["'1'", "MONTH", "YEAR"],
        "Invalid interval datetime fields: MONTH TO YEAR",
    );
    check("$interval", &["5", "DAYOFWEEK"], "Invalid interval datetime field DAYOFWEEK");
    check(
        "$interval",
        &["10001", "YEAR"],
        "Interval field months '120012' is out of range -120000 to 120000",
    );
    check(
        "$interval",
        &["9223372036854775807", "YEAR"],
        "int64 overflow: 9223372036854775807 * 12",
    );
    check("MAKE_INTERVAL", &["1", "6", "15"], "1-6 15 0:0:0");
    check("MAKE_INTERVAL", &["NULL", "NULL", "NULL", "10", "NULL", "20"], "0-0 0 10:0:20");
    check("JUSTIFY_DAYS", &["INTERVAL 0-0 40"], "0-1 10 0:0:0");
    check("JUSTIFY_DAYS", &["INTERVAL 0-0 -65"], "-0-2 -5 0:0:0");
    check("JUSTIFY_HOURS", &["INTERVAL 0-0 0 30:0:0"], "0-0 1 6:0:0");
    check("JUSTIFY_HOURS", &["INTERVAL 0-0 1 -1:0:0"], "0-0 0 23:0:0");
    check("JUSTIFY_INTERVAL", &["INTERVAL 0-0 29 49:0:0"], "0-1 1 1:0:0");
}

#[test]
fn operators() {
    check("$add", &["DATE 2024-01-15", "INTERVAL 0-0 7"], "2024-01-22 00:00:00");
    check("$subtract", &["DATE 2024-01-15", "INTERVAL 0-0 7"], "2024-01-08 00:00:00");
    check("$add", &["DATE 2024-01-15", "7"], "2024-01-22");
    check("$add", &["7", "DATE 2024-01-15"], "2024-01-22");
    check("$subtract", &["DATE 2024-01-15", "15"], "2023-12-31");
    check(
        "$subtract",
        &["DATE 2024-01-15", "-9223372036854775808"],
        "Subtracting -9223372036854775808 DAY from date 2024-01-15 causes overflow",
    );
    check("$add", &["DATETIME 2024-01-15 12:00:00", "INTERVAL 0-0 1 6:0:0"], "2024-01-16 18:00:00");
    check(
        "$add",
        &["INTERVAL 0-0 1 6:0:0", "TIMESTAMP 2024-01-15 12:00:00+00"],
        "2024-01-16 18:00:00+00",
    );
    check(
        "$add",
        &["TIMESTAMP 2024-01-15 12:00:00+00", "INTERVAL 0-1"],
        "TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero MONTH or YEAR part.",
    );
    check("$subtract", &["DATE 2024-01-15", "DATE 2023-12-31"], "0-0 15 0:0:0");
    check(
        "$subtract",
        &["TIMESTAMP 2024-01-16 14:00:00.5+00", "TIMESTAMP 2024-01-15 12:00:00+00"],
        "0-0 0 26:0:0.500",
    );
    check(
        "$subtract",
        &["DATETIME 2024-01-16 14:00:00", "DATETIME 2024-01-15 12:00:00"],
        "0-0 1 2:0:0",
    );
    check("$add", &["INTERVAL 1-2 3 4:5:6", "INTERVAL 1-0 -1"], "2-2 2 4:5:6");
    check("$subtract", &["INTERVAL 1-2", "INTERVAL 0-0 1"], "1-2 -1 0:0:0");
    check("$multiply", &["INTERVAL 1-2 3 4:5:6", "2"], "2-4 6 8:10:12");
    check(
        "$multiply",
        &["INTERVAL 1-2", "9223372036854775807"],
        "Interval overflow during multiplication",
    );
    check("$divide", &["INTERVAL 1-0 1 0:0:0", "2"], "0-6 0 12:0:0");
    check("$divide", &["INTERVAL 0-1", "2"], "0-0 15 0:0:0");
    check("$divide", &["INTERVAL 0-1", "0"], "Interval division by zero");
    check("$unary_minus", &["INTERVAL 1-2 3 4:5:6"], "-1-2 -3 -4:5:6");
}

#[test]
fn ranges() {
    let january = "RANGE<DATE> [2024-01-01, 2024-02-01)";
    let open = "RANGE<DATE> [2024-01-15, UNBOUNDED)";
    check("RANGE", &["DATE 2024-01-01", "DATE 2024-12-31"], "[2024-01-01, 2024-12-31)");
    check("RANGE", &["NULL", "DATE 2024-12-31"], "[UNBOUNDED, 2024-12-31)");
    check(
        "RANGE",
        &["DATE 2024-01-01", "DATE 2024-01-01"],
        "Range start element must be smaller than range end element",
    );
    check("RANGE_START", &[january], "2024-01-01");
    check("RANGE_END", &[open], "NULL");
    check("RANGE_CONTAINS", &[january, "DATE 2024-01-01"], "true");
    check("RANGE_CONTAINS", &[january, "DATE 2024-02-01"], "false");
    check("RANGE_CONTAINS", &[open, january], "false");
    check("RANGE_CONTAINS", &[open, "RANGE<DATE> [2024-02-01, UNBOUNDED)"], "true");
    check("RANGE_CONTAINS", &[january, open], "false");
    check("RANGE_OVERLAPS", &[january, open], "true");
    check("RANGE_OVERLAPS", &[january, "RANGE<DATE> [2024-02-01, 2024-03-01)"], "false");
    check("RANGE_INTERSECT", &[january, open], "[2024-01-15, 2024-02-01)");
    check(
        "RANGE_INTERSECT",
        &[january, "RANGE<DATE> [2024-02-01, 2024-03-01)"],
        "Provided RANGE inputs: [2024-01-01, 2024-02-01) and [2024-02-01, 2024-03-01) do not overlap. \
         Please check RANGE_OVERLAPS before calling RANGE_INTERSECT",
    );
    check(
        "GENERATE_RANGE_ARRAY",
        &[january, "INTERVAL 0-0 20"],
        "[2024-01-01, 2024-01-21); [2024-01-21, 2024-02-01)",
    );
    check(
        "GENERATE_RANGE_ARRAY",
        &[january, "INTERVAL 0-0 20", "FALSE"],
        "[2024-01-01, 2024-01-21)",
    );
    check("GENERATE_RANGE_ARRAY", &[january, "INTERVAL 0-1", "FALSE"], "[2024-01-01, 2024-02-01)");
    check(
        "GENERATE_RANGE_ARRAY",
        &["RANGE<DATE> [2024-01-31, 2024-04-30)", "INTERVAL 0-1"],
        "[2024-01-31, 2024-02-29); [2024-02-29, 2024-03-31); [2024-03-31, 2024-04-30)",
    );
    check(
        "GENERATE_RANGE_ARRAY",
        &[january, "INTERVAL 0-0 0 1:0:0"],
        "step with non-zero (H:M:S[.F]) part is not supported",
    );
    check(
        "GENERATE_RANGE_ARRAY",
        &[open, "INTERVAL 0-0 1"],
        "input RANGE cannot have UNBOUNDED endpoints",
    );
}

#[test]
fn formats() {
    let dates = |format: &str, expected: &str| {
        check("FORMAT_DATE", &[&format!("'{format}'"), "DATE 2024-01-05"], expected);
    };
    dates("%Y-%m-%d", "2024-01-05");
    dates("%A %a %B %b %h", "Friday Fri January Jan Jan");
    dates("%d %e %j %y %C %D %F %x", "05  5 005 24 20 01/05/24 2024-01-05 01/05/24");
    dates("%G %g %V %u %w %U %W %Q %J", "2024 24 01 5 5 00 01 1 005");
    dates("%-d %_m %^a %5Y %E4Y %%", "5  1 FRI 02024 2024 %");
    dates("%H:%M %Ez %E*S %c", "%H:%M %Ez %E*S %c");
    dates("%", "%");
    dates("%é %q", "%é %q");
    check("FORMAT_DATE", &["'%Y'", "DATE 0001-01-01"], "1");
    check("FORMAT_DATE", &["'%E4Y'", "DATE 0001-01-01"], "0001");
    check("FORMAT_DATE", &["'%Y'", "NULL"], "NULL");
    check("FORMAT_TIME", &["'%H:%M:%E3S'", "TIME 12:30:45.123"], "12:30:45.123");
    check(
        "FORMAT_TIME",
        &["'%I %l %k %p %P %R %T %r %X'", "TIME 00:30:45"],
        "12 12  0 AM am 00:30 00:30:45 12:30:45 AM 00:30:45",
    );
    check(
        "FORMAT_TIME",
        &["'%Y %E*S %E0S %E9S %S'", "TIME 00:30:45.5"],
        "%Y 45.5 45 45.500000000 45",
    );
    check(
        "FORMAT_DATETIME",
        &["'%c %s %Z'", "DATETIME 2024-01-15 12:30:45"],
        "Mon Jan 15 12:30:45 2024 1705321845 %Z",
    );
    check("FORMAT_DATETIME", &["'%G-W%V-%u'", "DATETIME 2024-01-15 12:30:45"], "2024-W03-1");
    check(
        "FORMAT_TIMESTAMP",
        &[
            "'%Y-%m-%d %H:%M:%S %Ez %z %Z'",
            "TIMESTAMP 2024-01-15 12:00:00+00",
            "'America/New_York'",
        ],
        "2024-01-15 07:00:00 -05:00 -0500 UTC-5",
    );
    check(
        "FORMAT_TIMESTAMP",
        &["'%Z %s'", "TIMESTAMP 2024-01-15 12:00:00+00", "'+05:30'"],
        "UTC+0530 1705320000",
    );
    check(
        "FORMAT_TIMESTAMP",
        &["'%c%n%t%ET'", "TIMESTAMP 2024-01-15 12:00:00+00"],
        "Mon Jan 15 12:00:00 2024\n\tT",
    );
    check("FORMAT_DATETIME", &["'%H'", "TIMESTAMP 2024-01-15 12:00:00+00", "'+01'"], "13");
}

fn call_all_with(date: i32, micros: i64, number: i64, interval: Interval) {
    let moments = [
        Value::Date(date),
        Value::Time(micros),
        Value::Datetime(micros),
        Value::Timestamp(micros),
        Value::Int64(number),
        Value::interval(interval),
    ];
    let parts = ["DAY", "WEEK(FRIDAY)", "ISOYEAR", "ISOWEEK", "MICROSECOND", "HOUR", "QUARTER"];
    for (name, functions) in SCALAR.iter() {
        if name.starts_with("GENERATE") || functions[0].signatures[0].contains("RANGE") {
            continue;
        }
        for moment in &moments {
            for other in &moments {
                let args = [moment.clone(), other.clone(), Value::Int64(number)];
                let _ = call(name, &args[..2]);
                let _ = call(name, &args);
            }
            for part in parts {
                let part = Value::string(part);
                let _ = call(name, &[moment.clone(), part.clone()]);
                let _ = call(name, &[part.clone(), moment.clone()]);
                let _ = call(name, &[moment.clone(), moment.clone(), part.clone()]);
            }
            let _ = call(name, &[Value::string("%c %J %E*S %Z %U %V"), moment.clone()]);
        }
    }
}

#[test]
fn nothing_panics_at_the_extremes() {
    for micros in [i64::MIN, DATETIME_MIN, -1, 0, DATETIME_MAX, i64::MAX] {
        for date in [i32::MIN, DATE_MIN, 0, DATE_MAX, i32::MAX] {
            for (months, days, nanos) in
                [(120_000, 3_660_000, 316_224_000_000_000_000_000), (0, 0, 1), (-120_000, 0, 0)]
            {
                call_all_with(date, micros, micros, Interval { months, days, nanos });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics_at_any_number(
        date in any::<i32>(),
        micros in any::<i64>(),
        number in any::<i64>(),
        months in -120_000_i64..=120_000,
        days in -3_660_000_i64..=3_660_000,
        nanos in any::<i64>(),
    ) {
        call_all_with(date, micros, number, Interval { months, days, nanos: nanos.into() });
    }

    #[test]
    fn adding_undoes_a_difference(first in DATE_MIN..=DATE_MAX, second in DATE_MIN..=DATE_MAX) {
        let (first, second) = (Value::Date(first), Value::Date(second));
        let days = call("DATE_DIFF", &[first.clone(), second.clone(), "DAY".into()]).unwrap();
        let interval = call("$interval", &[days, "DAY".into()]).unwrap();
        prop_assert_eq!(call("DATE_ADD", &[second, interval]), Ok(first));
    }

    #[test]
    fn truncating_twice_is_truncating_once(
        micros in DATETIME_MIN..=DATETIME_MAX,
        part in proptest::sample::select(vec![
            "YEAR", "ISOYEAR", "QUARTER", "MONTH", "WEEK", "WEEK(THURSDAY)", "ISOWEEK", "DAY",
            "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND",
        ]),
    ) {
        for (name, value) in [
            ("DATETIME_TRUNC", Value::Datetime(micros)),
            ("TIMESTAMP_TRUNC", Value::Timestamp(micros)),
        ] {
            let Ok(once) = call(name, &[value.clone(), part.into()]) else { continue };
            prop_assert!(crate::value::compare(&once, &value).is_le());
            prop_assert_eq!(call(name, &[once.clone(), part.into()]), Ok(once));
        }
    }

    #[test]
    fn what_is_formatted_parses_back(micros in DATETIME_MIN..=DATETIME_MAX) {
        let datetime = Value::Datetime(micros);
        for format in ["%E4Y-%m-%d %H:%M:%E*S", "%E4Y %j %I:%M:%E6S %p", "%A %d %B %E4Y %R:%E6S"] {
            let text = call("FORMAT_DATETIME", &[format.into(), datetime.clone()]).unwrap();
            prop_assert_eq!(call("PARSE_DATETIME", &[format.into(), text]), Ok(datetime.clone()));
        }
        let date = Value::Date(crate::calendar::date_of_datetime(micros));
        for format in ["%E4Y-%m-%d", "%d %b %E4Y", "%E4Y %U %w", "%E4Y %W %u", "%G %V %a"] {
            let text = call("FORMAT_DATE", &[format.into(), date.clone()]).unwrap();
            let back = call("PARSE_DATE", &[format.into(), text]);
            prop_assert_eq!(back, Ok(date.clone()), "{}", format);
        }
        let timestamp = Value::Timestamp(micros);
        let format = "%E4Y-%m-%d %H:%M:%E*S%Ez";
        if (DATETIME_MIN + MICROS_PER_DAY..DATETIME_MAX - MICROS_PER_DAY).contains(&micros) {
            let args = [format.into(), timestamp.clone(), "Asia/Kolkata".into()];
            let text = call("FORMAT_TIMESTAMP", &args).unwrap();
            prop_assert_eq!(call("PARSE_TIMESTAMP", &[format.into(), text]), Ok(timestamp));
        }
    }
}

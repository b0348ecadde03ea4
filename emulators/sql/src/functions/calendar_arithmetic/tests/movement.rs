//! Goal: values that are moved, compared and cut are BigQuery's. Method: calls as in SQL.

use super::check;

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
    dates(
        "HOUR",
        "2024-01-14",
        "2024-01-15",
        "DATE_DIFF does not support the HOUR date part when the argument is DATE type",
    );
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
    timestamps(
        "MONTH",
        "TIMESTAMP_DIFF does not support the MONTH date part when the argument is TIMESTAMP type",
    );
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

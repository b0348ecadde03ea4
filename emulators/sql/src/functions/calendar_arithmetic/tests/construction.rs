//! Goal: values that are made, taken apart and written are BigQuery's. Method: calls as in SQL.

use super::check;

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
        "Unsupported date part WEEK in EXTRACT FROM INTERVAL",
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
    check("MAKE_INTERVAL", &["0", "0", "0", "10", "0", "20"], "0-0 0 10:0:20");
    check("MAKE_INTERVAL", &["1", "NULL"], "NULL");
    check("JUSTIFY_DAYS", &["INTERVAL 0-0 40"], "0-1 10 0:0:0");
    check("JUSTIFY_DAYS", &["INTERVAL 0-0 -65"], "-0-2 -5 0:0:0");
    check("JUSTIFY_HOURS", &["INTERVAL 0-0 0 30:0:0"], "0-0 1 6:0:0");
    check("JUSTIFY_HOURS", &["INTERVAL 0-0 1 -1:0:0"], "0-0 0 23:0:0");
    check("JUSTIFY_INTERVAL", &["INTERVAL 0-0 29 49:0:0"], "0-1 1 1:0:0");
}

//! Goal: every function of the calendar gives what BigQuery gives. Method: calls written as text,
//! the way they stand in SQL, against results as CAST to STRING writes them; then properties over
//! the whole range of values.

mod construction;
mod movement;

use proptest::prelude::*;

use crate::calendar::{
    DATE_MAX, DATE_MIN, DATETIME_MAX, DATETIME_MIN, MICROS_PER_DAY, Zone, date_text, datetime_text,
    interval_text, parse_date, parse_datetime, parse_interval, parse_range, parse_time,
    parse_timestamp, range_text, time_text, timestamp_text,
};
use crate::error::Result;
use crate::functions::{
    Call, Nulls, ScalarFunction, calendar_arithmetic, calendar_extract, calendar_format,
    calendar_operator, date, datetime, interval, range, time, timestamp,
};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::{Interval, Value};

/// All functions of the calendar.
fn functions() -> impl Iterator<Item = &'static ScalarFunction> {
    [
        calendar_arithmetic::FUNCTIONS,
        calendar_extract::FUNCTIONS,
        calendar_format::FUNCTIONS,
        calendar_operator::FUNCTIONS,
        date::FUNCTIONS,
        datetime::FUNCTIONS,
        interval::FUNCTIONS,
        range::FUNCTIONS,
        time::FUNCTIONS,
        timestamp::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

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
    let function = functions().find(|function| function.name == name).unwrap();
    if function.nulls == Nulls::Propagate && args.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let context = Call { session: &session, args: &[] };
    (function.call)(&context, args)
}

fn check(name: &str, args: &[&str], expected: &str) {
    let args = args.iter().map(|arg| value(arg)).collect::<Vec<_>>();
    let found = call(name, &args).map_or_else(|error| error.message, |value| shown(&value));
    assert_eq!(found, expected, "{name}({args:?})");
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
    for function in functions() {
        let name = function.name;
        if name.starts_with("GENERATE") || function.signatures[0].contains("RANGE") {
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

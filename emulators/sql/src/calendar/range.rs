//! Ranges as text: `[START, END)`, where an end is `UNBOUNDED` or written as its type is.
//! Invariant: a range that is read or made here has a start before its end.

use std::sync::Arc;

use super::read::{parse_date, parse_datetime, parse_timestamp};
use super::text::{date_text, datetime_text, timestamp_text};
use super::zone::Zone;
use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::{Value, compare};

/// `[2024-01-01, UNBOUNDED)`.
pub(crate) fn range_text(ends: &[Value; 2], zone: &Zone) -> String {
    let [start, end] = ends.each_ref().map(|end| match end {
        Value::Date(date) => date_text(*date),
        Value::Datetime(datetime) => datetime_text(*datetime),
        Value::Timestamp(timestamp) => timestamp_text(*timestamp, zone),
        _ => "UNBOUNDED".to_owned(),
    });
    format!("[{start}, {end})")
}

/// A range, when its start is before its end; NULL is unbounded.
pub(crate) fn checked_range(start: Value, end: Value) -> Result<Value> {
    if !start.is_null() && !end.is_null() && compare(&start, &end).is_ge() {
        return Err(SqlError::evaluation(
            "Range start element must be smaller than range end element",
        ));
    }
    Ok(Value::Range(Arc::new([start, end])))
}

/// A range of dates, datetimes or timestamps as literals and CAST read it.
pub(crate) fn parse_range(text: &str, element: &Type, zone: &Zone) -> Result<Value> {
    let error = |what: String| SqlError::evaluation(format!("Failed to parse range: {what}"));
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')'));
    let Some(inside) = inside else {
        return Err(error(format!(
            "range must be formatted exactly as [START, END) (found {text})"
        )));
    };
    let parts = inside.split_once(',').filter(|(_, end)| !end.contains(','));
    let Some((start, end)) = parts.and_then(|(start, end)| Some((start, end.strip_prefix(' ')?)))
    else {
        return Err(error(
            "range must be formatted exactly as [START, END) with two parts, START and END, \
             divided with \", \""
                .to_owned(),
        ));
    };
    for (name, part, shown) in [("START", start, start.to_owned()), ("END", end, format!(" {end}"))]
    {
        if part.trim_matches(|c: char| c.is_ascii_whitespace()) != part {
            return Err(error(format!(
                "range must be formatted exactly as [START, END) with {name} having no leading or \
                 trailing spaces, but found: \"{shown}\""
            )));
        }
    }
    checked_range(parse_end(start, element, zone)?, parse_end(end, element, zone)?)
}

fn parse_end(text: &str, element: &Type, zone: &Zone) -> Result<Value> {
    if text.eq_ignore_ascii_case("UNBOUNDED") || text.eq_ignore_ascii_case("NULL") {
        return Ok(Value::Null);
    }
    match element {
        Type::Date => parse_date(text).map(Value::Date),
        Type::Datetime => parse_datetime(text).map(Value::Datetime),
        Type::Timestamp => parse_timestamp(text, zone).map(Value::Timestamp),
        other => Err(SqlError::not_implemented(format_args!("RANGE<{other}>"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_and_write() {
        let check = |element: Type, text: &str, expected: &str| {
            let found = match parse_range(text, &element, &Zone::UTC) {
                Ok(Value::Range(ends)) => range_text(&ends, &Zone::UTC),
                Ok(other) => panic!("{other:?} is no range"),
                Err(error) => error.message,
            };
            assert_eq!(found, expected);
        };
        check(Type::Date, "[2024-1-1, 2024-02-01)", "[2024-01-01, 2024-02-01)");
        check(Type::Date, "[unbounded, NULL)", "[UNBOUNDED, UNBOUNDED)");
        check(
            Type::Datetime,
            "[2024-01-01 00:00:00, UNBOUNDED)",
            "[2024-01-01 00:00:00, UNBOUNDED)",
        );
        check(
            Type::Timestamp,
            "[2024-01-01 00:00:00+01, 2024-02-01)",
            "[2023-12-31 23:00:00+00, 2024-02-01 00:00:00+00)",
        );
        check(
            Type::Date,
            "[2024-02-01, 2024-02-01)",
            "Range start element must be smaller than range end element",
        );
        check(Type::Date, "[x, 2024-02-01)", "Invalid date: 'x'");
        check(
            Type::Date,
            "(2024-01-01, 2024-02-01)",
            "Failed to parse range: range must be formatted exactly as [START, END) (found \
             (2024-01-01, 2024-02-01))",
        );
        check(
            Type::Date,
            "[2024-01-01,2024-02-01)",
            "Failed to parse range: range must be formatted exactly as [START, END) with two parts, \
             START and END, divided with \", \"",
        );
        check(
            Type::Date,
            "[ 2024-01-01, 2024-02-01)",
            "Failed to parse range: range must be formatted exactly as [START, END) with START \
             having no leading or trailing spaces, but found: \" 2024-01-01\"",
        );
    }
}

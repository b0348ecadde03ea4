//! Values as text: what `CAST(… AS STRING)` writes of a number, and the two renderings of `FORMAT`: `%t`, for
//! people to read, and `%T`, a literal that the parser reads back. Dates and times come from the calendar.

mod float;
mod literal;

pub(crate) use float::{float_text, general};
pub(crate) use literal::{escape_bytes, literal, string_literal};

use super::Value;
use crate::calendar::{
    Zone, date_text, datetime_text, interval_text, range_text, time_text, timestamp_text,
};
use crate::json::compact;
use crate::session::Session;
use crate::sql_type::Type;

/// The text of `FORMAT('%t', value)`. It is that of a cast to STRING but for doubles, whose integers have
/// `.0` here, and for bytes, which are escaped here.
pub(crate) fn display(value: &Value, value_type: &Type, session: &Session) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float64(value) => float_with_point(*value),
        Value::Numeric(value) => value.to_string(),
        Value::BigNumeric(value) => value.to_string(),
        Value::String(value) => value.to_string(),
        Value::Bytes(value) => escape_bytes(value, None),
        Value::Date(_)
        | Value::Time(_)
        | Value::Datetime(_)
        | Value::Timestamp(_)
        | Value::Interval(_) => moment_text(value, session),
        Value::Json(value) => compact(value),
        Value::Geography(value) => value.to_string(),
        Value::Range(ends) => range_text(ends, &Zone::Iana(session.time_zone)),
        Value::Array(elements) => {
            let element = value_type.element().unwrap_or(value_type);
            let texts = elements.iter().map(|value| display(value, element, session));
            format!("[{}]", texts.collect::<Vec<_>>().join(", "))
        }
        Value::Struct(values) => {
            let fields = value_type.fields().unwrap_or_default();
            let texts = values.iter().enumerate().map(|(index, value)| {
                let field = fields.get(index).map_or(value_type, |field| &field.field_type);
                display(value, field, session)
            });
            format!("({})", texts.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A double that does not look like an integer.
pub(crate) fn float_with_point(value: f64) -> String {
    let mut text = general(value, None);
    if text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        text.push_str(".0");
    }
    text
}

/// The text of a date, time, datetime, timestamp in the session's zone, or interval.
fn moment_text(value: &Value, session: &Session) -> String {
    match value {
        Value::Date(date) => date_text(*date),
        Value::Time(time) => time_text(*time),
        Value::Datetime(datetime) => datetime_text(*datetime),
        Value::Timestamp(timestamp) => timestamp_text(*timestamp, &Zone::Iana(session.time_zone)),
        Value::Interval(interval) => interval_text(interval),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql_type::StructField;
    use crate::value::{BigNumeric, Numeric};

    fn session() -> Session {
        Session::new("p", 0, 0)
    }

    #[test]
    fn values_for_people_and_as_literals() {
        let check = |value: Value, value_type: Type, shown: &str, as_literal: &str| {
            assert_eq!(display(&value, &value_type, &session()), shown);
            assert_eq!(literal(&value, &value_type, &session()), as_literal);
        };
        check(Value::Null, Type::Int64, "NULL", "NULL");
        check(true.into(), Type::Bool, "true", "true");
        check(7.into(), Type::Int64, "7", "7");
        check(7.0.into(), Type::Float64, "7.0", "7.0");
        check(1e20.into(), Type::Float64, "1e+20", "1e+20");
        check(f64::INFINITY.into(), Type::Float64, "inf", "CAST(\"inf\" AS FLOAT64)");
        check(Value::Numeric(7.into()), Type::Numeric, "7", "NUMERIC \"7\"");
        let big = Value::big_numeric(BigNumeric::parse("-0.5").unwrap());
        check(big, Type::BigNumeric, "-0.5", "BIGNUMERIC \"-0.5\"");
        check("it's".into(), Type::String, "it's", "\"it's\"");
        check("say \"a\"".into(), Type::String, "say \"a\"", "'say \"a\"'");
        check("a\n\u{1}1é".into(), Type::String, "a\n\u{1}1é", "\"a\\n\\x01\\x31é\"");
        check(Value::bytes(b"a\x00b'"), Type::Bytes, "a\\x00\\x62\\'", "b\"a\\x00\\x62'\"");
        check(Value::Date(0), Type::Date, "1970-01-01", "DATE \"1970-01-01\"");
        let numbers = Value::array([1.into(), Value::Null]);
        check(numbers, Type::array_of(Type::Int64), "[1, NULL]", "[1, NULL]");
        let row = |count: usize| {
            let field = StructField::new("", Type::String);
            let fields = Type::struct_of(vec![field; count]);
            (Value::structure(vec![Value::from("a"); count]), fields)
        };
        let (one, one_type) = row(1);
        check(one, one_type, "(a)", "STRUCT(\"a\")");
        let (two, two_type) = row(2);
        check(two, two_type, "(a, a)", "(\"a\", \"a\")");
        let dates = Type::Range(std::sync::Arc::new(Type::Date));
        let range = Value::Range(std::sync::Arc::new([Value::Date(1), Value::Null]));
        check(range, dates, "[1970-01-02, UNBOUNDED)", "RANGE<DATE> \"[1970-01-02, UNBOUNDED)\"");
    }

    #[test]
    fn decimals_lose_zeros_at_the_end() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Numeric::parse(text).unwrap().to_string(), expected);
            assert_eq!(BigNumeric::parse(text).unwrap().to_string(), expected);
        };
        check("1.500", "1.5");
        check("100", "100");
        check("-0.000", "0");
        check(" +1e2 ", "100");
        check(".5", "0.5");
        check("5.", "5");
        check("-1.5E-2", "-0.015");
    }
}

//! Writes dates, times and instants by the format of a CAST.

use super::super::civil::{
    Civil, CivilDate, CivilTime, days_from_civil, midnight, weekday_from_sunday,
};
use super::super::format::{MONTHS, WEEKDAYS};
use super::super::text::push;
use super::super::zone::Zone;
use super::{Case, Category, Element, Symbol, elements};
use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::Value;

/// `CAST(value AS STRING FORMAT format AT TIME ZONE zone)`.
pub(crate) fn format_cast(value: &Value, from: &Type, format: &str, zone: &Zone) -> Result<Value> {
    let (civil, offset_minutes) = match value {
        Value::Null => return Ok(Value::Null),
        Value::Date(date) => (midnight((*date).into()), 0),
        Value::Time(time) => (*time, 0),
        Value::Datetime(datetime) => (*datetime, 0),
        Value::Timestamp(timestamp) => {
            let minutes = zone.shown_offset_minutes(*timestamp);
            (timestamp.saturating_add(minutes * 60 * super::super::MICROS_PER_SECOND), minutes)
        }
        _ => return Err(SqlError::not_implemented(format_args!("CAST from {from} with FORMAT"))),
    };
    let elements = elements(format)?;
    check(&elements, from)?;
    let moment = Civil::from_datetime(civil);
    let mut out = String::new();
    for element in &elements {
        let start = out.len();
        write_element(&mut out, element, moment, offset_minutes)?;
        match (element.category, element.case) {
            (Category::Literal, _) | (_, Case::Title) => {}
            (_, Case::Upper) => out[start..].make_ascii_uppercase(),
            (_, Case::Lower) => out[start..].make_ascii_lowercase(),
        }
    }
    Ok(Value::string(out))
}

/// Elements that the type does not have.
fn check(elements: &[Element], from: &Type) -> Result<()> {
    let is_date = |category| matches!(category, Category::Year | Category::Month | Category::Day);
    let is_time = |category| {
        matches!(
            category,
            Category::Hour | Category::Minute | Category::Second | Category::MeridianIndicator
        )
    };
    for element in elements {
        let category = element.category;
        let has = match from {
            Type::Date => is_date(category),
            Type::Time => is_time(category),
            Type::Datetime => is_date(category) || is_time(category),
            _ => true,
        };
        if !has && category != Category::Literal {
            let message = format!("{from} does not support {}", element.shown());
            return Err(SqlError::evaluation(message));
        }
    }
    Ok(())
}

fn write_element(
    out: &mut String,
    element: &Element,
    moment: Civil,
    offset_minutes: i64,
) -> Result<()> {
    let Civil { date: CivilDate { year, month, day }, time } = moment;
    let CivilTime { hour, minute, second, micros } = time;
    let days = days_from_civil(year, month, day);
    let month_name = || MONTHS[usize::try_from(month - 1).unwrap_or_default()];
    let day_name = || WEEKDAYS[usize::try_from(weekday_from_sunday(days)).unwrap_or_default()];
    match element.symbol {
        Symbol::Literal | Symbol::Blanks => out.push_str(&element.text),
        Symbol::Year(4) => push(out, format_args!("{year:04}")),
        Symbol::Year(digits) => {
            let last = year.rem_euclid(10_i64.pow(u32::try_from(digits).unwrap_or(1)));
            push(out, format_args!("{last:0digits$}"));
        }
        Symbol::RoundYear => push(out, format_args!("{:02}", year.rem_euclid(100))),
        Symbol::Month => push(out, format_args!("{month:02}")),
        Symbol::MonthName => out.push_str(month_name()),
        Symbol::ShortMonthName => out.push_str(&month_name()[..3]),
        Symbol::DayOfYear => push(out, format_args!("{:03}", moment.date.day_of_year())),
        Symbol::Day => push(out, format_args!("{day:02}")),
        Symbol::DayOfWeek => push(out, format_args!("{}", weekday_from_sunday(days) + 1)),
        Symbol::DayName => out.push_str(day_name()),
        Symbol::ShortDayName => out.push_str(&day_name()[..3]),
        Symbol::Hour12 => push(out, format_args!("{:02}", (hour + 11) % 12 + 1)),
        Symbol::Hour24 => push(out, format_args!("{hour:02}")),
        Symbol::Minute => push(out, format_args!("{minute:02}")),
        Symbol::Second => push(out, format_args!("{second:02}")),
        Symbol::SecondOfDay => {
            push(out, format_args!("{:05}", hour * 3_600 + minute * 60 + second));
        }
        Symbol::Fraction(digits) => {
            out.push_str(&format!("{micros:06}000")[..digits]);
        }
        Symbol::Meridian => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        Symbol::DottedMeridian => out.push_str(if hour < 12 { "A.M." } else { "P.M." }),
        Symbol::ZoneHour => {
            out.push(if offset_minutes < 0 { '-' } else { '+' });
            push(out, format_args!("{:02}", offset_minutes.abs() / 60));
        }
        Symbol::ZoneMinute => push(out, format_args!("{:02}", offset_minutes.abs() % 60)),
        Symbol::CommaYear | Symbol::Unsupported => {
            let message = format!("Unsupported format element {}", element.shown());
            return Err(SqlError::evaluation(message));
        }
    }
    Ok(())
}

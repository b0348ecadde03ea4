//! Reads dates, times and instants by the format of a CAST. What the format does not name is the
//! first of the current month, midnight. A number that is followed by digits has all its digits,
//! otherwise it may have fewer.

use super::super::civil::{Civil, CivilDate, CivilTime, is_valid_datetime, is_valid_day};
use super::super::format::MONTHS;
use super::super::zone::Zone;
use super::{Category, Element, Symbol, elements};
use crate::error::{Result, SqlError};
use crate::sql_type::Type;
use crate::value::Value;

/// `CAST(text AS to FORMAT format AT TIME ZONE zone)`; the year and the month that are not named are those of
/// `now_micros` in the zone.
pub(crate) fn parse_cast(
    text: &str,
    to: &Type,
    format: &str,
    zone: &Zone,
    now_micros: i64,
) -> Result<Value> {
    let elements = elements(format)?;
    check(&elements, to)?;
    let now = Civil::from_datetime(zone.civil_micros(now_micros)).date;
    let read = Reader::new(text, now).read(&elements)?;
    let CivilDate { year, month, day } = read.date;
    if !is_valid_day(year, month, day) {
        return Err(SqlError::evaluation(
            "Invalid result from year, month, day values after parsing",
        ));
    }
    let civil = Civil { date: read.date, time: read.time }.micros();
    let micros = match to {
        Type::Timestamp => match read.offset {
            Some(offset) => Zone::Fixed(offset_seconds(offset)?).instant_micros(civil),
            None => zone.instant_micros(civil),
        },
        _ => civil,
    };
    if !is_valid_datetime(micros) {
        return Err(SqlError::evaluation("The parsing result is out of valid time range"));
    }
    match to {
        Type::Date => Ok(Value::Date(super::super::date_of_datetime(micros))),
        Type::Time => Ok(Value::Time(super::super::time_of_datetime(micros))),
        Type::Datetime => Ok(Value::Datetime(micros)),
        Type::Timestamp => Ok(Value::Timestamp(micros)),
        other => Err(SqlError::not_implemented(format_args!("CAST to {other} with FORMAT"))),
    }
}

/// Sign, hours and minutes of an offset.
#[derive(Default, Clone, Copy)]
struct Offset {
    negative: bool,
    hours: i64,
    minutes: i64,
}

fn offset_seconds(offset: Offset) -> Result<i32> {
    let Offset { negative, hours, minutes } = offset;
    let seconds = (hours * 60 + minutes) * 60;
    if seconds > 14 * 3_600 {
        let sign = if negative { '-' } else { '+' };
        let message = format!("Invalid time zone: {sign}{hours:02}{minutes:02}");
        return Err(SqlError::evaluation(message));
    }
    let seconds = i32::try_from(seconds).expect("at most fourteen hours");
    Ok(if negative { -seconds } else { seconds })
}

/// Which elements a format for a type may have, and which of them together.
fn check(elements: &[Element], to: &Type) -> Result<()> {
    for (at, element) in elements.iter().enumerate() {
        if !can_be_read(element.symbol) {
            let message =
                format!("Format element {} is not supported for parsing", element.shown());
            return Err(SqlError::evaluation(message));
        }
        let twice = elements[..at]
            .iter()
            .any(|other| other.category != Category::Literal && other.text == element.text);
        if twice {
            return Err(SqlError::evaluation(format!(
                "Format element {} appears more than once in the format string",
                element.shown()
            )));
        }
    }
    for category in missing_categories(to) {
        if let Some(element) = elements.iter().find(|element| element.category == *category) {
            return Err(SqlError::evaluation(format!(
                "Format element in category {} ({}) is not allowed for output type {to}",
                category.name(),
                element.shown()
            )));
        }
    }
    check_duplicates(elements)?;
    check_together(elements)
}

fn can_be_read(symbol: Symbol) -> bool {
    !matches!(
        symbol,
        Symbol::Unsupported
            | Symbol::DayOfYear
            | Symbol::DayOfWeek
            | Symbol::DayName
            | Symbol::ShortDayName
            | Symbol::Meridian
    )
}

fn missing_categories(to: &Type) -> &'static [Category] {
    match to {
        Type::Date => &[
            Category::Hour,
            Category::Minute,
            Category::Second,
            Category::MeridianIndicator,
            Category::TimeZone,
        ],
        Type::Time => &[Category::Year, Category::Month, Category::Day, Category::TimeZone],
        Type::Datetime => &[Category::TimeZone],
        _ => &[],
    }
}

fn check_duplicates(elements: &[Element]) -> Result<()> {
    for category in [
        Category::MeridianIndicator,
        Category::Year,
        Category::Month,
        Category::Day,
        Category::Hour,
        Category::Minute,
    ] {
        let mut of_category = elements.iter().filter(|element| element.category == category);
        if let (Some(first), Some(second)) = (of_category.next(), of_category.next()) {
            return Err(SqlError::evaluation(format!(
                "More than one format element in category {} exist: {} and {}",
                category.name(),
                first.shown(),
                second.shown()
            )));
        }
    }
    Ok(())
}

fn check_together(elements: &[Element]) -> Result<()> {
    let symbol = |wanted: Symbol| elements.iter().find(|element| element.symbol == wanted);
    let category = |wanted: Category| elements.iter().find(|element| element.category == wanted);
    let exclude = |of: Option<&Element>, category: Category, in_category: Option<&Element>| {
        let (Some(of), Some(other)) = (of, in_category) else { return Ok(()) };
        Err(SqlError::evaluation(format!(
            "Format element in category {} ({}) and format element {} cannot exist simultaneously",
            category.name(),
            other.shown(),
            of.shown()
        )))
    };
    let meridian = category(Category::MeridianIndicator);
    exclude(symbol(Symbol::Hour24), Category::MeridianIndicator, meridian)?;
    match (symbol(Symbol::Hour12), meridian) {
        (Some(hour), None) => {
            return Err(SqlError::evaluation(format!(
                "Format element in category MERIDIAN_INDICATOR is required when format element {} exists",
                hour.shown()
            )));
        }
        (None, Some(meridian)) => {
            return Err(SqlError::evaluation(format!(
                "Format element of type HH/HH12 is required when format element in category \
                 MERIDIAN_INDICATOR ({}) exists",
                meridian.shown()
            )));
        }
        _ => {}
    }
    let second_of_day = symbol(Symbol::SecondOfDay);
    exclude(second_of_day, Category::Hour, category(Category::Hour))?;
    exclude(second_of_day, Category::Minute, category(Category::Minute))?;
    if let (Some(of_day), Some(second)) = (second_of_day, symbol(Symbol::Second)) {
        return Err(SqlError::evaluation(format!(
            "Format elements {} and {} cannot exist simultaneously",
            of_day.shown(),
            second.shown()
        )));
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    date: CivilDate,
    time: CivilTime,
    hour_of_twelve: Option<i64>,
    afternoon: bool,
    offset: Option<Offset>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, now: CivilDate) -> Self {
        Self {
            text,
            rest: text.trim_start(),
            date: CivilDate { day: 1, ..now },
            time: CivilTime { hour: 0, minute: 0, second: 0, micros: 0 },
            hour_of_twelve: None,
            afternoon: false,
            offset: None,
        }
    }

    fn read(mut self, elements: &[Element]) -> Result<Self> {
        let mut done = 0;
        while done < elements.len() && !self.rest.is_empty() {
            let exact = precedes_digits(&elements[done + 1..]);
            let at = self.text.len() - self.rest.len();
            self.element(&elements[done], exact).ok_or_else(|| {
                SqlError::evaluation(format!(
                    "Failed to parse input timestamp string at {at} with format element {}",
                    elements[done].shown()
                ))
            })?;
            done += 1;
        }
        self.rest = self.rest.trim_start();
        while elements.get(done).is_some_and(|element| element.quoted && element.text.is_empty()) {
            done += 1;
        }
        if !self.rest.is_empty() {
            return Err(SqlError::evaluation(format!(
                "Illegal non-space trailing data '{}' in timestamp string",
                self.rest
            )));
        }
        if let Some(element) = elements.get(done) {
            return Err(SqlError::evaluation(format!(
                "Entire timestamp string has been parsed before dealing with format element {}",
                element.shown()
            )));
        }
        if let Some(hour) = self.hour_of_twelve {
            self.time.hour = hour % 12 + if self.afternoon { 12 } else { 0 };
        }
        Ok(self)
    }

    fn element(&mut self, element: &Element, exact: bool) -> Option<()> {
        let least = |digits: usize| if exact { digits } else { 1 };
        match element.symbol {
            Symbol::Literal => self.rest = self.rest.strip_prefix(element.text.as_str())?,
            Symbol::Blanks => {
                let trimmed = self.rest.trim_start();
                if trimmed.len() == self.rest.len() {
                    return None;
                }
                self.rest = trimmed;
            }
            Symbol::Year(4) => {
                self.date.year = self.number(least(4), if exact { 4 } else { 5 }, 0, 10_000)?;
            }
            Symbol::Year(digits) => {
                let power = 10_i64.pow(u32::try_from(digits).ok()?);
                let last = self.number(least(digits), digits, 0, power - 1)?;
                self.date.year = self.date.year - self.date.year.rem_euclid(power) + last;
            }
            Symbol::RoundYear => {
                let last = self.number(least(2), 2, 0, 99)?;
                let (century, now) = (self.date.year / 100, self.date.year % 100);
                let century = match (last < 50, now < 50) {
                    (true, false) => century + 1,
                    (false, true) => century - 1,
                    _ => century,
                };
                self.date.year = century * 100 + last;
            }
            Symbol::CommaYear => {
                let thousands = self.number(1, 2, 0, 10)?;
                self.rest = self.rest.strip_prefix(',')?;
                self.date.year = thousands * 1_000 + self.number(3, 3, 0, 999)?;
            }
            Symbol::Month => self.date.month = self.number(least(2), 2, 1, 12)?,
            Symbol::MonthName => self.date.month = self.month(usize::MAX)?,
            Symbol::ShortMonthName => self.date.month = self.month(3)?,
            Symbol::Day => self.date.day = self.number(least(2), 2, 1, 31)?,
            _ => return self.time_element(element, exact),
        }
        Some(())
    }

    fn time_element(&mut self, element: &Element, exact: bool) -> Option<()> {
        let least = |digits: usize| if exact { digits } else { 1 };
        match element.symbol {
            Symbol::Hour12 => self.hour_of_twelve = Some(self.number(least(2), 2, 1, 12)?),
            Symbol::Hour24 => self.time.hour = self.number(least(2), 2, 0, 23)?,
            Symbol::Minute => self.time.minute = self.number(least(2), 2, 0, 59)?,
            Symbol::Second => self.time.second = self.number(least(2), 2, 0, 59)?,
            Symbol::SecondOfDay => {
                let seconds = self.number(least(5), 5, 0, 86_399)?;
                self.time.hour = seconds / 3_600;
                self.time.minute = seconds / 60 % 60;
                self.time.second = seconds % 60;
            }
            Symbol::Fraction(digits) => {
                let count = self.rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
                if count < least(digits) {
                    return None;
                }
                let (fraction, rest) = self.rest.split_at(count);
                self.rest = rest;
                self.time.micros = format!("{fraction:0<6}")[..6].parse().ok()?;
            }
            Symbol::DottedMeridian => {
                let start = self.rest.get(..4)?;
                self.afternoon = start.eq_ignore_ascii_case("P.M.");
                if !self.afternoon && !start.eq_ignore_ascii_case("A.M.") {
                    return None;
                }
                self.rest = &self.rest[4..];
            }
            Symbol::ZoneHour => {
                let negative = self.rest.starts_with('-');
                self.rest = self.rest.strip_prefix(['-', '+', ' '])?;
                let hours = self.number(least(2), 2, 0, 14)?;
                let minutes = self.offset.unwrap_or_default().minutes;
                self.offset = Some(Offset { negative, hours, minutes });
            }
            Symbol::ZoneMinute => {
                let minutes = self.number(least(2), 2, 0, 59)?;
                self.offset = Some(Offset { minutes, ..self.offset.unwrap_or_default() });
            }
            _ => return None,
        }
        Some(())
    }

    /// A month by its name, or by the first letters of it.
    fn month(&mut self, letters: usize) -> Option<i64> {
        let matches = |name: &str| {
            let name = &name[..letters.min(name.len())];
            let start = self.rest.get(..name.len())?;
            start.eq_ignore_ascii_case(name).then_some(name.len())
        };
        let (at, length) =
            MONTHS.iter().enumerate().find_map(|(at, name)| Some((at, matches(name)?)))?;
        self.rest = &self.rest[length..];
        i64::try_from(at + 1).ok()
    }

    fn number(&mut self, least: usize, most: usize, min: i64, max: i64) -> Option<i64> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok().filter(|number| (min..=max).contains(number))
    }
}

/// Whether what comes next in a format begins with a digit in the text.
fn precedes_digits(next: &[Element]) -> bool {
    let Some(element) = next.iter().find(|element| !(element.quoted && element.text.is_empty()))
    else {
        return false;
    };
    match element.symbol {
        Symbol::Literal => element.quoted && element.text.starts_with(|c: char| c.is_ascii_digit()),
        Symbol::Blanks
        | Symbol::MonthName
        | Symbol::ShortMonthName
        | Symbol::DottedMeridian
        | Symbol::ZoneHour => false,
        _ => true,
    }
}

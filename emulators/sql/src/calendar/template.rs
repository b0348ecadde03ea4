//! The `FORMAT` clause of CAST: `'YYYY-MM-DD HH24:MI:SS'`. Elements are named without regard to
//! case; the case of their first two letters is the case of what they write. Some are known and
//! written or read by nobody: those are errors by name.

mod read;
mod write;

pub(crate) use read::parse_cast;
pub(crate) use write::format_cast;

use crate::error::{Result, SqlError};

/// What an element speaks of; in an order that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    Literal,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    MeridianIndicator,
    TimeZone,
    Century,
    Quarter,
    Week,
    EraIndicator,
    Misc,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::Literal => "LITERAL",
            Self::Year => "YEAR",
            Self::Month => "MONTH",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
            Self::MeridianIndicator => "MERIDIAN_INDICATOR",
            Self::TimeZone => "TIME_ZONE",
            Self::Century => "CENTURY",
            Self::Quarter => "QUARTER",
            Self::Week => "WEEK",
            Self::EraIndicator => "ERA_INDICATOR",
            Self::Misc => "MISC",
        }
    }
}

/// What an element writes or reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Literal,
    Blanks,
    /// The last digits of the year; four are all of it.
    Year(usize),
    /// Two digits of the year nearest to now.
    RoundYear,
    /// `Y,YYY`.
    CommaYear,
    Month,
    MonthName,
    ShortMonthName,
    DayOfYear,
    Day,
    DayOfWeek,
    DayName,
    ShortDayName,
    Hour12,
    Hour24,
    Minute,
    Second,
    SecondOfDay,
    Fraction(usize),
    Meridian,
    DottedMeridian,
    ZoneHour,
    ZoneMinute,
    /// Known, and without effect here.
    Unsupported,
}

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Title,
}

/// An element of a format.
#[derive(Debug, Clone)]
struct Element {
    symbol: Symbol,
    category: Category,
    case: Case,
    /// What it is in the format, in upper case; the text itself of a literal.
    text: String,
    /// Whether the literal was in double quotes.
    quoted: bool,
}

const NAMES: &[(&str, Symbol, Category)] = &[
    ("YYYY", Symbol::Year(4), Category::Year),
    ("YYY", Symbol::Year(3), Category::Year),
    ("YY", Symbol::Year(2), Category::Year),
    ("Y", Symbol::Year(1), Category::Year),
    ("RRRR", Symbol::Year(4), Category::Year),
    ("RR", Symbol::RoundYear, Category::Year),
    ("Y,YYY", Symbol::CommaYear, Category::Year),
    ("IYYY", Symbol::Unsupported, Category::Year),
    ("IYY", Symbol::Unsupported, Category::Year),
    ("IY", Symbol::Unsupported, Category::Year),
    ("I", Symbol::Unsupported, Category::Year),
    ("SYYYY", Symbol::Unsupported, Category::Year),
    ("YEAR", Symbol::Unsupported, Category::Year),
    ("SYEAR", Symbol::Unsupported, Category::Year),
    ("MM", Symbol::Month, Category::Month),
    ("MON", Symbol::ShortMonthName, Category::Month),
    ("MONTH", Symbol::MonthName, Category::Month),
    ("RM", Symbol::Unsupported, Category::Month),
    ("DDD", Symbol::DayOfYear, Category::Day),
    ("DD", Symbol::Day, Category::Day),
    ("D", Symbol::DayOfWeek, Category::Day),
    ("DAY", Symbol::DayName, Category::Day),
    ("DY", Symbol::ShortDayName, Category::Day),
    ("J", Symbol::Unsupported, Category::Day),
    ("HH", Symbol::Hour12, Category::Hour),
    ("HH12", Symbol::Hour12, Category::Hour),
    ("HH24", Symbol::Hour24, Category::Hour),
    ("MI", Symbol::Minute, Category::Minute),
    ("SS", Symbol::Second, Category::Second),
    ("SSSSS", Symbol::SecondOfDay, Category::Second),
    ("FF1", Symbol::Fraction(1), Category::Second),
    ("FF2", Symbol::Fraction(2), Category::Second),
    ("FF3", Symbol::Fraction(3), Category::Second),
    ("FF4", Symbol::Fraction(4), Category::Second),
    ("FF5", Symbol::Fraction(5), Category::Second),
    ("FF6", Symbol::Fraction(6), Category::Second),
    ("FF7", Symbol::Fraction(7), Category::Second),
    ("FF8", Symbol::Fraction(8), Category::Second),
    ("FF9", Symbol::Fraction(9), Category::Second),
    ("FF10", Symbol::Unsupported, Category::Second),
    ("FF11", Symbol::Unsupported, Category::Second),
    ("FF12", Symbol::Unsupported, Category::Second),
    ("AM", Symbol::Meridian, Category::MeridianIndicator),
    ("PM", Symbol::Meridian, Category::MeridianIndicator),
    ("A.M.", Symbol::DottedMeridian, Category::MeridianIndicator),
    ("P.M.", Symbol::DottedMeridian, Category::MeridianIndicator),
    ("TZH", Symbol::ZoneHour, Category::TimeZone),
    ("TZM", Symbol::ZoneMinute, Category::TimeZone),
    ("CC", Symbol::Unsupported, Category::Century),
    ("SCC", Symbol::Unsupported, Category::Century),
    ("Q", Symbol::Unsupported, Category::Quarter),
    ("IW", Symbol::Unsupported, Category::Week),
    ("WW", Symbol::Unsupported, Category::Week),
    ("W", Symbol::Unsupported, Category::Week),
    ("AD", Symbol::Unsupported, Category::EraIndicator),
    ("BC", Symbol::Unsupported, Category::EraIndicator),
    ("A.D.", Symbol::Unsupported, Category::EraIndicator),
    ("B.C.", Symbol::Unsupported, Category::EraIndicator),
    ("SP", Symbol::Unsupported, Category::Misc),
    ("TH", Symbol::Unsupported, Category::Misc),
    ("SPTH", Symbol::Unsupported, Category::Misc),
    ("THSP", Symbol::Unsupported, Category::Misc),
    ("FM", Symbol::Unsupported, Category::Misc),
];

impl Element {
    /// Its name in a message.
    fn shown(&self) -> String {
        if self.quoted {
            format!("'\"{}\"'", super::shown(&self.text))
        } else {
            format!("'{}'", self.text)
        }
    }
}

/// The elements of a format.
fn elements(format: &str) -> Result<Vec<Element>> {
    // BigQuery's limit.
    const BYTES_MAX: usize = 1_024 * 1_024;
    if format.len() > BYTES_MAX {
        return Err(SqlError::evaluation(format!("Format string too long; limit {BYTES_MAX}")));
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < format.len() {
        let (element, length) = next_element(&format[at..])
            .map_err(|error| SqlError::evaluation(format!("{} at {at}", error.message)))?;
        found.push(element);
        at += length;
    }
    Ok(found)
}

fn next_element(format: &str) -> Result<(Element, usize)> {
    let literal = |text: &str, symbol: Symbol, quoted: bool| Element {
        symbol,
        category: Category::Literal,
        case: Case::Title,
        text: text.to_owned(),
        quoted,
    };
    match format.as_bytes()[0] {
        b'-' | b'.' | b'/' | b',' | b'\'' | b';' | b':' => {
            return Ok((literal(&format[..1], Symbol::Literal, false), 1));
        }
        b' ' => {
            let count = format.len() - format.trim_start_matches(' ').len();
            return Ok((literal(&format[..count], Symbol::Blanks, false), count));
        }
        b'"' => {
            let (text, length) = quoted_text(format)?;
            return Ok((literal(&text, Symbol::Literal, true), length));
        }
        _ => {}
    }
    let begins =
        |name: &str| format.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let longest =
        NAMES.iter().filter(|(name, ..)| begins(name)).max_by_key(|(name, ..)| name.len());
    let Some(&(name, symbol, category)) = longest else {
        return Err(SqlError::evaluation("Cannot find matched format element"));
    };
    let case = case_of(&format.as_bytes()[..name.len()], category);
    Ok((Element { symbol, category, case, text: name.to_owned(), quoted: false }, name.len()))
}

fn case_of(written: &[u8], category: Category) -> Case {
    let one_case = matches!(category, Category::MeridianIndicator | Category::EraIndicator);
    match written {
        [first, ..] if first.is_ascii_lowercase() => Case::Lower,
        [_, second, ..] if !one_case && second.is_ascii_lowercase() => Case::Title,
        _ => Case::Upper,
    }
}

/// A text in double quotes, without them, and its length with them. `\"` and `\\` are escapes.
fn quoted_text(format: &str) -> Result<(String, usize)> {
    let mut text = String::new();
    let mut letters = format.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((text, at + 1)),
            '\\' => match letters.next() {
                Some((_, escaped @ ('\\' | '"'))) => text.push(escaped),
                Some((_, other)) => {
                    return Err(SqlError::evaluation(format!(
                        "Unsupported escape sequence \\{other} in text"
                    )));
                }
                None => break,
            },
            other => text.push(other),
        }
    }
    Err(SqlError::evaluation("Cannot find matching \" for quoted literal"))
}

#[cfg(test)]
mod tests;

//! Intervals as text: `Y-M D H:M:S.F`, parts of it, and ISO 8601 durations. BigQuery's intervals
//! count microseconds. Invariant: an interval made here has months, days and time within ten
//! thousand years.

use super::text::push;
use crate::error::{Result, SqlError};
use crate::value::Interval;

const MONTHS_MAX: i64 = 120_000;
const DAYS_MAX: i64 = 3_660_000;
const NANOS_PER_MICRO: i128 = 1_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_MINUTE: i128 = 60 * NANOS_PER_SECOND;
const NANOS_PER_HOUR: i128 = 60 * NANOS_PER_MINUTE;
/// Nanoseconds of a day of 24 hours.
pub(crate) const NANOS_PER_DAY: i128 = 24 * NANOS_PER_HOUR;
const NANOS_MAX: i128 = DAYS_MAX as i128 * NANOS_PER_DAY;
/// Digits of a fraction of a second.
const FRACTION_DIGITS_MAX: usize = 6;

/// An interval, when its fields are in range.
pub(crate) fn checked_interval(months: i64, days: i64, nanos: i128) -> Result<Interval> {
    check_field("months", months.into(), MONTHS_MAX.into())?;
    check_field("days", days.into(), DAYS_MAX.into())?;
    check_field("nanoseconds", nanos, NANOS_MAX)?;
    Ok(Interval { months, days, nanos })
}

/// An interval of microseconds alone.
pub(crate) fn interval_of_micros(micros: i64) -> Result<Interval> {
    check_field("microseconds", micros.into(), NANOS_MAX / NANOS_PER_MICRO)?;
    Ok(Interval { months: 0, days: 0, nanos: i128::from(micros) * NANOS_PER_MICRO })
}

fn check_field(name: &str, value: i128, limit: i128) -> Result<()> {
    if (-limit..=limit).contains(&value) {
        return Ok(());
    }
    Err(SqlError::evaluation(format!(
        "Interval field {name} '{value}' is out of range -{limit} to {limit}"
    )))
}

/// `1-2 3 4:5:6.789`: years and months, days, and a time, each with a sign of its own.
pub(crate) fn interval_text(interval: &Interval) -> String {
    let sign = |negative: bool| if negative { "-" } else { "" };
    let months = interval.months.unsigned_abs();
    let nanos = interval.nanos.unsigned_abs();
    let seconds = nanos / 1_000_000_000;
    let mut text = format!(
        "{}{}-{} {} {}{}:{}:{}",
        sign(interval.months < 0),
        months / 12,
        months % 12,
        interval.days,
        sign(interval.nanos < 0),
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    match nanos % 1_000_000_000 {
        0 => {}
        fraction if fraction % 1_000_000 == 0 => {
            push(&mut text, format_args!(".{:03}", fraction / 1_000_000));
        }
        fraction if fraction % 1_000 == 0 => {
            push(&mut text, format_args!(".{:06}", fraction / 1_000));
        }
        fraction => push(&mut text, format_args!(".{fraction:09}")),
    }
    text
}

/// A field of an interval's text, from the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// `YEAR`.
    Year,
    /// `MONTH`.
    Month,
    /// `DAY`.
    Day,
    /// `HOUR`.
    Hour,
    /// `MINUTE`.
    Minute,
    /// `SECOND`, which may have a fraction.
    Second,
}

/// An interval as CAST from STRING reads it: the number of blanks, colons and dashes says which fields
/// it has; or an ISO 8601 duration.
pub(crate) fn parse_interval(text: &str) -> Result<Interval> {
    if text.starts_with('P') {
        return DurationReader { whole: text, rest: text }.read();
    }
    let bytes = text.as_bytes();
    let count = |byte: u8| bytes.iter().filter(|&&found| found == byte).count();
    // A dash after anything but a digit is a sign.
    let dashes =
        bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() && pair[1] == b'-').count();
    let (from, to) = match (count(b' '), count(b':'), dashes) {
        (2, 2, 1) => (Field::Year, Field::Second),
        (2, 1, 1) => (Field::Year, Field::Minute),
        (2, 0, 1) => (Field::Year, Field::Hour),
        (1, 0, 1) => (Field::Year, Field::Day),
        (0, 0, 1) => (Field::Year, Field::Month),
        (2, 0, 0) => (Field::Month, Field::Hour),
        (2, 1, 0) => (Field::Month, Field::Minute),
        (2, 2, 0) => (Field::Month, Field::Second),
        (1, 1, 0) => (Field::Day, Field::Minute),
        (1, 2, 0) => (Field::Day, Field::Second),
        (0, 2, 0) => (Field::Hour, Field::Second),
        _ => return Err(invalid(text)),
    };
    parse_interval_fields(text, from, to)
}

/// An interval that has the fields between two.
pub(crate) fn parse_interval_fields(text: &str, from: Field, to: Field) -> Result<Interval> {
    let fields = FieldReader { rest: text, from, to }.read().ok_or_else(|| invalid(text))?;
    let months = fields.years.checked_mul(12).ok_or_else(|| overflow(12, '*', fields.years))?;
    let months =
        months.checked_add(fields.months).ok_or_else(|| overflow(months, '+', fields.months))?;
    let months = if fields.months_negative { -months } else { months };
    let nanos = if fields.time_negative { -fields.nanos } else { fields.nanos };
    checked_interval(months, fields.days, nanos)
}

/// An interval of seconds with a fraction: `[+-]S*.F+`.
pub(crate) fn parse_interval_seconds(text: &str) -> Result<Interval> {
    let (negative, rest) = split_sign(text);
    let (whole, fraction) = rest.split_once('.').ok_or_else(|| invalid(text))?;
    let seconds = if whole.is_empty() { Some(0) } else { digits(whole) };
    let nanos = seconds
        .zip(fraction_nanos(fraction))
        .map(|(seconds, fraction)| i128::from(seconds) * NANOS_PER_SECOND + fraction)
        .ok_or_else(|| invalid(text))?;
    checked_interval(0, 0, if negative { -nanos } else { nanos })
}

fn invalid(text: &str) -> SqlError {
    SqlError::evaluation(format!("Invalid INTERVAL value '{text}'"))
}

/// The message of 64 bits that are not enough.
pub(crate) fn overflow(left: i64, operator: char, right: i64) -> SqlError {
    SqlError::evaluation(format!("int64 overflow: {left} {operator} {right}"))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    }
}

/// A number of nothing but digits.
fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn fraction_nanos(text: &str) -> Option<i128> {
    if text.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let missing = u32::try_from(9 - text.len()).expect("at most nine");
    Some(i128::from(digits(text)?) * 10_i128.pow(missing))
}

#[derive(Default)]
struct Fields {
    months_negative: bool,
    years: i64,
    months: i64,
    days: i64,
    time_negative: bool,
    nanos: i128,
}

/// Reads groups, with one blank between them: `Y-M` or `M`, `D`, and `H:M:S` or a part of it.
struct FieldReader<'a> {
    rest: &'a str,
    from: Field,
    to: Field,
}

impl FieldReader<'_> {
    fn read(mut self) -> Option<Fields> {
        let mut fields = Fields::default();
        if self.from <= Field::Month {
            fields.months_negative = self.sign();
            if self.from == Field::Year {
                fields.years = self.number()?;
                self.byte(b'-')?;
            }
            fields.months = self.number()?;
        }
        if self.from <= Field::Day && self.to >= Field::Day {
            if self.from < Field::Day {
                self.byte(b' ')?;
            }
            let negative = self.sign();
            let days = self.number()?;
            fields.days = if negative { -days } else { days };
        }
        if self.to >= Field::Hour {
            if self.from < Field::Hour {
                self.byte(b' ')?;
            }
            fields.time_negative = self.sign();
            fields.nanos = self.time()?;
        }
        self.rest.is_empty().then_some(fields)
    }

    fn time(&mut self) -> Option<i128> {
        let mut nanos = 0;
        let mut first = true;
        for (field, unit) in [
            (Field::Hour, NANOS_PER_HOUR),
            (Field::Minute, NANOS_PER_MINUTE),
            (Field::Second, NANOS_PER_SECOND),
        ] {
            if field < self.from || field > self.to {
                continue;
            }
            if !first {
                self.byte(b':')?;
            }
            first = false;
            nanos += i128::from(self.number()?) * unit;
        }
        if self.to == Field::Second && self.byte(b'.').is_some() {
            nanos += fraction_nanos(std::mem::take(&mut self.rest))?;
        }
        Some(nanos)
    }

    fn sign(&mut self) -> bool {
        let (negative, rest) = split_sign(self.rest);
        self.rest = rest;
        negative
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(char::from(expected))?;
        Some(())
    }

    fn number(&mut self) -> Option<i64> {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits(number)
    }
}

/// Reads ISO 8601 durations, in which numbers may be negative, parts repeat and come in any order.
struct DurationReader<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> DurationReader<'a> {
    fn read(mut self) -> Result<Interval> {
        self.rest = &self.rest[1..];
        if self.rest.is_empty() {
            return Err(self.error("At least one datetime part must be defined in the interval"));
        }
        let mut in_time = false;
        let (mut months, mut days, mut nanos) = (0, 0, 0);
        while let Some(first) = self.rest.chars().next() {
            match first {
                'T' if in_time => {
                    return Err(self.error("Unexpected duplicate time separator 'T'"));
                }
                'T' => {
                    in_time = true;
                    self.rest = &self.rest[1..];
                    continue;
                }
                '-' | '0'..='9' => {}
                other => return Err(self.error(format_args!("Unexpected '{other}'"))),
            }
            let (number, fraction) = self.number()?;
            let unit = self.unit();
            match (in_time, unit) {
                (false, Some('Y')) => add(&mut months, number, 12)?,
                (false, Some('M')) => add(&mut months, number, 1)?,
                (false, Some('W')) => add(&mut days, number, 7)?,
                (false, Some('D')) => add(&mut days, number, 1)?,
                (true, Some('H')) => nanos += i128::from(number) * NANOS_PER_HOUR,
                (true, Some('M')) => nanos += i128::from(number) * NANOS_PER_MINUTE,
                (true, Some('S')) => {
                    nanos += i128::from(number) * NANOS_PER_SECOND + fraction.unwrap_or(0);
                }
                _ => {
                    let unit = name_of(unit);
                    let portion = if in_time { "time" } else { "date" };
                    return Err(self.error(format_args!(
                        "Unexpected {unit} in the {portion} portion of interval"
                    )));
                }
            }
            if fraction.is_some() && unit != Some('S') {
                return Err(self.error(format_args!(
                    "Fractional values are only allowed for seconds part 'S', but were used for {}",
                    name_of(unit)
                )));
            }
        }
        checked_interval(months, days, nanos)
    }

    /// A number with its sign, and its fraction in nanoseconds with the same sign.
    fn number(&mut self) -> Result<(i64, Option<i128>)> {
        let negative = self.rest.starts_with('-');
        self.rest = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let whole = self.take_digits();
        if whole.is_empty() {
            let at = self.rest.chars().next();
            let place = at.map_or_else(|| "end of string".to_owned(), |at| format!("'{at}'"));
            return Err(self.error(format_args!("Expected number at {place}")));
        }
        let Ok(number) = whole.parse::<i64>() else {
            return Err(self.error(format_args!("Cannot convert '{whole}' to integer")));
        };
        let mut fraction = None;
        if self.rest.starts_with(['.', ',']) {
            self.rest = &self.rest[1..];
            fraction = Some(fraction_nanos(self.take_digits()).ok_or_else(|| invalid(self.whole))?);
        }
        Ok(if negative {
            (-number, fraction.map(|fraction| -fraction))
        } else {
            (number, fraction)
        })
    }

    fn take_digits(&mut self) -> &'a str {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    fn unit(&mut self) -> Option<char> {
        let unit = self.rest.chars().next()?;
        self.rest = &self.rest[unit.len_utf8()..];
        Some(unit)
    }

    fn error(&self, what: impl std::fmt::Display) -> SqlError {
        SqlError::evaluation(format!("{}: {what}", invalid(self.whole).message))
    }
}

fn add(sum: &mut i64, number: i64, factor: i64) -> Result<()> {
    let product = number.checked_mul(factor).ok_or_else(|| overflow(factor, '*', number))?;
    *sum = sum.checked_add(product).ok_or_else(|| overflow(*sum, '+', product))?;
    Ok(())
}

fn name_of(unit: Option<char>) -> String {
    unit.map_or_else(|| "end of input".to_owned(), |unit| format!("'{unit}'"))
}

#[cfg(test)]
mod tests;

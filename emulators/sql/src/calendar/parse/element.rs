//! The elements of a format, read one by one from a text. White space in the format is any amount
//! of it in the text, none included. Numbers may be shorter than their width, never longer.

use super::super::civil::CivilDate;
use super::super::format::{MONTHS, WEEKDAYS};
use super::super::zone::{Zone, parse_zone};
use super::Fields;
use crate::error::{Result, SqlError};

/// A text on its way through a format.
pub(super) struct Reader<'a> {
    format: &'a str,
    text: &'a str,
    format_rest: &'a str,
    rest: &'a str,
    /// How many elements there were.
    position: usize,
    pub(super) fields: Fields,
    pub(super) zone: Zone,
    /// Of `%z` or `%Ez`, in minutes; it outdoes the zone.
    pub(super) offset_minutes: Option<i64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(format: &'a str, text: &'a str, zone: Zone) -> Self {
        let rest = text.strip_suffix('\0').unwrap_or(text);
        Self {
            format,
            text,
            format_rest: format.strip_suffix('\0').unwrap_or(format),
            rest: rest.trim_start_matches(is_space),
            position: 0,
            fields: Fields::default(),
            zone,
            offset_minutes: None,
        }
    }

    pub(super) fn read(&mut self) -> Result<()> {
        while let Some(expected) = self.format_rest.chars().next() {
            if self.rest.is_empty() {
                break;
            }
            if is_space(expected) {
                self.format_rest = self.format_rest.trim_start_matches(is_space);
                self.skip_space();
            } else if expected == '%' {
                self.position += 1;
                self.element()?;
            } else if let Some(rest) = self.rest.strip_prefix(expected) {
                self.rest = rest;
                self.format_rest = &self.format_rest[expected.len_utf8()..];
            } else {
                return Err(self.mismatch(expected));
            }
        }
        self.skip_space();
        self.skip_space_in_format()?;
        if self.rest.is_empty() && self.format_rest.is_empty() {
            Ok(())
        } else {
            Err(self.failed())
        }
    }

    /// White space and `%n`, `%t` at the end of a format stand for nothing.
    fn skip_space_in_format(&mut self) -> Result<()> {
        loop {
            self.format_rest = self.format_rest.trim_start_matches(is_space);
            match self.format_rest.as_bytes() {
                [b'%'] => return Err(ends_with_percent()),
                [b'%', b'n' | b't', ..] => self.format_rest = &self.format_rest[2..],
                _ => return Ok(()),
            }
        }
    }

    fn mismatch(&self, expected: char) -> SqlError {
        let found = self.rest.chars().next().unwrap_or(' ');
        SqlError::evaluation(format!(
            "Mismatch between format character '{expected}' and string character '{found}' at string \
             index: {} with format: '{}'",
            self.text.strip_suffix('\0').unwrap_or(self.text).len() - self.rest.len(),
            self.format
        ))
    }

    fn failed(&self) -> SqlError {
        SqlError::evaluation(format!("Failed to parse input string {}", quoted(self.text)))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    /// Reads one element of the format.
    fn element(&mut self) -> Result<()> {
        let mut letters = self.format_rest[1..].chars();
        let letter = letters.next().ok_or_else(ends_with_percent)?;
        self.format_rest = letters.as_str();
        let read = match letter {
            'E' => return self.extended(),
            'O' => {
                let next = letters.next();
                self.format_rest = letters.as_str();
                match next {
                    Some(letter) if "deHImMSuUVwWy".contains(letter) => self.plain(letter)?,
                    _ => None,
                }
            }
            letter => self.plain(letter)?,
        };
        read.ok_or_else(|| self.failed())
    }

    /// Elements that begin with `%E`.
    fn extended(&mut self) -> Result<()> {
        let format = self.format_rest;
        let precision = match format.as_bytes() {
            [b'*', ..] => 1,
            _ => format.bytes().take_while(u8::is_ascii_digit).count(),
        };
        let (precision, rest) = format.split_at(precision);
        let mut letters = rest.chars();
        let letter = letters.next();
        self.format_rest = letters.as_str();
        let read = match (precision, letter) {
            ("", Some('z')) => self.offset(Some(b':'))?,
            ("", Some(letter)) if "cCxXyY".contains(letter) => self.plain(letter)?,
            ("4", Some('Y')) => self.four_digits(),
            ("*", Some('S')) => self.seconds(usize::MAX),
            (digits, Some('S')) if digits.len() == 1 && digits <= "6" => {
                self.seconds(usize::from(digits.as_bytes()[0] - b'0'))
            }
            _ => None,
        };
        read.ok_or_else(|| self.failed())
    }

    /// `None` when the text is not of that form or there is no such element.
    fn plain(&mut self, letter: char) -> Result<Option<()>> {
        let at = self.position;
        Ok(match letter {
            'Y' | 'C' | 'y' | 'm' | 'Q' | 'd' | 'e' | 'B' | 'b' | 'h' | 'D' | 'F' | 'x' | 'c'
            | 's' => {
                self.fields.week_date.civil = true;
                self.date_element(letter, at)
            }
            'H' | 'k' | 'I' | 'l' | 'M' | 'S' | 'p' | 'P' | 'r' | 'R' | 'T' | 'X' => {
                self.time_element(letter)
            }
            'A' | 'a' | 'u' | 'w' | 'U' | 'W' | 'V' | 'j' | 'J' | 'g' | 'G' => {
                self.week_element(letter, at)
            }
            'z' => self.offset(None)?,
            'Z' => {
                let end = self.rest.find(is_space).unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at(end);
                self.rest = rest;
                self.zone = parse_zone(name)?;
                self.offset_minutes = None;
                Some(())
            }
            'n' | 't' => {
                self.skip_space();
                Some(())
            }
            '%' => self.literal("%"),
            _ => None,
        })
    }

    fn date_element(&mut self, letter: char, at: usize) -> Option<()> {
        let week_date = &mut self.fields.week_date;
        if matches!(letter, 'Y' | 'C' | 'y' | 'D' | 'F' | 'x' | 'c' | 's') {
            week_date.last_year = at;
        }
        if matches!(letter, 'm' | 'Q' | 'B' | 'b' | 'h' | 'D' | 'F' | 'x' | 'c' | 's') {
            week_date.last_month = at;
        }
        if matches!(letter, 'Q' | 'd' | 'e' | 'D' | 'F' | 'x' | 'c' | 's') {
            week_date.last_day = at;
        }
        match letter {
            'Y' if self.format_rest.starts_with('%') => {
                let year = self.number(4, 0, 9_999)?;
                self.fields.set_year(year);
            }
            'Y' => {
                let year = self.number(5, 0, 10_000)?;
                self.fields.set_year(year);
            }
            'C' => {
                let followed = self.format_rest.starts_with('%');
                let century =
                    if followed { self.number(2, 0, 99)? } else { self.number(3, 0, 100)? };
                self.fields.set_century(century);
            }
            'y' => {
                let year = self.number(2, 0, 99)?;
                self.fields.set_year_of_century(year);
            }
            'm' => self.fields.date.month = self.number(2, 1, 12)?,
            'Q' => {
                self.fields.date.month = self.number(1, 1, 4)? * 3 - 2;
                self.fields.date.day = 1;
            }
            'd' => self.fields.date.day = self.number(2, 1, 31)?,
            'e' => {
                self.skip_space();
                self.fields.date.day = self.number(2, 1, 31)?;
            }
            'B' | 'b' | 'h' => self.fields.date.month = self.name(&MONTHS)? + 1,
            'D' | 'x' => self.slashed_date()?,
            'F' => self.dashed_date()?,
            'c' => self.whole_moment(at)?,
            _ => {
                self.fields.unix_seconds =
                    Some(self.number(12, -62_135_596_800_000, 253_402_300_799_999)?)
            }
        }
        Some(())
    }

    /// `%m/%d/%y`.
    fn slashed_date(&mut self) -> Option<()> {
        let month = self.spaced_number(2, 1, 12)?;
        self.literal("/")?;
        let day = self.spaced_number(2, 1, 31)?;
        self.literal("/")?;
        let year = self.spaced_number(2, 0, 99)?;
        self.fields.set_year(if year < 69 { year + 2_000 } else { year + 1_900 });
        self.fields.date = CivilDate { month, day, ..self.fields.date };
        Some(())
    }

    /// `%Y-%m-%d`.
    fn dashed_date(&mut self) -> Option<()> {
        let year = self.spaced_number(4, 0, 9_999)?;
        self.literal("-")?;
        let month = self.spaced_number(2, 1, 12)?;
        self.literal("-")?;
        let day = self.spaced_number(2, 1, 31)?;
        self.fields.set_year(year);
        self.fields.date = CivilDate { month, day, ..self.fields.date };
        Some(())
    }

    /// `%a %b %e %H:%M:%S %Y`.
    fn whole_moment(&mut self, at: usize) -> Option<()> {
        self.skip_space();
        self.week_element('a', at)?;
        self.fields.week_date.weekday = None;
        self.skip_space();
        self.fields.date.month = self.name(&MONTHS)? + 1;
        self.fields.date.day = self.spaced_number(2, 1, 31)?;
        self.skip_space();
        self.time_element('T')?;
        let year = self.spaced_number(4, 0, 9_999)?;
        self.fields.set_year(year);
        Some(())
    }

    fn time_element(&mut self, letter: char) -> Option<()> {
        match letter {
            'H' => {
                let hour = self.number(2, 0, 23)?;
                self.fields.set_hour(hour);
            }
            'k' => {
                let hour = self.spaced_number(2, 0, 23)?;
                self.fields.time.hour = hour;
            }
            'I' | 'l' => {
                let hour = self.spaced_number(2, 1, 12)?;
                self.fields.set_hour_of_twelve(hour);
            }
            'M' => self.fields.time.minute = self.number(2, 0, 59)?,
            'S' => self.fields.time.second = self.number(2, 0, 60)?,
            'p' | 'P' => self.meridian()?,
            'r' => {
                self.time_element('I')?;
                self.literal(":")?;
                self.time_element('M')?;
                self.literal(":")?;
                self.time_element('S')?;
                self.skip_space();
                self.meridian()?;
            }
            'R' | 'T' | 'X' => {
                let hour = self.spaced_number(2, 0, 23)?;
                self.fields.set_hour(hour);
                self.literal(":")?;
                self.fields.time.minute = self.spaced_number(2, 0, 59)?;
                if letter != 'R' {
                    self.literal(":")?;
                    self.fields.time.second = self.spaced_number(2, 0, 60)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn meridian(&mut self) -> Option<()> {
        let afternoon = match self.rest.as_bytes() {
            [b'P' | b'p', b'M' | b'm', ..] => true,
            [b'A' | b'a', b'M' | b'm', ..] => false,
            _ => return None,
        };
        self.fields.afternoon = afternoon;
        self.rest = &self.rest[2..];
        Some(())
    }

    fn week_element(&mut self, letter: char, at: usize) -> Option<()> {
        match letter {
            'A' | 'a' => {
                self.skip_space();
                let weekday = self.name(&WEEKDAYS)?;
                self.fields.week_date.weekday = Some((at, weekday));
            }
            'u' => {
                let weekday = self.number(1, 1, 7)?;
                self.fields.week_date.weekday = Some((at, weekday % 7));
            }
            'w' => {
                let weekday = self.number(1, 0, 6)?;
                self.fields.week_date.weekday = Some((at, weekday));
            }
            'U' | 'W' => {
                let week = self.number(2, 0, 53)?;
                self.fields.week_date.week = Some((at, week));
                self.fields.week_date.week_from_monday = letter == 'W';
                self.fields.week_date.civil = true;
            }
            'V' => self.fields.week_date.iso_week = Some((at, self.number(2, 1, 53)?)),
            'j' => {
                self.fields.week_date.day_of_year = Some((at, self.number(3, 1, 366)?));
                self.fields.week_date.civil = true;
            }
            'J' => self.fields.week_date.iso_day_of_year = Some((at, self.number(3, 1, 371)?)),
            'g' => {
                let year = self.number(2, 0, 99)?;
                let year = if year <= 68 { year + 2_000 } else { year + 1_900 };
                self.fields.week_date.iso_year = Some((at, year));
            }
            'G' => self.fields.week_date.iso_year = Some((at, self.number(20, 0, 99_999)?)),
            _ => return None,
        }
        Some(())
    }

    /// `%E4Y`: exactly four digits.
    fn four_digits(&mut self) -> Option<()> {
        self.fields.week_date.civil = true;
        self.fields.week_date.last_year = self.position;
        let before = self.rest.len();
        let year = self.number(4, 0, 9_999)?;
        self.fields.set_year(year);
        (before - self.rest.len() == 4).then_some(())
    }

    /// Seconds, and a fraction of at most so many digits; what is beyond microseconds is dropped.
    fn seconds(&mut self, digits_max: usize) -> Option<()> {
        self.fields.time.second = self.number(2, 0, 60)?;
        if digits_max == 0 || !self.rest.starts_with('.') {
            return Some(());
        }
        let fraction = &self.rest[1..];
        let count = fraction.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
        let mut micros = 0;
        for at in 0..6 {
            let digit = fraction.as_bytes()[..count].get(at).map_or(0, |digit| digit - b'0');
            micros = micros * 10 + i64::from(digit);
        }
        self.fields.time.micros = micros;
        self.rest = &fraction[count..];
        (count > 0).then_some(())
    }

    /// `+HHMM`, `+HH:MM`, `+HH`; after `%Ez` also `Z`.
    fn offset(&mut self, separator: Option<u8>) -> Result<Option<()>> {
        if separator.is_some() && self.rest.starts_with('Z') {
            self.rest = &self.rest[1..];
            self.offset_minutes = Some(0);
            return Ok(Some(()));
        }
        let two = |text: &str, max: i64| -> Option<i64> {
            let digits =
                text.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            digits.parse().ok().filter(|number| *number <= max)
        };
        let negative = self.rest.starts_with('-');
        let Some(hours) = self.rest.strip_prefix(['+', '-']).and_then(|rest| two(rest, 23)) else {
            return Ok(None);
        };
        self.rest = &self.rest[3..];
        let after = match separator {
            Some(separator) => self.rest.strip_prefix(char::from(separator)).unwrap_or(self.rest),
            None => self.rest,
        };
        let mut minutes = hours * 60;
        if let Some(number) = two(after, 59) {
            minutes += number;
            self.rest = &after[2..];
        } else {
            self.rest = after;
        }
        if minutes > 14 * 60 {
            let sign = if negative { '-' } else { '+' };
            return Err(SqlError::evaluation(format!(
                "Timezone offset out of valid range -14:00 to +14:00: {sign}{:02}:{:02}",
                minutes / 60,
                minutes % 60
            )));
        }
        self.offset_minutes = Some(if negative { -minutes } else { minutes });
        Ok(Some(()))
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// The index of a name, whole or by its first three letters, without regard to case.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let begins = |name: &str| {
            self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let whole = names.iter().position(|name| begins(name)).map(|at| (at, names[at].len()));
        let short = || names.iter().position(|name| begins(&name[..3])).map(|at| (at, 3));
        let (at, length) = whole.or_else(short)?;
        self.rest = &self.rest[length..];
        i64::try_from(at).ok()
    }

    fn spaced_number(&mut self, width: usize, least: i64, most: i64) -> Option<i64> {
        self.skip_space();
        self.number(width, least, most)
    }

    /// A number of at most so many characters, its sign included.
    fn number(&mut self, width: usize, least: i64, most: i64) -> Option<i64> {
        let negative = self.rest.starts_with('-');
        let digits = &self.rest[usize::from(negative)..];
        let width = width - usize::from(negative);
        let count = digits.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let number: i64 = digits[..count].parse().ok()?;
        if negative && number == 0 {
            return None;
        }
        let number = if negative { -number } else { number };
        self.rest = &digits[count..];
        (least..=most).contains(&number).then_some(number)
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn ends_with_percent() -> SqlError {
    SqlError::evaluation("Format string cannot end with a single '%'")
}

/// A text as a literal of SQL.
fn quoted(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut literal = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\\' => literal.push_str("\\\\"),
            letter if letter == quote => {
                literal.push('\\');
                literal.push(letter);
            }
            letter => literal.push(letter),
        }
    }
    literal.push(quote);
    literal
}

//! `FORMAT_DATE` and its siblings: the elements of strftime with the flags and widths of glibc, and
//! those that GoogleSQL adds (`%E4Y`, `%E*S`, `%E6S`, `%Ez`, `%Q`, `%J`, `%Z` as an offset from
//! UTC). An element that a type does not have, and one that nobody knows, stands for itself.

use super::civil::{
    Civil, CivilDate, CivilTime, MICROS_PER_SECOND, days_from_civil, iso_year_and_week,
    iso_year_start, weekday_from_sunday,
};
use super::extract::week_of_year;
use super::text::push;

/// Names of months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Names of weekdays, from Sunday.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A type of the calendar, with the elements that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Date,
    Time,
    Datetime,
    Timestamp,
}

impl Kind {
    /// Elements that `FORMAT_…` leaves as they stand.
    fn left_alone(self) -> &'static str {
        match self {
            Self::Date => "cHIklMPpRrSsTXZz",
            Self::Time => "AaBbhCcDdeFGgJjmQsUuVWwxYyZz",
            Self::Datetime => "Zz",
            Self::Timestamp => "",
        }
    }

    /// Elements that `PARSE_…` refuses.
    pub(super) fn refused(self) -> &'static str {
        match self {
            Self::Date => "cHIklMPpRrSsTXZz",
            Self::Time => "AaBbhCcDdeFGgjmsUuVWwxYyZz",
            Self::Datetime => "Zz",
            Self::Timestamp => "",
        }
    }

    /// Its name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Datetime => "DATETIME",
            Self::Timestamp => "TIMESTAMP",
        }
    }
}

/// A civil time and how far it is from UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Microseconds since 1970-01-01 00:00:00 of the civil calendar.
    pub(crate) civil: i64,
    /// Minutes east of Greenwich.
    pub(crate) offset_minutes: i64,
}

/// A moment written by a format.
pub(crate) fn format_moment(format: &str, moment: Moment, kind: Kind) -> String {
    let mut writer =
        Writer { moment, fields: Civil::from_datetime(moment.civil), out: String::new() };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        writer.out.push_str(&rest[..at]);
        let element = Element::read(&rest[at..]);
        if !kind.has(&element) || !writer.write(&element) {
            writer.out.push_str(element.text);
        }
        rest = &rest[at + element.text.len()..];
    }
    writer.out.push_str(rest);
    writer.out
}

/// `%`, flags, width, `E` or `O`, and what is wanted.
struct Element<'a> {
    text: &'a str,
    pad: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
    digits_only: bool,
    modifier: Option<char>,
    /// Digits or `*` between `E` and the letter.
    precision: &'a str,
    letter: char,
}

impl<'a> Element<'a> {
    fn read(text: &'a str) -> Self {
        // A width beyond this is a mistake or an attack.
        const WIDTH_MAX: usize = 1_024;
        let mut element = Self {
            text,
            pad: None,
            upper: false,
            swap: false,
            width: 0,
            digits_only: true,
            modifier: None,
            precision: "",
            letter: '\0',
        };
        let mut rest = &text[1..];
        while let Some(flag @ ('_' | '-' | '0' | '^' | '#')) = rest.chars().next() {
            match flag {
                '^' => element.upper = true,
                '#' => element.swap = true,
                pad => element.pad = Some(pad),
            }
            element.digits_only &= flag == '0';
            rest = &rest[1..];
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        element.width = rest[..digits].parse().unwrap_or(WIDTH_MAX).min(WIDTH_MAX);
        if digits == 0 {
            element.width = 0;
        }
        rest = &rest[digits..];
        if let Some(modifier @ ('E' | 'O')) = rest.chars().next() {
            element.modifier = Some(modifier);
            rest = &rest[1..];
            let count = match rest.as_bytes() {
                [b'*', ..] if modifier == 'E' => 1,
                _ if modifier == 'E' => rest.bytes().take_while(u8::is_ascii_digit).count(),
                _ => 0,
            };
            element.precision = &rest[..count];
            rest = &rest[count..];
        }
        if let Some(letter) = rest.chars().next() {
            element.letter = letter;
            rest = &rest[letter.len_utf8()..];
        }
        element.text = &text[..text.len() - rest.len()];
        element
    }
}

impl Kind {
    fn has(self, element: &Element<'_>) -> bool {
        // Only widths are looked through, not the other flags, as in the original.
        !(element.digits_only && self.left_alone().contains(element.letter))
    }
}

struct Writer {
    moment: Moment,
    fields: Civil,
    out: String,
}

impl Writer {
    /// Writes an element; `false` when there is none of that name.
    fn write(&mut self, element: &Element<'_>) -> bool {
        if element.modifier == Some('E') {
            match (element.precision, element.letter) {
                ("4", 'Y') => push(&mut self.out, format_args!("{:04}", self.fields.date.year)),
                ("", 'z') => self.offset(":"),
                ("*", 'z') => {
                    self.offset(":");
                    self.out.push_str(":00");
                }
                ("", 'T') => self.out.push('T'),
                ("", letter) if "cCxXyY".contains(letter) => {
                    return self.plain(element, letter);
                }
                (digits, 'S') if !digits.is_empty() => {
                    push(&mut self.out, format_args!("{:02}", self.fields.time.second));
                    return self.fraction(digits, ".");
                }
                (digits, 'f') if !digits.is_empty() => return self.fraction(digits, ""),
                _ => return false,
            }
            return true;
        }
        if element.modifier == Some('O') && !"deHImMSuUVwWy".contains(element.letter) {
            return false;
        }
        self.plain(element, element.letter)
    }

    fn plain(&mut self, element: &Element<'_>, letter: char) -> bool {
        let Civil { date: CivilDate { year, month, day }, time } = self.fields;
        let CivilTime { hour, minute, second, .. } = time;
        let days = days_from_civil(year, month, day);
        let weekday = weekday_from_sunday(days);
        let (iso_year, iso_week) = iso_year_and_week(days);
        let hour_of_twelve = (hour + 11) % 12 + 1;
        match letter {
            'Y' => self.number(element, year, '0', 1),
            'C' => self.number(element, year.div_euclid(100), '0', 2),
            'y' => self.number(element, year.rem_euclid(100), '0', 2),
            'G' => self.number(element, iso_year, '0', 1),
            'g' => self.number(element, iso_year.rem_euclid(100), '0', 2),
            'm' => self.number(element, month, '0', 2),
            'd' => self.number(element, day, '0', 2),
            'e' => self.number(element, day, ' ', 2),
            'j' => self.number(element, self.fields.date.day_of_year(), '0', 3),
            'J' => self.number(element, days - iso_year_start(iso_year) + 1, '0', 3),
            'Q' => self.number(element, self.fields.date.quarter(), '0', 1),
            'U' => self.number(element, week_of_year(days, year, 0), '0', 2),
            'W' => self.number(element, week_of_year(days, year, 1), '0', 2),
            'V' => self.number(element, iso_week, '0', 2),
            'u' => self.number(element, (weekday + 6) % 7 + 1, '0', 1),
            'w' => self.number(element, weekday, '0', 1),
            'H' => self.number(element, hour, '0', 2),
            'I' => self.number(element, hour_of_twelve, '0', 2),
            'k' => self.number(element, hour, ' ', 2),
            'l' => self.number(element, hour_of_twelve, ' ', 2),
            'M' => self.number(element, minute, '0', 2),
            'S' => self.number(element, second, '0', 2),
            's' => self.number(element, self.unix_seconds(), '0', 1),
            'A' => self.word(element, WEEKDAYS[index(weekday)], false),
            'a' => self.word(element, &WEEKDAYS[index(weekday)][..3], false),
            'B' => self.word(element, MONTHS[index(month - 1)], false),
            'b' | 'h' => self.word(element, &MONTHS[index(month - 1)][..3], false),
            'p' => self.word(element, if hour < 12 { "AM" } else { "PM" }, true),
            'P' => self.word(element, if hour < 12 { "am" } else { "pm" }, false),
            'n' => self.out.push('\n'),
            't' => self.out.push('\t'),
            '%' => self.out.push('%'),
            'Z' => self.zone(),
            'z' => self.offset(""),
            'c' => self.group("%a %b %e %H:%M:%S %Y"),
            'D' | 'x' => self.group("%m/%d/%y"),
            'F' => self.group("%Y-%m-%d"),
            'R' => self.group("%H:%M"),
            'T' | 'X' => self.group("%H:%M:%S"),
            'r' => self.group("%I:%M:%S %p"),
            _ => return false,
        }
        true
    }

    fn group(&mut self, format: &str) {
        self.out.push_str(&format_moment(format, self.moment, Kind::Timestamp));
    }

    fn number(&mut self, element: &Element<'_>, number: i64, pad: char, width: usize) {
        let pad = match element.pad {
            Some('-') => {
                push(&mut self.out, format_args!("{number}"));
                return;
            }
            Some('_') => ' ',
            Some(_) => '0',
            None => pad,
        };
        let width = width.max(element.width);
        if pad == '0' {
            push(&mut self.out, format_args!("{number:0width$}"));
        } else {
            push(&mut self.out, format_args!("{number:width$}"));
        }
    }

    fn word(&mut self, element: &Element<'_>, word: &str, swaps_to_lower: bool) {
        let word = match (element.upper, element.swap) {
            (false, true) if swaps_to_lower => word.to_ascii_lowercase(),
            (false, false) => word.to_owned(),
            _ => word.to_ascii_uppercase(),
        };
        let fill = if element.pad == Some('0') { '0' } else { ' ' };
        for _ in word.len()..element.width {
            self.out.push(fill);
        }
        self.out.push_str(&word);
    }

    /// A fraction of a second, after a point where there is one: as many digits as are asked for, or those
    /// that are not zeros at the end.
    fn fraction(&mut self, digits: &str, point: &str) -> bool {
        const DIGITS_MAX: usize = 15;
        let micros = format!("{:06}", self.fields.time.micros);
        if digits == "*" {
            let shown = micros.trim_end_matches('0');
            if !shown.is_empty() {
                self.out.push_str(point);
                self.out.push_str(shown);
            } else if point.is_empty() {
                self.out.push('0');
            }
            return true;
        }
        let Ok(count) = digits.parse::<usize>() else { return false };
        if count > DIGITS_MAX {
            return false;
        }
        if count > 0 {
            let padded = format!("{micros:0<DIGITS_MAX$}");
            self.out.push_str(point);
            self.out.push_str(&padded[..count]);
        }
        true
    }

    /// `UTC`, `UTC-8`, `UTC+0530`.
    fn zone(&mut self) {
        self.out.push_str("UTC");
        let minutes = self.moment.offset_minutes;
        if minutes == 0 {
            return;
        }
        self.out.push(if minutes < 0 { '-' } else { '+' });
        let minutes = minutes.abs();
        if minutes % 60 == 0 {
            push(&mut self.out, format_args!("{}", minutes / 60));
        } else {
            push(&mut self.out, format_args!("{:02}{:02}", minutes / 60, minutes % 60));
        }
    }

    fn offset(&mut self, separator: &str) {
        let minutes = self.moment.offset_minutes;
        self.out.push(if minutes < 0 { '-' } else { '+' });
        let minutes = minutes.abs();
        push(&mut self.out, format_args!("{:02}{separator}{:02}", minutes / 60, minutes % 60));
    }

    fn unix_seconds(&self) -> i64 {
        self.moment.civil.div_euclid(MICROS_PER_SECOND) - self.moment.offset_minutes * 60
    }
}

fn index(number: i64) -> usize {
    usize::try_from(number).expect("months and weekdays are not negative")
}

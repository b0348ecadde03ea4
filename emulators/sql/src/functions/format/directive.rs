//! The pattern of FORMAT taken apart: text, and directives `%[flags][width][.precision]specifier`.

use super::{bounded_precision, expected_type};
use crate::error::{Result, SqlError};
use crate::functions::arguments::OUTPUT_BYTES_MAX;
use crate::sql_type::Type;

/// Flags of a directive.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of printf are independent")]
pub(super) struct Flags {
    /// `-`: to the left.
    pub(super) left: bool,
    /// `+`: a sign for all.
    pub(super) plus: bool,
    /// A space: room for a sign.
    pub(super) space: bool,
    /// `#`: the alternative form.
    pub(super) alternative: bool,
    /// `0`: zeros for padding.
    pub(super) zero: bool,
    /// `'`: digits in groups.
    pub(super) grouping: bool,
}

/// A width or a precision.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    None,
    Fixed(usize),
    /// `*`: the value of this argument.
    Argument(usize),
}

/// A directive; arguments count from 0 behind the pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directive {
    pub(super) flags: Flags,
    pub(super) width: Amount,
    pub(super) precision: Amount,
    pub(super) specifier: char,
    pub(super) argument: usize,
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'p> {
    Text(&'p str),
    Directive(Directive),
}

/// The pieces of a pattern that fits its arguments' types.
pub(super) fn pieces<'p>(pattern: &'p str, types: &[Type]) -> Result<Vec<Piece<'p>>> {
    let mut scanner = Scanner { pattern, rest: pattern, types, next: 0 };
    let mut pieces = Vec::new();
    while let Some(at) = scanner.rest.find('%') {
        if at > 0 {
            pieces.push(Piece::Text(&scanner.rest[..at]));
        }
        scanner.rest = &scanner.rest[at + 1..];
        pieces.push(scanner.directive()?);
    }
    if !scanner.rest.is_empty() {
        pieces.push(Piece::Text(scanner.rest));
    }
    if scanner.next != types.len() {
        let amount = if scanner.next > types.len() { "few" } else { "many" };
        return Err(SqlError::evaluation(format!(
            "Too {amount} arguments to FORMAT for pattern \"{pattern}\"; Expected {}; Got {}",
            scanner.next + 1,
            types.len() + 1
        )));
    }
    Ok(pieces)
}

struct Scanner<'p, 't> {
    pattern: &'p str,
    rest: &'p str,
    types: &'t [Type],
    /// The next argument.
    next: usize,
}

impl<'p> Scanner<'p, '_> {
    fn invalid(&self) -> SqlError {
        SqlError::evaluation(format!("Invalid FORMAT string: \"{}\"", self.pattern))
    }

    fn skip(&mut self, text: char) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn digits(&mut self) -> &'p str {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits;
        (digits, self.rest) = self.rest.split_at(end);
        digits
    }

    fn argument(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn refuse_type(&self, argument: usize, expected: &str) -> Result<()> {
        let Some(found) = self.types.get(argument) else { return Ok(()) };
        Err(SqlError::evaluation(format!(
            "Invalid type for argument {} to FORMAT; Expected {expected}; Got {found}",
            argument + 2
        )))
    }

    /// `*`: the next argument, an integer.
    fn star(&mut self) -> Result<Amount> {
        let argument = self.argument();
        if self.types.get(argument).is_some_and(|found| *found != Type::Int64) {
            self.refuse_type(argument, "integer")?;
        }
        Ok(Amount::Argument(argument))
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            match self.rest.chars().next() {
                Some('-') => flags.left = true,
                Some('+') => flags.plus = true,
                Some(' ') => flags.space = true,
                Some('#') => flags.alternative = true,
                Some('0') => flags.zero = true,
                Some('\'') => flags.grouping = true,
                _ => return flags,
            }
            self.rest = &self.rest[1..];
        }
    }

    fn directive(&mut self) -> Result<Piece<'p>> {
        if self.rest.starts_with('%') {
            let sign = &self.rest[..1];
            self.rest = &self.rest[1..];
            return Ok(Piece::Text(sign));
        }
        let flags = self.flags();
        let star_width = self.skip('*');
        let width_digits = if star_width { "" } else { self.digits() };
        let point = self.skip('.');
        let star_precision = point && self.skip('*');
        let precision_digits = if point && !star_precision { self.digits() } else { "" };
        let specifier = self.rest.chars().next().filter(|character| *character != '\n');
        let specifier = specifier.filter(|specifier| *specifier != '%');
        let specifier = specifier.ok_or_else(|| self.invalid())?;
        self.rest = &self.rest[specifier.len_utf8()..];

        let mut width = Amount::None;
        if star_width {
            width = self.star()?;
        } else if !width_digits.is_empty() {
            width = Amount::Fixed(fixed_width(width_digits)?);
        }
        let mut precision = Amount::None;
        if star_precision {
            precision = self.star()?;
        } else if point {
            let digits = if precision_digits.is_empty() { "0" } else { precision_digits };
            let value = digits.parse().unwrap_or(usize::MAX);
            precision = Amount::Fixed(bounded_precision(value, specifier)?);
        }
        let argument = self.argument();
        if let Some(found) = self.types.get(argument) {
            if !"diuoxXfFeEgGspPtT".contains(specifier) {
                return Err(SqlError::evaluation(format!(
                    "Invalid format specifier character \"{specifier}\" in FORMAT string: \"{}\"",
                    self.pattern
                )));
            }
            if let Some(expected) = expected_type(specifier, found) {
                self.refuse_type(argument, expected)?;
            }
        }
        Ok(Piece::Directive(Directive { flags, width, precision, specifier, argument }))
    }
}

fn fixed_width(digits: &str) -> Result<usize> {
    let width = digits.parse().unwrap_or(usize::MAX);
    if width > OUTPUT_BYTES_MAX {
        return Err(SqlError::evaluation(format!(
            "Width {digits} exceeds the maximum supported output width of FORMAT. Limit: \
             {OUTPUT_BYTES_MAX}"
        )));
    }
    Ok(width)
}

//! RE2's syntax, read whole and written anew for the `regex` crate, whose syntax is close but not the same:
//! RE2's `\d`, `\w`, `\s` and `\b` are ASCII, its classes know no set operations, and its errors have words
//! of their own. Invariant: what comes out means in `regex` what the pattern means in RE2.

mod class;

use crate::error::SqlError;

/// Most repetitions that RE2 takes.
const REPEAT_MAX: u32 = 1000;

/// Deepest nesting of groups that RE2 takes.
const DEPTH_MAX: usize = 1000;

/// Why RE2 refuses a pattern: the kind, and the part of the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// RE2 refuses it, in its own words.
    Syntax(&'static str, String),
    /// RE2 takes it, this emulator does not.
    Unsupported(&'static str),
}

impl Refusal {
    /// The error that BigQuery makes of it.
    pub(super) fn into_error(self) -> SqlError {
        const PREFIX: &str = "Cannot parse regular expression: ";
        match self {
            Self::Syntax(kind, part) if part.is_empty() => {
                SqlError::evaluation(format!("{PREFIX}{kind}"))
            }
            Self::Syntax(kind, part) => SqlError::evaluation(format!("{PREFIX}{kind}: {part}")),
            Self::Unsupported(what) => {
                SqlError::not_implemented(format_args!("{what} in a regular expression"))
            }
        }
    }
}

/// Whether what is searched is a STRING, or BYTES seen as Latin-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Characters.
    Utf8,
    /// Bytes, each as the character of its number.
    Latin1,
}

/// The pattern in the syntax of the `regex` crate.
pub(super) fn translate(pattern: &str, encoding: Encoding) -> Result<String, Refusal> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        encoding,
        output: String::with_capacity(pattern.len() + 16),
        groups: 0,
        repeatable: false,
        repeated: None,
        names: Vec::new(),
    };
    translator.run()?;
    Ok(translator.output)
}

struct Translator<'p> {
    pattern: &'p str,
    rest: &'p str,
    encoding: Encoding,
    output: String,
    groups: usize,
    /// Whether a repetition can follow.
    repeatable: bool,
    /// Where the repetition that just ended began.
    repeated: Option<&'p str>,
    names: Vec<&'p str>,
}

impl<'p> Translator<'p> {
    fn run(&mut self) -> Result<(), Refusal> {
        while let Some(character) = self.rest.chars().next() {
            let repeated = self.repeated.take();
            match character {
                '(' => self.open()?,
                ')' => {
                    self.groups = self
                        .groups
                        .checked_sub(1)
                        .ok_or_else(|| Refusal::Syntax("unexpected )", self.pattern.to_owned()))?;
                    self.copy(1, true);
                }
                '|' => self.copy(1, false),
                '^' | '$' | '.' => self.copy(1, true),
                '*' | '+' | '?' => self.repeat(1, repeated)?,
                '{' => match counted(self.rest) {
                    Some((length, least, most)) => {
                        if least > REPEAT_MAX
                            || most.is_some_and(|most| most > REPEAT_MAX || most < least)
                        {
                            let part = self.rest[..length].to_owned();
                            return Err(Refusal::Syntax("invalid repetition size", part));
                        }
                        self.repeat(length, repeated)?;
                    }
                    None => self.literal('{', 1),
                },
                '[' => self.class()?,
                '\\' => self.escape()?,
                _ => self.literal(character, character.len_utf8()),
            }
        }
        if self.groups > 0 {
            return Err(Refusal::Syntax("missing )", self.pattern.to_owned()));
        }
        Ok(())
    }

    fn copy(&mut self, length: usize, repeatable: bool) {
        self.output.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
        self.repeatable = repeatable;
    }

    fn literal(&mut self, character: char, length: usize) {
        push_literal(&mut self.output, character);
        self.rest = &self.rest[length..];
        self.repeatable = true;
    }

    fn emit(&mut self, text: &str, length: usize) {
        self.output.push_str(text);
        self.rest = &self.rest[length..];
        self.repeatable = true;
    }

    fn repeat(&mut self, length: usize, repeated: Option<&'p str>) -> Result<(), Refusal> {
        let lazy = usize::from(self.rest[length..].starts_with('?'));
        let operator = &self.rest[..length + lazy];
        if let Some(before) = repeated {
            let end = before.len() - self.rest.len() + operator.len();
            return Err(Refusal::Syntax("bad repetition operator", before[..end].to_owned()));
        }
        if !self.repeatable {
            let part = self.rest[..length].to_owned();
            return Err(Refusal::Syntax("no argument for repetition operator", part));
        }
        self.repeated = Some(self.rest);
        self.copy(length + lazy, true);
        Ok(())
    }

    fn open(&mut self) -> Result<(), Refusal> {
        if self.groups >= DEPTH_MAX {
            return Err(Refusal::Syntax("expression nests too deeply", String::new()));
        }
        if !self.rest.starts_with("(?") {
            self.groups += 1;
            self.copy(1, false);
            return Ok(());
        }
        for assertion in ["(?=", "(?!", "(?<=", "(?<!"] {
            if self.rest.starts_with(assertion) {
                return Err(Refusal::Syntax("invalid perl operator", assertion.to_owned()));
            }
        }
        if self.rest.starts_with("(?P<") || self.rest.starts_with("(?<") {
            return self.named();
        }
        self.flags()
    }

    fn named(&mut self) -> Result<(), Refusal> {
        const KIND: &str = "invalid named capture group";
        let start = self.rest.find('<').map_or(0, |at| at + 1);
        let Some(length) = self.rest[start..].find('>') else {
            return Err(Refusal::Syntax(KIND, self.rest.to_owned()));
        };
        let name = &self.rest[start..start + length];
        let valid = !name.is_empty()
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if !valid {
            let part = self.rest[..start + length + 1].to_owned();
            return Err(Refusal::Syntax(KIND, part));
        }
        if self.names.contains(&name) {
            return Err(Refusal::Syntax("duplicate capture group name", name.to_owned()));
        }
        self.names.push(name);
        self.groups += 1;
        // Only the number of a group matters, and `regex` is stricter with names.
        self.output.push('(');
        self.rest = &self.rest[start + length + 1..];
        self.repeatable = false;
        Ok(())
    }

    /// `(?flags)` and `(?flags:…)`.
    fn flags(&mut self) -> Result<(), Refusal> {
        let (mut negated, mut some) = (false, false);
        for (at, flag) in self.rest.char_indices().skip(2) {
            match flag {
                'i' | 'm' | 's' | 'U' => some = true,
                '-' if !negated => {
                    negated = true;
                    some = false;
                }
                ':' | ')' if some || !negated => {
                    if flag == ':' {
                        self.groups += 1;
                    }
                    // The crate refuses `(?)`, which changes nothing.
                    if at > 2 || flag == ':' {
                        self.output.push_str(&self.rest[..=at]);
                    }
                    self.rest = &self.rest[at + 1..];
                    self.repeatable = false;
                    return Ok(());
                }
                _ => {
                    let part = self.rest[..at + flag.len_utf8()].to_owned();
                    return Err(Refusal::Syntax("invalid perl operator", part));
                }
            }
        }
        Err(Refusal::Syntax("missing )", self.pattern.to_owned()))
    }

    fn class(&mut self) -> Result<(), Refusal> {
        let (text, length) = class::bracketed(self.rest)?;
        self.emit(&text, length);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        let letter = self.rest[1..].chars().next();
        match letter {
            Some('A' | 'z') => self.copy(2, true),
            Some('b') => self.emit(r"(?-u:\b)", 2),
            Some('B') => self.emit(r"(?-u:\B)", 2),
            Some('C') if self.encoding == Encoding::Latin1 => self.emit("(?s:.)", 2),
            Some('C') => return Err(Refusal::Unsupported(r"\C")),
            Some('Q') => {
                let quoted = &self.rest[2..];
                let end = quoted.find(r"\E").unwrap_or(quoted.len());
                self.repeatable |= end > 0;
                quoted[..end].chars().for_each(|letter| push_literal(&mut self.output, letter));
                self.rest = quoted[end..].strip_prefix(r"\E").unwrap_or(&quoted[end..]);
            }
            Some('E') => self.rest = &self.rest[2..],
            Some('p' | 'P') => {
                let (text, length) = class::property(self.rest)?;
                self.emit(&text, length);
            }
            Some(letter) if class::perl(letter).is_some() => {
                let members = class::perl(letter).unwrap_or_default();
                let negation = if letter.is_ascii_uppercase() { "^" } else { "" };
                self.emit(&format!("[{negation}{members}]"), 2);
            }
            _ => {
                let (character, length) = character_escape(self.rest)?;
                self.literal(character, length);
            }
        }
        Ok(())
    }
}

/// Writes a character so that it stands for itself, in and out of classes.
fn push_literal(output: &mut String, character: char) {
    if character.is_ascii() && !character.is_ascii_alphanumeric() {
        output.push_str(&format!(r"\x{{{:x}}}", u32::from(character)));
    } else {
        output.push(character);
    }
}

/// The length and the bounds of `{n}`, `{n,}` or `{n,m}`.
fn counted(rest: &str) -> Option<(usize, u32, Option<u32>)> {
    let end = rest.find('}')?;
    let inner = &rest[1..end];
    let number = |digits: &str| {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let bounds = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, bounds.0, bounds.1))
}

/// A character that stands behind a backslash, and the length of all.
fn character_escape(rest: &str) -> Result<(char, usize), Refusal> {
    let bad = |length: usize| {
        let end = (length..=rest.len()).find(|end| rest.is_char_boundary(*end));
        let part = rest[..end.unwrap_or(rest.len())].to_owned();
        Refusal::Syntax("invalid escape sequence", part)
    };
    let Some(letter) = rest[1..].chars().next() else {
        return Err(Refusal::Syntax("trailing \\", String::new()));
    };
    let octal = |from: usize| -> (u32, usize) {
        let digits: String =
            rest[from..].chars().take_while(|digit| matches!(digit, '0'..='7')).take(3).collect();
        (u32::from_str_radix(&digits, 8).unwrap_or(0), from + digits.len())
    };
    let simple = match letter {
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '0' => {
            let (code, end) = octal(1);
            return Ok((char::from_u32(code).ok_or_else(|| bad(end))?, end));
        }
        // One digit alone would be a reference back.
        '1'..='7' if rest[2..].starts_with(|next: char| matches!(next, '0'..='7')) => {
            let (code, end) = octal(1);
            return Ok((char::from_u32(code).ok_or_else(|| bad(end))?, end));
        }
        'x' => {
            let (digits, end) = match rest[2..].strip_prefix('{') {
                Some(inner) => {
                    let length = inner.find('}').ok_or_else(|| bad(rest.len()))?;
                    (&inner[..length], length + 4)
                }
                None => (rest.get(2..4).ok_or_else(|| bad(rest.len().min(4)))?, 4),
            };
            let hexadecimal = digits.len() <= 6
                && !digits.is_empty()
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal);
            return Ok((code.and_then(char::from_u32).ok_or_else(|| bad(end))?, end));
        }
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
        _ => return Err(bad(1 + letter.len_utf8())),
    };
    Ok((simple, 1 + letter.len_utf8()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, expected: &str) {
        assert_eq!(translate(pattern, Encoding::Utf8).as_deref(), Ok(expected), "{pattern}");
    }

    fn check_refused(pattern: &str, expected: &str) {
        let refusal = translate(pattern, Encoding::Utf8).expect_err(pattern);
        let message = refusal.into_error().message;
        let words = message.strip_prefix("Cannot parse regular expression: ").unwrap_or(&message);
        assert_eq!(words, expected, "{pattern}");
    }

    #[test]
    fn constructs_are_written_anew() {
        check(r"a.b*?c{2,3}|^$", r"a.b*?c{2,3}|^$");
        check(r"\d+\W", r"[0-9]+[^0-9A-Za-z_]");
        check(r"a{,2}", r"a\x{7b}\x{2c}2\x{7d}");
        check(r"(?P<word>x)(?:y)(?i)z", r"(x)(?:y)(?i)z");
        check(r"\Q(a\E+", r"\x{28}a+");
        check(r"\x41\x{1F600}\101\0", "A😀A\\x{0}");
        check(r"&&~", r"\x{26}\x{26}\x{7e}");
    }

    #[test]
    fn refusals_have_the_words_of_re2() {
        check_refused("(a", "missing ): (a");
        check_refused("a)b", "unexpected ): a)b");
        check_refused("[a", "missing ]: [a");
        check_refused("*a", "no argument for repetition operator: *");
        check_refused("a|+", "no argument for repetition operator: +");
        check_refused("a**", "bad repetition operator: **");
        check_refused("a+?{2}", "bad repetition operator: +?{2}");
        check_refused("a{1001}", "invalid repetition size: {1001}");
        check_refused("a{3,2}", "invalid repetition size: {3,2}");
        check_refused(r"\8", r"invalid escape sequence: \8");
        check_refused(r"\1", r"invalid escape sequence: \1");
        check_refused(r"\q", r"invalid escape sequence: \q");
        check_refused("a\\", "trailing \\");
        check_refused("[z-a]", "invalid character class range: z-a");
        check_refused("[[:foo:]]", "invalid character class range: [:foo:]");
        check_refused(r"\pX", r"invalid character class range: \pX");
        check_refused("(?=a)", "invalid perl operator: (?=");
        check_refused("(?<!a)", "invalid perl operator: (?<!");
        check_refused("(?x)a", "invalid perl operator: (?x");
        check_refused("(?P<n", "invalid named capture group: (?P<n");
        check_refused(r"\C", r"\C in a regular expression is not implemented by this emulator");
    }

    proptest! {
        #[test]
        fn any_text_is_translated_or_refused(pattern in ".*") {
            let _ = translate(&pattern, Encoding::Utf8);
        }

        #[test]
        fn what_is_translated_compiles(pattern in r"[ab()\[\]{}|*+?^$.,0-2:\\dwsbBpLQE&~<>=!iP-]{0,12}") {
            if let Ok(text) = translate(&pattern, Encoding::Utf8) {
                let compiled = regex::Regex::new(&text);
                prop_assert!(compiled.is_ok(), "{} became {}: {:?}", pattern, text, compiled);
            }
        }
    }
}

//! Regular expressions and `LIKE`. Patterns are RE2's, compiled once a session by the `regex` crate; BYTES
//! are searched as Latin-1, a character for each byte, as RE2 does it.

mod like;
mod re2;

use std::borrow::Cow;

use regex::{Captures, Regex};

pub(crate) use like::{like, like_bytes};

use self::re2::Encoding;
use super::arguments::{VALUE_BYTES_MAX, bytes, integer, strict, text, within};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::session::Session;
use crate::value::Value;

/// Compiled patterns that a session keeps at most; then it forgets them all.
const PATTERNS_MAX: usize = 256;

const EXTRACT: &[&str] =
    &["(STRING, STRING, [INT64], [INT64]) -> STRING", "(BYTES, BYTES, [INT64], [INT64]) -> BYTES"];
const TEST: &[&str] = &["(STRING, STRING) -> BOOL", "(BYTES, BYTES) -> BOOL"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("$like", TEST, |_, args| {
        Ok(Value::Bool(match &args[0] {
            Value::String(whole) => like(whole, text(args, 1))?,
            _ => like_bytes(bytes(args, 0), bytes(args, 1))?,
        }))
    }),
    strict("REGEXP_CONTAINS", TEST, |call, args| {
        let whole = subject(args, 0);
        with_pattern(call.session, args, |regex| Ok(Value::Bool(regex.is_match(&whole))))
    }),
    strict("REGEXP_EXTRACT", EXTRACT, extract),
    strict("REGEXP_SUBSTR", EXTRACT, extract),
    strict(
        "REGEXP_EXTRACT_ALL",
        &["(STRING, STRING) -> ARRAY<STRING>", "(BYTES, BYTES) -> ARRAY<BYTES>"],
        extract_all,
    ),
    strict(
        "REGEXP_INSTR",
        &[
            "(STRING, STRING, [INT64], [INT64], [INT64]) -> INT64",
            "(BYTES, BYTES, [INT64], [INT64], [INT64]) -> INT64",
        ],
        instr,
    ),
    strict(
        "REGEXP_REPLACE",
        &["(STRING, STRING, STRING) -> STRING", "(BYTES, BYTES, BYTES) -> BYTES"],
        replace,
    ),
];

/// An argument as the text that is searched.
fn subject(args: &[Value], index: usize) -> Cow<'_, str> {
    match &args[index] {
        Value::String(text) => Cow::Borrowed(text),
        _ => Cow::Owned(bytes(args, index).iter().copied().map(char::from).collect()),
    }
}

/// A part of what was searched, as a value of the first argument's type.
fn found(args: &[Value], part: &str) -> Value {
    match &args[0] {
        Value::String(_) => Value::from(part),
        _ => Value::bytes(
            part.chars()
                .map(|letter| u8::try_from(letter).expect("Latin-1 holds one byte a character"))
                .collect::<Vec<u8>>(),
        ),
    }
}

/// Does something with the compiled pattern of the second argument.
fn with_pattern<T>(
    session: &Session,
    args: &[Value],
    action: impl FnOnce(&Regex) -> Result<T>,
) -> Result<T> {
    let (encoding, mark) = match &args[0] {
        Value::String(_) => (Encoding::Utf8, 's'),
        _ => (Encoding::Latin1, 'b'),
    };
    let pattern = subject(args, 1);
    let key = format!("{mark}{pattern}");
    let mut patterns = session.patterns.borrow_mut();
    if !patterns.contains_key(&key) {
        let translated = re2::translate(&pattern, encoding).map_err(re2::Refusal::into_error)?;
        let regex = Regex::new(&translated).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => SqlError::evaluation(
                "Cannot parse regular expression: pattern too large - compile failed",
            ),
            _ => SqlError::not_implemented(format_args!("the regular expression {pattern}")),
        })?;
        if patterns.len() >= PATTERNS_MAX {
            patterns.clear();
        }
        patterns.insert(key.clone(), regex);
    }
    action(patterns.get(&key).expect("it was just put there"))
}

/// Matches one after the other, as the extracting functions step: an empty match is followed by a step of
/// one character, and a match that ends at the end is the last.
struct Matches<'r, 't> {
    regex: &'r Regex,
    whole: &'t str,
    at: usize,
    ended: bool,
}

/// What was extracted: the group's place when the pattern has a group, else the match's. `None` when the
/// group took no part in the match.
type Extracted = Option<(usize, usize)>;

impl<'r, 't> Matches<'r, 't> {
    fn new(regex: &'r Regex, whole: &'t str, at: usize) -> Result<Self> {
        if regex.captures_len() > 2 {
            return Err(SqlError::evaluation(
                "Regular expressions passed into extraction functions must not have more than 1 \
                 capturing group",
            ));
        }
        Ok(Self { regex, whole, at, ended: false })
    }
}

impl Iterator for Matches<'_, '_> {
    type Item = Extracted;

    fn next(&mut self) -> Option<Extracted> {
        if self.ended {
            return None;
        }
        let captures = self.regex.captures_at(self.whole, self.at)?;
        let all = captures.get(0).expect("a match has a group 0");
        self.at = all.end();
        if all.is_empty() {
            self.at += self.whole[self.at..].chars().next().map_or(0, char::len_utf8);
        }
        self.ended = self.at >= self.whole.len();
        let part = if self.regex.captures_len() == 1 { Some(all) } else { captures.get(1) };
        Some(part.map(|part| (part.start(), part.end())))
    }
}

fn positive(args: &[Value], index: usize, name: &str) -> Result<usize> {
    let number = args.get(index).map_or(1, |_| integer(args, index));
    if number < 1 {
        return Err(SqlError::evaluation(format!("{name} must be positive")));
    }
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// The byte offset of a position from 1; `None` behind the end.
fn start_offset(whole: &str, position: usize) -> Option<usize> {
    whole.char_indices().map(|(offset, _)| offset).chain([whole.len()]).nth(position - 1)
}

fn extract(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    with_pattern(call.session, args, |regex| {
        let position = positive(args, 2, "Position")?;
        let occurrence = positive(args, 3, "Occurrence")?;
        let whole = subject(args, 0);
        let start = start_offset(&whole, position);
        let Some(start) = start.filter(|start| *start < whole.len() || position == 1) else {
            return Ok(Value::Null);
        };
        let place = Matches::new(regex, &whole, start)?.nth(occurrence - 1).flatten();
        Ok(place.map_or(Value::Null, |(from, to)| found(args, &whole[from..to])))
    })
}

fn extract_all(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    with_pattern(call.session, args, |regex| {
        let whole = subject(args, 0);
        let parts = Matches::new(regex, &whole, 0)?.map(|place| {
            place.map_or_else(|| found(args, ""), |(from, to)| found(args, &whole[from..to]))
        });
        Ok(Value::array(parts))
    })
}

fn instr(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    with_pattern(call.session, args, |regex| {
        let end = match args.get(4).map_or(0, |_| integer(args, 4)) {
            0 => false,
            1 => true,
            _ => return Err(SqlError::evaluation("Invalid return_position_after_match.")),
        };
        let position = positive(args, 2, "Position")?;
        let occurrence = positive(args, 3, "Occurrence")?;
        let whole = subject(args, 0);
        let start = start_offset(&whole, position).filter(|start| *start < whole.len());
        let Some(start) = start.filter(|_| !subject(args, 1).is_empty()) else {
            return Ok(Value::Int64(0));
        };
        let place = Matches::new(regex, &whole, start)?.nth(occurrence - 1).flatten();
        Ok(Value::Int64(place.map_or(0, |(from, to)| {
            let before = whole[..if end { to } else { from }].chars().count();
            i64::try_from(before).unwrap_or(i64::MAX - 1) + 1
        })))
    })
}

/// A part of a replacement.
enum Rewrite {
    /// Text.
    Text(String),
    /// What a group matched; 0 is the whole match.
    Group(usize),
}

fn rewrites(replacement: &str, groups: usize) -> Result<Vec<Rewrite>> {
    let refuse =
        |why: String| Err(SqlError::evaluation(format!("Invalid REGEXP_REPLACE pattern: {why}")));
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut most = 0;
    let mut letters = replacement.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            literal.push(letter);
            continue;
        }
        match letters.next() {
            None => return refuse(r"Rewrite schema error: '\' not allowed at end.".to_owned()),
            Some('\\') => literal.push('\\'),
            Some(digit @ '0'..='9') => {
                let group = digit.to_digit(10).map_or(0, |group| group as usize);
                most = most.max(group);
                parts.push(Rewrite::Text(std::mem::take(&mut literal)));
                parts.push(Rewrite::Group(group));
            }
            Some(_) => {
                let why = r"Rewrite schema error: '\' must be followed by a digit or '\'.";
                return refuse(why.to_owned());
            }
        }
    }
    if most > groups {
        return refuse(format!(
            "Rewrite schema requests {most} matches, but the regexp only has {groups} \
             parenthesized subexpressions."
        ));
    }
    parts.push(Rewrite::Text(literal));
    Ok(parts)
}

fn replace(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    with_pattern(call.session, args, |regex| {
        let parts = rewrites(&subject(args, 2), regex.captures_len() - 1)?;
        let whole = subject(args, 0);
        let mut output = String::with_capacity(whole.len());
        let mut at = 0;
        let mut last_end = None;
        while at <= whole.len() {
            let Some(captures) = regex.captures_at(&whole, at) else { break };
            let all = captures.get(0).expect("a match has a group 0");
            output.push_str(&whole[at..all.start()]);
            at = all.end();
            // An empty match right behind another match does not count.
            if !all.is_empty() || last_end != Some(all.start()) {
                rewrite(&mut output, &parts, &captures);
                within(
                    output.len(),
                    VALUE_BYTES_MAX,
                    "REGEXP_REPLACE: exceeded maximum output length",
                )?;
            }
            last_end = Some(all.end());
            if all.is_empty() {
                let Some(letter) = whole[at..].chars().next() else {
                    at = whole.len() + 1;
                    break;
                };
                output.push(letter);
                at += letter.len_utf8();
            }
        }
        output.push_str(whole.get(at..).unwrap_or(""));
        Ok(found(args, &output))
    })
}

fn rewrite(output: &mut String, parts: &[Rewrite], captures: &Captures<'_>) {
    for part in parts {
        match part {
            Rewrite::Text(text) => output.push_str(text),
            Rewrite::Group(group) => {
                output.push_str(captures.get(*group).map_or("", |group| group.as_str()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{outcome, strings};
    use super::*;

    fn check(name: &str, texts: &[&str], numbers: &[i64], expected: &str) {
        let mut args = strings(texts);
        args.extend(numbers.iter().map(|number| Value::Int64(*number)));
        assert_eq!(outcome(FUNCTIONS, name, &args), expected, "{name}({args:?})");
    }

    #[test]
    fn containing() {
        check("REGEXP_CONTAINS", &["foo@example.com", r"@[a-z]+\.com$"], &[], "true");
        check("REGEXP_CONTAINS", &["é", r"\w"], &[], "false");
        check("REGEXP_CONTAINS", &["", ""], &[], "true");
        check("REGEXP_CONTAINS", &["日本", "^..$"], &[], "true");
        check("$like", &["brass BRASS", "%BRASS"], &[], "true");
        check(
            "REGEXP_CONTAINS",
            &["a", "(a"],
            &[],
            "ERROR Cannot parse regular expression: missing ): (a",
        );
        let latin = [Value::bytes([0xe9, b'x']), Value::bytes(b"^.x$")];
        assert_eq!(outcome(FUNCTIONS, "REGEXP_CONTAINS", &latin), "true");
        let latin = [Value::bytes([0xe9]), Value::bytes([0xe9])];
        assert_eq!(outcome(FUNCTIONS, "REGEXP_CONTAINS", &latin), "true");
    }

    #[test]
    fn extracting() {
        check("REGEXP_EXTRACT", &["foo@example.com", "^[a-z]+"], &[], "foo");
        check("REGEXP_EXTRACT", &["foo@example.com", "@(.*)[.]"], &[], "example");
        check("REGEXP_EXTRACT", &["Hello Helloo and Hellooo", "H?ello+"], &[1, 1], "Hello");
        check("REGEXP_EXTRACT", &["Hello Helloo and Hellooo", "H?ello+"], &[1, 3], "Hellooo");
        check("REGEXP_EXTRACT", &["Hello Helloo and Hellooo", "H?ello+"], &[3, 1], "Helloo");
        check("REGEXP_EXTRACT", &["Hello Helloo and Hellooo", "H?ello+"], &[18, 1], "Hellooo");
        check("REGEXP_EXTRACT", &["Hello Helloo and Hellooo", "H?ello+"], &[20, 1], "NULL");
        check("REGEXP_EXTRACT", &["Hello", "H"], &[20], "NULL");
        check("REGEXP_EXTRACT", &["ab", "(x)?b"], &[], "NULL");
        check("REGEXP_EXTRACT", &["", ""], &[], "");
        check("REGEXP_SUBSTR", &["order#42 ships", r"order#(\d+)"], &[1, 1], "42");
        check("REGEXP_EXTRACT", &["a", "a"], &[0], "ERROR Position must be positive");
        check("REGEXP_EXTRACT", &["a", "a"], &[1, 0], "ERROR Occurrence must be positive");
        check(
            "REGEXP_EXTRACT",
            &["a", "(a)(b)"],
            &[],
            "ERROR Regular expressions passed into extraction functions must not have more than 1 \
             capturing group",
        );
        check("REGEXP_EXTRACT_ALL", &["Try `f(x)` or `g(y)`", "`(.+?)`"], &[], "[f(x), g(y)]");
        check("REGEXP_EXTRACT_ALL", &["aab", "a*"], &[], "[aa, ]");
        check("REGEXP_EXTRACT_ALL", &["日b", ""], &[], "[, ]");
        check("REGEXP_EXTRACT_ALL", &["xyz", "[0-9]"], &[], "[]");
    }

    #[test]
    fn places() {
        check("REGEXP_INSTR", &["ab@cd-ef", "@[^-]*"], &[], "3");
        check("REGEXP_INSTR", &["ab@d-ef", "@[^-]*"], &[1, 1, 1], "5");
        check("REGEXP_INSTR", &["a@cd-ef b@cd-ef", "@[^-]*"], &[1, 2], "10");
        check("REGEXP_INSTR", &["日本12", r"\d+"], &[], "3");
        check("REGEXP_INSTR", &["a1b2", r"([a-z])\d"], &[2], "3");
        check("REGEXP_INSTR", &["abc", ""], &[], "0");
        check("REGEXP_INSTR", &["abc", "c"], &[9], "0");
        check(
            "REGEXP_INSTR",
            &["a", "a"],
            &[1, 1, 2],
            "ERROR Invalid return_position_after_match.",
        );
    }

    #[test]
    fn replacing() {
        check(
            "REGEXP_REPLACE",
            &["# Heading", r"^# ([a-zA-Z0-9\s]+$)", r"<h1>\1</h1>"],
            &[],
            "<h1>Heading</h1>",
        );
        check("REGEXP_REPLACE", &["abc", "b*", "-"], &[], "-a-c-");
        check("REGEXP_REPLACE", &["日本", "", "."], &[], ".日.本.");
        check("REGEXP_REPLACE", &["abc", "b", r"[\0\\]"], &[], r"a[b\]c");
        check(
            "REGEXP_REPLACE",
            &["abc", "b", r"\1"],
            &[],
            "ERROR Invalid REGEXP_REPLACE pattern: Rewrite schema requests 1 matches, but the regexp \
             only has 0 parenthesized subexpressions.",
        );
        check(
            "REGEXP_REPLACE",
            &["abc", "b", r"\x"],
            &[],
            r"ERROR Invalid REGEXP_REPLACE pattern: Rewrite schema error: '\' must be followed by a digit or '\'.",
        );
    }

    proptest! {
        #[test]
        fn replacing_with_the_match_changes_nothing(whole in ".*", pattern in "[ab.*?+]{1,4}") {
            let args = strings(&[&whole, &pattern, r"\0"]);
            let replaced = outcome(FUNCTIONS, "REGEXP_REPLACE", &args);
            prop_assert!(replaced == whole || replaced.starts_with("ERROR "));
        }
    }
}

//! JSONPath in its dialects: the legacy one of JSON_EXTRACT (`$['a b']`), the standard one of JSON_VALUE
//! (`$."a b"`), and the strict one of what changes JSON, where brackets are for arrays only; `lax` goes
//! through arrays. No wildcards, no filters: BigQuery has none.

use std::sync::LazyLock;

use regex::Regex;

use crate::error::{Result, SqlError};

/// Most steps of a path that can build: each may make a level of nesting.
const STEPS_MAX: usize = 500;

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `$['key']`: JSON_EXTRACT and its kin.
    Legacy,
    /// `$."key"`: JSON_QUERY, JSON_VALUE and their kin.
    Standard,
}

/// A step of a strict path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a member of an object.
    Key(String),
    /// To an element of an array.
    Index(usize),
}

/// A path with the modifier `lax`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaxPath {
    /// Whether arrays in arrays are gone through too.
    pub(crate) recursive: bool,
    /// The steps.
    pub(crate) steps: Vec<Step>,
}

/// Patterns at the beginning of what is left of a path.
struct Lexers {
    key: Regex,
    legacy_bracket: Regex,
    standard_bracket: Regex,
    strict_bracket: Regex,
    legacy_quoted: Regex,
    standard_quoted: Regex,
    unsupported: Regex,
    modifier: Regex,
}

static LEXERS: LazyLock<Lexers> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("the pattern is fixed");
    Lexers {
        key: regex(r"\A\.([\p{L}\p{N}_\-:\t\n\f\r ]+)"),
        legacy_bracket: regex(r"\A\[[\t\n\f\r ]*([\p{L}\p{N}_\-]+)[\t\n\f\r ]*\]"),
        standard_bracket: regex(r"\A\[[\t\n\f\r ]*([\p{N}_\-]+)[\t\n\f\r ]*\]"),
        strict_bracket: regex(r"\A\[[\t\n\f\r ]*(\p{N}+)[\t\n\f\r ]*\]"),
        legacy_quoted: regex(r"\A\[[\t\n\f\r ]*'((?s:[^\\']|\\.)*)'[\t\n\f\r ]*\]"),
        standard_quoted: regex(r#"\A\."((?s:[^\\"]|\\.)*)""#),
        unsupported: regex(r"\*|\.\.|@"),
        modifier: regex(r"\A(?i:(lax|recursive))[\t\n\f\r ]+"),
    }
});

/// Takes what a pattern's group matches off the beginning of a text.
fn take<'p>(rest: &mut &'p str, lexer: &Regex) -> Option<&'p str> {
    let captures = lexer.captures(rest)?;
    let group = captures.get(1).map(|group| group.range())?;
    let end = captures.get(0).map_or(0, |all| all.end());
    let part = &rest[group];
    *rest = &rest[end..];
    Some(part)
}

fn without_dollar(path: &str) -> Result<&str> {
    path.strip_prefix('$').ok_or_else(|| SqlError::evaluation("JSONPath must start with '$'"))
}

/// The tokens of a path: each is the key of a member, and the index of an element if it is a number.
pub(crate) fn tokens(path: &str, dialect: Dialect) -> Result<Vec<String>> {
    let mut rest = without_dollar(path)?;
    let (bracket, quoted, quote) = match dialect {
        Dialect::Legacy => (&LEXERS.legacy_bracket, &LEXERS.legacy_quoted, "'"),
        Dialect::Standard => (&LEXERS.standard_bracket, &LEXERS.standard_quoted, "\""),
    };
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let plain = take(&mut rest, bracket).or_else(|| take(&mut rest, &LEXERS.key));
        if let Some(token) = plain {
            tokens.push(token.to_owned());
        } else if let Some(token) = take(&mut rest, quoted) {
            tokens.push(token.replace(&format!("\\{quote}"), quote));
        } else if rest == "." && dialect == Dialect::Legacy {
            break;
        } else {
            return Err(invalid(rest));
        }
    }
    Ok(tokens)
}

fn invalid(rest: &str) -> SqlError {
    SqlError::evaluation(match LEXERS.unsupported.find(rest) {
        Some(operator) => format!("Unsupported operator in JSONPath: {}", operator.as_str()),
        None => format!("Invalid token in JSONPath at: {rest}"),
    })
}

/// The steps of a strict path.
pub(crate) fn steps(path: &str) -> Result<Vec<Step>> {
    let mut rest = without_dollar(path)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= STEPS_MAX {
            return Err(SqlError::evaluation(format!("JSONPath has more than {STEPS_MAX} steps")));
        }
        if let Some(key) = take(&mut rest, &LEXERS.key) {
            steps.push(Step::Key(key.to_owned()));
        } else if let Some(index) = take(&mut rest, &LEXERS.strict_bracket) {
            let number = index.parse::<i64>().ok().and_then(|index| usize::try_from(index).ok());
            steps.push(Step::Index(number.ok_or_else(|| {
                SqlError::evaluation(format!("JSONPath contains invalid array index: {index}"))
            })?));
        } else if let Some(key) = take(&mut rest, &LEXERS.standard_quoted) {
            steps.push(Step::Key(key.to_owned()));
        } else {
            return Err(SqlError::evaluation(format!("Invalid token in JSONPath at: {rest}")));
        }
    }
    Ok(steps)
}

/// A path that begins with `lax`; `None` when it has no modifiers.
pub(crate) fn lax(path: &str) -> Result<Option<LaxPath>> {
    const MODIFIERS: &str =
        "JSONPath must start with zero or more unique modifiers followed by '$'";
    let mut rest = path;
    let (mut lax, mut recursive) = (false, false);
    while let Some(modifier) = take(&mut rest, &LEXERS.modifier) {
        let seen = if modifier.eq_ignore_ascii_case("lax") { &mut lax } else { &mut recursive };
        if std::mem::replace(seen, true) {
            return Err(SqlError::evaluation(MODIFIERS));
        }
    }
    if recursive && !lax {
        return Err(SqlError::evaluation(
            "JSONPath has an invalid combination of modifiers. The 'lax' modifier must be included \
             if 'recursive' is specified.",
        ));
    }
    if !lax {
        return Ok(None);
    }
    if !rest.starts_with('$') {
        return Err(SqlError::evaluation(MODIFIERS));
    }
    Ok(Some(LaxPath { recursive, steps: steps(rest)? }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(path: &str, dialect: Dialect, expected: &str) {
        let found = match tokens(path, dialect) {
            Ok(tokens) => tokens.join("|"),
            Err(error) => format!("ERROR {}", error.message),
        };
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn dialects() {
        check("$", Dialect::Standard, "");
        check("$.a.b[0].c d", Dialect::Standard, "a|b|0|c d");
        check(r#"$."a.\"b"[ 1 ]"#, Dialect::Standard, r#"a."b|1"#);
        check("$['a']", Dialect::Standard, "ERROR Invalid token in JSONPath at: ['a']");
        check("$[a]", Dialect::Standard, "ERROR Invalid token in JSONPath at: [a]");
        check("$['a.b'].c[d][0]", Dialect::Legacy, "a.b|c|d|0");
        check(r"$['it\'s']", Dialect::Legacy, "it's");
        check("$.a.", Dialect::Legacy, "a");
        check("$.a.", Dialect::Standard, "ERROR Invalid token in JSONPath at: .");
        check("a.b", Dialect::Standard, "ERROR JSONPath must start with '$'");
        check("$.*", Dialect::Standard, "ERROR Unsupported operator in JSONPath: *");
        check("$..a", Dialect::Legacy, "ERROR Unsupported operator in JSONPath: ..");
    }

    #[test]
    fn strict_and_lax() {
        let both = vec![Step::Key("a".to_owned()), Step::Index(2)];
        assert_eq!(steps("$.a[2]"), Ok(both.clone()));
        assert_eq!(
            steps("$['a']").map_err(|error| error.message).unwrap_err(),
            "Invalid token in JSONPath at: ['a']"
        );
        assert_eq!(lax("$.a"), Ok(None));
        assert_eq!(lax("LAX recursive $.a[2]"), Ok(Some(LaxPath { recursive: true, steps: both })));
        assert!(lax("recursive $.a").is_err());
        assert!(lax("lax lax $.a").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_not(path in r#"[$.\[\]'"\\a0 *@lx-]{0,16}"#) {
            let _ = tokens(&path, Dialect::Legacy);
            let _ = tokens(&path, Dialect::Standard);
            let _ = steps(&path);
            let _ = lax(&path);
        }
    }
}

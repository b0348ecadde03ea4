//! Glob patterns over object names: `*` and `?` stop at slashes, `**` does not, `[a-z]`, `[!a-z]` and
//! `{a,b}` as in a shell. Invariant: matching takes linear time (a regular expression without
//! backtracking), and any pattern compiles or is refused.

use regex::Regex;

use super::BrokerError;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    regex: Regex,
    literal_prefix: String,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Unbalanced braces or brackets, or a pattern that is too large.
    pub fn new(pattern: &str) -> Result<Self, BrokerError> {
        let invalid = || BrokerError::Invalid(format!("Invalid glob pattern: {pattern}"));
        let translated = translate(pattern).ok_or_else(invalid)?;
        let regex = Regex::new(&translated).map_err(|_| invalid())?;
        let end = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
        Ok(Self { regex, literal_prefix: pattern[..end].to_owned() })
    }

    /// Whether a name matches as a whole.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// What every matching name begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        &self.literal_prefix
    }
}

fn translate(pattern: &str) -> Option<String> {
    let mut out = "(?s)^".to_owned();
    let mut braces = 0_usize;
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '*' if rest.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' => {
                braces = braces.checked_sub(1)?;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '[' => {
                let negated = rest.next_if(|next| matches!(next, '!' | '^')).is_some();
                out.push_str(if negated { "[^" } else { "[" });
                let mut is_first = true;
                loop {
                    match rest.next()? {
                        ']' if !is_first => break,
                        '-' => out.push('-'),
                        letter => escape(&mut out, letter),
                    }
                    is_first = false;
                }
                out.push(']');
            }
            '\\' => escape(&mut out, rest.next()?),
            letter => escape(&mut out, letter),
        }
    }
    out.push('$');
    (braces == 0).then_some(out)
}

fn escape(out: &mut String, letter: char) {
    out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("*.txt", "a.txt", true),
            ("*.txt", "a/b.txt", false),
            ("**.txt", "a/b.txt", true),
            ("a/**/c", "a/b/b/c", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]x", "]x", true),
            ("{foo,ba*}.csv", "bar.csv", true),
            ("{foo,ba*}.csv", "qux.csv", false),
            ("a,b", "a,b", true),
            ("a.b", "axb", false),
            ("\\*", "*", true),
            ("a", "ab", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        for pattern in ["{a", "a}", "[a", "[z-a]", "\\"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
        assert_eq!(Glob::new("logs/2024*/x").unwrap().literal_prefix(), "logs/2024");
    }
}

//! `LIKE`: `%` is any text, `_` one character or byte, a backslash takes the meaning from what follows.

use crate::error::{Result, SqlError};

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<T> {
    /// Exactly this.
    Unit(T),
    /// Any one.
    One,
    /// Any number of any.
    Any,
}

/// Whether a STRING matches a pattern, whole.
pub(crate) fn like(text: &str, pattern: &str) -> Result<bool> {
    let parts = parts(pattern.chars())?;
    // Plain affixes are most of what is asked.
    let units: Vec<char> = text.chars().collect();
    Ok(matches(&units, &parts))
}

/// Whether BYTES match a pattern, whole.
pub(crate) fn like_bytes(bytes: &[u8], pattern: &[u8]) -> Result<bool> {
    let units: Vec<char> = bytes.iter().copied().map(char::from).collect();
    let parts = parts(pattern.iter().copied().map(char::from))?;
    Ok(matches(&units, &parts))
}

fn parts(mut pattern: impl Iterator<Item = char>) -> Result<Vec<Part<char>>> {
    let mut parts = Vec::new();
    while let Some(character) = pattern.next() {
        parts.push(match character {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Unit(
                pattern
                    .next()
                    .ok_or_else(|| SqlError::evaluation("LIKE pattern ends with a backslash"))?,
            ),
            other => Part::Unit(other),
        });
    }
    Ok(parts)
}

/// Goes through both at once; at a mismatch the last `%` takes one unit more. Time: the product of the
/// lengths at worst.
fn matches<T: PartialEq + Copy>(units: &[T], parts: &[Part<T>]) -> bool {
    let (mut unit, mut part) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    while unit < units.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                last_any = Some((part, unit));
                part += 1;
                continue;
            }
            Some(Part::One) => {
                unit += 1;
                part += 1;
                continue;
            }
            Some(Part::Unit(wanted)) if *wanted == units[unit] => {
                unit += 1;
                part += 1;
                continue;
            }
            _ => {}
        }
        let Some((any_part, any_unit)) = last_any else { return false };
        last_any = Some((any_part, any_unit + 1));
        part = any_part + 1;
        unit = any_unit + 1;
    }
    parts[part..].iter().all(|part| *part == Part::Any)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        let check = |text: &str, pattern: &str, expected: bool| {
            assert_eq!(like(text, pattern), Ok(expected), "{text} LIKE {pattern}");
        };
        check("", "", true);
        check("", "%", true);
        check("abc", "a%", true);
        check("abc", "%b%", true);
        check("abc", "a_c", true);
        check("日本", "__", true);
        check("a%c", r"a\%c", true);
        check("abc", r"a\%c", false);
        check("a\nb", "a%b", true);
        check("special requests", "%special%requests%", true);
        check("aab", "%ab", true);
        check("ab", "ab_", false);
        assert!(like("a", "a\\").is_err());
        assert_eq!(like_bytes(&[0xff, b'a'], b"_a"), Ok(true));
    }

    /// The definition, read off.
    fn model(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| model(&text[skip..], rest)),
            ['_', rest @ ..] => !text.is_empty() && model(&text[1..], rest),
            [wanted, rest @ ..] => text.first() == Some(wanted) && model(&text[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(text in "[ab日]{0,7}", pattern in "[ab日_%]{0,7}") {
            let letters: Vec<char> = text.chars().collect();
            let wanted: Vec<char> = pattern.chars().collect();
            prop_assert_eq!(like(&text, &pattern), Ok(model(&letters, &wanted)));
        }
    }
}

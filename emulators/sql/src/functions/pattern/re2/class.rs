//! Classes of characters: brackets, the classes of Perl, of POSIX and of Unicode.

use super::{Refusal, character_escape, push_literal};

/// The members of `\d`, `\s`, `\w` and of what they negate, as they stand in brackets.
pub(super) fn perl(letter: char) -> Option<&'static str> {
    match letter {
        'd' | 'D' => Some("0-9"),
        's' | 'S' => Some(r"\t\n\x{c}\r\x{20}"),
        'w' | 'W' => Some("0-9A-Za-z_"),
        _ => None,
    }
}

/// The members of a class of POSIX.
fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => r"\x00-\x7f",
        "blank" => r"\t\x20",
        "cntrl" => r"\x00-\x1f\x7f",
        "digit" => "0-9",
        "graph" => r"\x21-\x7e",
        "lower" => "a-z",
        "print" => r"\x20-\x7e",
        "punct" => r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
        "space" => r"\t\n\x0b\x0c\r\x20",
        "upper" => "A-Z",
        "word" => "0-9A-Za-z_",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}

const BAD_RANGE: &str = "invalid character class range";

/// A class in brackets, written anew, and the length it had.
pub(super) fn bracketed(whole: &str) -> Result<(String, usize), Refusal> {
    let missing = || Refusal::Syntax("missing ]", whole.to_owned());
    let mut rest = &whole[1..];
    let mut output = String::from("[");
    if let Some(inner) = rest.strip_prefix('^') {
        output.push('^');
        rest = inner;
    }
    let mut first = true;
    // A bracket that stands first is a member.
    while first || !rest.starts_with(']') {
        first = false;
        let Some(character) = rest.chars().next() else { return Err(missing()) };
        if rest.starts_with("[:")
            && let Some(end) = rest.find(":]")
        {
            let (name, negated) = match rest[2..end].strip_prefix('^') {
                Some(name) => (name, "^"),
                None => (&rest[2..end], ""),
            };
            let part = &rest[..end + 2];
            let members = posix(name).ok_or_else(|| Refusal::Syntax(BAD_RANGE, part.to_owned()))?;
            output.push_str(&format!("[{negated}{members}]"));
            rest = &rest[end + 2..];
            continue;
        }
        if character == '\\' {
            let letter = rest[1..].chars().next();
            if matches!(letter, Some('p' | 'P')) {
                let (text, length) = property(rest)?;
                output.push_str(&text);
                rest = &rest[length..];
                continue;
            }
            if let Some(letter) = letter
                && let Some(members) = perl(letter)
            {
                let negation = if letter.is_ascii_uppercase() { "^" } else { "" };
                output.push_str(&format!("[{negation}{members}]"));
                rest = &rest[2..];
                continue;
            }
        }
        let start = rest;
        let low = member(&mut rest, &missing)?;
        let mut high = low;
        if rest.starts_with('-') && !rest[1..].starts_with(']') {
            if rest.len() == 1 {
                return Err(missing());
            }
            rest = &rest[1..];
            high = member(&mut rest, &missing)?;
        }
        if high < low {
            let part = start[..start.len() - rest.len()].to_owned();
            return Err(Refusal::Syntax(BAD_RANGE, part));
        }
        push_literal(&mut output, low);
        if high != low {
            output.push('-');
            push_literal(&mut output, high);
        }
    }
    output.push(']');
    Ok((output, whole.len() - rest.len() + 1))
}

/// One member of a class, taken off the text.
fn member(rest: &mut &str, missing: &dyn Fn() -> Refusal) -> Result<char, Refusal> {
    let character = rest.chars().next().ok_or_else(missing)?;
    let (character, length) =
        if character == '\\' { character_escape(rest)? } else { (character, character.len_utf8()) };
    *rest = &rest[length..];
    Ok(character)
}

/// General categories of Unicode that RE2 knows.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So",
    "Z", "Zl", "Zp", "Zs",
];

/// `\pL`, `\p{Greek}`, `\P{^Lu}`, written anew, and the length it had.
pub(super) fn property(rest: &str) -> Result<(String, usize), Refusal> {
    let bad = |length: usize| Refusal::Syntax(BAD_RANGE, rest[..length].to_owned());
    let Some(next) = rest[2..].chars().next() else { return Err(bad(2)) };
    let (name, length) = if next == '{' {
        let end = rest.find('}').ok_or_else(|| bad(rest.len()))?;
        (&rest[3..end], end + 1)
    } else {
        (&rest[2..2 + next.len_utf8()], 2 + next.len_utf8())
    };
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let negated = rest.starts_with(r"\P") != inverted;
    let sign = if negated { 'P' } else { 'p' };
    if name == "Any" {
        let members = if negated { r"[^\x{0}-\x{10ffff}]" } else { r"[\x{0}-\x{10ffff}]" };
        return Ok((members.to_owned(), length));
    }
    let is_script = || {
        name.len() > 2
            && name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && regex::Regex::new(&format!(r"\p{{Script={name}}}")).is_ok()
    };
    if CATEGORIES.contains(&name) {
        // No text holds surrogates, and the crate does not name them.
        let text = match (name, negated) {
            ("Cs", false) => r"[^\x{0}-\x{10ffff}]".to_owned(),
            ("Cs", true) => r"[\x{0}-\x{10ffff}]".to_owned(),
            _ => format!(r"\{sign}{{{name}}}"),
        };
        return Ok((text, length));
    }
    if is_script() {
        return Ok((format!(r"\{sign}{{Script={name}}}"), length));
    }
    Err(bad(length))
}

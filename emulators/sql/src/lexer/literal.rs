//! What stands between quotes: escapes of strings, bytes and identifiers. An error carries its own
//! place, the backslash; a raw literal has no escapes.

use super::offset;
use crate::error::{Offset, Result, SqlError};

/// The value of a string literal as written, prefix and quotes included, which begins at `at`.
pub(crate) fn decode_string(literal: &str, at: Offset) -> Result<String> {
    let (body, from, raw) = inside(literal);
    if raw {
        return Ok(newlines(body));
    }
    let decoded = unescape(body, at.saturating_add(offset(from)), Target::String)?;
    Ok(String::from_utf8(decoded).expect("escapes of strings are characters"))
}

/// The value of a bytes literal as written.
pub(crate) fn decode_bytes(literal: &str, at: Offset) -> Result<Vec<u8>> {
    let (body, from, raw) = inside(literal);
    if raw {
        return Ok(newlines(body).into_bytes());
    }
    unescape(body, at.saturating_add(offset(from)), Target::Bytes)
}

/// The name within backticks.
pub(crate) fn decode_identifier(literal: &str, at: Offset) -> Result<String> {
    let body = literal.trim_start_matches('`');
    let body = body.strip_suffix('`').unwrap_or(body);
    if body.is_empty() {
        return Err(SqlError::at(at, "Syntax error: Invalid empty identifier"));
    }
    let decoded = unescape(body, at.saturating_add(1), Target::String)?;
    Ok(String::from_utf8(decoded).expect("escapes of identifiers are characters"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    String,
    Bytes,
}

/// The part between the quotes, where it begins, and whether it is raw.
fn inside(literal: &str) -> (&str, usize, bool) {
    let prefix = literal.find(['\'', '"']).unwrap_or(0);
    let raw = literal[..prefix].contains(['r', 'R']);
    let quoted = &literal[prefix..];
    let triple = quoted.starts_with("'''") || quoted.starts_with("\"\"\"");
    let quotes = if triple && quoted.len() >= 6 { 3 } else { 1 };
    (&quoted[quotes..quoted.len() - quotes], prefix + quotes, raw)
}

/// Line ends become `\n`, as they do in literals over several lines.
fn newlines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Resolves escapes of a text that begins at `from`.
fn unescape(text: &str, from: Offset, target: Target) -> Result<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                let error = |what: String| {
                    let place = from.saturating_add(offset(at));
                    SqlError::at(place, format!("Syntax error: Illegal escape sequence: {what}"))
                };
                at += escape(&text[at..], target, &mut decoded).map_err(error)?;
            }
            b'\r' => {
                decoded.push(b'\n');
                at += if bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Ok(decoded)
}

/// One escape, beginning with its backslash: writes what it means and tells its length, or what is
/// wrong.
fn escape(text: &str, target: Target, decoded: &mut Vec<u8>) -> Result<usize, String> {
    let Some(letter) = text[1..].chars().next() else {
        return Err("\\".into());
    };
    let simple = match letter {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '?' | '"' | '\'' | '`' => letter as u8,
        '0'..='3' => return numeric(text, 1, 3, 8, target, decoded),
        'x' | 'X' => return numeric(text, 2, 2, 16, target, decoded),
        'u' | 'U' => return unicode(text, letter, target, decoded),
        _ => return Err(format!("\\{letter}")),
    };
    decoded.push(simple);
    Ok(2)
}

/// `\ooo` and `\xhh`: a byte, or in a string the character with that number.
fn numeric(
    text: &str,
    from: usize,
    digits: usize,
    radix: u32,
    target: Target,
    decoded: &mut Vec<u8>,
) -> Result<usize, String> {
    let Some(value) = digits_of(text, from, digits, radix) else {
        let kind = if radix == 8 { "Octal" } else { "Hex" };
        let name = if radix == 8 { "octal" } else { "hex" };
        let seen = seen(text, from + digits);
        return Err(format!(
            "{kind} escape must be followed by {digits} {name} digits but saw: {seen}"
        ));
    };
    match (target, char::from_u32(value)) {
        (Target::String, Some(character)) => push_character(decoded, character),
        _ => decoded.push(u8::try_from(value).expect("three octal or two hex digits, at most 255")),
    }
    Ok(from + digits)
}

/// `\uhhhh` and `\Uhhhhhhhh`.
fn unicode(
    text: &str,
    letter: char,
    target: Target,
    decoded: &mut Vec<u8>,
) -> Result<usize, String> {
    if target == Target::Bytes {
        return Err(format!("Unicode escape sequence \\{letter} cannot be used in bytes literals"));
    }
    let digits = if letter == 'u' { 4 } else { 8 };
    let Some(value) = digits_of(text, 2, digits, 16) else {
        let seen = seen(text, 2 + digits);
        return Err(format!("\\{letter} must be followed by {digits} hex digits but saw: {seen}"));
    };
    let written = &text[..2 + digits];
    if value > 0x10_ffff {
        return Err(format!("Value of {written} exceeds Unicode limit (0x0010FFFF)"));
    }
    let Some(character) = char::from_u32(value) else {
        return Err(format!("Unicode value {written} is invalid"));
    };
    push_character(decoded, character);
    Ok(2 + digits)
}

fn push_character(decoded: &mut Vec<u8>, character: char) {
    decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The number that exactly so many digits make, if they are there.
fn digits_of(text: &str, from: usize, digits: usize, radix: u32) -> Option<u32> {
    let written = text.get(from..from + digits)?;
    written.chars().all(|digit| digit.is_digit(radix)).then_some(())?;
    u32::from_str_radix(written, radix).ok()
}

/// The start of a text for an error, at most so many bytes, cut at a character.
fn seen(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(literal: &str, expected: Result<&str, (Offset, &str)>) {
        let actual = decode_string(literal, 0);
        let actual = actual.as_deref().map_err(|error| {
            let message = error.message.strip_prefix("Syntax error: Illegal escape sequence: ");
            (error.at.unwrap(), message.unwrap())
        });
        assert_eq!(actual, expected, "{literal}");
    }

    #[test]
    fn strings() {
        check("'a'", Ok("a"));
        check("''", Ok(""));
        check(r"r'\n'", Ok(r"\n"));
        check("'''a\r\nb'c'''", Ok("a\nb'c"));
        check(r"'\x41\101\u00e9\U0001F600\n'", Ok("AAé😀\n"));
        check(r"'\xe9'", Ok("é"));
        check(r"'a\q'", Err((2, r"\q")));
        check(r"'\x1'", Err((1, r"Hex escape must be followed by 2 hex digits but saw: \x1")));
        check(r"'\08'", Err((1, r"Octal escape must be followed by 3 octal digits but saw: \08")));
        check(r"'\u12'", Err((1, r"\u must be followed by 4 hex digits but saw: \u12")));
        check(r"'\uD800'", Err((1, r"Unicode value \uD800 is invalid")));
        let limit = r"Value of \U00110000 exceeds Unicode limit (0x0010FFFF)";
        check(r"'\U00110000'", Err((1, limit)));
    }

    #[test]
    fn bytes() {
        assert_eq!(decode_bytes(r"b'\xffa\377'", 0).unwrap(), [0xff, b'a', 0xff]);
        assert_eq!(decode_bytes(r"rb'\x'", 0).unwrap(), br"\x");
        assert!(decode_bytes(r"b'\u0041'", 0).is_err());
        assert_eq!(decode_identifier(r"`a\`b`", 0).unwrap(), "a`b");
        assert!(decode_identifier("``", 0).is_err());
    }
}

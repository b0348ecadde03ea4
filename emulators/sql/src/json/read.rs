//! JSON text in a STRING, read as the extracting functions read it: only as far as the first match, members
//! in their order, numbers as they are written, and with much that JSON does not allow (single quotes,
//! commas at the end, missing elements). Text that is no JSON is no match, not an error.

use super::text::write_string;
use crate::error::{Result, SqlError};

/// Levels of nesting at which reading gives up.
const NESTING_MAX: usize = 1000;

/// A part of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(&'t str),
    /// A string without its escapes.
    String(String),
    /// An array.
    Array(Vec<Node<'t>>),
    /// An object: members in their order, duplicates too.
    Object(Vec<(String, Node<'t>)>),
}

impl Node<'_> {
    /// The text of JSON without spaces.
    pub(crate) fn text(&self) -> String {
        let mut output = String::new();
        self.write(&mut output);
        output
    }

    fn write(&self, output: &mut String) {
        match self {
            Self::Null => output.push_str("null"),
            Self::Bool(value) => output.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => output.push_str(text),
            Self::String(text) => write_string(output, text, true),
            Self::Array(elements) => {
                output.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        output.push(',');
                    }
                    element.write(output);
                }
                output.push(']');
            }
            Self::Object(members) => {
                output.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        output.push(',');
                    }
                    write_string(output, key, true);
                    output.push(':');
                    member.write(output);
                }
                output.push('}');
            }
        }
    }

    /// The text of a scalar; `None` for null, arrays and objects.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(text) => Some((*text).to_owned()),
            Self::String(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// The first part of a JSON text that a path leads to.
pub(crate) fn find<'t>(text: &'t str, tokens: &[String]) -> Result<Option<Node<'t>>> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    match reader.find(tokens) {
        Ok(found) => Ok(found),
        Err(Stop::Malformed) => Ok(None),
        Err(Stop::TooDeep) => Err(SqlError::evaluation(format!(
            "JSON parsing failed due to deeply nested array/struct. Maximum nesting depth is \
             {NESTING_MAX}"
        ))),
    }
}

/// Why reading ended.
enum Stop {
    Malformed,
    TooDeep,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn find(&mut self, tokens: &[String]) -> Result<Option<Node<'t>>, Stop> {
        let Some((token, deeper)) = tokens.split_first() else {
            return self.node().map(Some);
        };
        match self.peek() {
            Some('{') => {
                self.each_member(
                    |reader, key| {
                        if key == *token { reader.find(deeper) } else { reader.skip() }
                    },
                )
            }
            Some('[') => {
                let index = index_of(token);
                self.each_element(|reader, place| {
                    if index == Some(place) { reader.find(deeper) } else { reader.skip() }
                })
            }
            _ => self.skip(),
        }
    }

    fn skip(&mut self) -> Result<Option<Node<'t>>, Stop> {
        self.node().map(|_| None)
    }

    fn node(&mut self) -> Result<Node<'t>, Stop> {
        match self.peek() {
            Some('{') => {
                let mut members = Vec::new();
                self.each_member(|reader, key| {
                    members.push((key, reader.node()?));
                    Ok(None)
                })?;
                Ok(Node::Object(members))
            }
            Some('[') => {
                let mut elements = Vec::new();
                self.each_element(|reader, _| {
                    elements.push(reader.node()?);
                    Ok(None)
                })?;
                Ok(Node::Array(elements))
            }
            Some('"' | '\'') => self.string().map(Node::String),
            Some('-' | '0'..='9') => self.number().map(Node::Number),
            // An element that is missing.
            Some(']' | ',') => Ok(Node::Null),
            _ => {
                let words = [
                    ("true", Node::Bool(true)),
                    ("false", Node::Bool(false)),
                    ("null", Node::Null),
                ];
                for (word, node) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(node);
                    }
                }
                Err(Stop::Malformed)
            }
        }
    }

    /// Goes through the members of an object; ends early when one is found.
    fn each_member(
        &mut self,
        mut visit: impl FnMut(&mut Self, String) -> Result<Option<Node<'t>>, Stop>,
    ) -> Result<Option<Node<'t>>, Stop> {
        self.down()?;
        while self.peek() != Some('}') {
            if !matches!(self.peek(), Some('"' | '\'')) {
                return Err(Stop::Malformed);
            }
            let key = self.string()?;
            if self.peek() != Some(':') {
                return Err(Stop::Malformed);
            }
            self.at += 1;
            if let Some(found) = visit(self, key)? {
                return Ok(Some(found));
            }
            self.separator('}')?;
        }
        self.up();
        Ok(None)
    }

    /// Goes through the elements of an array; ends early when one is found.
    fn each_element(
        &mut self,
        mut visit: impl FnMut(&mut Self, usize) -> Result<Option<Node<'t>>, Stop>,
    ) -> Result<Option<Node<'t>>, Stop> {
        self.down()?;
        let mut place = 0;
        while self.peek() != Some(']') {
            if let Some(found) = visit(self, place)? {
                return Ok(Some(found));
            }
            place += 1;
            self.separator(']')?;
        }
        self.up();
        Ok(None)
    }

    fn down(&mut self) -> Result<(), Stop> {
        if self.depth >= NESTING_MAX {
            return Err(Stop::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn up(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn separator(&mut self, end: char) -> Result<(), Stop> {
        match self.peek() {
            Some(',') => {
                self.at += 1;
                Ok(())
            }
            Some(found) if found == end => Ok(()),
            _ => Err(Stop::Malformed),
        }
    }

    /// The next character that is no white space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
        self.at += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    fn number(&mut self) -> Result<&'t str, Stop> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let digits = |mut at: usize| {
            if !digit(at) {
                return Err(Stop::Malformed);
            }
            while digit(at) {
                at += 1;
            }
            Ok(at)
        };
        let mut at = start + usize::from(bytes[start] == b'-');
        at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
        if bytes.get(at) == Some(&b'.') {
            at = digits(at + 1)?;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            at = digits(at)?;
        }
        self.at = at;
        Ok(&self.text[start..at])
    }

    fn string(&mut self) -> Result<String, Stop> {
        let mut rest = &self.text[self.at..];
        let quote = rest.chars().next().ok_or(Stop::Malformed)?;
        let mut text = String::new();
        rest = &rest[1..];
        loop {
            // Everything up to a quote or an escape is copied at once.
            let plain = rest.find([quote, '\\']).ok_or(Stop::Malformed)?;
            text.push_str(&rest[..plain]);
            rest = &rest[plain..];
            if let Some(escape) = rest.strip_prefix('\\') {
                let (character, length) = unescape(escape).ok_or(Stop::Malformed)?;
                text.push(character);
                rest = &escape[length..];
            } else {
                self.at = self.text.len() - rest.len() + 1;
                return Ok(text);
            }
        }
    }
}

/// The character of an escape without its backslash, and the length of the escape.
fn unescape(escape: &str) -> Option<(char, usize)> {
    let first = escape.chars().next()?;
    let hexadecimal = |digits: usize| {
        let text = escape.get(1..=digits)?;
        let code = u32::from_str_radix(text, 16).ok()?;
        let valid = text.bytes().all(|digit| digit.is_ascii_hexdigit());
        // A surrogate is no character.
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        valid.then_some((character, digits + 1))
    };
    Some(match first {
        'u' => return hexadecimal(4),
        'x' => return hexadecimal(2),
        '0'..='7' => {
            let digits: Vec<u32> =
                escape.chars().take(3).map_while(|digit| digit.to_digit(8)).collect();
            let code = digits.iter().fold(0, |code, digit| code * 8 + digit);
            return Some((char::from_u32(code)?, digits.len()));
        }
        'b' => ('\u{8}', 1),
        'f' => ('\u{c}', 1),
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        't' => ('\t', 1),
        'v' => ('\u{b}', 1),
        other => (other, other.len_utf8()),
    })
}

/// The index at the beginning of a token.
fn index_of(token: &str) -> Option<usize> {
    let token = token.trim_start();
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    token[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, path: &[&str], expected: Option<&str>) {
        let tokens: Vec<String> = path.iter().map(|token| (*token).to_owned()).collect();
        let found = find(text, &tokens).expect("it is not too deep");
        assert_eq!(found.map(|node| node.text()).as_deref(), expected, "{text}");
    }

    #[test]
    fn parts_are_found_in_order() {
        check(r#"{"b": 1, "a": [1, {"c": 2.50}]}"#, &[], Some(r#"{"b":1,"a":[1,{"c":2.50}]}"#));
        check(r#"{"b": 1, "a": [1, {"c": 2.50}]}"#, &["a", "1", "c"], Some("2.50"));
        check(r#"{"a": {"x": 1}, "a": {"b": 2}}"#, &["a", "b"], Some("2"));
        check(r#"{"a": 1, garbage"#, &["a"], Some("1"));
        check(r#"{"a" 1}"#, &["a"], None);
        check("{'a': 'it\\'s',}", &["a"], Some("\"it's\""));
        check("[1,,]", &[], Some("[1,null]"));
        check(r#""\u00e9\x41\101\q""#, &[], Some("\"éAAq\""));
        check("nonsense", &[], None);
        check("", &[], None);
    }

    #[test]
    fn too_deep_is_an_error() {
        assert!(find(&"[".repeat(1001), &[]).is_err());
        assert_eq!(find(&"[".repeat(1000), &[]), Ok(None));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"[\[\]{}"':,a0-9.eE+\\ux\-tfn \n]{0,20}"#) {
            let _ = find(&text, &["a".to_owned()]);
            let _ = find(&text, &[]);
        }
    }
}

//! Cuts a text into tokens, one at a time, on demand. A token is a kind and a range of the text:
//! names and literals are decoded by whoever takes them, so that an error in an escape is told only
//! when it is reached. An error of the lexer is a token as well, because an earlier error of the
//! grammar goes first.

mod keyword;
mod literal;

pub(crate) use keyword::{is_keyword, is_reserved};
pub(crate) use literal::{decode_bytes, decode_identifier, decode_string};

use crate::error::Offset;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A bare word, which may be a keyword.
    Word,
    /// A bare word after the dot of a path: never a keyword, and it may begin with a digit.
    Name,
    /// An identifier in backticks.
    Quoted,
    /// A word right behind a number, as in `1a`: nothing takes it.
    Glued,
    Integer,
    Float,
    String,
    Bytes,
    Symbol(&'static str),
    End,
    Error(LexicalError),
}

/// What the lexer cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LexicalError {
    Unclosed { triple: bool, raw: bool, bytes: bool },
    UnclosedIdentifier,
    UnclosedComment,
    EscapedNewline,
    Character(u8),
}

impl LexicalError {
    /// BigQuery's words for it.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Unclosed { triple, raw, bytes } => format!(
                "Syntax error: Unclosed {}{}{} literal",
                if triple { "triple-quoted " } else { "" },
                if raw { "raw " } else { "" },
                if bytes { "bytes" } else { "string" },
            ),
            Self::UnclosedIdentifier => "Syntax error: Unclosed identifier literal".into(),
            Self::UnclosedComment => "Syntax error: Unclosed comment".into(),
            Self::EscapedNewline => "Syntax error: Illegal escaped newline".into(),
            Self::Character(byte) if byte.is_ascii_graphic() => {
                format!("Syntax error: Illegal input character \"{}\"", char::from(byte))
            }
            Self::Character(byte) => {
                format!("Syntax error: Illegal input character \"\\{byte:03o}\"")
            }
        }
    }
}

/// A token: its kind and where it stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
}

/// Symbols, longer ones first.
const SYMBOLS: [&str; 40] = [
    "<=", "<>", "<<", ">=", ">>", "!=", "||", "|>", "=>", "->", "+=", "-=", "@@", "(", ")", "[",
    "]", "{", "}", ",", ";", ":", ".", "*", "/", "+", "-", "=", "<", ">", "|", "&", "^", "~", "?",
    "@", "!", "$", "%", "\\",
];

/// Reads tokens from a text of less than 4 GiB.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// The last two tokens, which decide what a dot and the word after it are.
    previous: Option<Token>,
    after_path_dot: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, previous: None, after_path_dot: false }
    }

    /// Goes on from a place just behind an identifier: how the dashes of a project's name are read.
    pub(crate) fn resume_after_identifier(&mut self, at: Offset) {
        self.at = at as usize;
        self.previous = Some(Token { kind: TokenKind::Name, start: at, end: at });
        self.after_path_dot = false;
    }

    /// The next token; at the end always `End`.
    pub(crate) fn next_token(&mut self) -> Token {
        let token = match self.skip_blank() {
            Ok(()) => self.read(),
            Err(token) => token,
        };
        self.after_path_dot = token.kind == TokenKind::Symbol(".") && self.follows_path();
        self.previous = Some(token);
        token
    }

    /// Whether the previous token can end a path, so that a dot goes on with it.
    fn follows_path(&self) -> bool {
        self.previous.is_some_and(|token| match token.kind {
            TokenKind::Word => !is_reserved(&self.text[token.start as usize..token.end as usize]),
            TokenKind::Name | TokenKind::Quoted => true,
            TokenKind::Symbol(symbol) => matches!(symbol, ")" | "]" | "?"),
            _ => false,
        })
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Skips white space and comments. `End` stands behind the last comment, but before trailing
    /// blanks.
    fn skip_blank(&mut self) -> Result<(), Token> {
        let mut end = self.at;
        loop {
            let rest = &self.text[self.at..];
            let Some(first) = rest.chars().next() else {
                self.at = self.text.len();
                return Err(Token { kind: TokenKind::End, start: offset(end), end: offset(end) });
            };
            if is_blank(first) {
                self.at += first.len_utf8();
                continue;
            }
            if first == '#' || rest.starts_with("--") {
                self.at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
            } else if let Some(body) = rest.strip_prefix("/*") {
                let Some(length) = body.find("*/") else {
                    return Err(self.failure(LexicalError::UnclosedComment, self.at));
                };
                self.at += length + 4;
            } else {
                return Ok(());
            }
            end = self.at;
        }
    }

    /// An error token at a place; nothing more is read after it.
    fn failure(&mut self, error: LexicalError, at: usize) -> Token {
        self.at = self.text.len();
        Token { kind: TokenKind::Error(error), start: offset(at), end: offset(self.text.len()) }
    }

    /// Reads the token that begins here.
    fn read(&mut self) -> Token {
        let start = self.at;
        let rest = self.rest();
        let first = rest[0];
        if self.after_path_dot && (first.is_ascii_alphanumeric() || first == b'_') {
            return self.take(TokenKind::Name, word_length(rest));
        }
        if let Some((prefix, raw, bytes)) = quote_prefix(rest) {
            return self.read_quoted(prefix, raw, bytes);
        }
        if first == b'`' {
            return self.read_identifier();
        }
        if first.is_ascii_alphabetic() || first == b'_' {
            let glued = self.previous.is_some_and(|token| {
                matches!(token.kind, TokenKind::Integer | TokenKind::Float)
                    && token.end as usize == start
                    && !self.text[..start].ends_with('.')
            });
            let kind = if glued { TokenKind::Glued } else { TokenKind::Word };
            return self.take(kind, word_length(rest));
        }
        let dot_begins_number =
            first == b'.' && rest.get(1).is_some_and(u8::is_ascii_digit) && !self.follows_path();
        if first.is_ascii_digit() || dot_begins_number {
            let (kind, length) = number(rest);
            return self.take(kind, length);
        }
        match SYMBOLS.iter().find(|symbol| rest.starts_with(symbol.as_bytes())) {
            Some(symbol) => self.take(TokenKind::Symbol(symbol), symbol.len()),
            None => self.failure(LexicalError::Character(first), start),
        }
    }

    fn take(&mut self, kind: TokenKind, length: usize) -> Token {
        let start = self.at;
        self.at += length;
        Token { kind, start: offset(start), end: offset(self.at) }
    }

    /// A string or bytes literal whose quotes begin after `prefix` bytes.
    fn read_quoted(&mut self, prefix: usize, raw: bool, bytes: bool) -> Token {
        let (start, rest) = (self.at, self.rest());
        let quote = rest[prefix];
        let triple = rest[prefix..].starts_with(&[quote; 3]);
        let mut at = prefix + if triple { 3 } else { 1 };
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'\\' => {
                    if matches!(rest.get(at + 1), Some(b'\n' | b'\r')) && !raw {
                        return self.failure(LexicalError::EscapedNewline, start + at);
                    }
                    at += 2;
                }
                b'\n' | b'\r' if !triple => break,
                _ if byte == quote && (!triple || rest[at..].starts_with(&[quote; 3])) => {
                    let kind = if bytes { TokenKind::Bytes } else { TokenKind::String };
                    return self.take(kind, at + if triple { 3 } else { 1 });
                }
                _ => at += 1,
            }
        }
        self.failure(LexicalError::Unclosed { triple, raw, bytes }, start)
    }

    fn read_identifier(&mut self) -> Token {
        let (start, rest) = (self.at, self.rest());
        let mut at = 1;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'\\' => at += 2,
                b'\n' | b'\r' => break,
                b'`' => return self.take(TokenKind::Quoted, at + 1),
                _ => at += 1,
            }
        }
        self.failure(LexicalError::UnclosedIdentifier, start)
    }
}

/// The lengths of texts are checked before: offsets fit.
fn offset(at: usize) -> Offset {
    Offset::try_from(at).unwrap_or(Offset::MAX)
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{8}' | '\u{180e}')
}

/// How many bytes from the start make up a word.
pub(crate) fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

/// `r`, `b`, `rb`, `br` in any case before a quote: the prefix's length, raw or not, bytes or not.
fn quote_prefix(text: &[u8]) -> Option<(usize, bool, bool)> {
    let length = text.iter().take(3).position(|byte| matches!(byte, b'\'' | b'"'))?;
    let letters = text[..length].to_ascii_lowercase();
    match letters.as_slice() {
        b"" => Some((length, false, false)),
        b"r" => Some((length, true, false)),
        b"b" => Some((length, false, true)),
        b"rb" | b"br" => Some((length, true, true)),
        _ => None,
    }
}

/// The kind and the length of the number that begins here.
fn number(text: &[u8]) -> (TokenKind, usize) {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if text[0] == b'0' && matches!(text.get(1), Some(b'x' | b'X')) {
        let length = text[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if length > 0 {
            return (TokenKind::Integer, length + 2);
        }
    }
    let mut at = digits(0);
    let mut kind = TokenKind::Integer;
    if text.get(at) == Some(&b'.') {
        kind = TokenKind::Float;
        at += 1;
        at += digits(at);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = if at + 1 + sign <= text.len() { digits(at + 1 + sign) } else { 0 };
        if exponent > 0 {
            kind = TokenKind::Float;
            at += 1 + sign + exponent;
        }
    }
    (kind, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            let token = lexer.next_token();
            if token.kind == TokenKind::End {
                return found;
            }
            found.push((token.kind, &text[token.start as usize..token.end as usize]));
            if matches!(token.kind, TokenKind::Error(_)) {
                return found;
            }
        }
    }

    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        assert_eq!(kinds(text), expected, "{text}");
    }

    #[test]
    fn numbers_dots_and_words() {
        use TokenKind::{Float, Integer, Name, Quoted, Symbol, Word};
        check("1. .5 1e10", &[(Float, "1."), (Float, ".5"), (Float, "1e10")]);
        check("0xAF 1.5E-3", &[(Integer, "0xAF"), (Float, "1.5E-3")]);
        check("a.5 ", &[(Word, "a"), (Symbol("."), "."), (Name, "5")]);
        check("a. select", &[(Word, "a"), (Symbol("."), "."), (Name, "select")]);
        check("`a b`.1c", &[(Quoted, "`a b`"), (Symbol("."), "."), (Name, "1c")]);
        check("select .5", &[(Word, "select"), (Float, ".5")]);
        check("1 2a", &[(Integer, "1"), (Integer, "2"), (TokenKind::Glued, "a")]);
    }

    #[test]
    fn quotes_and_comments() {
        use TokenKind::{Bytes, Error, String, Word};
        check(
            r#"'a' "b" r'\' rb"c" "#,
            &[
                (String, "'a'"),
                (String, "\"b\""),
                (
                    Error(LexicalError::Unclosed { triple: false, raw: true, bytes: false }),
                    "r'\\' rb\"c\" ",
                ),
            ],
        );
        check(
            r"r'\n' b'x' Rb'''a'b'''",
            &[(String, r"r'\n'"), (Bytes, "b'x'"), (Bytes, "Rb'''a'b'''")],
        );
        check("a -- x\n# y\n /* z\n*/ b", &[(Word, "a"), (Word, "b")]);
        check("/* a", &[(Error(LexicalError::UnclosedComment), "/* a")]);
        check("é", &[(Error(LexicalError::Character(0xc3)), "é")]);
    }

    #[test]
    fn the_end_is_before_trailing_blanks() {
        for (text, end) in [("a  \n", 1), ("a -- b\n ", 7), ("", 0), ("  ", 0)] {
            let mut lexer = Lexer::new(text);
            let mut token = lexer.next_token();
            while token.kind != TokenKind::End {
                token = lexer.next_token();
            }
            assert_eq!(token.start, end, "{text:?}");
        }
    }
}

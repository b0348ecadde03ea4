//! The tokens of strict JSON. What an error shows as last read begins with the last string or number, or
//! else with the text: that is how BigQuery's parser keeps it.

use std::fmt::Write;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Null,
    True,
    False,
    String(String),
    /// The text of a number.
    Number(String),
    BeginArray,
    EndArray,
    BeginObject,
    EndObject,
    Colon,
    Comma,
    End,
    /// None, and why.
    Error(String),
}

impl Token {
    /// What an error calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null literal",
            Self::True => "true literal",
            Self::False => "false literal",
            Self::String(_) => "string literal",
            Self::Number(_) => "number literal",
            Self::BeginArray => "'['",
            Self::EndArray => "']'",
            Self::BeginObject => "'{'",
            Self::EndObject => "'}'",
            Self::Colon => "':'",
            Self::Comma => "','",
            Self::End => "end of input",
            Self::Error(_) => "<parse error>",
        }
    }
}

/// Goes through a text.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    shown_from: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text, at: start, shown_from: start }
    }

    /// What an error shows.
    pub(super) fn last_read(&self) -> String {
        let mut shown = String::new();
        for character in self.text[self.shown_from..self.at].chars() {
            if character <= '\u{1f}' {
                write!(shown, "<U+{:04X}>", u32::from(character)).expect("a string takes it");
            } else {
                shown.push(character);
            }
        }
        shown
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn read(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
        let start = self.at;
        match self.read() {
            None | Some('\0') => Token::End,
            Some('[') => Token::BeginArray,
            Some(']') => Token::EndArray,
            Some('{') => Token::BeginObject,
            Some('}') => Token::EndObject,
            Some(':') => Token::Colon,
            Some(',') => Token::Comma,
            Some('t') => self.word("rue", Token::True),
            Some('f') => self.word("alse", Token::False),
            Some('n') => self.word("ull", Token::Null),
            Some('"') => {
                self.shown_from = start;
                self.string().map_or_else(Token::Error, Token::String)
            }
            Some('-' | '0'..='9') => {
                self.shown_from = start;
                self.at = start;
                match self.number() {
                    Ok(()) => Token::Number(self.text[start..self.at].to_owned()),
                    Err(why) => Token::Error(format!("invalid number; {why}")),
                }
            }
            Some(_) => Token::Error("invalid literal".to_owned()),
        }
    }

    fn word(&mut self, rest: &str, token: Token) -> Token {
        for expected in rest.chars() {
            if self.read() != Some(expected) {
                return Token::Error("invalid literal".to_owned());
            }
        }
        token
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some('0'..='9')) {
            self.at += 1;
        }
    }

    /// At least one digit; what stands there instead counts as read.
    fn some_digits(&mut self, why: &'static str) -> Result<(), &'static str> {
        match self.read() {
            Some('0'..='9') => {
                self.digits();
                Ok(())
            }
            _ => Err(why),
        }
    }

    fn number(&mut self) -> Result<(), &'static str> {
        if self.peek() == Some('-') {
            self.at += 1;
        }
        match self.read() {
            Some('0') => {}
            Some('1'..='9') => self.digits(),
            _ => return Err("expected digit after '-'"),
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.some_digits("expected digit after '.'")?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
                self.some_digits("expected digit after exponent sign")?;
            } else {
                self.some_digits("expected '+', '-', or digit after exponent")?;
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.read() {
                None => return Err("invalid string: missing closing quote".to_owned()),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(control @ '\0'..='\u{1f}') => return Err(control_error(control)),
                Some(character) => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        Ok(match self.read() {
            Some(plain @ ('"' | '\\' | '/')) => plain,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.code_point(),
            _ => return Err("invalid string: forbidden character after backslash".to_owned()),
        })
    }

    fn code_point(&mut self) -> Result<char, String> {
        const HIGH: &str =
            "invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF";
        let unit = self.code_unit()?;
        match unit {
            0xd800..=0xdbff => {
                if self.read() != Some('\\') || self.read() != Some('u') {
                    return Err(HIGH.to_owned());
                }
                let low = self.code_unit()?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(HIGH.to_owned());
                }
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                Ok(char::from_u32(code).expect("a pair of surrogates makes a character"))
            }
            0xdc00..=0xdfff => {
                Err("invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF"
                    .to_owned())
            }
            _ => Ok(char::from_u32(unit).expect("it is no surrogate")),
        }
    }

    fn code_unit(&mut self) -> Result<u32, String> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.read().and_then(|character| character.to_digit(16));
            let digit = digit.ok_or_else(|| {
                r"invalid string: '\u' must be followed by 4 hex digits".to_owned()
            })?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }
}

/// Why a control character cannot stand in a string.
fn control_error(control: char) -> String {
    const NAMES: [&str; 32] = [
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR",
        "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB",
        "ESC", "FS", "GS", "RS", "US",
    ];
    let code = u32::from(control);
    let name = NAMES.get(code as usize).copied().unwrap_or("");
    let short = match control {
        '\u{8}' => r" or \b",
        '\t' => r" or \t",
        '\n' => r" or \n",
        '\u{c}' => r" or \f",
        '\r' => r" or \r",
        _ => "",
    };
    format!(
        "invalid string: control character U+{code:04X} ({name}) must be escaped to \
         \\u{code:04X}{short}"
    )
}

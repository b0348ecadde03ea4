//! The bound on nesting, and the errors of the grammar: what was found and what could have been. If
//! the lexer could not read the next token, its error goes first.

use super::Parser;
use crate::error::{Result, SqlError};
use crate::lexer::{self, TokenKind};
use crate::limits;

impl Parser<'_> {
    /// Runs one more level of nesting.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= limits::NESTING_MAX {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let found = parse(self);
        self.depth -= 1;
        found
    }

    pub(super) fn too_deep(&mut self) -> SqlError {
        let message = "Resources exceeded during query execution: Not enough stack space during \
                       query parsing: the query is nested too deeply";
        SqlError::at(self.at(), message)
    }

    /// Counts operators that lean left one after another.
    pub(super) fn check_chain(&mut self, length: usize) -> Result<()> {
        if length > limits::CHAIN_MAX { Err(self.too_deep()) } else { Ok(()) }
    }

    /// The next token does not fit.
    pub(super) fn unexpected<T>(&mut self) -> Result<T> {
        let found = self.describe();
        self.fail(&format!("Syntax error: Unexpected {found}"))
    }

    /// The next token is not what must come.
    pub(super) fn expected<T>(&mut self, what: &str) -> Result<T> {
        let found = self.describe();
        self.fail(&format!("Syntax error: Expected {what} but got {found}"))
    }

    /// The language has it, and so does the service, but not this emulator.
    pub(super) fn not_implemented<T>(&mut self, what: &str) -> Result<T> {
        Err(SqlError::not_implemented(what).or_at(self.at()))
    }

    /// An error at the next token; if the lexer could not read that, its own.
    pub(super) fn fail<T>(&mut self, message: &str) -> Result<T> {
        let token = self.peek();
        Err(match token.kind {
            TokenKind::Error(error) => SqlError::at(token.start, error.message()),
            _ if self.is_word("OVER") => {
                let message = "Syntax error: OVER keyword must follow a function call";
                SqlError::at(token.start, message)
            }
            _ => SqlError::at(token.start, message),
        })
    }

    /// The next token as errors call it.
    pub(super) fn describe(&mut self) -> String {
        let token = self.peek();
        let written = self.text_of(token);
        match token.kind {
            TokenKind::Word if lexer::is_keyword(written) => {
                format!("keyword {}", written.to_ascii_uppercase())
            }
            TokenKind::Word | TokenKind::Name => format!("identifier \"{written}\""),
            TokenKind::Quoted => format!("identifier {written}"),
            TokenKind::Glued => format!("\"{written}\""),
            TokenKind::Integer => format!("integer literal \"{written}\""),
            TokenKind::Float => format!("floating point literal \"{written}\""),
            TokenKind::String => format!("string literal {}", shortened(written)),
            TokenKind::Bytes => format!("bytes literal {}", shortened(written)),
            TokenKind::Symbol(symbol) => format!("\"{symbol}\""),
            TokenKind::End => format!("end of {}", self.what),
            TokenKind::Error(_) => "illegal input".into(),
        }
    }
}

/// A literal as errors show it: of a long one the end is left out, but for its quotes.
fn shortened(literal: &str) -> String {
    const BYTES_SHOWN: usize = 50;
    let quotes = match literal.as_bytes() {
        [.., a, b, c] if a == b && b == c && literal.len() >= 6 => 3,
        _ => 1,
    };
    let mut shown = BYTES_SHOWN - quotes;
    if literal.len() <= BYTES_SHOWN || shown + quotes + 4 > literal.len() {
        return literal.to_owned();
    }
    while !literal.is_char_boundary(shown) {
        shown -= 1;
    }
    format!("{}...{}", &literal[..shown], &literal[literal.len() - quotes..])
}

//! A recursive-descent parser for GoogleSQL: text in, syntax tree out, nothing resolved. It looks
//! ahead a few tokens and never goes back, so that its time is linear; how deep it recurses is
//! bounded. Its errors are BigQuery's words at the token that does not fit.

mod alter;
mod call;
mod column;
mod create;
mod diagnostic;
mod expression;
mod from;
mod modification;
mod pipe;
mod primary;
mod query;
mod routine;
mod script;
mod select;
mod statement;
#[cfg(test)]
mod tests;
mod type_name;

use std::collections::VecDeque;

use crate::ast::{Expr, Ident, Path, Query, Script};
use crate::error::{Offset, Result, SqlError};
use crate::lexer::{self, Lexer, Token, TokenKind};
use crate::limits;

/// Reads a script: statements between semicolons.
pub(crate) fn parse_script(text: &str) -> Result<Script> {
    let mut parser = Parser::new(text, "script")?;
    let statements = parser.script()?;
    Ok(Script { statements })
}

/// Reads one query, such as the words of a view.
pub(crate) fn parse_query(text: &str) -> Result<Query> {
    let mut parser = Parser::new(text, "statement")?;
    let query = parser.query()?;
    parser.eat_symbol(";");
    parser.expect_end()?;
    Ok(query)
}

/// Reads one expression, such as the body of a function or a row filter.
pub(crate) fn parse_expression(text: &str) -> Result<Expr> {
    let mut parser = Parser::new(text, "expression")?;
    let expression = parser.expression()?;
    parser.expect_end()?;
    Ok(expression)
}

/// Reads one type.
#[cfg(test)]
pub(crate) fn parse_type(text: &str) -> Result<crate::ast::TypeExpr> {
    let mut parser = Parser::new(text, "type")?;
    let found = parser.type_expression()?;
    parser.expect_end()?;
    Ok(found)
}

/// The state of a parse: the lexer, the tokens that were looked at but not taken, and how deep it
/// is.
struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    ahead: VecDeque<Token>,
    /// One past the last token taken.
    last_end: Offset,
    depth: usize,
    /// How many lists of statements are open.
    blocks: usize,
    /// Positional parameters so far.
    parameters: usize,
    /// What errors call the end of the text: `end of script`.
    what: &'static str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, what: &'static str) -> Result<Self> {
        if text.len() > limits::TEXT_BYTES_MAX {
            return Err(SqlError::new(
                crate::Reason::Invalid,
                "The query is too large. The maximum standard SQL query length is 1024.00K \
                 characters, including comments and white space characters.",
            ));
        }
        Ok(Self {
            text,
            lexer: Lexer::new(text),
            ahead: VecDeque::new(),
            last_end: 0,
            depth: 0,
            blocks: 0,
            parameters: 0,
            what,
        })
    }

    // Looking.

    fn peek_nth(&mut self, nth: usize) -> Token {
        while self.ahead.len() <= nth {
            let token = self.lexer.next_token();
            self.ahead.push_back(token);
        }
        self.ahead[nth]
    }

    fn peek(&mut self) -> Token {
        self.peek_nth(0)
    }

    /// The place of the next token.
    fn at(&mut self) -> Offset {
        self.peek().start
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start as usize..token.end as usize]
    }

    /// Whether the token so many places ahead is this word without backticks, in any case.
    fn nth_is_word(&mut self, nth: usize, word: &str) -> bool {
        let token = self.peek_nth(nth);
        token.kind == TokenKind::Word && self.text_of(token).eq_ignore_ascii_case(word)
    }

    fn is_word(&mut self, word: &str) -> bool {
        self.nth_is_word(0, word)
    }

    fn is_any_word(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// Whether these words come next, one after another.
    fn are_words(&mut self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(nth, word)| self.nth_is_word(nth, word))
    }

    fn nth_is_symbol(&mut self, nth: usize, symbol: &str) -> bool {
        matches!(self.peek_nth(nth).kind, TokenKind::Symbol(found) if found == symbol)
    }

    fn is_symbol(&mut self, symbol: &str) -> bool {
        self.nth_is_symbol(0, symbol)
    }

    /// Whether the token so many places ahead can be an identifier.
    fn nth_is_identifier(&mut self, nth: usize) -> bool {
        let token = self.peek_nth(nth);
        match token.kind {
            TokenKind::Name | TokenKind::Quoted => true,
            TokenKind::Word => !lexer::is_reserved(self.text_of(token)),
            _ => false,
        }
    }

    /// Whether a query comes next: `SELECT`, `WITH`, `FROM`. `WITH(` begins an expression.
    fn is_query_start(&mut self) -> bool {
        self.is_word("SELECT")
            || self.is_word("FROM")
            || (self.is_word("WITH") && !self.nth_is_symbol(1, "("))
    }

    /// Whether an expression can begin with the next token.
    fn is_expression_start(&mut self) -> bool {
        const STARTS: [&str; 19] = [
            "ARRAY", "CASE", "CAST", "COLLATE", "EXISTS", "EXTRACT", "FALSE", "GROUPING", "IF",
            "INTERVAL", "LEFT", "NEW", "NOT", "NULL", "RANGE", "RIGHT", "STRUCT", "TRUE", "WITH",
        ];
        let token = self.peek();
        match token.kind {
            TokenKind::Word if lexer::is_reserved(self.text_of(token)) => self.is_any_word(&STARTS),
            TokenKind::Symbol(symbol) => {
                matches!(symbol, "(" | "[" | "?" | "@" | "@@" | "-" | "+" | "~" | "*")
            }
            TokenKind::End | TokenKind::Error(_) | TokenKind::Glued => false,
            _ => true,
        }
    }

    // Taking.

    fn take(&mut self) -> Token {
        let token = self.peek();
        self.ahead.pop_front();
        self.last_end = token.end;
        token
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.take();
        }
        found
    }

    /// Takes these words if they all come next.
    fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = self.are_words(words);
        if found {
            words.iter().for_each(|_| {
                self.take();
            });
        }
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.take();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { self.expected(&format!("keyword {word}")) }
    }

    fn expect_words(&mut self, words: &[&str]) -> Result<()> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { self.expected(&format!("\"{symbol}\"")) }
    }

    fn expect_end(&mut self) -> Result<()> {
        if self.peek().kind == TokenKind::End { Ok(()) } else { self.expected("end of input") }
    }

    /// Takes the `>` that closes a type; the first half of `>>` does as well.
    fn expect_closing_angle(&mut self) -> Result<()> {
        if self.is_symbol(">>") {
            let token = &mut self.ahead[0];
            *token = Token { kind: TokenKind::Symbol(">"), start: token.start + 1, ..*token };
            self.last_end = token.start;
            return Ok(());
        }
        self.expect_symbol(">")
    }

    /// An identifier; reserved keywords are none.
    fn identifier(&mut self) -> Result<Ident> {
        if self.nth_is_identifier(0) { self.any_word() } else { self.unexpected() }
    }

    /// An identifier that may be a reserved keyword, as after `@` or a dot.
    fn any_word(&mut self) -> Result<Ident> {
        let token = self.peek();
        let (name, quoted) = match token.kind {
            TokenKind::Word | TokenKind::Name => (self.text_of(token).to_owned(), false),
            TokenKind::Quoted => {
                (lexer::decode_identifier(self.text_of(token), token.start)?, true)
            }
            _ => return self.unexpected(),
        };
        self.take();
        Ok(Ident { name, quoted, at: token.start })
    }

    /// A dotted name.
    fn path(&mut self) -> Result<Path> {
        let at = self.at();
        let first = self.identifier()?;
        self.path_after(first, at)
    }

    /// The rest of a dotted name: `.*` is left alone.
    fn path_after(&mut self, first: Ident, at: Offset) -> Result<Path> {
        let mut parts = vec![first];
        while self.is_symbol(".") && self.nth_is_path_part(1) {
            self.take();
            parts.push(self.any_word()?);
        }
        Ok(Path { parts, at })
    }

    fn nth_is_path_part(&mut self, nth: usize) -> bool {
        matches!(self.peek_nth(nth).kind, TokenKind::Word | TokenKind::Name | TokenKind::Quoted)
    }

    /// The name of a table, a routine or a dataset, whose project may have dashes without
    /// backticks.
    fn table_path(&mut self) -> Result<Path> {
        let at = self.at();
        let mut first = self.identifier()?;
        if !first.quoted && self.is_symbol("-") && self.at() == self.last_end {
            first.name = self.dashed(at)?;
        }
        let path = self.path_after(first, at)?;
        if self.eat_symbol(".") || (path.parts.len() == 1 && self.is_symbol("-")) {
            return self.unexpected();
        }
        Ok(path)
    }

    /// The rest of a name with dashes, read from the text itself: its parts may look like numbers.
    fn dashed(&mut self, at: Offset) -> Result<String> {
        let mut end = self.last_end as usize;
        let bytes = self.text.as_bytes();
        while bytes.get(end) == Some(&b'-') {
            let length = lexer::word_length(&bytes[end + 1..]);
            end += 1 + length;
            if length == 0 {
                self.resume_at(end);
                return self.unexpected();
            }
        }
        self.resume_at(end);
        Ok(self.text[at as usize..end].to_owned())
    }

    /// Goes on at a place of the text, behind an identifier, whatever was looked at before.
    fn resume_at(&mut self, end: usize) {
        let boundary = Offset::try_from(end).unwrap_or(Offset::MAX);
        self.ahead.clear();
        self.lexer.resume_after_identifier(boundary);
        self.last_end = boundary;
    }

    /// Identifiers between commas.
    fn identifiers(&mut self) -> Result<Vec<Ident>> {
        let mut found = vec![self.identifier()?];
        while self.eat_symbol(",") {
            found.push(self.identifier()?);
        }
        Ok(found)
    }

    /// `(a, b)`
    fn identifier_list(&mut self) -> Result<Vec<Ident>> {
        self.expect_symbol("(")?;
        self.list_until_parenthesis(Self::identifier)
    }

    /// Items between commas up to the closing parenthesis, at least one.
    fn list_until_parenthesis<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = vec![item(self)?];
        while self.eat_symbol(",") {
            found.push(item(self)?);
        }
        if !self.eat_symbol(")") {
            return self.expected("\")\" or \",\"");
        }
        Ok(found)
    }

    /// `AS name`, or a name alone.
    fn alias(&mut self) -> Result<Option<Ident>> {
        if self.eat_word("AS") || self.nth_is_identifier(0) {
            return self.identifier().map(Some);
        }
        Ok(None)
    }

    /// `AS name` alone.
    fn explicit_alias(&mut self) -> Result<Option<Ident>> {
        if self.eat_word("AS") { self.identifier().map(Some) } else { Ok(None) }
    }

    /// Skips `@{…}` and `@5`: the service has no hints.
    fn skip_hint(&mut self) -> Result<()> {
        if !self.is_symbol("@") {
            return Ok(());
        }
        if self.peek_nth(1).kind == TokenKind::Integer {
            self.take();
            self.take();
        }
        if !self.nth_is_symbol(1, "{") {
            return Ok(());
        }
        self.take();
        self.take();
        loop {
            self.path()?;
            self.expect_symbol("=")?;
            self.expression()?;
            if self.eat_symbol("}") {
                return Ok(());
            }
            if !self.eat_symbol(",") {
                return self.expected("\",\" or \"}\"");
            }
        }
    }

    /// The value of a string literal, with those that follow it.
    fn string_literal(&mut self) -> Result<String> {
        if self.peek().kind != TokenKind::String {
            return self.unexpected();
        }
        let mut value = String::new();
        while let token @ Token { kind: TokenKind::String | TokenKind::Bytes, .. } = self.peek() {
            self.check_concatenation(token, TokenKind::String, value.is_empty())?;
            self.take();
            value.push_str(&lexer::decode_string(self.text_of(token), token.start)?);
        }
        Ok(value)
    }

    /// Literals one after another are one, if white space parts them and they are of one kind.
    fn check_concatenation(&self, token: Token, kind: TokenKind, first: bool) -> Result<()> {
        if token.kind != kind {
            let message = "Syntax error: string and bytes literals cannot be concatenated.";
            return Err(SqlError::at(token.start, message));
        }
        if !first && token.start == self.last_end {
            let message = "Syntax error: concatenated string literals must be separated by \
                           whitespace or comments";
            return Err(SqlError::at(token.start, message));
        }
        Ok(())
    }
}

//! Scripts: statements between semicolons, variables, control flow, blocks with labels and
//! exceptions, transactions, `CALL` and `EXECUTE IMMEDIATE`.

use super::Parser;
use crate::ast::{ConditionalBlock, Ident, Statement, StatementKind};
use crate::error::{Result, SqlError};
use crate::lexer::TokenKind;

/// Words that end a list of statements.
const LIST_ENDS: [&str; 6] = ["END", "ELSE", "ELSEIF", "WHEN", "UNTIL", "EXCEPTION"];

impl Parser<'_> {
    /// The whole text as statements.
    pub(super) fn script(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        while self.peek().kind != TokenKind::End {
            statements.push(self.statement()?);
            if !self.eat_symbol(";") {
                self.expect_end()?;
            }
        }
        Ok(statements)
    }

    pub(super) fn is_statement_end(&mut self) -> bool {
        self.peek().kind == TokenKind::End || self.is_symbol(";")
    }

    /// What must follow a statement: within a block that is a semicolon.
    pub(super) fn statement_separator(&self) -> &'static str {
        if self.blocks > 0 { "\";\"" } else { "end of input" }
    }

    /// Statements, each with its semicolon, up to a word that ends them.
    fn statements(&mut self) -> Result<Vec<Statement>> {
        self.blocks += 1;
        let mut statements = Vec::new();
        while !self.is_any_word(&LIST_ENDS) {
            statements.push(self.statement()?);
            self.expect_symbol(";")?;
        }
        self.blocks -= 1;
        Ok(statements)
    }

    /// A statement of the scripting language, if its first words say so.
    pub(super) fn scripting_statement(&mut self) -> Result<Option<StatementKind>> {
        let token = self.peek();
        let labelled = self.nth_is_identifier(0)
            && self.nth_is_symbol(1, ":")
            && ["BEGIN", "LOOP", "WHILE", "REPEAT", "FOR"]
                .iter()
                .any(|word| self.nth_is_word(2, word));
        let mut label = None;
        if labelled {
            label = Some(self.identifier()?);
            self.take();
        } else if token.kind != TokenKind::Word {
            return Ok(None);
        }
        let first = self.peek();
        Ok(Some(match self.text_of(first).to_ascii_uppercase().as_str() {
            "BEGIN" if label.is_none() && self.begins_transaction() => self.begin_transaction(),
            "BEGIN" => self.begin(label)?,
            "LOOP" => self.loop_statement(label)?,
            "WHILE" => self.while_statement(label)?,
            "REPEAT" => self.repeat(label)?,
            "FOR" => self.for_statement(label)?,
            "DECLARE" => self.declare()?,
            "SET" => self.set()?,
            "IF" => self.if_statement()?,
            "CASE" => self.case_statement()?,
            "BREAK" | "LEAVE" => {
                self.take();
                StatementKind::Break(self.jump_label()?)
            }
            "CONTINUE" | "ITERATE" => {
                self.take();
                StatementKind::Continue(self.jump_label()?)
            }
            "RETURN" => {
                self.take();
                StatementKind::Return
            }
            "RAISE" => self.raise()?,
            "CALL" => self.call_statement()?,
            "EXECUTE" => self.execute_immediate()?,
            "START" if self.nth_is_word(1, "TRANSACTION") => self.begin_transaction(),
            "COMMIT" => self.transaction_end(StatementKind::CommitTransaction),
            "ROLLBACK" => self.transaction_end(StatementKind::RollbackTransaction),
            _ => return Ok(None),
        }))
    }

    fn jump_label(&mut self) -> Result<Option<Ident>> {
        if self.nth_is_identifier(0) { self.identifier().map(Some) } else { Ok(None) }
    }

    fn begins_transaction(&mut self) -> bool {
        self.nth_is_word(1, "TRANSACTION")
            || self.nth_is_symbol(1, ";")
            || self.peek_nth(1).kind == TokenKind::End
    }

    fn begin_transaction(&mut self) -> StatementKind {
        self.transaction_end(StatementKind::BeginTransaction)
    }

    /// A word and perhaps `TRANSACTION`.
    fn transaction_end(&mut self, kind: StatementKind) -> StatementKind {
        self.take();
        self.eat_word("TRANSACTION");
        kind
    }

    /// A block as a statement of its own: the body of a procedure.
    pub(super) fn block(&mut self) -> Result<Statement> {
        self.nested(|parser| {
            let at = parser.at();
            let kind = parser.begin(None)?;
            Ok(Statement { kind, at, end: parser.last_end })
        })
    }

    /// `BEGIN … [EXCEPTION WHEN ERROR THEN …] END`
    fn begin(&mut self, label: Option<Ident>) -> Result<StatementKind> {
        self.take();
        let body = self.statements()?;
        let mut exception = None;
        if self.eat_word("EXCEPTION") {
            self.expect_words(&["WHEN", "ERROR", "THEN"])?;
            exception = Some(self.statements()?);
        }
        if !self.eat_word("END") {
            return self.unexpected();
        }
        self.end_label(label.as_ref())?;
        Ok(StatementKind::Begin { label, body, exception })
    }

    /// `END LOOP [label]` and its kind.
    fn end_of(&mut self, word: &str, label: Option<&Ident>) -> Result<()> {
        if word == "REPEAT" {
            self.expect_word("END")?;
        } else if !self.eat_word("END") {
            return self.unexpected();
        }
        self.expect_word(word)?;
        self.end_label(label)
    }

    /// The label after an end is that of its beginning.
    fn end_label(&mut self, label: Option<&Ident>) -> Result<()> {
        if !self.nth_is_identifier(0) {
            return Ok(());
        }
        let Some(label) = label else { return Ok(()) };
        let found = self.identifier()?;
        if found.name.eq_ignore_ascii_case(&label.name) {
            return Ok(());
        }
        let message = format!("Mismatched end label; expected {}, got {}", label.name, found.name);
        Err(SqlError::at(found.at, message))
    }

    fn loop_statement(&mut self, label: Option<Ident>) -> Result<StatementKind> {
        self.take();
        let body = self.statements()?;
        self.end_of("LOOP", label.as_ref())?;
        Ok(StatementKind::Loop { label, body })
    }

    fn while_statement(&mut self, label: Option<Ident>) -> Result<StatementKind> {
        self.take();
        let condition = self.expression()?;
        self.expect_word("DO")?;
        let body = self.statements()?;
        self.end_of("WHILE", label.as_ref())?;
        Ok(StatementKind::While { label, condition, body })
    }

    fn repeat(&mut self, label: Option<Ident>) -> Result<StatementKind> {
        self.take();
        let body = self.statements()?;
        self.expect_word("UNTIL")?;
        let until = self.expression()?;
        self.end_of("REPEAT", label.as_ref())?;
        Ok(StatementKind::Repeat { label, body, until })
    }

    /// `FOR name IN (query) DO … END FOR`
    fn for_statement(&mut self, label: Option<Ident>) -> Result<StatementKind> {
        self.take();
        let name = self.identifier()?;
        self.expect_word("IN")?;
        self.expect_symbol("(")?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        self.expect_word("DO")?;
        let body = self.statements()?;
        self.end_of("FOR", label.as_ref())?;
        Ok(StatementKind::For { label, name, query, body })
    }

    fn if_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let mut branches = vec![self.conditional_block()?];
        while self.eat_word("ELSEIF") {
            branches.push(self.conditional_block()?);
        }
        let otherwise = if self.eat_word("ELSE") { Some(self.statements()?) } else { None };
        self.end_of("IF", None)?;
        Ok(StatementKind::If { branches, otherwise })
    }

    /// `condition THEN statements`
    fn conditional_block(&mut self) -> Result<ConditionalBlock> {
        let condition = self.expression()?;
        self.expect_word("THEN")?;
        let body = self.statements()?;
        Ok(ConditionalBlock { condition, body })
    }

    /// `CASE [operand] WHEN … THEN statements … END CASE`
    fn case_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let operand = if self.is_word("WHEN") { None } else { Some(self.expression()?) };
        self.expect_word("WHEN")?;
        let mut branches = vec![self.conditional_block()?];
        while self.eat_word("WHEN") {
            branches.push(self.conditional_block()?);
        }
        let otherwise = if self.eat_word("ELSE") { Some(self.statements()?) } else { None };
        self.end_of("CASE", None)?;
        Ok(StatementKind::Case { operand, branches, otherwise })
    }

    /// `DECLARE a, b type [DEFAULT value]`, `DECLARE a DEFAULT value`
    fn declare(&mut self) -> Result<StatementKind> {
        self.take();
        let names = self.identifiers()?;
        let declared = if self.is_word("DEFAULT") { None } else { Some(self.type_expression()?) };
        let default = if self.eat_word("DEFAULT") { Some(self.expression()?) } else { None };
        Ok(StatementKind::Declare { names, declared, default })
    }

    /// `SET a = …`, `SET (a, b) = …`, `SET @@x = …`
    fn set(&mut self) -> Result<StatementKind> {
        self.take();
        let at = self.at();
        if self.is_symbol("@@") {
            let name = self.system_variable()?;
            self.expect_symbol("=")?;
            let value = self.expression()?;
            let names = vec![Ident { name, quoted: false, at }];
            return Ok(StatementKind::Set { names, system: true, value, grouped: false });
        }
        let grouped = self.eat_symbol("(");
        if grouped && self.is_symbol(")") {
            return self.fail("Parenthesized SET statement requires a variable list");
        }
        let names = if grouped { self.identifiers()? } else { vec![self.identifier()?] };
        if grouped {
            self.expect_symbol(")")?;
        }
        if self.is_symbol(",") {
            return Err(SqlError::at(
                at,
                "Using SET with multiple variables requires parentheses around the variable list",
            ));
        }
        if !self.eat_symbol("=") {
            return self.expected(if grouped { "\"=\"" } else { "\",\" or \"=\"" });
        }
        let value = self.expression()?;
        Ok(StatementKind::Set { names, system: false, value, grouped })
    }

    /// `RAISE [USING MESSAGE = …]`
    fn raise(&mut self) -> Result<StatementKind> {
        self.take();
        if !self.eat_word("USING") {
            return Ok(StatementKind::Raise(None));
        }
        self.expect_word("MESSAGE")?;
        self.expect_symbol("=")?;
        self.expression().map(|message| StatementKind::Raise(Some(message)))
    }

    /// `CALL procedure(…)`
    fn call_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let name = self.table_path()?;
        if !self.eat_symbol("(") {
            return self.expected("\"(\" or \".\"");
        }
        let mut args = Vec::new();
        if !self.eat_symbol(")") {
            args = self.list_until_parenthesis(Self::expression)?;
        }
        Ok(StatementKind::Call { name, args })
    }

    /// `EXECUTE IMMEDIATE sql [INTO a, b] [USING value [AS name], …]`
    fn execute_immediate(&mut self) -> Result<StatementKind> {
        self.take();
        self.expect_word("IMMEDIATE")?;
        let sql = self.expression()?;
        let into = if self.eat_word("INTO") { self.identifiers()? } else { Vec::new() };
        let mut using = Vec::new();
        if self.eat_word("USING") {
            loop {
                let value = self.expression()?;
                using.push((value, self.explicit_alias()?));
                if !self.eat_symbol(",") {
                    break;
                }
            }
        }
        Ok(StatementKind::ExecuteImmediate { sql, into, using })
    }

    /// `ASSERT condition [AS 'description']`
    pub(super) fn assert_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let condition = self.expression()?;
        let mut description = None;
        if self.eat_word("AS") {
            if self.peek().kind != TokenKind::String {
                return self.expected("string literal");
            }
            description = Some(self.string_literal()?);
        }
        Ok(StatementKind::Assert { condition, description })
    }
}

//! One statement: which kind it is, by its first words.

use super::Parser;
use crate::ast::{OptionItem, Statement, StatementKind};
use crate::error::Result;

impl Parser<'_> {
    /// A statement, without the semicolon after it.
    pub(super) fn statement(&mut self) -> Result<Statement> {
        self.nested(|parser| {
            parser.skip_hint()?;
            let at = parser.at();
            let kind = parser.statement_kind()?;
            Ok(Statement { kind, at, end: parser.last_end })
        })
    }

    fn statement_kind(&mut self) -> Result<StatementKind> {
        if self.is_query_start() || self.is_symbol("(") {
            return self.query().map(StatementKind::Query);
        }
        if let Some(scripting) = self.scripting_statement()? {
            return Ok(scripting);
        }
        let token = self.peek();
        match self.text_of(token).to_ascii_uppercase().as_str() {
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "MERGE" => self.merge(),
            "TRUNCATE" => self.truncate(),
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_statement(),
            "UNDROP" => self.undrop(),
            "EXPORT" => self.export(),
            "LOAD" => self.load_data(),
            "GRANT" => self.grant(false),
            "REVOKE" => self.grant(true),
            "ASSERT" => self.assert_statement(),
            _ => self.unexpected(),
        }
    }

    /// `OPTIONS(name = value, …)`, or nothing.
    pub(super) fn options_if_any(&mut self) -> Result<Vec<OptionItem>> {
        if !(self.is_word("OPTIONS") && self.nth_is_symbol(1, "(")) {
            return Ok(Vec::new());
        }
        self.options()
    }

    /// `OPTIONS(name = value, …)`
    pub(super) fn options(&mut self) -> Result<Vec<OptionItem>> {
        self.expect_word("OPTIONS")?;
        self.option_list()
    }

    /// `(name = value, …)`
    pub(super) fn option_list(&mut self) -> Result<Vec<OptionItem>> {
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok(Vec::new());
        }
        self.list_until_parenthesis(|parser| {
            let name = parser.identifier()?;
            if !["=", "+=", "-="].iter().any(|sign| parser.is_symbol(sign)) {
                return parser.expected("\"=\"");
            }
            parser.take();
            let value = parser.expression()?;
            Ok(OptionItem { name, value })
        })
    }
}

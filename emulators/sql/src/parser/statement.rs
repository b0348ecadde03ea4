//! One statement: which kind it is, by its first words.

use super::Parser;
use crate::ast::{OptionItem, Statement, StatementKind};
use crate::error::Result;

/// Statements of the language that the service does not have, by their first word.
const UNSUPPORTED: [(&str, &str); 8] = [
    ("ANALYZE", "Analyze"),
    ("DEFINE", "DefineTable"),
    ("DESCRIBE", "Describe"),
    ("EXPLAIN", "Explain"),
    ("IMPORT", "Import"),
    ("MODULE", "Module"),
    ("RENAME", "Rename"),
    ("SHOW", "Show"),
];

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
            "GRAPH" => self.not_implemented("GRAPH"),
            word => match UNSUPPORTED.iter().find(|(first, _)| *first == word) {
                Some((_, statement)) => {
                    self.fail(&format!("Statement not supported: {statement}Statement"))
                }
                None => self.unexpected(),
            },
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
        if !self.nth_is_identifier(0) {
            return self.expected("\")\"");
        }
        let mut options = Vec::new();
        loop {
            let name = self.identifier()?;
            if !["=", "+=", "-="].iter().any(|sign| self.is_symbol(sign)) {
                return self.expected("\"=\"");
            }
            self.take();
            let value = self.expression()?;
            options.push(OptionItem { name, value });
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(options)
    }
}

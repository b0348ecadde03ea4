//! The columns and constraints of tables as they are defined.

use super::Parser;
use crate::ast::{ColumnDefinition, DefaultValue, Ident, TableConstraint};
use crate::error::Result;

impl Parser<'_> {
    /// `(column, …, constraint, …)`; a comma may trail.
    pub(super) fn table_elements(
        &mut self,
    ) -> Result<(Vec<ColumnDefinition>, Vec<TableConstraint>)> {
        self.expect_symbol("(")?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        loop {
            let empty = columns.is_empty() && constraints.is_empty();
            if self.is_symbol(")") || !(empty || self.nth_is_identifier(0) || self.is_symbol(",")) {
                break;
            }
            if !empty && self.is_symbol(",") {
                // Commas may stand one after another.
            } else if self.is_table_constraint() {
                constraints.push(self.table_constraint()?);
            } else {
                columns.push(self.column_definition(&mut constraints)?);
            }
            if !self.eat_symbol(",") {
                break;
            }
        }
        if columns.is_empty() && self.is_symbol(")") {
            return self.fail("A table must define at least one column.");
        }
        if !self.eat_symbol(")") {
            return self.expected("\")\" or \",\"");
        }
        Ok((columns, constraints))
    }

    fn is_table_constraint(&mut self) -> bool {
        const KINDS: [&str; 3] = ["PRIMARY", "FOREIGN", "CHECK"];
        (self.is_word("CONSTRAINT") && KINDS.iter().any(|word| self.nth_is_word(2, word)))
            || self.are_words(&["PRIMARY", "KEY"])
            || self.are_words(&["FOREIGN", "KEY"])
    }

    /// `[CONSTRAINT name] {PRIMARY KEY (…) | FOREIGN KEY (…) REFERENCES …} [NOT ENFORCED]`
    pub(super) fn table_constraint(&mut self) -> Result<TableConstraint> {
        let mut name = None;
        if self.eat_word("CONSTRAINT") {
            if self.eat_word("IF") {
                self.expect_words(&["NOT", "EXISTS"])?;
            }
            name = Some(self.identifier()?);
        }
        if self.eat_word("PRIMARY") {
            self.expect_word("KEY")?;
            let columns = self.identifier_list()?;
            self.enforcement()?;
            return Ok(TableConstraint::PrimaryKey { name, columns });
        }
        if !self.eat_word("FOREIGN") {
            return self.expected("keyword CHECK or keyword FOREIGN or keyword PRIMARY");
        }
        self.expect_word("KEY")?;
        let columns = self.identifier_list()?;
        self.expect_word("REFERENCES")?;
        self.foreign_key(name, columns)
    }

    fn foreign_key(&mut self, name: Option<Ident>, columns: Vec<Ident>) -> Result<TableConstraint> {
        let references = self.table_path()?;
        if !self.is_symbol("(") {
            return self.expected("\"(\" or \".\"");
        }
        let referenced = self.identifier_list()?;
        self.enforcement()?;
        Ok(TableConstraint::ForeignKey { name, columns, references, referenced })
    }

    /// `NOT ENFORCED`, which is all that there is; `ENFORCED` is refused.
    fn enforcement(&mut self) -> Result<()> {
        if self.is_word("ENFORCED") {
            return self.fail("Enforced constraints are not supported; use NOT ENFORCED");
        }
        self.eat_words(&["NOT", "ENFORCED"]);
        Ok(())
    }

    pub(super) fn default_value(&mut self) -> Result<DefaultValue> {
        let from = self.at();
        let value = self.expression()?;
        Ok(DefaultValue { value, from, to: self.last_end })
    }

    /// A column; a reference to another table becomes a constraint.
    pub(super) fn column_definition(
        &mut self,
        constraints: &mut Vec<TableConstraint>,
    ) -> Result<ColumnDefinition> {
        let name = self.identifier()?;
        if self.eat_word("AS") && !self.is_symbol("(") {
            return self.expected("\"(\" or keyword IDENTITY");
        }
        let column_type = Some(self.type_expression()?);
        let collation = self.collation()?;
        let mut column = ColumnDefinition {
            name,
            column_type,
            not_null: false,
            default: None,
            collation,
            options: Vec::new(),
            primary_key: false,
        };
        let generated = self.is_any_word(&["AS", "GENERATED"]);
        if self.eat_word("AS") && !self.is_symbol("(") {
            return self.expected("\"(\" or keyword IDENTITY");
        }
        if generated {
            return self.not_implemented("a generated column");
        }
        if self.eat_word("DEFAULT") {
            column.default = Some(self.default_value()?);
        }
        while self.column_attribute(&mut column, constraints)? {}
        if column.default.is_none() && !column.not_null && self.eat_word("DEFAULT") {
            column.default = Some(self.default_value()?);
            while self.column_attribute(&mut column, constraints)? {}
        }
        column.options = self.statement_options()?;
        Ok(column)
    }

    /// One of `NOT NULL`, `PRIMARY KEY`, `REFERENCES table(column)`, if there is one.
    fn column_attribute(
        &mut self,
        column: &mut ColumnDefinition,
        constraints: &mut Vec<TableConstraint>,
    ) -> Result<bool> {
        if self.eat_word("NOT") {
            self.expect_word("NULL")?;
            column.not_null = true;
            return Ok(true);
        }
        if self.eat_word("PRIMARY") {
            self.expect_word("KEY")?;
            self.enforcement()?;
            column.primary_key = true;
            return Ok(true);
        }
        let mut name = None;
        if self.eat_word("CONSTRAINT") {
            name = Some(self.identifier()?);
            if !self.is_word("REFERENCES") {
                return self.expected("keyword REFERENCES");
            }
        }
        let references = self.eat_word("REFERENCES");
        if references {
            constraints.push(self.foreign_key(name, vec![column.name.clone()])?);
        }
        Ok(references)
    }
}

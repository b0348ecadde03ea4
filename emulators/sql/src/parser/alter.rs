//! `ALTER`, `DROP`, `UNDROP`, and what moves data or rights: `EXPORT`, `LOAD DATA`, `GRANT`,
//! `REVOKE`.

use super::Parser;
use crate::ast::{
    AlterAction, AlterColumnAction, AlterTarget, DropKind, ExportData, IfExists, LoadData,
    StatementKind,
};
use crate::error::Result;

/// Objects that the service can alter and the tree has no node for.
const OTHER_ALTERED: [&[&str]; 10] = [
    &["ORGANIZATION"],
    &["PROJECT"],
    &["BI_CAPACITY"],
    &["CAPACITY"],
    &["RESERVATION"],
    &["ASSIGNMENT"],
    &["MODEL"],
    &["SEARCH", "INDEX"],
    &["VECTOR", "INDEX"],
    &["DATA_POLICY"],
];

/// Objects that the language can only create and drop.
const REFUSED_ALTERED: [&[&str]; 8] = [
    &["AGGREGATE", "FUNCTION"],
    &["CONSTANT"],
    &["EXTERNAL", "TABLE"],
    &["FUNCTION"],
    &["INDEX"],
    &["PROCEDURE"],
    &["SNAPSHOT", "TABLE"],
    &["TABLE", "FUNCTION"],
];

/// Objects that the service can drop and the tree has no node for.
const OTHER_DROPPED: [&[&str]; 10] = [
    &["MODEL"],
    &["SEARCH", "INDEX"],
    &["VECTOR", "INDEX"],
    &["EXTERNAL", "SCHEMA"],
    &["PROPERTY", "GRAPH"],
    &["CAPACITY"],
    &["RESERVATION"],
    &["ASSIGNMENT"],
    &["CONNECTION"],
    &["DATA_POLICY"],
];

/// What must follow the first word of an object's kind.
const AFTER_FIRST_WORD: [(&str, &str); 6] = [
    ("EXTERNAL", "keyword SCHEMA or keyword TABLE"),
    ("MATERIALIZED", "keyword VIEW"),
    ("ROW", "keyword ACCESS"),
    ("SEARCH", "keyword INDEX"),
    ("SNAPSHOT", "keyword TABLE"),
    ("VECTOR", "keyword INDEX"),
];

const DROPPED: [(&[&str], DropKind); 10] = [
    (&["TABLE", "FUNCTION"], DropKind::TableFunction),
    (&["TABLE"], DropKind::Table),
    (&["EXTERNAL", "TABLE"], DropKind::ExternalTable),
    (&["SNAPSHOT", "TABLE"], DropKind::SnapshotTable),
    (&["VIEW"], DropKind::View),
    (&["MATERIALIZED", "VIEW"], DropKind::MaterializedView),
    (&["SCHEMA"], DropKind::Schema),
    (&["FUNCTION"], DropKind::Function),
    (&["PROCEDURE"], DropKind::Procedure),
    (&["ROW", "ACCESS", "POLICY"], DropKind::RowAccessPolicy),
];

impl Parser<'_> {
    pub(super) fn alter(&mut self) -> Result<StatementKind> {
        self.take();
        let target = if self.is_word("TABLE") && !self.nth_is_word(1, "FUNCTION") {
            self.take();
            AlterTarget::Table
        } else if self.eat_word("VIEW") {
            AlterTarget::View
        } else if self.eat_words(&["MATERIALIZED", "VIEW"]) {
            AlterTarget::MaterializedView
        } else if self.eat_word("SCHEMA") {
            AlterTarget::Schema
        } else {
            let refused = REFUSED_ALTERED.iter().find(|words| self.are_words(words));
            if let Some(words) = refused {
                return self.fail(&format!("ALTER {} is not supported", words.join(" ")));
            }
            return self.other_object("ALTER", &OTHER_ALTERED, &AFTER_FIRST_WORD);
        };
        let if_exists = self.if_exists()?;
        let path = self.table_path()?;
        let replica = self.nth_is_word(1, "REPLICA");
        if target == AlterTarget::Schema && replica && self.is_any_word(&["ADD", "DROP"]) {
            self.skip_statement()?;
            return Ok(StatementKind::Other { what: "ALTER SCHEMA … REPLICA".into() });
        }
        let mut actions = vec![self.alter_action()?];
        while self.eat_symbol(",") {
            actions.push(self.alter_action()?);
        }
        Ok(StatementKind::Alter { target, if_exists, path, actions })
    }

    /// `IF EXISTS`, or nothing.
    fn if_exists(&mut self) -> Result<IfExists> {
        if self.eat_word("IF") {
            self.expect_word("EXISTS")?;
            return Ok(IfExists::Lenient);
        }
        Ok(IfExists::Plain)
    }

    /// `IF NOT EXISTS`, or nothing.
    fn unless_exists(&mut self) -> Result<IfExists> {
        if self.eat_word("IF") {
            self.expect_words(&["NOT", "EXISTS"])?;
            return Ok(IfExists::Lenient);
        }
        Ok(IfExists::Plain)
    }

    fn alter_action(&mut self) -> Result<AlterAction> {
        if self.eat_word("SET") {
            if self.is_word("DEFAULT") {
                let collation = self.default_collation()?.unwrap_or_default();
                return Ok(AlterAction::SetDefaultCollation(collation));
            }
            if !self.is_word("OPTIONS") {
                return self
                    .expected("keyword AS or keyword DEFAULT or keyword ON or keyword OPTIONS");
            }
            return self.options().map(AlterAction::SetOptions);
        }
        if self.eat_word("ADD") {
            return self.alter_add();
        }
        if self.eat_word("DROP") {
            return self.alter_drop();
        }
        if self.eat_word("RENAME") {
            return self.alter_rename();
        }
        if self.eat_word("ALTER") {
            if !self.eat_word("COLUMN") {
                return self.expected(
                    "identifier or keyword COLUMN or keyword CONSTRAINT or keyword REPLICA",
                );
            }
            return self.alter_column();
        }
        self.unexpected()
    }

    fn alter_add(&mut self) -> Result<AlterAction> {
        if self.eat_word("COLUMN") {
            let exists = self.unless_exists()?;
            let mut constraints = Vec::new();
            let column = self.column_definition(&mut constraints)?;
            if !constraints.is_empty() {
                return self.not_implemented("REFERENCES of an added column");
            }
            return Ok(AlterAction::AddColumn { exists, column });
        }
        if self.is_any_word(&["CONSTRAINT", "PRIMARY", "FOREIGN"]) {
            return self.table_constraint().map(AlterAction::AddConstraint);
        }
        self.unsupported("nested object type")
    }

    fn alter_drop(&mut self) -> Result<AlterAction> {
        if self.eat_word("COLUMN") {
            let exists = self.if_exists()?;
            return Ok(AlterAction::DropColumn { exists, name: self.identifier()? });
        }
        if self.eat_word("CONSTRAINT") {
            let exists = self.if_exists()?;
            let name = Some(self.identifier()?);
            return Ok(AlterAction::DropConstraint { exists, name, primary_key: false });
        }
        if self.eat_word("PRIMARY") {
            self.expect_word("KEY")?;
            let exists = self.if_exists()?;
            return Ok(AlterAction::DropConstraint { exists, name: None, primary_key: true });
        }
        self.unsupported("nested object type")
    }

    fn alter_rename(&mut self) -> Result<AlterAction> {
        if self.eat_word("COLUMN") {
            let exists = self.if_exists()?;
            let from = self.identifier()?;
            self.expect_word("TO")?;
            return Ok(AlterAction::RenameColumn { exists, from, to: self.identifier()? });
        }
        if !self.eat_word("TO") {
            return self.expected("keyword COLUMN or keyword TO");
        }
        self.table_path().map(AlterAction::RenameTo)
    }

    fn alter_column(&mut self) -> Result<AlterAction> {
        let exists = self.if_exists()?;
        let name = self.identifier()?;
        let action = if self.eat_word("SET") {
            if self.is_word("OPTIONS") {
                AlterColumnAction::SetOptions(self.options()?)
            } else if self.eat_word("DATA") {
                self.expect_word("TYPE")?;
                AlterColumnAction::SetDataType(self.type_expression()?)
            } else if self.eat_word("DEFAULT") {
                AlterColumnAction::SetDefault(self.default_value()?)
            } else {
                return self.expected(
                    "keyword DATA or keyword DEFAULT or keyword GENERATED or keyword OPTIONS",
                );
            }
        } else if self.eat_words(&["DROP", "NOT"]) {
            self.expect_word("NULL")?;
            AlterColumnAction::DropNotNull
        } else if self.eat_words(&["DROP", "DEFAULT"]) {
            AlterColumnAction::DropDefault
        } else if self.is_word("DROP") || self.nth_is_identifier(0) {
            return self.fail("Expected keyword DROP or keyword SET but got identifier");
        } else {
            return self.unexpected();
        };
        Ok(AlterAction::AlterColumn { exists, name, action: Box::new(action) })
    }

    pub(super) fn drop_statement(&mut self) -> Result<StatementKind> {
        self.take();
        if self.eat_word("ALL") {
            self.expect_word("ROW")?;
            if !self.eat_words(&["ACCESS", "POLICIES"]) {
                return self.expected("keyword ACCESS or keyword POLICIES");
            }
            self.expect_word("ON")?;
            return self.table_path().map(StatementKind::DropAllRowAccessPolicies);
        }
        if self.are_words(&["AGGREGATE", "FUNCTION"]) {
            return self.fail("DROP AGGREGATE FUNCTION is not supported, use DROP FUNCTION");
        }
        if self.are_words(&["ROW", "ACCESS"]) && !self.nth_is_word(2, "POLICY") {
            self.take();
            self.take();
            return self.expected("keyword POLICY");
        }
        let Some((words, kind)) = DROPPED.iter().find(|(words, _)| self.are_words(words)) else {
            return self.other_object("DROP", &OTHER_DROPPED, &AFTER_FIRST_WORD);
        };
        self.eat_words(words);
        let if_exists = self.if_exists()?;
        let path = self.table_path()?;
        let mut cascade = false;
        if *kind == DropKind::Schema {
            cascade = self.eat_word("CASCADE");
            if !cascade {
                self.eat_word("RESTRICT");
            }
        }
        let mut on_table = None;
        if *kind == DropKind::RowAccessPolicy {
            self.expect_word("ON")?;
            on_table = Some(self.table_path()?);
        }
        Ok(StatementKind::Drop { kind: *kind, if_exists, path, cascade, on_table })
    }

    pub(super) fn undrop(&mut self) -> Result<StatementKind> {
        self.take();
        if !self.eat_word("SCHEMA") {
            return self.unexpected();
        }
        let exists = self.unless_exists()?;
        let path = self.table_path()?;
        self.statement_options()?;
        Ok(StatementKind::Undrop { exists, path })
    }

    /// `EXPORT DATA [WITH CONNECTION …] [OPTIONS(…)] AS query`
    pub(super) fn export(&mut self) -> Result<StatementKind> {
        self.take();
        if self.is_word("MODEL") {
            self.skip_statement()?;
            return Ok(StatementKind::Other { what: "EXPORT MODEL".into() });
        }
        if !self.eat_word("DATA") {
            return self.expected("keyword DATA or keyword MODEL or keyword TABLE");
        }
        self.connection()?;
        let options = self.statement_options()?;
        self.expect_word("AS")?;
        let query = self.query()?;
        Ok(StatementKind::ExportData(ExportData { options, query }))
    }

    /// `LOAD DATA {INTO | OVERWRITE} table … FROM FILES(…) …`
    pub(super) fn load_data(&mut self) -> Result<StatementKind> {
        self.take();
        self.expect_word("DATA")?;
        let overwrite = self.eat_word("OVERWRITE");
        if !overwrite && !self.eat_word("INTO") {
            return self.expected("keyword INTO or keyword OVERWRITE");
        }
        let temporary =
            (self.is_word("TEMP") || self.is_word("TEMPORARY")) && self.nth_is_word(1, "TABLE");
        if temporary {
            self.take();
            self.take();
        }
        let path = self.table_path()?;
        let columns = if self.is_symbol("(") { self.table_elements()?.0 } else { Vec::new() };
        if self.eat_word("PARTITIONS") {
            self.option_list()?;
        }
        let partition_by = self.partition_by()?;
        let cluster_by = self.cluster_by()?;
        let options = self.statement_options()?;
        if !self.eat_word("FROM") {
            return self.unexpected();
        }
        self.expect_word("FILES")?;
        let files = self.option_list()?;
        self.partition_columns()?;
        self.connection()?;
        Ok(StatementKind::LoadData(LoadData {
            overwrite,
            temporary,
            path,
            columns,
            partition_by,
            cluster_by,
            options,
            files,
        }))
    }

    /// `GRANT roles ON kind path TO grantees`, `REVOKE roles ON kind path FROM grantees`
    pub(super) fn grant(&mut self, revoke: bool) -> Result<StatementKind> {
        self.take();
        let mut roles = vec![self.identifier()?.name];
        while self.eat_symbol(",") {
            roles.push(self.identifier()?.name);
        }
        self.expect_word("ON")?;
        let mut resource = self.identifier()?.name.to_ascii_uppercase();
        if self.is_word("TABLE") && resource == "EXTERNAL" {
            self.take();
            resource.push_str(" TABLE");
        }
        let what = if revoke { "\".\"" } else { "\".\" or keyword TO" };
        if !self.nth_is_identifier(0) {
            return self.expected(what);
        }
        let path = self.table_path()?;
        if !self.eat_word(if revoke { "FROM" } else { "TO" }) {
            return self.expected(what);
        }
        let mut grantees = vec![self.grantee()?];
        while self.eat_symbol(",") {
            grantees.push(self.grantee()?);
        }
        Ok(StatementKind::Grant { revoke, roles, resource, path, grantees })
    }
}

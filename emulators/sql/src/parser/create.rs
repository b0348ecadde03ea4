//! `CREATE` of tables, views, datasets and row access policies. Objects that the tree has no node
//! for are known by their name alone.

use super::Parser;
use crate::ast::{
    ColumnDefinition, CreateRowAccessPolicy, CreateSchema, CreateTable, CreateView, IfExists,
    PartitionBy, Path, StatementKind,
};
use crate::error::{Result, SqlError};
use crate::lexer::{self, TokenKind};

/// Objects that the service can create and the tree has no node for.
const OTHER_OBJECTS: [&[&str]; 12] = [
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
    &["EXTERNAL", "CONNECTION"],
    &["PRIVILEGE", "RESTRICTION"],
];

/// Objects of the language that the service does not have.
const UNSUPPORTED: [(&str, &str); 3] =
    [("CONSTANT", "CreateConstant"), ("DATABASE", "CreateDatabase"), ("INDEX", "CreateIndex")];

/// What must follow the first word of an object's kind; nothing is said where much can.
const AFTER_FIRST_WORD: [(&str, &str); 7] = [
    ("AGGREGATE", "keyword FUNCTION"),
    ("EXTERNAL", "keyword SCHEMA or keyword TABLE"),
    ("MATERIALIZED", "keyword RECURSIVE or keyword VIEW"),
    ("ROW", "keyword POLICY"),
    ("SEARCH", "keyword INDEX"),
    ("SNAPSHOT", ""),
    ("VECTOR", "keyword INDEX"),
];

/// What stands between `CREATE` and the object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Creation {
    pub(super) replace: bool,
    pub(super) temporary: bool,
}

impl Parser<'_> {
    /// `CREATE …`
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        self.take();
        let replace = self.eat_word("OR");
        if replace {
            self.expect_word("REPLACE")?;
        }
        let temporary = self.eat_word("TEMP") || self.eat_word("TEMPORARY");
        let creation = Creation { replace, temporary };
        if self.eat_words(&["TABLE", "FUNCTION"]) {
            return self.create_table_function(creation);
        }
        if self.eat_words(&["AGGREGATE", "FUNCTION"]) {
            return self.create_function(creation, true);
        }
        if self.eat_word("FUNCTION") {
            return self.create_function(creation, false);
        }
        if self.eat_word("PROCEDURE") {
            return self.create_procedure(creation);
        }
        if self.eat_word("TABLE") {
            return self.create_table(creation, false, false);
        }
        if self.eat_words(&["EXTERNAL", "TABLE"]) {
            return self.create_table(creation, true, false);
        }
        if self.eat_words(&["SNAPSHOT", "TABLE"]) {
            return self.create_table(creation, false, true);
        }
        if self.eat_word("VIEW") {
            return self.create_view(creation, false);
        }
        if self.eat_words(&["MATERIALIZED", "VIEW"]) {
            return self.create_view(creation, true);
        }
        if temporary {
            return self.unexpected();
        }
        if self.eat_word("SCHEMA") {
            return self.create_schema(creation);
        }
        if self.is_word("ROW") && self.nth_is_word(1, "ACCESS") {
            self.take();
            self.take();
            self.expect_word("POLICY")?;
            return self.create_row_access_policy(creation);
        }
        let unsupported = UNSUPPORTED.iter().find(|(word, _)| self.is_word(word));
        if let Some((_, statement)) = unsupported {
            return self.fail(&format!("Statement not supported: {statement}Statement"));
        }
        self.other_object("CREATE", &OTHER_OBJECTS, &AFTER_FIRST_WORD)
    }

    /// An object that is known by name alone: what is said of it is skipped.
    pub(super) fn other_object(
        &mut self,
        verb: &str,
        objects: &[&[&str]],
        after_first_word: &[(&str, &str)],
    ) -> Result<StatementKind> {
        if let Some(object) = objects.iter().find(|object| self.are_words(object)) {
            let what = format!("{verb} {}", object.join(" "));
            self.skip_statement()?;
            return Ok(StatementKind::Other { what });
        }
        if let Some((_, missing)) = after_first_word.iter().find(|(word, _)| self.is_word(word)) {
            self.take();
            return if missing.is_empty() { self.unexpected() } else { self.expected(missing) };
        }
        self.unsupported("object type")
    }

    /// A name that is no keyword where a kind of object must stand.
    pub(super) fn unsupported<T>(&mut self, what: &str) -> Result<T> {
        let token = self.peek();
        let written = self.text_of(token);
        let named = token.kind == TokenKind::Word && !lexer::is_keyword(written);
        if !named && token.kind != TokenKind::Quoted && !self.is_word("REPLICA") {
            return self.unexpected();
        }
        self.fail(&format!("{written} is not a supported {what}"))
    }

    /// Takes tokens up to the semicolon.
    pub(super) fn skip_statement(&mut self) -> Result<()> {
        while !self.is_statement_end() {
            if matches!(self.peek().kind, TokenKind::Error(_)) {
                return self.unexpected();
            }
            self.take();
        }
        Ok(())
    }

    /// `IF NOT EXISTS` behind the object's name, or what was said before it.
    pub(super) fn if_not_exists(&mut self, creation: Creation) -> Result<IfExists> {
        if self.eat_word("IF") {
            self.expect_words(&["NOT", "EXISTS"])?;
            return Ok(IfExists::Lenient);
        }
        Ok(if creation.replace { IfExists::Replace } else { IfExists::Plain })
    }

    fn create_table(
        &mut self,
        creation: Creation,
        external: bool,
        snapshot: bool,
    ) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        let path = self.table_path()?;
        let (columns, constraints) =
            if self.is_symbol("(") { self.table_elements()? } else { (Vec::new(), Vec::new()) };
        let like = if self.eat_word("LIKE") { Some(self.table_path()?) } else { None };
        let copy = if self.eat_word("COPY") { Some(self.table_path()?) } else { None };
        let mut clone = None;
        if self.eat_word("CLONE") {
            let source = self.table_path()?;
            let time = if self.is_word("FOR") { Some(self.system_time()?) } else { None };
            clone = Some((source, time));
        }
        if snapshot && clone.is_none() {
            return self.expected("keyword CLONE");
        }
        let default_collation = self.default_collation()?;
        let partition_by = self.partition_by()?;
        let cluster_by = self.cluster_by()?;
        let partition_columns = if external { self.partition_columns()? } else { None };
        let connection = self.connection()?;
        if external && !self.is_word("OPTIONS") {
            return self.unexpected();
        }
        let options = self.statement_options()?;
        let query = if !external && self.eat_word("AS") { Some(self.query()?) } else { None };
        Ok(StatementKind::CreateTable(Box::new(CreateTable {
            exists,
            temporary: creation.temporary,
            external,
            snapshot,
            path,
            columns,
            constraints,
            like,
            copy,
            clone,
            default_collation,
            partition_by,
            cluster_by,
            partition_columns,
            connection,
            options,
            query,
        })))
    }

    /// `OPTIONS(…)` where only it can follow.
    pub(super) fn statement_options(&mut self) -> Result<Vec<crate::ast::OptionItem>> {
        if self.is_word("OPTIONS") { self.options() } else { Ok(Vec::new()) }
    }

    /// `DEFAULT COLLATE '…'`
    pub(super) fn default_collation(&mut self) -> Result<Option<String>> {
        if !self.eat_word("DEFAULT") {
            return Ok(None);
        }
        self.expect_word("COLLATE")?;
        self.string_literal().map(Some)
    }

    /// `PARTITION BY …`
    pub(super) fn partition_by(&mut self) -> Result<Option<PartitionBy>> {
        if !self.eat_word("PARTITION") {
            return Ok(None);
        }
        self.expect_word("BY")?;
        let value = self.expression()?;
        let mut count = 1;
        while self.eat_symbol(",") {
            self.expression()?;
            count += 1;
        }
        if count > 1 {
            let message =
                format!("Only a single PARTITION BY expression is supported but found {count}");
            return Err(SqlError::at(value.at, message));
        }
        Ok(Some(PartitionBy { value }))
    }

    /// `CLUSTER BY a, b`
    pub(super) fn cluster_by(&mut self) -> Result<Vec<Path>> {
        if !self.eat_word("CLUSTER") {
            return Ok(Vec::new());
        }
        self.expect_word("BY")?;
        let mut columns = vec![self.path()?];
        while self.eat_symbol(",") {
            columns.push(self.path()?);
        }
        Ok(columns)
    }

    /// `WITH PARTITION COLUMNS [(…)]`
    pub(super) fn partition_columns(&mut self) -> Result<Option<Vec<ColumnDefinition>>> {
        if !self.is_word("WITH") || self.nth_is_word(1, "CONNECTION") {
            return Ok(None);
        }
        self.take();
        if !self.eat_word("PARTITION") {
            return self.expected("keyword CONNECTION or keyword PARTITION");
        }
        self.expect_word("COLUMNS")?;
        if !self.is_symbol("(") {
            return Ok(Some(Vec::new()));
        }
        self.table_elements().map(|(columns, _)| Some(columns))
    }

    /// `WITH CONNECTION path`
    pub(super) fn connection(&mut self) -> Result<Option<Path>> {
        if !self.eat_word("WITH") {
            return Ok(None);
        }
        self.expect_word("CONNECTION")?;
        if self.is_word("DEFAULT") {
            let at = self.at();
            let default = self.any_word()?;
            return Ok(Some(Path { parts: vec![default], at }));
        }
        self.table_path().map(Some)
    }

    /// A principal, as a string.
    pub(super) fn grantee(&mut self) -> Result<String> {
        if self.peek().kind != TokenKind::String {
            return self.expected("\"@\" or \"@@\" or string literal");
        }
        self.string_literal()
    }

    fn create_view(&mut self, creation: Creation, materialized: bool) -> Result<StatementKind> {
        if creation.temporary {
            return self.fail("Statement not supported: CREATE TEMP VIEW");
        }
        let exists = self.if_not_exists(creation)?;
        let path = self.table_path()?;
        let mut columns = Vec::new();
        if self.eat_symbol("(") {
            columns = self.list_until_parenthesis(Self::view_column)?;
        }
        let partition_by = self.partition_by()?;
        let cluster_by = self.cluster_by()?;
        let options = self.statement_options()?;
        self.expect_word("AS")?;
        if self.are_words(&["REPLICA", "OF"]) {
            self.skip_statement()?;
            let what = "CREATE MATERIALIZED VIEW AS REPLICA OF".into();
            return Ok(StatementKind::Other { what });
        }
        let query_from = self.at();
        let query = self.query()?;
        Ok(StatementKind::CreateView(CreateView {
            exists,
            materialized,
            path,
            columns,
            partition_by,
            cluster_by,
            options,
            query,
            query_from,
            query_to: self.last_end,
        }))
    }

    /// A column of a view: a name, and options.
    fn view_column(&mut self) -> Result<ColumnDefinition> {
        let name = self.identifier()?;
        let options = self.statement_options()?;
        Ok(ColumnDefinition {
            name,
            column_type: None,
            not_null: false,
            default: None,
            collation: None,
            options,
            primary_key: false,
        })
    }

    fn create_schema(&mut self, creation: Creation) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        let path = self.table_path()?;
        let default_collation = self.default_collation()?;
        let options = self.statement_options()?;
        let schema = CreateSchema { exists, path, default_collation, options };
        Ok(StatementKind::CreateSchema(schema))
    }

    /// `ROW ACCESS POLICY name ON table [GRANT TO (…)] FILTER USING (…)`
    fn create_row_access_policy(&mut self, creation: Creation) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        if !self.nth_is_identifier(0) {
            return self.expected("keyword ON");
        }
        let name = self.identifier()?;
        self.expect_word("ON")?;
        let table = self.table_path()?;
        let mut grantees = Vec::new();
        if self.eat_word("GRANT") {
            self.expect_word("TO")?;
            self.expect_symbol("(")?;
            grantees = self.list_until_parenthesis(Self::grantee)?;
        } else if !self.is_word("FILTER") {
            return self.unexpected();
        }
        self.expect_words(&["FILTER", "USING"])?;
        self.expect_symbol("(")?;
        let filter_from = self.at();
        let filter = self.expression()?;
        let filter_to = self.last_end;
        self.expect_symbol(")")?;
        Ok(StatementKind::CreateRowAccessPolicy(CreateRowAccessPolicy {
            exists,
            name,
            table,
            grantees,
            filter,
            filter_from,
            filter_to,
        }))
    }
}

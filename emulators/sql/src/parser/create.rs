//! `CREATE` of tables, views and datasets, and the columns and constraints of tables. Objects that the tree
//! has no node for are known by their name alone.

use super::Parser;
use crate::ast::{
    ColumnDefinition, CreateRowAccessPolicy, CreateSchema, CreateTable, CreateView, DefaultValue,
    Ident, IfExists, PartitionBy, Path, StatementKind, TableConstraint,
};
use crate::error::{Result, SqlError};
use crate::lexer::TokenKind;

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
        if self.eat_word("SCHEMA") {
            return self.create_schema(creation);
        }
        if self.eat_words(&["ROW", "ACCESS", "POLICY"]) {
            return self.create_row_access_policy(creation);
        }
        self.other_object("CREATE", &OTHER_OBJECTS)
    }

    /// An object that is known by name alone: what is said of it is skipped.
    pub(super) fn other_object(
        &mut self,
        verb: &str,
        objects: &[&[&str]],
    ) -> Result<StatementKind> {
        if let Some(object) = objects.iter().find(|object| self.are_words(object)) {
            let what = format!("{verb} {}", object.join(" "));
            self.skip_statement()?;
            return Ok(StatementKind::Other { what });
        }
        let token = self.peek();
        if token.kind != TokenKind::Word {
            return self.unexpected();
        }
        let word = self.text_of(token).to_owned();
        self.fail(&format!("{word} is not a supported object type"))
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
        let default_collation = self.default_collation()?;
        let partition_by = self.partition_by()?;
        let cluster_by = self.cluster_by()?;
        let partition_columns = self.partition_columns()?;
        let connection = self.connection()?;
        let options = self.statement_options()?;
        let query = if self.eat_word("AS") { Some(self.query()?) } else { None };
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
        if self.is_symbol(",") {
            let message = "PARTITION BY supports only one expression";
            return Err(SqlError::at(self.at(), message));
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
        if !self.eat_words(&["WITH", "PARTITION", "COLUMNS"]) {
            return Ok(None);
        }
        if !self.is_symbol("(") {
            return Ok(Some(Vec::new()));
        }
        self.table_elements().map(|(columns, _)| Some(columns))
    }

    /// `WITH CONNECTION path`
    pub(super) fn connection(&mut self) -> Result<Option<Path>> {
        if !(self.is_word("WITH") && self.nth_is_word(1, "CONNECTION")) {
            return Ok(None);
        }
        self.take();
        self.take();
        if self.is_word("DEFAULT") {
            let at = self.at();
            let default = self.any_word()?;
            return Ok(Some(Path { parts: vec![default], at }));
        }
        self.table_path().map(Some)
    }

    /// `(column, …, constraint, …)`; a comma may trail.
    pub(super) fn table_elements(
        &mut self,
    ) -> Result<(Vec<ColumnDefinition>, Vec<TableConstraint>)> {
        self.expect_symbol("(")?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        loop {
            if self.is_symbol(")") {
                break;
            }
            if self.is_table_constraint() {
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
        (self.is_word("CONSTRAINT") && !self.nth_is_word(1, "STRING"))
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
        if self.eat_words(&["PRIMARY", "KEY"]) {
            let columns = self.identifier_list()?;
            self.enforcement()?;
            return Ok(TableConstraint::PrimaryKey { name, columns });
        }
        self.expect_words(&["FOREIGN", "KEY"])?;
        let columns = self.identifier_list()?;
        self.expect_word("REFERENCES")?;
        self.foreign_key(name, columns)
    }

    fn foreign_key(&mut self, name: Option<Ident>, columns: Vec<Ident>) -> Result<TableConstraint> {
        let references = self.table_path()?;
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
        if self.is_word("AS") || self.is_word("GENERATED") {
            let mut error = SqlError::not_implemented("a generated column");
            error.at = Some(self.at());
            return Err(error);
        }
        self.column_keys(&mut column, constraints)?;
        if self.eat_word("DEFAULT") {
            column.default = Some(self.default_value()?);
        }
        self.column_keys(&mut column, constraints)?;
        if self.eat_word("NOT") {
            self.expect_word("NULL")?;
            column.not_null = true;
        }
        self.column_keys(&mut column, constraints)?;
        column.options = self.statement_options()?;
        Ok(column)
    }

    /// `PRIMARY KEY`, `REFERENCES table(column)` on a column.
    fn column_keys(
        &mut self,
        column: &mut ColumnDefinition,
        constraints: &mut Vec<TableConstraint>,
    ) -> Result<()> {
        if self.eat_words(&["PRIMARY", "KEY"]) {
            self.enforcement()?;
            column.primary_key = true;
        }
        let mut name = None;
        if self.eat_word("CONSTRAINT") {
            name = Some(self.identifier()?);
            if !self.is_word("REFERENCES") {
                return self.expected("keyword REFERENCES");
            }
        }
        if self.eat_word("REFERENCES") {
            constraints.push(self.foreign_key(name, vec![column.name.clone()])?);
        }
        Ok(())
    }

    fn create_view(&mut self, creation: Creation, materialized: bool) -> Result<StatementKind> {
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
        let name = self.identifier()?;
        self.expect_word("ON")?;
        let table = self.table_path()?;
        let mut grantees = Vec::new();
        if self.eat_word("GRANT") {
            self.expect_word("TO")?;
            self.expect_symbol("(")?;
            grantees = self.list_until_parenthesis(Self::string_literal)?;
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

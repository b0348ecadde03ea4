//! What statements change: specifications of DDL, and the trait that carries them and DML out.

use crate::catalog::{Catalog, Routine, TableColumn, TableName};
use crate::error::Result;
use crate::sql_type::Type;
use crate::value::Value;

/// What to do about a thing that is there already, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exists {
    /// `CREATE`, `DROP`: it is an error.
    Fail,
    /// `IF NOT EXISTS`, `IF EXISTS`: nothing happens.
    Skip,
    /// `OR REPLACE`: it is replaced.
    Replace,
}

/// What a `CREATE` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// There was none, and now there is.
    Created,
    /// There was one, and now there is another.
    Replaced,
    /// There was one, and it stays.
    Skipped,
}

/// How a table is divided.
#[derive(Debug, Clone, PartialEq)]
pub enum Partitioning {
    /// By a column of time, per `HOUR`, `DAY`, `MONTH` or `YEAR`.
    Column {
        /// The column.
        column: String,
        /// `HOUR`, `DAY`, `MONTH`, `YEAR`.
        granularity: String,
    },
    /// By the time of arrival: `_PARTITIONTIME`, `_PARTITIONDATE`.
    Ingestion {
        /// `HOUR`, `DAY`, `MONTH`, `YEAR`.
        granularity: String,
    },
    /// `RANGE_BUCKET(column, GENERATE_ARRAY(start, end, interval))`
    Range {
        /// The column.
        column: String,
        /// First value.
        start: i64,
        /// One past the last.
        end: i64,
        /// Width of a partition.
        interval: i64,
    },
}

/// A column as `CREATE TABLE` and `ALTER TABLE` define it.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSpec {
    /// Name, type, mode, parameters, default.
    pub column: TableColumn,
    /// `OPTIONS(…)`: `description`, `rounding_mode`.
    pub options: Vec<(String, Value)>,
    /// `COLLATE`.
    pub collation: Option<String>,
    /// Options of fields of structs, by dotted path: `NOT NULL` ones too.
    pub required_fields: Vec<String>,
}

/// A key of a table; kept and shown, not enforced.
#[derive(Debug, Clone, PartialEq)]
pub enum ConstraintSpec {
    /// `PRIMARY KEY`
    PrimaryKey(Vec<String>),
    /// `FOREIGN KEY`
    ForeignKey {
        /// Its name.
        name: Option<String>,
        /// The columns.
        columns: Vec<String>,
        /// The other table.
        references: TableName,
        /// Its columns.
        referenced: Vec<String>,
    },
}

/// Where the content of a new table comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum TableSource {
    /// Nothing: an empty table of the columns.
    Empty,
    /// `AS query`: these rows.
    Rows(Vec<Vec<Value>>),
    /// `LIKE`: the other table's shape.
    Like(TableName),
    /// `COPY`: shape and rows.
    Copy(TableName),
    /// `CLONE`, or a snapshot: shape and rows as they were at a time.
    Clone(TableName, Option<i64>),
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// Its name.
    pub name: TableName,
    /// What if it is there.
    pub exists: Exists,
    /// `TEMP`.
    pub temporary: bool,
    /// `SNAPSHOT TABLE`: cannot be written.
    pub snapshot: bool,
    /// `EXTERNAL TABLE`.
    pub external: bool,
    /// Its columns; empty where the source gives them.
    pub columns: Vec<ColumnSpec>,
    /// Its keys.
    pub constraints: Vec<ConstraintSpec>,
    /// Its partitions.
    pub partitioning: Option<Partitioning>,
    /// `CLUSTER BY`.
    pub clustering: Vec<String>,
    /// `OPTIONS(…)`, evaluated.
    pub options: Vec<(String, Value)>,
    /// Its content.
    pub source: TableSource,
}

/// `CREATE VIEW`.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewSpec {
    /// Its name.
    pub name: TableName,
    /// What if it is there.
    pub exists: Exists,
    /// `MATERIALIZED`.
    pub materialized: bool,
    /// Its words.
    pub query: String,
    /// Its columns as the query gives them, under the view's own names.
    pub columns: Vec<TableColumn>,
    /// `OPTIONS(…)`, evaluated.
    pub options: Vec<(String, Value)>,
}

/// `ALTER TABLE`, `ALTER VIEW`: one action.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterSpec {
    /// `SET OPTIONS`
    SetOptions(Vec<(String, Value)>),
    /// `ADD COLUMN`
    AddColumn(Exists, ColumnSpec),
    /// `DROP COLUMN`
    DropColumn(Exists, String),
    /// `RENAME COLUMN`
    RenameColumn(Exists, String, String),
    /// `RENAME TO`
    RenameTo(String),
    /// `ALTER COLUMN … SET OPTIONS`
    SetColumnOptions(Exists, String, Vec<(String, Value)>),
    /// `ALTER COLUMN … DROP NOT NULL`
    DropNotNull(Exists, String),
    /// `ALTER COLUMN … SET DATA TYPE`: type and parameters
    SetDataType(Exists, String, Type, Vec<i64>),
    /// `ALTER COLUMN … SET DEFAULT`, `DROP DEFAULT`: an expression in SQL
    SetDefault(Exists, String, Option<String>),
    /// `ADD PRIMARY KEY`, `ADD FOREIGN KEY`
    AddConstraint(ConstraintSpec),
    /// `DROP PRIMARY KEY`, `DROP CONSTRAINT name`
    DropConstraint(Exists, Option<String>),
    /// `SET DEFAULT COLLATE`
    SetDefaultCollation(String),
}

/// What a `DROP` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropTarget {
    /// A table.
    Table,
    /// An external table.
    ExternalTable,
    /// A snapshot.
    Snapshot,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
}

/// `CREATE ROW ACCESS POLICY`.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAccessPolicySpec {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: TableName,
    /// What if it is there.
    pub exists: Exists,
    /// `user:…`, `allAuthenticatedUsers`.
    pub grantees: Vec<String>,
    /// The condition, in SQL.
    pub filter: String,
}

/// What DML does to one row of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// The row goes.
    Delete,
    /// The row's new values, one for each column that is not a pseudo-column.
    Replace(Vec<Value>),
}

/// `EXPORT DATA`: what to write, as options say.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSpec {
    /// `OPTIONS(…)`, evaluated: `uri`, `format` and others.
    pub options: Vec<(String, Value)>,
    /// Names and types of the columns.
    pub columns: Vec<(String, Type)>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// `LOAD DATA`: what to read, as options say.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSpec {
    /// The table.
    pub name: TableName,
    /// `OVERWRITE` rather than `INTO`.
    pub overwrite: bool,
    /// Its columns, where they are given.
    pub columns: Vec<ColumnSpec>,
    /// Its partitions.
    pub partitioning: Option<Partitioning>,
    /// `CLUSTER BY`.
    pub clustering: Vec<String>,
    /// `OPTIONS(…)`, evaluated.
    pub options: Vec<(String, Value)>,
    /// `FROM FILES(…)`, evaluated: `format`, `uris` and others.
    pub files: Vec<(String, Value)>,
}

/// Tables and routines as a statement changes them. Errors are BigQuery's own words.
pub trait Database: Catalog {
    /// This as what queries read.
    fn as_catalog(&self) -> &dyn Catalog;

    /// Creates a table.
    ///
    /// # Errors
    /// It exists, its dataset does not, a rule is broken.
    fn create_table(&mut self, spec: TableSpec) -> Result<Made>;

    /// Creates a view.
    ///
    /// # Errors
    /// As for tables.
    fn create_view(&mut self, spec: ViewSpec) -> Result<Made>;

    /// Creates a dataset.
    ///
    /// # Errors
    /// It exists.
    fn create_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        options: Vec<(String, Value)>,
    ) -> Result<Made>;

    /// Drops a dataset. False when it was not there and that is fine.
    ///
    /// # Errors
    /// Not found, not empty.
    fn drop_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        cascade: bool,
    ) -> Result<bool>;

    /// Changes the options of a dataset.
    ///
    /// # Errors
    /// Not found.
    fn alter_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        options: Vec<(String, Value)>,
    ) -> Result<()>;

    /// Drops a table or a view. False when it was not there and that is fine.
    ///
    /// # Errors
    /// Not found, or something else than the target says.
    fn drop_table(&mut self, name: &TableName, target: DropTarget, exists: Exists) -> Result<bool>;

    /// Changes a table or a view.
    ///
    /// # Errors
    /// Not found, or the change is not allowed.
    fn alter_table(
        &mut self,
        name: &TableName,
        exists: Exists,
        actions: Vec<AlterSpec>,
    ) -> Result<()>;

    /// Creates a routine; its path is full.
    ///
    /// # Errors
    /// It exists, its dataset does not.
    fn create_routine(&mut self, routine: Routine, exists: Exists) -> Result<Made>;

    /// Drops a routine. False when it was not there and that is fine.
    ///
    /// # Errors
    /// Not found.
    fn drop_routine(&mut self, path: &[String], exists: Exists) -> Result<bool>;

    /// Creates a row access policy.
    ///
    /// # Errors
    /// The table does not exist, or the policy does.
    fn create_row_access_policy(&mut self, policy: RowAccessPolicySpec) -> Result<Made>;

    /// Drops one policy of a table, or all of them (`None`).
    ///
    /// # Errors
    /// Not found.
    fn drop_row_access_policy(
        &mut self,
        table: &TableName,
        name: Option<&str>,
        exists: Exists,
    ) -> Result<bool>;

    /// Appends rows: one value for each column that is not a pseudo-column.
    ///
    /// # Errors
    /// A value does not fit, a required one is missing.
    fn insert(&mut self, table: &TableName, rows: Vec<Vec<Value>>) -> Result<()>;

    /// Changes rows by their numbers, as [`Catalog::scan`] gave them, and appends rows, all at once.
    ///
    /// # Errors
    /// As for [`Database::insert`].
    fn rewrite(
        &mut self,
        table: &TableName,
        changes: Vec<(u64, RowChange)>,
        appended: Vec<Vec<Value>>,
    ) -> Result<()>;

    /// Removes all rows; answers how many there were.
    ///
    /// # Errors
    /// Not found.
    fn truncate(&mut self, table: &TableName) -> Result<u64>;

    /// Writes files.
    ///
    /// # Errors
    /// An option is wrong, a bucket does not exist.
    fn export(&mut self, spec: ExportSpec) -> Result<()>;

    /// Reads files.
    ///
    /// # Errors
    /// An option is wrong, a file cannot be read.
    fn load(&mut self, spec: LoadSpec) -> Result<u64>;

    /// A procedure that is built in, such as `BQ.REFRESH_MATERIALIZED_VIEW`.
    ///
    /// # Errors
    /// There is no such procedure, or it fails.
    fn call_system_procedure(&mut self, name: &str, args: &[Value]) -> Result<()>;

    /// Keeps the state to which [`Database::rollback`] goes back.
    ///
    /// # Errors
    /// A transaction is open already.
    fn begin(&mut self) -> Result<()>;

    /// Makes a transaction's changes stay.
    ///
    /// # Errors
    /// None is open.
    fn commit(&mut self) -> Result<()>;

    /// Takes a transaction's changes back.
    ///
    /// # Errors
    /// None is open.
    fn rollback(&mut self) -> Result<()>;
}

//! What the analyzer asks about tables and routines, and how the evaluator reads rows: a trait that the
//! storage behind it implements.

use std::fmt;

use crate::error::Result;
use crate::resolved::Bound;
use crate::sql_type::Type;
use crate::value::Value;

/// A table's full name. `INFORMATION_SCHEMA.X` is a table of that name in its dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// The table; with a `*` at its end all tables whose names begin so.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}.{}", self.project, self.dataset, self.table)
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: Type,
    /// `NOT NULL`.
    pub required: bool,
    /// Parameters of the type: `STRING(10)`, `NUMERIC(10, 2)`.
    pub parameters: Vec<i64>,
    /// `DEFAULT`, as an expression in SQL.
    pub default: Option<String>,
    /// A pseudo-column such as `_PARTITIONTIME`: `*` leaves it out.
    pub pseudo: bool,
}

impl TableColumn {
    /// An ordinary nullable column.
    #[must_use]
    pub fn new(name: &str, column_type: Type) -> Self {
        Self {
            name: name.to_owned(),
            column_type,
            required: false,
            parameters: Vec::new(),
            default: None,
            pseudo: false,
        }
    }
}

/// What a name in `FROM` stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum TableKind {
    /// Rows.
    Table,
    /// A query in SQL.
    View(String),
}

/// What the analyzer needs to know of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDescription {
    /// Its full name.
    pub name: TableName,
    /// Rows or a query.
    pub kind: TableKind,
    /// Its columns, pseudo-columns last.
    pub columns: Vec<TableColumn>,
    /// `require_partition_filter`: one of these columns must stand in a filter.
    pub required_filter: Vec<usize>,
    /// Row access policies of the caller: a row is seen when one of these conditions holds. `None`: all
    /// rows are seen.
    pub row_filters: Option<Vec<String>>,
}

/// A parameter of a routine.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutineParameter {
    /// Its name.
    pub name: String,
    /// Its type; `None` is `ANY TYPE`.
    pub parameter_type: Option<Type>,
    /// A table, of table functions.
    pub table: Option<Vec<(String, Type)>>,
    /// `OUT` or `INOUT`, of procedures.
    pub is_output: bool,
    /// `IN` or `INOUT`.
    pub is_input: bool,
    /// `NOT AGGREGATE`, of aggregate functions.
    pub not_aggregate: bool,
}

/// What a routine is.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutineKind {
    /// A function in SQL: an expression.
    SqlFunction,
    /// An aggregate function in SQL: an expression.
    SqlAggregate,
    /// A table function: a query.
    TableFunction,
    /// A function in another language.
    ForeignFunction {
        /// `js` and so on.
        language: String,
    },
    /// A procedure: statements.
    Procedure,
}

/// A routine.
#[derive(Debug, Clone, PartialEq)]
pub struct Routine {
    /// Project, dataset and name; a temporary one has only a name.
    pub path: Vec<String>,
    /// What it is.
    pub kind: RoutineKind,
    /// Its parameters.
    pub parameters: Vec<RoutineParameter>,
    /// `RETURNS`.
    pub returns: Option<Type>,
    /// Its words.
    pub body: String,
}

/// Whether to go on with a scan.
pub use std::ops::ControlFlow;

/// One row on its way: its number in the table, and its values, which may be taken.
pub type RowSink<'a> = &'a mut dyn FnMut(u64, &mut [Value]) -> Result<ControlFlow<()>>;

/// Tables and routines as a query sees them.
pub trait Catalog {
    /// A table, a view, an `INFORMATION_SCHEMA` view or a wildcard.
    ///
    /// # Errors
    /// Not found, in BigQuery's words.
    fn table(&self, name: &TableName, at_micros: Option<i64>) -> Result<TableDescription>;

    /// A routine by project, dataset and name.
    ///
    /// # Errors
    /// The dataset cannot be read.
    fn routine(&self, path: &[String]) -> Result<Option<Routine>>;

    /// Gives the rows of a table, as they were at a time: the asked columns, by index. Rows that lie
    /// outside the bounds may be left out.
    ///
    /// # Errors
    /// The table is gone, or the sink's error.
    fn scan(
        &self,
        name: &TableName,
        at_micros: Option<i64>,
        columns: &[usize],
        bounds: &[Bound],
        sink: RowSink<'_>,
    ) -> Result<()>;
}

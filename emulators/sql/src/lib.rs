//! GoogleSQL as BigQuery speaks it: lexer and parser, analyzer with a resolved tree in which every column
//! has an id, functions, and an evaluator over rows. Knows no server, no clock and no storage: tables come
//! in through a trait, time and entropy through the session.

mod analyzer;
mod ast;
mod calendar;
mod cast;
mod catalog;
mod database;
mod error;
mod evaluate;
mod functions;
mod geography;
mod javascript;
mod json;
mod lexer;
mod limits;
mod optimize;
mod parser;
mod resolved;
mod routine;
mod script;
mod session;
mod sql_type;
mod value;
mod window;

pub use analyzer::TypedValue;
pub use catalog::{
    Catalog, ControlFlow, Routine, RoutineKind, RoutineParameter, RowSink, TableColumn,
    TableDescription, TableKind, TableName,
};
pub use database::{
    AlterSpec, ColumnSpec, ConstraintSpec, Database, DropTarget, Exists, ExportSpec, LoadSpec,
    Made, Partitioning, RowAccessPolicySpec, RowChange, TableSource, TableSpec, ViewSpec,
};
pub use error::{Offset, Reason, Result, SqlError, line_and_column};
pub use geography::Geography;
pub use resolved::Bound;
pub use script::{
    DdlTarget, Description, DmlCounts, Parameters, ResultColumn, ResultSet, ScriptOutcome,
    ScriptState, StackFrame, StatementResult, describe, execute,
};
pub use session::Session;
pub use sql_type::{StructField, Type};
pub use value::{BigNumeric, GroupKey, Interval, Numeric, Value, compare, equals};

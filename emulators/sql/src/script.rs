//! Scripts: statements one after another, with variables, control flow and handlers. Each statement is
//! analyzed when its turn comes, over the tables as they are then; values of variables are literals in it.

mod calls;
mod control;
mod ddl;
mod dml;
mod merge;
mod options;
mod query;
mod routines;
mod variables;

use std::collections::BTreeSet;

use crate::analyzer::{Bindings, TypedValue};
use crate::ast::{Script, Statement, StatementKind};
use crate::catalog::TableName;
use crate::database::Database;
use crate::error::{Offset, Result, SqlError, line_and_column};
use crate::parser;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// The parameters of a script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// `@name`
    pub named: Vec<(String, TypedValue)>,
    /// `?`
    pub positional: Vec<TypedValue>,
}

/// What outlives a script in a session: variables, temporary functions and tables.
#[derive(Debug, Default)]
pub struct ScriptState {
    bindings: Bindings,
    in_transaction: bool,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultColumn {
    /// Its name; `f0_` and so on where the query gave none.
    pub name: String,
    /// Its type.
    pub column_type: Type,
}

/// A table's worth of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultSet {
    /// The columns.
    pub columns: Vec<ResultColumn>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// Rows that a statement of DML changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DmlCounts {
    /// Inserted.
    pub inserted: u64,
    /// Updated.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
}

/// What a statement of DDL was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DdlTarget {
    /// A table or a view.
    Table(TableName),
    /// A routine: project, dataset, name.
    Routine(Vec<String>),
    /// A dataset: project, dataset.
    Schema(String, String),
    /// A row access policy: its table and, unless it is about all of them, its name.
    RowAccessPolicy(TableName, Option<String>),
}

/// Where a statement stands: in the script, or in the text of a procedure or of `EXECUTE IMMEDIATE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The procedure whose body it is in.
    pub procedure: Option<String>,
    /// The statement itself.
    pub text: String,
    /// Line and column of its first letter, from 1 on.
    pub start: (usize, usize),
    /// Line and column behind its last letter.
    pub end: (usize, usize),
}

/// What a statement gave.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementResult {
    /// BigQuery's `statementType`: `SELECT`, `INSERT`, `CREATE_TABLE_AS_SELECT`.
    pub statement_type: &'static str,
    /// Where it stands, and behind it the statements that led there.
    pub frames: Vec<StackFrame>,
    /// Its rows, of a query.
    pub result: Option<ResultSet>,
    /// Of DML.
    pub dml: Option<DmlCounts>,
    /// The table that DML changed.
    pub dml_table: Option<TableName>,
    /// Of DDL: what was done (`CREATE`, `REPLACE`, `SKIP`, `DROP`, `ALTER`), and to what.
    pub ddl: Option<(&'static str, DdlTarget)>,
    /// Tables that it read.
    pub tables: BTreeSet<TableName>,
    /// Columns that its query read, by table.
    pub columns_read: Vec<(TableName, Vec<usize>)>,
    /// Whether it asked for the time, the caller or entropy, so that its result must not be kept.
    pub is_volatile: bool,
}

/// How a script ended.
#[derive(Debug)]
pub struct ScriptOutcome {
    /// What its statements gave, in the order in which they ran.
    pub results: Vec<StatementResult>,
    /// Whether it was more than one statement, or had control flow.
    pub is_script: bool,
    /// What stopped it.
    pub error: Option<SqlError>,
}

/// Where a script goes on after a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Flow {
    Next,
    Break(Option<String>),
    Continue(Option<String>),
    Return,
}

/// A script under way.
struct Runner<'a> {
    text: &'a str,
    session: &'a mut Session,
    state: &'a mut ScriptState,
    database: &'a mut dyn Database,
    /// The dataset of temporary tables.
    temporary: (String, String),
    /// The procedure whose body the text is.
    procedure: Option<String>,
    results: Vec<StatementResult>,
    /// What the query of the statement read.
    columns_read: Vec<(TableName, Vec<usize>)>,
    depth: usize,
    steps: u64,
}

/// Runs a script. `temporary` is the dataset that holds its temporary tables.
///
/// Everything that went well before an error stays, as in BigQuery.
pub fn execute(
    text: &str,
    parameters: &Parameters,
    session: &mut Session,
    state: &mut ScriptState,
    database: &mut dyn Database,
    temporary: (String, String),
) -> ScriptOutcome {
    let script = match parser::parse_script(text) {
        Ok(script) => script,
        Err(error) => {
            return ScriptOutcome { results: Vec::new(), is_script: false, error: Some(error) };
        }
    };
    state.bindings.named.clone_from(&parameters.named);
    state.bindings.positional.clone_from(&parameters.positional);
    let is_script = is_script(&script);
    let mut runner = Runner {
        text,
        session,
        state,
        database,
        temporary,
        procedure: None,
        results: Vec::new(),
        columns_read: Vec::new(),
        depth: 0,
        steps: 0,
    };
    let ended = runner.statements(&script.statements);
    let results = std::mem::take(&mut runner.results);
    ScriptOutcome { results, is_script, error: ended.err() }
}

/// What a dry run says of a script: the type of its only statement and the columns of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// BigQuery's `statementType`; `SCRIPT` for more than one statement.
    pub statement_type: &'static str,
    /// The columns of a query's result.
    pub columns: Vec<ResultColumn>,
    /// Tables that it would read.
    pub tables: BTreeSet<TableName>,
    /// Columns that it would read, by table.
    pub columns_read: Vec<(TableName, Vec<usize>)>,
    /// Parameters that it names but that were not given.
    pub undeclared: Vec<String>,
}

/// Analyzes a script without running it.
///
/// # Errors
/// The text is wrong. Only the first statement of a script is analyzed: what others mean depends on it.
pub fn describe(
    text: &str,
    parameters: &Parameters,
    session: &mut Session,
    state: &mut ScriptState,
    database: &mut dyn Database,
) -> Result<Description> {
    let script = parser::parse_script(text)?;
    state.bindings.named.clone_from(&parameters.named);
    state.bindings.positional.clone_from(&parameters.positional);
    let is_script = is_script(&script);
    let temporary = (session.project.clone(), String::new());
    let runner = Runner {
        text,
        session,
        state,
        database,
        temporary,
        procedure: None,
        results: Vec::new(),
        columns_read: Vec::new(),
        depth: 0,
        steps: 0,
    };
    let Some(first) = script.statements.first() else {
        return Err(SqlError::at(0, "Syntax error: Unexpected end of script"));
    };
    let mut described = runner.describe(first)?;
    if is_script {
        described.statement_type = "SCRIPT";
        described.columns.clear();
    }
    Ok(described)
}

/// Whether it is more than one statement that BigQuery runs as a job of its own. Declarations of temporary
/// functions before one statement make no script.
fn is_script(script: &Script) -> bool {
    let is_function = |statement: &&Statement| match &statement.kind {
        StatementKind::CreateFunction(function) => function.temporary,
        _ => false,
    };
    let others = script.statements.iter().filter(|statement| !is_function(statement)).count();
    others > 1 || script.statements.iter().any(|statement| control::is_control(&statement.kind))
}

impl Runner<'_> {
    fn new_result(&self, statement_type: &'static str, statement: &Statement) -> StatementResult {
        StatementResult {
            statement_type,
            frames: vec![self.frame(statement)],
            result: None,
            dml: None,
            dml_table: None,
            ddl: None,
            tables: BTreeSet::new(),
            columns_read: self.columns_read.clone(),
            is_volatile: false,
        }
    }

    fn frame(&self, statement: &Statement) -> StackFrame {
        StackFrame {
            procedure: self.procedure.clone(),
            text: self.words(statement.at, statement.end),
            start: line_and_column(self.text, statement.at),
            end: line_and_column(self.text, statement.end),
        }
    }

    /// The words of a part of the script.
    fn words(&self, from: Offset, to: Offset) -> String {
        self.text.get(from as usize..to as usize).unwrap_or_default().trim().to_owned()
    }
}

/// A failure within another text: its place there becomes part of its words.
fn placed(error: SqlError, text: &str) -> SqlError {
    SqlError { message: error.text(text), at: None, ..error }
}

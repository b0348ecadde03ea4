//! From the syntax tree to the resolved tree: names, types, coercions, overloads and the rules of grouping.
//! Works for one statement; tables and routines come through the catalog, values of variables and
//! parameters are known and become literals. Invariant: after it, nothing can fail but evaluation.

mod aggregate;
mod call;
mod coercion;
mod condition;
mod construct;
mod dml;
mod expression;
mod frame;
mod from;
mod group;
mod join;
mod overload;
mod path;
mod pipe;
mod pivot;
mod query;
mod reads;
mod routine;
mod scope;
mod select;
mod set_operation;
mod signature;
mod star;
mod window;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use coercion::{coerce_to, literal_to};
pub(crate) use dml::{MergeInput, MergeSide, Target};

use crate::ast;
use crate::catalog::{Catalog, Routine, TableName};
use crate::error::{Offset, Result, SqlError};
use crate::limits::VIEW_DEPTH_MAX;
use crate::resolved::{AggregateCall, Column, ColumnId, Expr, ResolvedQuery, Subquery};
use crate::session::Session;
use crate::sql_type::{StructField, Type};
use crate::value::Value;
use scope::Names;
use window::PendingWindow;

/// A value with its type: of a parameter or a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedValue {
    /// The type.
    pub value_type: Type,
    /// The value.
    pub value: Value,
}

/// Everything a statement can name beside tables.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// `@name`, without the sign; names compare without case.
    pub(crate) named: Vec<(String, TypedValue)>,
    /// `?`, in order.
    pub(crate) positional: Vec<TypedValue>,
    /// Variables of the script, innermost last.
    pub(crate) variables: Vec<(String, TypedValue)>,
    /// `@@name`
    pub(crate) system: Vec<(String, TypedValue)>,
    /// Temporary functions.
    pub(crate) routines: Vec<Routine>,
    /// Temporary tables: the name in the script and the table it stands for.
    pub(crate) temporary_tables: Vec<(String, TableName)>,
}

/// A common table that a name can reach.
#[derive(Debug, Clone)]
struct CommonName {
    name: String,
    number: usize,
    columns: Vec<(Arc<str>, Type)>,
    is_value_table: bool,
}

/// One level of names.
#[derive(Debug, Default)]
struct Level {
    names: Names,
    /// Set where a subquery begins: ids found further out are noted here.
    outer: Option<BTreeSet<ColumnId>>,
}

/// Where aggregate and analytic calls of the query at hand go.
#[derive(Debug, Default)]
struct Collector {
    aggregates: Vec<AggregateCall>,
    windows: Vec<PendingWindow>,
    /// `GROUPING(expr)`
    grouping: Vec<(ColumnId, Expr)>,
    /// Why an aggregate may not stand here, if it may not: `WHERE clause`.
    no_aggregates: Option<&'static str>,
    no_windows: Option<&'static str>,
    /// Within an aggregate's arguments.
    in_aggregate: bool,
    /// Named windows.
    named_windows: Vec<(String, ast::WindowSpec)>,
}

/// The analyzer of one statement.
pub(crate) struct Analyzer<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) session: &'a Session,
    pub(crate) bindings: &'a Bindings,
    /// Tables that were named, for the statistics of a job.
    pub(crate) tables: BTreeSet<TableName>,
    next_column: u32,
    next_subquery: usize,
    next_common: usize,
    common: Vec<CommonName>,
    /// Numbers of the common tables that were read.
    common_read: BTreeSet<usize>,
    levels: Vec<Level>,
    collector: Collector,
    view_depth: usize,
    /// Arguments of the SQL functions being inlined, innermost last.
    arguments: Vec<(String, Expr)>,
    /// Tables given to the table function being inlined.
    table_arguments: Vec<(String, select::Relation)>,
    /// Dotted names as written, by their places, for messages.
    dotted: HashMap<Offset, String>,
}

impl<'a> Analyzer<'a> {
    pub(crate) fn new(
        catalog: &'a dyn Catalog,
        session: &'a Session,
        bindings: &'a Bindings,
    ) -> Self {
        Self {
            catalog,
            session,
            bindings,
            tables: BTreeSet::new(),
            next_column: 0,
            next_subquery: 0,
            next_common: 0,
            common: Vec::new(),
            common_read: BTreeSet::new(),
            levels: Vec::new(),
            collector: Collector {
                no_aggregates: Some("this place"),
                no_windows: Some("this place"),
                ..Collector::default()
            },
            view_depth: 0,
            arguments: Vec::new(),
            table_arguments: Vec::new(),
            dotted: HashMap::new(),
        }
    }

    /// How many registers a row in flight needs.
    pub(crate) fn register_count(&self) -> usize {
        self.next_column as usize
    }

    /// How many common tables there are.
    pub(crate) fn common_table_count(&self) -> usize {
        self.next_common
    }

    /// A whole query.
    pub(crate) fn query(&mut self, query: &ast::Query) -> Result<ResolvedQuery> {
        let relation = self.resolve_query(query)?;
        Ok(ResolvedQuery {
            columns: relation.columns,
            plan: relation.plan,
            is_value_table: relation.is_value_table,
        })
    }

    /// An expression that stands alone, such as a variable's default.
    pub(crate) fn standalone(&mut self, expr: &ast::Expr) -> Result<Expr> {
        self.levels.push(Level::default());
        let resolved = self.resolve(expr);
        self.levels.pop();
        resolved
    }

    pub(crate) fn new_column(&mut self) -> ColumnId {
        let id = ColumnId(self.next_column);
        self.next_column += 1;
        id
    }

    fn named_column(&mut self, name: &str, column_type: Type) -> Column {
        Column { id: self.new_column(), name: name.into(), column_type }
    }

    /// Runs `body` with one more level of names.
    fn with_names<T>(
        &mut self,
        names: Names,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.levels.push(Level { names, outer: None });
        let result = body(self);
        self.levels.pop();
        result
    }

    /// Runs `body` where aggregate and analytic calls are refused.
    fn in_clause<T>(
        &mut self,
        clause: &'static str,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let aggregates = self.collector.no_aggregates.replace(clause);
        let windows = self.collector.no_windows.replace(clause);
        let result = body(self);
        self.collector.no_aggregates = aggregates;
        self.collector.no_windows = windows;
        result
    }

    /// A query within an expression.
    fn subquery(&mut self, query: &ast::Query) -> Result<(Subquery, Vec<Column>)> {
        self.levels.push(Level { names: Names::default(), outer: Some(BTreeSet::new()) });
        let relation = self.resolve_query(query);
        let level = self.levels.pop();
        let relation = relation?;
        let outer = level.and_then(|level| level.outer).unwrap_or_default();
        let number = self.next_subquery;
        self.next_subquery += 1;
        let columns = relation.columns.iter().map(|column| column.id).collect();
        let subquery = Subquery {
            plan: Box::new(relation.plan),
            columns,
            outer: outer.into_iter().collect(),
            number,
        };
        Ok((subquery, relation.columns))
    }

    /// Notes that the columns of an expression were found at a level, in all subqueries within it.
    fn note_outer(&mut self, level: usize, ids: &[ColumnId]) {
        for inner in &mut self.levels[level + 1..] {
            if let Some(outer) = &mut inner.outer {
                outer.extend(ids);
            }
        }
    }

    /// Runs `body` as a query of its own: nothing of the surrounding query can be seen, as in a view.
    fn isolated<T>(&mut self, at: Offset, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.view_depth >= VIEW_DEPTH_MAX {
            return Err(SqlError::at(at, "Views or routines are nested too deeply"));
        }
        let levels = std::mem::take(&mut self.levels);
        let common = std::mem::take(&mut self.common);
        let collector = std::mem::take(&mut self.collector);
        let arguments = std::mem::take(&mut self.arguments);
        let table_arguments = std::mem::take(&mut self.table_arguments);
        self.view_depth += 1;
        let result = body(self);
        self.view_depth -= 1;
        self.levels = levels;
        self.common = common;
        self.collector = collector;
        self.arguments = arguments;
        self.table_arguments = table_arguments;
        result
    }

    /// A table's full name from the parts of its path.
    pub(crate) fn table_name(&self, names: &[String], at: Offset) -> Result<TableName> {
        table_name(self.session, names, at)
    }
}

/// A table's full name; missing parts come from the session.
pub(crate) fn table_name(session: &Session, names: &[String], at: Offset) -> Result<TableName> {
    let is_view = |name: &String| name.eq_ignore_ascii_case("INFORMATION_SCHEMA");
    if let Some(schema) = names.iter().position(is_view) {
        let table = names[schema..].join(".").to_ascii_uppercase();
        let (project, dataset) = match &names[..schema] {
            [] => (session.project.clone(), String::new()),
            [dataset] => (session.project.clone(), dataset.clone()),
            [project, dataset] => (project.clone(), dataset.clone()),
            _ => return Err(SqlError::at(at, format!("Invalid table name: {}", names.join(".")))),
        };
        return Ok(TableName { project, dataset, table });
    }
    match names {
        [table] => match &session.default_dataset {
            Some((project, dataset)) => Ok(TableName {
                project: project.clone(),
                dataset: dataset.clone(),
                table: table.clone(),
            }),
            None => Err(SqlError {
                reason: crate::error::Reason::Invalid,
                message: format!(
                    "Table \"{table}\" must be qualified with a dataset (e.g. dataset.table)."
                ),
                at: None,
            }),
        },
        [dataset, table] => Ok(TableName {
            project: session.project.clone(),
            dataset: dataset.clone(),
            table: table.clone(),
        }),
        [project, dataset, table] => Ok(TableName {
            project: project.clone(),
            dataset: dataset.clone(),
            table: table.clone(),
        }),
        _ => Err(SqlError::at(at, format!("Invalid table name: `{}`", names.join(".")))),
    }
}

/// A type as written.
pub(crate) fn type_of(written: &ast::TypeExpr) -> Result<Type> {
    Ok(match &written.kind {
        ast::TypeExprKind::Simple(name) => Type::simple(name)
            .ok_or_else(|| SqlError::at(written.at, format!("Type not found: {name}")))?,
        ast::TypeExprKind::Array(element) => {
            let element_type = type_of(element)?;
            if matches!(element_type, Type::Array(_)) {
                return Err(SqlError::at(written.at, "Arrays of arrays are not supported"));
            }
            Type::array_of(element_type)
        }
        ast::TypeExprKind::Range(element) => Type::Range(Arc::new(type_of(element)?)),
        ast::TypeExprKind::Struct(fields) | ast::TypeExprKind::Table(fields) => Type::struct_of(
            fields
                .iter()
                .map(|field| {
                    let name = field.name.as_ref().map_or("", |name| &name.name);
                    Ok(StructField::new(name, type_of(&field.field_type)?))
                })
                .collect::<Result<Vec<_>>>()?,
        ),
    })
}

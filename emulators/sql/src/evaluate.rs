//! The evaluator: runs a resolved plan row by row. A row in flight is a file of registers, one for each
//! column id of the statement; a node fills its columns' registers and calls the next one, so that
//! correlated subqueries, arrays of the row and lambdas simply read what is there. Only sorting, grouping,
//! windows and the build side of joins keep rows. Reads no clock, holds no locks.

mod aggregate;
mod expression;
mod join;
mod relation;
mod sets;
mod window;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::catalog::{Catalog, Routine, TableDescription, TableName};
use crate::error::{Result, SqlError};
use crate::javascript;
use crate::resolved::{Bound, ColumnId, CommonTable, Expr, Plan, ResolvedQuery};
use crate::session::Session;
use crate::value::{GroupKey, Value};

/// A kept row: values of known ids.
pub(crate) type Row = Box<[Value]>;

/// What a node calls for each of its rows.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(&mut Registers) -> Result<ControlFlow<()>>;

/// A row in flight.
#[derive(Debug, Default)]
pub(crate) struct Registers(Vec<Value>);

impl Registers {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![Value::Null; count])
    }

    pub(crate) fn get(&self, id: ColumnId) -> &Value {
        &self.0[id.0 as usize]
    }

    pub(crate) fn set(&mut self, id: ColumnId, value: Value) {
        self.0[id.0 as usize] = value;
    }

    /// The values of some ids, kept.
    pub(crate) fn keep(&self, ids: &[ColumnId]) -> Row {
        ids.iter().map(|id| self.get(*id).clone()).collect()
    }

    /// Puts kept values back.
    pub(crate) fn restore(&mut self, ids: &[ColumnId], row: &[Value]) {
        for (id, value) in ids.iter().zip(row) {
            self.set(*id, value.clone());
        }
    }
}

/// A common table during a run.
#[derive(Debug, Clone)]
enum Common<'p> {
    Unknown,
    /// Not read yet.
    Pending(&'p CommonTable),
    Rows(Rc<Vec<Row>>),
}

/// What a subquery gave for the same outer values.
#[derive(Debug, Clone)]
enum Remembered {
    Value(Value),
    /// The values of `IN (subquery)`, and whether a NULL is among them.
    Set(Rc<std::collections::HashSet<GroupKey>>, bool),
}

/// Runs one statement.
pub(crate) struct Evaluator<'p> {
    pub(crate) session: &'p Session,
    pub(crate) catalog: &'p dyn Catalog,
    common: RefCell<Vec<Common<'p>>>,
    remembered: RefCell<HashMap<(usize, Vec<GroupKey>), Remembered>>,
    javascript: OnceCell<javascript::Engine>,
}

impl<'p> Evaluator<'p> {
    pub(crate) fn new(
        session: &'p Session,
        catalog: &'p dyn Catalog,
        common_tables: usize,
    ) -> Self {
        Self {
            session,
            catalog,
            common: RefCell::new(vec![Common::Unknown; common_tables]),
            remembered: RefCell::default(),
            javascript: OnceCell::new(),
        }
    }

    /// The engine for functions in JavaScript, made when the first is called.
    fn javascript(&self) -> Result<&javascript::Engine> {
        if let Some(engine) = self.javascript.get() {
            return Ok(engine);
        }
        let engine = javascript::Engine::new(self.session)?;
        Ok(self.javascript.get_or_init(|| engine))
    }

    /// All rows of a query.
    pub(crate) fn rows(&self, query: &'p ResolvedQuery, registers: usize) -> Result<Vec<Row>> {
        let ids: Vec<ColumnId> = query.columns.iter().map(|column| column.id).collect();
        let mut registers = Registers::new(registers);
        self.collect(&query.plan, &mut registers, &ids)
    }

    /// The rows of a plan, kept.
    pub(crate) fn collect(
        &self,
        plan: &'p Plan,
        registers: &mut Registers,
        ids: &[ColumnId],
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let _flow = self.run(plan, registers, &mut |registers| {
            rows.push(registers.keep(ids));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }
}

/// The value of an expression that reads no table.
///
/// # Errors
/// Its evaluation fails, or it reads a table.
pub(crate) fn constant(session: &Session, expr: &Expr) -> Result<Value> {
    let mut highest = 0;
    crate::resolved::visit_expr_mut(&mut expr.clone(), &mut |part| {
        if let crate::resolved::ExprKind::Let { bindings, .. } = &part.kind {
            highest = bindings.iter().map(|(id, _)| id.0 as usize + 1).fold(highest, usize::max);
        }
        true
    });
    let evaluator = Evaluator::new(session, &Nothing, 0);
    evaluator.eval(expr, &mut Registers::new(highest))
}

/// No tables and no routines.
pub(crate) struct Nothing;

impl Catalog for Nothing {
    fn table(&self, name: &TableName, _: Option<i64>) -> Result<TableDescription> {
        Err(SqlError::evaluation(format!("Table {name} cannot be read here")))
    }

    fn routine(&self, _: &[String]) -> Result<Option<Routine>> {
        Ok(None)
    }

    fn scan(
        &self,
        name: &TableName,
        _: Option<i64>,
        _: &[usize],
        _: &[Bound],
        _: crate::catalog::RowSink<'_>,
    ) -> Result<()> {
        Err(SqlError::evaluation(format!("Table {name} cannot be read here")))
    }
}

//! The catalog as SQL sees it: `windtunnel_sql`'s traits over tables, views, routines and policies. The
//! lock is held for single steps; rows are read from snapshots without it, so that a long query stops no
//! append. Invariant: what DML computed over a snapshot is written over that snapshot or not at all.

mod alter;
mod ddl;
mod files;
mod information_schema;
mod options;
mod read;
mod rewrite;
mod routines;
mod run;

use std::cell::RefCell;
use std::collections::HashMap;

use windtunnel_sql::{Reason, SqlError, TableName};

pub(crate) use run::run_query;

use crate::catalog::CatalogError;
use crate::jobs::{Caller, JobError};
use crate::table::{Snapshot, Table, TableId};
use crate::wire::Shared;

/// The catalog during one text.
#[derive(Debug)]
pub(crate) struct SqlDatabase<'s> {
    shared: &'s Shared,
    caller: Caller,
    now: i64,
    /// The snapshot of each table that the statement at hand reads: its row numbers are those of DML.
    seen: RefCell<HashMap<TableId, Snapshot>>,
    /// Tables as they were before the open transaction changed them; `None` where there was none.
    undo: Option<HashMap<TableId, Option<Table>>>,
    /// Files and rows that `EXPORT DATA` wrote.
    exported: Option<crate::jobs::ExportCounts>,
    /// The session ends with this script.
    aborts_session: bool,
}

impl<'s> SqlDatabase<'s> {
    pub(crate) fn new(shared: &'s Shared, caller: Caller, now: i64) -> Self {
        Self {
            shared,
            caller,
            now,
            seen: RefCell::default(),
            undo: None,
            exported: None,
            aborts_session: false,
        }
    }

    /// Keeps a table as it is before the first change of an open transaction.
    fn before_change(&mut self, id: &TableId) {
        let Some(undo) = &mut self.undo else { return };
        if !undo.contains_key(id) {
            let table = self.shared.state().catalog.table(id).ok().cloned();
            undo.insert(id.clone(), table);
        }
    }
}

impl Drop for SqlDatabase<'_> {
    /// A transaction that nobody committed is taken back.
    fn drop(&mut self) {
        self.undo_all();
    }
}

impl SqlDatabase<'_> {
    fn undo_all(&mut self) {
        let Some(undo) = self.undo.take() else { return };
        let mut state = self.shared.state();
        for (id, table) in undo {
            state.catalog.put_back(&id, table);
        }
    }
}

fn id_of(name: &TableName) -> TableId {
    TableId::new(&name.project, &name.dataset, &name.table)
}

/// The catalog's refusal in SQL's words.
fn sql_error(error: CatalogError) -> SqlError {
    let location = |text: String| format!("{text} was not found in location US");
    match error {
        CatalogError::DatasetNotFound(_)
        | CatalogError::TableNotFound(_)
        | CatalogError::RoutineNotFound(_)
        | CatalogError::PolicyNotFound(_) => {
            SqlError::new(Reason::NotFound, location(error.to_string()))
        }
        CatalogError::AlreadyExists(_) => SqlError::new(Reason::Duplicate, error.to_string()),
        CatalogError::DatasetInUse(_) => SqlError::new(Reason::ResourceInUse, error.to_string()),
        CatalogError::Precondition => SqlError::new(Reason::Invalid, error.to_string()),
        CatalogError::Invalid(text) => SqlError::evaluation(text),
    }
}

/// A statement's failure as a job's.
fn job_error(error: &SqlError, text: &str) -> JobError {
    let (reason, location) = match error.reason {
        Reason::InvalidQuery => ("invalidQuery", Some("query".to_owned())),
        Reason::InvalidOption => ("invalidQuery", None),
        Reason::Invalid => ("invalid", None),
        Reason::NotFound => ("notFound", None),
        Reason::Duplicate => ("duplicate", None),
        Reason::ResourceInUse => ("resourceInUse", None),
        Reason::Stopped => ("stopped", None),
        Reason::AccessDenied => ("accessDenied", None),
        Reason::NotImplemented => ("notImplemented", None),
    };
    JobError { reason, location, message: error.text(text) }
}

//! Jobs: what they are, which there are, and what each kind does. A job is made with its configuration,
//! runs once on a thread that may block, and is kept with its result until newer ones push it out.

mod cache;
mod copy;
mod extract;
mod load;
mod parameters;
mod query;
mod sessions;
mod statistics;
mod store;

use serde_json::Value;

use crate::catalog::{CatalogError, Disposition, Write};
use crate::schema::{SchemaError, Updates};
use crate::table::{Decorator, TableId};

pub(crate) use cache::QueryCache;
pub(crate) use extract::{Output, export};
pub(crate) use load::load_into;
pub(crate) use parameters::given_back;
pub(crate) use query::{
    DmlCounts, ExportCounts, QueryRequest, QueryResult, ScriptOutcome, StatementOutcome,
    rows_where, view_schema,
};
pub(crate) use sessions::Sessions;
pub(crate) use statistics::dml_json;
pub(crate) use store::{Job, JobKey, Jobs, State, Task};

use crate::wire::{RestError, Shared};

/// Why a job failed: `errorResult`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct JobError {
    pub(crate) reason: &'static str,
    /// `query`, a file, or nothing.
    pub(crate) location: Option<String>,
    pub(crate) message: String,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// `user:someone@example.com`.
    pub(crate) principal: String,
    /// `group:some@example.com`.
    pub(crate) groups: Vec<String>,
}

/// What a job leaves: its part of the statistics, and a query's result.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Merged into `statistics`.
    pub(crate) statistics: Value,
    /// Merged into `configuration`: what the job filled in itself.
    pub(crate) configuration: Value,
    /// Bad records that did not fail the job.
    pub(crate) errors: Vec<JobError>,
    pub(crate) result: Option<QueryResult>,
    /// The statements of a script, each a job of its own.
    pub(crate) children: Vec<Finished>,
}

impl Caller {
    /// The address without what kind it is of.
    pub(crate) fn email(&self) -> &str {
        self.principal.split_once(':').map_or(self.principal.as_str(), |(_, email)| email)
    }
}

impl JobError {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, location: None, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid", message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new("stopped", "Job execution was cancelled: User requested cancellation")
    }

    pub(crate) fn unimplemented(what: &str) -> Self {
        Self::new("notImplemented", format!("{what} is not implemented by this emulator"))
    }
}

impl From<RestError> for JobError {
    fn from(error: RestError) -> Self {
        error.into_job_error()
    }
}

impl From<CatalogError> for JobError {
    fn from(error: CatalogError) -> Self {
        RestError::from(error).into_job_error()
    }
}

impl From<SchemaError> for JobError {
    fn from(error: SchemaError) -> Self {
        RestError::from(error).into_job_error()
    }
}

/// Runs a job to its end. Blocks.
pub(crate) fn run(shared: &Shared, key: &JobKey) {
    let Some(task) = shared.state().jobs.start(key, crate::clock::now_micros()) else { return };
    let configuration = &task.configuration;
    let outcome = match kind_of(configuration) {
        Some("query") => query::run(shared, &task),
        Some("load") => load::run(shared, &task),
        Some("copy") => copy::run(shared, &task),
        Some("extract") => extract::run(shared, &task),
        _ => {
            Err(JobError::invalid("Job configuration must contain exactly one job-specific field"))
        }
    };
    shared.finish(key, outcome);
}

/// Which of the four kinds a configuration is of.
pub(crate) fn kind_of(configuration: &Value) -> Option<&'static str> {
    let is_set = |kind: &&str| configuration.get(*kind).is_some_and(|value| !value.is_null());
    let mut kinds = ["query", "load", "copy", "extract"].into_iter().filter(is_set);
    let kind = kinds.next()?;
    kinds.next().is_none().then_some(kind)
}

/// Checks what a query would do, and answers its statistics: `dryRun`.
pub(crate) fn dry_run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    query::dry_run(shared, task)
}

/// A table of a configuration: `{"projectId", "datasetId", "tableId"}`, decorators in the name.
fn table_of(reference: &Value, project: &str) -> Result<(TableId, Decorator), JobError> {
    let part = |name: &str| reference[name].as_str().filter(|text| !text.is_empty());
    let (Some(dataset), Some(table)) = (part("datasetId"), part("tableId")) else {
        return Err(JobError::invalid("Required parameter is missing: tableReference"));
    };
    let project = part("projectId").unwrap_or(project);
    let (name, decorator) = Decorator::split(table)
        .ok_or_else(|| JobError::invalid(format!("Invalid table ID \"{table}\".")))?;
    Ok((TableId::new(project, dataset, name), decorator))
}

/// `createDisposition`, `writeDisposition` and `schemaUpdateOptions`.
fn disposition_of(part: &Value, default: Write) -> Result<Disposition, JobError> {
    let text = |name: &str| part[name].as_str().unwrap_or_default();
    let write = match text("writeDisposition") {
        "" => default,
        "WRITE_EMPTY" => Write::Empty,
        "WRITE_APPEND" => Write::Append,
        "WRITE_TRUNCATE" | "WRITE_TRUNCATE_DATA" => Write::Truncate,
        other => {
            return Err(JobError::invalid(format!("Invalid value for writeDisposition: {other}")));
        }
    };
    let may_create = match text("createDisposition") {
        "" | "CREATE_IF_NEEDED" => true,
        "CREATE_NEVER" => false,
        other => {
            return Err(JobError::invalid(format!("Invalid value for createDisposition: {other}")));
        }
    };
    let options: Vec<&str> = part["schemaUpdateOptions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let updates = Updates {
        addition: options.contains(&"ALLOW_FIELD_ADDITION"),
        relaxation: options.contains(&"ALLOW_FIELD_RELAXATION"),
    };
    let mut settings = serde_json::Map::new();
    for name in ["timePartitioning", "rangePartitioning", "clustering"] {
        if let Some(value) = part.get(name).filter(|value| !value.is_null()) {
            settings.insert(name.to_owned(), value.clone());
        }
    }
    let keep_schema = text("writeDisposition") == "WRITE_TRUNCATE_DATA";
    Ok(Disposition { may_create, write, updates, settings, keep_schema })
}

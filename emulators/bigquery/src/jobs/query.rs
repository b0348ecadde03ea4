//! Query jobs: everything around the statements. Checks the destination, runs the text, writes the result
//! to its table (an anonymous one where none is named) and counts what is shown in the statistics.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::RecordBatch;
use serde_json::{Value, json};
use windtunnel_sql::{DdlTarget, StackFrame};

use super::cache::{CacheKey, Seen};
use super::parameters::{Parameter, parameters_of};
use super::statistics::{billed, script_statistics, statistics_of};
use super::store::{Task, merge, scrambled};
use super::{Caller, Finished, JobError, disposition_of, table_of};
use crate::catalog::{Catalog, CatalogError, Write};
use crate::database::run_query;
use crate::schema::TableSchema;
use crate::table::{Decorator, TableId};
use crate::wire::Shared;

/// A day: how long an anonymous result lasts.
const ANONYMOUS_MILLIS: i64 = 24 * 3_600 * 1_000;

/// A text to run, with all that it may depend on.
#[derive(Debug)]
pub(crate) struct QueryRequest {
    pub(crate) project: String,
    pub(crate) text: String,
    pub(crate) parameters: Vec<Parameter>,
    /// Project and dataset of names without them.
    pub(crate) default_dataset: Option<(String, String)>,
    pub(crate) caller: Caller,
    /// The session that the text runs in, which may be new.
    pub(crate) session: Option<String>,
    /// `connectionProperties`, by key.
    pub(crate) properties: Vec<(String, String)>,
    /// Only what the text would do and give: nothing changes, no rows.
    pub(crate) dry_run: bool,
    pub(crate) legacy_sql: bool,
    /// The result goes into a table that is named: only a query may stand in the text.
    pub(crate) has_destination: bool,
    pub(crate) maximum_bytes_billed: Option<u64>,
    pub(crate) now: i64,
    pub(crate) seed: u64,
    /// Set when the job is cancelled.
    pub(crate) cancelled: Arc<AtomicBool>,
}

/// What a text did.
#[derive(Debug, Default)]
pub(crate) struct ScriptOutcome {
    pub(crate) statements: Vec<StatementOutcome>,
    /// The text is a script: each statement is a job of its own.
    pub(crate) is_script: bool,
}

/// What a statement did.
#[derive(Debug, Default, Clone)]
pub(crate) struct StatementOutcome {
    /// `SELECT`, `CREATE_TABLE_AS_SELECT` and the like.
    pub(crate) statement_type: String,
    /// The columns of the rows, or of the table that was made.
    pub(crate) schema: Option<TableSchema>,
    /// The rows of a query.
    pub(crate) rows: Option<Vec<RecordBatch>>,
    pub(crate) dml: Option<DmlCounts>,
    pub(crate) bytes_processed: u64,
    /// The tables that were read.
    pub(crate) read: Vec<TableId>,
    /// The table that was made, changed or dropped.
    pub(crate) target: Option<TableId>,
    pub(crate) export: Option<ExportCounts>,
    /// What DDL was about, with what was done.
    pub(crate) ddl: Option<(String, DdlTarget)>,
    /// The result depends on nothing but the text, its parameters and the tables.
    pub(crate) is_deterministic: bool,
    /// Where it stands in its script.
    pub(crate) frames: Vec<StackFrame>,
}

/// Rows that DML touched.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DmlCounts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl DmlCounts {
    /// `numDmlAffectedRows`.
    pub(crate) fn total(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// What `EXPORT DATA` wrote.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExportCounts {
    pub(crate) files: u64,
    pub(crate) rows: u64,
}

/// The result of a query job, as `getQueryResults` shows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryResult {
    pub(crate) schema: Option<TableSchema>,
    /// Nothing where the statement has no rows.
    pub(crate) rows: Option<Vec<RecordBatch>>,
    pub(crate) dml: Option<DmlCounts>,
    pub(crate) statement_type: String,
    pub(crate) bytes_processed: u64,
    pub(crate) bytes_billed: u64,
    pub(crate) cache_hit: bool,
    pub(crate) session: Option<String>,
}

impl QueryRequest {
    /// A text on its own, which nobody waits for as a job.
    pub(crate) fn plain(project: &str, text: String, caller: Caller, now: i64) -> Self {
        Self {
            project: project.to_owned(),
            text,
            parameters: Vec::new(),
            default_dataset: None,
            caller,
            session: None,
            properties: Vec::new(),
            dry_run: false,
            legacy_sql: false,
            has_destination: false,
            maximum_bytes_billed: None,
            now,
            seed: 0,
            cancelled: Arc::default(),
        }
    }
}

/// The columns of a view's query.
///
/// # Errors
/// As [`run_query`].
pub(crate) fn view_schema(
    shared: &Shared,
    project: &str,
    query: &str,
    caller: Caller,
    now: i64,
) -> Result<TableSchema, JobError> {
    let plain = QueryRequest::plain(project, query.to_owned(), caller, now);
    let outcome = run_query(shared, &QueryRequest { dry_run: true, ..plain })?;
    Ok(outcome.statements.into_iter().last().and_then(|last| last.schema).unwrap_or_default())
}

/// The rows of a table that a caller may see and that meet a condition, as they were at a time.
///
/// # Errors
/// As [`run_query`].
pub(crate) fn rows_where(
    shared: &Shared,
    id: &TableId,
    condition: &str,
    at: Option<i64>,
    caller: Caller,
    now: i64,
) -> Result<Vec<RecordBatch>, JobError> {
    let TableId { project, dataset, table } = id;
    let mut text = format!("SELECT * FROM `{project}`.`{dataset}`.`{table}`");
    if let Some(micros) = at {
        text.push_str(&format!(" FOR SYSTEM_TIME AS OF TIMESTAMP_MICROS({micros})"));
    }
    if !condition.trim().is_empty() {
        text.push_str(&format!(" WHERE {condition}"));
    }
    let outcome = run_query(shared, &QueryRequest::plain(project, text, caller, now))?;
    Ok(outcome.statements.into_iter().last().and_then(|last| last.rows).unwrap_or_default())
}

fn request_of(task: &Task, dry_run: bool) -> Result<QueryRequest, JobError> {
    let query = &task.configuration["query"];
    let text = query["query"].as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(JobError::invalid("Required parameter is missing: query"));
    }
    let default = &query["defaultDataset"];
    let default_dataset = default["datasetId"].as_str().map(|dataset| {
        let project = default["projectId"].as_str().unwrap_or(&task.key.project);
        (project.to_owned(), dataset.to_owned())
    });
    let properties = query["connectionProperties"].as_array().into_iter().flatten();
    let properties = properties
        .filter_map(|it| Some((it["key"].as_str()?.to_owned(), it["value"].as_str()?.to_owned())));
    let bytes = &query["maximumBytesBilled"];
    Ok(QueryRequest {
        project: task.key.project.clone(),
        text: text.to_owned(),
        parameters: parameters_of(query)?,
        default_dataset,
        caller: task.caller.clone(),
        session: None,
        properties: properties.collect(),
        dry_run,
        // The API's own default is legacy SQL; nobody who leaves it out means that today.
        legacy_sql: query["useLegacySql"].as_bool().unwrap_or(false),
        has_destination: !query["destinationTable"].is_null(),
        maximum_bytes_billed: bytes.as_u64().or_else(|| bytes.as_str()?.parse().ok()),
        now: task.now,
        seed: task.seed,
        cancelled: Arc::clone(&task.cancelled),
    })
}

/// Answers what a query would do.
pub(super) fn dry_run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    let request = request_of(task, true)?;
    let outcome = run_query(shared, &request)?;
    let last = outcome.statements.into_iter().last().unwrap_or_default();
    let destination = anonymous(&task.key.project, &task.key.id);
    let mut statistics = statistics_of(&last, false);
    if let Some(schema) = &last.schema {
        statistics["query"]["schema"] = schema.to_json();
    }
    statistics["query"]["totalBytesProcessedAccuracy"] = json!("PRECISE");
    let configuration = filled_in(&destination, task);
    Ok(Finished { statistics, configuration, ..Finished::default() })
}

/// Refuses a query that would cost more than `maximumBytesBilled`, before it runs.
fn check_bytes_billed(shared: &Shared, request: &mut QueryRequest) -> Result<(), JobError> {
    let Some(max) = request.maximum_bytes_billed else { return Ok(()) };
    request.dry_run = true;
    let outcome = run_query(shared, request);
    request.dry_run = false;
    let needed = outcome?.statements.iter().map(billed).sum::<u64>();
    if needed > max {
        let text =
            format!("Query exceeded limit for bytes billed: {max}. {needed} or higher required.");
        return Err(JobError::new("bytesBilledLimitExceeded", text));
    }
    Ok(())
}

/// Runs a query job.
pub(super) fn run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    let mut request = request_of(task, false)?;
    let query = &task.configuration["query"];
    let destination = match &query["destinationTable"] {
        Value::Null => None,
        reference => {
            let (id, decorator) = table_of(reference, &task.key.project)?;
            let disposition = disposition_of(query, Write::Empty)?;
            shared.state().catalog.check_destination(&id, &decorator, &disposition)?;
            Some((id, decorator, disposition))
        }
    };
    request.session = session_of(shared, query, &request)?;
    let cache_key = cache_key(query, &request, destination.is_some());
    if let Some(key) = &cache_key
        && let Some(result) = cached(shared, key)
    {
        return Ok(of_cache(task, result));
    }
    check_bytes_billed(shared, &mut request)?;
    let outcome = run_query(shared, &request)?;
    let is_script = outcome.is_script;
    let mut statements = outcome.statements;
    let children = if is_script { children_of(shared, task, &statements)? } else { Vec::new() };
    let mut last = statements.pop().unwrap_or_default();
    if is_script {
        last.bytes_processed += statements.iter().map(|it| it.bytes_processed).sum::<u64>();
        "SCRIPT".clone_into(&mut last.statement_type);
        if last.rows.is_none() {
            // The result of a script is its last query's, if it ends with one.
            last.schema = None;
        }
    }
    let seen = cache_key.as_ref().filter(|_| last.is_deterministic && !is_script);
    let seen = seen.map(|_| versions(&shared.state().catalog, &last.read));
    let name = anonymous(&task.key.project, &task.key.id);
    let destination = store(shared, task, destination, name, &mut last)?;
    let mut finished = finished(last, task, destination.as_ref(), request.session.as_deref());
    finished.children = children;
    if let (Some(key), Some(seen), Some(result)) = (cache_key, seen, &finished.result)
        && !seen.is_empty()
    {
        shared.state().cache.put(key, seen, result.clone());
    }
    Ok(finished)
}

/// The statements of a script, each a job with a result of its own.
fn children_of(
    shared: &Shared,
    task: &Task,
    statements: &[StatementOutcome],
) -> Result<Vec<Finished>, JobError> {
    let of = |(index, statement): (usize, &StatementOutcome)| {
        let mut statement = statement.clone();
        let name = anonymous(&task.key.project, &format!("{}.{index}", task.key.id));
        let destination = store(shared, task, None, name, &mut statement)?;
        let text = statement.frames.first().map(|frame| frame.text.clone()).unwrap_or_default();
        let script = script_statistics(&statement.frames);
        let mut finished = finished(statement, task, destination.as_ref(), None);
        finished.statistics["scriptStatistics"] = script;
        let mut configuration = json!({ "jobType": "QUERY", "query": {
            "query": text, "priority": "INTERACTIVE", "useLegacySql": false,
        } });
        merge(&mut configuration, finished.configuration);
        finished.configuration = configuration;
        Ok(finished)
    };
    statements.iter().enumerate().map(of).collect()
}

/// Begins a session, or uses the one that is named.
fn session_of(
    shared: &Shared,
    query: &Value,
    request: &QueryRequest,
) -> Result<Option<String>, JobError> {
    let mut state = shared.state();
    if query["createSession"].as_bool().unwrap_or(false) {
        return Ok(Some(state.sessions.create(request.now)));
    }
    let named = request.properties.iter().find(|(key, _)| key == "session_id");
    let Some((_, id)) = named else { return Ok(None) };
    state.sessions.touch(id, request.now)?;
    Ok(Some(id.clone()))
}

fn cache_key(query: &Value, request: &QueryRequest, has_destination: bool) -> Option<CacheKey> {
    let wanted = query["useQueryCache"].as_bool().unwrap_or(true);
    if !wanted || has_destination || request.session.is_some() {
        return None;
    }
    Some(CacheKey {
        project: request.project.clone(),
        default_dataset: request.default_dataset.clone(),
        text: request.text.clone(),
        parameters: query["queryParameters"].to_string(),
        caller: request.caller.clone(),
    })
}

fn cached(shared: &Shared, key: &CacheKey) -> Option<QueryResult> {
    let state = shared.state();
    let is_current = |(id, incarnation, version): &Seen| {
        state
            .catalog
            .table(id)
            .is_ok_and(|table| (table.incarnation, table.version) == (*incarnation, *version))
    };
    state.cache.get(key, is_current).cloned()
}

fn versions(catalog: &Catalog, tables: &[TableId]) -> Vec<Seen> {
    let versions = tables.iter().filter_map(|id| {
        let table = catalog.table(id).ok()?;
        Some((id.clone(), table.incarnation, table.version))
    });
    versions.collect()
}

fn of_cache(task: &Task, mut result: QueryResult) -> Finished {
    result.cache_hit = true;
    result.bytes_processed = 0;
    result.bytes_billed = 0;
    let outcome = StatementOutcome {
        statement_type: result.statement_type.clone(),
        ..StatementOutcome::default()
    };
    let statistics = statistics_of(&outcome, true);
    let destination = anonymous(&task.key.project, &task.key.id);
    let configuration = filled_in(&destination, task);
    Finished { statistics, configuration, result: Some(result), ..Finished::default() }
}

/// Writes the rows of a query into their table, `anonymous` unless they have another, and answers which it
/// is. The result of a job with a
/// destination is what that table holds then.
fn store(
    shared: &Shared,
    task: &Task,
    destination: Option<(TableId, Decorator, crate::catalog::Disposition)>,
    id: TableId,
    last: &mut StatementOutcome,
) -> Result<Option<TableId>, JobError> {
    let (Some(schema), Some(rows)) = (&last.schema, &last.rows) else {
        return Ok(last.target.clone());
    };
    let mut state = shared.state();
    let catalog = &mut state.catalog;
    if let Some((id, decorator, disposition)) = destination {
        catalog.write(&id, &decorator, &disposition, schema, rows.clone(), task.now)?;
        let table = catalog.table(&id)?;
        let rows = table.slice(0, usize::MAX);
        last.schema = Some(TableSchema::clone(&table.schema));
        last.rows = Some(rows);
        return Ok(Some(id));
    }
    let made = catalog.create_dataset(&id.project, &id.dataset, "US", Default::default(), task.now);
    match made {
        Ok(_) | Err(CatalogError::AlreadyExists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let mut settings = serde_json::Map::new();
    let until = (task.now / 1_000).saturating_add(ANONYMOUS_MILLIS).to_string();
    settings.insert("expirationTime".to_owned(), json!(until));
    catalog.create_table(id.clone(), schema.clone(), settings, task.now)?;
    catalog.append(&id, rows.iter().cloned(), task.now)?;
    Ok(Some(id))
}

/// Where a result goes that has no table of its own: in a dataset that lists do not show.
fn anonymous(project: &str, job: &str) -> TableId {
    // FNV-1a: the same project and job give the same names, and different ones do not meet.
    let hash = |text: &str| {
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let dataset = format!("_{}", scrambled(hash(project)));
    TableId::new(project, &dataset, &format!("anon{}", scrambled(hash(job))))
}

/// What the service fills into a configuration.
fn filled_in(destination: &TableId, task: &Task) -> Value {
    let query = &task.configuration["query"];
    let mut out = json!({ "query": {
        "destinationTable": {
            "projectId": destination.project,
            "datasetId": destination.dataset,
            "tableId": destination.table,
        },
    } });
    for (name, default) in [
        ("writeDisposition", json!("WRITE_TRUNCATE")),
        ("createDisposition", json!("CREATE_IF_NEEDED")),
    ] {
        if query[name].is_null() {
            out["query"][name] = default;
        }
    }
    out
}

fn finished(
    outcome: StatementOutcome,
    task: &Task,
    destination: Option<&TableId>,
    session: Option<&str>,
) -> Finished {
    let statistics = {
        let mut statistics = statistics_of(&outcome, false);
        if let Some(session) = session {
            statistics["sessionInfo"] = json!({ "sessionId": session });
        }
        statistics
    };
    let configuration = destination.map_or(Value::Null, |id| filled_in(id, task));
    let result = QueryResult {
        bytes_billed: billed(&outcome),
        schema: outcome.schema,
        rows: outcome.rows,
        dml: outcome.dml,
        statement_type: outcome.statement_type,
        bytes_processed: outcome.bytes_processed,
        cache_hit: false,
        session: session.map(str::to_owned),
    };
    Finished { statistics, configuration, result: Some(result), ..Finished::default() }
}

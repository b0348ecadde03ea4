//! Runs a text of SQL for a job: parameters, session and state in, what each statement did out.

use std::sync::Arc;

use arrow::array::RecordBatch;
use windtunnel_sql::{
    DdlTarget, Parameters, ResultSet, ScriptState, Session, SqlError, StatementResult, TableName,
    TypedValue, describe, execute,
};

use super::{SqlDatabase, id_of, job_error};
use crate::jobs::{DmlCounts, JobError, QueryRequest, ScriptOutcome, StatementOutcome};
use crate::limits::{QUERY_STACK_BYTES, RESULT_BATCH_ROWS};
use crate::rows::values::batch_of_rows;
use crate::schema::TableSchema;
use crate::table::TableId;
use crate::wire::Shared;

/// Runs a text against the catalog, or says what it would do.
///
/// # Errors
/// The text's first failure.
pub(crate) fn run_query(
    shared: &Shared,
    request: &QueryRequest,
) -> Result<ScriptOutcome, JobError> {
    if request.legacy_sql {
        return Err(JobError::unimplemented("legacy SQL"));
    }
    // The analyzer and the evaluator recurse over the text's nesting, which is bounded by the parser: the
    // stack is made for that bound, whatever the thread that runs the job has.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("query".to_owned())
            .stack_size(QUERY_STACK_BYTES)
            .spawn_scoped(scope, || run(shared, request));
        match thread {
            Ok(thread) => match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            Err(error) => {
                Err(JobError::new("backendError", format!("no thread for the query: {error}")))
            }
        }
    })
}

fn run(shared: &Shared, request: &QueryRequest) -> Result<ScriptOutcome, JobError> {
    let mut session = Session::new(&request.project, request.now, request.seed);
    request.caller.email().clone_into(&mut session.user);
    session.cancelled = Arc::clone(&request.cancelled);
    session.default_dataset.clone_from(&request.default_dataset);
    for (key, value) in &request.properties {
        if key == "time_zone" {
            session.time_zone = value
                .parse()
                .map_err(|_| JobError::invalid(format!("Invalid time zone: {value}")))?;
        }
    }
    let parameters = parameters_of(request);
    let mut database = SqlDatabase::new(shared, request.caller.clone(), request.now);
    let mut state = match &request.session {
        Some(id) => shared.state().sessions.take_state(id),
        None => ScriptState::default(),
    };
    if request.dry_run {
        let described =
            describe(&request.text, &parameters, &mut session, &mut state, &mut database);
        if let Some(id) = &request.session {
            shared.state().sessions.put_state(id, state);
        }
        return described
            .map(|described| {
                let columns = described
                    .columns
                    .iter()
                    .map(|column| (column.name.as_str(), &column.column_type));
                let schema = TableSchema::of_sql_columns(columns).unwrap_or_default();
                let read: Vec<TableId> = described.tables.iter().map(id_of).collect();
                let last = StatementOutcome {
                    statement_type: described.statement_type.to_owned(),
                    schema: (!schema.fields.is_empty()).then_some(schema),
                    bytes_processed: bytes_of(shared, &described.columns_read),
                    read,
                    ..StatementOutcome::default()
                };
                ScriptOutcome { statements: vec![last], is_script: false }
            })
            .map_err(|error| job_error(&error, &request.text));
    }
    let temporary = temporary_dataset(request);
    let outcome = execute(
        &request.text,
        &parameters,
        &mut session,
        &mut state,
        &mut database,
        temporary.clone(),
    );
    if let Some(id) = &request.session {
        let sessions = &mut shared.state().sessions;
        match database.aborts_session {
            true => sessions.end(id),
            false => sessions.put_state(id, state),
        }
    } else {
        // Temporary tables end with their script.
        let (project, dataset) = &temporary;
        let _none_was_made = shared.state().catalog.delete_dataset(project, dataset, true);
    }
    if let Some(error) = outcome.error {
        return Err(job_error(&error, &request.text));
    }
    let exported = database.exported.take();
    if request.has_destination && outcome.results.last().is_some_and(|last| last.result.is_none()) {
        let text = "Cannot set destination table in jobs with DDL statements";
        return Err(JobError::invalid(text));
    }
    let mut statements = Vec::with_capacity(outcome.results.len());
    for result in outcome.results {
        statements
            .push(statement_of(shared, result).map_err(|error| job_error(&error, &request.text))?);
    }
    if let (Some(last), Some(exported)) = (statements.last_mut(), exported) {
        last.export = Some(exported);
    }
    Ok(ScriptOutcome { statements, is_script: outcome.is_script })
}

fn parameters_of(request: &QueryRequest) -> Parameters {
    let mut parameters = Parameters::default();
    for parameter in &request.parameters {
        let value = TypedValue { value_type: parameter.of.clone(), value: parameter.value.clone() };
        match &parameter.name {
            Some(name) => parameters.named.push((name.clone(), value)),
            None => parameters.positional.push(value),
        }
    }
    parameters
}

/// The dataset of temporary tables: the session's, or one of the script alone.
fn temporary_dataset(request: &QueryRequest) -> (String, String) {
    let dataset = match &request.session {
        Some(session) => format!("_{session}"),
        None => format!("_script{:x}", request.seed),
    };
    (request.project.clone(), dataset)
}

fn statement_of(shared: &Shared, result: StatementResult) -> Result<StatementOutcome, SqlError> {
    let mut outcome = StatementOutcome {
        statement_type: result.statement_type.to_owned(),
        read: result.tables.iter().map(id_of).collect(),
        is_deterministic: !result.is_volatile,
        frames: result.frames,
        ..StatementOutcome::default()
    };
    outcome.bytes_processed = match &result.columns_read[..] {
        // What DML reads is counted as whole tables.
        [] => outcome
            .read
            .iter()
            .filter_map(|id| {
                shared.state().catalog.table(id).ok().map(crate::table::Table::byte_count)
            })
            .sum(),
        columns => bytes_of(shared, columns),
    };
    if let Some(set) = result.result {
        let (schema, batches) = batches_of(&set)?;
        outcome.schema = Some(schema);
        outcome.rows = Some(batches);
    }
    outcome.dml = result.dml.map(|dml| DmlCounts {
        inserted: dml.inserted,
        updated: dml.updated,
        deleted: dml.deleted,
    });
    if let Some(table) = &result.dml_table {
        outcome.target = Some(id_of(table));
    }
    if let Some((operation, target)) = result.ddl {
        if let DdlTarget::Table(name) = &target {
            let id = id_of(name);
            if operation != "DROP" {
                let state = shared.state();
                outcome.schema =
                    state.catalog.table(&id).ok().map(|table| TableSchema::clone(&table.schema));
            }
            outcome.target = Some(id);
        }
        outcome.ddl = Some((operation.to_owned(), target));
    }
    Ok(outcome)
}

fn batches_of(set: &ResultSet) -> Result<(TableSchema, Vec<RecordBatch>), SqlError> {
    let columns = set.columns.iter().map(|column| (column.name.as_str(), &column.column_type));
    let schema = TableSchema::of_sql_columns(columns)
        .map_err(|error| SqlError::evaluation(error.to_string()))?;
    let batches = set
        .rows
        .chunks(RESULT_BATCH_ROWS)
        .map(|rows| {
            batch_of_rows(&schema, rows).map_err(|error| SqlError::evaluation(error.to_string()))
        })
        .collect::<Result<_, _>>()?;
    Ok((schema, batches))
}

/// The logical bytes of the columns that a query would read.
fn bytes_of(shared: &Shared, columns_read: &[(TableName, Vec<usize>)]) -> u64 {
    let state = shared.state();
    columns_read
        .iter()
        .filter_map(|(name, columns)| {
            let table = state.catalog.table(&id_of(name)).ok()?;
            let fields: Vec<_> = columns
                .iter()
                .filter_map(|index| table.schema.fields.get(*index).cloned())
                .collect();
            let kept: Vec<usize> = columns
                .iter()
                .copied()
                .filter(|index| *index < table.schema.fields.len())
                .collect();
            let schema = TableSchema { fields };
            let bytes = table.segments().iter().filter_map(|segment| {
                let batch = segment.batch.project(&kept).ok()?;
                Some(crate::table::logical_bytes(&schema, &batch))
            });
            Some(bytes.sum::<u64>())
        })
        .sum()
}

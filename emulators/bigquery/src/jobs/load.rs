//! Load jobs: files of an upload or of a bucket into a table. The columns are the job's, the file's own, or
//! guessed from the rows; bad records are counted, and too many of them fail the job.

use arrow::array::RecordBatch;
use serde_json::{Value, json};

use super::store::Task;
use super::{Finished, JobError, disposition_of, table_of};
use crate::catalog::Write;
use crate::defaults::Defaults;
use crate::files::csv::Dialect;
use crate::files::{
    BadRecord, FileError, Format, Rows, Source, autodetect, avro, csv, json_lines, parquet,
};
use crate::limits::LOAD_ERRORS_MAX;
use crate::objects::parse_uri;
use crate::schema::{Field, FieldType, TableSchema, index_of};
use crate::table::logical_bytes;
use crate::wire::Shared;

/// Settings that would change what is read, and that this emulator does not have.
const REFUSED: &[&str] = &[
    "dateFormat",
    "datetimeFormat",
    "fileSetSpecType",
    "hivePartitioningOptions",
    "jsonExtension",
    "nullMarkers",
    "projectionFields",
    "referenceFileSchemaUri",
    "sourceColumnMatch",
    "timeFormat",
    "timeZone",
    "timestampFormat",
];

pub(super) fn run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    let load = &task.configuration["load"];
    let is_set = |name: &&&str| match &load[**name] {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    if let Some(setting) = REFUSED.iter().find(is_set) {
        return Err(JobError::unimplemented(&format!("load {setting}")));
    }
    let name = load["sourceFormat"].as_str().filter(|name| !name.is_empty()).unwrap_or("CSV");
    let format = match name.to_ascii_uppercase().as_str() {
        "ORC" | "DATASTORE_BACKUP" | "THRIFT" => {
            return Err(JobError::unimplemented(&format!("load of {name}")));
        }
        _ => Format::parse(name),
    };
    let format = format
        .ok_or_else(|| JobError::invalid(format!("Invalid value for sourceFormat: {name}")))?;
    let (id, decorator) = table_of(&load["destinationTable"], &task.key.project)?;
    let mut disposition = disposition_of(load, Write::Append)?;
    for name in ["description", "friendlyName", "labels"] {
        let value = &load["destinationTableProperties"][name];
        if !value.is_null() {
            disposition.settings.insert(name.to_owned(), value.clone());
        }
    }
    let existing = {
        let state = shared.state();
        state.catalog.check_destination(&id, &decorator, &disposition)?;
        state.catalog.table(&id).ok().map(|table| TableSchema::clone(&table.schema))
    };
    let existing = existing.filter(|schema| !schema.fields.is_empty());
    let sources = match &task.content {
        Some(content) => vec![Source { uri: None, content: content.clone() }],
        None => from_uris(shared, &load["sourceUris"])?,
    };
    let mut dialect = dialect_of(load)?;
    let table = existing.clone().filter(|_| disposition.write != Write::Truncate);
    let schema = columns(load, format, &sources, &mut dialect, existing, disposition.write)?;
    let rows = match format {
        Format::Csv => csv::read(&sources, &schema, &dialect),
        Format::JsonLines => json_lines::read(&sources, &schema, dialect.ignore_unknown),
        Format::Avro => avro::read_rows(&sources, &schema),
        Format::Parquet => parquet::read_rows(&sources, &schema),
    };
    let rows = rows.map_err(|error| broken(&error, &sources))?;
    let bad = check_bad(&rows, format, load)?;
    let statistics = statistics(&sources, &schema, &rows);
    // What the file has and the table has not, or the other way round, is for the schema's rules.
    let batches = rows.batches.into_iter().filter(|batch| batch.num_rows() > 0);
    let batches = match &table {
        Some(table) => with_defaults(shared, task, table, &schema, batches)?,
        None => batches.collect(),
    };
    let mut state = shared.state();
    state.catalog.write(&id, &decorator, &disposition, &schema, batches, task.now)?;
    Ok(Finished { statistics, errors: bad, ..Finished::default() })
}

/// Adds the columns of the table that the file has not and that have a default value.
fn with_defaults(
    shared: &Shared,
    task: &Task,
    table: &TableSchema,
    of_file: &TableSchema,
    batches: impl Iterator<Item = RecordBatch>,
) -> Result<Vec<RecordBatch>, JobError> {
    let is_missing = |field: &Field, _: usize| of_file.index_of(&field.name).is_none();
    let mut wide = of_file.clone();
    let added = table.fields.iter().filter(|field| field.default_value.is_some());
    wide.fields.extend(added.filter(|field| is_missing(field, 0)).cloned());
    if wide.fields.len() == of_file.fields.len() {
        return Ok(batches.collect());
    }
    let defaults = Defaults { shared, project: &task.key.project, now: task.now };
    { batches }.map(|batch| defaults.fill(&batch, &wide, is_missing)).collect()
}

/// Runs a load that a statement asks for; answers how many rows it read.
///
/// # Errors
/// As for a load job.
pub(crate) fn load_into(
    shared: &Shared,
    project: &str,
    configuration: Value,
    caller: super::Caller,
    now: i64,
) -> Result<u64, JobError> {
    let key = super::JobKey { project: project.to_owned(), id: "statement".to_owned() };
    let task = Task {
        key,
        configuration,
        caller,
        content: None,
        now,
        cancelled: Default::default(),
        seed: 0,
    };
    let finished = run(shared, &task)?;
    let rows = finished.statistics["load"]["outputRows"].as_str().unwrap_or_default();
    Ok(rows.parse().unwrap_or(0))
}

/// The objects that the URIs name; a `*` stands for any characters.
fn from_uris(shared: &Shared, uris: &Value) -> Result<Vec<Source>, JobError> {
    let uris: Vec<&str> = uris.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if uris.is_empty() {
        return Err(JobError::invalid("Required parameter is missing: sourceUris"));
    }
    let store = shared
        .objects
        .as_ref()
        .ok_or_else(|| JobError::unimplemented("a load from gs:// without a storage service"))?;
    let mut sources = Vec::new();
    for uri in uris {
        let invalid = || {
            JobError::invalid(format!("Source URI must be a Google Cloud Storage location: {uri}"))
        };
        let missing = || JobError {
            reason: "notFound",
            location: Some(uri.to_owned()),
            message: format!("Not found: URI {uri}"),
        };
        let (bucket, pattern) = parse_uri(uri).ok_or_else(invalid)?;
        let Some((prefix, suffix)) = pattern.split_once('*') else {
            let content = store.get(bucket, pattern).map_err(|_| missing())?;
            sources.push(Source { uri: Some(uri.to_owned()), content });
            continue;
        };
        if suffix.contains('*') {
            let text = format!("Invalid URI {uri}: only one wildcard is allowed");
            return Err(JobError::invalid(text));
        }
        let names = store.list(bucket, prefix).map_err(|_| missing())?;
        let before = sources.len();
        for name in names {
            if name.len() >= prefix.len() + suffix.len() && name.ends_with(suffix) {
                let content = store.get(bucket, &name).map_err(|_| missing())?;
                sources.push(Source { uri: Some(format!("gs://{bucket}/{name}")), content });
            }
        }
        if sources.len() == before {
            return Err(missing());
        }
    }
    Ok(sources)
}

/// The CSV options of a job; `ignoreUnknownValues` is for every format.
fn dialect_of(load: &Value) -> Result<Dialect, JobError> {
    let flag = |name: &str| load[name].as_bool().unwrap_or(false);
    let number = |name: &str| load[name].as_u64().or_else(|| load[name].as_str()?.parse().ok());
    let one_character = |name: &str, text: &str| {
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => Ok(letter),
            _ => Err(JobError::invalid(format!("{name} must be one character: \"{text}\""))),
        }
    };
    let delimiter = match load["fieldDelimiter"].as_str() {
        None | Some("") => ',',
        Some("\\t" | "tab") => '\t',
        Some(text) => one_character("fieldDelimiter", text)?,
    };
    let quote = match load["quote"].as_str() {
        None => Some('"'),
        Some("") => None,
        Some(text) => Some(one_character("quote", text)?),
    };
    let latin1 = match load["encoding"].as_str().unwrap_or("UTF-8").to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" | "" => false,
        "ISO-8859-1" => true,
        other => return Err(JobError::unimplemented(&format!("encoding {other}"))),
    };
    Ok(Dialect {
        delimiter,
        quote,
        skip_rows: usize::try_from(number("skipLeadingRows").unwrap_or(0)).unwrap_or(usize::MAX),
        quoted_newlines: flag("allowQuotedNewlines"),
        jagged_rows: flag("allowJaggedRows"),
        null_marker: load["nullMarker"].as_str().unwrap_or_default().to_owned(),
        ignore_unknown: flag("ignoreUnknownValues"),
        latin1,
    })
}

/// The columns that the rows are read as.
fn columns(
    load: &Value,
    format: Format,
    sources: &[Source],
    dialect: &mut Dialect,
    existing: Option<TableSchema>,
    write: Write,
) -> Result<TableSchema, JobError> {
    let given = match &load["schema"] {
        Value::Null => TableSchema::default(),
        schema => TableSchema::from_json(schema)?,
    };
    if !given.fields.is_empty() {
        return Ok(given);
    }
    let autodetects = load["autodetect"].as_bool().unwrap_or(false);
    let of_file = match (format, sources.first()) {
        (_, None) => TableSchema::default(),
        (Format::Csv, Some(source)) if autodetects => {
            let text = csv::text_of(source, dialect).map_err(|error| broken(&error, sources))?;
            let (schema, has_header) = autodetect::of_csv(&text, dialect);
            if has_header {
                dialect.skip_rows = 1;
            }
            schema
        }
        (Format::JsonLines, Some(source)) if autodetects => {
            let content = crate::files::unpacked(&source.content);
            autodetect::of_json(&content.map_err(|error| broken(&error, sources))?)
        }
        (Format::Csv | Format::JsonLines, Some(_)) => TableSchema::default(),
        (Format::Avro, Some(source)) => {
            let use_logical = load["useAvroLogicalTypes"].as_bool().unwrap_or(false);
            avro::read_columns(&source.content, use_logical)
                .map_err(|error| broken(&error, sources))?
        }
        (Format::Parquet, Some(source)) => {
            let lists = &load["parquetOptions"]["enableListInference"];
            parquet::read_columns(source, lists.as_bool().unwrap_or(false))
                .map_err(|error| broken(&error, sources))?
        }
    };
    match existing {
        Some(existing) if of_file.fields.is_empty() => Ok(existing),
        // The table becomes what the file is.
        Some(_) if write == Write::Truncate => Ok(of_file),
        Some(existing) => Ok(TableSchema { fields: reconciled(of_file.fields, &existing.fields) }),
        None if of_file.fields.is_empty() => {
            Err(JobError::invalid("No schema specified on job or table."))
        }
        None => Ok(of_file),
    }
}

/// A file's columns with the types of the table's, where the table has them: a column that is there is
/// read as the table has it.
fn reconciled(of_file: Vec<Field>, existing: &[Field]) -> Vec<Field> {
    let reconcile = |field: Field| {
        let Some(index) = index_of(existing, &field.name) else { return field };
        let mut known = existing[index].clone();
        if let (FieldType::Record(of_file), FieldType::Record(inner)) =
            (field.field_type, &mut known.field_type)
        {
            *inner = reconciled(of_file, inner);
        }
        known
    };
    of_file.into_iter().map(reconcile).collect()
}

/// A file that cannot be read at all.
fn broken(error: &FileError, sources: &[Source]) -> JobError {
    let uri = sources.first().and_then(|source| source.uri.clone());
    let file = uri.as_ref().map(|uri| format!(" File: {uri}")).unwrap_or_default();
    JobError {
        reason: "invalid",
        location: uri,
        message: format!("Error while reading data, error message: {error}{file}"),
    }
}

/// The bad records as errors; too many of them are the job's.
fn check_bad(rows: &Rows, format: Format, load: &Value) -> Result<Vec<JobError>, JobError> {
    let allowed = &load["maxBadRecords"];
    let allowed = allowed.as_u64().or_else(|| allowed.as_str()?.parse().ok()).unwrap_or(0);
    let errors = rows.bad.iter().take(LOAD_ERRORS_MAX).map(bad_record).collect();
    if rows.bad.len() as u64 <= allowed {
        return Ok(errors);
    }
    let first = &rows.bad[0];
    Err(JobError {
        reason: "invalid",
        location: first.uri.clone(),
        message: format!(
            "Error while reading data, error message: {} table encountered too many errors, giving up. \
             Rows: {}; errors: {}; max bad: {allowed}. {}",
            format.name(),
            rows.records,
            rows.bad.len(),
            first.message
        ),
    })
}

fn bad_record(bad: &BadRecord) -> JobError {
    let file = bad.uri.as_ref().map(|uri| format!(" File: {uri}")).unwrap_or_default();
    JobError {
        reason: "invalid",
        location: bad.uri.clone(),
        message: format!("Error while reading data, error message: {}{file}", bad.message),
    }
}

fn statistics(sources: &[Source], schema: &TableSchema, rows: &Rows) -> Value {
    let bytes: usize = sources.iter().map(|source| source.content.len()).sum();
    let count: usize = rows.batches.iter().map(RecordBatch::num_rows).sum();
    let written: u64 = rows.batches.iter().map(|batch| logical_bytes(schema, batch)).sum();
    json!({
        "completionRatio": 1,
        "load": {
            "inputFiles": sources.len().to_string(),
            "inputFileBytes": bytes.to_string(),
            "outputRows": count.to_string(),
            "outputBytes": written.to_string(),
            "badRecords": rows.bad.len().to_string(),
        },
    })
}

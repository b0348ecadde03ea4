//! Copy jobs: rows of one or more tables into another, a snapshot of a table, a clone, or a snapshot
//! brought back. Segments are shared, so that a copy costs the same whatever its size.

use serde_json::{Value, json};

use super::store::Task;
use super::{Finished, JobError, disposition_of, table_of};
use crate::catalog::{Catalog, CatalogError, Write};
use crate::schema::TableSchema;
use crate::table::{Decorator, Segment, TableId, TableKind};
use crate::wire::Shared;

/// Settings that go with the rows into a table that is made.
const COPIED: &[&str] = &[
    "clustering",
    "description",
    "labels",
    "rangePartitioning",
    "tableConstraints",
    "timePartitioning",
];

pub(super) fn run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    let copy = &task.configuration["copy"];
    let mut sources = Vec::new();
    match &copy["sourceTables"] {
        Value::Array(tables) => {
            for table in tables {
                sources.push(table_of(table, &task.key.project)?);
            }
        }
        _ => sources.push(table_of(&copy["sourceTable"], &task.key.project)?),
    }
    let (to, to_decorator) = table_of(&copy["destinationTable"], &task.key.project)?;
    let mut state = shared.state();
    let catalog = &mut state.catalog;
    let (schema, segments) = read(catalog, &sources, task.now)?;
    let rows: usize = segments.iter().map(|segment| segment.batch.num_rows()).sum();
    let bytes: u64 =
        segments.iter().map(|segment| crate::table::logical_bytes(&schema, &segment.batch)).sum();
    match copy["operationType"].as_str().unwrap_or("COPY") {
        "" | "OPERATION_TYPE_UNSPECIFIED" | "COPY" | "RESTORE" => {
            let mut disposition = disposition_of(copy, Write::Empty)?;
            if let [(from, _)] = &sources[..] {
                disposition.settings = copied(catalog, from)?;
            }
            let batches = segments.into_iter().map(|segment| segment.batch).collect();
            catalog.write(&to, &to_decorator, &disposition, &schema, batches, task.now)?;
        }
        operation @ ("SNAPSHOT" | "CLONE") => {
            let [(from, decorator)] = &sources[..] else {
                return Err(JobError::invalid("A snapshot or clone has one source"));
            };
            let kind = if operation == "CLONE" { TableKind::Table } else { TableKind::Snapshot };
            let made = Made { id: to, kind, schema, segments };
            let expiration = copy["destinationExpirationTime"].as_str();
            derive(catalog, (from, decorator), made, expiration, task.now)?;
        }
        other => {
            return Err(JobError::invalid(format!("Invalid value for operationType: {other}")));
        }
    }
    let statistics = json!({ "copy": {
        "copiedRows": rows.to_string(), "copiedLogicalBytes": bytes.to_string(),
    } });
    Ok(Finished { statistics, ..Finished::default() })
}

fn read(
    catalog: &Catalog,
    sources: &[(TableId, Decorator)],
    now: i64,
) -> Result<(TableSchema, Vec<Segment>), JobError> {
    let mut all: Option<(TableSchema, Vec<Segment>)> = None;
    for (id, decorator) in sources {
        let (schema, segments) = catalog.read(id, decorator, now)?;
        match &mut all {
            None => all = Some((schema, segments)),
            Some((first, rows)) => {
                if first.sql_columns() != schema.sql_columns() {
                    let text = format!("Provided Schema does not match Table {id}.");
                    return Err(JobError::invalid(text));
                }
                rows.extend(segments);
            }
        }
    }
    all.ok_or_else(|| JobError::invalid("Required parameter is missing: sourceTable"))
}

fn copied(
    catalog: &Catalog,
    from: &TableId,
) -> Result<serde_json::Map<String, Value>, CatalogError> {
    let settings = &catalog.table(from)?.settings;
    let found =
        COPIED.iter().filter_map(|name| Some(((*name).to_owned(), settings.get(*name)?.clone())));
    Ok(found.collect())
}

/// A table that is made of another.
struct Made {
    id: TableId,
    kind: TableKind,
    schema: TableSchema,
    segments: Vec<Segment>,
}

/// Makes a snapshot or a clone: it knows its base and when it was taken.
fn derive(
    catalog: &mut Catalog,
    (from, decorator): (&TableId, &Decorator),
    made: Made,
    expiration: Option<&str>,
    now: i64,
) -> Result<(), CatalogError> {
    let mut settings = copied(catalog, from)?;
    let taken = decorator.at(now).unwrap_or(now);
    let taken = chrono::DateTime::from_timestamp_micros(taken).unwrap_or_default();
    let definition = |time: &str| {
        json!({
            "baseTableReference": {
                "projectId": from.project, "datasetId": from.dataset, "tableId": from.table,
            },
            time: taken.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        })
    };
    if made.kind == TableKind::Snapshot {
        settings.insert("snapshotDefinition".to_owned(), definition("snapshotTime"));
    } else {
        settings.insert("cloneDefinition".to_owned(), definition("cloneTime"));
    }
    if let Some(at) = expiration.and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok()) {
        let millis = json!(at.timestamp_millis().to_string());
        settings.insert("expirationTime".to_owned(), millis);
    }
    catalog.create(made.id.clone(), made.kind, made.schema, settings, now)?;
    let nothing = catalog.table(&made.id)?.snapshot();
    catalog.rewrite(&made.id, &nothing, made.segments, now)
}

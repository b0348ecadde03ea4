//! Tables and views over REST, and their rows (`tabledata.list`).

use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::{Map, Value, json};

use super::error::RestError;
use super::request::{Call, table_id};
use super::resource::{kept, merge_patch};
use crate::jobs::view_schema;
use crate::limits::{PAGE_ROWS, PAGE_ROWS_MAX};
use crate::rows::to_json::row_to_json;
use crate::rows::{BatchBuilder, Cell};
use crate::schema::{Field, FieldType, TableSchema};
use crate::table::{Segment, Table, TableId, TableKind, adapt};

/// What a client may say of a table, beside its schema.
pub(crate) const SETTINGS: &[&str] = &[
    "clustering",
    "defaultCollation",
    "defaultRoundingMode",
    "description",
    "encryptionConfiguration",
    "expirationTime",
    "friendlyName",
    "labels",
    "materializedView",
    "maxStaleness",
    "rangePartitioning",
    "requirePartitionFilter",
    "resourceTags",
    "tableConstraints",
    "timePartitioning",
    "view",
];
/// Settings that refuse a table by name.
const REFUSED: &[&str] =
    &["externalDataConfiguration", "externalCatalogTableOptions", "biglakeConfiguration", "model"];

pub(super) fn insert(call: &Call, project: &str, dataset: &str) -> Result<Value, RestError> {
    let body = call.json()?;
    let name = body["tableReference"]["tableId"].as_str().unwrap_or_default();
    let id = TableId::new(project, dataset, name);
    create(call, id, &body)
}

/// Creates a table from its REST resource.
pub(super) fn create(call: &Call, id: TableId, body: &Value) -> Result<Value, RestError> {
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ');
    if id.table.is_empty() || id.table.len() > 1024 || !id.table.chars().all(allowed) {
        return Err(RestError::invalid(format!("Invalid table ID \"{}\".", id.table)));
    }
    let is_set = |setting: &str| body.get(setting).is_some_and(|value| !value.is_null());
    if let Some(setting) = REFUSED.iter().find(|setting| is_set(setting)) {
        return Err(RestError::unimplemented(&format!("tables.insert {setting}")));
    }
    let kind = if is_set("view") {
        TableKind::View
    } else if is_set("materializedView") {
        TableKind::MaterializedView
    } else {
        TableKind::Table
    };
    let mut schema = TableSchema::from_json(body.get("schema").unwrap_or(&Value::Null))?;
    let settings = checked(kept(body, SETTINGS), &schema)?;
    if kind != TableKind::Table {
        // A table that exists is that error, whatever the query.
        call.shared.state().catalog.dataset(&id.project, &id.dataset)?;
        schema = view_columns(call, &id, &settings, kind, schema)?;
    }
    let mut state = call.shared.state();
    let table = state.catalog.create(id, kind, schema, settings, call.now)?;
    Ok(resource(call, table))
}

/// The columns of a view are those of its query; what the client says of them is kept.
fn view_columns(
    call: &Call,
    id: &TableId,
    settings: &Map<String, Value>,
    kind: TableKind,
    given: TableSchema,
) -> Result<TableSchema, RestError> {
    let definition = &settings[if kind == TableKind::View { "view" } else { "materializedView" }];
    let query = definition["query"].as_str().unwrap_or_default();
    if query.is_empty() {
        return Err(RestError::invalid("Required parameter is missing: query"));
    }
    if definition["useLegacySql"].as_bool().unwrap_or(false) {
        return Err(RestError::unimplemented("legacy SQL in views"));
    }
    match view_schema(&call.shared, &id.project, query, call.caller(), call.now) {
        Ok(mut schema) => {
            for field in &mut schema.fields {
                let found = given.index_of(&field.name).map(|index| &given.fields[index]);
                field.description = found.and_then(|given| given.description.clone());
            }
            Ok(schema)
        }
        // Without SQL the columns are as the client says, or not known.
        Err(error) if error.reason == "notImplemented" => Ok(given),
        Err(error) => Err(error.into()),
    }
}

/// Fills in what is not said, and refuses columns that there are not.
fn checked(
    mut settings: Map<String, Value>,
    schema: &TableSchema,
) -> Result<Map<String, Value>, RestError> {
    if let Some(Value::Object(partitioning)) = settings.get_mut("timePartitioning") {
        partitioning.entry("type").or_insert_with(|| json!("DAY"));
    }
    let clustering = settings.get("clustering").and_then(|it| it["fields"].as_array());
    let keys = settings.get("tableConstraints").and_then(|it| it.pointer("/primaryKey/columns"));
    let names = clustering.into_iter().chain(keys.and_then(Value::as_array)).flatten();
    for name in names.filter_map(Value::as_str) {
        // A view's columns are known later.
        if !schema.fields.is_empty() && schema.index_of(name).is_none() {
            let text = format!("The field {name} cannot be found in the schema");
            return Err(RestError::invalid(text));
        }
    }
    if clustering.is_some_and(|fields| fields.len() > 4) {
        return Err(RestError::invalid("Too many clustering fields: at most 4 are allowed"));
    }
    Ok(settings)
}

pub(super) fn list(call: &Call, project: &str, dataset: &str) -> Result<Value, RestError> {
    let state = call.shared.state();
    let tables: Vec<Value> = state.catalog.tables(project, dataset)?.map(summary).collect();
    let total = tables.len();
    let (page, next) = call.query.page(tables)?;
    let mut out = json!({
        "kind": "bigquery#tableList", "etag": format!("{total:x}"), "totalItems": total,
    });
    if !page.is_empty() {
        out["tables"] = Value::Array(page);
    }
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(out)
}

pub(super) fn get(call: &Call, path: [&str; 3]) -> Result<Value, RestError> {
    let (id, decorator) = table_id(path[0], path[1], path[2])?;
    let state = call.shared.state();
    let table = state.catalog.table(&id)?;
    let mut out = resource(call, table);
    if decorator.is_summary() {
        out["schema"] = partition_summary(table)?.0.to_json();
        // Clients list the rows of the table that this answer names.
        out["tableReference"]["tableId"] = json!(path[2]);
    } else {
        decorator.key(table).map_err(RestError::invalid)?;
        out["schema"] = selected(call, &table.schema)?.to_json();
    }
    if decorator.partition.is_some() {
        // Clients go on with the name in the answer.
        out["tableReference"]["tableId"] = json!(path[2]);
        out["id"] = json!(format!("{}:{}.{}", id.project, id.dataset, path[2]));
    }
    Ok(out)
}

/// The columns that `selectedFields` names: all where there is none.
fn selected(call: &Call, schema: &TableSchema) -> Result<TableSchema, RestError> {
    let Some(names) = call.query.get("selectedFields") else { return Ok(schema.clone()) };
    schema
        .select(names.split(','))
        .map_err(|name| RestError::invalid(format!("Invalid selected field: {name}")))
}

/// The partitions of a table as rows: what `$__PARTITIONS_SUMMARY__` names.
fn partition_summary(table: &Table) -> Result<(TableSchema, RecordBatch), RestError> {
    let column = |name: &str, of: FieldType| Field::new(name, of);
    let schema = TableSchema {
        fields: vec![
            column("project_id", FieldType::String),
            column("dataset_id", FieldType::String),
            column("table_id", FieldType::String),
            column("partition_id", FieldType::String),
            column("creation_time", FieldType::Int64),
            column("last_modified_time", FieldType::Int64),
        ],
    };
    let partitions = table.partitions();
    let ids: Vec<String> = partitions.keys().map(|key| table.partitioning.id(*key)).collect();
    let mut batch = BatchBuilder::new(&schema);
    for id in &ids {
        batch.push(&[
            Cell::Text((&*table.id.project).into()),
            Cell::Text((&*table.id.dataset).into()),
            Cell::Text((&*table.id.table).into()),
            Cell::Text(id.into()),
            Cell::Int(table.created_at / 1_000),
            Cell::Int(table.modified_at / 1_000),
        ]);
    }
    let batch = batch.finish().map_err(|error| RestError::invalid(error.to_string()))?;
    Ok((schema, batch))
}

/// PATCH changes what it names, PUT replaces all settings; a schema may grow.
pub(super) fn update(call: &Call, path: [&str; 3]) -> Result<Value, RestError> {
    let id = TableId::new(path[0], path[1], path[2]);
    let body = call.json()?;
    let (mut settings, kind, before) = {
        let state = call.shared.state();
        let table = state.catalog.table(&id)?;
        call.check_etag(&table.etag())?;
        (table.settings.clone(), table.kind, Arc::clone(&table.schema))
    };
    if call.method == "PUT" {
        settings = kept(&body, SETTINGS);
    } else {
        merge_patch(&mut settings, &body, SETTINGS);
    }
    let given = match body.get("schema").filter(|schema| !schema.is_null()) {
        Some(schema) => Some(TableSchema::from_json(schema)?),
        None => None,
    };
    let schema = match kind {
        TableKind::View | TableKind::MaterializedView => {
            let given = given.unwrap_or_default();
            Some(view_columns(call, &id, &settings, kind, given)?)
        }
        TableKind::Table | TableKind::Snapshot => {
            if let Some(wanted) = &given {
                before.check_replacement(wanted, &id.to_string()).map_err(RestError::invalid)?;
            }
            given
        }
    };
    let settings = checked(settings, schema.as_ref().unwrap_or(&before))?;
    let mut state = call.shared.state();
    call.check_etag(&state.catalog.table(&id)?.etag())?;
    let table = state.catalog.update_table(&id, settings, schema, call.now)?;
    Ok(resource(call, table))
}

pub(super) fn delete(call: &Call, path: [&str; 3]) -> Result<(), RestError> {
    let (id, decorator) = table_id(path[0], path[1], path[2])?;
    let mut state = call.shared.state();
    let table = state.catalog.table(&id)?;
    let Some(key) = decorator.key(table).map_err(RestError::invalid)? else {
        return Ok(state.catalog.delete_table(&id)?);
    };
    let seen = table.snapshot();
    let others = table.partitioning.filter(&seen.segments(), key, false);
    Ok(state.catalog.rewrite(&id, &seen, others, call.now)?)
}

pub(super) fn list_rows(call: &Call, path: [&str; 3]) -> Result<Value, RestError> {
    let (id, decorator) = table_id(path[0], path[1], path[2])?;
    // Only slices are taken under the lock; turning them into JSON needs none.
    let (schema, segments, etag) = {
        let state = call.shared.state();
        let table = state.catalog.table(&id)?;
        let etag = table.etag();
        let (schema, segments) = if decorator.is_summary() {
            let (schema, batch) = partition_summary(table)?;
            (schema, vec![Segment { batch, partition_time: None }])
        } else {
            state.catalog.read(&id, &decorator, call.now)?
        };
        (schema, segments, etag)
    };
    let selected = selected(call, &schema)?;
    let from = match call.query.get("pageToken") {
        Some(token) => {
            token.parse().map_err(|_| RestError::invalid(format!("Invalid page token {token}")))?
        }
        None => call.query.number("startIndex")?.unwrap_or(0),
    };
    check_format(call.query.get("formatOptions.timestampOutputFormat"))?;
    let count = call.query.number("maxResults")?.unwrap_or(PAGE_ROWS).min(PAGE_ROWS_MAX);
    let int64_timestamps = call.query.flag("formatOptions.useInt64Timestamp");
    let total: usize = segments.iter().map(|segment| segment.batch.num_rows()).sum();
    let batches = segments.iter().map(|segment| &segment.batch);
    let rows = page_of_rows(batches, &selected, from, count, int64_timestamps);
    let end = from.saturating_add(rows.len());
    let mut out = json!({
        "kind": "bigquery#tableDataList", "etag": etag, "totalRows": total.to_string(),
    });
    if !rows.is_empty() {
        out["rows"] = Value::Array(rows);
    }
    if end < total && count > 0 {
        out["pageToken"] = json!(end.to_string());
    }
    Ok(out)
}

/// Refuses forms of timestamps that rows are not written in.
pub(super) fn check_format(wanted: Option<&str>) -> Result<(), RestError> {
    match wanted {
        None | Some("TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED" | "FLOAT64" | "INT64") => Ok(()),
        Some(other) => Err(RestError::unimplemented(&format!("timestampOutputFormat {other}"))),
    }
}

/// Up to `count` rows from a position on, as REST has them.
pub(super) fn page_of_rows<'a>(
    batches: impl IntoIterator<Item = &'a RecordBatch>,
    schema: &TableSchema,
    from: usize,
    count: usize,
    int64_timestamps: bool,
) -> Vec<Value> {
    let arrow = schema.to_arrow();
    let (mut skip, mut left) = (from, count);
    let mut rows = Vec::new();
    for batch in batches {
        if left == 0 {
            break;
        }
        if skip >= batch.num_rows() {
            skip -= batch.num_rows();
            continue;
        }
        let length = left.min(batch.num_rows() - skip);
        let slice = adapt(&batch.slice(skip, length), &arrow);
        rows.extend(
            (0..length).map(|row| row_to_json(&slice, &schema.fields, row, int64_timestamps)),
        );
        left -= length;
        skip = 0;
    }
    rows
}

fn summary(table: &Table) -> Value {
    let TableId { project, dataset, table: name } = &table.id;
    let mut out = json!({
        "kind": "bigquery#table",
        "id": table.id.to_string(),
        "tableReference": { "projectId": project, "datasetId": dataset, "tableId": name },
        "type": table.kind.name(),
        "creationTime": (table.created_at / 1_000).to_string(),
    });
    for setting in [
        "labels",
        "friendlyName",
        "timePartitioning",
        "rangePartitioning",
        "clustering",
        "expirationTime",
        "requirePartitionFilter",
    ] {
        if let Some(value) = table.settings.get(setting) {
            out[setting] = value.clone();
        }
    }
    if table.kind == TableKind::View {
        out["view"] = json!({ "useLegacySql": false });
    }
    out
}

fn resource(call: &Call, table: &Table) -> Value {
    let TableId { project, dataset, table: name } = &table.id;
    let mut out = summary(table);
    let path = format!("projects/{project}/datasets/{dataset}/tables/{name}");
    let bytes = table.byte_count().to_string();
    out["etag"] = json!(table.etag());
    out["selfLink"] = json!(call.link(&path));
    out["schema"] = table.schema.to_json();
    out["location"] = json!("US");
    out["numRows"] = json!(table.row_count().to_string());
    out["numBytes"] = json!(bytes);
    out["numLongTermBytes"] = json!("0");
    out["numTotalLogicalBytes"] = json!(bytes);
    out["numActiveLogicalBytes"] = json!(bytes);
    out["numLongTermLogicalBytes"] = json!("0");
    out["lastModifiedTime"] = json!((table.modified_at / 1_000).to_string());
    for (name, value) in &table.settings {
        out[name] = value.clone();
    }
    if let Some(definition) = out.get_mut("view") {
        definition["useLegacySql"] = json!(false);
    }
    out
}

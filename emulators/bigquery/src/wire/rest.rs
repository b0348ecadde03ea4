//! REST v2: datasets, tables, rows. One handler takes every path; what it does not know is refused by
//! name.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::Shared;
use super::insert::insert_all;
use super::request::{Query, RestError};
use crate::catalog::Dataset;
use crate::clock::now_micros;
use crate::limits::{PAGE_ROWS, PAGE_ROWS_MAX, REQUEST_BYTES_MAX};
use crate::rows::to_json::row_to_json;
use crate::schema::{Field, TableSchema};
use crate::table::{Table, TableId};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&shared, &method, &uri, &headers, &body) {
        Ok(Some(value)) => axum::Json(value).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

fn answer(
    shared: &Shared,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Option<Value>, RestError> {
    let unknown = || RestError::unimplemented(&format!("{method} {}", uri.path()));
    let path = uri.path().strip_prefix("/bigquery/v2/").ok_or_else(unknown)?;
    let parts: Vec<String> = path
        .trim_end_matches('/')
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let query = Query::parse(uri.query().unwrap_or_default());
    let body = || parse_body(headers, body);
    let id = |project: &str, dataset: &str, table: &str| TableId {
        project: project.to_owned(),
        dataset: dataset.to_owned(),
        table: table.to_owned(),
    };
    match (method.as_str(), &parts[..]) {
        ("POST", ["projects", p, "datasets"]) => create_dataset(shared, p, &body()?).map(Some),
        ("GET", ["projects", p, "datasets"]) => {
            let state = shared.state();
            let datasets: Vec<Value> =
                state.catalog.datasets(p).map(|(id, it)| dataset_json(p, id, it)).collect();
            Ok(Some(listing("bigquery#datasetList", "datasets", datasets)))
        }
        ("GET", ["projects", p, "datasets", d]) => {
            Ok(Some(dataset_json(p, d, shared.state().catalog.dataset(p, d)?)))
        }
        ("DELETE", ["projects", p, "datasets", d]) => {
            shared.state().catalog.delete_dataset(p, d, query.flag("deleteContents"))?;
            Ok(None)
        }
        ("POST", ["projects", p, "datasets", d, "tables"]) => {
            let body = body()?;
            let name = body["tableReference"]["tableId"].as_str().unwrap_or_default();
            create_table(shared, id(p, d, name), &body).map(Some)
        }
        ("GET", ["projects", p, "datasets", d, "tables"]) => {
            let state = shared.state();
            let tables: Vec<Value> = state.catalog.tables(p, d)?.map(table_json).collect();
            let total = tables.len();
            let mut out = listing("bigquery#tableList", "tables", tables);
            out["totalItems"] = json!(total);
            Ok(Some(out))
        }
        ("GET", ["projects", p, "datasets", d, "tables", t]) => {
            Ok(Some(table_json(shared.state().catalog.table(&id(p, d, t))?)))
        }
        ("DELETE", ["projects", p, "datasets", d, "tables", t]) => {
            shared.state().catalog.delete_table(&id(p, d, t))?;
            Ok(None)
        }
        ("POST", ["projects", p, "datasets", d, "tables", t, "insertAll"]) => {
            insert_all(shared, &id(p, d, t), &body()?).map(Some)
        }
        ("GET", ["projects", p, "datasets", d, "tables", t, "data"]) => {
            list_rows(shared, &id(p, d, t), &query).map(Some)
        }
        _ => Err(unknown()),
    }
}

/// The body as JSON; clients send it gzipped, and under any content type.
fn parse_body(headers: &HeaderMap, body: &Bytes) -> Result<Value, RestError> {
    let is_gzip = headers.get("content-encoding").is_some_and(|value| value == "gzip");
    let mut plain = Vec::new();
    let text: &[u8] = if is_gzip {
        // The limit holds for the unpacked body, too.
        let limit = REQUEST_BYTES_MAX as u64;
        flate2::read::GzDecoder::new(&body[..])
            .take(limit)
            .read_to_end(&mut plain)
            .map_err(|error| RestError::invalid(format!("Invalid gzip body: {error}")))?;
        &plain
    } else {
        body
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(text)
        .map_err(|error| RestError::invalid(format!("Invalid JSON payload received. {error}")))
}

fn create_dataset(shared: &Shared, project: &str, body: &Value) -> Result<Value, RestError> {
    let id = body["datasetReference"]["datasetId"].as_str().unwrap_or_default();
    if id.is_empty() || !id.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
        let text = format!(
            "Invalid dataset ID \"{id}\". Dataset IDs must be alphanumeric (plus underscores) and must \
             be at most 1024 characters long."
        );
        return Err(RestError::invalid(text));
    }
    let location = body["location"].as_str().unwrap_or("US");
    let settings = kept(body, &["description", "friendlyName", "labels"]);
    let mut state = shared.state();
    let made = state.catalog.create_dataset(project, id, location, settings, now_micros())?;
    Ok(dataset_json(project, id, made))
}

/// Creates a table from its REST resource.
pub(super) fn create_table(shared: &Shared, id: TableId, body: &Value) -> Result<Value, RestError> {
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ');
    if id.table.is_empty() || !id.table.chars().all(allowed) {
        return Err(RestError::invalid(format!("Invalid table ID \"{}\".", id.table)));
    }
    for setting in ["view", "materializedView", "externalDataConfiguration", "tableConstraints"] {
        if body.get(setting).is_some_and(|value| !value.is_null()) {
            return Err(RestError::unimplemented(&format!("tables.insert {setting}")));
        }
    }
    let schema = TableSchema::from_json(body.get("schema").unwrap_or(&Value::Null))?;
    if let Some(column) = body["timePartitioning"]["field"].as_str()
        && schema.index_of(column).is_none()
    {
        let text =
            format!("The field specified for partitioning cannot be found in the schema: {column}");
        return Err(RestError::invalid(text));
    }
    let settings = kept(
        body,
        &[
            "description",
            "friendlyName",
            "labels",
            "timePartitioning",
            "rangePartitioning",
            "clustering",
            "requirePartitionFilter",
            "expirationTime",
        ],
    );
    let mut state = shared.state();
    let table = state.catalog.create_table(id, schema, settings, now_micros())?;
    Ok(table_json(table))
}

fn kept(body: &Value, settings: &[&str]) -> Map<String, Value> {
    settings
        .iter()
        .filter_map(|name| {
            let value = body.get(name).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        })
        .collect()
}

fn list_rows(shared: &Shared, id: &TableId, query: &Query) -> Result<Value, RestError> {
    let from = match query.get("pageToken").filter(|token| !token.is_empty()) {
        Some(token) => {
            token.parse().map_err(|_| RestError::invalid(format!("Invalid page token {token}")))?
        }
        None => query.number("startIndex")?.unwrap_or(0),
    };
    let count = query.number("maxResults")?.unwrap_or(PAGE_ROWS).min(PAGE_ROWS_MAX);
    let int64_timestamps = query.flag("formatOptions.useInt64Timestamp");
    // Only slices are taken under the lock; turning them into JSON needs none.
    let (schema, batches, total) = {
        let state = shared.state();
        let table = state.catalog.table(id)?;
        (Arc::clone(&table.schema), table.slice(from, count), table.row_count())
    };
    let columns = selected(&schema, query.get("selectedFields"))?;
    let fields: Vec<Field> = columns.iter().map(|&index| schema.fields[index].clone()).collect();
    let mut rows = Vec::new();
    for batch in batches {
        let batch =
            batch.project(&columns).map_err(|error| RestError::invalid(error.to_string()))?;
        rows.extend(
            (0..batch.num_rows()).map(|row| row_to_json(&batch, &fields, row, int64_timestamps)),
        );
    }
    let end = from.saturating_add(rows.len());
    let mut out = json!({ "kind": "bigquery#tableDataList", "totalRows": total.to_string() });
    if !rows.is_empty() {
        out["rows"] = Value::Array(rows);
    }
    if end < total && count > 0 {
        out["pageToken"] = json!(end.to_string());
    }
    Ok(out)
}

fn selected(schema: &TableSchema, names: Option<&str>) -> Result<Vec<usize>, RestError> {
    match names.filter(|names| !names.is_empty()) {
        None => Ok((0..schema.fields.len()).collect()),
        Some(names) => {
            let mut columns = names
                .split(',')
                .map(|name| {
                    schema.index_of(name.trim()).ok_or_else(|| {
                        RestError::invalid(format!("Invalid selected field: {name}"))
                    })
                })
                .collect::<Result<Vec<_>, _>>()?;
            // The service answers in the table's order, whatever the order asked for.
            columns.sort_unstable();
            Ok(columns)
        }
    }
}

fn dataset_json(project: &str, id: &str, dataset: &Dataset) -> Value {
    let mut out = json!({
        "kind": "bigquery#dataset",
        "id": dataset.full_id,
        "etag": format!("{:x}", dataset.created_at),
        "datasetReference": { "projectId": project, "datasetId": id },
        "location": dataset.location,
        "type": "DEFAULT",
        "creationTime": (dataset.created_at / 1_000).to_string(),
        "lastModifiedTime": (dataset.created_at / 1_000).to_string(),
    });
    merge(&mut out, &dataset.settings);
    out
}

fn table_json(table: &Table) -> Value {
    let TableId { project, dataset, table: name } = &table.id;
    let mut out = json!({
        "kind": "bigquery#table",
        "id": table.id.to_string(),
        "etag": format!("{:x}", table.modified_at),
        "tableReference": { "projectId": project, "datasetId": dataset, "tableId": name },
        "schema": table.schema.to_json(),
        "type": "TABLE",
        "location": "US",
        "numRows": table.row_count().to_string(),
        "numBytes": table.byte_count().to_string(),
        "creationTime": (table.created_at / 1_000).to_string(),
        "lastModifiedTime": (table.modified_at / 1_000).to_string(),
    });
    merge(&mut out, &table.settings);
    out
}

fn merge(out: &mut Value, settings: &Map<String, Value>) {
    for (name, value) in settings {
        out[name] = value.clone();
    }
}

fn listing(kind: &str, key: &str, items: Vec<Value>) -> Value {
    let mut out = json!({ "kind": kind });
    if !items.is_empty() {
        out[key] = Value::Array(items);
    }
    out
}

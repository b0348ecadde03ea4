//! Streams and the tables that they belong to: a stream is made, and where the pipeline names the table
//! itself, the table and its columns are made too when they are missing and the job says so.

use std::sync::{Arc, PoisonError};

use gcp_bigquery_client::model::query_request::QueryRequest;
use gcp_bigquery_client::model::table::Table as TableResource;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::{Code, Status};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE, WINDOWS_TABLE};
use windtunnel_protos::bigquery::{CreateWriteStreamRequest, WriteStream, write_stream};
use windtunnel_runtime::command::{FatalError, Input, StreamId, Table, Visibility};

use super::{WriteSink, persist};
use crate::destinations::TableSpec;
use crate::named_rows::{NewColumns, RowEncoder};
use crate::world::accept_existing_rest;

/// Makes a stream of a table.
#[tracing::instrument(name = "create_write_stream", skip_all)]
pub(super) async fn open(
    sink: Arc<WriteSink>,
    stream: StreamId,
    table: Table,
    visibility: Visibility,
    inputs: mpsc::Sender<Input>,
) {
    let result = make(&sink, stream, &table, visibility).await;
    let _ended = inputs.send(Input::StreamOpened { stream, result }).await;
}

async fn make(
    sink: &WriteSink,
    stream: StreamId,
    table: &Table,
    visibility: Visibility,
) -> Result<Arc<str>, FatalError> {
    let name = match table {
        Table::Events => EVENTS_TABLE,
        Table::Windows => WINDOWS_TABLE,
        Table::Named(name) => name,
    };
    let (dataset, id) = name.split_once('.').unwrap_or((DATASET, name));
    let parent = format!("projects/{}/datasets/{dataset}/tables/{id}", sink.names.project);
    let spec = match table {
        Table::Events | Table::Windows => TableSpec::default(),
        Table::Named(name) => sink.destinations.of(name),
    };
    let what = format!("CreateWriteStream of {parent}");
    let made = persist(&what, || async {
        match create(sink, &parent, visibility).await {
            Err(status) if status.code() == Code::NotFound => {
                let Some(resource) = &spec.resource else { return Err(status) };
                create_table(sink, resource.clone(), dataset, id).await?;
                create(sink, &parent, visibility).await
            }
            made => made,
        }
    });
    let made = made.await?;
    if let Table::Named(name) = table {
        let schema = made.table_schema.unwrap_or_default();
        let encoder = RowEncoder::new(&schema, spec.unknown_fields);
        let mut encoders = sink.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        encoders.insert(stream, (Arc::clone(name), Arc::new(encoder)));
    }
    Ok(made.name.into())
}

async fn create(
    sink: &WriteSink,
    parent: &str,
    visibility: Visibility,
) -> Result<WriteStream, Status> {
    let kind = match visibility {
        Visibility::ByEpoch => write_stream::Type::Buffered,
        Visibility::AtEnd => write_stream::Type::Pending,
    };
    let write_stream = WriteStream { r#type: kind.into(), ..WriteStream::default() };
    let request =
        CreateWriteStreamRequest { parent: parent.to_owned(), write_stream: Some(write_stream) };
    Ok(sink.client().await?.create_write_stream(request).await?.into_inner())
}

/// Makes a table out of its REST resource; one that exists by now is fine.
async fn create_table(
    sink: &WriteSink,
    mut resource: Value,
    dataset: &str,
    id: &str,
) -> Result<(), Status> {
    resource["tableReference"] =
        json!({ "projectId": sink.names.project, "datasetId": dataset, "tableId": id });
    let table: TableResource = serde_json::from_value(resource)
        .map_err(|error| Status::invalid_argument(format!("table {dataset}.{id}: {error}")))?;
    let made = sink.bigquery.table().create(table).await;
    accept_existing_rest(format!("table {dataset}.{id}"), made)
        .map_err(|error| Status::failed_precondition(error.to_string()))
}

/// Adds columns to a table; the answer says why the stream ends. When they cannot be added the next stream
/// finds the rows as they are, and tries again after its pause.
pub(super) async fn add_columns(sink: &WriteSink, table: &str, columns: &NewColumns) -> String {
    let (dataset, id) = table.split_once('.').unwrap_or((DATASET, table));
    let project = &sink.names.project;
    let statement = columns.statement(&format!("{project}.{dataset}.{id}"));
    match sink.bigquery.job().query(project, QueryRequest::new(&statement)).await {
        Ok(_) => format!("the table was changed: {statement}"),
        Err(error) => {
            tracing::warn!(%error, "{statement}");
            format!("{statement}: {error}")
        }
    }
}

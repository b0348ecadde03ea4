//! BigQuery around its catalog and its write streams: the tables of the reference pipeline and the
//! connections of AppendRows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::{Map, Value};
use tonic::{Code, Status};
use windtunnel_bigquery::append::{Connection, Tables, status_of};
use windtunnel_bigquery::catalog::Catalog;
use windtunnel_bigquery::schema::TableSchema;
use windtunnel_bigquery::table::TableId;
use windtunnel_bigquery::write_streams::{StreamKind, WriteStreams};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE, WINDOWS_TABLE, events_table, windows_table};
use windtunnel_protos::bigquery::append_rows_request::Rows;
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::{AppendRowsRequest, AppendRowsResponse, RowError, rpc};
use windtunnel_runtime::command::Table;

use super::super::call::Answer;
use super::PROJECT;

/// Catalog and streams in one thread.
#[derive(Debug, Default)]
struct State(RefCell<(Catalog, WriteStreams)>);

impl Tables for State {
    fn with<R>(&self, step: impl FnOnce(&mut Catalog, &mut WriteStreams) -> R) -> R {
        let (catalog, streams) = &mut *self.0.borrow_mut();
        step(catalog, streams)
    }
}

#[derive(Debug, Default)]
pub(in super::super) struct Bigquery {
    state: State,
    /// Connections on which something was said; none for those that are over.
    connections: BTreeMap<u64, Option<Box<Connection>>>,
    /// Rows appended and visible of every stream, for digests of the state.
    streams: BTreeMap<Arc<str>, (u64, u64)>,
    names: BTreeMap<u64, Arc<str>>,
    /// When the last answer on a connection is there: answers keep their order.
    pub(in super::super) answered: BTreeMap<u64, i64>,
}

fn id(name: &str) -> TableId {
    TableId::new(PROJECT, DATASET, name)
}

impl Bigquery {
    pub(in super::super) fn new(now: i64) -> Self {
        let bigquery = Self::default();
        bigquery.state.with(|catalog, _| {
            catalog
                .create_dataset(PROJECT, DATASET, "US", Map::new(), now)
                .expect("the catalog is empty");
            for (table, resource) in
                [(EVENTS_TABLE, events_table()), (WINDOWS_TABLE, windows_table())]
            {
                let schema = TableSchema::from_json(&resource["schema"])
                    .expect("the schema is the reference pipeline's");
                let settings = ["timePartitioning", "clustering"]
                    .map(|key| (key.to_owned(), resource.get(key).cloned().unwrap_or(Value::Null)));
                let settings = settings.into_iter().collect();
                catalog
                    .create_table(id(table), schema, settings, now)
                    .expect("the dataset is there and empty");
            }
        });
        bigquery
    }

    pub(in super::super) fn open(&mut self, table: Table, now: i64) -> Result<Answer, Status> {
        let name = match table {
            Table::Events => EVENTS_TABLE,
            Table::Windows => WINDOWS_TABLE,
            Table::Named(name) => {
                let text = format!("table {name}: tables of the pipeline's own are not simulated");
                return Err(Status::unimplemented(text));
            }
        };
        let opened = self.state.with(|catalog, streams| {
            let stream = streams.create(catalog, &id(name), StreamKind::Buffered, now);
            stream.map(|stream| Arc::from(stream.name.as_str()))
        });
        let name: Arc<str> = opened.map_err(status_of)?;
        self.streams.insert(Arc::clone(&name), (0, 0));
        Ok(Answer::Stream(name))
    }

    /// Appends on a connection; none when the connection is over.
    pub(in super::super) fn append(
        &mut self,
        connection: u64,
        request: AppendRowsRequest,
        now: i64,
    ) -> Option<AppendRowsResponse> {
        let open = self.connections.entry(connection).or_insert_with(|| Some(Box::default()));
        let open = open.as_mut()?;
        let rows = match &request.rows {
            Some(Rows::ProtoRows(rows)) => {
                rows.rows.as_ref().map_or(0, |rows| rows.serialized_rows.len())
            }
            _ => 0,
        };
        if !request.write_stream.is_empty() {
            self.names.insert(connection, request.write_stream.as_str().into());
        }
        let response = open.append(&self.state, request, now);
        let is_taken = matches!(response.response, Some(Response::AppendResult(_)));
        let name = self.names.get(&connection).filter(|_| is_taken);
        if let Some(stream) = name.and_then(|name| self.streams.get_mut(name)) {
            stream.0 += rows as u64;
        }
        Some(response)
    }

    /// Ends a connection; false when it was over before.
    pub(in super::super) fn cut(&mut self, connection: u64) -> bool {
        let open = self.connections.entry(connection).or_insert_with(|| Some(Box::default()));
        open.take().is_some()
    }

    pub(in super::super) fn flush(
        &mut self,
        name: &Arc<str>,
        rows: u64,
        now: i64,
    ) -> Result<Answer, Status> {
        let offset = rows.saturating_sub(1);
        let flushed = self.state.with(|catalog, streams| streams.flush(catalog, name, offset, now));
        flushed.map_err(status_of)?;
        if let Some(stream) = self.streams.get_mut(name) {
            stream.1 = stream.1.max(rows);
        }
        Ok(Answer::Done)
    }

    pub(in super::super) fn finalize(&mut self, name: &str) -> Result<Answer, Status> {
        self.state.with(|_, streams| streams.finalize(name)).map_err(status_of)?;
        Ok(Answer::Done)
    }

    /// Visible rows from a position on.
    pub(in super::super) fn rows(&self, table: &str, from: usize) -> Vec<RecordBatch> {
        self.state.with(|catalog, _| match catalog.table(&id(table)) {
            Ok(table) if table.row_count() > from => table.slice(from, usize::MAX),
            _ => Vec::new(),
        })
    }

    /// A digest of how far every stream is.
    pub(in super::super) fn digest(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for (name, (rows, flushed)) in &self.streams {
            hash.update(name.as_bytes());
            hash.update(&rows.to_le_bytes());
            hash.update(&flushed.to_le_bytes());
        }
        hash.digest()
    }
}

/// An answer that refuses one row and takes none.
pub(in super::super) fn refusal(row: u32) -> AppendRowsResponse {
    let error = RowError {
        index: i64::from(row),
        code: 1,
        message: "the row does not fit the table".to_owned(),
    };
    AppendRowsResponse { row_errors: vec![error], ..error_response(Code::InvalidArgument, "rows") }
}

/// An answer that is an error.
pub(in super::super) fn error_response(code: Code, message: &str) -> AppendRowsResponse {
    let status =
        rpc::Status { code: code.into(), message: message.to_owned(), details: Vec::new() };
    AppendRowsResponse { response: Some(Response::Error(status)), ..AppendRowsResponse::default() }
}

/// The first text field of an encoded event row: its event id.
pub(in super::super) fn event_id_of(request: &AppendRowsRequest, row: usize) -> Option<String> {
    let Some(Rows::ProtoRows(rows)) = &request.rows else { return None };
    let row = rows.rows.as_ref()?.serialized_rows.get(row)?;
    let mut rest = row.get(1..)?;
    let length = prost::encoding::decode_varint(&mut rest).ok()?;
    let text = rest.get(..usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

/// How many rows a request has.
pub(in super::super) fn row_count(request: &AppendRowsRequest) -> usize {
    match &request.rows {
        Some(Rows::ProtoRows(rows)) => {
            rows.rows.as_ref().map_or(0, |rows| rows.serialized_rows.len())
        }
        _ => 0,
    }
}

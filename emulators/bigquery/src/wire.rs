//! The wire: REST v2 and gRPC `google.cloud.bigquery.storage.v1` on one plain-HTTP port, around one
//! lock over catalog and streams that is held for single steps, never across an await.

mod datasets;
mod discovery;
mod error;
mod grpc;
mod insert;
mod jobs;
mod multipart;
mod queries;
mod read;
mod request;
mod resource;
mod rest;
mod routines;
mod tables;
mod upload;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use serde_json::Value;
use tonic::Status;
use windtunnel_protos::bigquery::big_query_read_server::BigQueryReadServer;
use windtunnel_protos::bigquery::big_query_write_server::BigQueryWriteServer;

pub(crate) use error::RestError;

use crate::append::Tables;
use crate::catalog::Catalog;
use crate::clock::now_micros;
use crate::defaults::Defaults;
use crate::jobs::{Finished, JobError, JobKey, Jobs, QueryCache, Sessions};
use crate::limits::APPEND_BYTES_MAX;
use crate::objects::ObjectStore;
use crate::read_sessions::ReadSessions;
use crate::schema::{Field, TableSchema};
use crate::table::TableId;
use crate::write_streams::WriteStreams;

/// A running emulator; clones are handles of the same one.
#[derive(Clone, Debug, Default)]
pub struct BigQueryEmulator {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes whoever waits for a job's end.
    pub(crate) jobs_changed: tokio::sync::Notify,
    /// Where `gs://` leads, if anywhere.
    pub(crate) objects: Option<Arc<dyn ObjectStore>>,
}

/// Everything behind the lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) streams: WriteStreams,
    /// `insertId`s by table, with the time until which they are remembered.
    pub(crate) insert_ids: HashMap<TableId, insert::InsertIds>,
    pub(crate) jobs: Jobs,
    pub(crate) cache: QueryCache,
    pub(crate) sessions: Sessions,
    uploads: upload::Uploads,
    read_sessions: ReadSessions,
}

/// A request to seed the emulator that cannot be met; the text is the service's own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SeedError(String);

impl BigQueryEmulator {
    /// An emulator with no datasets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An emulator with no datasets whose load and extract jobs read and write a store's objects.
    #[must_use]
    pub fn with_objects(objects: Arc<dyn ObjectStore>) -> Self {
        let shared = Shared { objects: Some(objects), ..Shared::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The routes of REST and gRPC, for one plain-HTTP port.
    pub fn router(&self) -> axum::Router {
        let write = BigQueryWriteServer::new(grpc::Wire::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(APPEND_BYTES_MAX);
        let read = BigQueryReadServer::new(grpc::Wire::new(Arc::clone(&self.shared)));
        axum::Router::new()
            .route_service("/google.cloud.bigquery.storage.v1.BigQueryWrite/{method}", write)
            .route_service("/google.cloud.bigquery.storage.v1.BigQueryRead/{method}", read)
            .merge(rest::router(Arc::clone(&self.shared)))
    }

    /// Creates a dataset.
    ///
    /// # Errors
    /// It exists.
    pub fn create_dataset(&self, project: &str, dataset: &str) -> Result<(), SeedError> {
        self.shared
            .state()
            .catalog
            .create_dataset(project, dataset, "US", serde_json::Map::new(), now_micros())
            .map(|_| ())
            .map_err(|error| SeedError(error.to_string()))
    }

    /// Creates a table from a REST resource (schema, partitioning, clustering).
    ///
    /// # Errors
    /// As `tables.insert`.
    pub fn create_table(
        &self,
        project: &str,
        dataset: &str,
        table: &str,
        resource: &Value,
    ) -> Result<(), SeedError> {
        let call = request::Call::new(
            Arc::clone(&self.shared),
            axum::http::Method::POST,
            &axum::http::Uri::from_static("/"),
            axum::http::HeaderMap::new(),
            axum::body::Bytes::new(),
            now_micros(),
        );
        tables::create(&call, TableId::new(project, dataset, table), resource)
            .map(|_| ())
            .map_err(|error| SeedError(error.to_string()))
    }
}

impl Tables for Shared {
    fn with<R>(&self, step: impl FnOnce(&mut Catalog, &mut WriteStreams) -> R) -> R {
        let mut state = self.state();
        let State { catalog, streams, .. } = &mut *state;
        step(catalog, streams)
    }

    fn fill_defaults(
        &self,
        project: &str,
        batch: &RecordBatch,
        schema: &TableSchema,
        is_missing: &dyn Fn(&Field, usize) -> bool,
        now: i64,
    ) -> Result<RecordBatch, Status> {
        let defaults = Defaults { shared: self, project, now };
        let filled = defaults.fill(batch, schema, is_missing);
        filled.map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Ends a job, and wakes whoever waits for it.
    pub(crate) fn finish(&self, key: &JobKey, outcome: Result<Finished, JobError>) {
        {
            let mut state = self.state();
            state.jobs.finish(key, outcome, now_micros());
            for id in state.jobs.take_orphans() {
                let _gone_already = state.catalog.delete_table(&id);
            }
        }
        self.jobs_changed.notify_waiters();
    }
}

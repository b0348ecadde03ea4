//! The wire around the broker: the JSON API with its upload and download paths, and gRPC, on one
//! plain-HTTP port. It holds the broker's lock for single steps, never across an await.

mod download;
mod grpc;
mod json;
mod multipart;
mod request;
mod rest;
mod upload;

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use windtunnel_protos::storage::storage_server::StorageServer;

use crate::broker::{Broker, BrokerError, Bucket, ListQuery, ObjectSpec, Preconditions};
use crate::clock::now_micros;
use crate::limits::REQUEST_BYTES_MAX;

/// A running emulator; clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct StorageEmulator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    broker: Mutex<Broker>,
    /// `http://host:port`, for the URLs in answers: clients' Host headers may lack the port.
    base_url: String,
}

impl StorageEmulator {
    /// An emulator with no buckets, to be served at `base_url` (`http://host:port`).
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { shared: Arc::new(Shared { broker: Mutex::default(), base_url }) }
    }

    /// The routes of REST and gRPC, for one plain-HTTP port.
    pub fn router(&self) -> axum::Router {
        let service = StorageServer::new(grpc::Wire::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(REQUEST_BYTES_MAX);
        axum::Router::new()
            .route_service("/google.storage.v2.Storage/{method}", service)
            .merge(rest::router(Arc::clone(&self.shared)))
    }

    /// Creates a bucket.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn create_bucket(&self, project: &str, name: &str) -> Result<(), BrokerError> {
        let bucket = new_bucket(project, name);
        self.shared.broker().create_bucket(bucket).map(|_| ())
    }

    /// Writes an object.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn put_object(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), BrokerError> {
        let spec = ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
        let mut broker = self.shared.broker();
        broker.put(bucket, spec, content, Preconditions::default(), now_micros()).map(|_| ())
    }

    /// An object's content.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn get_object(&self, bucket: &str, name: &str) -> Result<Bytes, BrokerError> {
        let broker = self.shared.broker();
        Ok(broker.get(bucket, name, None, Preconditions::default())?.content.clone())
    }

    /// The names of a bucket's objects that begin with a prefix, in order.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, BrokerError> {
        let broker = self.shared.broker();
        let mut query = ListQuery { prefix: prefix.to_owned(), ..ListQuery::default() };
        let mut names = Vec::new();
        loop {
            let page = broker.list(bucket, &query)?;
            names.extend(page.objects.iter().map(|object| object.spec.name.clone()));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            query.page_token = page.next_page_token;
        }
    }
}

impl Shared {
    pub(crate) fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn new_bucket(project: &str, name: &str) -> Bucket {
    Bucket {
        name: name.to_owned(),
        project: project.to_owned(),
        location: "US".to_owned(),
        created_at: now_micros(),
    }
}

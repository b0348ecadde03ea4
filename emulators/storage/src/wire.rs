//! The wire around the broker: the JSON API with its upload and download paths, the basics of the XML
//! API, and gRPC, on one plain-HTTP port. It holds the broker's lock for single steps, never across an
//! await.

mod batch;
mod buckets;
mod download;
mod grpc;
mod json;
mod multipart;
mod notifications;
mod objects;
mod reply;
mod request;
mod rest;
mod transcode;
mod upload;
mod xml;

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;
use windtunnel_protos::storage::storage_server::StorageServer;
use windtunnel_protos::storage_control::storage_control_server::StorageControlServer;

use crate::broker::{Broker, BrokerError, Bucket, ListQuery, ObjectSpec, Preconditions, Selector};
use crate::clock::now_micros;
use crate::limits::GRPC_MESSAGE_BYTES_MAX;

pub use notifications::{Notifications, StorageNotification};

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
    /// Rung when notifications wait to be published.
    bell: Notify,
    /// Whether somebody publishes notifications.
    published: AtomicBool,
}

impl StorageEmulator {
    /// An emulator with no buckets, to be served at `base_url` (`http://host:port`).
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (bell, published) = (Notify::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { broker: Mutex::default(), base_url, bell, published }) }
    }

    /// The routes of REST and gRPC, for one plain-HTTP port.
    pub fn router(&self) -> axum::Router {
        let service = StorageServer::new(grpc::Wire::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        let control = StorageControlServer::new(grpc::Wire::new(Arc::clone(&self.shared)));
        let policies = ["GetIamPolicy", "SetIamPolicy", "TestIamPermissions"];
        let router = policies.iter().fold(axum::Router::new(), |router, method| {
            let path = format!("/google.storage.control.v2.StorageControl/{method}");
            router.route_service(&path, control.clone())
        });
        router
            .route_service("/google.storage.v2.Storage/{method}", service)
            .merge(rest::router(Arc::clone(&self.shared)))
    }

    /// The notifications of all buckets, for whoever publishes them. Until somebody asks for them,
    /// creating a notification configuration is refused by name.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        self.shared.published.store(true, Ordering::Relaxed);
        Notifications::new(Arc::clone(&self.shared))
    }

    /// Creates a bucket.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn create_bucket(&self, project: &str, name: &str) -> Result<(), BrokerError> {
        let now = now_micros();
        self.shared.broker(now).create_bucket(Bucket::new(project, name, now)).map(|_| ())
    }

    /// Writes an object.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn put_object(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), BrokerError> {
        let spec = ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
        let (content, now) = (content.into(), now_micros());
        let mut broker = self.shared.broker(now);
        broker.put(bucket, spec, content, Preconditions::default(), now).map(|_| ())
    }

    /// An object's content.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn get_object(&self, bucket: &str, name: &str) -> Result<Bytes, BrokerError> {
        let now = now_micros();
        let broker = self.shared.broker(now);
        let view = broker.get(bucket, name, Selector::LIVE, Preconditions::default(), now)?;
        Ok(view.object.content.clone())
    }

    /// The names of a bucket's objects that begin with a prefix, in order.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, BrokerError> {
        let now = now_micros();
        let broker = self.shared.broker(now);
        let mut query = ListQuery { prefix: prefix.to_owned(), ..ListQuery::default() };
        let mut names = Vec::new();
        loop {
            let page = broker.list(bucket, &query, now)?;
            names.extend(page.objects.iter().map(|object| object.name.clone()));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            query.page_token = page.next_page_token;
        }
    }
}

impl Shared {
    /// The broker, for one step at one time.
    pub(crate) fn broker(&self, now: i64) -> Step<'_> {
        let mut broker = self.broker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        broker.tick(now);
        Step { broker, bell: &self.bell }
    }

    /// Whether somebody publishes notifications.
    fn is_published(&self) -> bool {
        self.published.load(Ordering::Relaxed)
    }
}

/// The broker during a step; when it ends, waiting notifications ring the bell.
pub(crate) struct Step<'a> {
    broker: MutexGuard<'a, Broker>,
    bell: &'a Notify,
}

impl Deref for Step<'_> {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}

impl DerefMut for Step<'_> {
    fn deref_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if self.broker.has_notifications() {
            self.bell.notify_one();
        }
    }
}

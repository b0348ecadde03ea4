//! Hands notifications to whoever publishes them. The queue is the broker's and bounded; this crate knows
//! no Pub/Sub.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Shared, json};
use crate::broker::{Notification, ObjectView};
use crate::clock::now_micros;

/// The notifications of all buckets, in the order of what happened. Each is handed out once.
#[derive(Debug)]
pub struct Notifications {
    shared: Arc<Shared>,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageNotification {
    /// `projects/P/topics/T`.
    pub topic: String,
    /// The message's attributes.
    pub attributes: BTreeMap<String, String>,
    /// The object's resource as JSON; empty where the configuration asks for none.
    pub data: Vec<u8>,
}

impl Notifications {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits until there are some, and takes them.
    pub async fn next(&mut self) -> Vec<StorageNotification> {
        loop {
            let taken = self.shared.broker(now_micros()).take_notifications();
            if !taken.is_empty() {
                return taken.into_iter().map(|it| self.message(it)).collect();
            }
            self.shared.bell.notified().await;
        }
    }

    fn message(&self, notification: Notification) -> StorageNotification {
        let Notification { topic, attributes, payload } = notification;
        let data = payload.map_or_else(Vec::new, |payload| {
            let (bucket, object) = &*payload;
            let resource = json::object(ObjectView { bucket, object }, &self.shared.base_url);
            resource.to_string().into_bytes()
        });
        StorageNotification { topic, attributes, data }
    }
}

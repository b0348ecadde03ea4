//! What the broker keeps across buckets: the last generation, the notifications that wait, and the
//! order of soft deletions. Invariant: soft-deleted objects are bounded, the oldest are given up first.

use std::collections::VecDeque;

use super::notification::{Notification, ObjectEvent};
use super::{BrokerError, BucketState, Object};
use crate::limits::{NOTIFICATIONS_MAX, OBJECT_OVERHEAD_BYTES, SOFT_DELETED_BYTES_MAX};

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last_generation: i64,
    notifications: VecDeque<Notification>,
    deletions: VecDeque<Deletion>,
    deleted_bytes: usize,
}

/// A soft-deleted object, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) generation: i64,
    gone_at: i64,
    bytes: usize,
}

impl Journal {
    /// Generations are times, and two writes within a microsecond still differ.
    pub(super) fn next_generation(&mut self, now: i64) -> i64 {
        self.last_generation = now.max(self.last_generation.saturating_add(1));
        self.last_generation
    }

    /// Fails when too many notifications wait.
    pub(super) fn check_room(&self) -> Result<(), BrokerError> {
        // One call makes two notifications at most for each configuration of one bucket.
        if self.notifications.len() < NOTIFICATIONS_MAX {
            Ok(())
        } else {
            Err(BrokerError::Overloaded)
        }
    }

    /// Queues the notifications that a bucket's configurations ask for.
    pub(super) fn notify(&mut self, state: &BucketState, event: &ObjectEvent<'_>) {
        let configs = state.notifications.configs();
        self.notifications.extend(
            configs
                .filter(|config| config.wants(event))
                .map(|config| Notification::new(config, &state.bucket, event)),
        );
    }

    pub(super) fn has_notifications(&self) -> bool {
        !self.notifications.is_empty()
    }

    pub(super) fn take_notifications(&mut self) -> Vec<Notification> {
        self.notifications.drain(..).collect()
    }

    pub(super) fn soft_deleted(&mut self, bucket: &str, object: &Object, gone_at: i64) {
        let bytes = object.content.len() + OBJECT_OVERHEAD_BYTES;
        self.deleted_bytes += bytes;
        self.deletions.push_back(Deletion {
            bucket: bucket.to_owned(),
            name: object.name.clone(),
            generation: object.generation,
            gone_at,
            bytes,
        });
    }

    /// The next soft-deleted object that is to be forgotten: its time is over, or there are too many.
    pub(super) fn next_forgotten(&mut self, now: i64) -> Option<Deletion> {
        let oldest = self.deletions.front()?;
        let too_many = self.deleted_bytes > SOFT_DELETED_BYTES_MAX && self.deletions.len() > 1;
        if oldest.gone_at > now && !too_many {
            return None;
        }
        self.deleted_bytes -= oldest.bytes;
        self.deletions.pop_front()
    }

    /// A deleted bucket takes its soft-deleted objects with it.
    pub(super) fn forget_bucket(&mut self, bucket: &str) {
        self.deletions.retain(|deletion| deletion.bucket != bucket);
        self.deleted_bytes = self.deletions.iter().map(|deletion| deletion.bytes).sum();
    }
}

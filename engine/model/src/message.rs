//! A message as a source delivers it: opaque bytes, where they come from, and the handle for its
//! acknowledgement. Invariant: a message's identity is the same on every redelivery.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use crate::{AckId, EventTime, Stage};

/// The attribute by which a publisher marks retries of one publish (Beam calls it the id label).
pub const ATTRIBUTE_PUBLISH_ID: &str = "publish_id";

/// The attribute in which the preprocessing function hands on the id of the raw message.
pub const ATTRIBUTE_SOURCE_MESSAGE_ID: &str = "source_message_id";

/// The attribute in which a publisher says where its events are made (`iot`, `web`, …).
pub const ATTRIBUTE_SOURCE: &str = "source";

/// The attribute by which a dead letter that is sent again is known: its object and line. It is the
/// identity of the publish, however often that is tried.
pub const ATTRIBUTE_REPLAY_OF: &str = "replay_of";

/// The attribute in which a replayed dead letter says which stage had rejected it.
pub const ATTRIBUTE_REPLAY_STAGE: &str = "replay_stage";

/// The attribute in which a replayed dead letter says when it was published first.
pub const ATTRIBUTE_REPLAY_PUBLISHED: &str = "replay_publish_time";

/// Whether a message is a dead letter that comes back, and what had seen it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replay {
    /// It comes for the first time.
    #[default]
    No,
    /// It had been rejected before dedup: it is the event that it always was.
    BeforeDedup,
    /// Dedup had known it when it was rejected, as late or by the table: it is an event of its own, and
    /// the windows do not count it.
    AfterDedup,
}

/// One delivered message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The handle for the acknowledgement.
    pub ack: AckId,
    /// The payload as it came.
    pub data: Bytes,
    /// The service's publish time, or the object's creation time.
    pub publish_time: EventTime,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a message comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A Pub/Sub message.
    Pubsub {
        /// The id that the service assigned.
        message_id: String,
        /// The publisher's attributes, in the order of their keys.
        attributes: BTreeMap<String, String>,
    },
    /// A line of a file.
    File {
        /// `gs://bucket/name` or a path.
        object: Arc<str>,
        /// The object's generation, 0 for a path.
        generation: i64,
        /// The record's number, from 1; with one record a line, the line's.
        line: u64,
        /// Whether nothing comes after it in its file.
        is_last: bool,
    },
}

impl Message {
    /// Whether the message is a dead letter that comes back, and which one.
    #[must_use]
    pub fn replay(&self) -> Option<(Replay, &str)> {
        let Origin::Pubsub { attributes, .. } = &self.origin else { return None };
        let of = attributes.get(ATTRIBUTE_REPLAY_OF)?;
        let after = [Stage::Window, Stage::Sink].map(Stage::as_str);
        let stage = attributes.get(ATTRIBUTE_REPLAY_STAGE).map_or("", String::as_str);
        let replay = if after.contains(&stage) { Replay::AfterDedup } else { Replay::BeforeDedup };
        Some((replay, of))
    }

    /// The same message with the publish time of the one that it replays: an event without a time of its
    /// own keeps the one that it had.
    #[must_use]
    pub fn published_first(mut self) -> Self {
        if let Origin::Pubsub { attributes, .. } = &self.origin
            && let Some(time) = attributes.get(ATTRIBUTE_REPLAY_PUBLISHED)
            && let Ok(time) = EventTime::parse(time)
            && time < self.publish_time
        {
            self.publish_time = time;
        }
        self
    }

    /// The identity of the publish: that of the dead letter which comes back, else the publisher's own id where it gives one, else the raw message's
    /// id as the preprocessing function hands it on, else the message id; for a file its object,
    /// generation and line.
    #[must_use]
    pub fn publish_identity(&self) -> String {
        match &self.origin {
            Origin::Pubsub { message_id, attributes } => attributes
                .get(ATTRIBUTE_REPLAY_OF)
                .or_else(|| attributes.get(ATTRIBUTE_PUBLISH_ID))
                .or_else(|| attributes.get(ATTRIBUTE_SOURCE_MESSAGE_ID))
                .unwrap_or(message_id)
                .clone(),
            Origin::File { .. } => self.message_id(),
        }
    }

    /// The service's id of this message; for a file `object#generation:line`.
    #[must_use]
    pub fn message_id(&self) -> String {
        match &self.origin {
            Origin::Pubsub { message_id, .. } => message_id.clone(),
            Origin::File { object, generation, line, .. } => {
                format!("{object}#{generation}:{line}")
            }
        }
    }

    /// Writes the event id that an event without one gets: derived from the message's identity, so
    /// that it is the same on every retry.
    pub fn write_derived_event_id(&self, out: &mut String) {
        match &self.origin {
            Origin::Pubsub { message_id, attributes } => {
                let id = attributes.get(ATTRIBUTE_SOURCE_MESSAGE_ID).unwrap_or(message_id);
                write!(out, "msg-{id}")
            }
            Origin::File { object, generation, line, .. } => {
                write!(out, "file-{object}-{generation}-{line}")
            }
        }
        .expect("writing to a String cannot fail");
    }
}

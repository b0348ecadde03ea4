//! What flows through the pipeline: messages, events in a batch arena, window rows, rejects, ids and
//! times, and the schemas of the tables they end in. It does no I/O, reads no clock and knows no
//! async runtime: time and identity always come in from outside.

mod batch;
mod id;
mod message;
mod reject;
mod row;
pub mod schema;
mod stored;
mod time;
mod window;
mod withheld;

pub use batch::{Arena, Event, EventBatch, Score, Span};
pub use id::{AckId, EventKey};
pub use message::{
    ATTRIBUTE_PUBLISH_ID, ATTRIBUTE_REPLAY_OF, ATTRIBUTE_REPLAY_PUBLISHED, ATTRIBUTE_REPLAY_STAGE,
    ATTRIBUTE_SOURCE, ATTRIBUTE_SOURCE_MESSAGE_ID, Message, Origin, Replay,
};
pub use reject::{Reject, RejectReason, Stage};
pub use row::TableRows;
pub use stored::{Reader, Stored, Torn, schema_of, store_text, store_varint};
pub use time::{EventTime, ProcessingTime, TimeError};
pub use window::{Aggregate, WindowRow};
pub use withheld::Withheld;

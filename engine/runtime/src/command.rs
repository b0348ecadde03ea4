//! What the coordinator asks of the world and what the world answers. The coordinator is a pure
//! state machine over these types: the production driver carries commands to the connectors over
//! bounded channels, a simulation carries them to brokers in memory. Invariant: a command can be
//! carried out more than once and late without harm; which ones were is decided by the answers.

use std::sync::Arc;

use bytes::Bytes;
use windtunnel_model::{AckId, EventBatch, Message, Reject, TableRows, WindowRow};

use crate::checkpoint::Checkpoint;

/// A table that the pipeline writes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row for an event.
    Events,
    /// One row for a device and window.
    Windows,
    /// A table that the pipeline names, in the sink's own terms.
    Named(Arc<str>),
}

/// Rows on their way to a table. They are shared, because they are kept until they are visible:
/// when a stream is lost they are appended again to the next one.
#[derive(Debug, Clone)]
pub enum Rows {
    /// The events of a batch that passed every stage, with their scores.
    Events(Arc<EventBatch>),
    /// Closed windows.
    Windows(Arc<Vec<WindowRow>>),
    /// Rows of a table that the pipeline names.
    Named(Arc<TableRows>),
}

impl Rows {
    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Events(batch) => batch.events.len() as u64,
            Self::Windows(rows) => rows.len() as u64,
            Self::Named(rows) => rows.len() as u64,
        }
    }
}

/// Names one stream of one table over the life of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Names one append over the life of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppendId(pub u64);

/// Names one request for scores over the life of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScoreId(pub u64);

/// When the rows of a stream become visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// With their epoch, by flushing BUFFERED streams.
    #[default]
    ByEpoch,
    /// All together when the job is drained, by committing PENDING streams.
    AtEnd,
}

/// To the sink: BigQuery's BUFFERED and PENDING write streams.
#[derive(Debug, Clone)]
pub enum SinkCommand {
    /// Create a stream; answered by [`Input::StreamOpened`].
    Open {
        /// Who asks.
        stream: StreamId,
        /// Its table.
        table: Table,
        /// Which type of stream: BUFFERED or PENDING.
        visibility: Visibility,
    },
    /// Append rows at an offset; answered by [`Input::Appended`]. Appends of one stream are sent in the
    /// order of their offsets, several may be under way.
    Append {
        /// Who asks.
        append: AppendId,
        /// The stream, whose name is known.
        stream: StreamId,
        /// The stream's resource name.
        name: Arc<str>,
        /// The row offset in the stream, from 0.
        offset: u64,
        /// What to append.
        rows: Rows,
    },
    /// Make rows visible up to an offset; answered by [`Input::Flushed`]. Idempotent.
    Flush {
        /// The stream's resource name.
        name: Arc<str>,
        /// How many rows from the start shall be visible; at least 1.
        rows: u64,
    },
    /// No more rows will come; not answered, repeated by nobody: a stream that stays open is harmless.
    Finalize {
        /// The stream's resource name.
        name: Arc<str>,
    },
    /// No more rows will come, and this stream is to be committed; answered by [`Input::Sealed`].
    Seal {
        /// The resource name of a PENDING stream.
        name: Arc<str>,
    },
    /// Make all rows of sealed streams visible; answered by [`Input::Committed`]. Idempotent: streams that
    /// were committed before are left as they are.
    Commit {
        /// The resource names, of any tables.
        names: Vec<Arc<str>>,
    },
}

/// To the scorer: Vertex AI.
#[derive(Debug, Clone)]
pub struct ScoreCommand {
    /// Who asks; answered by [`Input::Scored`].
    pub score: ScoreId,
    /// The events to score, all of them.
    pub batch: Arc<EventBatch>,
}

/// To the object store: a dead-letter or late object of a checkpointed epoch. Writing it again
/// writes the same bytes to the same name. Answered by [`Input::ObjectWritten`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCommand {
    /// The object's name under the failed-events bucket.
    pub name: Arc<str>,
    /// Its whole content.
    pub content: Bytes,
}

/// To the archive: what messages were and became, kept for ever. Objects of an epoch are written before
/// its checkpoint, so that a checkpoint covers nothing that is not archived.
#[derive(Debug, Clone)]
pub enum ArchiveCommand {
    /// Remove what was archived for epochs after this one, which no checkpoint covers; nothing is written
    /// before it is answered by [`Input::ArchivePruned`].
    Prune {
        /// The last epoch that a checkpoint covers.
        after: u64,
    },
    /// Write one epoch; answered by [`Input::Archived`].
    Write {
        /// The epoch.
        epoch: u64,
        /// Whether it was written before and other rows take the place of those.
        again: bool,
        /// The epoch's rows as their tables took them, without those of windows.
        rows: Vec<Rows>,
        /// What became no row.
        rejects: Vec<Reject>,
    },
}

/// What the coordinator asks of the world.
#[derive(Debug, Clone)]
pub enum Command {
    /// To the sink.
    Sink(SinkCommand),
    /// To the scorer.
    Score(ScoreCommand),
    /// To the object store.
    Object(ObjectCommand),
    /// To the archive; never sent by a coordinator that does not archive.
    Archive(ArchiveCommand),
    /// To the checkpoint store; answered by [`Input::CheckpointSaved`].
    SaveCheckpoint(Checkpoint),
    /// To the source: these messages are done with. Not answered: a lost one is delivered again and
    /// meets the dedup index.
    Ack(Vec<AckId>),
}

/// Why an append did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendError {
    /// The service refused rows and appended none of the request: index in the request, reason.
    RowsRefused(Vec<(u32, String)>),
    /// Anything that leaves the stream's content in doubt: a lost connection, ALREADY_EXISTS,
    /// OUT_OF_RANGE, a stream that is gone. Nobody guesses: the stream is abandoned.
    StreamLost(String),
    /// The service will not take such rows on any stream: the table has not their columns, permission is
    /// denied. The job ends; what no checkpoint covers is delivered again when the cause is gone.
    Refused(FatalError),
}

/// Why a call to the outside failed for good. What is worth a retry is retried by the connector,
/// with backoff, and never arrives here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service}: {message}")]
pub struct FatalError {
    /// BigQuery, Cloud Storage, Pub/Sub, …
    pub service: &'static str,
    /// What went wrong, where, and what to do.
    pub message: String,
}

/// The model's answer for one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreOutcome {
    /// A score, 0 to 1.
    Value(f64),
    /// No answer in time, an open circuit breaker, or an instance that the model refuses.
    Degraded,
}

/// What the world tells the coordinator.
#[derive(Debug)]
pub enum Input {
    /// A micro-batch of messages.
    Pulled(Vec<Message>),
    /// A stream exists now, under this resource name.
    StreamOpened {
        /// Who asked.
        stream: StreamId,
        /// The stream's resource name.
        result: Result<Arc<str>, FatalError>,
    },
    /// An append took or did not.
    Appended {
        /// Who asked.
        append: AppendId,
        /// The outcome.
        result: Result<(), AppendError>,
    },
    /// Rows are visible.
    Flushed {
        /// The stream's resource name.
        name: Arc<str>,
        /// How many rows from the stream's start are visible.
        result: Result<u64, FatalError>,
    },
    /// A PENDING stream takes no more rows.
    Sealed {
        /// The stream's resource name.
        name: Arc<str>,
        /// How many rows it holds.
        result: Result<u64, FatalError>,
    },
    /// The rows of all sealed streams are visible.
    Committed {
        /// The outcome.
        result: Result<(), FatalError>,
    },
    /// Scores, one for each event of the batch, in order, and the model's version.
    Scored {
        /// Who asked.
        score: ScoreId,
        /// One outcome an event.
        outcomes: Vec<ScoreOutcome>,
        /// The version of the model that answered; empty when none did.
        model_version: String,
    },
    /// An object is stored.
    ObjectWritten {
        /// The object's name.
        name: Arc<str>,
        /// The outcome.
        result: Result<(), FatalError>,
    },
    /// An epoch is in the archive.
    Archived {
        /// The epoch.
        epoch: u64,
        /// The outcome.
        result: Result<(), FatalError>,
    },
    /// The archive holds nothing that no checkpoint covers.
    ArchivePruned {
        /// The outcome.
        result: Result<(), FatalError>,
    },
    /// A checkpoint is durable, or this writer is fenced.
    CheckpointSaved {
        /// Its epoch.
        epoch: u64,
        /// The outcome.
        result: Result<(), FatalError>,
    },
    /// Time has passed.
    Tick,
    /// No more messages will come: finish the windows, flush, ack, and say so.
    Drain,
}

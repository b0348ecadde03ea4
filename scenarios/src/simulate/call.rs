//! Calls between the parts: what is asked, what is answered, and what the caller needs to know again when
//! the answer comes. All of it is data; the services and the callers are elsewhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;
use windtunnel_model::EventBatch;
use windtunnel_protos::bigquery::{AppendRowsRequest, AppendRowsResponse};
use windtunnel_protos::pubsub::PubsubMessage;
use windtunnel_pubsub::broker::{Delivery, Stored};
use windtunnel_runtime::command::{
    FatalError, Input, ObjectCommand, ScoreId, ScoreOutcome, StreamId, Table,
};

use super::fault::{Effect, Loss};

/// Connections of different processes have different numbers.
pub(super) const CONNECTIONS_OF_A_PROCESS: u64 = 1 << 32;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Generator,
    /// Pub/Sub, which pushes.
    Pusher,
    /// The function in one of its lives.
    Function(u64),
    /// An engine process.
    Engine(u32),
    /// Whoever asked does not wait for the answer.
    Nobody,
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generator => out.write_str("generator"),
            Self::Pusher => out.write_str("pubsub"),
            Self::Function(life) => write!(out, "function-{life}"),
            Self::Engine(id) => write!(out, "engine-{id}"),
            Self::Nobody => out.write_str("nobody"),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Publish { topic: &'static str, messages: Vec<PubsubMessage> },
    Push { stored: Arc<Stored> },
    Pull { instance: u32 },
    Acknowledge { ack_ids: Vec<String>, ordinals: Vec<u64> },
    ModifyDeadline { ack_ids: Vec<String>, seconds: i32 },
    OpenStream { table: Table },
    Append { connection: u64, request: Box<AppendRowsRequest>, is_events: bool },
    Flush { name: Arc<str>, rows: u64 },
    Finalize { name: Arc<str> },
    Store { name: Arc<str>, content: Bytes },
    Predict { batch: Arc<EventBatch> },
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        match self {
            Self::Publish { topic, messages } => write!(out, "{} to {topic}", messages.len()),
            Self::Push { stored } => write!(out, "message {}", stored.message.message_id),
            Self::Pull { .. } => Ok(()),
            Self::Acknowledge { ack_ids, .. } => write!(out, "{}", ack_ids.len()),
            Self::ModifyDeadline { ack_ids, seconds } => {
                write!(out, "{} to {seconds} s", ack_ids.len())
            }
            Self::OpenStream { table } => write!(out, "{table:?}"),
            Self::Append { connection, request, .. } => {
                let (process, number) = connection_name(*connection);
                let offset = request.offset.unwrap_or(-1);
                write!(out, "connection {process}.{number} at {offset}")
            }
            Self::Flush { name, rows } => write!(out, "{} to {rows}", short(name)),
            Self::Finalize { name } => out.write_str(&short(name)),
            Self::Store { name, content } => write!(out, "{name} {} bytes", content.len()),
            Self::Predict { batch } => write!(out, "{} events", batch.events.len()),
        }
    }
}

/// The process that a connection belongs to, and which of its connections it is.
pub(super) fn connection_name(connection: u64) -> (u64, u64) {
    (connection / CONNECTIONS_OF_A_PROCESS, connection % CONNECTIONS_OF_A_PROCESS)
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Messages(Vec<Delivery>),
    Stream(Arc<str>),
    Appended(Box<AppendRowsResponse>),
    Scores { outcomes: Vec<ScoreOutcome>, model_version: String },
}

/// What the caller needs to know again; enough to ask once more.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Nothing,
    Publish { batch: u64 },
    Push { ack_id: String },
    FunctionPublish { batch: u64 },
    FunctionStore { job: u64 },
    Pull,
    Open { stream: StreamId, table: Table, attempt: u32 },
    Append { stream: StreamId },
    Flush { name: Arc<str>, rows: u64, attempt: u32 },
    Store { object: ObjectCommand, attempt: u32 },
    Predict { score: ScoreId, batch: Arc<EventBatch>, until: i64, attempt: u32 },
}

/// A call under way, without what it asks.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    pub(super) effect: Effect,
    pub(super) nth: u64,
    pub(super) from: Caller,
    pub(super) token: Token,
    /// Microseconds of the way back.
    pub(super) back: i64,
    pub(super) is_lost: bool,
    pub(super) is_answer_lost: bool,
    pub(super) is_throttled: bool,
    pub(super) is_doubled: bool,
    pub(super) refused_row: Option<u32>,
    /// The caller dies when the call has been carried out.
    pub(super) crash: Option<Loss>,
}

/// An answer on its way to its caller.
pub(super) type Answered = (Caller, Token, Result<Answer, Status>);

/// Everything that can happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// Events are due.
    Blow,
    /// A request is at its service.
    Arrival(Box<(Request, Meta)>),
    /// An answer is at its caller.
    Answer(Box<Answered>),
    /// The caller asks once more.
    Retry(Box<(Caller, Token)>),
    /// An engine hears of something that is not the answer of a service.
    Hear(u32, Box<Input>),
    /// A checkpoint was written, or not.
    Saved(u32, u64, Box<Result<(), FatalError>>),
    /// An engine's connection to a stream is over.
    ConnectionLost(u32, StreamId),
    /// An engine looks at the time.
    Tick(u32),
    /// An engine extends its leases.
    Extend(u32),
    /// The function publishes what it has gathered.
    Gathered(u64),
    /// Pub/Sub hands out what waits.
    Deliver,
    /// Pub/Sub looks for leases that are over.
    Expire,
    /// The supervisor starts an engine: whatever runs, or only if none does.
    StartEngine(bool),
    /// The supervisor starts the function, if it does not run.
    StartFunction,
    /// The world looks whether the phase is over.
    Look,
    /// A fault with a time.
    Fault(usize),
}

//! BigQuery as a sink: BUFFERED write streams at explicit offsets, one connection a stream, appends
//! pipelined and answered in their order. Any doubt about a stream (a lost connection, an offset that
//! the service does not expect) ends it for this side: it is reported as lost and never written again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use prost_types::DescriptorProto;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use windtunnel_protos::bigquery::append_rows_request::{ProtoData, Rows as ProtoRowsCase};
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::big_query_write_client::BigQueryWriteClient;
use windtunnel_protos::bigquery::{
    AppendRowsRequest, AppendRowsResponse, CreateWriteStreamRequest, FinalizeWriteStreamRequest,
    FlushRowsRequest, ProtoRows, ProtoSchema, WriteStream, write_stream,
};
use windtunnel_runtime::command::{
    AppendError, AppendId, FatalError, Input, Rows, SinkCommand, StreamId, Table,
};

use crate::endpoints::Bearer;
use crate::limits::{APPEND_BYTES_MAX, APPENDS_IN_FLIGHT, BACKOFF, BACKOFF_MAX};
use crate::rows::{
    encode_events, encode_windows, encoded_len, event_descriptor, window_descriptor,
};

type Client = BigQueryWriteClient<InterceptedService<Channel, Bearer>>;

/// Where the rows go, and how to get there.
#[derive(Clone)]
pub(crate) struct WriteSink {
    pub(crate) channel: Channel,
    pub(crate) bearer: Bearer,
    /// `projects/P/datasets/D/tables/T` of each table.
    pub(crate) tables: HashMap<Table, String>,
}

/// One append on its way to a connection.
struct Append {
    id: AppendId,
    offset: u64,
    rows: Rows,
}

/// Carries commands out until their channel closes, then ends all connections.
pub(crate) async fn run(
    sink: WriteSink,
    mut commands: mpsc::Receiver<SinkCommand>,
    inputs: mpsc::Sender<Input>,
) {
    let sink = Arc::new(sink);
    let mut connections: HashMap<StreamId, mpsc::Sender<Append>> = HashMap::new();
    let mut names: HashMap<Arc<str>, StreamId> = HashMap::new();
    let mut calls = JoinSet::new();
    while let Some(command) = commands.recv().await {
        // Finished calls are taken off, so that the set does not grow.
        while calls.try_join_next().is_some() {}
        match command {
            SinkCommand::Open { stream, table } => {
                calls.spawn(open(Arc::clone(&sink), stream, table, inputs.clone()));
            }
            SinkCommand::Append { append, stream, name, offset, rows } => {
                let connection = connections.entry(stream).or_insert_with(|| {
                    names.insert(Arc::clone(&name), stream);
                    connect(Arc::clone(&sink), name, inputs.clone())
                });
                let append = Append { id: append, offset, rows };
                // A connection that has ended reported its own loss; what comes after shares it.
                if let Err(mpsc::error::SendError(append)) = connection.send(append).await {
                    lost(&inputs, append.id, "the stream was lost before").await;
                }
            }
            SinkCommand::Flush { name, rows } => {
                calls.spawn(flush(Arc::clone(&sink), name, rows, inputs.clone()));
            }
            SinkCommand::Finalize { name } => {
                if let Some(stream) = names.remove(&name) {
                    connections.remove(&stream);
                }
                calls.spawn(finalize(Arc::clone(&sink), name));
            }
        }
    }
    while calls.join_next().await.is_some() {}
}

impl WriteSink {
    async fn client(&self) -> Result<Client, Status> {
        let mut bearer = self.bearer.clone();
        bearer.refresh().await?;
        Ok(BigQueryWriteClient::with_interceptor(self.channel.clone(), bearer))
    }
}

/// Whether a failed call is worth another try: the service's fault or the network's.
fn is_transient(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
    )
}

/// Tries a call again, with growing pauses, while its failure is transient.
async fn persist<T, F: Future<Output = Result<T, Status>>>(
    what: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, FatalError> {
    let mut pause = BACKOFF;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(status) if is_transient(&status) => {
                tracing::warn!(%status, "{what} failed, again in {} ms", pause.as_millis());
                sleep(pause).await;
                pause = (pause * 2).min(BACKOFF_MAX);
            }
            Err(status) => {
                let message = format!("{what}: {} ({:?})", status.message(), status.code());
                return Err(FatalError { service: "BigQuery", message });
            }
        }
    }
}

async fn open(sink: Arc<WriteSink>, stream: StreamId, table: Table, inputs: mpsc::Sender<Input>) {
    let parent = &sink.tables[&table];
    let what = format!("CreateWriteStream of {parent}");
    let result = persist(&what, || async {
        let write_stream =
            WriteStream { r#type: write_stream::Type::Buffered.into(), ..WriteStream::default() };
        let request =
            CreateWriteStreamRequest { parent: parent.clone(), write_stream: Some(write_stream) };
        Ok(sink.client().await?.create_write_stream(request).await?.into_inner().name)
    });
    let result = result.await.map(Arc::from);
    let _ended = inputs.send(Input::StreamOpened { stream, result }).await;
}

async fn flush(sink: Arc<WriteSink>, name: Arc<str>, rows: u64, inputs: mpsc::Sender<Input>) {
    let offset = i64::try_from(rows).unwrap_or(i64::MAX) - 1;
    let what = format!("FlushRows of {name}");
    let result = persist(&what, || async {
        let request = FlushRowsRequest { write_stream: name.to_string(), offset: Some(offset) };
        match sink.client().await?.flush_rows(request).await {
            Ok(_) => Ok(rows),
            // The rows were flushed by a call whose answer was lost.
            Err(status) if status.code() == Code::AlreadyExists => Ok(rows),
            Err(status) => Err(status),
        }
    });
    let result = result.await;
    let _ended = inputs.send(Input::Flushed { name, result }).await;
}

async fn finalize(sink: Arc<WriteSink>, name: Arc<str>) {
    let request = FinalizeWriteStreamRequest { name: name.to_string() };
    let finalized = async { sink.client().await?.finalize_write_stream(request).await };
    // A stream that stays open is harmless: the service forgets it.
    if let Err(status) = finalized.await {
        tracing::debug!(%status, "FinalizeWriteStream of {name} failed");
    }
}

/// Starts a connection; appends go into the channel in the order of their offsets.
fn connect(
    sink: Arc<WriteSink>,
    name: Arc<str>,
    inputs: mpsc::Sender<Input>,
) -> mpsc::Sender<Append> {
    let (appends, receiver) = mpsc::channel(APPENDS_IN_FLIGHT);
    tokio::spawn(converse(sink, name, receiver, inputs));
    appends
}

/// An append whose requests are sent, and how many answers it still waits for.
struct Sent {
    id: AppendId,
    answers: usize,
    requests: usize,
}

async fn converse(
    sink: Arc<WriteSink>,
    name: Arc<str>,
    mut appends: mpsc::Receiver<Append>,
    inputs: mpsc::Sender<Input>,
) {
    let (requests, receiver) = mpsc::channel(APPENDS_IN_FLIGHT);
    let opened = async {
        let mut client = sink.client().await?;
        client.append_rows(ReceiverStream::new(receiver)).await
    };
    // The service answers the call only after the first request, so both go on at the same time.
    let mut opened = std::pin::pin!(opened);
    let mut responses = None;
    let mut sent: VecDeque<Sent> = VecDeque::new();
    let mut is_first = true;
    let reason = loop {
        let has_room = sent.len() < APPENDS_IN_FLIGHT;
        tokio::select! {
            append = appends.recv(), if has_room => {
                let Some(append) = append else { break None };
                let parts = split(&name, &append, is_first);
                is_first = false;
                let count = parts.len();
                sent.push_back(Sent { id: append.id, answers: count, requests: count });
                let mut failed = false;
                for part in parts {
                    failed |= requests.send(part).await.is_err();
                }
                if failed {
                    break Some("the connection was closed".to_owned());
                }
            }
            answer = &mut opened, if responses.is_none() => match answer {
                Ok(answer) => responses = Some(answer.into_inner()),
                Err(status) => break Some(status.to_string()),
            },
            answer = next(&mut responses), if responses.is_some() => {
                match answer {
                    Ok(answer) => {
                        if let Some(reason) = settle(&mut sent, answer, &inputs).await {
                            break Some(reason);
                        }
                    }
                    Err(reason) => break Some(reason),
                }
            }
        }
    };
    let Some(reason) = reason else {
        // Nothing more will be appended; what is under way belongs to a stream that is given up.
        return;
    };
    tracing::warn!("{name} is given up: {reason}");
    appends.close();
    for append in sent {
        lost(&inputs, append.id, &reason).await;
    }
    while let Some(append) = appends.recv().await {
        lost(&inputs, append.id, &reason).await;
    }
}

async fn next(
    responses: &mut Option<tonic::Streaming<AppendRowsResponse>>,
) -> Result<AppendRowsResponse, String> {
    let Some(responses) = responses else { return std::future::pending().await };
    match responses.next().await {
        Some(Ok(response)) => Ok(response),
        Some(Err(status)) => Err(status.to_string()),
        None => Err("the service ended the connection".to_owned()),
    }
}

/// Books one answer; a reason when the stream is in doubt.
async fn settle(
    sent: &mut VecDeque<Sent>,
    answer: AppendRowsResponse,
    inputs: &mpsc::Sender<Input>,
) -> Option<String> {
    let Some(front) = sent.front_mut() else {
        return Some("an answer without a request".to_owned());
    };
    if !answer.row_errors.is_empty() {
        // With several requests for one append, earlier ones are in the stream already: in doubt.
        if front.requests > 1 {
            return Some("rows were refused in a part of an append".to_owned());
        }
        let rows = answer
            .row_errors
            .into_iter()
            .map(|error| (u32::try_from(error.index).unwrap_or(u32::MAX), error.message))
            .collect();
        let result = Err(AppendError::RowsRefused(rows));
        let append = front.id;
        sent.pop_front();
        let _ended = inputs.send(Input::Appended { append, result }).await;
        return Some("rows were refused".to_owned());
    }
    match answer.response {
        Some(Response::AppendResult(_)) => {
            front.answers -= 1;
            if front.answers == 0 {
                let append = front.id;
                sent.pop_front();
                let _ended = inputs.send(Input::Appended { append, result: Ok(()) }).await;
            }
            None
        }
        Some(Response::Error(status)) => Some(format!("{} (code {})", status.message, status.code)),
        None => Some("an answer without content".to_owned()),
    }
}

async fn lost(inputs: &mpsc::Sender<Input>, append: AppendId, reason: &str) {
    let result = Err(AppendError::StreamLost(reason.to_owned()));
    let _ended = inputs.send(Input::Appended { append, result }).await;
}

/// An append as requests of a size that the service takes; the first request of a connection says what
/// the rows are.
fn split(name: &Arc<str>, append: &Append, is_first: bool) -> Vec<AppendRowsRequest> {
    let (rows, descriptor): (Vec<Bytes>, fn() -> DescriptorProto) = match &append.rows {
        Rows::Events(batch) => (encode_events(batch), event_descriptor),
        Rows::Windows(rows) => (encode_windows(rows), window_descriptor),
    };
    let mut requests: Vec<AppendRowsRequest> = Vec::with_capacity(1);
    let mut offset = i64::try_from(append.offset).unwrap_or(i64::MAX);
    let mut part: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    let mut close = |part: &mut Vec<Bytes>, offset: &mut i64| {
        let count = i64::try_from(part.len()).unwrap_or(i64::MAX);
        let says_what = is_first && requests.is_empty();
        requests.push(AppendRowsRequest {
            write_stream: if says_what { name.to_string() } else { String::new() },
            offset: Some(*offset),
            rows: Some(ProtoRowsCase::ProtoRows(ProtoData {
                writer_schema: says_what
                    .then(|| ProtoSchema { proto_descriptor: Some(descriptor()) }),
                rows: Some(ProtoRows { serialized_rows: std::mem::take(part) }),
            })),
            trace_id: if says_what { "windtunnel".to_owned() } else { String::new() },
            ..AppendRowsRequest::default()
        });
        *offset += count;
    };
    for row in rows {
        let length = encoded_len(&row);
        if bytes + length > APPEND_BYTES_MAX && !part.is_empty() {
            close(&mut part, &mut offset);
            bytes = 0;
        }
        bytes += length;
        part.push(row);
    }
    close(&mut part, &mut offset);
    requests
}

//! BigQuery as a sink: BUFFERED and PENDING write streams at explicit offsets, one connection a stream, appends
//! pipelined and answered in their order. Any doubt about a stream (a lost connection, an offset that
//! the service does not expect) ends it for this side: it is reported as lost and never written again.
//! What is decided stands in `conversation`, apart from sockets; a simulation uses the same code.

mod commit;
mod conversation;
mod tables;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use windtunnel_protos::bigquery::big_query_write_client::BigQueryWriteClient;
use windtunnel_protos::bigquery::{
    AppendRowsResponse, FinalizeWriteStreamRequest, FlushRowsRequest,
};
use windtunnel_runtime::command::{
    AppendError, AppendId, FatalError, Input, SinkCommand, StreamId,
};

pub use conversation::{
    Append, Conversation, Settled, Verdict, flushed, judge, refusal, stream_lost,
};

use crate::destinations::Destinations;
use crate::endpoints::Bearer;
use crate::limits::{APPENDS_IN_FLIGHT, BACKOFF, BACKOFF_MAX};
use crate::named_rows::{RowEncoder, Unfit};
use crate::world::ReferenceNames;

type Client = BigQueryWriteClient<InterceptedService<Channel, Bearer>>;

/// Where the rows go, and how to get there.
pub(crate) struct WriteSink {
    pub(crate) channel: Channel,
    pub(crate) bearer: Bearer,
    /// The project, and the dataset of tables that are named without one.
    pub(crate) names: ReferenceNames,
    /// For tables that the pipeline names: making them and their columns.
    pub(crate) bigquery: gcp_bigquery_client::Client,
    pub(crate) destinations: Destinations,
    /// What rows of the streams of such tables are encoded with, from the stream's making to its first append.
    pub(crate) encoders: Encoders,
}

/// Encoders by stream, with the table of each.
pub(crate) type Encoders = Mutex<HashMap<StreamId, (Arc<str>, Arc<RowEncoder>)>>;

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
            SinkCommand::Open { stream, table, visibility } => {
                let (sink, inputs) = (Arc::clone(&sink), inputs.clone());
                calls.spawn(tables::open(sink, stream, table, visibility, inputs));
            }
            SinkCommand::Append { append, stream, name, offset, rows } => {
                let connection = connections.entry(stream).or_insert_with(|| {
                    names.insert(Arc::clone(&name), stream);
                    connect(Arc::clone(&sink), stream, name, inputs.clone())
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
            SinkCommand::Seal { name } => {
                if let Some(stream) = names.remove(&name) {
                    connections.remove(&stream);
                }
                calls.spawn(commit::seal(Arc::clone(&sink), name, inputs.clone()));
            }
            SinkCommand::Commit { names } => {
                calls.spawn(commit::commit(Arc::clone(&sink), names, inputs.clone()));
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

/// Tries a call again, with growing pauses, while its failure is transient.
async fn persist<T, F: Future<Output = Result<T, Status>>>(
    what: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, FatalError> {
    let mut pause = BACKOFF;
    loop {
        match judge(what, call().await) {
            Verdict::Done(result) => return result,
            Verdict::Again(status) => {
                tracing::warn!(%status, "{what} failed, again in {} ms", pause.as_millis());
                sleep(pause).await;
                pause = (pause * 2).min(BACKOFF_MAX);
            }
        }
    }
}

#[tracing::instrument(name = "flush_rows", skip_all, fields(rows))]
async fn flush(sink: Arc<WriteSink>, name: Arc<str>, rows: u64, inputs: mpsc::Sender<Input>) {
    let offset = i64::try_from(rows).unwrap_or(i64::MAX) - 1;
    let what = format!("FlushRows of {name}");
    let result = persist(&what, || async {
        let request = FlushRowsRequest { write_stream: name.to_string(), offset: Some(offset) };
        flushed(rows, sink.client().await?.flush_rows(request).await.map(drop))
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
    stream: StreamId,
    name: Arc<str>,
    inputs: mpsc::Sender<Input>,
) -> mpsc::Sender<Append> {
    let (appends, receiver) = mpsc::channel(APPENDS_IN_FLIGHT);
    let named = sink.encoders.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream);
    tokio::spawn(converse(sink, name, named, receiver, inputs));
    appends
}

async fn converse(
    sink: Arc<WriteSink>,
    name: Arc<str>,
    named: Option<(Arc<str>, Arc<RowEncoder>)>,
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
    let mut conversation = match &named {
        Some((_, encoder)) => Conversation::with_encoder(Arc::clone(&name), Arc::clone(encoder)),
        None => Conversation::new(Arc::clone(&name)),
    };
    let mut refused = None;
    let reason = loop {
        tokio::select! {
            append = appends.recv(), if conversation.has_room() => {
                let Some(append) = append else { break None };
                let parts = match conversation.append(&append) {
                    Ok(parts) => parts,
                    Err(unfit) => {
                        let table = named.as_ref().map(|(table, _)| &**table).unwrap_or_default();
                        break Some(not_sent(&sink, table, append.id, unfit, &inputs).await);
                    }
                };
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
                Err(status) => {
                    refused = refusal(&name, &status);
                    break Some(status.to_string());
                }
            },
            answer = next(&mut responses), if responses.is_some() => {
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(status) => {
                        refused = refusal(&name, &status);
                        break Some(status.to_string());
                    }
                };
                match conversation.answered(answer) {
                    Ok(None) => {}
                    Ok(Some(Settled { input, doubt })) => {
                        let _ended = inputs.send(input).await;
                        if doubt.is_some() {
                            break doubt;
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
    for mut input in conversation.lost(&reason) {
        if let (Input::Appended { result, .. }, Some(error)) = (&mut input, &refused) {
            *result = Err(AppendError::Refused(error.clone()));
        }
        let _ended = inputs.send(input).await;
    }
    while let Some(append) = appends.recv().await {
        lost(&inputs, append.id, &reason).await;
    }
}

/// Reports an append whose rows are not sent as they are, and says why the stream ends.
async fn not_sent(
    sink: &WriteSink,
    table: &str,
    append: AppendId,
    unfit: Unfit,
    inputs: &mpsc::Sender<Input>,
) -> String {
    match unfit {
        Unfit::Refused(rows) => {
            let result = Err(AppendError::RowsRefused(rows));
            let _ended = inputs.send(Input::Appended { append, result }).await;
            "rows do not fit their table".to_owned()
        }
        Unfit::NewColumns(columns) => {
            let reason = tables::add_columns(sink, table, &columns).await;
            lost(inputs, append, &reason).await;
            reason
        }
    }
}

async fn next(
    responses: &mut Option<tonic::Streaming<AppendRowsResponse>>,
) -> Result<AppendRowsResponse, Status> {
    let Some(responses) = responses else { return std::future::pending().await };
    let ended = || Err(Status::unavailable("the service ended the connection"));
    responses.next().await.unwrap_or_else(ended)
}

async fn lost(inputs: &mpsc::Sender<Input>, append: AppendId, reason: &str) {
    let _ended = inputs.send(stream_lost(append, reason)).await;
}

#[cfg(test)]
mod tests;

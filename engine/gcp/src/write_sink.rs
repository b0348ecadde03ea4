//! BigQuery as a sink: BUFFERED write streams at explicit offsets, one connection a stream, appends
//! pipelined and answered in their order. Any doubt about a stream (a lost connection, an offset that
//! the service does not expect) ends it for this side: it is reported as lost and never written again.
//! What is decided stands in `conversation`, apart from sockets; a simulation uses the same code.

mod conversation;

use std::collections::HashMap;
use std::sync::Arc;

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
    AppendRowsResponse, CreateWriteStreamRequest, FinalizeWriteStreamRequest, FlushRowsRequest,
    WriteStream, write_stream,
};
use windtunnel_runtime::command::{
    AppendError, AppendId, FatalError, Input, SinkCommand, StreamId, Table,
};

pub use conversation::{
    Append, Conversation, Settled, Verdict, flushed, judge, refusal, stream_lost,
};

use crate::endpoints::Bearer;
use crate::limits::{APPENDS_IN_FLIGHT, BACKOFF, BACKOFF_MAX};

type Client = BigQueryWriteClient<InterceptedService<Channel, Bearer>>;

/// Where the rows go, and how to get there.
#[derive(Clone)]
pub(crate) struct WriteSink {
    pub(crate) channel: Channel,
    pub(crate) bearer: Bearer,
    /// `projects/P/datasets/D/tables/T` of each table.
    pub(crate) tables: HashMap<Table, String>,
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

#[tracing::instrument(name = "create_write_stream", skip_all)]
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
    name: Arc<str>,
    inputs: mpsc::Sender<Input>,
) -> mpsc::Sender<Append> {
    let (appends, receiver) = mpsc::channel(APPENDS_IN_FLIGHT);
    tokio::spawn(converse(sink, name, receiver, inputs));
    appends
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
    let mut conversation = Conversation::new(Arc::clone(&name));
    let mut refused = None;
    let reason = loop {
        tokio::select! {
            append = appends.recv(), if conversation.has_room() => {
                let Some(append) = append else { break None };
                let mut failed = false;
                for request in conversation.append(&append) {
                    failed |= requests.send(request).await.is_err();
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

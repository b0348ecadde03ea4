//! gRPC: the Storage Write API.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use windtunnel_protos::bigquery::big_query_write_server::BigQueryWrite;
use windtunnel_protos::bigquery::{
    AppendRowsRequest, AppendRowsResponse, BatchCommitWriteStreamsRequest,
    BatchCommitWriteStreamsResponse, CreateWriteStreamRequest, FinalizeWriteStreamRequest,
    FinalizeWriteStreamResponse, FlushRowsRequest, FlushRowsResponse, GetWriteStreamRequest,
    StorageError, WriteStream, storage_error, write_stream,
};

use super::Shared;
use crate::append::{Connection, status_of};
use crate::clock::now_micros;
use crate::limits::APPEND_RESPONSES;
use crate::schema::proto::proto_schema;
use crate::write_streams::{self, CommitProblem, StreamError, StreamKind, parse_path};

#[derive(Clone)]
pub(super) struct Wire {
    pub(super) shared: Arc<Shared>,
}

impl Wire {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[tonic::async_trait]
impl BigQueryWrite for Wire {
    type AppendRowsStream = ReceiverStream<Result<AppendRowsResponse, Status>>;

    async fn create_write_stream(
        &self,
        request: Request<CreateWriteStreamRequest>,
    ) -> Result<Response<WriteStream>, Status> {
        let request = request.into_inner();
        let Some((table, None)) = parse_path(&request.parent) else {
            return Err(Status::invalid_argument(format!("Invalid parent: {}", request.parent)));
        };
        let kind = match request.write_stream.unwrap_or_default().r#type() {
            write_stream::Type::Committed => StreamKind::Committed,
            write_stream::Type::Pending => StreamKind::Pending,
            write_stream::Type::Buffered => StreamKind::Buffered,
            write_stream::Type::Unspecified => StreamKind::Default,
        };
        let mut state = self.shared.state();
        let state = &mut *state;
        let stream =
            state.streams.create(&state.catalog, &table, kind, now_micros()).map_err(status_of)?;
        let mut made = resource(stream);
        let table = state.catalog.table(&table).map_err(StreamError::from).map_err(status_of)?;
        made.table_schema = Some(proto_schema(&table.schema));
        Ok(Response::new(made))
    }

    async fn append_rows(
        &self,
        request: Request<Streaming<AppendRowsRequest>>,
    ) -> Result<Response<Self::AppendRowsStream>, Status> {
        let (responses, receiver) = mpsc::channel(APPEND_RESPONSES);
        let shared = Arc::clone(&self.shared);
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut connection = Connection::default();
            while let Ok(Some(request)) = requests.message().await {
                let response = connection.append(&*shared, request, now_micros());
                if responses.send(Ok(response)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_write_stream(
        &self,
        request: Request<GetWriteStreamRequest>,
    ) -> Result<Response<WriteStream>, Status> {
        let name = &request.get_ref().name;
        let state = self.shared.state();
        if let Some((table, Some("_default"))) = parse_path(name) {
            let gone = |_| status_of(StreamError::NotFound(name.clone()));
            let table = state.catalog.table(&table).map_err(gone)?;
            return Ok(Response::new(WriteStream {
                name: name.clone(),
                r#type: write_stream::Type::Committed.into(),
                create_time: Some(timestamp(table.created_at)),
                location: "us".to_owned(),
                ..WriteStream::default()
            }));
        }
        state.streams.get(name).map(|stream| Response::new(resource(stream))).map_err(status_of)
    }

    async fn finalize_write_stream(
        &self,
        request: Request<FinalizeWriteStreamRequest>,
    ) -> Result<Response<FinalizeWriteStreamResponse>, Status> {
        let rows =
            self.shared.state().streams.finalize(&request.get_ref().name).map_err(status_of)?;
        let row_count = i64::try_from(rows).unwrap_or(i64::MAX);
        Ok(Response::new(FinalizeWriteStreamResponse { row_count }))
    }

    async fn batch_commit_write_streams(
        &self,
        request: Request<BatchCommitWriteStreamsRequest>,
    ) -> Result<Response<BatchCommitWriteStreamsResponse>, Status> {
        let request = request.into_inner();
        let Some((table, None)) = parse_path(&request.parent) else {
            return Err(Status::invalid_argument(format!("Invalid parent: {}", request.parent)));
        };
        let now = now_micros();
        let mut state = self.shared.state();
        let state = &mut *state;
        let committed = state
            .streams
            .commit(&mut state.catalog, &table, &request.write_streams, now)
            .map_err(status_of)?;
        Ok(Response::new(match committed {
            Ok(()) => BatchCommitWriteStreamsResponse {
                commit_time: Some(timestamp(now)),
                stream_errors: Vec::new(),
            },
            Err(problems) => BatchCommitWriteStreamsResponse {
                commit_time: None,
                stream_errors: problems.into_iter().map(storage_error).collect(),
            },
        }))
    }

    async fn flush_rows(
        &self,
        request: Request<FlushRowsRequest>,
    ) -> Result<Response<FlushRowsResponse>, Status> {
        let request = request.into_inner();
        let offset = request
            .offset
            .and_then(|offset| u64::try_from(offset).ok())
            .ok_or_else(|| Status::invalid_argument("offset must be set and not negative"))?;
        let mut state = self.shared.state();
        let state = &mut *state;
        let offset = state
            .streams
            .flush(&mut state.catalog, &request.write_stream, offset, now_micros())
            .map_err(status_of)?;
        Ok(Response::new(FlushRowsResponse { offset: i64::try_from(offset).unwrap_or(i64::MAX) }))
    }
}

fn resource(stream: &write_streams::WriteStream) -> WriteStream {
    let kind = match stream.kind {
        StreamKind::Pending => write_stream::Type::Pending,
        StreamKind::Buffered => write_stream::Type::Buffered,
        StreamKind::Committed | StreamKind::Default => write_stream::Type::Committed,
    };
    WriteStream {
        name: stream.name.clone(),
        r#type: kind.into(),
        create_time: Some(timestamp(stream.created_at)),
        commit_time: stream.committed_at.map(timestamp),
        ..WriteStream::default()
    }
}

fn storage_error((entity, problem): (String, CommitProblem)) -> StorageError {
    use storage_error::StorageErrorCode as Code;
    let (code, text) = match problem {
        CommitProblem::NotFound => (Code::StreamNotFound, "Stream is not found"),
        CommitProblem::InvalidType => (Code::InvalidStreamType, "Stream is not a PENDING stream"),
        CommitProblem::AlreadyCommitted => {
            (Code::StreamAlreadyCommitted, "Stream is committed already")
        }
        CommitProblem::NotFinalized => (Code::InvalidStreamState, "Stream is not finalized"),
    };
    let error_message = format!("{text}. Entity: {entity}");
    StorageError { code: code.into(), entity, error_message }
}

pub(super) fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("below 10^9");
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

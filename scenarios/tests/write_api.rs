//! Goal: the four kinds of write streams on the wire, through the generated client: what is visible when,
//! and what an offset below or beyond the end is answered. Method: rows of one text column, hand-encoded.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;
use windtunnel::table::{TableReader, text};
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_protos::bigquery::append_rows_request::{ProtoData, Rows};
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::big_query_write_client::BigQueryWriteClient;
use windtunnel_protos::bigquery::write_stream::Type as StreamType;
use windtunnel_protos::bigquery::{
    AppendRowsRequest, BatchCommitWriteStreamsRequest, CreateWriteStreamRequest,
    FinalizeWriteStreamRequest, FlushRowsRequest, ProtoRows, ProtoSchema, WriteStream,
};

const TABLE: &str = "projects/p/datasets/d/tables/t";

struct World {
    suite: Suite,
    client: BigQueryWriteClient<Channel>,
    reader: TableReader,
}

async fn start() -> World {
    let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
    suite.bigquery.create_dataset("p", "d").unwrap();
    let schema = json!({ "schema": { "fields": [{ "name": "id", "type": "STRING" }] } });
    suite.bigquery.create_table("p", "d", "t", &schema).unwrap();
    let endpoints = endpoints_of(&suite);
    let client = BigQueryWriteClient::connect(endpoints.bigquery_write.clone()).await.unwrap();
    let reader = TableReader::new(endpoints.bigquery().await.unwrap(), "p", "d", "t", None);
    World { suite, client, reader }
}

impl World {
    async fn create(&mut self, kind: StreamType) -> String {
        let stream = WriteStream { r#type: kind.into(), ..WriteStream::default() };
        let request =
            CreateWriteStreamRequest { parent: TABLE.to_owned(), write_stream: Some(stream) };
        self.client.create_write_stream(request).await.unwrap().into_inner().name
    }

    /// Appends ids on a connection of its own: the offset of the first, or the code of the refusal.
    async fn append(
        &mut self,
        stream: &str,
        offset: Option<i64>,
        ids: &[&str],
    ) -> Result<Option<i64>, Code> {
        let field = FieldDescriptorProto {
            name: Some("id".to_owned()),
            number: Some(1),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::String.into()),
            ..FieldDescriptorProto::default()
        };
        let descriptor = DescriptorProto {
            name: Some("Row".to_owned()),
            field: vec![field],
            ..DescriptorProto::default()
        };
        // Field 1, length-delimited, and the text's length in one byte.
        let row = |id: &&str| {
            let length = u8::try_from(id.len()).unwrap();
            bytes::Bytes::from([&[10, length], id.as_bytes()].concat())
        };
        let request = AppendRowsRequest {
            write_stream: stream.to_owned(),
            offset,
            rows: Some(Rows::ProtoRows(ProtoData {
                writer_schema: Some(ProtoSchema { proto_descriptor: Some(descriptor) }),
                rows: Some(ProtoRows { serialized_rows: ids.iter().map(row).collect() }),
            })),
            ..AppendRowsRequest::default()
        };
        let requests = tokio_stream::once(request);
        let mut answers = self.client.append_rows(requests).await.unwrap().into_inner();
        match answers.message().await.unwrap().unwrap().response.unwrap() {
            Response::AppendResult(result) => Ok(result.offset),
            Response::Error(status) => Err(Code::from(status.code)),
        }
    }

    async fn finalize(&mut self, stream: &str) -> i64 {
        let request = FinalizeWriteStreamRequest { name: stream.to_owned() };
        self.client.finalize_write_stream(request).await.unwrap().into_inner().row_count
    }

    async fn visible(&self) -> Vec<String> {
        let rows = self.reader.page(0).await.unwrap();
        rows.iter().map(|row| text(&row[0]).unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn committed_and_default_rows_are_visible_at_once() {
    let mut world = start().await;
    let stream = world.create(StreamType::Committed).await;
    assert_eq!(world.append(&stream, Some(0), &["a", "b"]).await, Ok(Some(0)));
    assert_eq!(world.append(&stream, Some(0), &["a", "b"]).await, Err(Code::AlreadyExists));
    assert_eq!(world.append(&stream, Some(3), &["c"]).await, Err(Code::OutOfRange));
    assert_eq!(world.append(&stream, Some(2), &["c"]).await, Ok(Some(2)));
    let default = format!("{TABLE}/streams/_default");
    assert_eq!(world.append(&default, None, &["d"]).await, Ok(None));
    assert_eq!(world.visible().await, ["a", "b", "c", "d"]);
    assert_eq!(world.finalize(&stream).await, 3);
    assert_eq!(world.append(&stream, Some(3), &["e"]).await, Err(Code::FailedPrecondition));
    let missing = format!("{TABLE}/streams/none");
    assert_eq!(world.append(&missing, None, &["e"]).await, Err(Code::NotFound));
    world.suite.shutdown().await;
}

#[tokio::test]
async fn buffered_rows_are_visible_up_to_the_flush() {
    let mut world = start().await;
    let stream = world.create(StreamType::Buffered).await;
    world.append(&stream, Some(0), &["a", "b", "c"]).await.unwrap();
    assert_eq!(world.visible().await, Vec::<String>::new());
    let flush = |offset| FlushRowsRequest { write_stream: stream.clone(), offset: Some(offset) };
    world.client.flush_rows(flush(1)).await.unwrap();
    assert_eq!(world.visible().await, ["a", "b"]);
    world.client.flush_rows(flush(0)).await.unwrap();
    assert_eq!(world.visible().await, ["a", "b"], "a flush behind the cursor changes nothing");
    let beyond = world.client.flush_rows(flush(3)).await.unwrap_err();
    assert_eq!(beyond.code(), Code::OutOfRange);
    world.suite.shutdown().await;
}

#[tokio::test]
async fn pending_rows_are_visible_when_their_streams_are_committed() {
    let mut world = start().await;
    let streams =
        [world.create(StreamType::Pending).await, world.create(StreamType::Pending).await];
    world.append(&streams[0], Some(0), &["a"]).await.unwrap();
    world.append(&streams[1], Some(0), &["b"]).await.unwrap();
    let commit = BatchCommitWriteStreamsRequest {
        parent: TABLE.to_owned(),
        write_streams: streams.to_vec(),
    };
    world.finalize(&streams[0]).await;
    let answer =
        world.client.batch_commit_write_streams(commit.clone()).await.unwrap().into_inner();
    assert_eq!(answer.stream_errors.len(), 1, "one stream is not finalized");
    assert_eq!(world.visible().await, Vec::<String>::new());
    world.finalize(&streams[1]).await;
    let answer =
        world.client.batch_commit_write_streams(commit.clone()).await.unwrap().into_inner();
    assert!(answer.commit_time.is_some() && answer.stream_errors.is_empty());
    assert_eq!(world.visible().await, ["a", "b"]);
    let again = world.client.batch_commit_write_streams(commit).await.unwrap().into_inner();
    assert_eq!(again.stream_errors.len(), 2, "streams are committed once");
    world.suite.shutdown().await;
}

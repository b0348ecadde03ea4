//! Goal: rows that go in through the Storage Write API come out of the Storage Read API unchanged, and who
//! may not see a row does not. Method: calls of Google's own messages, without sockets.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tower::ServiceExt;
use windtunnel_protos::bigquery as proto;
use windtunnel_protos::bigquery::append_rows_request::{ArrowData, Rows};
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::big_query_read_client::BigQueryReadClient;
use windtunnel_protos::bigquery::big_query_write_client::BigQueryWriteClient;
use windtunnel_protos::bigquery::read_session::TableReadOptions;

use crate::client::Client;

const TABLE: &str = "projects/p/datasets/d/tables/t";

macro_rules! service {
    ($client:expr) => {{
        let router = $client.emulator.router();
        tower::service_fn(move |request: Request<tonic::body::Body>| {
            router.clone().oneshot(request.map(Body::new))
        })
    }};
}

async fn table() -> Client {
    let client = Client::new();
    let fields = json!([
        { "name": "n", "type": "INTEGER", "mode": "REQUIRED" },
        { "name": "s", "type": "STRING" },
        { "name": "at", "type": "TIMESTAMP" },
        { "name": "j", "type": "JSON" },
    ]);
    client.table("t", fields).await;
    client
}

fn batch(numbers: std::ops::Range<i64>) -> RecordBatch {
    let texts = numbers.clone().map(|n| (n % 2 == 0).then(|| format!("text {n}")));
    let nanos = numbers.clone().map(|n| n * 1_000);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
        ("s", Arc::new(texts.collect::<StringArray>())),
        ("at", Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A batch as the Storage Write API takes it: the schema's message and the rows'.
fn arrow_rows(batch: &RecordBatch, with_schema: bool) -> Rows {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = writer.get_ref().clone();
    writer.write(batch).unwrap();
    let rows = writer.get_ref()[schema.len()..].to_vec();
    Rows::ArrowRows(ArrowData {
        writer_schema: with_schema.then(|| proto::ArrowSchema { serialized_schema: schema.into() }),
        rows: Some(proto::ArrowRecordBatch {
            serialized_record_batch: rows.into(),
            ..Default::default()
        }),
    })
}

async fn append(client: &Client, batches: &[RecordBatch]) -> Vec<proto::AppendRowsResponse> {
    let requests: Vec<proto::AppendRowsRequest> = batches
        .iter()
        .enumerate()
        .map(|(index, batch)| proto::AppendRowsRequest {
            write_stream: if index == 0 {
                format!("{TABLE}/streams/_default")
            } else {
                String::new()
            },
            rows: Some(arrow_rows(batch, index == 0)),
            ..Default::default()
        })
        .collect();
    let mut write = BigQueryWriteClient::new(service!(client));
    let mut answers = write.append_rows(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut out = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        out.push(answer);
    }
    out
}

/// Opens a session as a caller and reads its first stream from an offset.
async fn read(
    client: &Client,
    options: TableReadOptions,
    offset: i64,
    caller: &str,
) -> Result<Vec<RecordBatch>, Status> {
    let mut read = BigQueryReadClient::new(service!(client));
    let mut request = tonic::Request::new(proto::CreateReadSessionRequest {
        parent: "projects/p".to_owned(),
        read_session: Some(proto::ReadSession {
            table: TABLE.to_owned(),
            data_format: proto::DataFormat::Arrow.into(),
            read_options: Some(options),
            ..Default::default()
        }),
        max_stream_count: 1,
        preferred_min_stream_count: 0,
    });
    request.metadata_mut().insert("x-windtunnel-caller", caller.parse().unwrap());
    let session = read.create_read_session(request).await?.into_inner();
    let Some(stream) = session.streams.first() else { return Ok(Vec::new()) };
    let Some(proto::read_session::Schema::ArrowSchema(schema)) = session.schema else {
        panic!("no Arrow schema")
    };
    let request = proto::ReadRowsRequest { read_stream: stream.name.clone(), offset };
    let mut answers = read.read_rows(request).await?.into_inner();
    let mut out = Vec::new();
    while let Some(answer) = answers.message().await? {
        let Some(proto::read_rows_response::Rows::ArrowRecordBatch(rows)) = answer.rows else {
            panic!("no Arrow rows")
        };
        let mut bytes = schema.serialized_schema.to_vec();
        bytes.extend_from_slice(&rows.serialized_record_batch);
        let reader = StreamReader::try_new(&bytes[..], None).unwrap();
        out.extend(reader.map(Result::unwrap));
    }
    Ok(out)
}

fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    let values = |batch: &RecordBatch| {
        batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(values).collect()
}

fn restricted(condition: &str) -> TableReadOptions {
    TableReadOptions { row_restriction: condition.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn rows_come_out_as_they_went_in() {
    let client = table().await;
    let answers = append(&client, &[batch(0..3), batch(3..10_000)]).await;
    let ok = |answer: &proto::AppendRowsResponse| {
        matches!(answer.response, Some(Response::AppendResult(_)))
    };
    assert!(answers.iter().all(ok), "{answers:?}");
    let rows = read(&client, TableReadOptions::default(), 0, "user:a@b.c").await.unwrap();
    assert_eq!(numbers(&rows), (0..10_000).collect::<Vec<_>>());
    let at = rows[0].column_by_name("at").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(at.value(2), 2);
    let json = rows[0].schema().field_with_name("j").unwrap().metadata().clone();
    assert_eq!(json["ARROW:extension:name"], "google:sqlType:json");
    assert_eq!(rows[0].column_by_name("j").unwrap().null_count(), rows[0].num_rows());
    let later = read(&client, TableReadOptions::default(), 9_998, "user:a@b.c").await.unwrap();
    assert_eq!(numbers(&later), [9_998, 9_999]);
    let beyond = read(&client, TableReadOptions::default(), 10_001, "user:a@b.c").await;
    assert_eq!(beyond.unwrap_err().code(), Code::OutOfRange);
    let selected =
        TableReadOptions { selected_fields: vec!["n".to_owned()], ..restricted("s IS NULL") };
    let rows = read(&client, selected, 0, "user:a@b.c").await.unwrap();
    assert_eq!(rows[0].num_columns(), 1);
    assert_eq!(numbers(&rows)[..3], [1, 3, 5]);
}

#[tokio::test]
async fn conditions_are_those_of_sql() {
    let client = table().await;
    append(&client, &[batch(0..10)]).await;
    let check = async |condition: &str, expected: Result<&[i64], Code>| {
        let found = read(&client, restricted(condition), 0, "user:a@b.c").await;
        let found = found.map(|rows| numbers(&rows)).map_err(|status| status.code());
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{condition}");
    };
    check("n > 7", Ok(&[8, 9])).await;
    check("n < 2 OR STARTS_WITH(s, 'text 8')", Ok(&[0, 1, 8])).await;
    check("n > 100", Ok(&[])).await;
    check("nothing = 1", Err(Code::InvalidArgument)).await;
    check("n >", Err(Code::InvalidArgument)).await;
}

#[tokio::test]
async fn who_may_not_see_a_row_does_not_read_it() {
    let client = table().await;
    append(&client, &[batch(0..10)]).await;
    let policy = json!({
        "rowAccessPolicyReference": { "policyId": "few" },
        "filterPredicate": "n < 3", "grantees": ["user:some@b.c"],
    });
    client.ok("POST", "datasets/d/tables/t/rowAccessPolicies", policy).await;
    let rows = read(&client, TableReadOptions::default(), 0, "user:some@b.c").await.unwrap();
    assert_eq!(numbers(&rows), [0, 1, 2]);
    let rows = read(&client, TableReadOptions::default(), 0, "user:other@b.c").await.unwrap();
    assert_eq!(numbers(&rows), Vec::<i64>::new());
}

#[tokio::test]
async fn arrow_rows_that_do_not_fit_are_refused() {
    let client = table().await;
    let wrong: Vec<(&str, ArrayRef)> = vec![("n", Arc::new(StringArray::from(vec!["x"])))];
    let unknown: Vec<(&str, ArrayRef)> = vec![("q", Arc::new(Int64Array::from(vec![1])))];
    let missing: Vec<(&str, ArrayRef)> = vec![("s", Arc::new(StringArray::from(vec!["x"])))];
    for columns in [wrong, unknown, missing] {
        let answers = append(&client, &[RecordBatch::try_from_iter(columns).unwrap()]).await;
        let Some(Response::Error(error)) = &answers[0].response else { panic!("{answers:?}") };
        assert_eq!(error.code, i32::from(Code::InvalidArgument), "{}", error.message);
    }
    assert_eq!(client.rows("t").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_writer_is_told_of_columns_that_are_new() {
    let client = table().await;
    let router = client.emulator.router();
    let (requests, receiver) = tokio::sync::mpsc::channel(4);
    let service = tower::service_fn(move |request: Request<tonic::body::Body>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let mut write = BigQueryWriteClient::new(service);
    let request = |with_schema: bool| proto::AppendRowsRequest {
        write_stream: format!("{TABLE}/streams/_default"),
        rows: Some(arrow_rows(&batch(0..1), with_schema)),
        ..Default::default()
    };
    requests.send(request(true)).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = write.append_rows(stream).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().updated_schema, None);
    let text = "ALTER TABLE d.t ADD COLUMN extra DATE";
    client.ok("POST", "queries", json!({ "query": text })).await;
    requests.send(request(false)).await.unwrap();
    let updated = answers.message().await.unwrap().unwrap().updated_schema.unwrap();
    assert_eq!(updated.fields.last().unwrap().name, "extra");
    requests.send(request(false)).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().updated_schema, None);
}

#[tokio::test]
async fn columns_that_the_writer_has_not_get_their_defaults() {
    let client = Client::new();
    let fields = json!([
        { "name": "n", "type": "INTEGER" },
        { "name": "s", "type": "STRING" },
        { "name": "at", "type": "TIMESTAMP" },
        { "name": "extra", "type": "INTEGER", "defaultValueExpression": "40 + 2" },
    ]);
    client.table("t", fields).await;
    append(&client, &[batch(0..2), batch(2..3)]).await;
    let column = async |index: usize| -> Vec<Value> {
        client.rows("t").await.iter().map(|row| row[index].clone()).collect()
    };
    assert_eq!(column(3).await, ["42", "42", "42"]);
    let text = "ALTER TABLE d.t ALTER COLUMN s SET DEFAULT 'none'";
    client.ok("POST", "queries", json!({ "query": text })).await;
    append(&client, &[batch(3..4)]).await;
    assert_eq!(column(1).await[3], Value::Null, "the writer has the column");
    let request = proto::AppendRowsRequest {
        write_stream: format!("{TABLE}/streams/_default"),
        rows: Some(arrow_rows(&batch(4..6), true)),
        missing_value_interpretations: [("s".to_owned(), 2)].into(),
        ..Default::default()
    };
    let mut write = BigQueryWriteClient::new(service!(client));
    let mut answers = write.append_rows(tokio_stream::iter([request])).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    assert_eq!(column(1).await[4..], ["text 4", "none"]);
}

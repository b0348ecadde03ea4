//! Everything that parses bytes from outside, one function each: any bytes end in a value or a refusal,
//! never in a panic, an endless loop or an answer that blames the server. `cargo fuzz` drives these
//! functions with coverage; a test of the workspace drives the same ones over their seeds and a fixed
//! number of mutations.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::json;
use tower::ServiceExt as _;
use windtunnel_bigquery::BigQueryEmulator;
use windtunnel_bigquery::rows::from_proto::Decoder;
use windtunnel_bigquery::schema::{Field, FieldType, Mode, TableSchema};
use windtunnel_model::{AckId, EventTime, Message, Origin, ProcessingTime, Withheld};
use windtunnel_pubsub::PubsubEmulator;
use windtunnel_runtime::batch::Block;
use windtunnel_runtime::checkpoint::{restore, state_record};
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_runtime::store::{DiskStore, Files};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::preprocess::preprocess;
use windtunnel_stages::privacy::{Action, Key, Place, Privacy, Rule};
use windtunnel_stages::window::WindowConfig;
use windtunnel_storage::StorageEmulator;

/// A function over any bytes, and bytes to begin with.
pub struct Target {
    /// The name, also of the file in `fuzz_targets`.
    pub name: &'static str,
    /// Panics when the bytes break something.
    pub run: fn(&[u8]),
    /// Inputs that reach far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "event", run: event, seeds: events },
    Target { name: "privacy", run: privacy, seeds: events },
    Target { name: "checkpoint", run: checkpoint, seeds: checkpoints },
    Target { name: "checkpoint_file", run: checkpoint_file, seeds: checkpoints },
    Target { name: "batch_block", run: batch_block, seeds: events },
    Target { name: "dead_letter", run: dead_letter, seeds: dead_letters },
    Target { name: "push_request", run: push_request, seeds: push_requests },
    Target { name: "scenario", run: scenario, seeds: scenarios },
    Target { name: "sql", run: sql, seeds: queries },
    Target { name: "load_file", run: load_file, seeds: files },
    Target { name: "source_file", run: source_file, seeds: source_files },
    Target { name: "append_rows", run: append_rows, seeds: appends },
    Target { name: "storage_upload", run: storage_upload, seeds: multiparts },
    Target { name: "storage_batch", run: storage_batch, seeds: multiparts },
    Target { name: "pubsub_rest", run: pubsub_rest, seeds: publishes },
    Target { name: "predict", run: predict, seeds: instances },
];

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn message(data: &[u8]) -> Message {
    Message {
        ack: AckId(0),
        data: Bytes::copy_from_slice(data),
        publish_time: EventTime(1_704_110_400_000_000),
        origin: Origin::Pubsub { message_id: "1".to_owned(), attributes: BTreeMap::new() },
    }
}

fn pipeline() -> Pipeline {
    Pipeline::new(DedupConfig::default(), WindowConfig::default())
}

/// A payload is an event or a reject, and what the function lets through is an event's JSON.
fn event(data: &[u8]) {
    let outcome = pipeline().process(vec![message(data)], ProcessingTime(0));
    assert_eq!(outcome.events.events.len() + outcome.rejects.len(), 1);
    match preprocess(&message(data)) {
        Ok(event) => assert_eq!(preprocess(&message(&event)).expect("it was complete"), event),
        Err(reject) => {
            let mut line = Vec::new();
            reject.write_json_line(&mut line);
            windtunnel_gcp::replay::check_letter(&line).expect("what we write we read");
        }
    }
}

fn events() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"event_id":"e1","event_timestamp":"2024-01-01T12:00:00.5+01:00","event_type":"click","device_id":"d","user_id":"u","properties":{"page_url":"p","referrer":null,"value":1.5e3,"temperature":-3,"humidity":40,"battery":100}}"#,
        r#"{"event_type":"t","device_id":"\u00e4\ud83d\ude00","unknown":[1,{"a":[true,null,"x"]}],"processed_timestamp":"2024-01-01T12:00:00Z"}"#,
        "{\"event_type\":\"t\",\"device_id\":\"d\"}\n{\"event_type\":\"t\"}\n\n[]\n",
        "\0withheld late 7 k.1.2",
        "{\"user_id\":[[{\"user_id\":1}]],\"properties\":\"text\"}",
    ])
}

/// Redacting twice is redacting once, and what is left is JSON or withheld.
fn privacy(data: &[u8]) {
    let field = |path: &str, action| Rule {
        place: Place::Field(path.split('.').map(str::to_owned).collect()),
        action,
    };
    let rules = vec![
        field("user_id", Action::Hash),
        field("properties.page_url", Action::Hash),
        field("unknown.*", Action::Drop),
    ];
    let key = Key::new("k", EventTime(0), &[7; 32]).expect("a key as it must be");
    let privacy = Privacy::new(rules, vec![key]).expect("rules as they must be");
    let mut once = message(data);
    privacy.redact(&mut once);
    if Withheld::of_payload(&once.data).is_none() {
        assert!(serde_json::from_slice::<serde_json::Value>(&once.data).is_ok());
        let mut twice = once.clone();
        privacy.redact(&mut twice);
        assert_eq!(once.data, twice.data);
    }
}

/// A log of one record.
fn checkpoint(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut restored = pipeline();
    if restore(&mut restored, std::slice::from_ref(&bytes)).is_ok_and(|record| record.is_some()) {
        // A state that was taken can go on.
        restored.process(vec![message(b"{}")], ProcessingTime(0));
        drop(state_record(&mut restored, 1, true, ProcessingTime(0)));
    }
}

fn checkpoints() -> Vec<Vec<u8>> {
    let mut pipeline = pipeline();
    let empty = state_record(&mut pipeline, 1, true, ProcessingTime(0)).encode_to_vec();
    let messages = events().iter().map(|event| message(event)).collect();
    pipeline.process(messages, ProcessingTime(1));
    let full = state_record(&mut pipeline, 2, true, ProcessingTime(2)).encode_to_vec();
    vec![empty, full]
}

/// A store whose every file holds the same bytes, framed well or not.
fn checkpoint_file(data: &[u8]) {
    for frame in [true, false] {
        let files = Memory::default();
        let mut content = Vec::new();
        if frame {
            content.extend_from_slice(b"wtckpt\0\x01");
            content.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(data).to_le_bytes());
        }
        content.extend_from_slice(data);
        *files.all.lock().expect("nobody panics with it") = Some(content);
        if let Ok((_, log)) = DiskStore::acquire_on(files, Path::new("/job"), "job") {
            assert!(log.len() < 1_000_000);
        }
    }
}

/// A disk on which every file has one content until it is written.
#[derive(Default)]
struct Memory {
    all: Mutex<Option<Vec<u8>>>,
    written: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Files for Memory {
    type File = ();
    type Lock = ();
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn lock(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let written = self.written.lock().expect("nobody panics with it");
        if let Some(content) = written.get(path) {
            return Ok(content.clone());
        }
        let all = self.all.lock().expect("nobody panics with it");
        all.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn create(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut written = self.written.lock().expect("nobody panics with it");
        written.insert(path.to_owned(), parts.concat());
        Ok(())
    }
    fn sync(&self, (): &()) -> io::Result<()> {
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut written = self.written.lock().expect("nobody panics with it");
        let content = written.remove(from).ok_or(io::ErrorKind::NotFound)?;
        written.insert(to.to_owned(), content);
        Ok(())
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of a block are its bytes.
fn batch_block(data: &[u8]) {
    let block = Block::new(data.to_vec());
    let lines: Vec<_> = block.lines().collect();
    let bytes: usize = lines.iter().map(|line| block.bytes(*line).len()).sum();
    let breaks = data.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(bytes + breaks, data.len());
}

fn dead_letter(data: &[u8]) {
    let _ = windtunnel_gcp::replay::check_letter(data);
}

fn dead_letters() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"reason":"row_refused","stage":"sink","detail":"d","data_base64":"e30=","attributes":{"publish_id":"p"},"message_id":"1","publish_time":"2024-01-01T12:00:00.000000Z"}"#,
        r#"{"reason":"invalid_json","stage":"decode","detail":"d","data_base64":"","withheld":{"bytes":7,"hmac_sha256":"k.1.2"},"attributes":{},"message_id":"1","publish_time":"2024-01-01T12:00:00Z"}"#,
    ])
}

fn push_request(data: &[u8]) {
    if let Ok(message) = windtunnel_gcp::function::parse(data) {
        drop(windtunnel_gcp::function::decide(&message));
    }
}

fn push_requests() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"message":{"data":"eyJldmVudF90eXBlIjoidCIsImRldmljZV9pZCI6ImQifQ==","attributes":{"k":"v"},"messageId":"7","publishTime":"2024-01-01T12:00:00Z"},"subscription":"s"}"#,
        r#"{"specversion":"1.0","data":{"message":{"data":"e30=","message_id":"7","publish_time":"2024-01-01T12:00:00Z"}}}"#,
    ])
}

fn scenario(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(problems) = windtunnel::scenario::parse("f", &text) {
        assert!(!problems.is_empty());
    }
    let _ = windtunnel::scenario::parse_privacy("f", &text);
}

fn scenarios() -> Vec<Vec<u8>> {
    let library = windtunnel::library::SCENARIOS.iter().map(|(_, text)| text.as_bytes().to_vec());
    let mut seeds: Vec<_> = library.collect();
    seeds.extend(texts(&[
        "[[field]]\npath = \"user_id\"\naction = \"hash\"\n[[key]]\nid = \"k\"\nfrom = \
         \"2024-01-01T00:00:00Z\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n",
    ]));
    seeds
}

/// Puts a request to a router, and refuses answers that blame the server; what is not implemented is
/// refused by name.
fn ask(router: impl FnOnce() -> Router, uri: &str, content_type: &str, body: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing");
    runtime.block_on(async {
        let request = Request::post(uri)
            .header("content-type", content_type)
            .body(Body::from(body))
            .expect("the parts are plain");
        let answer = router().oneshot(request).await.expect("a router always answers");
        let status = answer.status().as_u16();
        assert!(status < 500 || status == 501, "{uri}: {status}");
    });
}

fn bigquery() -> Router {
    let bigquery = BigQueryEmulator::new();
    bigquery.create_dataset("p", "d").expect("there is none yet");
    let table = windtunnel_model::schema::events_table();
    bigquery.create_table("p", "d", "t", &table).expect("there is none yet");
    bigquery.router()
}

fn sql(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let body = json!({ "query": query, "useLegacySql": false, "dryRun": true });
    ask(bigquery, "/bigquery/v2/projects/p/queries", "application/json", body.to_string().into());
}

fn queries() -> Vec<Vec<u8>> {
    texts(&[
        "SELECT event_type, COUNT(*) AS n, AVG(prediction_score) FROM `p.d.t` WHERE DATE(event_timestamp) = \
         CURRENT_DATE() GROUP BY event_type HAVING n > 1 ORDER BY 2 DESC LIMIT 5",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT ARRAY_AGG(n \
         ORDER BY n) OVER (PARTITION BY MOD(n, 2)) FROM r, UNNEST([1, 2]) AS x",
        "DECLARE x INT64 DEFAULT 3; IF x > 2 THEN SELECT STRUCT(1 AS a, 'b' AS b).a, r'''\\d''', b\"\\x00\"; END IF;",
        "CREATE TABLE d.u (a INT64 NOT NULL, b ARRAY<STRUCT<c NUMERIC(5, 2)>>) PARTITION BY RANGE_BUCKET(a, \
         GENERATE_ARRAY(0, 10, 2)) OPTIONS (description = 'x')",
        "MERGE d.t USING (SELECT 'a' AS id) s ON t.event_id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED \
         THEN INSERT (event_id) VALUES (s.id)",
        "FROM d.t |> WHERE user_id IS NOT NULL |> AGGREGATE COUNT(*) GROUP BY device_id |> LIMIT 3",
    ])
}

/// A load job behind an upload: the first byte says in which format the rest is.
fn load_file(data: &[u8]) {
    let formats = ["CSV", "NEWLINE_DELIMITED_JSON", "AVRO", "PARQUET"];
    let (first, content) = data.split_first().unwrap_or((&0, &[]));
    let format = formats[usize::from(*first) % formats.len()];
    let job = json!({ "configuration": { "load": {
        "destinationTable": { "projectId": "p", "datasetId": "d", "tableId": "loaded" },
        "sourceFormat": format, "autodetect": true,
    } } });
    let mut body = format!(
        "--b\r\ncontent-type: application/json\r\n\r\n{job}\r\n--b\r\ncontent-type: \
         application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let uri = "/upload/bigquery/v2/projects/p/jobs?uploadType=multipart";
    ask(bigquery, uri, "multipart/related; boundary=b", body);
}

fn files() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "\0a,b,c\n1,\"x\"\"y\n\",2024-01-01\n,,\n",
        "\x01{\"a\":1,\"b\":[{\"c\":1.5}],\"d\":\"2024-01-01 10:00:00\"}\n{\"a\":null}\n",
    ]);
    let mut avro = b"\x02Obj\x01\x02\x16avro.schema".to_vec();
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"a","type":["null","long"]}]}"#;
    avro.extend_from_slice(&[
        ((2 * schema.len()) & 0x7f) as u8 | 0x80,
        ((2 * schema.len()) >> 7) as u8,
    ]);
    avro.extend_from_slice(schema);
    avro.push(0);
    avro.extend_from_slice(&[7; 16]);
    // Two rows in four bytes: null, and 1.
    avro.extend_from_slice(&[4, 6, 0, 2, 2]);
    avro.extend_from_slice(&[7; 16]);
    seeds.push(avro);
    seeds.push(b"\x03PAR1\x15\x04\x15\x10PAR1".to_vec());
    seeds
}

/// A file as a source, in the format that its first bytes show and, by the first byte, under another name.
fn source_file(data: &[u8]) {
    let (first, content) = data.split_first().unwrap_or((&0, &[]));
    let name = if first & 1 == 0 { "events" } else { "events.csv" };
    for content in [data, content] {
        if let Err(reason) = windtunnel_gcp::files::count_records(content, None, name) {
            assert!(!reason.is_empty());
        }
    }
}

/// What a load job reads, with and without the byte before it.
fn source_files() -> Vec<Vec<u8>> {
    let mut seeds = files();
    seeds.extend(texts(&["[{\"a\":1},\n2,\"]\"]", "{\"a\":1}\r\n\r\n{\"b\""]));
    seeds
}

/// A message type and a row of it, against a table: the first byte is the length of the former.
fn append_rows(data: &[u8]) {
    let (length, rest) = data.split_first().unwrap_or((&0, &[]));
    let (descriptor, row) = rest.split_at(usize::from(*length).min(rest.len()));
    let Ok(descriptor) = DescriptorProto::decode(descriptor) else { return };
    let inner = vec![Field::new("s", FieldType::String), Field::new("f", FieldType::Float64)];
    let schema = TableSchema {
        fields: vec![
            Field::new("a", FieldType::String).with_mode(Mode::Required),
            Field::new("t", FieldType::Timestamp),
            Field::new("r", FieldType::Record(inner)).with_mode(Mode::Repeated),
        ],
    };
    if let Ok(decoder) = Decoder::new(&descriptor, &schema) {
        match decoder.decode(&schema.to_arrow(), &[row]) {
            Ok(batch) => assert_eq!(batch.num_rows(), 1),
            Err(errors) => assert_eq!(errors.len(), 1),
        }
    }
}

fn appends() -> Vec<Vec<u8>> {
    let field = |name: &str, number, proto: Type, label: Label| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(proto.into()),
        type_name: (proto == Type::Message).then(|| "R".to_owned()),
        ..FieldDescriptorProto::default()
    };
    let record = DescriptorProto {
        name: Some("R".to_owned()),
        field: vec![
            field("s", 1, Type::String, Label::Optional),
            field("f", 2, Type::Double, Label::Optional),
        ],
        ..DescriptorProto::default()
    };
    let row = DescriptorProto {
        name: Some("Row".to_owned()),
        field: vec![
            field("a", 1, Type::String, Label::Required),
            field("t", 2, Type::Int64, Label::Optional),
            field("r", 3, Type::Message, Label::Repeated),
        ],
        nested_type: vec![record],
        ..DescriptorProto::default()
    };
    let descriptor = row.encode_to_vec();
    let mut seed = vec![u8::try_from(descriptor.len()).expect("a short type")];
    seed.extend_from_slice(&descriptor);
    seed.extend_from_slice(b"\x0a\x02hi\x10\x80\xc0\xca\xf3\x84\xa3\x02\x1a\x0c\x0a\x01x\x11");
    seed.extend_from_slice(&1.5_f64.to_le_bytes());
    vec![seed]
}

fn storage() -> Router {
    let storage = StorageEmulator::new("http://localhost");
    storage.create_bucket("p", "fuzz").expect("there is none yet");
    storage.router()
}

fn storage_upload(data: &[u8]) {
    let uri = "/upload/storage/v1/b/fuzz/o?uploadType=multipart&name=n";
    ask(storage, uri, "multipart/related; boundary=b", data.to_vec());
}

fn storage_batch(data: &[u8]) {
    ask(storage, "/batch/storage/v1", "multipart/mixed; boundary=b", data.to_vec());
}

fn multiparts() -> Vec<Vec<u8>> {
    texts(&[
        "--b\r\ncontent-type: application/json\r\n\r\n{\"name\":\"n\",\"crc32c\":\"AAAAAA==\",\"metadata\":{\"k\":\"v\"}}\r\n\
         --b\r\ncontent-type: text/plain\r\n\r\nhello\r\n--b--\r\n",
        "--b\nContent-Type: application/json\n\n{}\n--b\nContent-Encoding: gzip\n\n\x1f\x08\n--b--",
        "--b\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\nDELETE /storage/v1/b/fuzz/o/n \
         HTTP/1.1\r\nif-match: x\r\n\r\n\r\n--b\r\nContent-Type: application/http\r\n\r\nPATCH \
         /storage/v1/b/fuzz?fields=name HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}\r\n--b--\r\n",
    ])
}

/// The first byte says which of the calls with a body it is.
fn pubsub_rest(data: &[u8]) {
    let (first, body) = data.split_first().unwrap_or((&0, &[]));
    let uris = [
        "/v1/projects/p/topics/topic:publish",
        "/v1/projects/p/subscriptions/subscription:pull",
        "/v1/projects/p/subscriptions/subscription:acknowledge",
        "/v1/projects/p/subscriptions/subscription:modifyAckDeadline",
        "/v1/projects/p/subscriptions/subscription:seek",
    ];
    let uri = uris[usize::from(*first) % uris.len()];
    let router = || {
        let pubsub = PubsubEmulator::start();
        pubsub.create_topic("projects/p/topics/topic").expect("there is none yet");
        let names = ("projects/p/subscriptions/subscription", "projects/p/topics/topic");
        pubsub.create_subscription(names.0, names.1, None).expect("there is none yet");
        pubsub.router()
    };
    ask(router, uri, "application/json", body.to_vec());
}

fn publishes() -> Vec<Vec<u8>> {
    texts(&[
        r#" {"messages":[{"data":"aGk=","attributes":{"k":"v"},"orderingKey":"o"},{"attributes":{"a":""}}]}"#,
        "!{\"maxMessages\":5,\"returnImmediately\":true}",
        "\"{\"ackIds\":[\"x\",\"1\"]}",
        "#{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":10}",
        "${\"time\":\"2024-01-01T12:00:00Z\"}",
    ])
}

fn predict(data: &[u8]) {
    let vertex =
        || windtunnel_vertex::VertexEmulator::new(windtunnel::target::vertex_model()).router();
    let uri = "/v1/projects/p/locations/l/endpoints/1:predict";
    ask(vertex, uri, "application/json", data.to_vec());
}

fn instances() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"instances":[{"event_type":"click","hour_of_day":12,"value":1.5,"is_known_user":true},[1,2,3,4,5]]}"#,
    ])
}

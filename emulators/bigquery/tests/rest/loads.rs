//! Load and extract jobs, and the protocols of uploads.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use windtunnel_bigquery::ObjectStore;

use crate::client::Client;

fn destination(name: &str) -> Value {
    json!({ "projectId": "p", "datasetId": "d", "tableId": name })
}

fn load(table: &str, uris: &[&str], rest: Value) -> Value {
    let mut load = json!({ "destinationTable": destination(table), "sourceUris": uris });
    for (name, value) in rest.as_object().unwrap() {
        load[name] = value.clone();
    }
    json!({ "load": load })
}

fn extract(table: &str, uri: &str, rest: Value) -> Value {
    let mut extract = json!({ "sourceTable": destination(table), "destinationUris": [uri] });
    for (name, value) in rest.as_object().unwrap() {
        extract[name] = value.clone();
    }
    json!({ "extract": extract })
}

fn put(client: &Client, name: &str, content: &str) {
    client.objects.put("b", name, content.to_owned().into()).unwrap();
}

#[tokio::test]
async fn files_of_a_bucket_are_loaded_by_wildcard() {
    let client = Client::new();
    put(&client, "in/x: 1.csv", "id,name\n1,a\n");
    put(&client, "in/x: 2.csv", "id,name\n2,\"b,c\"\n");
    put(&client, "in/x: 3.json", "{}");
    let options = json!({ "skipLeadingRows": 1, "schema": { "fields": [
        { "name": "id", "type": "INTEGER" }, { "name": "name", "type": "STRING" } ] } });
    let job = client.job(load("t", &["gs://b/in/x: *.csv"], options)).await;
    assert_eq!(job["status"], json!({ "state": "DONE" }));
    let statistics = &job["statistics"]["load"];
    assert_eq!((&statistics["inputFiles"], &statistics["outputRows"]), (&json!("2"), &json!("2")));
    assert_eq!(client.rows("t").await, [json!(["1", "a"]), json!(["2", "b,c"])]);
    let job = client.job(load("t", &["gs://b/none.csv"], json!({}))).await;
    assert_eq!(job["status"]["errorResult"]["reason"], "notFound");
    assert_eq!(job["status"]["errorResult"]["message"], "Not found: URI gs://b/none.csv");
}

#[tokio::test]
async fn bad_records_are_counted() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    put(&client, "x.json", "{\"n\": 1}\n{\"n\": \"x\"}\n{\"m\": 2}\n");
    let options = |bad: i64, ignore: bool| {
        json!({ "sourceFormat": "NEWLINE_DELIMITED_JSON", "maxBadRecords": bad,
            "ignoreUnknownValues": ignore })
    };
    let job = client.job(load("t", &["gs://b/x.json"], options(1, false))).await;
    let error = job["status"]["errorResult"]["message"].as_str().unwrap();
    assert!(
        error.contains("JSON table encountered too many errors, giving up. Rows: 3"),
        "{error}"
    );
    assert_eq!(client.rows("t").await, Vec::<Value>::new());
    let job = client.job(load("t", &["gs://b/x.json"], options(1, true))).await;
    assert_eq!(job["status"].get("errorResult"), None);
    assert_eq!(job["statistics"]["load"]["badRecords"], "1");
    assert_eq!(client.rows("t").await, [json!(["1"]), json!([null])]);
}

#[tokio::test]
async fn a_load_may_add_and_relax_columns_where_it_is_allowed() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER", "mode": "REQUIRED" }])).await;
    put(&client, "x.json", "{\"n\": 1, \"s\": \"a\"}\n");
    let options = json!({ "sourceFormat": "NEWLINE_DELIMITED_JSON", "autodetect": true });
    let job = client.job(load("t", &["gs://b/x.json"], options.clone())).await;
    let message = &job["status"]["errorResult"]["message"];
    assert_eq!(message, "Invalid schema update. Cannot add fields (field: s)");
    let mut options = options;
    options["schemaUpdateOptions"] = json!(["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"]);
    client.job(load("t", &["gs://b/x.json"], options)).await;
    assert_eq!(client.rows("t").await, [json!(["1", "a"])]);
}

#[tokio::test]
async fn a_partition_is_loaded_in_place_of_what_it_held() {
    let client = Client::new();
    let table = json!({
        "tableReference": { "tableId": "t" },
        "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
        "timePartitioning": { "type": "DAY" },
    });
    client.ok("POST", "datasets/d/tables", table).await;
    put(&client, "1.csv", "1\n2\n");
    put(&client, "3.csv", "3\n");
    let truncate = json!({ "writeDisposition": "WRITE_TRUNCATE" });
    client.job(load("t$20240115", &["gs://b/1.csv"], truncate.clone())).await;
    client.job(load("t$20240116", &["gs://b/1.csv"], truncate.clone())).await;
    let job = client.job(load("t$20240115", &["gs://b/3.csv"], truncate)).await;
    assert_eq!(job["status"], json!({ "state": "DONE" }), "{job}");
    assert_eq!(client.rows("t$20240115").await, [json!(["3"])]);
    assert_eq!(client.rows("t").await.len(), 3);
}

#[tokio::test]
async fn every_format_comes_back_as_it_was_extracted() {
    let client = Client::new();
    let fields = json!([
        { "name": "id", "type": "INTEGER" },
        { "name": "price", "type": "NUMERIC" },
        { "name": "at", "type": "TIMESTAMP" },
        { "name": "civil", "type": "DATETIME" },
        { "name": "day", "type": "DATE" },
        { "name": "note", "type": "STRING" },
    ]);
    client.table("t", fields.clone()).await;
    let row = |id: i64, note: Value| {
        json!({ "id": id, "price": "1.25", "at": "2024-01-15T12:00:00.5Z",
            "civil": "2024-01-15T12:00:00", "day": "2024-01-15", "note": note })
    };
    client
        .insert("t", &[row(1, json!("a,\"b\"\nc")), row(2, json!("")), row(3, json!(null))])
        .await;
    for (format, compression) in [
        ("CSV", "NONE"),
        ("CSV", "GZIP"),
        ("NEWLINE_DELIMITED_JSON", "GZIP"),
        ("AVRO", "SNAPPY"),
        ("AVRO", "DEFLATE"),
        ("PARQUET", "SNAPPY"),
        ("PARQUET", "ZSTD"),
    ] {
        let uri = format!("gs://b/out/{format}-{compression}-*");
        let options = json!({ "destinationFormat": format, "compression": compression });
        let job = client.job(extract("t", &uri, options)).await;
        assert_eq!(job["status"], json!({ "state": "DONE" }), "{format} {compression}");
        assert_eq!(job["statistics"]["extract"]["destinationUriFileCounts"], json!(["1"]));
        let mut options = json!({
            "sourceFormat": format, "writeDisposition": "WRITE_TRUNCATE",
            "useAvroLogicalTypes": true, "allowQuotedNewlines": true,
        });
        if format == "CSV" {
            options["skipLeadingRows"] = json!("1");
        }
        if matches!(format, "CSV" | "NEWLINE_DELIMITED_JSON") {
            options["schema"] = json!({ "fields": fields });
        }
        let job = client.job(load("back", &[&uri], options)).await;
        assert_eq!(job["status"], json!({ "state": "DONE" }), "{format} {compression}");
        let back = client.ok("GET", "datasets/d/tables/back", Value::Null).await;
        let original = client.ok("GET", "datasets/d/tables/t", Value::Null).await;
        assert_eq!(back["schema"], original["schema"], "{format}");
        assert_eq!(client.rows("back").await, client.rows("t").await, "{format} {compression}");
    }
}

#[tokio::test]
async fn rows_are_shared_among_several_uris() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let rows: Vec<Value> = (1..=5).map(|n| json!({ "n": n })).collect();
    client.insert("t", &rows).await;
    let extract = json!({
        "sourceTable": destination("t"), "printHeader": false,
        "destinationUris": ["gs://b/a.csv", "gs://b/b-*.csv"],
    });
    let job = client.job(json!({ "extract": extract })).await;
    let counts = &job["statistics"]["extract"]["destinationUriFileCounts"];
    assert_eq!(counts, &json!(["1", "1"]));
    assert_eq!(client.objects.get("b", "a.csv").unwrap(), "1\n2\n");
    assert_eq!(client.objects.get("b", "b-000000000000.csv").unwrap(), "3\n4\n5\n");
}

#[tokio::test]
async fn what_is_not_read_is_refused_by_name() {
    let client = Client::new();
    let body = |options: Value| json!({ "configuration": load("t", &["gs://b/x"], options) });
    for (options, name) in [
        (json!({ "sourceFormat": "ORC" }), "ORC"),
        (json!({ "hivePartitioningOptions": { "mode": "AUTO" } }), "hivePartitioningOptions"),
        (json!({ "encoding": "UTF-16BE", "autodetect": true }), "gs://b/x"),
    ] {
        let (status, answer) = client.call("POST", "jobs", body(options)).await;
        assert!(answer.to_string().contains(name), "{status} {answer}");
    }
    let job = client.job(load("t", &["gs://missing/*"], json!({}))).await;
    assert_eq!(job["status"]["errorResult"]["message"], "Not found: URI gs://missing/*");
    put(&client, "x.avro", "no avro");
    let job = client.job(load("t", &["gs://b/x.avro"], json!({ "sourceFormat": "AVRO" }))).await;
    let message = job["status"]["errorResult"]["message"].as_str().unwrap();
    assert!(message.contains("Magic does not match"), "{message}");
}

fn upload(kind: &str, content_type: &str, body: Vec<u8>) -> Request<Body> {
    Request::builder()
        .method("POST")
        .uri(format!("/upload/bigquery/v2/projects/p/jobs?uploadType={kind}"))
        .header("host", "localhost:9")
        .header("content-type", content_type)
        .body(Body::from(body))
        .unwrap()
}

fn upload_job(table: &str) -> Value {
    let load = json!({ "destinationTable": destination(table), "autodetect": true });
    json!({ "configuration": { "load": load } })
}

#[tokio::test]
async fn a_multipart_upload_is_a_load() {
    let client = Client::new();
    let body = format!(
        "--==x==\r\ncontent-type: application/json\r\n\r\n{}\r\n--==x==\r\nContent-Type: */*\r\n\r\n\
         id,name\n1,a\n2,b\n\r\n--==x==--",
        upload_job("t")
    );
    let request = upload("multipart", "multipart/related; boundary=\"==x==\"", body.into_bytes());
    let (status, _, job) = client.send(request).await;
    assert_eq!((status.as_u16(), &job["status"]["state"]), (200, &json!("DONE")), "{job}");
    assert_eq!(job["statistics"]["load"]["outputRows"], "2");
    assert_eq!(client.rows("t").await, [json!(["1", "a"]), json!(["2", "b"])]);
}

#[tokio::test]
async fn a_resumable_upload_comes_in_chunks() {
    let client = Client::new();
    let begin = upload("resumable", "application/json", upload_job("t").to_string().into_bytes());
    let (status, headers, _) = client.send(begin).await;
    assert_eq!(status, 200);
    let location = headers["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("http://localhost:9/upload/bigquery/v2/projects/p/jobs?"));
    let chunk = |range: &str, body: &str| {
        Request::builder()
            .method("PUT")
            .uri(&location)
            .header("content-range", range)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let (status, headers, _) = client.send(chunk("bytes 0-7/*", "id,name\n")).await;
    assert_eq!((status.as_u16(), headers["range"].to_str().unwrap()), (308, "bytes=0-7"));
    let (status, _, _) = client.send(chunk("bytes */*", "")).await;
    assert_eq!(status, 308);
    let (status, _, job) = client.send(chunk("bytes 8-11/12", "1,a\n")).await;
    assert_eq!((status.as_u16(), &job["status"]["state"]), (200, &json!("DONE")), "{job}");
    assert_eq!(client.rows("t").await, [json!(["1", "a"])]);
    let (status, _, _) = client.send(chunk("bytes 8-11/12", "1,a\n")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn other_uploads_are_refused() {
    let client = Client::new();
    for (kind, content_type, body) in [
        ("bogus", "application/json", "{}"),
        ("multipart", "application/octet-stream", "id\n1\n"),
        ("multipart", "multipart/related; boundary=x", "no parts"),
        ("resumable", "application/json", r#"{"configuration": {"query": {}}}"#),
    ] {
        let request = upload(kind, content_type, body.as_bytes().to_vec());
        let (status, _, answer) = client.send(request).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT");
    }
}

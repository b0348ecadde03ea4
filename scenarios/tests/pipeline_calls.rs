//! Goal: the calls that a whole pipeline of Google's Python clients makes (functions-framework, Beam's
//! direct runner, aiplatform, Airflow) are answered as the services answer them, where emulators are
//! known to fail. Method: the requests as those clients send them, over loopback, one suite a test.
//! Push delivery, insert ids and timestamps as numbers are in `clients.rs`.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use windtunnel::target::vertex_model;
use windtunnel_emulators::{Ports, Suite};
use windtunnel_protos::pubsub::subscriber_client::SubscriberClient;
use windtunnel_protos::pubsub::{PullRequest, Subscription};
use windtunnel_protos::vertex::PredictRequest;
use windtunnel_protos::vertex::prediction_service_client::PredictionServiceClient;

async fn start() -> Suite {
    Suite::start(Ports::ANY, vertex_model()).await.unwrap()
}

async fn send(address: SocketAddr, method: &str, path: &str, body: Value) -> Response {
    let request =
        reqwest::Client::new().request(method.parse().unwrap(), format!("http://{address}{path}"));
    let request = if body.is_null() { request } else { request.json(&body) };
    request.send().await.unwrap()
}

async fn ok(address: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let response = send(address, method, path, body).await;
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Beam's direct runner ends its job after four pulls that end in DEADLINE_EXCEEDED.
#[tokio::test]
async fn an_empty_pull_answers_before_its_deadline() {
    let suite = start().await;
    let (topic, name) = ("projects/any/topics/calls", "projects/any/subscriptions/pulls");
    ok(suite.pubsub_address, "PUT", &format!("/v1/{topic}"), json!({})).await;
    let endpoint = format!("http://{}", suite.pubsub_address);
    let mut client = SubscriberClient::connect(endpoint).await.unwrap();
    let subscription =
        Subscription { name: name.to_owned(), topic: topic.to_owned(), ..Default::default() };
    client.create_subscription(subscription).await.unwrap();
    let pull =
        PullRequest { subscription: name.to_owned(), max_messages: 10, ..Default::default() };
    let mut request = tonic::Request::new(pull);
    request.set_timeout(Duration::from_secs(2));
    let pulled = client.pull(request).await.unwrap().into_inner();
    assert!(pulled.received_messages.is_empty());
    let path = format!("/v1/{topic}/subscriptions");
    let listed = ok(suite.pubsub_address, "GET", &path, Value::Null).await;
    assert_eq!(listed["subscriptions"], json!([name]));
    suite.shutdown().await;
}

/// The client of today asks over REST with an escaped query, that of 2023 over gRPC without TLS; a model
/// with one number for an instance answers bare numbers.
#[tokio::test]
async fn a_prediction_is_the_same_over_rest_and_grpc() {
    let suite = start().await;
    let endpoint = "projects/any/locations/us-central1/endpoints/1";
    let instances =
        [json!({ "event_type": "telemetry", "hour_of_day": 3.0, "temperature": 31.5 }), json!({})];
    let path = format!("/v1/{endpoint}:predict?%24alt=json%3Benum-encoding%3Dint");
    let body = json!({ "instances": instances });
    let over_rest = ok(suite.vertex_address, "POST", &path, body).await;
    let number = |value: f64| prost_types::Value {
        kind: Some(prost_types::value::Kind::NumberValue(value)),
    };
    let text = prost_types::Value {
        kind: Some(prost_types::value::Kind::StringValue("telemetry".to_owned())),
    };
    let fields =
        [("event_type", text), ("hour_of_day", number(3.0)), ("temperature", number(31.5))];
    let record = |fields: Vec<(&str, prost_types::Value)>| {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let record = prost_types::Struct { fields };
        prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(record)) }
    };
    let request = PredictRequest {
        endpoint: endpoint.to_owned(),
        instances: vec![record(fields.into()), record(Vec::new())],
        ..Default::default()
    };
    let address = format!("http://{}", suite.vertex_address);
    let mut client = PredictionServiceClient::connect(address).await.unwrap();
    let over_grpc = client.predict(request).await.unwrap().into_inner();
    let over_grpc: Vec<f64> = over_grpc
        .predictions
        .into_iter()
        .map(|value| match value.kind {
            Some(prost_types::value::Kind::NumberValue(number)) => number,
            other => panic!("not a bare number: {other:?}"),
        })
        .collect();
    assert_eq!(over_rest["predictions"], json!(over_grpc));
    assert_eq!(over_grpc.len(), 2);
    assert_ne!(over_grpc[0].to_bits(), over_grpc[1].to_bits());
    suite.shutdown().await;
}

/// Beam writes files through the old path of resumable uploads, with `:` and spaces in their names, and
/// loads them by their URI; nothing says where the storage service is.
#[tokio::test]
async fn a_load_job_reads_what_beam_has_uploaded() {
    let suite = start().await;
    let storage = suite.storage_address;
    ok(storage, "POST", "/storage/v1/b?project=any", json!({ "name": "files" })).await;
    let path =
        "/resumable/upload/storage/v1/b/files/o?uploadType=resumable&name=bq%20load%2F12%3A30.json";
    let begun = send(storage, "POST", path, json!({ "name": "bq load/12:30.json" })).await;
    let session = begun.headers()["location"].to_str().unwrap().to_owned();
    let upload = reqwest::Client::new().put(&session).body("{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(upload.send().await.unwrap().status(), 200);
    let bigquery = suite.bigquery_address;
    let dataset = json!({ "datasetReference": { "datasetId": "d" }, "location": "US" });
    ok(bigquery, "POST", "/bigquery/v2/projects/any/datasets", dataset).await;
    let job = json!({ "jobReference": { "jobId": "load", "location": "US" }, "configuration": { "load": {
        "sourceUris": ["gs://files/bq load/12:30.json"], "sourceFormat": "NEWLINE_DELIMITED_JSON",
        "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
        "destinationTable": { "projectId": "any", "datasetId": "d", "tableId": "t" },
    } } });
    ok(bigquery, "POST", "/bigquery/v2/projects/any/jobs?alt=json", job).await;
    let job = loop {
        let path = "/bigquery/v2/projects/any/jobs/load?location=US&alt=json";
        let job = ok(bigquery, "GET", path, Value::Null).await;
        if job["status"]["state"] == "DONE" {
            break job;
        }
    };
    assert_eq!(job["status"].get("errorResult"), None, "{job}");
    assert_eq!(job["statistics"]["load"]["outputRows"], "2");
    let table =
        ok(bigquery, "GET", "/bigquery/v2/projects/any/datasets/d/tables/t?alt=json", Value::Null);
    assert_eq!(table.await["numRows"], "2");
    suite.shutdown().await;
}

/// pandas and Airflow upload the file with its job, and ask for a result's rows by page after a first
/// answer without any.
#[tokio::test]
async fn an_upload_of_any_type_is_loaded_and_its_rows_come_by_page() {
    let suite = start().await;
    let bigquery = suite.bigquery_address;
    let dataset = json!({ "datasetReference": { "datasetId": "d" } });
    ok(bigquery, "POST", "/bigquery/v2/projects/any/datasets", dataset).await;
    let job = json!({ "jobReference": { "jobId": "up" }, "configuration": { "load": {
        "sourceFormat": "CSV", "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
        "destinationTable": { "projectId": "any", "datasetId": "d", "tableId": "t" },
    } } });
    let body = format!(
        "--part\r\nContent-Type: application/json\r\n\r\n{job}\r\n--part\r\n\
         Content-Type: */*\r\n\r\n1\n2\n3\n\r\n--part--"
    );
    let url =
        format!("http://{bigquery}/upload/bigquery/v2/projects/any/jobs?uploadType=multipart");
    let request = reqwest::Client::new()
        .post(url)
        .header("content-type", "multipart/related; boundary=\"part\"")
        .body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let query =
        json!({ "query": "SELECT n FROM d.t ORDER BY n", "useLegacySql": false, "maxResults": 0 });
    let answer = ok(bigquery, "POST", "/bigquery/v2/projects/any/queries", query).await;
    assert_eq!((answer.get("rows"), &answer["totalRows"]), (None, &json!("3")));
    let id = answer["jobReference"]["jobId"].as_str().unwrap();
    let mut path = format!("/bigquery/v2/projects/any/queries/{id}?location=US&maxResults=2");
    let mut numbers = Vec::new();
    loop {
        let page = ok(bigquery, "GET", &path, Value::Null).await;
        numbers.extend(page["rows"].as_array().unwrap().iter().map(|row| row["f"][0]["v"].clone()));
        let Some(token) = page["pageToken"].as_str() else { break };
        path = format!(
            "/bigquery/v2/projects/any/queries/{id}?location=US&maxResults=2&pageToken={token}"
        );
    }
    assert_eq!(numbers, [json!("1"), json!("2"), json!("3")]);
    suite.shutdown().await;
}

/// `_PARTITIONTIME` is a column of tables that are partitioned by ingestion alone.
#[tokio::test]
async fn a_table_partitioned_by_a_column_has_no_partition_time() {
    let suite = start().await;
    let bigquery = suite.bigquery_address;
    let dataset = json!({ "datasetReference": { "datasetId": "d" } });
    ok(bigquery, "POST", "/bigquery/v2/projects/any/datasets", dataset).await;
    for (name, partitioning, expected) in [
        ("by_column", json!({ "type": "DAY", "field": "made" }), 400),
        ("by_ingestion", json!({ "type": "DAY" }), 200),
    ] {
        let table = json!({
            "tableReference": { "projectId": "any", "datasetId": "d", "tableId": name },
            "schema": { "fields": [{ "name": "made", "type": "TIMESTAMP" }] },
            "timePartitioning": partitioning,
        });
        ok(bigquery, "POST", "/bigquery/v2/projects/any/datasets/d/tables", table).await;
        let query = json!({
            "query": format!("SELECT made FROM d.{name} WHERE _PARTITIONTIME > '2024-01-01'"),
            "useLegacySql": false,
        });
        let answer = send(bigquery, "POST", "/bigquery/v2/projects/any/queries", query).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(status, expected, "{name}: {text}");
        assert_eq!(text.contains("Unrecognized name: _PARTITIONTIME"), expected == 400, "{text}");
    }
    suite.shutdown().await;
}

/// Any project may ask, and none finds what it has not made.
#[tokio::test]
async fn a_project_that_was_never_seen_has_nothing() {
    let suite = start().await;
    let lists = [
        (suite.pubsub_address, "/v1/projects/new/topics", "topics"),
        (suite.pubsub_address, "/v1/projects/new/subscriptions", "subscriptions"),
        (suite.storage_address, "/storage/v1/b?project=new", "items"),
        (suite.bigquery_address, "/bigquery/v2/projects/new/datasets", "datasets"),
        (suite.bigquery_address, "/bigquery/v2/projects/new/jobs", "jobs"),
    ];
    for (address, path, items) in lists {
        let listed = ok(address, "GET", path, Value::Null).await;
        assert!(listed[items].as_array().is_none_or(Vec::is_empty), "{path}: {listed}");
    }
    let missing = [
        (suite.pubsub_address, "/v1/projects/new/topics/t"),
        (suite.storage_address, "/storage/v1/b/never"),
        (suite.bigquery_address, "/bigquery/v2/projects/new/datasets/d"),
    ];
    for (address, path) in missing {
        assert_eq!(send(address, "GET", path, Value::Null).await.status(), 404, "{path}");
    }
    suite.shutdown().await;
}

//! Goal: everything around a query is as its clients expect it. Method: requests to the router of an
//! emulator whose texts are run by a stand-in, which knows a few words instead of SQL.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use windtunnel_sql::Value;

use super::super::{BigQueryEmulator, Shared};
use crate::jobs::{DmlCounts, JobError, QueryRequest, ScriptOutcome, StatementOutcome};
use crate::rows::values::batch_of_rows;
use crate::schema::{Field, FieldType, TableSchema};
use crate::table::TableId;

/// Knows `numbers N`, `column NAME`, `read TABLE`, `insert N`, `wrong`, and texts of these with `;`.
fn stand_in(shared: &Shared, request: &QueryRequest) -> Result<ScriptOutcome, JobError> {
    let texts: Vec<&str> = request.text.split(';').map(str::trim).collect();
    let statements = texts.iter().map(|text| statement(shared, request, text));
    Ok(ScriptOutcome {
        is_script: texts.len() > 1,
        statements: statements.collect::<Result<_, _>>()?,
    })
}

fn select(name: &str, rows: Vec<Value>) -> StatementOutcome {
    let schema = TableSchema { fields: vec![Field::new(name, FieldType::Int64)] };
    let rows: Vec<Vec<Value>> = rows.into_iter().map(|value| vec![value]).collect();
    StatementOutcome {
        statement_type: "SELECT".to_owned(),
        rows: Some(vec![batch_of_rows(&schema, &rows).unwrap()]),
        schema: Some(schema),
        is_deterministic: true,
        ..StatementOutcome::default()
    }
}

fn statement(
    shared: &Shared,
    request: &QueryRequest,
    text: &str,
) -> Result<StatementOutcome, JobError> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "numbers" => {
            let count: i64 = rest.parse().unwrap();
            let rows = if request.dry_run { 0 } else { count };
            Ok(select("n", (1..=rows).map(Value::Int64).collect()))
        }
        "column" => Ok(select(rest, vec![Value::Int64(7)])),
        "parameters" => {
            Ok(select("n", request.parameters.iter().map(|it| it.value.clone()).collect()))
        }
        "read" => {
            let (project, dataset) = request.default_dataset.clone().unwrap();
            let id = TableId::new(&project, &dataset, rest);
            let rows = shared.state().catalog.table(&id)?.row_count();
            let outcome = select("n", vec![Value::Int64(rows as i64)]);
            Ok(StatementOutcome { bytes_processed: 76, read: vec![id], ..outcome })
        }
        "insert" => Ok(StatementOutcome {
            statement_type: "INSERT".to_owned(),
            dml: Some(DmlCounts { inserted: rest.parse().unwrap(), ..DmlCounts::default() }),
            ..StatementOutcome::default()
        }),
        "wrong" => Err(JobError {
            reason: "invalidQuery",
            location: Some("query".to_owned()),
            message: "Syntax error: Unexpected end of script at [1:1]".to_owned(),
        }),
        _ => panic!("a bug: {text}"),
    }
}

fn emulator() -> BigQueryEmulator {
    let shared = Shared { run_query: stand_in, ..Shared::default() };
    let emulator = BigQueryEmulator { shared: Arc::new(shared) };
    emulator.create_dataset("p", "d").unwrap();
    emulator
}

async fn call(emulator: &BigQueryEmulator, method: &str, path: &str, body: Json) -> (u16, Json) {
    let uri = format!("/bigquery/v2/projects/p/{path}");
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder().method(method).uri(uri).body(body).unwrap();
    let response = emulator.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn ok(emulator: &BigQueryEmulator, method: &str, path: &str, body: Json) -> Json {
    let (status, answer) = call(emulator, method, path, body).await;
    assert!(status < 300, "{method} {path}: {status} {answer}");
    answer
}

async fn query(emulator: &BigQueryEmulator, text: &str, rest: Json) -> Json {
    let mut body = json!({ "query": text, "useLegacySql": false });
    for (name, value) in rest.as_object().unwrap() {
        body[name] = value.clone();
    }
    ok(emulator, "POST", "queries", body).await
}

fn id(answer: &Json) -> &str {
    answer["jobReference"]["jobId"].as_str().unwrap()
}

fn numbers(answer: &Json) -> Vec<i64> {
    let rows = answer["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["f"][0]["v"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_result_is_read_by_page() {
    let emulator = emulator();
    let first = query(&emulator, "numbers 5", json!({ "maxResults": 2 })).await;
    assert_eq!(numbers(&first), [1, 2]);
    assert_eq!((&first["totalRows"], &first["jobComplete"]), (&json!("5"), &json!(true)));
    let token = first["pageToken"].as_str().unwrap();
    let path = format!("queries/{}?maxResults=2&pageToken={token}&location=US", id(&first));
    let second = ok(&emulator, "GET", &path, Json::Null).await;
    assert_eq!(numbers(&second), [3, 4]);
    let path = format!("queries/{}?startIndex=4&timeoutMs=0", id(&first));
    let last = ok(&emulator, "GET", &path, Json::Null).await;
    assert_eq!((numbers(&last), last.get("pageToken")), (vec![5], None));
    let none = query(&emulator, "numbers 5", json!({ "maxResults": 0 })).await;
    assert_eq!((none.get("rows"), none["pageToken"].as_str()), (None, Some("0")));
    let empty = query(&emulator, "numbers 0", json!({})).await;
    assert_eq!((&empty["totalRows"], empty.get("pageToken")), (&json!("0"), None));
    assert_eq!(empty["schema"]["fields"][0]["name"], "n");
}

#[tokio::test]
async fn an_anonymous_result_is_a_table_that_lists_do_not_show() {
    let emulator = emulator();
    let body = json!({ "configuration": { "query": { "query": "numbers 3" } } });
    let job = ok(&emulator, "POST", "jobs", body).await;
    let table = &job["configuration"]["query"]["destinationTable"];
    let dataset = table["datasetId"].as_str().unwrap();
    assert!(dataset.starts_with('_'), "{dataset}");
    let path = format!("datasets/{dataset}/tables/{}/data", table["tableId"].as_str().unwrap());
    assert_eq!(numbers(&ok(&emulator, "GET", &path, Json::Null).await), [1, 2, 3]);
    let listed = ok(&emulator, "GET", "datasets", Json::Null).await;
    assert_eq!(listed["datasets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_an_http_error() {
    let emulator = emulator();
    let body = json!({ "configuration": { "query": { "query": "wrong" } } });
    for (path, body) in [("queries", json!({ "query": "wrong" })), ("jobs", body)] {
        let (status, answer) = call(&emulator, "POST", path, body).await;
        let error = &answer["error"]["errors"][0];
        assert_eq!((status, &error["reason"]), (400, &json!("invalidQuery")), "{answer}");
        assert_eq!(error["location"], "query");
    }
    let jobs = ok(&emulator, "GET", "jobs", Json::Null).await;
    assert_eq!(jobs["jobs"][0]["errorResult"]["reason"], "invalidQuery");
    let path = format!("queries/{}", id(&jobs["jobs"][0]));
    assert_eq!(call(&emulator, "GET", &path, Json::Null).await.0, 400);
    let (status, answer) = call(&emulator, "POST", "queries", json!({ "query": "bug" })).await;
    assert_eq!((status, &answer["error"]["errors"][0]["reason"]), (500, &json!("internalError")));
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let emulator = emulator();
    let query_part = json!({ "query": "numbers 3", "useLegacySql": false });
    let body = json!({ "configuration": { "dryRun": true, "query": query_part } });
    let job = ok(&emulator, "POST", "jobs", body).await;
    assert_eq!(job["jobReference"].get("jobId"), None);
    assert_eq!(job["status"]["state"], "DONE");
    let statistics = &job["statistics"]["query"];
    assert_eq!(statistics["schema"]["fields"][0]["name"], "n");
    assert_eq!(statistics["statementType"], "SELECT");
    let answer = query(&emulator, "numbers 3", json!({ "dryRun": true })).await;
    assert_eq!((&answer["jobComplete"], answer.get("rows")), (&json!(true), None));
    assert_eq!(ok(&emulator, "GET", "jobs", Json::Null).await.get("jobs"), None);
}

fn into(table: &str, rest: Json) -> Json {
    let destination = json!({ "projectId": "p", "datasetId": "d", "tableId": table });
    let mut out = json!({ "destinationTable": destination });
    for (name, value) in rest.as_object().unwrap() {
        out[name] = value.clone();
    }
    out
}

#[tokio::test]
async fn a_result_goes_into_its_table() {
    let emulator = emulator();
    query(&emulator, "numbers 1", into("t", json!({}))).await;
    let append = json!({ "writeDisposition": "WRITE_APPEND" });
    let all = query(&emulator, "numbers 2", into("t", append.clone())).await;
    assert_eq!(numbers(&all), [1, 1, 2], "the result is what the table holds then");
    let refuse = async |text: &str, rest: Json| {
        let mut body = into("t", rest);
        body["query"] = json!(text);
        let (status, answer) = call(&emulator, "POST", "queries", body).await;
        (status, answer["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    let refused = refuse("numbers 1", json!({})).await;
    assert_eq!(refused, (409, "Already Exists: Table p:d.t".to_owned()));
    let refused = refuse("column shape", append.clone()).await;
    let text = "Invalid schema update. Cannot add fields (field: shape)";
    assert_eq!(refused, (400, text.to_owned()));
    let mut widening = append;
    widening["schemaUpdateOptions"] = json!(["ALLOW_FIELD_ADDITION"]);
    let all = query(&emulator, "column shape", into("t", widening)).await;
    assert_eq!(all["rows"][3]["f"], json!([{ "v": null }, { "v": "7" }]));
    let never = json!({ "createDisposition": "CREATE_NEVER" });
    let mut body = into("nothing", never);
    body["query"] = json!("numbers 1");
    let (status, answer) = call(&emulator, "POST", "queries", body).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (404, &json!("Not found: Table p:d.nothing"))
    );
}

#[tokio::test]
async fn a_query_that_is_asked_again_is_not_run_again() {
    let emulator = emulator();
    let table = json!({ "tableReference": { "tableId": "t" }, "schema": { "fields": [
        { "name": "n", "type": "INTEGER" } ] } });
    ok(&emulator, "POST", "datasets/d/tables", table).await;
    let rest = json!({ "defaultDataset": { "datasetId": "d" } });
    let first = query(&emulator, "read t", rest.clone()).await;
    assert_eq!((&first["cacheHit"], &first["totalBytesProcessed"]), (&json!(false), &json!("76")));
    assert_eq!(first["totalBytesBilled"], "10485760");
    let again = query(&emulator, "read t", rest.clone()).await;
    assert_eq!((&again["cacheHit"], &again["totalBytesProcessed"]), (&json!(true), &json!("0")));
    let mut fresh = rest.clone();
    fresh["useQueryCache"] = json!(false);
    assert_eq!(query(&emulator, "read t", fresh).await["cacheHit"], false);
    let rows = json!({ "rows": [{ "json": { "n": 1 } }] });
    ok(&emulator, "POST", "datasets/d/tables/t/insertAll", rows).await;
    let changed = query(&emulator, "read t", rest).await;
    assert_eq!((numbers(&changed), &changed["cacheHit"]), (vec![1], &json!(false)));
    let request = json!({ "requestId": "once" });
    let first = query(&emulator, "numbers 1", request.clone()).await;
    let again = query(&emulator, "numbers 1", request).await;
    assert_eq!(id(&first), id(&again));
}

#[tokio::test]
async fn statements_of_a_script_are_jobs_of_their_own() {
    let emulator = emulator();
    let answer = query(&emulator, "insert 2; numbers 3", json!({})).await;
    assert_eq!((numbers(&answer), &answer["statementType"]), (vec![1, 2, 3], &json!("SCRIPT")));
    let parent = ok(&emulator, "GET", &format!("jobs/{}", id(&answer)), Json::Null).await;
    assert_eq!(parent["statistics"]["numChildJobs"], "2");
    let path = format!("jobs?projection=full&parentJobId={}", id(&answer));
    let children = ok(&emulator, "GET", &path, Json::Null).await;
    let types: Vec<&Json> = children["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["statistics"]["query"]["statementType"])
        .collect();
    assert_eq!(types, ["SELECT", "INSERT"]);
    let listed = ok(&emulator, "GET", "jobs", Json::Null).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn dml_says_what_it_did() {
    let emulator = emulator();
    let answer = query(&emulator, "insert 2", json!({})).await;
    assert_eq!(answer["numDmlAffectedRows"], "2");
    assert_eq!(answer["dmlStats"], json!({ "insertedRowCount": "2" }));
    assert_eq!((answer.get("totalRows"), answer.get("schema")), (None, None));
}

#[tokio::test]
async fn parameters_sessions_and_labels() {
    let emulator = emulator();
    let parameter = json!({ "name": "x", "parameterType": { "type": "INT64" },
        "parameterValue": { "value": 42 } });
    let rest = json!({ "parameterMode": "NAMED", "queryParameters": [parameter],
        "labels": { "team": "a" }, "createSession": true, "jobCreationMode": 2 });
    let answer = query(&emulator, "parameters", rest).await;
    assert_eq!(numbers(&answer), [42]);
    let job = ok(&emulator, "GET", &format!("jobs/{}", id(&answer)), Json::Null).await;
    let configuration = &job["configuration"];
    assert_eq!(configuration["labels"], json!({ "team": "a" }));
    let given = &configuration["query"]["queryParameters"][0]["parameterValue"]["value"];
    assert_eq!(given, "42");
    let session = &job["statistics"]["sessionInfo"]["sessionId"];
    assert_eq!(session, &answer["sessionInfo"]["sessionId"]);
    let property = json!([{ "key": "session_id", "value": session }]);
    let answer = query(&emulator, "numbers 1", json!({ "connectionProperties": property })).await;
    assert_eq!(&answer["sessionInfo"]["sessionId"], session);
}

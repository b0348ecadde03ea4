//! Jobs: their protocol, copies, snapshots and clones.

use serde_json::{Value, json};

use crate::client::Client;

fn table(name: &str) -> Value {
    json!({ "projectId": "p", "datasetId": "d", "tableId": name })
}

fn copy(from: &str, to: &str, rest: Value) -> Value {
    let mut copy = json!({ "sourceTable": table(from), "destinationTable": table(to) });
    for (name, value) in rest.as_object().unwrap() {
        copy[name] = value.clone();
    }
    json!({ "copy": copy })
}

async fn numbers(name: &str, numbers: &[i64]) -> Client {
    let client = Client::new();
    client.table(name, json!([{ "name": "n", "type": "INTEGER" }])).await;
    let rows: Vec<Value> = numbers.iter().map(|n| json!({ "n": n })).collect();
    client.insert(name, &rows).await;
    client
}

#[tokio::test]
async fn copies_follow_the_write_disposition() {
    let client = numbers("a", &[1, 2]).await;
    let job = client.job(copy("a", "b", json!({}))).await;
    assert_eq!(job["status"], json!({ "state": "DONE" }));
    assert_eq!(job["statistics"]["copy"]["copiedRows"], "2");
    let job = client.job(copy("a", "b", json!({}))).await;
    let error = json!({ "reason": "duplicate", "message": "Already Exists: Table p:d.b" });
    assert_eq!(job["status"]["errorResult"], error);
    client.job(copy("a", "b", json!({ "writeDisposition": "WRITE_APPEND" }))).await;
    assert_eq!(client.rows("b").await.len(), 4);
    client.job(copy("a", "b", json!({ "writeDisposition": "WRITE_TRUNCATE" }))).await;
    assert_eq!(client.rows("b").await.len(), 2);
    let job = client.job(copy("a", "c", json!({ "createDisposition": "CREATE_NEVER" }))).await;
    assert_eq!(job["status"]["errorResult"]["message"], "Not found: Table p:d.c");
}

#[tokio::test]
async fn snapshots_stay_and_clones_part_ways() {
    let client = numbers("a", &[1]).await;
    client.job(copy("a", "snapshot", json!({ "operationType": "SNAPSHOT" }))).await;
    client.job(copy("a", "clone", json!({ "operationType": "CLONE" }))).await;
    client.insert("a", &[json!({ "n": 2 })]).await;
    client.insert("clone", &[json!({ "n": 3 })]).await;
    assert_eq!(client.rows("snapshot").await, [json!(["1"])]);
    assert_eq!(client.rows("clone").await, [json!(["1"]), json!(["3"])]);
    let snapshot = client.ok("GET", "datasets/d/tables/snapshot", Value::Null).await;
    assert_eq!(snapshot["type"], "SNAPSHOT");
    assert_eq!(snapshot["snapshotDefinition"]["baseTableReference"]["tableId"], "a");
    let rows = json!({ "rows": [{ "json": { "n": 9 } }] });
    let path = "datasets/d/tables/snapshot/insertAll";
    assert_eq!(client.refused("POST", path, rows).await.0, 400);
}

#[tokio::test]
async fn jobs_are_got_listed_cancelled_and_deleted() {
    let client = numbers("a", &[1]).await;
    let configuration = copy("a", "b", json!({}));
    let body = json!({ "jobReference": { "jobId": "mine" }, "configuration": configuration });
    client.ok("POST", "jobs", body.clone()).await;
    let refused = client.refused("POST", "jobs", body).await;
    assert_eq!(refused, (409, "duplicate".into(), "Already Exists: Job p:US.mine".into()));
    let got = client.ok("GET", "jobs/mine?location=US", Value::Null).await;
    assert_eq!((&got["id"], &got["status"]["state"]), (&json!("p:US.mine"), &json!("DONE")));
    assert_eq!(got["configuration"]["jobType"], "COPY");
    client.job(copy("a", "c", json!({}))).await;
    let listed = client.ok("GET", "jobs?maxResults=1&stateFilter=done", Value::Null).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
    assert!(listed["nextPageToken"].is_string());
    let none = client.ok("GET", "jobs?stateFilter=running", Value::Null).await;
    assert_eq!(none.get("jobs"), None);
    let cancelled = client.ok("POST", "jobs/mine/cancel", Value::Null).await;
    assert_eq!(cancelled["kind"], "bigquery#jobCancelResponse");
    assert_eq!(client.ok("DELETE", "jobs/mine/delete", Value::Null).await, json!({}));
    let refused = client.refused("GET", "jobs/mine", Value::Null).await;
    assert_eq!(refused, (404, "notFound".into(), "Not found: Job p:US.mine".into()));
}

#[tokio::test]
async fn a_job_is_of_one_kind() {
    let client = Client::new();
    for configuration in [json!({}), json!({ "query": {}, "load": {} })] {
        let body = json!({ "configuration": configuration });
        let (status, reason, _) = client.refused("POST", "jobs", body).await;
        assert_eq!((status, reason.as_str()), (400, "invalid"));
    }
    let body = json!({ "configuration": { "query": { "query": "SELECT 1" } } });
    let body = {
        let mut body = body;
        let property = json!([{ "key": "session_id", "value": "none" }]);
        body["configuration"]["query"]["connectionProperties"] = property;
        body
    };
    let refused = client.refused("POST", "jobs", body).await;
    assert_eq!(refused, (400, "invalid".into(), "Invalid input session id.".into()));
}

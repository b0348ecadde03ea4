//! Recorded REST calls.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::client::Client;
use crate::records::{Names, compare, run_all, run_script};

/// Cases that pass; raise it when more do.
const PASSED_MIN: usize = 26;

#[tokio::test]
async fn rest_answers_are_the_recorded_ones() {
    run_all("http.jsonl", PASSED_MIN, run).await;
}

async fn run(client: &Client, case: &Value, names: &mut Names) -> Result<(), String> {
    if let Some(script) = case["setup"].as_str() {
        run_script(client, &names.fill(script)).await?;
    }
    for request in case["setup_requests"].as_array().into_iter().flatten() {
        let (status, answer) = send(client, case, request, names).await;
        if status >= 300 {
            return Err(format!("setup: {status} {answer}"));
        }
        names.capture(&request["capture"], &answer)?;
        if let Some(name) = request["await_job"].as_str() {
            let path = format!("jobs/{}", names.get(name));
            let job = client.ok("GET", &path, Value::Null).await;
            if job["status"]["state"] != "DONE" {
                return Err(format!("a job is not done: {job}"));
            }
        }
    }
    let (status, answer) = send(client, case, &case["request"], names).await;
    let expected = &case["expected_response"];
    if expected["http_status"] != status {
        return Err(format!("status {status}: {answer}"));
    }
    compare(&names.fill_all(&expected["body"]), &answer, "body")
}

async fn send(client: &Client, case: &Value, request: &Value, names: &Names) -> (u16, Value) {
    let mut builder = Request::builder()
        .method(request["method"].as_str().unwrap())
        .uri(names.fill(request["path"].as_str().unwrap()))
        .header("host", "localhost:9");
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        builder = builder.header(name, value.as_str().unwrap());
    }
    let body = match request["body_bin"].as_str() {
        Some(file) => names.fill(case[file.trim_end_matches(".bin")].as_str().unwrap()),
        None if request["body"].is_null() => String::new(),
        None => names.fill_all(&request["body"]).to_string(),
    };
    let (status, headers, answer) = client.send(builder.body(Body::from(body)).unwrap()).await;
    let is_json = headers.get("content-type").is_none_or(|it| it == "application/json");
    assert!(is_json, "{headers:?}");
    (status.as_u16(), answer)
}

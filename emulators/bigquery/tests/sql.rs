//! Goal: SQL over REST answers what the real service answered. Method: every recorded case runs against the
//! router, without sockets: setup, REST calls, the query as a job with its configuration, parameters and
//! caller; schema, rows, statistics and errors are compared.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "sql/compare.rs"]
mod compare;
#[path = "sql/service.rs"]
mod service;

use std::path::PathBuf;

use serde_json::Value;
use service::{Answer, Service};

/// Cases that must answer as recorded; raised as more do.
const PASSED_MIN: usize = 591;

fn data() -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folder = std::env::var_os("WINDTUNNEL_CONFORMANCE")
        .map_or(root.join("shared/conformance"), PathBuf::from);
    let file = folder.join("bigquery/sql.jsonl");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!(
                "CONFORMANCE DATA MISSING: {}: {error}; set WINDTUNNEL_CONFORMANCE",
                file.display()
            );
            None
        }
    }
}

async fn run(case: &Value) -> Result<(), String> {
    let service = Service::new();
    if let Some(setup) = case["setup"].as_str()
        && let Answer::Refused(error) = service.query(setup, &Value::Null, &Value::Null, None).await
    {
        return Err(format!("setup: {error}"));
    }
    for request in case["setup_rest"].as_array().into_iter().flatten() {
        service.rest(request).await?;
    }
    let query = case["query"].as_str().unwrap_or_default();
    let answer =
        service.query(query, &case["job_config"], &case["parameters"], case.get("headers")).await;
    compare::check(&answer, &case["expected"], query)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_cases_answer_as_recorded() {
    let Some(text) = data() else { return };
    let only = std::env::var("CASE").ok();
    let (mut passed, mut total, mut failures) = (0, 0, Vec::new());
    for line in text.lines() {
        let line = line
            .replace(": Infinity", ": \"Infinity\"")
            .replace(": -Infinity", ": \"-Infinity\"")
            .replace(": NaN", ": \"NaN\"");
        let case: Value = serde_json::from_str(&line).unwrap();
        let name = case["name"].as_str().unwrap_or_default().to_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        total += 1;
        match run(&case).await {
            Ok(()) => passed += 1,
            Err(reason) => failures.push(format!("{name}: {reason}")),
        }
    }
    println!("{passed} of {total} recorded cases of SQL answer as recorded");
    for failure in &failures {
        println!("  {failure}");
    }
    assert!(only.is_some() || passed >= PASSED_MIN, "{passed} of {total}");
}

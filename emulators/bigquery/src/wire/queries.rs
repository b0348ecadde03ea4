//! Queries over REST: `jobs.query` and `getQueryResults`, which both answer a page of the result.

use serde_json::{Map, Value, json};

use super::error::RestError;
use super::jobs::{dry_run, prepared, reference, start, wait};
use super::request::Call;
use super::tables::{check_format, page_of_rows};
use crate::jobs::{Job, JobKey, QueryResult, State};
use crate::limits::{PAGE_ROWS, PAGE_ROWS_MAX, QUERY_WAIT_MILLIS, QUERY_WAIT_MILLIS_MAX};

/// What of a query request belongs to the job's configuration, beside the query's own.
const OF_JOB: &[&str] = &["labels", "dryRun", "jobTimeoutMs", "maxSlots", "reservation"];
/// What belongs to the answer.
const OF_ANSWER: &[&str] = &[
    "kind",
    "maxResults",
    "timeoutMs",
    "location",
    "formatOptions",
    "requestId",
    "jobCreationMode",
    "preserveNulls",
];

/// Which page of a result, and how long to wait for it.
struct Page {
    from: usize,
    count: usize,
    int64_timestamps: bool,
    wait_millis: u64,
}

/// `jobs.query`.
pub(super) async fn query(call: &Call, project: &str) -> Result<Value, RestError> {
    let body = call.json()?;
    check_format(body["formatOptions"]["timestampOutputFormat"].as_str())?;
    let configuration = prepared(&configuration_of(&body))?;
    if configuration["dryRun"].as_bool().unwrap_or(false) {
        return dry_answer(call, project, configuration);
    }
    let number = |name: &str| {
        let value = &body[name];
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let page = Page {
        from: 0,
        count: number("maxResults").map_or(PAGE_ROWS, |it| it as usize).min(PAGE_ROWS_MAX),
        int64_timestamps: body["formatOptions"]["useInt64Timestamp"].as_bool().unwrap_or(false),
        wait_millis: number("timeoutMs").unwrap_or(QUERY_WAIT_MILLIS).min(QUERY_WAIT_MILLIS_MAX),
    };
    let request = body["requestId"].as_str().filter(|id| !id.is_empty());
    let known = request.and_then(|request| call.shared.state().jobs.by_request(project, request));
    let key = match known {
        Some(key) => key,
        None => {
            let mut state = call.shared.state();
            let caller = call.caller();
            let key = state.jobs.create(project, None, configuration, caller, None, call.now)?;
            if let Some(request) = request {
                state.jobs.remember_request(project, request, key.clone());
            }
            drop(state);
            start(&call.shared, &key);
            key
        }
    };
    let mut out = answer(call, &key, &page).await?;
    out["kind"] = json!("bigquery#queryResponse");
    out["queryId"] = json!(key.id);
    out["location"] = json!("US");
    out["jobCreationReason"] = json!({ "code": "REQUESTED" });
    if let Some(fields) = out.as_object_mut() {
        fields.remove("etag");
    }
    Ok(out)
}

/// `getQueryResults`.
pub(super) async fn results(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let key = JobKey { project: project.to_owned(), id: id.to_owned() };
    let from = match call.query.get("pageToken") {
        Some(token) => {
            token.parse().map_err(|_| RestError::invalid(format!("Invalid page token {token}")))?
        }
        None => call.query.number("startIndex")?.unwrap_or(0),
    };
    check_format(call.query.get("formatOptions.timestampOutputFormat"))?;
    let wait_millis = call.query.number("timeoutMs")?.map(|millis| millis as u64);
    let page = Page {
        from,
        count: call.query.number("maxResults")?.unwrap_or(PAGE_ROWS).min(PAGE_ROWS_MAX),
        int64_timestamps: call.query.flag("formatOptions.useInt64Timestamp"),
        wait_millis: wait_millis.unwrap_or(QUERY_WAIT_MILLIS).min(QUERY_WAIT_MILLIS_MAX),
    };
    let mut out = answer(call, &key, &page).await?;
    if let Some(fields) = out.as_object_mut() {
        for of_query in ["creationTime", "startTime", "endTime", "totalBytesBilled"] {
            fields.remove(of_query);
        }
    }
    Ok(out)
}

/// A query request's body as a job's configuration.
fn configuration_of(body: &Value) -> Value {
    let mut query = Map::new();
    let mut out = Map::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        if OF_JOB.contains(&name.as_str()) {
            out.insert(name.clone(), value.clone());
        } else if !OF_ANSWER.contains(&name.as_str()) {
            query.insert(name.clone(), value.clone());
        }
    }
    out.insert("query".to_owned(), Value::Object(query));
    Value::Object(out)
}

fn dry_answer(call: &Call, project: &str, configuration: Value) -> Result<Value, RestError> {
    let (job, _) = dry_run(call, project, configuration)?;
    let query = &job["statistics"]["query"];
    let mut out = json!({
        "kind": "bigquery#queryResponse",
        "jobReference": job["jobReference"],
        "jobComplete": true,
        "cacheHit": false,
        "location": "US",
        "totalBytesProcessed": query["totalBytesProcessed"],
        "statementType": query["statementType"],
    });
    if !query["schema"].is_null() {
        out["schema"] = query["schema"].clone();
    }
    Ok(out)
}

async fn answer(call: &Call, key: &JobKey, page: &Page) -> Result<Value, RestError> {
    wait(&call.shared, key, page.wait_millis).await;
    // Turning rows into JSON needs no lock: batches are shared.
    let (mut out, result) = {
        let state = call.shared.state();
        let job = state.jobs.get(key)?;
        if job.configuration.get("query").is_none() {
            return Err(RestError::invalid(format!("Job {} is not a query job", key.id)));
        }
        if let Some(error) = &job.error {
            return Err(error.clone().into());
        }
        (frame(job), job.result.clone())
    };
    let Some(result) = result else { return Ok(out) };
    fill(&mut out, &result, page);
    Ok(out)
}

/// What every answer has, whether the job is done or not.
fn frame(job: &Job) -> Value {
    let mut out = json!({
        "kind": "bigquery#getQueryResultsResponse",
        "etag": job.etag(),
        "jobReference": reference(&job.key),
        "jobComplete": job.state == State::Done,
        "creationTime": (job.created_at / 1_000).to_string(),
    });
    if let Some(at) = job.started_at {
        out["startTime"] = json!((at / 1_000).to_string());
    }
    if let Some(at) = job.ended_at {
        out["endTime"] = json!((at / 1_000).to_string());
    }
    out
}

fn fill(out: &mut Value, result: &QueryResult, page: &Page) {
    out["cacheHit"] = json!(result.cache_hit);
    out["totalBytesProcessed"] = json!(result.bytes_processed.to_string());
    out["totalBytesBilled"] = json!(result.bytes_billed.to_string());
    if !result.statement_type.is_empty() {
        out["statementType"] = json!(result.statement_type);
    }
    if let Some(schema) = &result.schema {
        out["schema"] = schema.to_json();
    }
    if let Some(session) = &result.session {
        out["sessionInfo"] = json!({ "sessionId": session });
    }
    if let Some(dml) = result.dml {
        out["numDmlAffectedRows"] = json!(dml.total().to_string());
        out["dmlStats"] = crate::jobs::dml_json(dml);
    }
    let (Some(schema), Some(batches)) = (&result.schema, &result.rows) else { return };
    let total: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    out["totalRows"] = json!(total.to_string());
    let rows = page_of_rows(batches, schema, page.from, page.count, page.int64_timestamps);
    let end = page.from.saturating_add(rows.len());
    if !rows.is_empty() {
        out["rows"] = Value::Array(rows);
    }
    if end < total {
        out["pageToken"] = json!(end.to_string());
    }
}

//! Jobs over REST: insert, get, list, cancel, delete. A job runs on a blocking thread; its first answer
//! waits a while, so that short jobs are done in it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::Shared;
use super::error::{RestError, job_error_json};
use super::request::Call;
use crate::jobs::{
    self, Caller, Finished, Job, JobError, JobKey, State, Task, given_back, kind_of,
};
use crate::limits::INSERT_WAIT_MILLIS;

/// `jobs.insert`, also behind an upload.
pub(super) async fn insert(
    call: &Call,
    project: &str,
    body: &Value,
    content: Option<Bytes>,
) -> Result<Value, RestError> {
    let configuration = prepared(&body["configuration"])?;
    if configuration["dryRun"].as_bool().unwrap_or(false) {
        return dry_run(call, project, configuration).map(|(job, _)| job);
    }
    let reference = &body["jobReference"];
    let id = reference["jobId"].as_str().filter(|id| !id.is_empty());
    let project = reference["projectId"].as_str().filter(|it| !it.is_empty()).unwrap_or(project);
    let key = call.shared.state().jobs.create(
        project,
        id,
        configuration,
        call.caller(),
        content,
        call.now,
    )?;
    start(&call.shared, &key);
    wait(&call.shared, &key, INSERT_WAIT_MILLIS).await;
    let state = call.shared.state();
    let job = state.jobs.get(&key)?;
    // What is wrong with a query is the answer to its request; a load's errors are read from its status.
    match &job.error {
        Some(error) if job.configuration.get("query").is_some() => Err(error.clone().into()),
        Some(error) if error.reason == "notImplemented" => Err(error.clone().into()),
        _ => Ok(resource(call, job, true)),
    }
}

/// Fills in what every configuration has.
pub(super) fn prepared(configuration: &Value) -> Result<Value, RestError> {
    let kind = kind_of(configuration).ok_or_else(|| {
        RestError::invalid("Job configuration must contain exactly one job-specific field")
    })?;
    let mut out = configuration.clone();
    out["jobType"] = json!(kind.to_uppercase());
    if kind == "query" {
        let query = &mut out["query"];
        if query["priority"].is_null() {
            query["priority"] = json!("INTERACTIVE");
        }
        if query["useLegacySql"].is_null() {
            query["useLegacySql"] = json!(false);
        }
        if !query["queryParameters"].is_null() {
            query["queryParameters"] = given_back(&query["queryParameters"]);
        }
    }
    // Nulls that clients write out are as if they were not there.
    strip_nulls(&mut out, 0);
    Ok(out)
}

fn strip_nulls(value: &mut Value, depth: usize) {
    if depth > 2 {
        return;
    }
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(|value| strip_nulls(value, depth + 1));
    }
}

/// Answers a dry run: a job that is done and that nobody can ask for.
pub(super) fn dry_run(
    call: &Call,
    project: &str,
    configuration: Value,
) -> Result<(Value, Finished), RestError> {
    if kind_of(&configuration) != Some("query") {
        return Err(RestError::invalid("Dry run is only supported for query jobs"));
    }
    let caller = call.caller();
    let mut jobs = jobs::Jobs::default();
    let key = jobs.create(project, Some("dry_run"), configuration, caller, None, call.now)?;
    let task: Task = jobs.start(&key, call.now).ok_or_else(|| RestError::invalid("not a job"))?;
    let finished = jobs::dry_run(&call.shared, &task)?;
    let statistics = finished.statistics.clone();
    jobs.finish(
        &key,
        Ok(Finished {
            statistics: finished.statistics.clone(),
            configuration: finished.configuration.clone(),
            ..Finished::default()
        }),
        call.now,
    );
    let mut job = resource(call, jobs.get(&key)?, true);
    job["id"] = json!(format!("{project}:US."));
    job["selfLink"] = json!(call.link(&format!("projects/{project}/jobs/?location=US")));
    job["jobReference"] = json!({ "projectId": project, "location": "US" });
    if let Some(shown) = job["statistics"].as_object_mut() {
        shown.remove("startTime");
    }
    Ok((job, Finished { statistics, ..finished }))
}

/// Runs a job in the background; a bug in it is its error.
pub(super) fn start(shared: &Arc<Shared>, key: &JobKey) {
    let (shared, key) = (Arc::clone(shared), key.clone());
    tokio::spawn(async move {
        let ran = {
            let (shared, key) = (Arc::clone(&shared), key.clone());
            tokio::task::spawn_blocking(move || jobs::run(&shared, &key)).await
        };
        if ran.is_err() {
            let text = "An internal error occurred and the request could not be completed.";
            shared.finish(&key, Err(JobError::new("internalError", text)));
        }
    });
}

/// Waits for a job's end, but not longer than this; answers whether it is done.
pub(super) async fn wait(shared: &Shared, key: &JobKey, millis: u64) -> bool {
    let is_done = || shared.state().jobs.get(key).is_ok_and(|job| job.state == State::Done);
    let ended = async {
        loop {
            let changed = shared.jobs_changed.notified();
            tokio::pin!(changed);
            // From here on no end is missed.
            changed.as_mut().enable();
            if is_done() {
                return;
            }
            changed.await;
        }
    };
    let _ended_or_not = tokio::time::timeout(Duration::from_millis(millis), ended).await;
    is_done()
}

pub(super) fn get(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let key = JobKey { project: project.to_owned(), id: id.to_owned() };
    Ok(resource(call, call.shared.state().jobs.get(&key)?, true))
}

pub(super) fn cancel(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let key = JobKey { project: project.to_owned(), id: id.to_owned() };
    let mut state = call.shared.state();
    let job = state.jobs.cancel(&key, call.now)?;
    Ok(json!({ "kind": "bigquery#jobCancelResponse", "job": resource(call, job, true) }))
}

pub(super) fn delete(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let key = JobKey { project: project.to_owned(), id: id.to_owned() };
    call.shared.state().jobs.delete(&key)?;
    Ok(json!({}))
}

pub(super) fn list(call: &Call, project: &str) -> Result<Value, RestError> {
    let states: Vec<String> = call.query.all("stateFilter").map(str::to_ascii_uppercase).collect();
    let parent = call.query.get("parentJobId");
    let number = |name: &str| call.query.number(name).map(|it| it.map(|it| it as i64 * 1_000));
    let (from, to) = (number("minCreationTime")?, number("maxCreationTime")?);
    let whole = call.query.get("projection").is_some_and(|it| it.eq_ignore_ascii_case("full"));
    let state = call.shared.state();
    let wanted = |job: &&Job| {
        (states.is_empty() || states.iter().any(|name| name == job.state.name()))
            && job.parent.as_deref() == parent
            && from.is_none_or(|from| job.created_at >= from)
            && to.is_none_or(|to| job.created_at <= to)
    };
    let jobs: Vec<&Job> = state.jobs.list(project).filter(wanted).collect();
    let (page, next) = call.query.page(jobs)?;
    let entry = |job: &Job| {
        let mut out = resource(call, job, whole);
        out["state"] = json!(job.state.name());
        if let Some(error) = &job.error {
            out["errorResult"] = job_error_json(error);
        }
        out
    };
    let jobs: Vec<Value> = page.into_iter().map(entry).collect();
    let mut out = json!({ "kind": "bigquery#jobList", "etag": format!("{:x}", jobs.len()) });
    if !jobs.is_empty() {
        out["jobs"] = Value::Array(jobs);
    }
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(out)
}

/// `{"projectId", "jobId", "location"}`.
pub(super) fn reference(key: &JobKey) -> Value {
    json!({ "projectId": key.project, "jobId": key.id, "location": "US" })
}

fn resource(call: &Call, job: &Job, whole: bool) -> Value {
    let JobKey { project, id } = &job.key;
    let mut status = json!({ "state": job.state.name() });
    if let Some(error) = &job.error {
        status["errorResult"] = job_error_json(error);
    }
    if !job.errors.is_empty() {
        status["errors"] = job.errors.iter().map(job_error_json).collect();
    }
    let mut out = json!({
        "kind": "bigquery#job",
        "id": format!("{project}:US.{id}"),
        "jobReference": reference(&job.key),
        "status": status,
        "statistics": statistics(job),
        "user_email": job.caller.email(),
        "principal_subject": principal(&job.caller),
    });
    if whole {
        out["etag"] = json!(job.etag());
        out["selfLink"] = json!(call.link(&format!("projects/{project}/jobs/{id}?location=US")));
        out["configuration"] = job.configuration.clone();
        out["jobCreationReason"] = json!({ "code": "REQUESTED" });
    }
    out
}

fn principal(caller: &Caller) -> String {
    match caller.principal.contains(':') {
        true => caller.principal.clone(),
        false => format!("user:{}", caller.principal),
    }
}

fn statistics(job: &Job) -> Value {
    let millis = |micros: i64| json!((micros / 1_000).to_string());
    let mut out: Map<String, Value> = job.statistics.as_object().cloned().unwrap_or_default();
    out.insert("creationTime".to_owned(), millis(job.created_at));
    if let Some(at) = job.started_at {
        out.insert("startTime".to_owned(), millis(at));
    }
    if let Some(at) = job.ended_at {
        out.insert("endTime".to_owned(), millis(at));
    }
    if ["load", "extract"].iter().any(|kind| job.configuration.get(kind).is_some()) {
        // They run in the pool that everybody shares.
        out.insert("reservation_id".to_owned(), json!("default-pipeline"));
    }
    if let Some(parent) = &job.parent {
        out.insert("parentJobId".to_owned(), json!(parent));
    }
    if job.children > 0 {
        out.insert("numChildJobs".to_owned(), json!(job.children.to_string()));
    }
    Value::Object(out)
}

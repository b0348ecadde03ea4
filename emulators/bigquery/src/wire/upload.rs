//! Uploads of load jobs: multipart (job and file in one body) and resumable (the job first, the file in
//! chunks). Rules: "Upload types" of Google's API documentation, as its clients use them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::error::RestError;
use super::jobs;
use super::multipart::{boundary, parts};
use super::request::Call;
use crate::jobs::kind_of;
use crate::limits::{REQUEST_BYTES_MAX, UPLOADS_MAX};

/// Resumable uploads that are under way, by id.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    uploads: BTreeMap<u64, Upload>,
    next: u64,
}

#[derive(Debug, Clone)]
struct Upload {
    project: String,
    job: Value,
    taken: BytesMut,
}

pub(super) async fn handle(call: &Call, project: &str) -> Result<Response, RestError> {
    if let Some(id) = call.query.get("upload_id") {
        return match call.method.as_str() {
            "PUT" | "POST" => chunk(call, id).await,
            "DELETE" => {
                let id = upload_id(id)?;
                let mut state = call.shared.state();
                state.uploads.uploads.remove(&id).ok_or_else(|| no_such(call))?;
                // What Google answers to a cancelled upload (documented).
                Ok(StatusCode::from_u16(499).unwrap_or(StatusCode::NO_CONTENT).into_response())
            }
            _ => Err(RestError::unimplemented(&format!("{} of an upload", call.method))),
        };
    }
    match (call.method.as_str(), call.query.get("uploadType")) {
        ("POST", Some("multipart")) => multipart(call, project).await,
        ("POST", Some("resumable")) => begin(call, project),
        ("POST", Some(other)) => {
            Err(RestError::invalid(format!("Invalid value for uploadType: {other}")))
        }
        ("POST", None) => Err(RestError::invalid("Required parameter is missing: uploadType")),
        _ => Err(RestError::unimplemented(&format!("{} of an upload", call.method))),
    }
}

async fn multipart(call: &Call, project: &str) -> Result<Response, RestError> {
    let malformed = || RestError::invalid("Malformed multipart body.");
    let header = call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if !header.to_ascii_lowercase().starts_with("multipart/") {
        let text = format!("Invalid Content-Type of a multipart upload: {header}");
        return Err(RestError::invalid(text));
    }
    let boundary = boundary(header).ok_or_else(malformed)?;
    let body = call.plain_body()?;
    let found = parts(&body, &boundary).ok_or_else(malformed)?;
    let [job, file] = &found[..] else { return Err(malformed()) };
    let job = parsed(&body[job.clone()])?;
    run(call, project, &job, body.slice(file.clone())).await
}

fn parsed(job: &[u8]) -> Result<Value, RestError> {
    let job: Value = serde_json::from_slice(job)
        .map_err(|error| RestError::invalid(format!("Invalid JSON payload received. {error}")))?;
    if kind_of(&job["configuration"]) != Some("load") {
        return Err(RestError::invalid("Only load jobs take an upload"));
    }
    Ok(job)
}

async fn run(call: &Call, project: &str, job: &Value, file: Bytes) -> Result<Response, RestError> {
    let mut job = job.clone();
    // An upload has no sources of its own.
    job["configuration"]["load"]["sourceUris"] = Value::Array(Vec::new());
    let answer = jobs::insert(call, project, &job, Some(file)).await?;
    Ok(axum::Json(answer).into_response())
}

fn begin(call: &Call, project: &str) -> Result<Response, RestError> {
    let job = parsed(&call.plain_body()?)?;
    let mut state = call.shared.state();
    let Uploads { uploads, next } = &mut state.uploads;
    *next += 1;
    let id = *next;
    if uploads.len() >= UPLOADS_MAX {
        uploads.pop_first();
    }
    uploads.insert(id, Upload { project: project.to_owned(), job, taken: BytesMut::new() });
    let location = format!(
        "{}/upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable&upload_id={id:016x}",
        call.base_url()
    );
    Ok((StatusCode::OK, [(LOCATION, location)]).into_response())
}

/// Takes a chunk; bytes that were taken before are passed over. The last one runs the job.
async fn chunk(call: &Call, id: &str) -> Result<Response, RestError> {
    let id = upload_id(id)?;
    let range = match call.header(CONTENT_RANGE.as_str()) {
        Some(header) => ContentRange::parse(header)
            .ok_or_else(|| RestError::invalid(format!("Invalid Content-Range: {header}")))?,
        None => ContentRange { offset: Some(0), total: Some(call.body.len()) },
    };
    let upload = {
        let mut state = call.shared.state();
        let uploads = &mut state.uploads.uploads;
        let upload = uploads.get_mut(&id).ok_or_else(|| no_such(call))?;
        if let Some(offset) = range.offset {
            let taken = upload.taken.len();
            if offset > taken {
                let text =
                    format!("Invalid request: the chunk begins at {offset}, {taken} expected.");
                return Err(RestError::invalid(text));
            }
            let new = call.body.get(taken - offset..).unwrap_or_default();
            if taken + new.len() > REQUEST_BYTES_MAX {
                uploads.remove(&id);
                return Err(RestError::invalid("The upload is too large"));
            }
            upload.taken.extend_from_slice(new);
        }
        if range.total != Some(upload.taken.len()) {
            return Ok(incomplete(upload.taken.len()));
        }
        uploads.remove(&id).ok_or_else(|| no_such(call))?
    };
    run(call, &upload.project, &upload.job, upload.taken.freeze()).await
}

fn incomplete(taken: usize) -> Response {
    match taken.checked_sub(1) {
        None => StatusCode::PERMANENT_REDIRECT.into_response(),
        Some(last) => {
            let range = format!("bytes=0-{last}");
            (StatusCode::PERMANENT_REDIRECT, [(RANGE, range)]).into_response()
        }
    }
}

fn upload_id(text: &str) -> Result<u64, RestError> {
    // An id of another form was never given out.
    u64::from_str_radix(text, 16).map_err(|_| RestError::not_found("No such upload session"))
}

fn no_such(_: &Call) -> RestError {
    RestError::not_found("No such upload session")
}

/// `bytes 0-99/200`, `bytes 0-99/*`, or without a range (`bytes */200`), which asks for the state.
#[derive(Debug, PartialEq, Eq)]
struct ContentRange {
    offset: Option<usize>,
    total: Option<usize>,
}

impl ContentRange {
    fn parse(header: &str) -> Option<Self> {
        let (range, total) = header.strip_prefix("bytes")?.trim_start().split_once('/')?;
        let total = match total {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let offset = match range {
            "*" => None,
            range => Some(range.split_once('-')?.0.parse().ok()?),
        };
        Some(Self { offset, total })
    }
}

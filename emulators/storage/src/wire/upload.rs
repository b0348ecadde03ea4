//! Uploads: media (one body), multipart (metadata and body), resumable (a session of chunks).

use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Shared;
use super::json::{self, spec_from};
use super::multipart::{boundary, parts};
use super::request::Query;
use super::rest::{Call, ok};
use crate::broker::{BrokerError, ChunkOutcome, ObjectSpec, UploadId};
use crate::clock::now_micros;

pub(super) fn handle(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    query: &Query,
    bucket: &str,
) -> Result<Response, BrokerError> {
    match (call.method.as_str(), query.get("uploadType"), query.get("upload_id")) {
        ("PUT", _, Some(id)) => chunk(shared, call, id, bucket),
        ("DELETE", _, Some(id)) => {
            shared.broker().cancel_upload(upload_id(id)?)?;
            // What the service answers to a cancelled upload (documented).
            Ok(StatusCode::from_u16(499).unwrap_or(StatusCode::NO_CONTENT).into_response())
        }
        ("POST", Some("media"), _) => {
            let content_type = call.header(CONTENT_TYPE.as_str()).map(str::to_owned);
            let spec = ObjectSpec { content_type, ..ObjectSpec::default() };
            put(shared, query, bucket, spec, call.body.clone())
        }
        ("POST", Some("multipart"), _) => multipart(shared, call, query, bucket),
        ("POST", Some("resumable"), _) => start(shared, call, query, bucket),
        _ => Err(call.unknown()),
    }
}

fn put(
    shared: &Shared,
    query: &Query,
    bucket: &str,
    mut spec: ObjectSpec,
    content: bytes::Bytes,
) -> Result<Response, BrokerError> {
    if let Some(name) = query.get("name") {
        name.clone_into(&mut spec.name);
    }
    let conditions = query.preconditions()?;
    let mut broker = shared.broker();
    let object = broker.put(bucket, spec, content, conditions, now_micros())?;
    Ok(ok(json::object(bucket, object, &shared.base_url)))
}

fn multipart(
    shared: &Shared,
    call: &Call<'_>,
    query: &Query,
    bucket: &str,
) -> Result<Response, BrokerError> {
    let malformed = || BrokerError::Invalid("Malformed multipart body.".to_owned());
    let header = call.header(CONTENT_TYPE.as_str()).ok_or_else(malformed)?;
    let boundary = boundary(header).ok_or_else(malformed)?;
    let parts = parts(&call.body, &boundary).ok_or_else(malformed)?;
    let [metadata, media, rest @ ..] = &parts[..] else { return Err(malformed()) };
    let mut spec = spec_from(&call.body[metadata.content.clone()])?;
    if let [trailing] = rest {
        let trailing = spec_from(&call.body[trailing.content.clone()])?;
        spec.crc32c = spec.crc32c.or(trailing.crc32c);
        spec.md5 = spec.md5.or(trailing.md5);
    }
    let media_type = media.header("content-type").filter(|text| *text != "*/*");
    spec.content_type = spec.content_type.or_else(|| media_type.map(str::to_owned));
    put(shared, query, bucket, spec, call.body.slice(media.content.clone()))
}

fn start(
    shared: &Shared,
    call: &Call<'_>,
    query: &Query,
    bucket: &str,
) -> Result<Response, BrokerError> {
    let mut spec = spec_from(&call.body)?;
    if let Some(name) = query.get("name") {
        name.clone_into(&mut spec.name);
    }
    if spec.content_type.is_none() {
        spec.content_type = call.header("x-upload-content-type").map(str::to_owned);
    }
    let UploadId(id) = shared.broker().start_upload(bucket, spec, query.preconditions()?)?;
    let location = format!(
        "{}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id:016x}",
        shared.base_url
    );
    Ok((StatusCode::OK, [(LOCATION, location)]).into_response())
}

fn chunk(
    shared: &Shared,
    call: &Call<'_>,
    id: &str,
    bucket: &str,
) -> Result<Response, BrokerError> {
    let range = match call.header("content-range") {
        Some(header) => ContentRange::parse(header)
            .ok_or_else(|| BrokerError::Invalid(format!("Invalid Content-Range: {header}")))?,
        None => ContentRange { offset: Some(0), total: Some(call.body.len()) },
    };
    let trailing = ObjectSpec { crc32c: hash_header(&call.headers), ..ObjectSpec::default() };
    let mut broker = shared.broker();
    let outcome = broker.upload_chunk(
        upload_id(id)?,
        range.offset,
        &call.body,
        range.total,
        &trailing,
        now_micros(),
    )?;
    Ok(match outcome {
        ChunkOutcome::Finished(object) => ok(json::object(bucket, object, &shared.base_url)),
        ChunkOutcome::Incomplete(0) => StatusCode::PERMANENT_REDIRECT.into_response(),
        ChunkOutcome::Incomplete(taken) => {
            let range = format!("bytes=0-{}", taken - 1);
            (StatusCode::PERMANENT_REDIRECT, [(RANGE, range)]).into_response()
        }
    })
}

fn upload_id(text: &str) -> Result<UploadId, BrokerError> {
    u64::from_str_radix(text, 16).map(UploadId).map_err(|_| BrokerError::UploadNotFound)
}

/// `x-goog-hash: crc32c=…`, as it comes with the last chunk.
fn hash_header(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get("x-goog-hash")?.to_str().ok()?;
    let encoded = value.split(',').find_map(|part| part.trim().strip_prefix("crc32c="))?;
    Some(u32::from_be_bytes(STANDARD.decode(encoded).ok()?.try_into().ok()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let cases = [
            ("bytes 0-9/10", Some((Some(0), Some(10)))),
            ("bytes 5-9/*", Some((Some(5), None))),
            ("bytes */*", Some((None, None))),
            ("bytes */7", Some((None, Some(7)))),
            ("bytes 1/7", None),
            ("items 0-9/10", None),
            ("bytes x-9/10", None),
        ];
        for (header, expected) in cases {
            let parsed = ContentRange::parse(header).map(|range| (range.offset, range.total));
            assert_eq!(parsed, expected, "{header}");
        }
    }
}

//! Downloads: whole objects and ranges, with the headers that clients check the content by.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Shared;
use super::json::{content_type, crc32c, etag};
use super::request::Query;
use super::rest::Call;
use crate::broker::{BrokerError, Object};

pub(super) fn handle(
    shared: &Shared,
    call: &Call<'_>,
    query: &Query,
    bucket: &str,
    name: &str,
) -> Result<Response, BrokerError> {
    let broker = shared.broker();
    let object =
        broker.get(bucket, name, query.int("generation")?, query.preconditions()?)?.clone();
    drop(broker);
    let size = object.content.len();
    let Some(header) = call.header("range") else {
        return Ok(respond(StatusCode::OK, &object, 0..size));
    };
    let Some(range) = range_of(header, size) else {
        let response =
            (StatusCode::RANGE_NOT_SATISFIABLE, [("content-range", format!("bytes */{size}"))]);
        return Ok(response.into_response());
    };
    let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    let mut response = respond(StatusCode::PARTIAL_CONTENT, &object, range);
    insert(&mut response, "content-range", &content_range);
    Ok(response)
}

fn respond(status: StatusCode, object: &Object, range: Range<usize>) -> Response {
    let mut response = Body::from(object.content.slice(range)).into_response();
    *response.status_mut() = status;
    let hash = format!("crc32c={},md5={}", crc32c(object.crc32c), STANDARD.encode(object.md5));
    let encoding = object.spec.content_encoding.as_deref();
    insert(&mut response, "content-type", content_type(object));
    insert(&mut response, "etag", &etag(object.generation));
    insert(&mut response, "accept-ranges", "bytes");
    insert(&mut response, "x-goog-generation", &object.generation.to_string());
    insert(&mut response, "x-goog-metageneration", &object.metageneration.to_string());
    insert(&mut response, "x-goog-hash", &hash);
    insert(&mut response, "x-goog-storage-class", "STANDARD");
    insert(&mut response, "x-goog-stored-content-length", &object.content.len().to_string());
    insert(&mut response, "x-goog-stored-content-encoding", encoding.unwrap_or("identity"));
    if let Some(encoding) = encoding {
        insert(&mut response, "content-encoding", encoding);
    }
    response
}

/// A value that no header can hold (a client's own content type) is left out.
fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n` (RFC 9110, 14.1.2); none when it cannot be satisfied.
fn range_of(header: &str, size: usize) -> Option<Range<usize>> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from, to) {
        ("", suffix) => size.saturating_sub(suffix.parse().ok()?)..size,
        (from, "") => from.parse().ok()?..size,
        (from, to) => from.parse().ok()?..to.parse::<usize>().ok()?.saturating_add(1).min(size),
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let cases = [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=8-100", Some(8..10)),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=x-4", None),
            ("lines=0-4", None),
        ];
        for (header, expected) in cases {
            assert_eq!(range_of(header, 10), expected, "{header}");
        }
    }
}

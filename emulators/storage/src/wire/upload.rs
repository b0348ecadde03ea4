//! Uploads: media (one body), multipart (metadata and body), resumable (a session of chunks).

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::json::spec_from;
use super::multipart::{boundary, parts};
use super::objects::reply;
use super::reply::Reply;
use super::request::{Call, json_of};
use super::{Shared, transcode};
use crate::broker::{BrokerError, ChunkOutcome, ObjectSpec, UploadId};

/// What the service answers to a cancelled upload (documented): no name in the registry.
const CANCELLED: u16 = 499;

/// Calls on `/upload/storage/v1/b/BUCKET/o`.
pub(super) fn handle(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let query = &call.query;
    match (call.method.as_str(), query.get("uploadType"), query.get("upload_id")) {
        ("PUT" | "POST", _, Some(id)) => chunk(shared, call, id),
        ("DELETE", _, Some(id)) => {
            shared.broker(call.now).cancel_upload(upload_id(id)?)?;
            let status = StatusCode::from_u16(CANCELLED).unwrap_or(StatusCode::NO_CONTENT);
            Ok(Reply::empty(status))
        }
        ("POST", Some("media"), _) => {
            let mut spec = ObjectSpec::default();
            spec.attributes.content_type = call.header("content-type").map(str::to_owned);
            put(shared, call, bucket, spec, body(call)?)
        }
        ("POST", Some("multipart"), _) => multipart(shared, call, bucket),
        ("POST", Some("resumable"), _) => start(shared, call, bucket),
        ("POST", None, _) => Err(BrokerError::Required("uploadType")),
        _ => Err(call.unknown()),
    }
}

/// The body of a call, decompressed when it was compressed for the way.
fn body(call: &Call) -> Result<Bytes, BrokerError> {
    match call.header("content-encoding") {
        None | Some("identity") => Ok(call.body.clone()),
        Some("gzip") => transcode::gunzip(&call.body)
            .ok_or_else(|| BrokerError::Invalid("The body is not gzip.".to_owned())),
        Some(other) => Err(BrokerError::Unimplemented(format!("Content-Encoding: {other}"))),
    }
}

/// What the query says of the object besides the resource.
fn complete(call: &Call, spec: &mut ObjectSpec) -> Result<(), BrokerError> {
    if let Some(name) = call.query.get("name") {
        name.clone_into(&mut spec.name);
    }
    if spec.name.is_empty() {
        return Err(BrokerError::Required("name"));
    }
    if let Some(encoding) = call.query.get("contentEncoding") {
        spec.attributes.content_encoding = Some(encoding.to_owned());
    }
    let content_type = &mut spec.attributes.content_type;
    content_type.get_or_insert_with(|| "application/octet-stream".to_owned());
    Ok(())
}

fn put(
    shared: &Shared,
    call: &Call,
    bucket: &str,
    mut spec: ObjectSpec,
    content: Bytes,
) -> Result<Reply, BrokerError> {
    complete(call, &mut spec)?;
    let (crc32c, md5) = hashes(call);
    spec.crc32c = spec.crc32c.or(crc32c);
    spec.md5 = spec.md5.or(md5);
    let (content, conditions) = (content.into(), call.query.preconditions()?);
    let mut broker = shared.broker(call.now);
    Ok(reply(shared, broker.put(bucket, spec, content, conditions, call.now)?))
}

fn multipart(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let malformed = || BrokerError::Invalid("Malformed multipart body.".to_owned());
    let header = call.header("content-type").ok_or_else(malformed)?;
    let boundary = boundary(header).ok_or_else(malformed)?;
    let body = body(call)?;
    let parts = parts(&body, &boundary).ok_or_else(malformed)?;
    let [metadata, media, rest @ ..] = &parts[..] else { return Err(malformed()) };
    let mut spec = spec_from(&json_of(&body[metadata.content.clone()])?)?;
    if let [trailing] = rest {
        let trailing = spec_from(&json_of(&body[trailing.content.clone()])?)?;
        spec.crc32c = spec.crc32c.or(trailing.crc32c);
        spec.md5 = spec.md5.or(trailing.md5);
    }
    let media_type = media.header("content-type").filter(|text| *text != "*/*");
    let content_type = &mut spec.attributes.content_type;
    *content_type = content_type.take().or_else(|| media_type.map(str::to_owned));
    put(shared, call, bucket, spec, body.slice(media.content.clone()))
}

fn start(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let mut spec = spec_from(&call.json()?)?;
    let content_type = &mut spec.attributes.content_type;
    *content_type =
        content_type.take().or_else(|| call.header("x-upload-content-type").map(str::to_owned));
    complete(call, &mut spec)?;
    let conditions = call.query.preconditions()?;
    let UploadId(id) = shared.broker(call.now).start_upload(bucket, spec, conditions)?;
    let location = format!(
        "{}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id:016x}",
        shared.base_url
    );
    Ok(Reply::empty(StatusCode::OK)
        .with("location", &location)
        .with("x-guploader-uploadid", &format!("{id:016x}")))
}

fn chunk(shared: &Shared, call: &Call, id: &str) -> Result<Reply, BrokerError> {
    let body = body(call)?;
    let range = match call.header("content-range") {
        Some(header) => ContentRange::parse(header)
            .ok_or_else(|| BrokerError::Invalid(format!("Invalid Content-Range: {header}")))?,
        None => ContentRange { offset: Some(0), total: Some(body.len()) },
    };
    let (crc32c, md5) = hashes(call);
    let trailing = ObjectSpec { crc32c, md5, ..ObjectSpec::default() };
    let id = upload_id(id)?;
    let mut broker = shared.broker(call.now);
    let (offset, total) = (range.offset, range.total);
    let outcome = broker.upload_chunk(id, offset, &body, total, &trailing, call.now)?;
    let resume = StatusCode::PERMANENT_REDIRECT;
    Ok(match outcome {
        ChunkOutcome::Finished(view) => reply(shared, view),
        ChunkOutcome::Incomplete(0) => Reply::empty(resume),
        ChunkOutcome::Incomplete(taken) => {
            Reply::empty(resume).with("range", &format!("bytes=0-{}", taken - 1))
        }
    })
}

fn upload_id(text: &str) -> Result<UploadId, BrokerError> {
    u64::from_str_radix(text, 16).map(UploadId).map_err(|_| BrokerError::UploadNotFound)
}

/// `x-goog-hash: crc32c=…,md5=…` and `Content-MD5`, as they come with the last bytes.
pub(super) fn hashes(call: &Call) -> (Option<u32>, Option<Vec<u8>>) {
    let headers = call.headers.get_all("x-goog-hash");
    let values = headers.iter().filter_map(|value| value.to_str().ok());
    let parts: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let find = |name: &str| parts.iter().find_map(|part| part.strip_prefix(name));
    let decode = |text: &str| STANDARD.decode(text).ok();
    let crc32c = find("crc32c=").and_then(decode).and_then(|bytes| bytes.try_into().ok());
    let md5 = find("md5=").or_else(|| call.header("content-md5")).and_then(decode);
    (crc32c.map(u32::from_be_bytes), md5)
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

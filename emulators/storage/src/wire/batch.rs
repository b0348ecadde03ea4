//! Batches: several calls of the JSON API in one `multipart/mixed` request, each answered on its own.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;

use super::multipart::{boundary, parts};
use super::reply::Reply;
use super::request::{Call, Query};
use super::{Shared, rest};
use crate::broker::BrokerError;
use crate::limits::BATCH_CALLS_MAX;

const BOUNDARY: &str = "batch_windtunnel";

pub(super) fn handle(shared: &Shared, call: &Call) -> Result<Reply, BrokerError> {
    if call.method != Method::POST {
        return Err(call.unknown());
    }
    let malformed = || BrokerError::Invalid("Malformed batch request.".to_owned());
    let header = call.header("content-type").ok_or_else(malformed)?;
    let boundary = boundary(header).ok_or_else(malformed)?;
    let parts = parts(&call.body, &boundary).ok_or_else(malformed)?;
    if parts.len() > BATCH_CALLS_MAX {
        let text = format!("A batch has at most {BATCH_CALLS_MAX} calls: {}", parts.len());
        return Err(BrokerError::Invalid(text));
    }
    let mut body = Vec::new();
    for part in &parts {
        let content = call.body.slice(part.content.clone());
        let inner = parse(&content, call.now).ok_or_else(malformed)?;
        let reply = rest::answer_json(shared, &inner);
        let reply = reply.unwrap_or_else(|error| Reply::of_error(&error));
        append(&mut body, part.header("content-id"), &reply);
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content_type = format!("multipart/mixed; boundary={BOUNDARY}");
    Ok(Reply::new(StatusCode::OK, body).with("content-type", &content_type))
}

/// A request as text: a request line, headers, an empty line, a body; LF or CRLF.
fn parse(content: &Bytes, now: i64) -> Option<Call> {
    let mut at = 0;
    let mut line = || {
        let rest = content.get(at..)?;
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        at = (at + length + 1).min(content.len());
        let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]);
        std::str::from_utf8(line).ok()
    };
    let mut words = line()?.split_ascii_whitespace();
    let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
    let target = words.next()?;
    let mut headers = HeaderMap::new();
    while let Some(text) = line().filter(|text| !text.is_empty()) {
        let (name, value) = text.split_once(':')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    // Clients write whole URLs or paths alone.
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = content.slice(at..);
    Some(Call { method, path: path.to_owned(), query: Query::parse(query), headers, body, now })
}

fn append(body: &mut Vec<u8>, content_id: Option<&str>, reply: &Reply) {
    let mut text = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
    if let Some(id) = content_id {
        let (open, id) = id.strip_prefix('<').map_or(("", id), |id| ("<", id));
        text.push_str(&format!("Content-ID: {open}response-{id}\r\n"));
    }
    let reason = reply.status.canonical_reason().unwrap_or("Unknown");
    text.push_str(&format!("\r\nHTTP/1.1 {} {reason}\r\n", reply.status.as_u16()));
    for (name, value) in &reply.headers {
        if let Ok(value) = value.to_str() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(&reply.body);
    body.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_inside_of_a_batch() {
        let text = "PATCH http://h:1/storage/v1/b/x?a=b HTTP/1.1\r\nContent-Type: a/b\r\n\r\n{}";
        for text in [text.to_owned(), text.replace("\r\n", "\n")] {
            let call = parse(&Bytes::from(text), 0).unwrap();
            assert_eq!((call.method.as_str(), call.path.as_str()), ("PATCH", "/storage/v1/b/x"));
            assert_eq!(
                (call.query.get("a"), call.header("content-type")),
                (Some("b"), Some("a/b"))
            );
            assert_eq!(&call.body[..], b"{}");
        }
        let call = parse(&Bytes::from_static(b"DELETE /storage/v1/b/x HTTP/1.1"), 0).unwrap();
        assert_eq!((call.path.as_str(), &call.body[..]), ("/storage/v1/b/x", &b""[..]));
    }

    proptest! {
        /// Any part is parsed or refused.
        #[test]
        fn any_part_has_an_answer(text in "[A-Z/:? \r\n]{0,60}") {
            let _ = parse(&Bytes::from(text), 0);
        }
    }
}

//! Downloads: whole objects and ranges, with the headers that clients check the content by.

use std::ops::Range;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::{crc32c, etag};
use super::objects::{check_etag, selector};
use super::reply::Reply;
use super::request::Call;
use super::{Shared, transcode};
use crate::broker::{BrokerError, Object};

/// `alt=media` of the JSON API.
pub(super) fn handle(
    shared: &Shared,
    call: &Call,
    bucket: &str,
    name: &str,
) -> Result<Reply, BrokerError> {
    let (selector, conditions) = (selector(call)?, call.query.preconditions()?);
    if selector.soft_deleted {
        let text = "The content of a soft-deleted object cannot be read.".to_owned();
        return Err(BrokerError::Invalid(text));
    }
    let broker = shared.broker(call.now);
    let object = broker.get(bucket, name, selector, conditions, call.now)?.object.clone();
    drop(broker);
    let etag = etag(&object);
    check_etag(call, &etag)?;
    Ok(content(call, &object)?.with("etag", &etag))
}

/// The content that a call asks for by its `Range` and `Accept-Encoding`.
pub(super) fn content(call: &Call, object: &Object) -> Result<Reply, BrokerError> {
    if let Some(content) = transcode::decompressed(object, call.header("accept-encoding")) {
        // The service answers the whole of a decompressed object whatever range is asked for.
        return Ok(described(Reply::new(StatusCode::OK, content), object)
            .with("x-guploader-response-body-transformations", "gunzipped")
            .with("warning", "214 UploadServer gunzipped"));
    }
    let size = object.content.len();
    let asked_for = call.header("range").map_or(Asked::Everything, |header| range_of(header, size));
    let reply = match asked_for {
        Asked::Everything => Reply::new(StatusCode::OK, object.content.clone()),
        Asked::Part(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            Reply::new(StatusCode::PARTIAL_CONTENT, object.content.slice(range))
                .with("content-range", &content_range)
        }
        Asked::Nothing => return Err(BrokerError::OutOfRange { size }),
    };
    let encoding = object.attributes.content_encoding.as_deref();
    Ok(described(reply, object).with_some("content-encoding", encoding))
}

/// The headers that describe an object.
pub(super) fn described(reply: Reply, object: &Object) -> Reply {
    let attributes = &object.attributes;
    let hash = match object.checksums.md5 {
        None => format!("crc32c={}", crc32c(object.checksums.crc32c)),
        Some(md5) => {
            format!("crc32c={},md5={}", crc32c(object.checksums.crc32c), STANDARD.encode(md5))
        }
    };
    let content_type = attributes.content_type.as_deref().unwrap_or("application/octet-stream");
    let stored_encoding = attributes.content_encoding.as_deref().unwrap_or("identity");
    let components = object.component_count.map(|count| count.to_string());
    reply
        .with("content-type", content_type)
        .with("accept-ranges", "bytes")
        .with("last-modified", &http_date(object.updated_at))
        .with("x-goog-generation", &object.generation.to_string())
        .with("x-goog-metageneration", &object.metageneration.to_string())
        .with("x-goog-hash", &hash)
        .with("x-goog-storage-class", object.storage_class())
        .with("x-goog-stored-content-length", &object.size().to_string())
        .with("x-goog-stored-content-encoding", stored_encoding)
        .with_some("x-goog-component-count", components.as_deref())
        .with_some("cache-control", attributes.cache_control.as_deref())
        .with_some("content-disposition", attributes.content_disposition.as_deref())
        .with_some("content-language", attributes.content_language.as_deref())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
pub(super) fn http_date(micros: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = crate::broker::rfc3339(micros);
    let weekday = usize::try_from(micros.div_euclid(86_400_000_000).rem_euclid(7)).unwrap_or(0);
    let field = |range: Range<usize>| text.get(range).unwrap_or("00");
    let month = field(5..7).parse::<usize>().unwrap_or(1).saturating_sub(1).min(11);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS[weekday],
        field(8..10),
        MONTHS[month],
        field(0..4),
        field(11..19)
    )
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// No range that is understood: RFC 9110 has it ignored.
    Everything,
    Part(Range<usize>),
    /// A range outside of the content.
    Nothing,
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n` (RFC 9110, 14.1.2).
fn range_of(header: &str, size: usize) -> Asked {
    let parse = || {
        let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
        Some(match (from, to) {
            ("", suffix) => size.saturating_sub(suffix.parse().ok()?)..size,
            (from, "") => from.parse().ok()?..size,
            (from, to) => {
                let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
                // The end before the beginning is no range at all.
                (from <= to).then_some(from..to.saturating_add(1).min(size))?
            }
        })
    };
    match parse() {
        None => Asked::Everything,
        Some(range) if range.start < range.end => Asked::Part(range),
        Some(_) => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let cases = [
            ("bytes=0-3", Asked::Part(0..4)),
            ("bytes=4-", Asked::Part(4..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-30", Asked::Part(0..10)),
            ("bytes=8-100", Asked::Part(8..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-4", Asked::Everything),
            ("bytes=x-4", Asked::Everything),
            ("bytes=0-1,3-4", Asked::Everything),
            ("lines=0-4", Asked::Everything),
        ];
        for (header, expected) in cases {
            assert_eq!(range_of(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn dates() {
        assert_eq!(http_date(784_111_777_000_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}

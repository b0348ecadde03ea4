//! Routes of REST: the JSON API under its prefixes, batches, and the XML API on everything else.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::reply::Reply;
use super::request::{Call, Query, segments};
use super::{Shared, batch, buckets, download, objects, upload, xml};
use crate::broker::BrokerError;
use crate::clock::now_micros;
use crate::limits::REQUEST_BYTES_MAX;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = Query::parse(uri.query().unwrap_or_default());
    let path = uri.path().to_owned();
    let call = Call { method, path, query, headers, body, now: now_micros() };
    if call.header("content-type").is_some_and(|value| value.starts_with("application/grpc")) {
        let text = format!("{} is not implemented by this emulator", call.path);
        return tonic::Status::unimplemented(text).into_http::<axum::body::Body>();
    }
    answer(&shared, &call).into_response()
}

fn answer(shared: &Shared, call: &Call) -> Reply {
    if !is_json(&call.path) {
        return xml::answer(shared, call);
    }
    let reply = if call.path.starts_with("/batch/storage/") {
        batch::handle(shared, call)
    } else {
        answer_json(shared, call)
    };
    reply.unwrap_or_else(|error| Reply::of_error(&error))
}

/// Whether a path belongs to the JSON API. No bucket of the XML API hides behind these: a bucket of such
/// a name would need an object that begins with the rest.
fn is_json(path: &str) -> bool {
    const PREFIXES: [&str; 5] = [
        "/storage/",
        "/upload/storage/",
        "/resumable/upload/storage/",
        "/download/storage/",
        "/batch/",
    ];
    PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// Answers one call of the JSON API.
pub(super) fn answer_json(shared: &Shared, call: &Call) -> Result<Reply, BrokerError> {
    call.refuse_settings()?;
    let uploads = ["/upload/storage/v1/", "/resumable/upload/storage/v1/"];
    if let Some(path) = uploads.iter().find_map(|prefix| call.path.strip_prefix(prefix)) {
        let parts = segments(path);
        return match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["b", bucket, "o"] => upload::handle(shared, call, bucket),
            _ => Err(call.unknown()),
        };
    }
    let (path, is_download) = match call.path.strip_prefix("/download/storage/v1/") {
        Some(path) => (path, true),
        None => (call.path.strip_prefix("/storage/v1/").ok_or_else(|| call.unknown())?, false),
    };
    let parts = segments(path);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let is_media = is_download || call.query.get("alt") == Some("media");
    match (call.method.as_str(), &parts[..]) {
        ("GET", ["b", bucket, "o", name]) if is_media => {
            download::handle(shared, call, bucket, name)
        }
        (_, ["b", bucket, "o", rest @ ..]) => objects::handle(shared, call, bucket, rest),
        (_, ["b", rest @ ..]) => buckets::handle(shared, call, rest),
        ("GET", ["projects", _, "serviceAccount"]) => Ok(Reply::json(&json!({
            "kind": "storage#serviceAccount",
            "email_address": "service-0@gs-project-accounts.iam.gserviceaccount.com",
        }))),
        _ => Err(call.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::StorageEmulator;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn paths_of_both_apis() {
        for (path, expected) in [
            ("/storage/v1/b", true),
            ("/upload/storage/v1/b/x/o", true),
            ("/batch/storage/v1", true),
            ("/bucket/object", false),
            ("/uploads/storage", false),
            ("/", false),
        ] {
            assert_eq!(is_json(path), expected, "{path}");
        }
    }

    const PATHS: &[&str] = &[
        "/storage/v1/b",
        "/storage/v1/b/bucket",
        "/storage/v1/b/bucket/lockRetentionPolicy",
        "/storage/v1/b/bucket/iam",
        "/storage/v1/b/bucket/notificationConfigs",
        "/storage/v1/b/bucket/notificationConfigs/1",
        "/storage/v1/b/bucket/o",
        "/storage/v1/b/bucket/o/a",
        "/storage/v1/b/bucket/o/a/compose",
        "/storage/v1/b/bucket/o/a/restore",
        "/storage/v1/b/bucket/o/a/rewriteTo/b/bucket/o/b",
        "/storage/v1/b/bucket/o/a/moveTo/o/b",
        "/download/storage/v1/b/bucket/o/a",
        "/upload/storage/v1/b/bucket/o",
        "/batch/storage/v1",
        "/bucket",
        "/bucket/a",
        "/bucket/%",
        "/",
    ];
    const PARAMETERS: &[&str] = &[
        "alt=media",
        "project=p",
        "name=a",
        "name=%FF",
        "uploadType=media",
        "uploadType=multipart",
        "uploadType=resumable",
        "upload_id=1",
        "generation=1",
        "generation=-9223372036854775808",
        "ifGenerationMatch=0",
        "ifMetagenerationMatch=9223372036854775807",
        "maxBytesRewrittenPerCall=9223372036854775807",
        "maxResults=1",
        "maxResults=18446744073709551616",
        "pageToken=MTow",
        "delimiter=/",
        "prefix=a",
        "versions=true",
        "softDeleted=true",
        "matchGlob=[",
        "uploads",
        "uploadId=1",
        "partNumber=-1",
    ];
    const BODIES: &[&str] = &[
        "",
        "{",
        "[]",
        "{\"name\":\"bucket\"}",
        "{\"customTime\":\"0000-00-00T99:99:99Z\"}",
        "{\"customTime\":\"9999-12-31T23:59:59.999999999Z\"}",
        "{\"retentionPolicy\":{\"retentionPeriod\":\"9223372036854775807\"}}",
        "{\"softDeletePolicy\":{\"retentionDurationSeconds\":-1}}",
        "{\"lifecycle\":{\"rule\":[{\"action\":{\"type\":\"Delete\"},\"condition\":{\"age\":2147483647}}]}}",
        "{\"sourceObjects\":[{\"name\":\"a\"},{\"name\":\"b\",\"generation\":\"x\"}]}",
        "{\"topic\":\"projects/p/topics/t\",\"payload_format\":\"NONE\"}",
        "{\"versioning\":{\"enabled\":true}}",
        "--b\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--",
        "--b\n\nGET /storage/v1/b/bucket/o/a HTTP/1.1\n\n--b--",
        "<Part><PartNumber>1</PartNumber><ETag>\u{e9}</ETag></Part>",
    ];
    const HEADERS: &[(&str, &str)] = &[
        ("content-type", "multipart/mixed; boundary=b"),
        ("content-type", "multipart/related; boundary='"),
        ("content-range", "bytes 0-18446744073709551615/18446744073709551615"),
        ("content-range", "bytes */0"),
        ("range", "bytes=18446744073709551615-"),
        ("range", "bytes=-18446744073709551615"),
        ("x-goog-hash", "crc32c=AAAA,md5=x"),
        ("content-encoding", "gzip"),
        ("if-none-match", "*"),
        ("x-goog-copy-source", "/bucket/a"),
    ];

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let method = select(vec!["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]);
        let some =
            |choices: &'static [&'static str]| proptest::collection::vec(select(choices), 0..4);
        let headers = proptest::collection::vec(select(HEADERS), 0..3);
        let call = (method, select(PATHS), some(PARAMETERS), headers, select(BODIES), 0_i64..9);
        let call = call.prop_map(|(method, path, parameters, headers, body, now)| Call {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: Query::parse(&parameters.join("&")),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
            body: Bytes::from_static(body.as_bytes()),
            now: now * 86_400_000_000,
        });
        proptest::collection::vec(call, 0..30)
    }

    proptest! {
        /// Goal: whatever is asked for has an answer, and none is the server's fault. Method: random
        /// calls put together from paths, parameters, headers and bodies that mean something elsewhere.
        #[test]
        fn anything_has_an_answer(calls in calls()) {
            let emulator = StorageEmulator::new("http://h:1");
            let _published = emulator.notifications();
            emulator.create_bucket("p", "bucket").unwrap();
            emulator.put_object("bucket", "a", Bytes::from_static(b"hello")).unwrap();
            for call in calls {
                let status = answer(&emulator.shared, &call).status.as_u16();
                prop_assert!(status < 500 || status == 501, "{status} {call:?}");
            }
        }
    }
}

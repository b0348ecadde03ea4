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
    if !is_json(&call.path) {
        return xml::answer(&shared, &call).into_response();
    }
    let reply = if call.path.starts_with("/batch/storage/") {
        batch::handle(&shared, &call)
    } else {
        answer_json(&shared, &call)
    };
    reply.unwrap_or_else(|error| Reply::of_error(&error)).into_response()
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
}

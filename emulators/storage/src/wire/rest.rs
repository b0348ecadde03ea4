//! The JSON API: routes and metadata calls. Uploads and downloads have files of their own.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::request::{Query, refuse};
use super::{Shared, download, json as resource, new_bucket, upload};
use crate::broker::{BrokerError, ListQuery};
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
    let call = Call { method, path: uri.path(), headers, body };
    let query = Query::parse(uri.query().unwrap_or_default());
    answer(&shared, &call, &query).unwrap_or_else(|error| refuse(&error))
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    path: &'a str,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call<'_> {
    pub(super) fn unknown(&self) -> BrokerError {
        BrokerError::Unimplemented(format!("{} {}", self.method, self.path))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn answer(shared: &Arc<Shared>, call: &Call<'_>, query: &Query) -> Result<Response, BrokerError> {
    let uploads = ["/upload/storage/v1/", "/resumable/upload/storage/v1/"];
    if let Some(path) = uploads.iter().find_map(|prefix| call.path.strip_prefix(prefix)) {
        return match path.split('/').collect::<Vec<_>>()[..] {
            ["b", bucket, "o"] => upload::handle(shared, call, query, bucket),
            _ => Err(call.unknown()),
        };
    }
    let (path, is_download) = match call.path.strip_prefix("/download/storage/v1/") {
        Some(path) => (path, true),
        None => (call.path.strip_prefix("/storage/v1/").ok_or_else(|| call.unknown())?, false),
    };
    let parts: Vec<String> = path
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let is_media = is_download || query.get("alt") == Some("media");
    match (call.method.as_str(), &parts[..]) {
        ("GET", ["b", bucket, "o", name]) if is_media => {
            download::handle(shared, call, query, bucket, name)
        }
        ("GET", ["b", bucket, "o", name]) => {
            let broker = shared.broker();
            let conditions = query.preconditions()?;
            let object = broker.get(bucket, name, query.int("generation")?, conditions)?;
            Ok(ok(resource::object(bucket, object, &shared.base_url)))
        }
        ("DELETE", ["b", bucket, "o", name]) => {
            let conditions = query.preconditions()?;
            shared.broker().delete(bucket, name, query.int("generation")?, conditions)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        ("GET", ["b", bucket, "o"]) => list_objects(shared, query, bucket).map(ok),
        ("POST", ["b"]) => create_bucket(shared, call, query).map(ok),
        ("GET", ["b"]) => {
            let project = query.text("project");
            let broker = shared.broker();
            let buckets: Vec<Value> = broker
                .buckets(&project)
                .map(|bucket| resource::bucket(bucket, &shared.base_url))
                .collect();
            Ok(ok(json!({ "kind": "storage#buckets", "items": buckets })))
        }
        ("GET", ["b", bucket]) => {
            let broker = shared.broker();
            Ok(ok(resource::bucket(broker.bucket(bucket)?, &shared.base_url)))
        }
        ("DELETE", ["b", bucket]) => {
            shared.broker().delete_bucket(bucket)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(call.unknown()),
    }
}

fn create_bucket(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    query: &Query,
) -> Result<Value, BrokerError> {
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|error| BrokerError::Invalid(format!("Invalid JSON: {error}")))?;
    for setting in ["versioning", "lifecycle", "retentionPolicy", "website", "encryption"] {
        if body.get(setting).is_some_and(|value| !value.is_null()) {
            return Err(BrokerError::Unimplemented(format!("Bucket.{setting}")));
        }
    }
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut bucket = new_bucket(&query.text("project"), name);
    if let Some(location) = body.get("location").and_then(Value::as_str) {
        bucket.location = location.to_uppercase();
    }
    let mut broker = shared.broker();
    Ok(resource::bucket(broker.create_bucket(bucket)?, &shared.base_url))
}

fn list_objects(shared: &Shared, query: &Query, bucket: &str) -> Result<Value, BrokerError> {
    let page_size = query.int("maxResults")?.unwrap_or_default();
    let list = ListQuery {
        prefix: query.text("prefix"),
        delimiter: query.text("delimiter"),
        page_token: query.text("pageToken"),
        page_size: usize::try_from(page_size).unwrap_or_default(),
        start_offset: query.text("startOffset"),
        end_offset: query.text("endOffset"),
    };
    for asked_for in ["matchGlob", "softDeleted"] {
        if query.get(asked_for).is_some_and(|value| !matches!(value, "" | "false" | "False")) {
            return Err(BrokerError::Unimplemented(format!("objects.list {asked_for}")));
        }
    }
    let broker = shared.broker();
    let page = broker.list(bucket, &list)?;
    let mut out = json!({ "kind": "storage#objects" });
    if !page.objects.is_empty() {
        let objects =
            page.objects.iter().map(|object| resource::object(bucket, object, &shared.base_url));
        out["items"] = objects.collect();
    }
    if !page.prefixes.is_empty() {
        out["prefixes"] = json!(page.prefixes);
    }
    if !page.next_page_token.is_empty() {
        out["nextPageToken"] = json!(page.next_page_token);
    }
    Ok(out)
}

pub(super) fn ok(value: Value) -> Response {
    axum::Json(value).into_response()
}

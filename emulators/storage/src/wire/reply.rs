//! An answer over HTTP as plain data, so that a batch can put several into one.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::broker::BrokerError;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, Bytes::new())
    }

    pub(super) fn json(value: &Value) -> Self {
        Self::of_json(StatusCode::OK, value)
    }

    fn of_json(status: StatusCode, value: &Value) -> Self {
        Self::new(status, value.to_string()).with("content-type", "application/json; charset=UTF-8")
    }

    /// Sets a header. A value that no header can hold (a client's own content type) is left out.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets a header when there is a value.
    pub(super) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The broker's errors in the JSON API's envelope.
    pub(super) fn of_error(error: &BrokerError) -> Self {
        let (status, reason) = status_of(error);
        if status == StatusCode::NOT_MODIFIED {
            return Self::empty(status);
        }
        let message = error.to_string();
        let mut detail = json!({ "domain": "global", "reason": reason, "message": message });
        if status == StatusCode::PRECONDITION_FAILED {
            detail["locationType"] = json!("header");
            detail["location"] = json!("If-Match");
        }
        let range = unsatisfied(error);
        let error = json!({ "code": status.as_u16(), "message": message, "errors": [detail] });
        let error_reply = Self::of_json(status, &json!({ "error": error }));
        error_reply.with_some("content-range", range.as_deref())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The `Content-Range` of a refused range: how many bytes there are.
pub(super) fn unsatisfied(error: &BrokerError) -> Option<String> {
    match error {
        BrokerError::OutOfRange { size } => Some(format!("bytes */{size}")),
        _ => None,
    }
}

/// The one translation of the broker's errors into HTTP: the status, and the reason in Google's words.
pub(super) fn status_of(error: &BrokerError) -> (StatusCode, &'static str) {
    match error {
        BrokerError::BucketNotFound
        | BrokerError::ObjectNotFound(_)
        | BrokerError::NotificationNotFound(_)
        | BrokerError::UploadNotFound => (StatusCode::NOT_FOUND, "notFound"),
        BrokerError::BucketExists | BrokerError::BucketNotEmpty => {
            (StatusCode::CONFLICT, "conflict")
        }
        BrokerError::Precondition => (StatusCode::PRECONDITION_FAILED, "conditionNotMet"),
        BrokerError::NotModified => (StatusCode::NOT_MODIFIED, "notModified"),
        BrokerError::Held { .. } => (StatusCode::FORBIDDEN, "objectUnderActiveHold"),
        BrokerError::Retained { .. } => (StatusCode::FORBIDDEN, "retentionPolicyNotMet"),
        BrokerError::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        BrokerError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
        BrokerError::Required(_) => (StatusCode::BAD_REQUEST, "required"),
        BrokerError::OutOfRange { .. } => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "requestedRangeNotSatisfiable")
        }
        BrokerError::Overloaded => (StatusCode::TOO_MANY_REQUESTS, "rateLimitExceeded"),
        BrokerError::Unimplemented(_) => (StatusCode::NOT_IMPLEMENTED, "notImplemented"),
    }
}

//! What a REST request says: its query parameters, and the errors as Google words them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::broker::{BrokerError, Preconditions};

/// Decoded query parameters, in order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, BrokerError> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| BrokerError::Invalid(format!("Invalid value for {name}: {text}"))),
        }
    }

    pub(super) fn preconditions(&self) -> Result<Preconditions, BrokerError> {
        Ok(Preconditions {
            generation_match: self.int("ifGenerationMatch")?,
            generation_not_match: self.int("ifGenerationNotMatch")?,
            metageneration_match: self.int("ifMetagenerationMatch")?,
            metageneration_not_match: self.int("ifMetagenerationNotMatch")?,
        })
    }
}

/// The one translation of the broker's errors into HTTP.
pub(super) fn refuse(error: &BrokerError) -> Response {
    let (code, reason) = match error {
        BrokerError::BucketNotFound
        | BrokerError::ObjectNotFound(_)
        | BrokerError::UploadNotFound => (StatusCode::NOT_FOUND, "notFound"),
        BrokerError::BucketExists | BrokerError::BucketNotEmpty => {
            (StatusCode::CONFLICT, "conflict")
        }
        BrokerError::Precondition => (StatusCode::PRECONDITION_FAILED, "conditionNotMet"),
        BrokerError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
        BrokerError::Unimplemented(_) => (StatusCode::NOT_IMPLEMENTED, "notImplemented"),
    };
    let message = error.to_string();
    let detail = json!({ "domain": "global", "reason": reason, "message": message });
    let error = json!({ "code": code.as_u16(), "message": message, "errors": [detail] });
    (code, axum::Json(json!({ "error": error }))).into_response()
}

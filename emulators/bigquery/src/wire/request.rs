//! What a REST request says, and errors as Google words them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::catalog::CatalogError;
use crate::schema::SchemaError;

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

    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, RestError> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| RestError::invalid(format!("Invalid value for {name}: {text}"))),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// A refused request.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RestError {
    code: StatusCode,
    reason: &'static str,
    message: String,
}

impl RestError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: StatusCode::BAD_REQUEST, reason: "invalid", message: message.into() }
    }

    pub(super) fn unimplemented(what: &str) -> Self {
        let message = format!("{what} is not implemented by this emulator");
        Self { code: StatusCode::NOT_IMPLEMENTED, reason: "notImplemented", message }
    }

    /// Google's envelope; clients read `errors[0].reason`.
    pub(super) fn into_response(self) -> Response {
        let status = match self.code {
            StatusCode::NOT_FOUND => "NOT_FOUND",
            StatusCode::CONFLICT => "ALREADY_EXISTS",
            StatusCode::NOT_IMPLEMENTED => "UNIMPLEMENTED",
            _ => "INVALID_ARGUMENT",
        };
        let detail = json!({ "message": self.message, "domain": "global", "reason": self.reason });
        let error = json!({
            "code": self.code.as_u16(),
            "message": self.message,
            "errors": [detail],
            "status": status,
        });
        (self.code, axum::Json(json!({ "error": error }))).into_response()
    }
}

impl From<CatalogError> for RestError {
    fn from(error: CatalogError) -> Self {
        let (code, reason) = match error {
            CatalogError::DatasetNotFound(_) | CatalogError::TableNotFound(_) => {
                (StatusCode::NOT_FOUND, "notFound")
            }
            CatalogError::AlreadyExists(_) => (StatusCode::CONFLICT, "duplicate"),
            CatalogError::DatasetInUse(_) => (StatusCode::BAD_REQUEST, "resourceInUse"),
        };
        Self { code, reason, message: error.to_string() }
    }
}

impl From<SchemaError> for RestError {
    fn from(error: SchemaError) -> Self {
        match error {
            SchemaError::Invalid(message) => Self::invalid(message),
            SchemaError::Unimplemented(_) => Self {
                code: StatusCode::NOT_IMPLEMENTED,
                reason: "notImplemented",
                message: error.to_string(),
            },
        }
    }
}

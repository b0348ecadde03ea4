//! Errors as Google words them: one envelope for every refused REST request, and the same parts in a job's
//! `errorResult`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::catalog::CatalogError;
use crate::jobs::JobError;
use crate::schema::SchemaError;

/// A refused request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RestError {
    code: StatusCode,
    reason: &'static str,
    location: Option<String>,
    message: String,
}

impl RestError {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, location: None, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    pub(crate) fn unimplemented(what: &str) -> Self {
        let message = format!("{what} is not implemented by this emulator");
        Self::new(StatusCode::NOT_IMPLEMENTED, "notImplemented", message)
    }

    /// Google's envelope; clients read `errors[0].reason`.
    pub(crate) fn into_response(self) -> Response {
        let status = match self.code {
            StatusCode::NOT_FOUND => "NOT_FOUND",
            StatusCode::CONFLICT => "ALREADY_EXISTS",
            StatusCode::FORBIDDEN => "PERMISSION_DENIED",
            StatusCode::PRECONDITION_FAILED => "FAILED_PRECONDITION",
            StatusCode::NOT_IMPLEMENTED => "UNIMPLEMENTED",
            StatusCode::INTERNAL_SERVER_ERROR => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let mut detail =
            json!({ "message": self.message, "domain": "global", "reason": self.reason });
        if let Some(location) = &self.location {
            detail["location"] = json!(location);
            detail["locationType"] = json!("other");
        }
        let error = json!({
            "code": self.code.as_u16(),
            "message": self.message,
            "errors": [detail],
            "status": status,
        });
        (self.code, axum::Json(json!({ "error": error }))).into_response()
    }

    /// The same as a job's `errorResult`.
    pub(crate) fn into_job_error(self) -> JobError {
        JobError { reason: self.reason, location: self.location, message: self.message }
    }
}

impl From<CatalogError> for RestError {
    fn from(error: CatalogError) -> Self {
        let (code, reason) = match error {
            CatalogError::DatasetNotFound(_)
            | CatalogError::TableNotFound(_)
            | CatalogError::RoutineNotFound(_)
            | CatalogError::PolicyNotFound(_) => (StatusCode::NOT_FOUND, "notFound"),
            CatalogError::AlreadyExists(_) => (StatusCode::CONFLICT, "duplicate"),
            CatalogError::DatasetInUse(_) => (StatusCode::BAD_REQUEST, "resourceInUse"),
            CatalogError::Precondition => (StatusCode::PRECONDITION_FAILED, "conditionNotMet"),
            CatalogError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
        };
        Self::new(code, reason, error.to_string())
    }
}

impl From<SchemaError> for RestError {
    fn from(error: SchemaError) -> Self {
        match error {
            SchemaError::Invalid(message) => Self::invalid(message),
            SchemaError::Unimplemented(_) => {
                Self::new(StatusCode::NOT_IMPLEMENTED, "notImplemented", error.to_string())
            }
        }
    }
}

impl From<JobError> for RestError {
    fn from(error: JobError) -> Self {
        let code = match error.reason {
            "notFound" => StatusCode::NOT_FOUND,
            "duplicate" => StatusCode::CONFLICT,
            "accessDenied" => StatusCode::FORBIDDEN,
            "notImplemented" => StatusCode::NOT_IMPLEMENTED,
            // Clients try these again for minutes: only our own bugs are so.
            "internalError" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code, reason: error.reason, location: error.location, message: error.message }
    }
}

/// `{"reason", "location", "message"}`, as jobs have it.
pub(crate) fn job_error_json(error: &JobError) -> Value {
    let mut out = json!({ "reason": error.reason, "message": error.message });
    if let Some(location) = &error.location {
        out["location"] = json!(location);
    }
    out
}

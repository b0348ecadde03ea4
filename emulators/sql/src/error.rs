//! What can be wrong with a statement, in BigQuery's own words. A position is kept as a byte offset
//! until the text is at hand; then it becomes ` at [line:column]` at the end of the message.

/// A byte offset into the text of a script.
pub type Offset = u32;

/// Why a statement failed: BigQuery's `reason`, which decides the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The text is wrong, or its evaluation failed (400 `invalidQuery`).
    InvalidQuery,
    /// An option of a statement is missing or wrong as a whole (400 `invalidQuery`, without a location).
    InvalidOption,
    /// Something beside the text is wrong (400 `invalid`).
    Invalid,
    /// A table, dataset or routine does not exist (404 `notFound`).
    NotFound,
    /// It exists already (409 `duplicate`).
    Duplicate,
    /// It is not empty (400 `resourceInUse`).
    ResourceInUse,
    /// The caller may not (403 `accessDenied`).
    AccessDenied,
    /// Whoever asked no longer waits (400 `stopped`).
    Stopped,
    /// This emulator does not have it (501 `notImplemented`).
    NotImplemented,
}

/// A failed statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// What kind of failure.
    pub reason: Reason,
    /// BigQuery's words, without the position.
    pub message: String,
    /// Where in the script's text.
    pub at: Option<Offset>,
}

/// A result of anything in this crate.
pub type Result<T, E = SqlError> = std::result::Result<T, E>;

impl SqlError {
    /// The statement is wrong, at a place in its text.
    #[must_use]
    pub fn at(at: Offset, message: impl Into<String>) -> Self {
        Self { reason: Reason::InvalidQuery, message: message.into(), at: Some(at) }
    }

    /// Evaluation failed: out of range, division by zero and the like.
    #[must_use]
    pub fn evaluation(message: impl Into<String>) -> Self {
        Self { reason: Reason::InvalidQuery, message: message.into(), at: None }
    }

    /// An error of some other kind.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), at: None }
    }

    /// This emulator does not have it.
    #[must_use]
    pub fn not_implemented(what: impl std::fmt::Display) -> Self {
        Self::new(Reason::NotImplemented, format!("{what} is not implemented by this emulator"))
    }

    /// The same error with the position of whatever was being evaluated, if it has none yet.
    #[must_use]
    pub fn or_at(mut self, at: Offset) -> Self {
        self.at.get_or_insert(at);
        self
    }

    /// The message with its position, as BigQuery shows it.
    #[must_use]
    pub fn text(&self, script: &str) -> String {
        match self.at {
            None => self.message.clone(),
            Some(at) => {
                let (line, column) = line_and_column(script, at);
                format!("{} at [{line}:{column}]", self.message)
            }
        }
    }
}

/// Line and column of an offset, both from 1; columns count characters.
#[must_use]
pub fn line_and_column(text: &str, at: Offset) -> (usize, usize) {
    let mut end = (at as usize).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

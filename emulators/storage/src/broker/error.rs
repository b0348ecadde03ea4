//! Why the broker refuses a call. The two wires translate these, each in one place; nobody matches on
//! the text.

/// Why the broker refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The bucket does not exist.
    #[error("The specified bucket does not exist.")]
    BucketNotFound,
    /// The object, or that generation of it, does not exist.
    #[error("No such object: {0}")]
    ObjectNotFound(String),
    /// The upload does not exist, or was given up.
    #[error("No such upload session")]
    UploadNotFound,
    /// The bucket has no notification configuration of that number.
    #[error("Notification {0} not found.")]
    NotificationNotFound(String),
    /// The bucket exists already.
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketExists,
    /// The bucket still holds objects, or noncurrent versions of objects.
    #[error("The bucket you tried to delete is not empty.")]
    BucketNotEmpty,
    /// A condition of the request does not hold.
    #[error("At least one of the pre-conditions you specified did not hold.")]
    Precondition,
    /// A read asked for something other than what is there, and nothing else is there.
    #[error("Not Modified")]
    NotModified,
    /// A hold keeps the object.
    #[error(
        "Object '{object}' is under active {hold} hold and cannot be deleted, overwritten or archived \
         until hold is removed."
    )]
    Held {
        /// `bucket/name`.
        object: String,
        /// `Temporary` or `Event-Based`.
        hold: &'static str,
    },
    /// A retention policy, or the object's own retention, keeps the object.
    #[error(
        "Object '{object}' is subject to bucket's retention policy or object retention and cannot be \
         deleted or overwritten until {until}"
    )]
    Retained {
        /// `bucket/name`.
        object: String,
        /// When that ends, RFC 3339.
        until: String,
    },
    /// The state of a resource forbids it.
    #[error("{0}")]
    Forbidden(String),
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The request lacks something.
    #[error("Required parameter: {0}")]
    Required(&'static str),
    /// A range lies outside of the object.
    #[error("The requested range cannot be satisfied.")]
    OutOfRange {
        /// How many bytes there are.
        size: usize,
    },
    /// Notifications pile up because nobody takes them.
    #[error("Too many notifications wait to be published; try again later.")]
    Overloaded,
    /// The request asks for something that this emulator does not have.
    #[error("{0} is not implemented by this emulator")]
    Unimplemented(String),
}

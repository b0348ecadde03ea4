//! Objects of a bucket, as load and extract jobs see them. Whoever runs the emulator connects a store; the
//! emulator itself knows no other service.

use std::fmt::Debug;

use bytes::Bytes;

/// Why an object cannot be had, in the store's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ObjectError(pub String);

/// A store of objects in buckets.
pub trait ObjectStore: Debug + Send + Sync {
    /// The names of a bucket's objects that begin with a prefix, in order.
    ///
    /// # Errors
    /// The bucket does not exist.
    fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, ObjectError>;

    /// An object's content, as it was written: not unpacked.
    ///
    /// # Errors
    /// The bucket or the object does not exist.
    fn get(&self, bucket: &str, name: &str) -> Result<Bytes, ObjectError>;

    /// Writes an object, in place of one that is there.
    ///
    /// # Errors
    /// The bucket does not exist.
    fn put(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), ObjectError>;
}

/// The bucket and the name of `gs://bucket/name`.
pub(crate) fn parse_uri(uri: &str) -> Option<(&str, &str)> {
    let (bucket, name) = uri.strip_prefix("gs://")?.split_once('/')?;
    (!bucket.is_empty() && !name.is_empty()).then_some((bucket, name))
}

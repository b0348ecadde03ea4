//! An object: what a client says of it, what the service knows of it, and what keeps it from being
//! deleted. Invariant: its checksums are those of its bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};

use super::bucket::{Bucket, validate_storage_class};
use super::{BrokerError, rfc3339};
use crate::limits::{OBJECT_METADATA_BYTES_MAX, OBJECT_NAME_BYTES_MAX};

/// What a client may say of an object, when writing it and later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Its media type.
    pub content_type: Option<String>,
    /// Its encoding, as `gzip`.
    pub content_encoding: Option<String>,
    /// How a browser presents it.
    pub content_disposition: Option<String>,
    /// Its language.
    pub content_language: Option<String>,
    /// What caches may do with it.
    pub cache_control: Option<String>,
    /// The client's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// A time that lifecycle rules look at, in microseconds since the epoch.
    pub custom_time: Option<i64>,
    /// Keeps it from being deleted or replaced.
    pub temporary_hold: bool,
    /// The same, and the bucket's retention begins when it is released. None takes the bucket's default.
    pub event_based_hold: Option<bool>,
    /// Its own retention.
    pub retention: Option<Retention>,
    /// Its storage class; none takes the bucket's default.
    pub storage_class: Option<String>,
}

/// The retention of a single object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether it can only grow.
    pub is_locked: bool,
    /// When it ends, in microseconds since the epoch.
    pub until: i64,
}

/// What a client says of an object that it writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSpec {
    /// The object's name.
    pub name: String,
    /// What the client says of it.
    pub attributes: Attributes,
    /// The CRC-32C that the client computed.
    pub crc32c: Option<u32>,
    /// The MD5 that the client computed.
    pub md5: Option<Vec<u8>>,
}

/// The checksums of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksums {
    /// CRC-32C (Castagnoli).
    pub crc32c: u32,
    /// MD5; composed objects have none.
    pub md5: Option<[u8; 16]>,
}

impl Checksums {
    /// Those of a content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self { crc32c: crc32c::crc32c(content), md5: Some(Md5::digest(content).into()) }
    }

    /// Fails when the client computed others.
    pub(super) fn check(self, spec: &ObjectSpec) -> Result<(), BrokerError> {
        let Self { crc32c, md5 } = self;
        if spec.crc32c.is_some_and(|stated| stated != crc32c) {
            let text = format!("Provided CRC32C does not match the calculated one {crc32c}.");
            return Err(BrokerError::Invalid(text));
        }
        let other_md5 = |stated: &Vec<u8>| md5.is_some_and(|md5| stated[..] != md5[..]);
        if spec.md5.as_ref().is_some_and(other_md5) {
            return Err(BrokerError::Invalid("Provided MD5 hash does not match.".to_owned()));
        }
        Ok(())
    }
}

/// Bytes with their checksums: computed once, outside of the broker, for large contents take a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub bytes: Bytes,
    /// Theirs.
    pub checksums: Checksums,
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        let checksums = Checksums::of(&bytes);
        Self { bytes, checksums }
    }
}

/// When an object was deleted, and until when it can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftDeletion {
    /// When it was deleted, in microseconds since the epoch.
    pub deleted_at: i64,
    /// When it is gone for good.
    pub gone_at: i64,
}

/// A stored object: one generation of a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// What the client said of it; class and event-based hold are filled in from the bucket.
    pub attributes: Attributes,
    /// Its content.
    pub content: Bytes,
    /// Grows with every write of the name.
    pub generation: i64,
    /// Grows with every change of the metadata.
    pub metageneration: i64,
    /// The checksums of the content.
    pub checksums: Checksums,
    /// How many objects it was composed of.
    pub component_count: Option<i32>,
    /// When it was written, in microseconds since the epoch.
    pub created_at: i64,
    /// When its metadata changed last.
    pub updated_at: i64,
    /// When its storage class changed last.
    pub class_updated_at: i64,
    /// When the bucket's retention began to count.
    pub retained_since: i64,
    /// When it ceased to be the live one.
    pub noncurrent_at: Option<i64>,
    /// Set when it was deleted and can be restored.
    pub soft_deletion: Option<SoftDeletion>,
}

impl Object {
    /// Its storage class.
    #[must_use]
    pub fn storage_class(&self) -> &str {
        self.attributes.storage_class.as_deref().unwrap_or("STANDARD")
    }

    /// The number of its bytes, as the API counts.
    #[must_use]
    pub fn size(&self) -> i64 {
        i64::try_from(self.content.len()).unwrap_or(i64::MAX)
    }

    /// An opaque text that differs whenever the object or its metadata does.
    #[must_use]
    pub fn etag(&self) -> Vec<u8> {
        let mut bytes = vec![0x08];
        push_varint(&mut bytes, self.generation);
        bytes.push(0x10);
        push_varint(&mut bytes, self.metageneration);
        bytes
    }

    /// Fails while a hold or a retention keeps the object. Becoming noncurrent is no deletion, so a
    /// retention does not stand in its way; a hold does.
    pub(super) fn check_removable(
        &self,
        bucket: &Bucket,
        is_archived: bool,
        now: i64,
    ) -> Result<(), BrokerError> {
        let object = || format!("{}/{}", bucket.name, self.name);
        if self.attributes.temporary_hold {
            return Err(BrokerError::Held { object: object(), hold: "Temporary" });
        }
        if self.attributes.event_based_hold == Some(true) {
            return Err(BrokerError::Held { object: object(), hold: "Event-Based" });
        }
        let own = self.attributes.retention.map(|retention| retention.until);
        let until = own.max(bucket.retention_ends_at(self)).filter(|until| *until > now);
        match until {
            Some(until) if !is_archived => {
                Err(BrokerError::Retained { object: object(), until: rfc3339(until) })
            }
            _ => Ok(()),
        }
    }
}

/// Protobuf's variable-length integer, as etags hold it.
pub(crate) fn push_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = value.cast_unsigned();
    loop {
        let low = u8::try_from(rest & 0x7F).expect("seven bits");
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// The rules for what a client says of an object.
pub(super) fn validate_attributes(
    attributes: &Attributes,
    bucket: &Bucket,
    now: i64,
) -> Result<(), BrokerError> {
    if let Some(class) = &attributes.storage_class {
        validate_storage_class(class)?;
    }
    let bytes: usize = attributes.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > OBJECT_METADATA_BYTES_MAX {
        let text = format!(
            "The total size of custom metadata, {bytes} bytes, is above {OBJECT_METADATA_BYTES_MAX}."
        );
        return Err(BrokerError::Invalid(text));
    }
    if let Some(retention) = attributes.retention {
        if !bucket.object_retention {
            let text = "Object retention is not enabled on the bucket.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        if retention.until <= now {
            return Err(BrokerError::Invalid(
                "Retain until time must be in the future.".to_owned(),
            ));
        }
    }
    Ok(())
}

/// What a change of the attributes may not do.
pub(super) fn validate_change(
    old: &Attributes,
    new: &Attributes,
    bucket: &Bucket,
    overrides_unlocked: bool,
    now: i64,
) -> Result<(), BrokerError> {
    if new.storage_class != old.storage_class {
        let text = "The storage class of an object is changed by rewriting it.".to_owned();
        return Err(BrokerError::Invalid(text));
    }
    // The service documents both: never removed, never moved back.
    if new.custom_time < old.custom_time {
        let text = "Custom time cannot be removed or set to an earlier datetime.".to_owned();
        return Err(BrokerError::Invalid(text));
    }
    if old.retention != new.retention {
        let grows = match (old.retention, new.retention) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(old), Some(new)) => new.until >= old.until && new.is_locked >= old.is_locked,
        };
        let is_locked = old.retention.is_some_and(|retention| retention.is_locked);
        if !grows && (is_locked || !overrides_unlocked) {
            let text = "The object's retention cannot be removed or shortened.".to_owned();
            return Err(BrokerError::Forbidden(text));
        }
    }
    let unchanged = Attributes { retention: None, ..new.clone() };
    validate_attributes(if old.retention == new.retention { &unchanged } else { new }, bucket, now)
}

/// The rules for an object's name.
pub(super) fn validate_name(name: &str) -> Result<(), BrokerError> {
    let valid = !name.is_empty()
        && name.len() <= OBJECT_NAME_BYTES_MAX
        && !matches!(name, "." | "..")
        && !name.starts_with(".well-known/acme-challenge/")
        && !name.contains(['\r', '\n']);
    if valid {
        return Ok(());
    }
    Err(BrokerError::Invalid(format!(
        "Invalid object name: it must have 1 to {OBJECT_NAME_BYTES_MAX} bytes and no line breaks"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names() {
        let long = "x".repeat(OBJECT_NAME_BYTES_MAX);
        let longer = "x".repeat(OBJECT_NAME_BYTES_MAX + 1);
        let cases = [
            ("a/b:c d", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a\nb", false),
            (long.as_str(), true),
            (longer.as_str(), false),
        ];
        for (name, valid) in cases {
            assert_eq!(validate_name(name).is_ok(), valid, "{name}");
        }
    }

    #[test]
    fn varints_are_those_of_protobuf() {
        for (value, expected) in
            [(0, vec![0]), (1, vec![1]), (300, vec![0xAC, 0x02]), (127, vec![127])]
        {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            assert_eq!(bytes, expected, "{value}");
        }
    }
}

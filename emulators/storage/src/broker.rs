//! The state of Cloud Storage: buckets, objects with their generations, preconditions, lists, uploads,
//! policies and notifications. Pure: `&mut self`, times as arguments in microseconds since the epoch, no
//! clock, no sockets. Invariant: an object's generation grows with every write of its name, and its
//! checksums are those of its bytes.

mod access;
mod bucket;
mod copy;
mod error;
mod glob;
mod journal;
mod lifecycle;
mod list;
mod notification;
mod object;
mod objects;
mod parts;
mod precondition;
mod upload;

use std::collections::BTreeMap;

pub use access::{Binding, Condition, Policy};
pub use bucket::{
    Bucket, BucketSettings, Cors, Logging, RetentionPolicy, SoftDeletePolicy, Website,
};
pub use copy::{Destination, RewriteProgress, Source};
pub use error::BrokerError;
pub use glob::Glob;
pub use lifecycle::{Date, LifecycleAction, LifecycleCondition, LifecycleRule};
pub use list::{ListQuery, ListScope, Listing};
pub use notification::{EventType, Notification, NotificationConfig};
pub(crate) use object::push_varint;
pub use object::{Attributes, Checksums, Content, Object, ObjectSpec, Retention, SoftDeletion};
pub use objects::{Selector, Target};
pub use parts::{Part, PartsId, PartsUpload};
pub use precondition::Preconditions;
pub use upload::{ChunkOutcome, UploadId};

use copy::Rewrite;
use journal::Journal;
use notification::NotificationConfigs;
use upload::Upload;

/// All buckets, uploads and rewrites.
#[derive(Debug, Default)]
pub struct Broker {
    buckets: BTreeMap<String, BucketState>,
    uploads: BTreeMap<UploadId, Upload>,
    last_upload: u64,
    parts_uploads: BTreeMap<u64, PartsUpload>,
    last_parts_upload: u64,
    rewrites: BTreeMap<u64, Rewrite>,
    last_rewrite: u64,
    journal: Journal,
    lifecycle_due_at: i64,
}

#[derive(Debug)]
struct BucketState {
    bucket: Bucket,
    live: BTreeMap<String, Object>,
    noncurrent: BTreeMap<String, BTreeMap<i64, Object>>,
    soft_deleted: BTreeMap<String, BTreeMap<i64, Object>>,
    policy: Policy,
    policy_number: i64,
    notifications: NotificationConfigs,
}

/// An object in its bucket.
#[derive(Debug, Clone, Copy)]
pub struct ObjectView<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The object.
    pub object: &'a Object,
}

impl Broker {
    /// Creates a bucket.
    ///
    /// # Errors
    /// Invalid name or settings, or it exists.
    pub fn create_bucket(&mut self, bucket: Bucket) -> Result<&Bucket, BrokerError> {
        bucket::validate_name(&bucket.name)?;
        bucket::validate_settings(&bucket.settings)?;
        let name = bucket.name.clone();
        if self.buckets.contains_key(&name) {
            return Err(BrokerError::BucketExists);
        }
        let state = BucketState {
            policy: Policy::of_new_bucket(&bucket.project),
            policy_number: 1,
            bucket,
            live: BTreeMap::new(),
            noncurrent: BTreeMap::new(),
            soft_deleted: BTreeMap::new(),
            notifications: NotificationConfigs::default(),
        };
        Ok(&self.buckets.entry(name).or_insert(state).bucket)
    }

    /// A bucket.
    ///
    /// # Errors
    /// Not found, or a condition on its metageneration that does not hold.
    pub fn bucket(&self, name: &str, conditions: Preconditions) -> Result<&Bucket, BrokerError> {
        let bucket = &self.state(name)?.bucket;
        conditions.for_metageneration(Some(bucket.metageneration))?;
        Ok(bucket)
    }

    /// The buckets of a project in the order of their names, from a name on; `-` and `_` name every
    /// project.
    pub fn buckets<'a>(
        &'a self,
        project: &'a str,
        prefix: &'a str,
        after: &'a str,
    ) -> impl Iterator<Item = &'a Bucket> {
        self.buckets
            .range(prefix.max(after).to_owned()..)
            .map(|(_, state)| &state.bucket)
            .take_while(move |bucket| bucket.name.starts_with(prefix))
            .filter(move |bucket| after.is_empty() || bucket.name != after)
            .filter(move |bucket| matches!(project, "-" | "_") || bucket.project == project)
    }

    /// Changes a bucket's settings. `change` is given what holds now and answers what shall hold.
    ///
    /// # Errors
    /// As [`Broker::bucket`]; what `change` answers; a change that is not allowed.
    pub fn update_bucket(
        &mut self,
        name: &str,
        conditions: Preconditions,
        change: impl FnOnce(&BucketSettings) -> Result<BucketSettings, BrokerError>,
        now: i64,
    ) -> Result<&Bucket, BrokerError> {
        let bucket = self.bucket_for_write(name, conditions)?;
        let new = change(&bucket.settings)?;
        bucket.change(new, now)?;
        Ok(bucket)
    }

    /// Locks a bucket's retention policy: from then on it only grows.
    ///
    /// # Errors
    /// As [`Broker::bucket`]; no retention policy.
    pub fn lock_retention_policy(
        &mut self,
        name: &str,
        conditions: Preconditions,
        now: i64,
    ) -> Result<&Bucket, BrokerError> {
        let bucket = self.bucket_for_write(name, conditions)?;
        let Some(policy) = &mut bucket.settings.retention_policy else {
            let text = "A bucket without a retention policy cannot be locked.".to_owned();
            return Err(BrokerError::Invalid(text));
        };
        policy.is_locked = true;
        bucket.metageneration += 1;
        bucket.updated_at = now;
        Ok(bucket)
    }

    /// Deletes a bucket that holds no objects, noncurrent ones included.
    ///
    /// # Errors
    /// As [`Broker::bucket`]; not empty.
    pub fn delete_bucket(
        &mut self,
        name: &str,
        conditions: Preconditions,
    ) -> Result<(), BrokerError> {
        self.bucket_for_write(name, conditions)?;
        let state = self.state(name)?;
        if !state.live.is_empty() || !state.noncurrent.is_empty() {
            return Err(BrokerError::BucketNotEmpty);
        }
        self.buckets.remove(name);
        self.parts_uploads.retain(|_, upload| upload.bucket != name);
        self.journal.forget_bucket(name);
        Ok(())
    }

    fn bucket_for_write(
        &mut self,
        name: &str,
        conditions: Preconditions,
    ) -> Result<&mut Bucket, BrokerError> {
        let bucket = &mut self.state_mut(name)?.bucket;
        conditions
            .for_metageneration(Some(bucket.metageneration))
            .map_err(|_| BrokerError::Precondition)?;
        Ok(bucket)
    }

    fn state(&self, bucket: &str) -> Result<&BucketState, BrokerError> {
        self.buckets.get(bucket).ok_or(BrokerError::BucketNotFound)
    }

    fn state_mut(&mut self, bucket: &str) -> Result<&mut BucketState, BrokerError> {
        self.buckets.get_mut(bucket).ok_or(BrokerError::BucketNotFound)
    }
}

/// `2024-01-01T12:00:00.123Z`, through protobuf's own formatter; the service shows milliseconds.
pub(crate) fn rfc3339(micros: i64) -> String {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) / 1_000 * 1_000_000);
    let nanos = nanos.expect("below a thousand million");
    let mut timestamp = prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos };
    timestamp.normalize();
    let text = timestamp.to_string();
    // Whole seconds have their milliseconds as well.
    match text.strip_suffix('Z') {
        Some(whole) if nanos == 0 => format!("{whole}.000Z"),
        _ => text,
    }
}

/// Reads RFC 3339, with any offset, to microseconds since the epoch.
pub(crate) fn from_rfc3339(text: &str) -> Option<i64> {
    let timestamp: prost_types::Timestamp = text.parse().ok()?;
    timestamp.seconds.checked_mul(1_000_000)?.checked_add(i64::from(timestamp.nanos) / 1_000)
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// A broker with the bucket `bucket`.
    pub(super) fn broker() -> Broker {
        let mut broker = Broker::default();
        broker.create_bucket(Bucket::new("p", "bucket", 0)).unwrap();
        broker
    }

    pub(super) fn set(broker: &mut Broker, change: impl FnOnce(&mut BucketSettings)) {
        let none = Preconditions::default();
        let changed = |old: &BucketSettings| {
            let mut new = old.clone();
            change(&mut new);
            Ok(new)
        };
        broker.update_bucket("bucket", none, changed, 0).unwrap();
    }

    pub(super) fn attributes(
        broker: &mut Broker,
        name: &str,
        new: &Attributes,
        now: i64,
    ) -> Result<i64, BrokerError> {
        let target = Target { bucket: "bucket", name, ..Target::default() };
        let view = broker.update_object(target, false, |_| Ok(new.clone()), now)?;
        Ok(view.object.metageneration)
    }

    fn store(
        broker: &mut Broker,
        name: &str,
        content: &str,
        conditions: Preconditions,
        now: i64,
    ) -> Result<i64, BrokerError> {
        let spec = ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
        let content = Bytes::from(content.to_owned()).into();
        Ok(broker.put("bucket", spec, content, conditions, now)?.object.generation)
    }

    pub(super) fn put(broker: &mut Broker, name: &str, content: &str) -> Result<i64, BrokerError> {
        store(broker, name, content, Preconditions::default(), 5)
    }

    pub(super) fn put_at(
        broker: &mut Broker,
        name: &str,
        content: &str,
        now: i64,
    ) -> Result<i64, BrokerError> {
        store(broker, name, content, Preconditions::default(), now)
    }

    pub(super) fn put_if(
        broker: &mut Broker,
        name: &str,
        conditions: Preconditions,
    ) -> Result<i64, BrokerError> {
        store(broker, name, "x", conditions, 5)
    }

    pub(super) fn names(broker: &Broker) -> Vec<String> {
        let listing = broker.list("bucket", &ListQuery::default(), 9).unwrap();
        listing.objects.iter().map(|object| object.name.clone()).collect()
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, micros, written) in [
            ("1970-01-01T00:00:00Z", Some(0), "1970-01-01T00:00:00.000Z"),
            (
                "2024-01-01T12:00:00.123456Z",
                Some(1_704_110_400_123_456),
                "2024-01-01T12:00:00.123Z",
            ),
            ("2024-01-01T13:00:00+01:00", Some(1_704_110_400_000_000), "2024-01-01T12:00:00.000Z"),
            ("yesterday", None, ""),
        ] {
            assert_eq!(from_rfc3339(text), micros, "{text}");
            if let Some(micros) = micros {
                assert_eq!(rfc3339(micros), written);
            }
        }
    }

    #[test]
    fn the_settings_of_a_bucket_have_a_metageneration() {
        let mut broker = broker();
        let first = Preconditions { metageneration_match: Some(1), ..Preconditions::default() };
        let named = |old: &BucketSettings| {
            let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            Ok(BucketSettings { labels, ..old.clone() })
        };
        let updated = broker.update_bucket("bucket", first, named, 7).unwrap();
        assert_eq!((updated.metageneration, updated.updated_at), (2, 7));
        let refused = broker.update_bucket("bucket", first, named, 8).map(|_| ());
        assert_eq!(refused, Err(BrokerError::Precondition));
        let same = Preconditions { metageneration_not_match: Some(2), ..Preconditions::default() };
        let unchanged = broker.bucket("bucket", same).map(|_| ());
        assert_eq!(unchanged, Err(BrokerError::NotModified));
        assert_eq!(broker.delete_bucket("bucket", first), Err(BrokerError::Precondition));
        assert!(broker.lock_retention_policy("bucket", same, 9).is_err());
    }

    #[test]
    fn buckets_are_listed_by_project_and_prefix() {
        let mut broker = Broker::default();
        for (project, name) in [("p", "aaa"), ("q", "aab"), ("p", "abb"), ("p", "bbb")] {
            broker.create_bucket(Bucket::new(project, name, 0)).unwrap();
        }
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("p", "", "", &["aaa", "abb", "bbb"]),
            ("-", "aa", "", &["aaa", "aab"]),
            ("p", "a", "aaa", &["abb"]),
            ("r", "", "", &[]),
        ];
        for (project, prefix, after, expected) in cases {
            let found: Vec<_> =
                broker.buckets(project, prefix, after).map(|it| it.name.as_str()).collect();
            assert_eq!(&found[..], *expected, "{project} {prefix} {after}");
        }
    }
}

//! Writing, reading, changing, deleting and restoring objects. Invariant: at most one generation of a
//! name is live; what it replaces becomes noncurrent where the bucket keeps versions, and otherwise can
//! be restored for a while.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::notification::{EventType, ObjectEvent};
use super::object::{
    Attributes, Checksums, Content, Object, ObjectSpec, SoftDeletion, validate_attributes,
    validate_change, validate_name,
};
use super::{Broker, BrokerError, BucketState, Journal, ObjectView, Preconditions};

/// Which generation of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selector {
    /// None is the live one.
    pub generation: Option<i64>,
    /// Among those that were deleted and can be restored.
    pub soft_deleted: bool,
}

impl Selector {
    /// The live object.
    pub const LIVE: Self = Self { generation: None, soft_deleted: false };

    /// A generation, or the live one.
    #[must_use]
    pub fn of(generation: Option<i64>) -> Self {
        Self { generation, soft_deleted: false }
    }
}

/// The object that a call changes, and what must hold of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its bucket.
    pub bucket: &'a str,
    /// Its name.
    pub name: &'a str,
    /// None is the live one.
    pub generation: Option<i64>,
    /// What must hold of it.
    pub conditions: Preconditions,
}

/// An object that is about to be stored.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) content: Bytes,
    pub(super) checksums: Checksums,
    pub(super) component_count: Option<i32>,
}

impl Broker {
    /// Writes an object.
    ///
    /// # Errors
    /// Unknown bucket, a name or a setting that breaks a rule, a condition that does not hold, a hold
    /// or a retention on the object that is there, or a checksum that is not that of the content.
    pub fn put(
        &mut self,
        bucket: &str,
        spec: ObjectSpec,
        content: Content,
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        self.check_put(bucket, &spec.name, conditions)?;
        let Content { bytes: content, checksums } = content;
        checksums.check(&spec)?;
        let ObjectSpec { name, attributes, .. } = spec;
        let draft = Draft { name, attributes, content, checksums, component_count: None };
        self.store(bucket, draft, conditions, now)
    }

    /// What [`Broker::put`] would refuse before it looks at the content.
    pub(super) fn check_put(
        &self,
        bucket: &str,
        name: &str,
        conditions: Preconditions,
    ) -> Result<(), BrokerError> {
        validate_name(name)?;
        let live = self.state(bucket)?.live.get(name);
        conditions.for_write(live, live)
    }

    /// Makes a draft the live object of its name.
    pub(super) fn store(
        &mut self,
        bucket: &str,
        draft: Draft,
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        validate_name(&draft.name)?;
        let Self { buckets, journal, .. } = self;
        let state = buckets.get_mut(bucket).ok_or(BrokerError::BucketNotFound)?;
        let live = state.live.get(&draft.name);
        conditions.for_write(live, live)?;
        validate_attributes(&draft.attributes, &state.bucket, now)?;
        journal.check_room()?;
        let overwrote = live.map(|object| object.generation);
        if let Some(live) = live {
            live.check_removable(&state.bucket, state.bucket.keeps_versions(), now)?;
        }
        let generation = journal.next_generation(now);
        let name = draft.name.clone();
        let old = state.live.insert(name.clone(), state.object_of(draft, generation, now));
        let event = ObjectEvent {
            event: EventType::Finalize,
            object: &state.live[&name],
            overwrote,
            overwritten_by: None,
            at: now,
        };
        journal.notify(state, &event);
        if let Some(old) = old {
            let is_archived = state.bucket.keeps_versions();
            state.put_away(old, is_archived, Some(generation), journal, now);
        }
        self.forget(now);
        self.view(bucket, &name)
    }

    /// An object, of one generation where one is named.
    ///
    /// # Errors
    /// Unknown bucket or object, or a condition that does not hold.
    pub fn get(
        &self,
        bucket: &str,
        name: &str,
        selector: Selector,
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let state = self.state(bucket)?;
        let object = match selector {
            Selector { generation: None, soft_deleted: true } => {
                return Err(BrokerError::Required("generation"));
            }
            Selector { generation: Some(generation), soft_deleted: true } => {
                state.soft_deleted_object(name, generation, now)?
            }
            Selector { generation, soft_deleted: false } => state.object(name, generation)?,
        };
        conditions.for_read(state.live.get(name), Some(object))?;
        Ok(ObjectView { bucket: &state.bucket, object })
    }

    /// Changes what a client may say of an object. `change` is given what holds now and answers what
    /// shall hold.
    ///
    /// # Errors
    /// As [`Broker::get`]; what `change` answers; a change that is not allowed.
    pub fn update_object(
        &mut self,
        target: Target<'_>,
        overrides_unlocked: bool,
        change: impl FnOnce(&Attributes) -> Result<Attributes, BrokerError>,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let Target { bucket, name, generation, conditions } = target;
        let Self { buckets, journal, .. } = self;
        let state = buckets.get_mut(bucket).ok_or(BrokerError::BucketNotFound)?;
        let object = state.object(name, generation)?;
        conditions.for_write(state.live.get(name), Some(object))?;
        journal.check_room()?;
        let old = &object.attributes;
        let mut new = change(old)?;
        new.storage_class = new.storage_class.or_else(|| old.storage_class.clone());
        validate_change(old, &new, &state.bucket, overrides_unlocked, now)?;
        let is_released = old.event_based_hold == Some(true) && new.event_based_hold != Some(true);
        let object = state.object_mut(name, generation)?;
        object.attributes = new;
        object.metageneration += 1;
        object.updated_at = now;
        if is_released {
            object.retained_since = now;
        }
        let object = state.object(name, generation)?;
        let event = ObjectEvent {
            event: EventType::MetadataUpdate,
            object,
            overwrote: None,
            overwritten_by: None,
            at: now,
        };
        journal.notify(state, &event);
        Ok(ObjectView { bucket: &state.bucket, object })
    }

    /// Deletes an object. Without a generation the live one becomes noncurrent where the bucket keeps
    /// versions; a named generation is deleted.
    ///
    /// # Errors
    /// As [`Broker::get`]; a hold or a retention.
    pub fn delete(
        &mut self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: Preconditions,
        now: i64,
    ) -> Result<(), BrokerError> {
        let state = self.state(bucket)?;
        let object = state.object(name, generation)?;
        conditions.for_write(state.live.get(name), Some(object))?;
        self.journal.check_room()?;
        self.remove(bucket, name, generation, now)
    }

    pub(super) fn remove(
        &mut self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        now: i64,
    ) -> Result<(), BrokerError> {
        let Self { buckets, journal, .. } = self;
        let state = buckets.get_mut(bucket).ok_or(BrokerError::BucketNotFound)?;
        let is_archived = generation.is_none() && state.bucket.keeps_versions();
        let object = state.object(name, generation)?;
        object.check_removable(&state.bucket, is_archived, now)?;
        let taken = if object.noncurrent_at.is_none() {
            state.live.remove(name)
        } else {
            let generation = object.generation;
            take(&mut state.noncurrent, name, generation)
        };
        let taken = taken.ok_or_else(|| state.not_found(name))?;
        state.put_away(taken, is_archived, None, journal, now);
        self.forget(now);
        Ok(())
    }

    /// Makes a copy of a deleted object live. Conditions look at the live object.
    ///
    /// # Errors
    /// As [`Broker::put`]; not found among those that can be restored.
    pub fn restore(
        &mut self,
        bucket: &str,
        name: &str,
        generation: i64,
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let object = self.state(bucket)?.soft_deleted_object(name, generation, now)?;
        let draft = Draft {
            name: object.name.clone(),
            // A retention of the past is not taken over: it has ended.
            attributes: Attributes {
                retention: object.attributes.retention.filter(|retention| retention.until > now),
                ..object.attributes.clone()
            },
            content: object.content.clone(),
            checksums: object.checksums,
            component_count: object.component_count,
        };
        self.store(bucket, draft, conditions, now)
    }

    /// Forgets soft-deleted objects whose time is over, or that are too many.
    fn forget(&mut self, now: i64) {
        while let Some(deletion) = self.journal.next_forgotten(now) {
            if let Some(state) = self.buckets.get_mut(&deletion.bucket) {
                take(&mut state.soft_deleted, &deletion.name, deletion.generation);
            }
        }
    }

    pub(super) fn view(&self, bucket: &str, name: &str) -> Result<ObjectView<'_>, BrokerError> {
        let state = self.state(bucket)?;
        Ok(ObjectView { bucket: &state.bucket, object: state.object(name, None)? })
    }
}

impl BucketState {
    pub(super) fn not_found(&self, name: &str) -> BrokerError {
        BrokerError::ObjectNotFound(format!("{}/{name}", self.bucket.name))
    }

    /// A live or noncurrent object.
    pub(super) fn object(
        &self,
        name: &str,
        generation: Option<i64>,
    ) -> Result<&Object, BrokerError> {
        let live = self.live.get(name);
        let found = match generation {
            None => live,
            Some(wanted) => live
                .filter(|object| object.generation == wanted)
                .or_else(|| self.noncurrent.get(name)?.get(&wanted)),
        };
        found.ok_or_else(|| self.not_found(name))
    }

    pub(super) fn object_mut(
        &mut self,
        name: &str,
        generation: Option<i64>,
    ) -> Result<&mut Object, BrokerError> {
        let error = self.not_found(name);
        let live = self.live.get_mut(name);
        let found = match generation {
            None => live,
            Some(wanted) => match live.filter(|object| object.generation == wanted) {
                Some(live) => Some(live),
                None => self.noncurrent.get_mut(name).and_then(|it| it.get_mut(&wanted)),
            },
        };
        found.ok_or(error)
    }

    fn soft_deleted_object(
        &self,
        name: &str,
        generation: i64,
        now: i64,
    ) -> Result<&Object, BrokerError> {
        let found = self.soft_deleted.get(name).and_then(|it| it.get(&generation));
        found.filter(|object| can_be_restored(object, now)).ok_or_else(|| self.not_found(name))
    }

    fn object_of(&self, draft: Draft, generation: i64, now: i64) -> Object {
        let Draft { name, mut attributes, content, checksums, component_count } = draft;
        let settings = &self.bucket.settings;
        attributes.storage_class.get_or_insert_with(|| settings.storage_class.clone());
        if attributes.event_based_hold.is_none() && settings.default_event_based_hold {
            attributes.event_based_hold = Some(true);
        }
        Object {
            name,
            attributes,
            content,
            generation,
            metageneration: 1,
            checksums,
            component_count,
            created_at: now,
            updated_at: now,
            class_updated_at: now,
            retained_since: now,
            noncurrent_at: None,
            soft_deletion: None,
        }
    }

    /// Keeps an object that is no longer live as a noncurrent version or for a restore, or drops it.
    fn put_away(
        &mut self,
        mut object: Object,
        is_archived: bool,
        overwritten_by: Option<i64>,
        journal: &mut Journal,
        now: i64,
    ) {
        let event = if is_archived { EventType::Archive } else { EventType::Delete };
        let object_event =
            ObjectEvent { event, object: &object, overwrote: None, overwritten_by, at: now };
        journal.notify(self, &object_event);
        let seconds = self.bucket.settings.soft_delete_policy.duration_seconds;
        let (kept, generation) = if is_archived {
            object.noncurrent_at = Some(now);
            (&mut self.noncurrent, object.generation)
        } else if seconds > 0 {
            let gone_at = now.saturating_add(seconds * 1_000_000);
            object.soft_deletion = Some(SoftDeletion { deleted_at: now, gone_at });
            journal.soft_deleted(&self.bucket.name, &object, gone_at);
            (&mut self.soft_deleted, object.generation)
        } else {
            return;
        };
        kept.entry(object.name.clone()).or_default().insert(generation, object);
    }
}

pub(super) fn can_be_restored(object: &Object, now: i64) -> bool {
    object.soft_deletion.is_some_and(|deletion| deletion.gone_at > now)
}

fn take(
    objects: &mut BTreeMap<String, BTreeMap<i64, Object>>,
    name: &str,
    generation: i64,
) -> Option<Object> {
    let generations = objects.get_mut(name)?;
    let taken = generations.remove(&generation);
    if generations.is_empty() {
        objects.remove(name);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::bucket::RetentionPolicy;
    use super::super::tests::{attributes, broker, put, put_if, set};
    use super::*;

    fn get(broker: &Broker, generation: Option<i64>) -> Result<String, BrokerError> {
        let selector = Selector::of(generation);
        let view = broker.get("bucket", "a", selector, Preconditions::default(), 9)?;
        Ok(String::from_utf8_lossy(&view.object.content).into_owned())
    }

    fn delete(broker: &mut Broker, generation: Option<i64>) -> Result<(), BrokerError> {
        broker.delete("bucket", "a", generation, Preconditions::default(), 9)
    }

    #[test]
    fn preconditions_are_those_of_the_service() {
        let mut broker = broker();
        let absent = Preconditions { generation_match: Some(0), ..Preconditions::default() };
        let first = put_if(&mut broker, "a", absent).unwrap();
        assert_eq!(put_if(&mut broker, "a", absent), Err(BrokerError::Precondition));
        let same = Preconditions { generation_match: Some(first), ..Preconditions::default() };
        let second = put_if(&mut broker, "a", same).unwrap();
        assert!(second > first, "two writes in the same microsecond have two generations");
        assert_eq!(put_if(&mut broker, "a", same), Err(BrokerError::Precondition));
        let stale = broker.get("bucket", "a", Selector::of(Some(first)), same, 5);
        assert!(matches!(stale, Err(BrokerError::ObjectNotFound(_))));
        for (conditions, expected) in [
            (Preconditions { generation_match: Some(second), ..Default::default() }, Ok(())),
            (
                Preconditions { generation_not_match: Some(second), ..Default::default() },
                Err(BrokerError::NotModified),
            ),
            (Preconditions { generation_not_match: Some(0), ..Default::default() }, Ok(())),
            (
                Preconditions { metageneration_match: Some(2), ..Default::default() },
                Err(BrokerError::Precondition),
            ),
            (
                Preconditions { metageneration_not_match: Some(1), ..Default::default() },
                Err(BrokerError::NotModified),
            ),
        ] {
            let got = broker.get("bucket", "a", Selector::LIVE, conditions, 5).map(|_| ());
            assert_eq!(got, expected, "{conditions:?}");
        }
        let present = Preconditions { generation_not_match: Some(0), ..Preconditions::default() };
        assert_eq!(put_if(&mut broker, "b", present), Err(BrokerError::Precondition));
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut broker = broker();
        let spec = ObjectSpec { name: "a".to_owned(), crc32c: Some(1), ..ObjectSpec::default() };
        let put = broker.put(
            "bucket",
            spec,
            Bytes::from_static(b"x").into(),
            Preconditions::default(),
            0,
        );
        assert!(matches!(put, Err(BrokerError::Invalid(_))));
    }

    #[test]
    fn versions_are_kept_until_they_are_deleted_by_name() {
        let mut broker = broker();
        set(&mut broker, |settings| settings.versioning = Some(true));
        let first = put(&mut broker, "a", "1").unwrap();
        let second = put(&mut broker, "a", "2").unwrap();
        assert_eq!(get(&broker, Some(first)).unwrap(), "1");
        delete(&mut broker, None).unwrap();
        assert!(get(&broker, None).is_err());
        assert_eq!(get(&broker, Some(second)).unwrap(), "2");
        assert_eq!(
            broker.delete_bucket("bucket", Preconditions::default()),
            Err(BrokerError::BucketNotEmpty)
        );
        delete(&mut broker, Some(first)).unwrap();
        delete(&mut broker, Some(second)).unwrap();
        assert!(delete(&mut broker, Some(second)).is_err());
        broker.delete_bucket("bucket", Preconditions::default()).unwrap();
    }

    #[test]
    fn the_deleted_is_restored_within_its_time() {
        let mut broker = broker();
        let generation = put(&mut broker, "a", "1").unwrap();
        delete(&mut broker, None).unwrap();
        let seconds = broker.bucket("bucket", Preconditions::default()).unwrap();
        let gone_at = 9 + seconds.settings.soft_delete_policy.duration_seconds * 1_000_000;
        let restore = |broker: &mut Broker, conditions, now| {
            let view = broker.restore("bucket", "a", generation, conditions, now)?;
            Ok::<i64, BrokerError>(view.object.generation)
        };
        let none = Preconditions::default();
        assert!(matches!(restore(&mut broker, none, gone_at), Err(BrokerError::ObjectNotFound(_))));
        let absent = Preconditions { generation_match: Some(0), ..none };
        assert!(restore(&mut broker, absent, 10).unwrap() > generation);
        assert_eq!(get(&broker, None).unwrap(), "1");
        assert_eq!(restore(&mut broker, absent, 11), Err(BrokerError::Precondition));
        // The deleted one is still there, and restoring again replaces what is live.
        assert!(restore(&mut broker, none, 12).is_ok());
        set(&mut broker, |settings| settings.soft_delete_policy.duration_seconds = 0);
        let last = broker.view("bucket", "a").unwrap().object.generation;
        delete(&mut broker, None).unwrap();
        let restored = broker.restore("bucket", "a", last, none, 13).map(|_| ());
        assert!(matches!(restored, Err(BrokerError::ObjectNotFound(_))));
    }

    #[test]
    fn what_was_deleted_is_bounded_and_the_newest_is_kept() {
        let mut broker = broker();
        let large = "x".repeat(crate::limits::SOFT_DELETED_BYTES_MAX / 2);
        for _ in 0..4 {
            put(&mut broker, "a", &large).unwrap();
        }
        let kept = |broker: &Broker| broker.state("bucket").unwrap().soft_deleted["a"].len();
        assert_eq!(kept(&broker), 1, "two of them and what they take besides are too much");
        delete(&mut broker, None).unwrap();
        assert_eq!(kept(&broker), 1);
    }

    #[test]
    fn holds_and_retention_keep_objects() {
        let held = Attributes { temporary_hold: true, ..Attributes::default() };
        let waiting = Attributes { event_based_hold: Some(true), ..Attributes::default() };
        for attributes_of_a in [held, waiting] {
            let mut broker = broker();
            put(&mut broker, "a", "1").unwrap();
            attributes(&mut broker, "a", &attributes_of_a, 2).unwrap();
            assert!(matches!(delete(&mut broker, None), Err(BrokerError::Held { .. })));
            assert!(matches!(put(&mut broker, "a", "2"), Err(BrokerError::Held { .. })));
            attributes(&mut broker, "a", &Attributes::default(), 3).unwrap();
            delete(&mut broker, None).unwrap();
        }
    }

    #[test]
    fn a_retention_begins_with_the_object_or_the_release_of_its_hold() {
        let mut broker = broker();
        set(&mut broker, |settings| {
            let duration_seconds = 10;
            let policy = RetentionPolicy { duration_seconds, effective_at: 0, is_locked: false };
            settings.retention_policy = Some(policy);
        });
        put(&mut broker, "a", "1").unwrap();
        let none = Preconditions::default();
        let delete = |broker: &mut Broker, now| broker.delete("bucket", "a", None, none, now);
        assert!(matches!(delete(&mut broker, 9_000_000), Err(BrokerError::Retained { .. })));
        let waiting = Attributes { event_based_hold: Some(true), ..Attributes::default() };
        attributes(&mut broker, "a", &waiting, 9_000_000).unwrap();
        attributes(&mut broker, "a", &Attributes::default(), 15_000_000).unwrap();
        assert!(matches!(delete(&mut broker, 24_000_000), Err(BrokerError::Retained { .. })));
        delete(&mut broker, 25_000_000).unwrap();
    }
}

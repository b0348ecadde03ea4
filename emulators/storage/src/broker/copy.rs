//! Copying: copies, rewrites in several calls, moves, and composing several objects into one. Invariant:
//! a checksum of a composed object is combined from its parts and equals that of its bytes.

use bytes::{Bytes, BytesMut};

use super::objects::Draft;
use super::{
    Attributes, Broker, BrokerError, Checksums, ObjectSpec, ObjectView, Preconditions, Selector,
};
use crate::limits::{COMPOSE_SOURCES_MAX, REWRITE_BYTES_UNIT, REWRITES_MAX};

/// An object to copy from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Its bucket.
    pub bucket: String,
    /// Its name.
    pub name: String,
    /// None is the live one.
    pub generation: Option<i64>,
    /// What must hold of it.
    pub conditions: Preconditions,
}

/// Where to copy to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The bucket.
    pub bucket: String,
    /// The name.
    pub name: String,
    /// What to say of the copy; none takes over what is said of the source.
    pub attributes: Option<Attributes>,
    /// What must hold of the object that is there.
    pub conditions: Preconditions,
}

/// A rewrite that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewrite {
    source: Source,
    generation: i64,
    bucket: String,
    name: String,
    bytes_per_call: i64,
    rewritten: i64,
}

/// Where a rewrite is after a call.
#[derive(Debug)]
pub enum RewriteProgress<'a> {
    /// The copy exists.
    Done(ObjectView<'a>),
    /// The caller calls again with the token.
    Ongoing {
        /// Names the rewrite.
        token: String,
        /// Bytes so far.
        rewritten: i64,
        /// Bytes of the source.
        size: i64,
    },
}

impl Broker {
    /// Copies an object in one go.
    ///
    /// # Errors
    /// As [`Broker::get`] of the source and [`Broker::put`] of the destination.
    pub fn copy(
        &mut self,
        source: &Source,
        destination: Destination,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let view = self.source(source, now)?;
        let object = view.object;
        let attributes = destination.attributes.unwrap_or_else(|| Attributes {
            // These belong to the object that has them, not to its copies.
            temporary_hold: false,
            event_based_hold: None,
            retention: None,
            storage_class: None,
            ..object.attributes.clone()
        });
        let draft = Draft {
            name: destination.name,
            attributes,
            content: object.content.clone(),
            checksums: object.checksums,
            component_count: object.component_count,
        };
        self.store(&destination.bucket, draft, destination.conditions, now)
    }

    /// Copies an object, at most `bytes_per_call` bytes further than the call before, which gave the
    /// token.
    ///
    /// # Errors
    /// As [`Broker::copy`]; an unknown token or one of another rewrite; bytes that are no MiB.
    pub fn rewrite(
        &mut self,
        source: &Source,
        destination: Destination,
        token: &str,
        bytes_per_call: Option<i64>,
        now: i64,
    ) -> Result<RewriteProgress<'_>, BrokerError> {
        let per_call = bytes_per_call.unwrap_or(i64::MAX);
        if bytes_per_call.is_some_and(|bytes| bytes < 1 || bytes % REWRITE_BYTES_UNIT != 0) {
            let text = format!("maxBytesRewrittenPerCall must be a multiple of 1 MiB: {per_call}");
            return Err(BrokerError::Invalid(text));
        }
        let object = self.source(source, now)?.object;
        let (generation, size) = (object.generation, object.size());
        self.check_put(&destination.bucket, &destination.name, destination.conditions)?;
        let mut rewrite = Rewrite {
            source: source.clone(),
            generation,
            bucket: destination.bucket.clone(),
            name: destination.name.clone(),
            bytes_per_call: per_call,
            rewritten: 0,
        };
        let id = u64::from_str_radix(token, 16).ok();
        if !token.is_empty() {
            let known = id.and_then(|id| self.rewrites.get(&id));
            let rewritten = known.map_or(0, |known| known.rewritten);
            rewrite.rewritten = rewritten;
            // A token stands for all parameters of its rewrite, and for the generation that it copies.
            if known != Some(&rewrite) {
                return Err(BrokerError::Invalid("Invalid rewrite token.".to_owned()));
            }
        }
        let rewritten = rewrite.rewritten.saturating_add(per_call).min(size);
        if rewritten == size {
            if let Some(id) = id {
                self.rewrites.remove(&id);
            }
            return self.copy(source, destination, now).map(RewriteProgress::Done);
        }
        let id = id.unwrap_or_else(|| {
            self.last_rewrite += 1;
            self.last_rewrite
        });
        if self.rewrites.len() == REWRITES_MAX {
            self.rewrites.pop_first();
        }
        self.rewrites.insert(id, Rewrite { rewritten, ..rewrite });
        Ok(RewriteProgress::Ongoing { token: format!("{id:016x}"), rewritten, size })
    }

    /// Gives an object of a bucket another name; nobody sees both or neither.
    ///
    /// # Errors
    /// As [`Broker::copy`]; a hold or a retention on the source; the same name twice.
    pub fn move_object(
        &mut self,
        source: &Source,
        name: &str,
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        if source.name == name {
            let text = "The source and destination objects must not be the same.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        let view = self.source(source, now)?;
        let is_archived = view.bucket.keeps_versions();
        view.object.check_removable(view.bucket, is_archived, now)?;
        let attributes = Some(view.object.attributes.clone());
        let destination = Destination {
            bucket: source.bucket.clone(),
            name: name.to_owned(),
            attributes,
            conditions,
        };
        self.copy(source, destination, now)?;
        self.remove(&source.bucket, &source.name, None, now)?;
        self.view(&source.bucket, name)
    }

    /// Makes one object out of several of the same bucket, in their order.
    ///
    /// # Errors
    /// No source or more than 32; as [`Broker::get`] of the sources and [`Broker::put`].
    pub fn compose(
        &mut self,
        bucket: &str,
        sources: &[Source],
        spec: ObjectSpec,
        conditions: Preconditions,
        deletes_sources: bool,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        if sources.is_empty() {
            let text = "You must provide at least one source component.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        if sources.len() > COMPOSE_SOURCES_MAX {
            let text = format!(
                "The number of source components provided ({}) exceeds the maximum \
                 ({COMPOSE_SOURCES_MAX})",
                sources.len()
            );
            return Err(BrokerError::Invalid(text));
        }
        self.check_put(bucket, &spec.name, conditions)?;
        let (content, checksums, component_count) = self.concatenated(sources, now)?;
        checksums.check(&spec)?;
        let name = spec.name.clone();
        let doomed = || sources.iter().filter(|source| deletes_sources && source.name != name);
        for source in doomed() {
            let ObjectView { bucket, object } = self.source(source, now)?;
            let is_archived = source.generation.is_none() && bucket.keeps_versions();
            object.check_removable(bucket, is_archived, now)?;
        }
        let component_count = Some(component_count);
        let attributes = spec.attributes;
        let draft = Draft { name: name.clone(), attributes, content, checksums, component_count };
        self.store(bucket, draft, conditions, now)?;
        for source in doomed() {
            // Only a source that was named twice is gone already.
            let _gone = self.remove(bucket, &source.name, source.generation, now);
        }
        self.view(bucket, &name)
    }

    fn concatenated(
        &self,
        sources: &[Source],
        now: i64,
    ) -> Result<(Bytes, Checksums, i32), BrokerError> {
        let (mut crc32c, mut count) = (0, 0_i32);
        let mut contents = Vec::with_capacity(sources.len());
        for source in sources {
            let object = self.source(source, now)?.object;
            crc32c = crc32c::crc32c_combine(crc32c, object.checksums.crc32c, object.content.len());
            count = count.saturating_add(object.component_count.unwrap_or(1));
            contents.push(&object.content);
        }
        let content = match contents[..] {
            [only] => only.clone(),
            _ => {
                let bytes = contents.iter().map(|content| content.len()).sum();
                let mut all = BytesMut::with_capacity(bytes);
                contents.iter().for_each(|content| all.extend_from_slice(content));
                all.freeze()
            }
        };
        Ok((content, Checksums { crc32c, md5: None }, count))
    }

    fn source(&self, source: &Source, now: i64) -> Result<ObjectView<'_>, BrokerError> {
        let selector = Selector::of(source.generation);
        self.get(&source.bucket, &source.name, selector, source.conditions, now).map_err(|error| {
            match error {
                // These calls change something: there is no answer that is not modified.
                BrokerError::NotModified => BrokerError::Precondition,
                error => error,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, put};
    use super::*;

    fn source(name: &str) -> Source {
        Source { bucket: "bucket".to_owned(), name: name.to_owned(), ..Source::default() }
    }

    fn destination(name: &str) -> Destination {
        Destination { bucket: "bucket".to_owned(), name: name.to_owned(), ..Destination::default() }
    }

    #[test]
    fn composed_objects_have_the_checksum_of_their_bytes() {
        let mut broker = broker();
        for (name, content) in [("a", "hello "), ("b", ""), ("c", "world")] {
            put(&mut broker, name, content).unwrap();
        }
        let spec = ObjectSpec { name: "all".to_owned(), ..ObjectSpec::default() };
        let sources: Vec<Source> = ["a", "b", "c"].map(source).into();
        let none = Preconditions::default();
        let view = broker.compose("bucket", &sources, spec.clone(), none, false, 9).unwrap();
        assert_eq!(&view.object.content[..], b"hello world");
        assert_eq!(view.object.checksums.crc32c, crc32c::crc32c(b"hello world"));
        assert_eq!((view.object.checksums.md5, view.object.component_count), (None, Some(3)));
        let again = [source("all"), source("a")];
        let view = broker.compose("bucket", &again, spec.clone(), none, false, 9).unwrap();
        assert_eq!(view.object.component_count, Some(4));
        for sources in [vec![], vec![source("a"); 33]] {
            let refused = broker.compose("bucket", &sources, spec.clone(), none, false, 9);
            assert!(matches!(refused, Err(BrokerError::Invalid(_))));
        }
        let missing = broker.compose("bucket", &[source("x")], spec.clone(), none, false, 9);
        assert!(matches!(missing, Err(BrokerError::ObjectNotFound(_))));
        broker.compose("bucket", &[source("b"), source("c")], spec, none, true, 9).unwrap();
        assert_eq!(super::super::tests::names(&broker), ["a", "all"]);
    }

    #[test]
    fn a_rewrite_goes_on_by_its_token_alone() {
        let mut broker = broker();
        let content = "x".repeat(5 << 19);
        put(&mut broker, "a", &content).unwrap();
        let mut token = String::new();
        let mut steps = Vec::new();
        let mib = Some(REWRITE_BYTES_UNIT);
        loop {
            match broker.rewrite(&source("a"), destination("b"), &token, mib, 9).unwrap() {
                RewriteProgress::Done(view) => {
                    assert_eq!(view.object.size(), 5 << 19);
                    break;
                }
                RewriteProgress::Ongoing { token: next, rewritten, size } => {
                    assert_eq!(size, 5 << 19);
                    steps.push(rewritten);
                    token = next;
                }
            }
            for (destination, token, mib) in [
                (destination("c"), token.as_str(), mib),
                (destination("b"), "77", mib),
                (destination("b"), token.as_str(), None),
                (destination("b"), "", Some(1_000)),
            ] {
                let refused = broker.rewrite(&source("a"), destination, token, mib, 9);
                assert!(matches!(refused, Err(BrokerError::Invalid(_))), "{token}");
            }
        }
        assert_eq!(steps, [1 << 20, 2 << 20]);
    }

    #[test]
    fn a_move_leaves_nothing_behind() {
        let mut broker = broker();
        put(&mut broker, "a", "1").unwrap();
        let none = Preconditions::default();
        let absent = Preconditions { generation_match: Some(0), ..none };
        let view = broker.move_object(&source("a"), "b", absent, 9).unwrap();
        assert_eq!(&view.object.content[..], b"1");
        assert_eq!(super::super::tests::names(&broker), ["b"]);
        assert!(broker.move_object(&source("a"), "b", none, 9).is_err());
        assert!(broker.move_object(&source("b"), "b", none, 9).is_err());
        assert_eq!(broker.copy(&source("b"), destination("c"), 9).unwrap().object.name, "c");
    }
}

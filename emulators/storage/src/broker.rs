//! The state of Cloud Storage: buckets, objects with generations, preconditions, lists and resumable
//! uploads. Pure: `&mut self`, no clock, no sockets. Invariant: an object's generation grows with every
//! write of its name, and its checksums are those of its bytes.

mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

pub use upload::{ChunkOutcome, Upload, UploadId};

use crate::limits::{LIST_PAGE_MAX, OBJECT_NAME_BYTES_MAX};

/// Why the broker refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The bucket does not exist.
    #[error("The specified bucket does not exist.")]
    BucketNotFound,
    /// The object does not exist.
    #[error("No such object: {0}")]
    ObjectNotFound(String),
    /// The upload does not exist, or is over.
    #[error("No such upload session")]
    UploadNotFound,
    /// The bucket exists already.
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketExists,
    /// The bucket still holds objects.
    #[error("The bucket you tried to delete is not empty.")]
    BucketNotEmpty,
    /// A condition of the request does not hold.
    #[error("At least one of the pre-conditions you specified did not hold.")]
    Precondition,
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The request asks for something that this emulator does not have.
    #[error("{0} is not implemented by this emulator")]
    Unimplemented(String),
}

/// The four conditions on an object's generations; generation 0 means that no object is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `ifGenerationMatch`.
    pub generation_match: Option<i64>,
    /// `ifGenerationNotMatch`.
    pub generation_not_match: Option<i64>,
    /// `ifMetagenerationMatch`.
    pub metageneration_match: Option<i64>,
    /// `ifMetagenerationNotMatch`.
    pub metageneration_not_match: Option<i64>,
}

impl Preconditions {
    fn check(self, object: Option<&Object>) -> Result<(), BrokerError> {
        let generation = object.map_or(0, |object| object.generation);
        let metageneration = object.map(|object| object.metageneration);
        let holds = self.generation_match.is_none_or(|wanted| wanted == generation)
            && self.generation_not_match.is_none_or(|unwanted| unwanted != generation)
            && self.metageneration_match.is_none_or(|wanted| metageneration == Some(wanted))
            && self
                .metageneration_not_match
                .is_none_or(|unwanted| metageneration != Some(unwanted));
        if holds { Ok(()) } else { Err(BrokerError::Precondition) }
    }
}

/// What a client says of an object that it writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSpec {
    /// The object's name.
    pub name: String,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its encoding, as `gzip`.
    pub content_encoding: Option<String>,
    /// The client's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// The CRC-32C that the client computed.
    pub crc32c: Option<u32>,
    /// The MD5 that the client computed.
    pub md5: Option<Vec<u8>>,
}

/// A stored object.
#[derive(Debug, Clone)]
pub struct Object {
    /// What the client said of it.
    pub spec: ObjectSpec,
    /// Its content.
    pub content: Bytes,
    /// Grows with every write of the name.
    pub generation: i64,
    /// Grows with every change of the metadata.
    pub metageneration: i64,
    /// CRC-32C of the content.
    pub crc32c: u32,
    /// MD5 of the content.
    pub md5: [u8; 16],
    /// When it was written, in microseconds since the epoch.
    pub created_at: i64,
}

/// A bucket without its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its project, as the creator named it.
    pub project: String,
    /// Its location.
    pub location: String,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
}

#[derive(Debug)]
struct BucketState {
    bucket: Bucket,
    objects: BTreeMap<String, Object>,
}

/// What a list asks for.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only names that begin so.
    pub prefix: String,
    /// Names are cut after this text beyond the prefix, and the cut names are listed as prefixes.
    pub delimiter: String,
    /// Where the page before ended.
    pub page_token: String,
    /// Objects and prefixes of a page at most; 0 is the maximum.
    pub page_size: usize,
    /// Only names from here on.
    pub start_offset: String,
    /// Only names before this one.
    pub end_offset: String,
}

/// A page of a list.
#[derive(Debug, Default)]
pub struct Listing<'a> {
    /// Objects in the order of their names.
    pub objects: Vec<&'a Object>,
    /// Cut names, in order.
    pub prefixes: Vec<String>,
    /// Where the next page begins; empty at the end.
    pub next_page_token: String,
}

/// All buckets and uploads.
#[derive(Debug, Default)]
pub struct Broker {
    buckets: BTreeMap<String, BucketState>,
    uploads: BTreeMap<UploadId, Upload>,
    next_upload: u64,
    last_generation: i64,
}

impl Broker {
    /// Creates a bucket.
    ///
    /// # Errors
    /// Invalid name, or it exists.
    pub fn create_bucket(&mut self, bucket: Bucket) -> Result<&Bucket, BrokerError> {
        validate_bucket_name(&bucket.name)?;
        let name = bucket.name.clone();
        if self.buckets.contains_key(&name) {
            return Err(BrokerError::BucketExists);
        }
        let state = BucketState { bucket, objects: BTreeMap::new() };
        Ok(&self.buckets.entry(name).or_insert(state).bucket)
    }

    /// A bucket.
    ///
    /// # Errors
    /// Not found.
    pub fn bucket(&self, name: &str) -> Result<&Bucket, BrokerError> {
        Ok(&self.state(name)?.bucket)
    }

    /// The buckets of a project, in the order of their names; `-` and `_` name every project.
    pub fn buckets<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Bucket> {
        self.buckets
            .values()
            .map(|state| &state.bucket)
            .filter(move |bucket| matches!(project, "-" | "_") || bucket.project == project)
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// Not found, or not empty.
    pub fn delete_bucket(&mut self, name: &str) -> Result<(), BrokerError> {
        if !self.state(name)?.objects.is_empty() {
            return Err(BrokerError::BucketNotEmpty);
        }
        self.buckets.remove(name);
        Ok(())
    }

    /// Writes an object.
    ///
    /// # Errors
    /// Unknown bucket, a name that breaks a rule, a condition that does not hold, or a checksum that
    /// is not that of the content.
    pub fn put(
        &mut self,
        bucket: &str,
        spec: ObjectSpec,
        content: Bytes,
        conditions: Preconditions,
        now: i64,
    ) -> Result<&Object, BrokerError> {
        validate_object_name(&spec.name)?;
        let state = self.buckets.get_mut(bucket).ok_or(BrokerError::BucketNotFound)?;
        conditions.check(state.objects.get(&spec.name))?;
        let crc32c = crc32c::crc32c(&content);
        let md5 = upload::md5_of(&content);
        if spec.crc32c.is_some_and(|stated| stated != crc32c) {
            let text = format!("Provided CRC32C does not match the calculated one {crc32c}.");
            return Err(BrokerError::Invalid(text));
        }
        if spec.md5.as_ref().is_some_and(|stated| stated[..] != md5[..]) {
            return Err(BrokerError::Invalid("Provided MD5 hash does not match.".to_owned()));
        }
        // Generations are times, and two writes within a microsecond still differ.
        self.last_generation = now.max(self.last_generation + 1);
        let name = spec.name.clone();
        let object = Object {
            spec,
            content,
            generation: self.last_generation,
            metageneration: 1,
            crc32c,
            md5,
            created_at: now,
        };
        state.objects.insert(name.clone(), object);
        Ok(&state.objects[&name])
    }

    /// An object, of one generation where one is named.
    ///
    /// # Errors
    /// Unknown bucket or object, or a condition that does not hold.
    pub fn get(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: Preconditions,
    ) -> Result<&Object, BrokerError> {
        let object = self
            .state(bucket)?
            .objects
            .get(name)
            .filter(|object| generation.is_none_or(|wanted| wanted == object.generation))
            .ok_or_else(|| BrokerError::ObjectNotFound(format!("{bucket}/{name}")))?;
        conditions.check(Some(object))?;
        Ok(object)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As [`Broker::get`].
    pub fn delete(
        &mut self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: Preconditions,
    ) -> Result<(), BrokerError> {
        self.get(bucket, name, generation, conditions)?;
        if let Some(state) = self.buckets.get_mut(bucket) {
            state.objects.remove(name);
        }
        Ok(())
    }

    /// A page of a bucket's objects. The cost is that of the page: a prefix that is cut by the
    /// delimiter is skipped as a whole.
    ///
    /// # Errors
    /// Unknown bucket.
    pub fn list(&self, bucket: &str, query: &ListQuery) -> Result<Listing<'_>, BrokerError> {
        let objects = &self.state(bucket)?.objects;
        let size = match query.page_size {
            0 => LIST_PAGE_MAX,
            size => size.min(LIST_PAGE_MAX),
        };
        let mut listing = Listing::default();
        let mut prefixes = BTreeSet::new();
        let from = query.prefix.as_str().max(query.start_offset.as_str());
        let mut cursor = if query.page_token.is_empty() || query.page_token.as_str() < from {
            Bound::Included(from.to_owned())
        } else {
            after(&query.page_token, query)
        };
        loop {
            let next =
                objects.range::<str, _>((cursor.as_ref().map(String::as_str), Bound::Unbounded));
            let Some((name, object)) = { next }.next() else { break };
            let ended = !query.end_offset.is_empty() && *name >= query.end_offset;
            if !name.starts_with(&query.prefix) || ended {
                break;
            }
            if listing.objects.len() + prefixes.len() == size {
                let last_object = listing.objects.last().map(|object| object.spec.name.clone());
                listing.next_page_token = last_object
                    .into_iter()
                    .chain(prefixes.last().cloned())
                    .max()
                    .unwrap_or_default();
                break;
            }
            match cut(name, query) {
                Some(prefix) => {
                    cursor = after(&prefix, query);
                    prefixes.insert(prefix);
                }
                None => {
                    listing.objects.push(object);
                    cursor = Bound::Excluded(name.clone());
                }
            }
        }
        listing.prefixes = prefixes.into_iter().collect();
        Ok(listing)
    }

    fn state(&self, bucket: &str) -> Result<&BucketState, BrokerError> {
        self.buckets.get(bucket).ok_or(BrokerError::BucketNotFound)
    }
}

/// The name up to and with the delimiter, where it has one beyond the prefix.
fn cut(name: &str, query: &ListQuery) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &name[query.prefix.len()..];
    let at = rest.find(&query.delimiter)?;
    Some(name[..query.prefix.len() + at + query.delimiter.len()].to_owned())
}

/// Where a list goes on after a name, or after everything that begins with a cut name.
fn after(name: &str, query: &ListQuery) -> Bound<String> {
    let is_prefix = !query.delimiter.is_empty()
        && name.ends_with(&query.delimiter)
        && name.len() > query.prefix.len();
    if !is_prefix {
        return Bound::Excluded(name.to_owned());
    }
    // The first text after all that begin with `name`: no name holds a character beyond this one.
    Bound::Included(format!("{name}\u{10FFFF}"))
}

fn validate_object_name(name: &str) -> Result<(), BrokerError> {
    let valid = !name.is_empty()
        && name.len() <= OBJECT_NAME_BYTES_MAX
        && !matches!(name, "." | "..")
        && !name.contains(['\r', '\n']);
    if valid {
        return Ok(());
    }
    Err(BrokerError::Invalid(format!(
        "Invalid object name: it must have 1 to {OBJECT_NAME_BYTES_MAX} bytes and no line breaks"
    )))
}

fn validate_bucket_name(name: &str) -> Result<(), BrokerError> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    let valid = (3..=222).contains(&bytes.len())
        && bytes.iter().all(|&byte| allowed(byte))
        && edge(bytes.first())
        && edge(bytes.last())
        && name.split('.').all(|part| (1..=63).contains(&part.len()));
    if valid { Ok(()) } else { Err(BrokerError::Invalid(format!("Invalid bucket name: '{name}'"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn broker(names: &[String]) -> Broker {
        let mut broker = Broker::default();
        let bucket = Bucket {
            name: "bucket".to_owned(),
            project: "p".to_owned(),
            location: "US".to_owned(),
            created_at: 0,
        };
        broker.create_bucket(bucket).unwrap();
        for name in names {
            put(&mut broker, name, Preconditions::default()).unwrap();
        }
        broker
    }

    fn put(broker: &mut Broker, name: &str, conditions: Preconditions) -> Result<i64, BrokerError> {
        let spec = ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
        broker
            .put("bucket", spec, Bytes::from_static(b"x"), conditions, 5)
            .map(|object| object.generation)
    }

    #[test]
    fn preconditions_are_those_of_the_service() {
        let mut broker = broker(&[]);
        let absent = Preconditions { generation_match: Some(0), ..Preconditions::default() };
        let first = put(&mut broker, "a", absent).unwrap();
        assert_eq!(put(&mut broker, "a", absent), Err(BrokerError::Precondition));
        let same = Preconditions { generation_match: Some(first), ..Preconditions::default() };
        let second = put(&mut broker, "a", same).unwrap();
        assert!(second > first, "two writes in the same microsecond have two generations");
        assert_eq!(put(&mut broker, "a", same), Err(BrokerError::Precondition));
        let stale = broker.get("bucket", "a", Some(first), Preconditions::default());
        assert!(matches!(stale, Err(BrokerError::ObjectNotFound(_))));
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut broker = broker(&[]);
        let spec = ObjectSpec { name: "a".to_owned(), crc32c: Some(1), ..ObjectSpec::default() };
        let put = broker.put("bucket", spec, Bytes::from_static(b"x"), Preconditions::default(), 0);
        assert!(matches!(put, Err(BrokerError::Invalid(_))));
    }

    #[test]
    fn bucket_names() {
        for (name, valid) in
            [("abc", true), ("ab", false), ("Abc", false), ("a-b.c", true), ("-ab", false)]
        {
            assert_eq!(validate_bucket_name(name).is_ok(), valid, "{name}");
        }
    }

    proptest! {
        /// Goal: pages concatenate to the whole list. Method: random names and queries against a
        /// filter over all names.
        #[test]
        fn pages_make_up_the_list(
            names in proptest::collection::btree_set("[ab/]{1,5}", 0..20),
            prefix in "[ab/]{0,2}",
            with_delimiter in any::<bool>(),
            page_size in 1_usize..4,
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let broker = broker(&names);
            let mut query = ListQuery {
                prefix: prefix.clone(),
                delimiter: if with_delimiter { "/".to_owned() } else { String::new() },
                page_size,
                ..ListQuery::default()
            };
            let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
            loop {
                let page = broker.list("bucket", &query).unwrap();
                prop_assert!(page.objects.len() + page.prefixes.len() <= page_size);
                objects.extend(page.objects.iter().map(|object| object.spec.name.clone()));
                prefixes.extend(page.prefixes);
                if page.next_page_token.is_empty() {
                    break;
                }
                query.page_token = page.next_page_token;
            }
            let (mut expected_objects, mut expected_prefixes) = (Vec::new(), BTreeSet::new());
            for name in names.iter().filter(|name| name.starts_with(&prefix)) {
                match cut(name, &query) {
                    Some(prefix) => { expected_prefixes.insert(prefix); }
                    None => expected_objects.push(name.clone()),
                }
            }
            prop_assert_eq!(objects, expected_objects);
            prop_assert_eq!(prefixes, expected_prefixes.into_iter().collect::<Vec<_>>());
        }
    }
}

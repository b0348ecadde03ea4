//! Uploads in parts (the XML API's multipart uploads): parts arrive in any order and are replaced by
//! their number; the object is written when the client names the parts. Invariant: nothing is visible
//! before, and what is written is the concatenation of the named parts.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::objects::Draft;
use super::{
    Broker, BrokerError, BucketState, Checksums, Content, ObjectSpec, ObjectView, Preconditions,
};
use crate::limits::{PART_BYTES_MIN, PARTS_MAX, PARTS_UPLOADS_MAX};

/// Names an upload in parts: an id alone does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartsId<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// The upload's own number.
    pub id: u64,
}

/// An upload in parts.
#[derive(Debug)]
pub struct PartsUpload {
    /// Its bucket.
    pub bucket: String,
    /// What the client says of the object.
    pub spec: ObjectSpec,
    /// When it began, in microseconds since the epoch.
    pub started_at: i64,
    /// The parts, by number.
    pub parts: BTreeMap<usize, Part>,
}

/// A part.
#[derive(Debug)]
pub struct Part {
    /// Its content.
    pub content: Bytes,
    /// The checksums of its content.
    pub checksums: Checksums,
    /// When it arrived.
    pub updated_at: i64,
}

impl Broker {
    /// Begins an upload in parts, and answers its id.
    ///
    /// # Errors
    /// What [`Broker::put`] would refuse before it sees the content.
    pub fn start_parts(
        &mut self,
        bucket: &str,
        spec: ObjectSpec,
        now: i64,
    ) -> Result<u64, BrokerError> {
        self.check_put(bucket, &spec.name, Preconditions::default())?;
        if self.parts_uploads.len() == PARTS_UPLOADS_MAX {
            self.parts_uploads.pop_first();
        }
        self.last_parts_upload += 1;
        let (bucket, parts) = (bucket.to_owned(), BTreeMap::new());
        let upload = PartsUpload { bucket, spec, started_at: now, parts };
        self.parts_uploads.insert(self.last_parts_upload, upload);
        Ok(self.last_parts_upload)
    }

    /// Takes a part; one of the same number is replaced.
    ///
    /// # Errors
    /// Unknown upload, an invalid number, or a checksum that is not that of the content.
    pub fn put_part(
        &mut self,
        target: PartsId<'_>,
        number: usize,
        stated: &ObjectSpec,
        content: Content,
        now: i64,
    ) -> Result<&Part, BrokerError> {
        self.parts_upload(target)?;
        if !(1..=PARTS_MAX).contains(&number) {
            let text = format!("Part number must be 1 to {PARTS_MAX}: {number}");
            return Err(BrokerError::Invalid(text));
        }
        let Content { bytes: content, checksums } = content;
        checksums.check(stated)?;
        let part = Part { content, checksums, updated_at: now };
        let upload = self.parts_uploads.get_mut(&target.id).ok_or(BrokerError::UploadNotFound)?;
        upload.parts.insert(number, part);
        upload.parts.get(&number).ok_or(BrokerError::UploadNotFound)
    }

    /// An upload in parts.
    ///
    /// # Errors
    /// Unknown upload, or one of another object.
    pub fn parts_upload(&self, target: PartsId<'_>) -> Result<&PartsUpload, BrokerError> {
        let PartsId { bucket, name, id } = target;
        self.state(bucket)?;
        let upload = self.parts_uploads.get(&id);
        upload
            .filter(|upload| upload.bucket == bucket && upload.spec.name == name)
            .ok_or(BrokerError::UploadNotFound)
    }

    /// The uploads in parts of a bucket, with their ids, oldest first.
    ///
    /// # Errors
    /// Unknown bucket.
    pub fn parts_uploads(
        &self,
        bucket: &str,
    ) -> Result<impl Iterator<Item = (u64, &PartsUpload)>, BrokerError> {
        self.state(bucket)?;
        let uploads = self.parts_uploads.iter().map(|(id, upload)| (*id, upload));
        Ok(uploads.filter(move |(_, upload)| upload.bucket == bucket))
    }

    /// Writes the object from the named parts: numbers in order, each with the MD5 that its upload was
    /// answered with.
    ///
    /// # Errors
    /// Unknown upload or part, parts out of order, a part other than the last that is too small, or as
    /// [`Broker::put`].
    pub fn complete_parts(
        &mut self,
        target: PartsId<'_>,
        named: &[(usize, Vec<u8>)],
        conditions: Preconditions,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let PartsId { bucket, name, id } = target;
        let upload = self.parts_upload(target)?;
        if !named.is_sorted_by(|(a, _), (b, _)| a < b) || named.is_empty() {
            let text = "The parts must be named in ascending order.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        let mut content = BytesMut::new();
        let mut crc32c = 0;
        for (at, (number, md5)) in named.iter().enumerate() {
            let part = upload
                .parts
                .get(number)
                .filter(|part| part.checksums.md5.is_some_and(|known| known[..] == md5[..]));
            let part = part.ok_or_else(|| {
                BrokerError::Invalid(format!("Part {number} was not uploaded, or is another one."))
            })?;
            let is_last = at + 1 == named.len();
            if !is_last && part.content.len() < PART_BYTES_MIN {
                let text = format!("Part {number} is smaller than {PART_BYTES_MIN} bytes.");
                return Err(BrokerError::Invalid(text));
            }
            content.extend_from_slice(&part.content);
            crc32c = crc32c::crc32c_combine(crc32c, part.checksums.crc32c, part.content.len());
        }
        let draft = Draft {
            name: name.to_owned(),
            attributes: upload.spec.attributes.clone(),
            content: content.freeze(),
            checksums: Checksums { crc32c, md5: None },
            component_count: None,
        };
        self.store(bucket, draft, conditions, now)?;
        self.parts_uploads.remove(&id);
        self.view(bucket, name)
    }

    /// Gives an upload in parts up.
    ///
    /// # Errors
    /// Unknown upload.
    pub fn abort_parts(&mut self, target: PartsId<'_>) -> Result<(), BrokerError> {
        self.parts_upload(target)?;
        self.parts_uploads.remove(&target.id);
        Ok(())
    }

    /// Gives up the uploads that a bucket's rules are about.
    pub(super) fn abort_old_parts(&mut self, now: i64) {
        let Self { buckets, parts_uploads, .. } = self;
        parts_uploads.retain(|_, upload| {
            // An upload goes with its bucket.
            buckets.get(&upload.bucket).is_some_and(|state: &BucketState| {
                let rules = state.bucket.settings.lifecycle.iter();
                let mut rules = rules.filter(|rule| rule.aborts_uploads());
                !rules.any(|rule| rule.applies_to_upload(&upload.spec.name, upload.started_at, now))
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, names};
    use super::*;

    #[test]
    fn parts_make_up_the_object_when_they_are_named() {
        let mut broker = broker();
        let spec = ObjectSpec { name: "a".to_owned(), ..ObjectSpec::default() };
        let none = ObjectSpec::default();
        let id = broker.start_parts("bucket", spec, 0).unwrap();
        let target = PartsId { bucket: "bucket", name: "a", id };
        let large = Bytes::from(vec![1; PART_BYTES_MIN]);
        let mut named = Vec::new();
        for (number, content) in [(2, &b"end"[..]), (1, &large), (3, b"more")] {
            let content = Bytes::copy_from_slice(content).into();
            let part = broker.put_part(target, number, &none, content, 0).unwrap();
            named.push((number, part.checksums.md5.unwrap().to_vec()));
        }
        named.sort();
        assert!(names(&broker).is_empty());
        let wrong = vec![(1, vec![0; 16])];
        let disordered = vec![named[1].clone(), named[0].clone()];
        // The second part is smaller than a part may be that is not the last.
        for refused in [&named, &wrong, &disordered, &vec![]] {
            let conditions = Preconditions::default();
            let answer = broker.complete_parts(target, refused, conditions, 0);
            assert!(matches!(answer, Err(BrokerError::Invalid(_))), "{refused:?}");
        }
        let conditions = Preconditions::default();
        let view = broker.complete_parts(target, &named[..2], conditions, 0).unwrap();
        let content = [&large[..], b"end"].concat();
        assert_eq!(&view.object.content[..], &content[..]);
        assert_eq!(view.object.checksums.crc32c, crc32c::crc32c(&content));
        assert_eq!(broker.abort_parts(target), Err(BrokerError::UploadNotFound));
    }
}

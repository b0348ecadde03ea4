//! Resumable uploads: bytes arrive in order, in any number of chunks, and a client that lost an answer
//! asks how far it got. Invariant: the finished object is the concatenation of what was taken, and a
//! finished upload goes on answering with its object.

use bytes::BytesMut;
use md5::{Digest, Md5};

use super::{
    Broker, BrokerError, Checksums, Content, ObjectSpec, ObjectView, Preconditions, Selector,
};
use crate::limits::UPLOADS_MAX;

/// Names an upload in its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadId(pub u64);

/// An upload.
#[derive(Debug)]
pub(super) enum Upload {
    /// Bytes are expected.
    Open(Box<OpenUpload>),
    /// The object was written.
    Finished { bucket: String, name: String, generation: i64 },
}

/// An upload that expects bytes.
#[derive(Debug)]
pub(super) struct OpenUpload {
    bucket: String,
    spec: ObjectSpec,
    conditions: Preconditions,
    taken: BytesMut,
    /// Of what is taken, so that finishing takes no time.
    crc32c: u32,
    md5: Md5,
}

/// Where an upload is after a chunk.
#[derive(Debug)]
pub enum ChunkOutcome<'a> {
    /// More is expected; this many bytes are taken.
    Incomplete(usize),
    /// The object exists.
    Finished(ObjectView<'a>),
}

impl Broker {
    /// Begins an upload.
    ///
    /// # Errors
    /// What [`Broker::put`] would refuse before it sees the content.
    pub fn start_upload(
        &mut self,
        bucket: &str,
        spec: ObjectSpec,
        conditions: Preconditions,
    ) -> Result<UploadId, BrokerError> {
        self.check_put(bucket, &spec.name, conditions)?;
        self.last_upload += 1;
        let id = UploadId(self.last_upload);
        if self.uploads.len() == UPLOADS_MAX {
            self.uploads.pop_first();
        }
        let (bucket, taken) = (bucket.to_owned(), BytesMut::new());
        let upload = OpenUpload { bucket, spec, conditions, taken, crc32c: 0, md5: Md5::new() };
        self.uploads.insert(id, Upload::Open(Box::new(upload)));
        Ok(id)
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// Unknown upload, or its object is gone for good.
    pub fn upload_status(&self, id: UploadId) -> Result<ChunkOutcome<'_>, BrokerError> {
        match self.uploads.get(&id).ok_or(BrokerError::UploadNotFound)? {
            Upload::Open(upload) => Ok(ChunkOutcome::Incomplete(upload.taken.len())),
            Upload::Finished { bucket, name, generation } => {
                let none = Preconditions::default();
                // Since then it may have been replaced, and can perhaps still be restored.
                let found = [false, true].into_iter().find_map(|soft_deleted| {
                    let selector = Selector { generation: Some(*generation), soft_deleted };
                    self.get(bucket, name, selector, none, i64::MIN).ok()
                });
                found.map(ChunkOutcome::Finished).ok_or(BrokerError::UploadNotFound)
            }
        }
    }

    /// Takes bytes that begin at `offset`, and answers how many are taken altogether; bytes that were
    /// taken before are skipped. A finished upload takes nothing more.
    ///
    /// # Errors
    /// Unknown upload, or a gap before the bytes.
    pub fn append_upload(
        &mut self,
        id: UploadId,
        offset: usize,
        bytes: &[u8],
    ) -> Result<ChunkOutcome<'_>, BrokerError> {
        let upload = self.uploads.get_mut(&id).ok_or(BrokerError::UploadNotFound)?;
        if let Upload::Open(upload) = upload {
            let length = upload.taken.len();
            if offset > length {
                let text =
                    format!("Invalid request: the chunk begins at {offset}, {length} expected.");
                return Err(BrokerError::Invalid(text));
            }
            let fresh = bytes.get(length - offset..).unwrap_or_default();
            upload.taken.extend_from_slice(fresh);
            upload.crc32c = crc32c::crc32c_append(upload.crc32c, fresh);
            upload.md5.update(fresh);
        }
        self.upload_status(id)
    }

    /// Writes the object of an upload. A finished upload answers its object again.
    ///
    /// # Errors
    /// Unknown upload, or as [`Broker::put`]; the upload is over then.
    pub fn finish_upload(
        &mut self,
        id: UploadId,
        trailing: &ObjectSpec,
        now: i64,
    ) -> Result<ObjectView<'_>, BrokerError> {
        let upload = self.uploads.remove(&id).ok_or(BrokerError::UploadNotFound)?;
        let Upload::Open(open) = upload else {
            self.uploads.insert(id, upload);
            return match self.upload_status(id)? {
                ChunkOutcome::Finished(view) => Ok(view),
                ChunkOutcome::Incomplete(_) => Err(BrokerError::UploadNotFound),
            };
        };
        let OpenUpload { bucket, mut spec, conditions, taken, crc32c, md5 } = *open;
        let checksums = Checksums { crc32c, md5: Some(md5.finalize().into()) };
        let content = Content { bytes: taken.freeze(), checksums };
        spec.crc32c = spec.crc32c.or(trailing.crc32c);
        spec.md5 = spec.md5.or_else(|| trailing.md5.clone());
        let name = spec.name.clone();
        let view = self.put(&bucket, spec, content, conditions, now)?;
        let generation = view.object.generation;
        let finished = Upload::Finished { bucket: bucket.clone(), name: name.clone(), generation };
        self.uploads.insert(id, finished);
        self.view(&bucket, &name)
    }

    /// Takes a chunk as the JSON API sends it: with `total` known and reached, the object is written.
    ///
    /// # Errors
    /// As [`Broker::append_upload`] and [`Broker::finish_upload`]; more bytes than `total`.
    pub fn upload_chunk(
        &mut self,
        id: UploadId,
        offset: Option<usize>,
        chunk: &[u8],
        total: Option<usize>,
        trailing: &ObjectSpec,
        now: i64,
    ) -> Result<ChunkOutcome<'_>, BrokerError> {
        let (offset, chunk) = offset.map_or((0, &[][..]), |offset| (offset, chunk));
        let ChunkOutcome::Incomplete(taken) = self.append_upload(id, offset, chunk)? else {
            return self.upload_status(id);
        };
        match total {
            Some(total) if taken == total => {
                self.finish_upload(id, trailing, now).map(ChunkOutcome::Finished)
            }
            Some(total) if taken > total => {
                let text = format!("Invalid request: {taken} bytes of an upload of {total}.");
                Err(BrokerError::Invalid(text))
            }
            _ => Ok(ChunkOutcome::Incomplete(taken)),
        }
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// Unknown upload.
    pub fn cancel_upload(&mut self, id: UploadId) -> Result<(), BrokerError> {
        self.uploads.remove(&id).map(|_| ()).ok_or(BrokerError::UploadNotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, put};
    use super::*;
    use proptest::prelude::*;

    fn start(broker: &mut Broker) -> UploadId {
        let spec = ObjectSpec { name: "a".to_owned(), ..ObjectSpec::default() };
        broker.start_upload("bucket", spec, Preconditions::default()).unwrap()
    }

    #[test]
    fn conditions_are_looked_at_before_any_byte_is_sent() {
        let mut broker = broker();
        put(&mut broker, "a", "x").unwrap();
        let absent = Preconditions { generation_match: Some(0), ..Preconditions::default() };
        let spec = ObjectSpec { name: "a".to_owned(), ..ObjectSpec::default() };
        assert_eq!(broker.start_upload("bucket", spec, absent), Err(BrokerError::Precondition));
    }

    #[test]
    fn gaps_and_surpluses_are_refused() {
        let mut broker = broker();
        let id = start(&mut broker);
        let none = ObjectSpec::default();
        for (offset, chunk, total) in [(1, "x", None), (0, "xyz", Some(2))] {
            let refused = broker.upload_chunk(id, Some(offset), chunk.as_bytes(), total, &none, 0);
            assert!(matches!(refused, Err(BrokerError::Invalid(_))), "{offset} {total:?}");
        }
        broker.cancel_upload(id).unwrap();
        assert!(matches!(broker.upload_status(id), Err(BrokerError::UploadNotFound)));
    }

    proptest! {
        /// Goal: any chunking, with repeated tails, gives the same object. Method: random cuts; every
        /// chunk begins a random number of bytes before what is taken.
        #[test]
        fn any_chunking_gives_the_same_object(
            content in proptest::collection::vec(any::<u8>(), 0..100),
            cuts in proptest::collection::vec((0_usize..40, 0_usize..10), 0..10),
        ) {
            let mut broker = broker();
            let id = start(&mut broker);
            let none = ObjectSpec::default();
            let mut at = 0_usize;
            for (length, back) in cuts {
                let from = at.saturating_sub(back);
                let to = (at + length).min(content.len());
                broker.upload_chunk(id, Some(from), &content[from..to], None, &none, 0).unwrap();
                at = to;
            }
            let outcome = broker
                .upload_chunk(id, Some(at), &content[at..], Some(content.len()), &none, 0)
                .unwrap();
            let ChunkOutcome::Finished(view) = outcome else { panic!("{outcome:?}") };
            prop_assert_eq!(&view.object.content[..], &content[..]);
            prop_assert_eq!(view.object.checksums, Checksums::of(&content));
            let generation = view.object.generation;
            // Whoever lost that answer asks again and is told the same.
            let again = broker.upload_chunk(id, None, &[], None, &none, 0).unwrap();
            let ChunkOutcome::Finished(view) = again else { panic!("{again:?}") };
            prop_assert_eq!(view.object.generation, generation);
        }
    }
}

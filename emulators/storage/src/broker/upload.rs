//! Resumable uploads: bytes arrive in order, in any number of chunks, and a client that lost an answer
//! asks how far it got. Invariant: the finished object is the concatenation of what was taken.

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};

use super::{Broker, BrokerError, Object, ObjectSpec, Preconditions};
use crate::limits::UPLOADS_MAX;

/// Names an upload in its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadId(pub u64);

/// An upload that is not finished.
#[derive(Debug)]
pub struct Upload {
    bucket: String,
    spec: ObjectSpec,
    conditions: Preconditions,
    taken: BytesMut,
}

/// Where an upload is after a chunk.
#[derive(Debug)]
pub enum ChunkOutcome<'a> {
    /// More is expected; this many bytes are taken.
    Incomplete(usize),
    /// The object exists.
    Finished(&'a Object),
}

impl Broker {
    /// Begins an upload.
    ///
    /// # Errors
    /// Unknown bucket.
    pub fn start_upload(
        &mut self,
        bucket: &str,
        spec: ObjectSpec,
        conditions: Preconditions,
    ) -> Result<UploadId, BrokerError> {
        self.bucket(bucket)?;
        self.next_upload += 1;
        let id = UploadId(self.next_upload);
        if self.uploads.len() == UPLOADS_MAX {
            self.uploads.pop_first();
        }
        let bucket = bucket.to_owned();
        self.uploads.insert(id, Upload { bucket, spec, conditions, taken: BytesMut::new() });
        Ok(id)
    }

    /// Takes a chunk that begins at `offset`; bytes that were taken before are skipped. With `total`
    /// known and reached, the object is written.
    ///
    /// # Errors
    /// Unknown upload, a gap before the chunk, more bytes than `total`, or as [`Broker::put`].
    pub fn upload_chunk(
        &mut self,
        id: UploadId,
        offset: Option<usize>,
        chunk: &[u8],
        total: Option<usize>,
        trailing: &ObjectSpec,
        now: i64,
    ) -> Result<ChunkOutcome<'_>, BrokerError> {
        let upload = self.uploads.get_mut(&id).ok_or(BrokerError::UploadNotFound)?;
        let taken = upload.taken.len();
        if let Some(offset) = offset {
            if offset > taken {
                let text =
                    format!("Invalid request: the chunk begins at {offset}, {taken} expected.");
                return Err(BrokerError::Invalid(text));
            }
            upload.taken.extend_from_slice(chunk.get(taken - offset..).unwrap_or_default());
        }
        let taken = upload.taken.len();
        match total {
            Some(total) if taken == total => {}
            Some(total) if taken > total => {
                let text = format!("Invalid request: {taken} bytes of an upload of {total}.");
                return Err(BrokerError::Invalid(text));
            }
            _ => return Ok(ChunkOutcome::Incomplete(taken)),
        }
        let upload = self.uploads.remove(&id).ok_or(BrokerError::UploadNotFound)?;
        let mut spec = upload.spec;
        spec.crc32c = spec.crc32c.or(trailing.crc32c);
        spec.md5 = spec.md5.or_else(|| trailing.md5.clone());
        self.put(&upload.bucket, spec, upload.taken.freeze(), upload.conditions, now)
            .map(ChunkOutcome::Finished)
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// Unknown upload.
    pub fn cancel_upload(&mut self, id: UploadId) -> Result<(), BrokerError> {
        self.uploads.remove(&id).map(|_| ()).ok_or(BrokerError::UploadNotFound)
    }
}

pub(super) fn md5_of(content: &Bytes) -> [u8; 16] {
    Md5::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Bucket;
    use proptest::prelude::*;

    proptest! {
        /// Goal: any chunking, with repeated tails, gives the same object. Method: random cuts; every
        /// chunk begins a random number of bytes before what is taken.
        #[test]
        fn any_chunking_gives_the_same_object(
            content in proptest::collection::vec(any::<u8>(), 0..100),
            cuts in proptest::collection::vec((0_usize..40, 0_usize..10), 0..10),
        ) {
            let mut broker = Broker::default();
            broker.create_bucket(Bucket {
                name: "bucket".to_owned(), project: "p".to_owned(), location: "US".to_owned(), created_at: 0,
            }).unwrap();
            let spec = ObjectSpec { name: "a".to_owned(), ..ObjectSpec::default() };
            let id = broker.start_upload("bucket", spec, Preconditions::default()).unwrap();
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
            let ChunkOutcome::Finished(object) = outcome else { panic!("{outcome:?}") };
            prop_assert_eq!(&object.content[..], &content[..]);
            let gone = broker.upload_chunk(id, None, &[], None, &none, 0);
            prop_assert!(matches!(gone, Err(BrokerError::UploadNotFound)));
        }
    }
}

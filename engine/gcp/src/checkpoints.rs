//! Where a job's checkpoints are: a folder, or objects under a prefix in Cloud Storage. The store's protocol
//! is the runtime's; this carries its calls out through Google's client, which tries again what is safe
//! to try again. Invariant: every call here runs on a thread that may block.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder as _;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::error::ReadError;
use tokio::runtime::Handle;
use windtunnel_runtime::store::{BucketStore, Checkpoints, DiskStore, Objects, StoreError};

use crate::endpoints::Endpoints;
use crate::job::JobError;

/// Where checkpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointPlace {
    /// A folder on disk.
    Folder(PathBuf),
    /// Objects, as `gs://BUCKET/PREFIX`.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What the names of the objects begin with, without a slash at its end.
        prefix: String,
    },
}

/// Not `gs://BUCKET/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checkpoints in Cloud Storage are named gs://BUCKET/PREFIX, with both, not `{0}`")]
pub struct PlaceError(String);

impl FromStr for CheckpointPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let Some(object) = text.strip_prefix("gs://") else { return Ok(Self::Folder(text.into())) };
        let parts =
            object.split_once('/').map(|(bucket, prefix)| (bucket, prefix.trim_matches('/')));
        match parts.filter(|(bucket, prefix)| !bucket.is_empty() && !prefix.is_empty()) {
            Some((bucket, prefix)) => {
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            None => Err(PlaceError(text.to_owned())),
        }
    }
}

impl fmt::Display for CheckpointPlace {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(to),
            Self::Bucket { bucket, prefix } => write!(to, "gs://{bucket}/{prefix}"),
        }
    }
}

/// Takes the job at a place over, and reads its log.
///
/// # Errors
/// The place cannot be used, or a part of the log is corrupt.
pub(crate) async fn acquire(
    place: &CheckpointPlace,
    new_job: &str,
    endpoints: &Endpoints,
) -> Result<(Arc<dyn Checkpoints>, Vec<Bytes>), JobError> {
    let (bucket, prefix) = match place {
        CheckpointPlace::Folder(folder) => {
            let (store, log) = DiskStore::acquire(folder, new_job)?;
            return Ok((Arc::new(store), log));
        }
        CheckpointPlace::Bucket { bucket, prefix } => (bucket, prefix),
    };
    let objects = BucketObjects {
        storage: endpoints.storage().await?,
        control: endpoints.storage_control().await?,
        bucket: format!("projects/_/buckets/{bucket}"),
        prefix: format!("{prefix}/"),
        handle: Handle::current(),
    };
    let (place, new_job) = (place.to_string(), new_job.to_owned());
    let acquired =
        tokio::task::spawn_blocking(move || BucketStore::acquire(objects, &place, &new_job));
    let acquired = acquired.await.map_err(|error| StoreError::Io {
        action: "take over",
        path: bucket.into(),
        source: io::Error::other(error.to_string()),
    })?;
    let (store, log) = acquired?;
    Ok((Arc::new(store), log))
}

/// Objects under a prefix.
#[derive(Debug)]
struct BucketObjects {
    storage: Storage,
    control: StorageControl,
    /// As a resource name.
    bucket: String,
    /// With a slash at its end.
    prefix: String,
    handle: Handle,
}

impl BucketObjects {
    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// An answer is what HTTP says, or what gRPC says: calls of both kinds are made.
pub(crate) fn is(error: &google_cloud_gax::error::Error, http: u16, code: Code) -> bool {
    error.http_status_code() == Some(http)
        || error.status().is_some_and(|status| status.code == code)
}

/// Whether what was read is not what the service says that it is.
fn is_checksum(error: &google_cloud_gax::error::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<ReadError>());
    matches!(cause, Some(ReadError::ChecksumMismatch(_)))
}

impl Objects for BucketObjects {
    fn read(&self, name: &str) -> io::Result<Option<(Bytes, i64)>> {
        self.handle.block_on(async {
            let opened = self.storage.read_object(&self.bucket, self.named(name)).send().await;
            let mut object = match opened {
                Ok(object) => object,
                Err(error) if is(&error, 404, Code::NotFound) => return Ok(None),
                Err(error) => return Err(io::Error::other(error)),
            };
            let generation = object.object().generation;
            let mut content = BytesMut::new();
            while let Some(chunk) = object.next().await {
                match chunk {
                    Ok(chunk) => content.extend_from_slice(&chunk),
                    // The store has checksums of its own, and copies.
                    Err(error) if is_checksum(&error) => break,
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            Ok(Some((content.freeze(), generation)))
        })
    }

    fn write(&self, name: &str, content: Bytes, over: Option<i64>) -> io::Result<Option<i64>> {
        let write = self
            .storage
            .write_object(&self.bucket, self.named(name), content)
            .set_content_type("application/octet-stream")
            // Without a generation the last write counts, and any number of them is one.
            .with_idempotency(true);
        let write = match over {
            Some(generation) => write.set_if_generation_match(generation),
            None => write,
        };
        match self.handle.block_on(write.send_buffered()) {
            Ok(object) => Ok(Some(object.generation)),
            Err(error) if over.is_some() && is(&error, 412, Code::FailedPrecondition) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut listed = self
            .control
            .list_objects()
            .set_parent(&self.bucket)
            .set_prefix(self.named(prefix))
            .by_item();
        self.handle.block_on(async {
            let mut names = Vec::new();
            while let Some(object) = listed.next().await {
                let name = object.map_err(io::Error::other)?.name;
                names.extend(name.strip_prefix(&self.prefix).map(str::to_owned));
            }
            Ok(names)
        })
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let delete = self
            .control
            .delete_object()
            .set_bucket(&self.bucket)
            .set_object(self.named(name))
            .with_idempotency(true);
        match self.handle.block_on(delete.send()) {
            Err(error) if !is(&error, 404, Code::NotFound) => Err(io::Error::other(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_prefix_in_a_bucket() {
        for (text, expected) in [
            ("a/b", Ok("a/b")),
            ("gs://b/a/c/", Ok("gs://b/a/c")),
            ("gs://b", Err(())),
            ("gs://b/", Err(())),
            ("gs:///a", Err(())),
        ] {
            let parsed = text.parse::<CheckpointPlace>();
            let shown = parsed.map(|place| place.to_string()).map_err(|_| ());
            assert_eq!(shown, expected.map(str::to_owned), "{text}");
        }
    }
}

//! The failed-events bucket, as far as a replay needs it: list, read, and write under a precondition.
//! Transient failures are tried again by Google's client, since every call here is idempotent.

use google_cloud_storage::client::{Storage, StorageControl};

use super::ReplayError;

/// A bucket and how to reach it.
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) storage: Storage,
}

impl Bucket {
    fn failed(
        &self,
        action: &'static str,
        name: &str,
    ) -> impl Fn(google_cloud_gax::error::Error) -> ReplayError {
        let (bucket, name) = (self.name.clone(), name.to_owned());
        move |error| ReplayError::Storage {
            action,
            bucket: bucket.clone(),
            name: name.clone(),
            reason: error.to_string(),
        }
    }

    /// An object holds what it must not.
    pub(super) fn content(&self, name: &str, reason: String) -> ReplayError {
        ReplayError::Content { bucket: self.name.clone(), name: name.to_owned(), reason }
    }

    /// The names of the objects that begin so, in their order; late events and dead letters alike.
    pub(super) async fn list(
        &self,
        control: &StorageControl,
        prefix: &str,
    ) -> Result<Vec<String>, ReplayError> {
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = control
                .list_objects()
                .set_parent(format!("projects/_/buckets/{}", self.name))
                .set_prefix(prefix)
                .set_page_token(page_token)
                .send()
                .await
                .map_err(self.failed("list", prefix))?;
            names.extend(page.objects.into_iter().map(|object| object.name));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            page_token = page.next_page_token;
        }
    }

    /// An object's content and generation; none when it does not exist.
    pub(super) async fn read(&self, name: &str) -> Result<Option<(Vec<u8>, i64)>, ReplayError> {
        let bucket = format!("projects/_/buckets/{}", self.name);
        let mut reader = match self.storage.read_object(bucket, name).send().await {
            Ok(reader) => reader,
            Err(error) if error.http_status_code() == Some(404) => return Ok(None),
            Err(error) => return Err(self.failed("read", name)(error)),
        };
        let generation = reader.object().generation;
        let mut content = Vec::new();
        while let Some(chunk) = reader.next().await {
            content.extend_from_slice(&chunk.map_err(self.failed("read", name))?);
        }
        Ok(Some((content, generation)))
    }

    /// Writes an object over a generation (0: where there is none) and answers with the new one.
    pub(super) async fn write(
        &self,
        name: &str,
        content: String,
        over: i64,
    ) -> Result<i64, ReplayError> {
        let written = self
            .storage
            .write_object(
                format!("projects/_/buckets/{}", self.name),
                name,
                bytes::Bytes::from(content),
            )
            .set_content_type("application/json")
            .set_if_generation_match(over)
            .send_buffered()
            .await;
        match written {
            Ok(object) => Ok(object.generation),
            Err(error) if error.http_status_code() == Some(412) => {
                Err(ReplayError::Busy { bucket: self.name.clone(), name: name.to_owned() })
            }
            Err(error) => Err(self.failed("write", name)(error)),
        }
    }
}

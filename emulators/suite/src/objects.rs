//! The storage emulator's buckets as the BigQuery emulator sees them: `gs://` in load and extract jobs leads
//! to the same process, with nothing to configure.

use bytes::Bytes;
use windtunnel_bigquery::{ObjectError, ObjectStore};
use windtunnel_storage::StorageEmulator;

/// The buckets of a storage emulator.
#[derive(Debug)]
pub(crate) struct Buckets(pub(crate) StorageEmulator);

impl ObjectStore for Buckets {
    fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.0.list_objects(bucket, prefix).map_err(|error| ObjectError(error.to_string()))
    }

    fn get(&self, bucket: &str, name: &str) -> Result<Bytes, ObjectError> {
        self.0.get_object(bucket, name).map_err(|error| ObjectError(error.to_string()))
    }

    fn put(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), ObjectError> {
        self.0.put_object(bucket, name, content).map_err(|error| ObjectError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_see_the_same_objects() {
        let storage = StorageEmulator::new("http://localhost:1");
        storage.create_bucket("p", "bucket").unwrap();
        let buckets = Buckets(storage.clone());
        buckets.put("bucket", "a/b: c", Bytes::from_static(b"x")).unwrap();
        assert_eq!(storage.get_object("bucket", "a/b: c").unwrap(), "x");
        assert_eq!(buckets.list("bucket", "a/").unwrap(), ["a/b: c"]);
        assert!(buckets.get("bucket", "none").is_err());
        assert!(buckets.put("missing", "a", Bytes::new()).is_err());
    }
}

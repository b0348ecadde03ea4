//! The JSON resources of buckets and objects. int64 goes as text, checksums as base64 of big-endian
//! bytes, times as RFC 3339 in milliseconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::broker::{BrokerError, Bucket, Object, ObjectSpec};

pub(super) fn bucket(bucket: &Bucket, base_url: &str) -> Value {
    json!({
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": format!("{base_url}/storage/v1/b/{}", bucket.name),
        "name": bucket.name,
        "projectNumber": "0",
        "metageneration": "1",
        "location": bucket.location,
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": time(bucket.created_at),
        "updated": time(bucket.created_at),
    })
}

pub(super) fn object(bucket: &str, object: &Object, base_url: &str) -> Value {
    let Object { spec, generation, metageneration, .. } = object;
    let encoded = utf8_percent_encode(&spec.name, NON_ALPHANUMERIC);
    let mut out = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{}/{generation}", spec.name),
        "selfLink": format!("{base_url}/storage/v1/b/{bucket}/o/{encoded}"),
        "mediaLink":
            format!("{base_url}/download/storage/v1/b/{bucket}/o/{encoded}?generation={generation}&alt=media"),
        "name": spec.name,
        "bucket": bucket,
        "generation": generation.to_string(),
        "metageneration": metageneration.to_string(),
        "contentType": content_type(object),
        "storageClass": "STANDARD",
        "size": object.content.len().to_string(),
        "md5Hash": STANDARD.encode(object.md5),
        "crc32c": crc32c(object.crc32c),
        "etag": etag(*generation),
        "timeCreated": time(object.created_at),
        "updated": time(object.created_at),
    });
    if let Some(encoding) = &spec.content_encoding {
        out["contentEncoding"] = json!(encoding);
    }
    if !spec.metadata.is_empty() {
        out["metadata"] = json!(spec.metadata);
    }
    out
}

/// Reads the metadata that comes with an upload. Settings that would change what the service does with
/// the object are refused by name; the rest of what the service sets itself is passed over.
pub(super) fn spec_from(metadata: &[u8]) -> Result<ObjectSpec, BrokerError> {
    if metadata.iter().all(u8::is_ascii_whitespace) {
        return Ok(ObjectSpec::default());
    }
    let value: Value = serde_json::from_slice(metadata)
        .map_err(|error| BrokerError::Invalid(format!("Invalid JSON metadata: {error}")))?;
    for setting in ["temporaryHold", "eventBasedHold", "retention", "kmsKeyName", "customTime"] {
        if value.get(setting).is_some_and(|value| !value.is_null() && *value != Value::Bool(false))
        {
            return Err(BrokerError::Unimplemented(format!("Object.{setting}")));
        }
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let decoded = |name: &str| match text(name) {
        None => Ok(None),
        Some(text) => STANDARD
            .decode(text)
            .map(Some)
            .map_err(|_| BrokerError::Invalid(format!("Invalid value for {name}"))),
    };
    let crc32c = match decoded("crc32c")? {
        None => None,
        Some(bytes) => Some(u32::from_be_bytes(
            bytes
                .try_into()
                .map_err(|_| BrokerError::Invalid("Invalid value for crc32c".to_owned()))?,
        )),
    };
    let metadata = match value.get("metadata") {
        None | Some(Value::Null) => std::collections::BTreeMap::new(),
        Some(entries) => serde_json::from_value(entries.clone()).map_err(|_| {
            BrokerError::Invalid("metadata must be an object of strings".to_owned())
        })?,
    };
    Ok(ObjectSpec {
        name: text("name").unwrap_or_default(),
        content_type: text("contentType"),
        content_encoding: text("contentEncoding"),
        metadata,
        crc32c,
        md5: decoded("md5Hash")?,
    })
}

pub(super) fn content_type(object: &Object) -> &str {
    object.spec.content_type.as_deref().unwrap_or("application/octet-stream")
}

/// CRC-32C as headers and resources carry it.
pub(super) fn crc32c(value: u32) -> String {
    STANDARD.encode(value.to_be_bytes())
}

pub(super) fn etag(generation: i64) -> String {
    STANDARD.encode(generation.to_be_bytes())
}

/// `2024-01-01T12:00:00.123Z`, through protobuf's own formatter.
fn time(micros: i64) -> String {
    let nanos =
        i32::try_from(micros.rem_euclid(1_000_000) / 1_000 * 1_000_000).expect("below 10^9");
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }.to_string()
}

//! The resource of an object.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{Fields, merge};
use crate::broker::{
    Attributes, BrokerError, Bucket, Listing, Object, ObjectSpec, ObjectView, Retention, rfc3339,
};

/// What a client may set.
const WRITABLE: &[&str] = &[
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "eventBasedHold",
    "metadata",
    "retention",
    "storageClass",
    "temporaryHold",
];

/// What the service sets; clients send it back.
const OUTPUT: &[&str] = &[
    "bucket",
    "componentCount",
    "crc32c",
    "etag",
    "generation",
    "hardDeleteTime",
    "id",
    "kind",
    "md5Hash",
    "mediaLink",
    "metageneration",
    "name",
    "owner",
    "retentionExpirationTime",
    "selfLink",
    "size",
    "softDeleteTime",
    "timeCreated",
    "timeDeleted",
    "timeFinalized",
    "timeStorageClassUpdated",
    "updated",
];

pub(in crate::wire) fn object(view: ObjectView<'_>, base_url: &str) -> Value {
    let ObjectView { bucket: Bucket { name: bucket, .. }, object } = view;
    let Object { name, generation, .. } = object;
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let mut out = attributes(&object.attributes);
    out["kind"] = json!("storage#object");
    out["id"] = json!(format!("{bucket}/{name}/{generation}"));
    out["selfLink"] = json!(format!("{base_url}/storage/v1/b/{bucket}/o/{encoded}"));
    out["mediaLink"] = json!(format!(
        "{base_url}/download/storage/v1/b/{bucket}/o/{encoded}?generation={generation}&alt=media"
    ));
    out["name"] = json!(name);
    out["bucket"] = json!(bucket);
    out["generation"] = json!(generation.to_string());
    out["metageneration"] = json!(object.metageneration.to_string());
    out["size"] = json!(object.size().to_string());
    out["crc32c"] = json!(crc32c(object.checksums.crc32c));
    if let Some(md5) = object.checksums.md5 {
        out["md5Hash"] = json!(STANDARD.encode(md5));
    }
    if let Some(count) = object.component_count {
        out["componentCount"] = json!(count);
    }
    out["etag"] = json!(etag(object));
    for (name, at) in [
        ("timeCreated", Some(object.created_at)),
        ("timeFinalized", Some(object.created_at)),
        ("updated", Some(object.updated_at)),
        ("timeStorageClassUpdated", Some(object.class_updated_at)),
        ("timeDeleted", object.noncurrent_at),
        ("softDeleteTime", object.soft_deletion.map(|deletion| deletion.deleted_at)),
        ("hardDeleteTime", object.soft_deletion.map(|deletion| deletion.gone_at)),
        ("retentionExpirationTime", view.bucket.retention_ends_at(object)),
    ] {
        if let Some(at) = at {
            out[name] = json!(rfc3339(at));
        }
    }
    out
}

pub(in crate::wire) fn listing(page: &Listing<'_>, base_url: &str) -> Value {
    let mut out = json!({ "kind": "storage#objects" });
    if !page.objects.is_empty() {
        let view = |it: &&_| object(ObjectView { bucket: page.bucket, object: it }, base_url);
        out["items"] = page.objects.iter().map(view).collect();
    }
    if !page.prefixes.is_empty() {
        out["prefixes"] = json!(page.prefixes);
    }
    if !page.next_page_token.is_empty() {
        out["nextPageToken"] = json!(page.next_page_token);
    }
    out
}

/// What a client may set, as it reads it back.
fn attributes(attributes: &Attributes) -> Value {
    let Attributes { metadata, retention, .. } = attributes;
    let mut out = Map::new();
    for (name, text) in [
        ("contentType", &attributes.content_type),
        ("contentEncoding", &attributes.content_encoding),
        ("contentDisposition", &attributes.content_disposition),
        ("contentLanguage", &attributes.content_language),
        ("cacheControl", &attributes.cache_control),
        ("storageClass", &attributes.storage_class),
    ] {
        if let Some(text) = text {
            out.insert(name.to_owned(), json!(text));
        }
    }
    if !metadata.is_empty() {
        out.insert("metadata".to_owned(), json!(metadata));
    }
    if let Some(at) = attributes.custom_time {
        out.insert("customTime".to_owned(), json!(rfc3339(at)));
    }
    if attributes.temporary_hold {
        out.insert("temporaryHold".to_owned(), json!(true));
    }
    if let Some(held) = attributes.event_based_hold {
        out.insert("eventBasedHold".to_owned(), json!(held));
    }
    if let Some(Retention { is_locked, until }) = *retention {
        let mode = if is_locked { "Locked" } else { "Unlocked" };
        let retention = json!({ "mode": mode, "retainUntilTime": rfc3339(until) });
        out.insert("retention".to_owned(), retention);
    }
    Value::Object(out)
}

pub(in crate::wire) fn attributes_from(value: &Value) -> Result<Attributes, BrokerError> {
    let fields = Fields::of("Object", value)?;
    for refused in ["acl", "contexts"] {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        if fields.get(refused).is_some_and(|value| !is_empty(value)) {
            return Err(fields.refused(refused));
        }
    }
    fields.only(&[WRITABLE, OUTPUT, &["acl", "contexts"]])?;
    let retention = match fields.inner("Object.retention", "retention")? {
        None => None,
        Some(retention) => retention_from(retention)?,
    };
    Ok(Attributes {
        content_type: fields.text("contentType")?,
        content_encoding: fields.text("contentEncoding")?,
        content_disposition: fields.text("contentDisposition")?,
        content_language: fields.text("contentLanguage")?,
        cache_control: fields.text("cacheControl")?,
        metadata: fields.text_map("metadata")?,
        custom_time: fields.time("customTime")?,
        temporary_hold: fields.flag("temporaryHold")?.unwrap_or(false),
        event_based_hold: fields.flag("eventBasedHold")?,
        retention,
        storage_class: fields
            .text("storageClass")?
            .filter(|class| !class.is_empty())
            .map(|class| class.to_uppercase()),
    })
}

fn retention_from(retention: Fields<'_>) -> Result<Option<Retention>, BrokerError> {
    retention.only(&[&["mode", "retainUntilTime"]])?;
    let until = retention.time("retainUntilTime")?;
    let is_locked = match retention.text("mode")?.as_deref() {
        None if until.is_none() => return Ok(None),
        Some("Locked") => true,
        Some("Unlocked") => false,
        _ => {
            let text = "Object.retention.mode must be Locked or Unlocked".to_owned();
            return Err(BrokerError::Invalid(text));
        }
    };
    match until {
        Some(until) => Ok(Some(Retention { is_locked, until })),
        None => Err(BrokerError::Required("retention.retainUntilTime")),
    }
}

/// What holds after a patch.
pub(in crate::wire) fn patched_attributes(
    old: &Attributes,
    patch: &Value,
) -> Result<Attributes, BrokerError> {
    let mut value = attributes(old);
    merge(&mut value, patch);
    let mut new = attributes_from(&value)?;
    // The wire shows milliseconds; what the patch does not name keeps all of its digits.
    if patch.get("customTime").is_none() {
        new.custom_time = old.custom_time;
    }
    if patch.get("retention").is_none() {
        new.retention = old.retention;
    }
    Ok(new)
}

/// Whether a resource sets anything that a client may set.
pub(in crate::wire) fn says_something(resource: &Value) -> bool {
    WRITABLE.iter().any(|name| resource.get(name).is_some_and(|value| !value.is_null()))
}

/// Reads the resource that comes with an upload.
pub(in crate::wire) fn spec_from(value: &Value) -> Result<ObjectSpec, BrokerError> {
    let fields = Fields::of("Object", value)?;
    let decoded = |name: &'static str| match fields.text(name)? {
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
    Ok(ObjectSpec {
        name: fields.text("name")?.unwrap_or_default(),
        attributes: attributes_from(value)?,
        crc32c,
        md5: decoded("md5Hash")?,
    })
}

/// CRC-32C as headers and resources carry it.
pub(in crate::wire) fn crc32c(value: u32) -> String {
    STANDARD.encode(value.to_be_bytes())
}

pub(in crate::wire) fn etag(object: &Object) -> String {
    STANDARD.encode(object.etag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_is_written() {
        let value = json!({
            "contentType": "text/plain", "contentEncoding": "gzip", "contentDisposition": "inline",
            "contentLanguage": "de", "cacheControl": "no-store", "metadata": { "a": "b" },
            "customTime": "2024-01-01T00:00:00.000Z", "temporaryHold": true, "eventBasedHold": false,
            "retention": { "mode": "Locked", "retainUntilTime": "2034-01-01T00:00:00.000Z" },
            "storageClass": "NEARLINE",
        });
        assert_eq!(attributes(&attributes_from(&value).unwrap()), value);
        assert_eq!(value.as_object().unwrap().len(), WRITABLE.len());
    }

    #[test]
    fn patches_merge_metadata() {
        let old = attributes_from(&json!({
            "contentType": "text/plain", "metadata": { "a": "1", "b": "2" }, "temporaryHold": true
        }))
        .unwrap();
        let patch = json!({
            "contentType": null, "metadata": { "a": null, "c": "3" }, "generation": "5"
        });
        let new = patched_attributes(&old, &patch).unwrap();
        let expected = json!({ "metadata": { "b": "2", "c": "3" }, "temporaryHold": true });
        assert_eq!(attributes(&new), expected);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (value, name) in [
            (json!({ "acl": [{ "entity": "allUsers" }] }), "Object.acl"),
            (json!({ "kmsKeyName": "k" }), "Object.kmsKeyName"),
            (json!({ "contexts": { "custom": {} } }), "Object.contexts"),
        ] {
            let refused = attributes_from(&value).unwrap_err();
            assert_eq!(refused, BrokerError::Unimplemented(name.to_owned()));
        }
        for value in [
            json!({ "metadata": { "a": 1 } }),
            json!({ "contentType": 1 }),
            json!({ "customTime": "soon" }),
            json!({ "retention": { "mode": "Bolted", "retainUntilTime": "2034-01-01T00:00:00Z" } }),
        ] {
            assert!(matches!(attributes_from(&value), Err(BrokerError::Invalid(_))), "{value}");
        }
    }
}

//! The JSON resources. int64 goes as text, checksums as base64 of big-endian bytes, times as RFC 3339 in
//! milliseconds. Invariant: a setting that is not known here is refused by name, never passed over.

mod access;
mod bucket;
mod fields;
mod object;

use serde_json::Value;

pub(super) use access::{notification, notification_from, policy, policy_from};
pub(super) use bucket::{bucket, new_bucket, patched_settings, replaced_settings, storage_layout};
pub(super) use fields::Fields;
pub(super) use object::{
    attributes_from, crc32c, etag, listing, object, patched_attributes, says_something, spec_from,
};

/// Changes a document as RFC 7396 says: null removes, objects are merged, the rest replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merges() {
        let mut target = json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": [1] });
        merge(
            &mut target,
            &json!({ "a": null, "b": { "c": null, "f": 4 }, "e": [2], "g": { "h": null } }),
        );
        assert_eq!(target, json!({ "b": { "d": 3, "f": 4 }, "e": [2], "g": {} }));
    }
}

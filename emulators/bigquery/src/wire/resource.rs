//! Settings of resources: which of a body's are kept, and how a PATCH changes them.

use serde_json::{Map, Value};

/// The settings of a body that are known and not null.
pub(super) fn kept(body: &Value, settings: &[&str]) -> Map<String, Value> {
    let found = settings.iter().filter_map(|name| {
        let value = body.get(name).filter(|value| !value.is_null())?;
        Some(((*name).to_owned(), value.clone()))
    });
    found.collect()
}

/// Changes the settings that a body names: null takes one away, labels change one by one.
pub(super) fn merge_patch(kept: &mut Map<String, Value>, body: &Value, settings: &[&str]) {
    for name in settings {
        let Some(value) = body.get(name) else { continue };
        match (kept.get_mut(*name), value) {
            (_, Value::Null) => {
                kept.remove(*name);
            }
            (Some(Value::Object(labels)), Value::Object(changes)) if *name == "labels" => {
                for (key, value) in changes {
                    if value.is_null() {
                        labels.remove(key);
                    } else {
                        labels.insert(key.clone(), value.clone());
                    }
                }
            }
            _ => {
                kept.insert((*name).to_owned(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names() {
        let known = ["a", "labels"];
        let mut settings =
            kept(&json!({ "a": 1, "b": 2, "labels": { "x": "1", "y": "2" } }), &known);
        let patch = json!({ "a": null, "b": 3, "labels": { "x": null, "z": "3" } });
        merge_patch(&mut settings, &patch, &known);
        assert_eq!(Value::Object(settings), json!({ "labels": { "y": "2", "z": "3" } }));
    }
}

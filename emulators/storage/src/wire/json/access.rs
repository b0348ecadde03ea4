//! The resources of policies and of notification configurations.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Fields;
use crate::broker::{Binding, BrokerError, Condition, EventType, NotificationConfig, Policy};

pub(in crate::wire) fn policy(policy: &Policy, bucket: &str) -> Value {
    let bindings: Vec<Value> = policy
        .bindings
        .iter()
        .map(|binding| {
            let mut out = json!({ "role": binding.role, "members": binding.members });
            if let Some(condition) = &binding.condition {
                out["condition"] = json!({
                    "title": condition.title,
                    "description": condition.description,
                    "expression": condition.expression,
                    "location": condition.location,
                });
            }
            out
        })
        .collect();
    json!({
        "kind": "storage#policy",
        "resourceId": format!("projects/_/buckets/{bucket}"),
        "version": policy.version,
        "bindings": bindings,
        "etag": STANDARD.encode(&policy.etag),
    })
}

pub(in crate::wire) fn policy_from(value: &Value) -> Result<Policy, BrokerError> {
    let fields = Fields::of("Policy", value)?;
    fields.only(&[&["version", "bindings", "etag", "kind", "resourceId"]])?;
    let bindings = fields.list("bindings")?.iter().map(binding_from);
    let etag = fields.text("etag")?.unwrap_or_default();
    Ok(Policy {
        version: fields.int32("version")?.unwrap_or_default(),
        bindings: bindings.collect::<Result<_, _>>()?,
        etag: STANDARD
            .decode(etag)
            .map_err(|_| BrokerError::Invalid("Invalid value for Policy.etag".to_owned()))?,
    })
}

fn binding_from(value: &Value) -> Result<Binding, BrokerError> {
    let fields = Fields::of("Binding", value)?;
    fields.only(&[&["role", "members", "condition"]])?;
    let condition = match fields.inner("Expr", "condition")? {
        None => None,
        Some(condition) => {
            condition.only(&[&["title", "description", "expression", "location"]])?;
            Some(Condition {
                title: condition.text("title")?.unwrap_or_default(),
                description: condition.text("description")?.unwrap_or_default(),
                expression: condition.text("expression")?.unwrap_or_default(),
                location: condition.text("location")?.unwrap_or_default(),
            })
        }
    };
    let role = fields.text("role")?.unwrap_or_default();
    Ok(Binding { role, members: fields.texts("members")?, condition })
}

pub(in crate::wire) fn notification(
    config: &NotificationConfig,
    bucket: &str,
    base_url: &str,
) -> Value {
    let id = config.id;
    let mut out = json!({
        "kind": "storage#notification",
        "id": id.to_string(),
        "selfLink": format!("{base_url}/storage/v1/b/{bucket}/notificationConfigs/{id}"),
        "topic": format!("//pubsub.googleapis.com/{}", config.topic),
        "payload_format": if config.has_payload { "JSON_API_V1" } else { "NONE" },
        "etag": id.to_string(),
    });
    if !config.event_types.is_empty() {
        out["event_types"] = config.event_types.iter().map(|event| event.name()).collect();
    }
    if !config.custom_attributes.is_empty() {
        out["custom_attributes"] = json!(config.custom_attributes);
    }
    if !config.object_name_prefix.is_empty() {
        out["object_name_prefix"] = json!(config.object_name_prefix);
    }
    out
}

pub(in crate::wire) fn notification_from(value: &Value) -> Result<NotificationConfig, BrokerError> {
    let fields = Fields::of("Notification", value)?;
    fields.only(&[
        &["topic", "event_types", "custom_attributes", "object_name_prefix", "payload_format"],
        &["id", "selfLink", "kind", "etag"],
    ])?;
    let topic = fields.text("topic")?.ok_or(BrokerError::Required("topic"))?;
    let event_types = fields.texts("event_types")?;
    let event_types = event_types.iter().map(|name| {
        EventType::from_name(name)
            .ok_or_else(|| BrokerError::Invalid(format!("Invalid event type: {name}")))
    });
    let has_payload = match fields.text("payload_format")?.as_deref() {
        Some("JSON_API_V1") => true,
        Some("NONE") => false,
        None => return Err(BrokerError::Required("payload_format")),
        Some(other) => {
            return Err(BrokerError::Invalid(format!("Invalid payload format: {other}")));
        }
    };
    Ok(NotificationConfig {
        id: 0,
        topic: topic.strip_prefix("//pubsub.googleapis.com/").unwrap_or(&topic).to_owned(),
        event_types: event_types.collect::<Result<_, _>>()?,
        custom_attributes: fields.text_map("custom_attributes")?,
        object_name_prefix: fields.text("object_name_prefix")?.unwrap_or_default(),
        has_payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        let condition = json!({
            "title": "t", "description": "d", "expression": "true", "location": ""
        });
        let value = json!({
            "kind": "storage#policy",
            "resourceId": "projects/_/buckets/b",
            "version": 3,
            "bindings": [
                { "role": "roles/storage.admin", "members": ["user:a@b.c"], "condition": condition },
            ],
            "etag": "CAE=",
        });
        assert_eq!(policy(&policy_from(&value).unwrap(), "b"), value);
        assert!(policy_from(&json!({ "auditConfigs": [] })).is_err());
    }

    #[test]
    fn notifications_are_read_as_they_are_written() {
        let value = json!({
            "topic": "//pubsub.googleapis.com/projects/p/topics/t",
            "event_types": ["OBJECT_FINALIZE"],
            "custom_attributes": { "a": "b" },
            "object_name_prefix": "x/",
            "payload_format": "NONE",
        });
        let written = notification(&notification_from(&value).unwrap(), "b", "http://h");
        for (name, value) in value.as_object().unwrap() {
            assert_eq!(&written[name], value, "{name}");
        }
        for invalid in [
            json!({ "topic": "t" }),
            json!({ "topic": "t", "payload_format": "XML" }),
            json!({ "topic": "t", "payload_format": "NONE", "event_types": ["OBJECT_LOST"] }),
        ] {
            assert!(notification_from(&invalid).is_err(), "{invalid}");
        }
    }
}

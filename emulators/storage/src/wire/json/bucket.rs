//! The resource of a bucket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Fields, merge};
use crate::broker::{
    BrokerError, Bucket, BucketSettings, Cors, Date, LifecycleAction, LifecycleCondition,
    LifecycleRule, Logging, RetentionPolicy, SoftDeletePolicy, Website, push_varint, rfc3339,
};

/// What a client may set.
const WRITABLE: &[&str] = &[
    "cors",
    "defaultEventBasedHold",
    "iamConfiguration",
    "labels",
    "lifecycle",
    "logging",
    "retentionPolicy",
    "softDeletePolicy",
    "storageClass",
    "versioning",
    "website",
];

/// What the service sets, or what is set once; clients send it back.
const OUTPUT: &[&str] = &[
    "etag",
    "generation",
    "id",
    "kind",
    "location",
    "locationType",
    "metageneration",
    "name",
    "objectRetention",
    "owner",
    "projectNumber",
    "satisfiesPZI",
    "satisfiesPZS",
    "selfLink",
    "timeCreated",
    "updated",
];

/// Settings that are not there: passed over while they are off, refused by name when they are on.
const REFUSED: &[&str] = &[
    "acl",
    "autoclass",
    "billing",
    "customPlacementConfig",
    "defaultObjectAcl",
    "encryption",
    "hierarchicalNamespace",
    "ipFilter",
    "rpo",
];

pub(in crate::wire) fn bucket(bucket: &Bucket, base_url: &str) -> Value {
    let mut etag = vec![0x08];
    push_varint(&mut etag, bucket.metageneration);
    let mut out = settings(&bucket.settings);
    out["kind"] = json!("storage#bucket");
    out["id"] = json!(bucket.name);
    out["selfLink"] = json!(format!("{base_url}/storage/v1/b/{}", bucket.name));
    out["name"] = json!(bucket.name);
    out["projectNumber"] = json!("0");
    out["generation"] = json!(bucket.created_at.to_string());
    out["metageneration"] = json!(bucket.metageneration.to_string());
    out["location"] = json!(bucket.location);
    out["locationType"] = json!(bucket.location_type());
    out["etag"] = json!(STANDARD.encode(etag));
    out["timeCreated"] = json!(rfc3339(bucket.created_at));
    out["updated"] = json!(rfc3339(bucket.updated_at));
    if matches!(bucket.location_type(), "multi-region" | "dual-region") {
        out["rpo"] = json!("DEFAULT");
    }
    if bucket.object_retention {
        out["objectRetention"] = json!({ "mode": "Enabled" });
    }
    out
}

pub(in crate::wire) fn storage_layout(bucket: &Bucket) -> Value {
    json!({
        "kind": "storage#storageLayout",
        "bucket": bucket.name,
        "location": bucket.location,
        "locationType": bucket.location_type(),
        "hierarchicalNamespace": { "enabled": false },
    })
}

/// A bucket as a client asks for it.
pub(in crate::wire) fn new_bucket(
    project: &str,
    resource: &Value,
    object_retention: bool,
    now: i64,
) -> Result<Bucket, BrokerError> {
    let fields = Fields::of("Bucket", resource)?;
    let name = fields.text("name")?.ok_or(BrokerError::Required("name"))?;
    let mut bucket = Bucket::new(project, &name, now);
    if let Some(location) = fields.text("location")? {
        bucket.location = location.to_uppercase();
    }
    bucket.object_retention = object_retention;
    bucket.settings = settings_from(resource)?;
    bucket.settings.soft_delete_policy.effective_at = now;
    if let Some(policy) = &mut bucket.settings.retention_policy {
        policy.effective_at = now;
    }
    Ok(bucket)
}

/// What holds after a patch.
pub(in crate::wire) fn patched_settings(
    old: &BucketSettings,
    patch: &Value,
) -> Result<BucketSettings, BrokerError> {
    let mut value = settings(old);
    merge(&mut value, patch);
    settings_from(&value)
}

/// What holds after a replacement: the class stays unless it is named.
pub(in crate::wire) fn replaced_settings(
    old: &BucketSettings,
    resource: &Value,
) -> Result<BucketSettings, BrokerError> {
    let mut new = settings_from(resource)?;
    if resource.get("storageClass").is_none_or(Value::is_null) {
        new.storage_class.clone_from(&old.storage_class);
    }
    Ok(new)
}

/// What a client may set, as it reads it back.
fn settings(settings: &BucketSettings) -> Value {
    let uniform = json!({ "enabled": settings.uniform_access == Some(true) });
    let soft_delete = settings.soft_delete_policy;
    let mut soft_delete_policy =
        json!({ "retentionDurationSeconds": soft_delete.duration_seconds.to_string() });
    if soft_delete.duration_seconds > 0 {
        soft_delete_policy["effectiveTime"] = json!(rfc3339(soft_delete.effective_at));
    }
    let mut out = json!({
        "storageClass": settings.storage_class,
        "softDeletePolicy": soft_delete_policy,
        "iamConfiguration": {
            "uniformBucketLevelAccess": uniform,
            "bucketPolicyOnly": uniform,
            "publicAccessPrevention": settings.public_access_prevention,
        },
    });
    if !settings.labels.is_empty() {
        out["labels"] = json!(settings.labels);
    }
    if let Some(enabled) = settings.versioning {
        out["versioning"] = json!({ "enabled": enabled });
    }
    if settings.default_event_based_hold {
        out["defaultEventBasedHold"] = json!(true);
    }
    if let Some(policy) = settings.retention_policy {
        out["retentionPolicy"] = json!({
            "retentionPeriod": policy.duration_seconds.to_string(),
            "effectiveTime": rfc3339(policy.effective_at),
        });
        if policy.is_locked {
            out["retentionPolicy"]["isLocked"] = json!(true);
        }
    }
    if !settings.lifecycle.is_empty() {
        let rules: Vec<Value> = settings.lifecycle.iter().map(rule).collect();
        out["lifecycle"] = json!({ "rule": rules });
    }
    if !settings.cors.is_empty() {
        out["cors"] = settings.cors.iter().map(cors).collect();
    }
    if let Some(website) = &settings.website {
        out["website"] = json!({
            "mainPageSuffix": website.main_page_suffix, "notFoundPage": website.not_found_page
        });
    }
    if let Some(logging) = &settings.logging {
        out["logging"] = json!({
            "logBucket": logging.log_bucket, "logObjectPrefix": logging.log_object_prefix
        });
    }
    out
}

fn settings_from(value: &Value) -> Result<BucketSettings, BrokerError> {
    let fields = Fields::of("Bucket", value)?;
    fields.only(&[WRITABLE, OUTPUT, REFUSED])?;
    let on = |name: &&&str| fields.get(name).is_some_and(|value| !is_off(value));
    if let Some(name) = REFUSED.iter().find(on) {
        return Err(fields.refused(name));
    }
    let mut settings = BucketSettings {
        labels: fields.text_map("labels")?,
        default_event_based_hold: fields.flag("defaultEventBasedHold")?.unwrap_or(false),
        ..BucketSettings::default()
    };
    if let Some(class) = fields.text("storageClass")? {
        settings.storage_class = class.to_uppercase();
    }
    if let Some(versioning) = fields.inner("Bucket.versioning", "versioning")? {
        settings.versioning = versioning.flag("enabled")?;
    }
    if let Some(policy) = fields.inner("Bucket.retentionPolicy", "retentionPolicy")? {
        settings.retention_policy = policy.int("retentionPeriod")?.map(|duration_seconds| {
            // The time and the lock are the service's own.
            RetentionPolicy { duration_seconds, effective_at: 0, is_locked: false }
        });
    }
    if let Some(policy) = fields.inner("Bucket.softDeletePolicy", "softDeletePolicy")?
        && let Some(duration_seconds) = policy.int("retentionDurationSeconds")?
    {
        settings.soft_delete_policy = SoftDeletePolicy { duration_seconds, effective_at: 0 };
    }
    if let Some(lifecycle) = fields.inner("Bucket.lifecycle", "lifecycle")? {
        lifecycle.only(&[&["rule"]])?;
        let rules = lifecycle.list("rule")?.iter().map(rule_from);
        settings.lifecycle = rules.collect::<Result<_, _>>()?;
    }
    kept_settings(fields, &mut settings)?;
    Ok(settings)
}

/// Reads the settings that are only kept.
fn kept_settings(fields: Fields<'_>, settings: &mut BucketSettings) -> Result<(), BrokerError> {
    let cors = fields.list("cors")?.iter().map(cors_from);
    settings.cors = cors.collect::<Result<_, _>>()?;
    if let Some(website) = fields.inner("Bucket.website", "website")? {
        website.only(&[&["mainPageSuffix", "notFoundPage"]])?;
        settings.website = Some(Website {
            main_page_suffix: website.text("mainPageSuffix")?.unwrap_or_default(),
            not_found_page: website.text("notFoundPage")?.unwrap_or_default(),
        });
    }
    if let Some(logging) = fields.inner("Bucket.logging", "logging")? {
        logging.only(&[&["logBucket", "logObjectPrefix"]])?;
        settings.logging = Some(Logging {
            log_bucket: logging.text("logBucket")?.unwrap_or_default(),
            log_object_prefix: logging.text("logObjectPrefix")?.unwrap_or_default(),
        });
    }
    if let Some(access) = fields.inner("Bucket.iamConfiguration", "iamConfiguration")? {
        access.only(&[&[
            "uniformBucketLevelAccess",
            "bucketPolicyOnly",
            "publicAccessPrevention",
        ]])?;
        // The second is the old name of the first.
        for name in ["bucketPolicyOnly", "uniformBucketLevelAccess"] {
            if let Some(uniform) = access.inner("Bucket.iamConfiguration", name)? {
                settings.uniform_access = uniform.flag("enabled")?;
            }
        }
        if let Some(prevention) = access.text("publicAccessPrevention")? {
            // An old name of the same.
            let is_old = prevention == "unspecified";
            settings.public_access_prevention =
                if is_old { "inherited".to_owned() } else { prevention };
        }
    }
    Ok(())
}

/// Whether a setting says nothing or says that it is off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => matches!(text.as_str(), "" | "DEFAULT" | "Disabled"),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.values().all(is_off),
        _ => false,
    }
}

fn cors(cors: &Cors) -> Value {
    json!({
        "origin": cors.origin,
        "method": cors.method,
        "responseHeader": cors.response_header,
        "maxAgeSeconds": cors.max_age_seconds,
    })
}

fn cors_from(value: &Value) -> Result<Cors, BrokerError> {
    let fields = Fields::of("Bucket.cors", value)?;
    fields.only(&[&["origin", "method", "responseHeader", "maxAgeSeconds"]])?;
    Ok(Cors {
        origin: fields.texts("origin")?,
        method: fields.texts("method")?,
        response_header: fields.texts("responseHeader")?,
        max_age_seconds: fields.int32("maxAgeSeconds")?.unwrap_or_default(),
    })
}

fn rule(rule: &LifecycleRule) -> Value {
    let action = match &rule.action {
        LifecycleAction::Delete => json!({ "type": "Delete" }),
        LifecycleAction::SetStorageClass(class) => {
            json!({ "type": "SetStorageClass", "storageClass": class })
        }
        LifecycleAction::AbortIncompleteMultipartUpload => {
            json!({ "type": "AbortIncompleteMultipartUpload" })
        }
    };
    let LifecycleCondition { is_live, .. } = rule.condition;
    let condition = &rule.condition;
    let mut out = Map::new();
    for (name, days) in [
        ("age", condition.age_days),
        ("numNewerVersions", condition.num_newer_versions),
        ("daysSinceCustomTime", condition.days_since_custom_time),
        ("daysSinceNoncurrentTime", condition.days_since_noncurrent_time),
    ] {
        out.extend(days.map(|days| (name.to_owned(), json!(days))));
    }
    for (name, date) in [
        ("createdBefore", condition.created_before),
        ("customTimeBefore", condition.custom_time_before),
        ("noncurrentTimeBefore", condition.noncurrent_time_before),
    ] {
        out.extend(date.map(|date| (name.to_owned(), json!(date.to_string()))));
    }
    for (name, texts) in [
        ("matchesStorageClass", &condition.matches_storage_class),
        ("matchesPrefix", &condition.matches_prefix),
        ("matchesSuffix", &condition.matches_suffix),
    ] {
        if !texts.is_empty() {
            out.insert(name.to_owned(), json!(texts));
        }
    }
    out.extend(is_live.map(|is_live| ("isLive".to_owned(), json!(is_live))));
    json!({ "action": action, "condition": out })
}

fn rule_from(value: &Value) -> Result<LifecycleRule, BrokerError> {
    let fields = Fields::of("Bucket.lifecycle.rule", value)?;
    fields.only(&[&["action", "condition"]])?;
    let action = fields
        .inner("Bucket.lifecycle.rule.action", "action")?
        .ok_or(BrokerError::Required("lifecycle.rule.action"))?;
    action.only(&[&["type", "storageClass"]])?;
    let class = action.text("storageClass")?;
    let action = match (action.text("type")?.as_deref(), class) {
        (Some("Delete"), _) => LifecycleAction::Delete,
        (Some("SetStorageClass"), Some(class)) => LifecycleAction::SetStorageClass(class),
        (Some("AbortIncompleteMultipartUpload"), _) => {
            LifecycleAction::AbortIncompleteMultipartUpload
        }
        (other, _) => {
            let text = format!("Invalid lifecycle action: {}", other.unwrap_or_default());
            return Err(BrokerError::Invalid(text));
        }
    };
    let condition = match fields.inner("Bucket.lifecycle.rule.condition", "condition")? {
        None => LifecycleCondition::default(),
        Some(condition) => condition_from(condition)?,
    };
    Ok(LifecycleRule { action, condition })
}

fn condition_from(fields: Fields<'_>) -> Result<LifecycleCondition, BrokerError> {
    fields.only(&[
        &["age", "numNewerVersions", "daysSinceCustomTime", "daysSinceNoncurrentTime", "isLive"],
        &["createdBefore", "customTimeBefore", "noncurrentTimeBefore"],
        &["matchesStorageClass", "matchesPrefix", "matchesSuffix"],
    ])?;
    let date = |name: &str| {
        let text = fields.text(name)?;
        text.map(|text| {
            Date::parse(&text).ok_or_else(|| BrokerError::Invalid(format!("Invalid date: {text}")))
        })
        .transpose()
    };
    Ok(LifecycleCondition {
        age_days: fields.int32("age")?,
        created_before: date("createdBefore")?,
        is_live: fields.flag("isLive")?,
        num_newer_versions: fields.int32("numNewerVersions")?,
        matches_storage_class: fields.texts("matchesStorageClass")?,
        days_since_custom_time: fields.int32("daysSinceCustomTime")?,
        custom_time_before: date("customTimeBefore")?,
        days_since_noncurrent_time: fields.int32("daysSinceNoncurrentTime")?,
        noncurrent_time_before: date("noncurrentTimeBefore")?,
        matches_prefix: fields.texts("matchesPrefix")?,
        matches_suffix: fields.texts("matchesSuffix")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Value {
        json!({
            "storageClass": "NEARLINE",
            "softDeletePolicy": {
                "retentionDurationSeconds": "604800", "effectiveTime": "1970-01-01T00:00:00.000Z"
            },
            "iamConfiguration": {
                "uniformBucketLevelAccess": { "enabled": true },
                "bucketPolicyOnly": { "enabled": true },
                "publicAccessPrevention": "enforced",
            },
            "labels": { "a": "b" },
            "versioning": { "enabled": true },
            "defaultEventBasedHold": true,
            "retentionPolicy": {
                "retentionPeriod": "10", "effectiveTime": "1970-01-01T00:00:00.000Z"
            },
            "lifecycle": { "rule": [
                { "action": { "type": "Delete" }, "condition": {
                    "age": 1, "numNewerVersions": 2, "daysSinceCustomTime": 3,
                    "daysSinceNoncurrentTime": 4, "createdBefore": "2024-01-01",
                    "customTimeBefore": "2024-01-02", "noncurrentTimeBefore": "2024-01-03",
                    "matchesStorageClass": ["STANDARD"], "matchesPrefix": ["a"],
                    "matchesSuffix": ["b"], "isLive": true,
                } },
                {
                    "action": { "type": "SetStorageClass", "storageClass": "ARCHIVE" },
                    "condition": { "age": 0 },
                },
            ] },
            "cors": [{
                "origin": ["*"], "method": ["GET"], "responseHeader": ["x"], "maxAgeSeconds": 5
            }],
            "website": { "mainPageSuffix": "index.html", "notFoundPage": "404.html" },
            "logging": { "logBucket": "logs", "logObjectPrefix": "x" },
        })
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        let value = full();
        assert_eq!(settings(&settings_from(&value).unwrap()), value);
        assert_eq!(value.as_object().unwrap().len(), WRITABLE.len());
    }

    #[test]
    fn patches_and_replacements() {
        let old = settings_from(&full()).unwrap();
        let patch = json!({ "labels": { "a": null, "c": "d" }, "lifecycle": null, "etag": "x" });
        let new = patched_settings(&old, &patch).unwrap();
        assert_eq!(settings(&new)["labels"], json!({ "c": "d" }));
        assert!(new.lifecycle.is_empty());
        assert_eq!(new.versioning, Some(true));
        let new = replaced_settings(&old, &json!({ "labels": {} })).unwrap();
        assert_eq!((new.storage_class.as_str(), new.versioning), ("NEARLINE", None));
    }

    #[test]
    fn what_is_not_there_is_refused_when_it_is_on() {
        let off = json!({
            "billing": { "requesterPays": false }, "autoclass": { "enabled": false }, "acl": [],
            "rpo": "DEFAULT", "hierarchicalNamespace": { "enabled": false },
        });
        assert!(settings_from(&off).is_ok());
        for (on, name) in [
            (json!({ "billing": { "requesterPays": true } }), "Bucket.billing"),
            (json!({ "encryption": { "defaultKmsKeyName": "k" } }), "Bucket.encryption"),
            (json!({ "rpo": "ASYNC_TURBO" }), "Bucket.rpo"),
            (json!({ "surprise": 1 }), "Bucket.surprise"),
        ] {
            let refused = settings_from(&on).unwrap_err();
            assert_eq!(refused, BrokerError::Unimplemented(name.to_owned()));
        }
    }
}

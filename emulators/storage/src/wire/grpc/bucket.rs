//! Buckets on gRPC: their resource, and the calls that are more than one line.

use windtunnel_protos::storage::bucket::lifecycle::{Rule, rule};
use windtunnel_protos::storage::{
    Bucket, CreateBucketRequest, ListBucketsRequest, ListBucketsResponse, UpdateBucketRequest,
    bucket as proto, r#type,
};

use super::{bucket_id, bucket_preconditions, project_id, refuse, timestamp};
use crate::broker::{
    self, BrokerError, BucketSettings, Cors, Date, LifecycleAction, LifecycleCondition,
    LifecycleRule, Logging, Preconditions, RetentionPolicy, Website,
};
use crate::clock::now_micros;
use crate::limits::LIST_PAGE_MAX;
use crate::wire::Shared;

pub(super) fn resource(bucket: &broker::Bucket) -> Bucket {
    let settings = bucket.settings.clone();
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let soft_delete = settings.soft_delete_policy;
    let is_redundant = bucket.location_type() != "region";
    Bucket {
        name: format!("projects/_/buckets/{}", bucket.name),
        bucket_id: bucket.name.clone(),
        etag: bucket.metageneration.to_string(),
        project: format!("projects/{}", bucket.project),
        metageneration: bucket.metageneration,
        location: bucket.location.clone(),
        location_type: bucket.location_type().to_owned(),
        storage_class: settings.storage_class,
        rpo: if is_redundant { "DEFAULT".to_owned() } else { String::new() },
        lifecycle: (!settings.lifecycle.is_empty())
            .then(|| proto::Lifecycle { rule: settings.lifecycle.iter().map(rule_of).collect() }),
        create_time: timestamp(bucket.created_at),
        cors: settings.cors.into_iter().map(cors_of).collect(),
        update_time: timestamp(bucket.updated_at),
        default_event_based_hold: settings.default_event_based_hold,
        labels: settings.labels.into_iter().collect(),
        website: settings.website.map(|website| proto::Website {
            main_page_suffix: website.main_page_suffix,
            not_found_page: website.not_found_page,
        }),
        versioning: settings.versioning.map(|enabled| proto::Versioning { enabled }),
        logging: settings.logging.map(|logging| proto::Logging {
            log_bucket: logging.log_bucket,
            log_object_prefix: logging.log_object_prefix,
        }),
        retention_policy: settings.retention_policy.map(|policy| proto::RetentionPolicy {
            effective_time: timestamp(policy.effective_at),
            is_locked: policy.is_locked,
            retention_duration: seconds(policy.duration_seconds),
        }),
        iam_config: Some(proto::IamConfig {
            uniform_bucket_level_access: settings.uniform_access.map(|enabled| {
                proto::iam_config::UniformBucketLevelAccess { enabled, lock_time: None }
            }),
            public_access_prevention: settings.public_access_prevention,
        }),
        soft_delete_policy: Some(proto::SoftDeletePolicy {
            retention_duration: seconds(soft_delete.duration_seconds),
            effective_time: timestamp(soft_delete.effective_at),
        }),
        object_retention: bucket
            .object_retention
            .then_some(proto::ObjectRetention { enabled: true }),
        ..Bucket::default()
    }
}

/// What a client says of a bucket.
fn settings_from(bucket: &Bucket) -> Result<BucketSettings, BrokerError> {
    refuse_settings(bucket)?;
    let mut settings = BucketSettings {
        labels: bucket.labels.clone().into_iter().collect(),
        versioning: bucket.versioning.as_ref().map(|versioning| versioning.enabled),
        default_event_based_hold: bucket.default_event_based_hold,
        retention_policy: bucket.retention_policy.as_ref().map(|policy| RetentionPolicy {
            duration_seconds: policy.retention_duration.map_or(0, |duration| duration.seconds),
            effective_at: 0,
            is_locked: false,
        }),
        cors: bucket.cors.iter().cloned().map(cors_from).collect(),
        website: bucket.website.clone().map(|website| Website {
            main_page_suffix: website.main_page_suffix,
            not_found_page: website.not_found_page,
        }),
        logging: bucket.logging.clone().map(|logging| Logging {
            log_bucket: logging.log_bucket,
            log_object_prefix: logging.log_object_prefix,
        }),
        ..BucketSettings::default()
    };
    if !bucket.storage_class.is_empty() {
        settings.storage_class.clone_from(&bucket.storage_class);
    }
    if let Some(policy) = &bucket.soft_delete_policy
        && let Some(duration) = policy.retention_duration
    {
        settings.soft_delete_policy.duration_seconds = duration.seconds;
    }
    if let Some(lifecycle) = &bucket.lifecycle {
        let rules = lifecycle.rule.iter().map(rule_from);
        settings.lifecycle = rules.collect::<Result<_, _>>()?;
    }
    if let Some(access) = &bucket.iam_config {
        let uniform = access.uniform_bucket_level_access.as_ref();
        settings.uniform_access = uniform.map(|uniform| uniform.enabled);
        if !access.public_access_prevention.is_empty() {
            settings.public_access_prevention.clone_from(&access.public_access_prevention);
        }
    }
    Ok(settings)
}

/// Refuses by name what is not there and is on.
fn refuse_settings(bucket: &Bucket) -> Result<(), BrokerError> {
    let rpo = if bucket.rpo == "DEFAULT" { "" } else { &bucket.rpo };
    refuse(&[("Bucket.rpo", rpo)])?;
    for (name, is_on) in [
        ("Bucket.acl", !bucket.acl.is_empty()),
        ("Bucket.default_object_acl", !bucket.default_object_acl.is_empty()),
        ("Bucket.billing", bucket.billing.as_ref().is_some_and(|it| it.requester_pays)),
        ("Bucket.encryption", bucket.encryption.is_some()),
        ("Bucket.custom_placement_config", bucket.custom_placement_config.is_some()),
        ("Bucket.autoclass", bucket.autoclass.as_ref().is_some_and(|it| it.enabled)),
        (
            "Bucket.hierarchical_namespace",
            bucket.hierarchical_namespace.as_ref().is_some_and(|it| it.enabled),
        ),
        ("Bucket.ip_filter", bucket.ip_filter.is_some()),
    ] {
        if is_on {
            return Err(BrokerError::Unimplemented(name.to_owned()));
        }
    }
    Ok(())
}

/// What holds after the fields of a mask have changed.
fn masked(
    old: &BucketSettings,
    new: &BucketSettings,
    mask: &[String],
) -> Result<BucketSettings, BrokerError> {
    let mut out = old.clone();
    for path in mask {
        let (field, inner) = path.split_once('.').unwrap_or((path, ""));
        match field {
            "*" => out = new.clone(),
            "storage_class" => out.storage_class.clone_from(&new.storage_class),
            "labels" if inner.is_empty() => out.labels.clone_from(&new.labels),
            "labels" => {
                out.labels.remove(inner);
                out.labels.extend(new.labels.get(inner).map(|it| (inner.to_owned(), it.clone())));
            }
            "versioning" => out.versioning = new.versioning,
            "default_event_based_hold" => {
                out.default_event_based_hold = new.default_event_based_hold;
            }
            "retention_policy" => out.retention_policy = new.retention_policy,
            "soft_delete_policy" => out.soft_delete_policy = new.soft_delete_policy,
            "lifecycle" => out.lifecycle.clone_from(&new.lifecycle),
            "cors" => out.cors.clone_from(&new.cors),
            "website" if inner.is_empty() => out.website.clone_from(&new.website),
            "logging" if inner.is_empty() => out.logging.clone_from(&new.logging),
            "iam_config" => {
                if inner != "public_access_prevention" {
                    out.uniform_access = new.uniform_access;
                }
                if matches!(inner, "" | "public_access_prevention") {
                    out.public_access_prevention.clone_from(&new.public_access_prevention);
                }
            }
            _ => return Err(BrokerError::Unimplemented(format!("update_mask Bucket.{path}"))),
        }
    }
    Ok(out)
}

pub(super) fn create(shared: &Shared, request: CreateBucketRequest) -> Result<Bucket, BrokerError> {
    refuse(&[
        ("CreateBucketRequest.predefined_acl", &request.predefined_acl),
        (
            "CreateBucketRequest.predefined_default_object_acl",
            &request.predefined_default_object_acl,
        ),
    ])?;
    let wanted = request.bucket.unwrap_or_default();
    let project = match project_id(&request.parent) {
        "_" | "" => project_id(&wanted.project),
        project => project,
    };
    let now = now_micros();
    let mut bucket = broker::Bucket::new(project, &request.bucket_id, now);
    if !wanted.location.is_empty() {
        bucket.location = wanted.location.to_uppercase();
    }
    bucket.object_retention =
        request.enable_object_retention || wanted.object_retention.is_some_and(|it| it.enabled);
    bucket.settings = settings_from(&Bucket { object_retention: None, ..wanted })?;
    bucket.settings.soft_delete_policy.effective_at = now;
    if let Some(policy) = &mut bucket.settings.retention_policy {
        policy.effective_at = now;
    }
    shared.broker(now).create_bucket(bucket).map(resource)
}

pub(super) fn list(
    shared: &Shared,
    request: &ListBucketsRequest,
) -> Result<ListBucketsResponse, BrokerError> {
    let size = match usize::try_from(request.page_size) {
        Ok(0) => LIST_PAGE_MAX,
        Ok(size) => size.min(LIST_PAGE_MAX),
        Err(_) => return Err(BrokerError::Invalid("Invalid page_size.".to_owned())),
    };
    let broker = shared.broker(now_micros());
    // A token is the last name of its page.
    let project = project_id(&request.parent);
    let mut buckets = broker.buckets(project, &request.prefix, &request.page_token);
    let page: Vec<&broker::Bucket> = buckets.by_ref().take(size).collect();
    let has_more = buckets.next().is_some();
    let last = page.last().filter(|_| has_more).map(|bucket| bucket.name.clone());
    Ok(ListBucketsResponse {
        buckets: page.into_iter().map(resource).collect(),
        next_page_token: last.unwrap_or_default(),
        ..ListBucketsResponse::default()
    })
}

pub(super) fn update(shared: &Shared, request: UpdateBucketRequest) -> Result<Bucket, BrokerError> {
    refuse(&[
        ("UpdateBucketRequest.predefined_acl", &request.predefined_acl),
        (
            "UpdateBucketRequest.predefined_default_object_acl",
            &request.predefined_default_object_acl,
        ),
    ])?;
    let bucket = request.bucket.unwrap_or_default();
    let new = settings_from(&bucket)?;
    let mask = request.update_mask.ok_or(BrokerError::Required("update_mask"))?.paths;
    let conditions = bucket_preconditions!(request);
    let now = now_micros();
    let mut broker = shared.broker(now);
    let id = bucket_id(&bucket.name)?;
    broker.update_bucket(id, conditions, |old| masked(old, &new, &mask), now).map(resource)
}

fn cors_of(cors: Cors) -> proto::Cors {
    let Cors { origin, method, response_header, max_age_seconds } = cors;
    proto::Cors { origin, method, response_header, max_age_seconds }
}

fn cors_from(cors: proto::Cors) -> Cors {
    let proto::Cors { origin, method, response_header, max_age_seconds } = cors;
    Cors { origin, method, response_header, max_age_seconds }
}

fn rule_of(rule: &LifecycleRule) -> Rule {
    let (name, class) = match &rule.action {
        LifecycleAction::Delete => ("Delete", ""),
        LifecycleAction::SetStorageClass(class) => ("SetStorageClass", class.as_str()),
        LifecycleAction::AbortIncompleteMultipartUpload => ("AbortIncompleteMultipartUpload", ""),
    };
    let date = |date: Date| r#type::Date { year: date.year, month: date.month, day: date.day };
    let condition = rule.condition.clone();
    Rule {
        action: Some(rule::Action { r#type: name.to_owned(), storage_class: class.to_owned() }),
        condition: Some(rule::Condition {
            age_days: condition.age_days,
            created_before: condition.created_before.map(date),
            is_live: condition.is_live,
            num_newer_versions: condition.num_newer_versions,
            matches_storage_class: condition.matches_storage_class,
            days_since_custom_time: condition.days_since_custom_time,
            custom_time_before: condition.custom_time_before.map(date),
            days_since_noncurrent_time: condition.days_since_noncurrent_time,
            noncurrent_time_before: condition.noncurrent_time_before.map(date),
            matches_prefix: condition.matches_prefix,
            matches_suffix: condition.matches_suffix,
        }),
    }
}

fn rule_from(rule: &Rule) -> Result<LifecycleRule, BrokerError> {
    let action = rule.action.clone().unwrap_or_default();
    let action = match action.r#type.as_str() {
        "Delete" => LifecycleAction::Delete,
        "SetStorageClass" => LifecycleAction::SetStorageClass(action.storage_class),
        "AbortIncompleteMultipartUpload" => LifecycleAction::AbortIncompleteMultipartUpload,
        other => return Err(BrokerError::Invalid(format!("Invalid lifecycle action: {other}"))),
    };
    let date = |date: r#type::Date| Date { year: date.year, month: date.month, day: date.day };
    let condition = rule.condition.clone().unwrap_or_default();
    Ok(LifecycleRule {
        action,
        condition: LifecycleCondition {
            age_days: condition.age_days,
            created_before: condition.created_before.map(date),
            is_live: condition.is_live,
            num_newer_versions: condition.num_newer_versions,
            matches_storage_class: condition.matches_storage_class,
            days_since_custom_time: condition.days_since_custom_time,
            custom_time_before: condition.custom_time_before.map(date),
            days_since_noncurrent_time: condition.days_since_noncurrent_time,
            noncurrent_time_before: condition.noncurrent_time_before.map(date),
            matches_prefix: condition.matches_prefix,
            matches_suffix: condition.matches_suffix,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> BucketSettings {
        BucketSettings {
            storage_class: "NEARLINE".to_owned(),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            versioning: Some(true),
            default_event_based_hold: true,
            lifecycle: vec![LifecycleRule {
                action: LifecycleAction::SetStorageClass("ARCHIVE".to_owned()),
                condition: LifecycleCondition {
                    age_days: Some(1),
                    created_before: Date::parse("2024-01-31"),
                    ..LifecycleCondition::default()
                },
            }],
            cors: vec![Cors { max_age_seconds: 5, ..Cors::default() }],
            website: Some(Website::default()),
            logging: Some(Logging::default()),
            uniform_access: Some(true),
            public_access_prevention: "enforced".to_owned(),
            ..BucketSettings::default()
        }
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        let mut bucket = broker::Bucket::new("p", "bucket", 0);
        bucket.settings = full();
        assert_eq!(settings_from(&resource(&bucket)).unwrap(), full());
    }

    #[test]
    fn masks_change_what_they_name_alone() {
        let (old, new) = (BucketSettings::default(), full());
        let check = |mask: &[&str]| {
            let mask: Vec<String> = mask.iter().map(|path| (*path).to_owned()).collect();
            masked(&old, &new, &mask).unwrap()
        };
        assert_eq!(check(&["*"]), new);
        let labels = BucketSettings { labels: new.labels.clone(), ..old.clone() };
        assert_eq!(check(&["labels.a"]), labels);
        let versioning = BucketSettings { versioning: Some(true), ..old.clone() };
        assert_eq!(check(&["versioning.enabled"]), versioning);
        let uniform = BucketSettings { uniform_access: Some(true), ..old.clone() };
        assert_eq!(check(&["iam_config.uniform_bucket_level_access"]), uniform);
        assert!(masked(&old, &new, &["acl".to_owned()]).is_err());
    }
}

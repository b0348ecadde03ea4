//! A bucket and its settings. Some settings are obeyed (versioning, retention, soft delete, lifecycle,
//! default class and hold) and some are only kept (labels, CORS, website, logging, access); which is
//! which stands in `COVERAGE.md`.

use std::collections::BTreeMap;

use super::lifecycle::LifecycleRule;
use super::{BrokerError, Object};
use crate::limits::{
    DAY_SECONDS, LABELS_MAX, LIFECYCLE_RULES_MAX, RETENTION_SECONDS_MAX, SOFT_DELETE_DAYS,
};

/// A bucket without its objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its project, as the creator named it.
    pub project: String,
    /// Its location, in capitals.
    pub location: String,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When its settings changed last.
    pub updated_at: i64,
    /// Grows with every change of the settings.
    pub metageneration: i64,
    /// Whether its objects may have a retention of their own; fixed at creation.
    pub object_retention: bool,
    /// What may be changed later.
    pub settings: BucketSettings,
}

/// What a client may say of a bucket, when making it and later.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketSettings {
    /// The class of objects that name none.
    pub storage_class: String,
    /// The client's own labels.
    pub labels: BTreeMap<String, String>,
    /// Whether replaced and deleted objects are kept as noncurrent versions; none is off and unsaid.
    pub versioning: Option<bool>,
    /// Whether new objects are held until released.
    pub default_event_based_hold: bool,
    /// How long objects are kept from deletion.
    pub retention_policy: Option<RetentionPolicy>,
    /// How long deleted objects can be restored.
    pub soft_delete_policy: SoftDeletePolicy,
    /// What happens to objects by their age.
    pub lifecycle: Vec<LifecycleRule>,
    /// Kept.
    pub cors: Vec<Cors>,
    /// Kept.
    pub website: Option<Website>,
    /// Kept.
    pub logging: Option<Logging>,
    /// Kept: nothing is enforced.
    pub uniform_access: Option<bool>,
    /// Kept: nothing is enforced.
    pub public_access_prevention: String,
}

impl Default for BucketSettings {
    fn default() -> Self {
        Self {
            storage_class: "STANDARD".to_owned(),
            labels: BTreeMap::new(),
            versioning: None,
            default_event_based_hold: false,
            retention_policy: None,
            soft_delete_policy: SoftDeletePolicy {
                duration_seconds: SOFT_DELETE_DAYS.start() * DAY_SECONDS,
                effective_at: 0,
            },
            lifecycle: Vec::new(),
            cors: Vec::new(),
            website: None,
            logging: None,
            uniform_access: None,
            public_access_prevention: "inherited".to_owned(),
        }
    }
}

/// How long a bucket's objects are kept from deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// From an object's creation, or the release of its event-based hold.
    pub duration_seconds: i64,
    /// Since when, in microseconds since the epoch.
    pub effective_at: i64,
    /// Whether it can only grow.
    pub is_locked: bool,
}

/// How long deleted objects can be restored; 0 is not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftDeletePolicy {
    /// From the deletion.
    pub duration_seconds: i64,
    /// Since when, in microseconds since the epoch.
    pub effective_at: i64,
}

/// A rule for browsers; kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins.
    pub origin: Vec<String>,
    /// Allowed methods.
    pub method: Vec<String>,
    /// Allowed headers.
    pub response_header: Vec<String>,
    /// How long a browser may remember it.
    pub max_age_seconds: i32,
}

/// How a bucket is served as a web site; kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Website {
    /// Appended to paths that end in a slash.
    pub main_page_suffix: String,
    /// What is shown when nothing is found.
    pub not_found_page: String,
}

/// Where usage logs would go; kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logging {
    /// The bucket.
    pub log_bucket: String,
    /// The beginning of the objects' names.
    pub log_object_prefix: String,
}

impl Bucket {
    /// A bucket with default settings.
    #[must_use]
    pub fn new(project: &str, name: &str, now: i64) -> Self {
        let mut settings = BucketSettings::default();
        settings.soft_delete_policy.effective_at = now;
        Self {
            name: name.to_owned(),
            project: project.to_owned(),
            location: "US".to_owned(),
            created_at: now,
            updated_at: now,
            metageneration: 1,
            object_retention: false,
            settings,
        }
    }

    /// `multi-region`, `dual-region` or `region`: predefined dual-regions are a word with a digit.
    #[must_use]
    pub fn location_type(&self) -> &'static str {
        match self.location.as_str() {
            "US" | "EU" | "ASIA" => "multi-region",
            name if !name.contains('-') && name.ends_with(|last: char| last.is_ascii_digit()) => {
                "dual-region"
            }
            _ => "region",
        }
    }

    /// Whether replaced and deleted objects are kept as noncurrent versions.
    #[must_use]
    pub fn keeps_versions(&self) -> bool {
        self.settings.versioning == Some(true)
    }

    /// When the bucket's retention of an object ends; none while an event-based hold keeps it.
    #[must_use]
    pub fn retention_ends_at(&self, object: &Object) -> Option<i64> {
        let policy = self.settings.retention_policy?;
        if object.attributes.event_based_hold == Some(true) {
            return None;
        }
        Some(object.retained_since.saturating_add(policy.duration_seconds * 1_000_000))
    }

    /// Takes new settings over, as the service would: times of effect are its own to set.
    pub(super) fn change(&mut self, mut new: BucketSettings, now: i64) -> Result<(), BrokerError> {
        validate_settings(&new)?;
        let old = &self.settings;
        if new.soft_delete_policy.duration_seconds == old.soft_delete_policy.duration_seconds {
            new.soft_delete_policy = old.soft_delete_policy;
        } else {
            new.soft_delete_policy.effective_at = now;
        }
        let shortens = |new: Option<RetentionPolicy>, old: RetentionPolicy| {
            new.is_none_or(|new| new.duration_seconds < old.duration_seconds)
        };
        if let Some(old) = old.retention_policy.filter(|policy| policy.is_locked)
            && shortens(new.retention_policy, old)
        {
            let text = format!(
                "Cannot reduce retention duration of a locked Retention Policy for bucket '{}'.",
                self.name
            );
            return Err(BrokerError::Forbidden(text));
        }
        if let Some(policy) = &mut new.retention_policy {
            *policy = match old.retention_policy {
                Some(old) if old.duration_seconds == policy.duration_seconds => old,
                old => RetentionPolicy {
                    effective_at: now,
                    is_locked: old.is_some_and(|old| old.is_locked),
                    ..*policy
                },
            };
        }
        self.settings = new;
        self.metageneration += 1;
        self.updated_at = now;
        Ok(())
    }
}

/// The rules for a bucket's settings.
pub(super) fn validate_settings(settings: &BucketSettings) -> Result<(), BrokerError> {
    validate_storage_class(&settings.storage_class)?;
    let soft_delete = settings.soft_delete_policy.duration_seconds;
    let (least, most) =
        (SOFT_DELETE_DAYS.start() * DAY_SECONDS, SOFT_DELETE_DAYS.end() * DAY_SECONDS);
    if soft_delete != 0 && !(least..=most).contains(&soft_delete) {
        let text =
            format!("Soft delete retention must be 0 or {least} to {most} seconds: {soft_delete}");
        return Err(BrokerError::Invalid(text));
    }
    if let Some(policy) = settings.retention_policy
        && !(1..=RETENTION_SECONDS_MAX).contains(&policy.duration_seconds)
    {
        let text = format!(
            "Retention must be 1 to {RETENTION_SECONDS_MAX} seconds: {}",
            policy.duration_seconds
        );
        return Err(BrokerError::Invalid(text));
    }
    if settings.labels.len() > LABELS_MAX {
        let text = format!("A bucket has at most {LABELS_MAX} labels.");
        return Err(BrokerError::Invalid(text));
    }
    if settings.lifecycle.len() > LIFECYCLE_RULES_MAX {
        let text = format!("A bucket has at most {LIFECYCLE_RULES_MAX} lifecycle rules.");
        return Err(BrokerError::Invalid(text));
    }
    if !matches!(settings.public_access_prevention.as_str(), "inherited" | "enforced") {
        let text = format!("Invalid publicAccessPrevention: {}", settings.public_access_prevention);
        return Err(BrokerError::Invalid(text));
    }
    settings.lifecycle.iter().try_for_each(LifecycleRule::validate)
}

pub(super) fn validate_storage_class(class: &str) -> Result<(), BrokerError> {
    const CLASSES: [&str; 7] = [
        "STANDARD",
        "NEARLINE",
        "COLDLINE",
        "ARCHIVE",
        "MULTI_REGIONAL",
        "REGIONAL",
        "DURABLE_REDUCED_AVAILABILITY",
    ];
    if CLASSES.contains(&class) {
        return Ok(());
    }
    Err(BrokerError::Invalid(format!("Invalid storage class: {class}")))
}

/// The rules for a bucket's name.
pub(super) fn validate_name(name: &str) -> Result<(), BrokerError> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    let longest = if name.contains('.') { 222 } else { 63 };
    let valid = (3..=longest).contains(&bytes.len())
        && bytes.iter().all(|&byte| allowed(byte))
        && edge(bytes.first())
        && edge(bytes.last())
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && !name.starts_with("goog")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if valid { Ok(()) } else { Err(BrokerError::Invalid(format!("Invalid bucket name: '{name}'"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for (name, valid) in [
            ("abc", true),
            ("ab", false),
            ("Abc", false),
            ("a-b.c", true),
            ("-ab", false),
            ("192.168.5.4", false),
            ("googbucket", false),
            ("a..b", false),
        ] {
            assert_eq!(validate_name(name).is_ok(), valid, "{name}");
        }
    }

    #[test]
    fn locations_have_their_types() {
        for (location, expected) in [
            ("US", "multi-region"),
            ("NAM4", "dual-region"),
            ("EUROPE-WEST1", "region"),
            ("ASIA1", "dual-region"),
        ] {
            let mut bucket = Bucket::new("p", "bucket", 0);
            location.clone_into(&mut bucket.location);
            assert_eq!(bucket.location_type(), expected, "{location}");
        }
    }

    #[test]
    fn a_locked_policy_only_grows() {
        let mut bucket = Bucket::new("p", "bucket", 0);
        let with = |seconds: Option<i64>| BucketSettings {
            retention_policy: seconds.map(|duration_seconds| RetentionPolicy {
                duration_seconds,
                effective_at: 0,
                is_locked: false,
            }),
            ..BucketSettings::default()
        };
        bucket.change(with(Some(10)), 5).unwrap();
        bucket.change(with(Some(9)), 6).unwrap();
        bucket.settings.retention_policy.as_mut().unwrap().is_locked = true;
        for (seconds, allowed) in
            [(Some(8), false), (None, false), (Some(9), true), (Some(20), true)]
        {
            assert_eq!(bucket.change(with(seconds), 7).is_ok(), allowed, "{seconds:?}");
            assert!(bucket.settings.retention_policy.unwrap().is_locked);
        }
    }
}

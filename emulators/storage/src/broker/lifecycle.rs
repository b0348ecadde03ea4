//! Lifecycle rules: deletes objects and moves them to colder classes by age, version and class. A rule
//! applies when all its conditions hold; deletion goes before a change of class. Looked at from time to
//! time, as the service does, and only when a bucket has rules.

use super::bucket::validate_storage_class;
use super::{Broker, BrokerError, BucketState, Object};
use crate::limits::{DAY_SECONDS, LIFECYCLE_PERIOD_MICROS};

/// A rule of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRule {
    /// What to do.
    pub action: LifecycleAction,
    /// When.
    pub condition: LifecycleCondition,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleAction {
    /// Deletes: a live object of a bucket with versions becomes noncurrent.
    Delete,
    /// Moves to another class.
    SetStorageClass(String),
    /// Gives up uploads in parts.
    AbortIncompleteMultipartUpload,
}

/// When a rule applies: when all of these that are given hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleCondition {
    /// Days since the creation.
    pub age_days: Option<i32>,
    /// Created before that day.
    pub created_before: Option<Date>,
    /// Live, or noncurrent.
    pub is_live: Option<bool>,
    /// At least so many newer versions are there.
    pub num_newer_versions: Option<i32>,
    /// One of these classes.
    pub matches_storage_class: Vec<String>,
    /// Days since the custom time.
    pub days_since_custom_time: Option<i32>,
    /// The custom time is before that day.
    pub custom_time_before: Option<Date>,
    /// Days since it became noncurrent.
    pub days_since_noncurrent_time: Option<i32>,
    /// It became noncurrent before that day.
    pub noncurrent_time_before: Option<Date>,
    /// The name begins with one of these.
    pub matches_prefix: Vec<String>,
    /// The name ends with one of these.
    pub matches_suffix: Vec<String>,
}

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// The month, from 1.
    pub month: i32,
    /// The day, from 1.
    pub day: i32,
}

impl Date {
    /// `2024-01-31`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let date =
            Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        let valid = (1..=9_999).contains(&date.year)
            && (1..=12).contains(&date.month)
            && (1..=31).contains(&date.day);
        valid.then_some(date)
    }

    /// Its midnight (UTC), in microseconds since the epoch.
    #[must_use]
    pub fn start(self) -> i64 {
        // Protobuf's own calendar, so that there is only one.
        let midnight = format!("{self}T00:00:00Z");
        let parsed: Result<prost_types::Timestamp, _> = midnight.parse();
        parsed.map_or(i64::MIN, |timestamp| timestamp.seconds.saturating_mul(1_000_000))
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl LifecycleRule {
    pub(super) fn validate(&self) -> Result<(), BrokerError> {
        if let LifecycleAction::SetStorageClass(class) = &self.action {
            validate_storage_class(class)?;
        }
        if self.condition == LifecycleCondition::default() {
            let text = "A lifecycle rule must have a condition.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        Ok(())
    }

    pub(super) fn aborts_uploads(&self) -> bool {
        self.action == LifecycleAction::AbortIncompleteMultipartUpload
    }

    /// Of the conditions only age and name apply to an upload that is not finished.
    pub(super) fn applies_to_upload(&self, name: &str, started_at: i64, now: i64) -> bool {
        let LifecycleCondition { age_days, matches_prefix, matches_suffix, .. } = &self.condition;
        let age = age_days.map_or(0, |days| i64::from(days) * DAY_SECONDS * 1_000_000);
        now.saturating_sub(started_at) >= age
            && (matches_prefix.is_empty() || matches_prefix.iter().any(|it| name.starts_with(it)))
            && (matches_suffix.is_empty() || matches_suffix.iter().any(|it| name.ends_with(it)))
    }

    fn applies(&self, object: &Object, newer_versions: usize, now: i64) -> bool {
        let condition = &self.condition;
        let older_than = |days: Option<i32>, since: Option<i64>| {
            days.is_none_or(|days| {
                let age = i64::from(days) * DAY_SECONDS * 1_000_000;
                since.is_some_and(|since| now.saturating_sub(since) >= age)
            })
        };
        let before = |date: Option<Date>, time: Option<i64>| {
            date.is_none_or(|date| time.is_some_and(|time| time < date.start()))
        };
        let one_of = |choices: &[String], holds: &dyn Fn(&str) -> bool| {
            choices.is_empty() || choices.iter().any(|choice| holds(choice))
        };
        let custom_time = object.attributes.custom_time;
        let newer_versions = i32::try_from(newer_versions).unwrap_or(i32::MAX);
        older_than(condition.age_days, Some(object.created_at))
            && before(condition.created_before, Some(object.created_at))
            && condition.is_live.is_none_or(|live| live == object.noncurrent_at.is_none())
            && condition.num_newer_versions.is_none_or(|least| newer_versions >= least)
            && one_of(&condition.matches_storage_class, &|class| class == object.storage_class())
            && older_than(condition.days_since_custom_time, custom_time)
            && before(condition.custom_time_before, custom_time)
            && older_than(condition.days_since_noncurrent_time, object.noncurrent_at)
            && before(condition.noncurrent_time_before, object.noncurrent_at)
            && one_of(&condition.matches_prefix, &|prefix| object.name.starts_with(prefix))
            && one_of(&condition.matches_suffix, &|suffix| object.name.ends_with(suffix))
    }
}

/// What is to be done with one object.
struct Due {
    bucket: String,
    name: String,
    /// None deletes the live one as a client would.
    generation: Option<i64>,
    class: Option<String>,
}

impl Broker {
    /// Looks at the lifecycle rules when it is time to.
    pub(crate) fn tick(&mut self, now: i64) {
        if now >= self.lifecycle_due_at {
            self.lifecycle_due_at = now.saturating_add(LIFECYCLE_PERIOD_MICROS);
            self.run_lifecycle(now);
        }
    }

    /// Does what the lifecycle rules of all buckets ask for now.
    pub fn run_lifecycle(&mut self, now: i64) {
        self.abort_old_parts(now);
        let mut due = Vec::new();
        for state in self.buckets.values() {
            if !state.bucket.settings.lifecycle.is_empty() {
                state.live.values().for_each(|object| due.extend(state.due(object, 0, now)));
                for (name, versions) in &state.noncurrent {
                    let live = usize::from(state.live.contains_key(name));
                    for (newer, object) in versions.values().rev().enumerate() {
                        due.extend(state.due(object, newer + live, now));
                    }
                }
            }
        }
        for Due { bucket, name, generation, class } in due {
            // What a hold or a retention keeps stays until the next look.
            let _kept = match class {
                None => self.remove(&bucket, &name, generation, now),
                Some(class) => self.set_class(&bucket, &name, generation, class, now),
            };
        }
    }

    fn set_class(
        &mut self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        class: String,
        now: i64,
    ) -> Result<(), BrokerError> {
        let object = self.state_mut(bucket)?.object_mut(name, generation)?;
        object.attributes.storage_class = Some(class);
        object.class_updated_at = now;
        object.metageneration += 1;
        object.updated_at = now;
        Ok(())
    }
}

impl BucketState {
    fn due(&self, object: &Object, newer_versions: usize, now: i64) -> Option<Due> {
        let rules = self.bucket.settings.lifecycle.iter();
        let mut class: Option<&String> = None;
        let mut is_due = false;
        for rule in rules.filter(|rule| rule.applies(object, newer_versions, now)) {
            match &rule.action {
                LifecycleAction::Delete => {
                    (class, is_due) = (None, true);
                    break;
                }
                LifecycleAction::SetStorageClass(to)
                    if coldness(to)
                        > coldness(class.map_or(object.storage_class(), String::as_str)) =>
                {
                    (class, is_due) = (Some(to), true);
                }
                LifecycleAction::SetStorageClass(_)
                | LifecycleAction::AbortIncompleteMultipartUpload => {}
            }
        }
        let generation = object.noncurrent_at.map(|_| object.generation);
        let (bucket, name) = (self.bucket.name.clone(), object.name.clone());
        is_due.then_some(Due { bucket, name, generation, class: class.cloned() })
    }
}

/// Of several classes the coldest is taken, and an object never gets warmer by a rule.
fn coldness(class: &str) -> usize {
    ["NEARLINE", "COLDLINE", "ARCHIVE"].iter().position(|it| *it == class).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, names, put_at, set};
    use super::*;

    const DAY: i64 = DAY_SECONDS * 1_000_000;

    fn rule(action: LifecycleAction, condition: LifecycleCondition) -> LifecycleRule {
        LifecycleRule { action, condition }
    }

    #[test]
    fn old_objects_go_and_young_ones_stay() {
        let mut broker = broker();
        let condition = LifecycleCondition {
            age_days: Some(2),
            matches_suffix: vec![".log".to_owned()],
            ..LifecycleCondition::default()
        };
        set(&mut broker, |settings| {
            settings.lifecycle = vec![rule(LifecycleAction::Delete, condition.clone())];
        });
        for (name, at) in [("a.log", 0), ("b.log", DAY), ("c.txt", 0)] {
            put_at(&mut broker, name, "x", at).unwrap();
        }
        broker.tick(2 * DAY);
        assert_eq!(names(&broker), ["b.log", "c.txt"]);
    }

    #[test]
    fn only_so_many_versions_are_kept_and_the_rest_gets_colder() {
        let mut broker = broker();
        let condition = LifecycleCondition { num_newer_versions: Some(2), ..Default::default() };
        let noncurrent = LifecycleCondition { is_live: Some(false), ..Default::default() };
        let colder = LifecycleAction::SetStorageClass("COLDLINE".to_owned());
        set(&mut broker, |settings| {
            settings.versioning = Some(true);
            settings.lifecycle = vec![
                rule(LifecycleAction::Delete, condition.clone()),
                rule(colder.clone(), noncurrent.clone()),
            ];
        });
        for content in ["1", "2", "3", "4"] {
            put_at(&mut broker, "a", content, 0).unwrap();
        }
        broker.run_lifecycle(0);
        let state = broker.state("bucket").unwrap();
        let kept: Vec<_> = state.noncurrent["a"].values().collect();
        assert_eq!(kept.len(), 1);
        assert_eq!((&kept[0].content[..], kept[0].storage_class()), (&b"3"[..], "COLDLINE"));
    }

    #[test]
    fn dates() {
        for (text, expected) in [
            ("1970-01-02", Some(DAY)),
            ("2024-02-29", Some(19_782 * DAY)),
            ("2024-13-01", None),
            ("2024-1", None),
        ] {
            assert_eq!(Date::parse(text).map(Date::start), expected, "{text}");
        }
    }
}

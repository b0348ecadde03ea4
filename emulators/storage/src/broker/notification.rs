//! Notification configurations, and what is published by them. The broker only queues notifications;
//! whoever holds the emulator takes them and publishes them, at least once and in order.

use std::collections::BTreeMap;

use super::{Broker, BrokerError, Bucket, Object, rfc3339};
use crate::limits::NOTIFICATION_CONFIGS_MAX;

/// What can happen to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// It was written.
    Finalize,
    /// Its metadata changed.
    MetadataUpdate,
    /// It was deleted or replaced.
    Delete,
    /// It became noncurrent.
    Archive,
}

impl EventType {
    /// As the API writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finalize => "OBJECT_FINALIZE",
            Self::MetadataUpdate => "OBJECT_METADATA_UPDATE",
            Self::Delete => "OBJECT_DELETE",
            Self::Archive => "OBJECT_ARCHIVE",
        }
    }

    /// As the API writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Finalize, Self::MetadataUpdate, Self::Delete, Self::Archive]
            .into_iter()
            .find(|event| event.name() == name)
    }
}

/// What is published when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationConfig {
    /// Its number in the bucket; given by the broker.
    pub id: u64,
    /// `projects/P/topics/T`.
    pub topic: String,
    /// Only these; empty is all.
    pub event_types: Vec<EventType>,
    /// Added to every notification.
    pub custom_attributes: BTreeMap<String, String>,
    /// Only objects whose names begin so.
    pub object_name_prefix: String,
    /// Whether the object's resource is the payload.
    pub has_payload: bool,
}

/// Something that happened to an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectEvent<'a> {
    pub(super) event: EventType,
    pub(super) object: &'a Object,
    /// The generation that this one took the place of.
    pub(super) overwrote: Option<i64>,
    /// The generation that took this one's place.
    pub(super) overwritten_by: Option<i64>,
    pub(super) at: i64,
}

impl NotificationConfig {
    pub(super) fn wants(&self, event: &ObjectEvent<'_>) -> bool {
        (self.event_types.is_empty() || self.event_types.contains(&event.event))
            && event.object.name.starts_with(&self.object_name_prefix)
    }
}

/// A notification that waits to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// `projects/P/topics/T`.
    pub topic: String,
    /// The message's attributes.
    pub attributes: BTreeMap<String, String>,
    /// The object whose resource is the payload, in its bucket.
    pub payload: Option<Box<(Bucket, Object)>>,
}

impl Notification {
    pub(super) fn new(
        config: &NotificationConfig,
        bucket: &Bucket,
        event: &ObjectEvent<'_>,
    ) -> Self {
        let object = event.object;
        let format = if config.has_payload { "JSON_API_V1" } else { "NONE" };
        let name = format!("projects/_/buckets/{}/notificationConfigs/{}", bucket.name, config.id);
        let mut attributes = config.custom_attributes.clone();
        attributes.extend(
            [
                ("notificationConfig", name),
                ("eventType", event.event.name().to_owned()),
                ("payloadFormat", format.to_owned()),
                ("bucketId", bucket.name.clone()),
                ("objectId", object.name.clone()),
                ("objectGeneration", object.generation.to_string()),
                ("eventTime", rfc3339(event.at)),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let generations = [
            ("overwroteGeneration", event.overwrote),
            ("overwrittenByGeneration", event.overwritten_by),
        ];
        attributes.extend(
            generations
                .into_iter()
                .filter_map(|(key, generation)| Some((key.to_owned(), generation?.to_string()))),
        );
        let payload = config.has_payload.then(|| Box::new((bucket.clone(), object.clone())));
        Self { topic: config.topic.clone(), attributes, payload }
    }
}

/// The configurations of one bucket. Numbers are never given twice.
#[derive(Debug, Default)]
pub(super) struct NotificationConfigs {
    by_id: BTreeMap<u64, NotificationConfig>,
    last_id: u64,
}

impl NotificationConfigs {
    pub(super) fn configs(&self) -> impl Iterator<Item = &NotificationConfig> {
        self.by_id.values()
    }
}

impl Broker {
    /// Adds a configuration; its number is the broker's.
    ///
    /// # Errors
    /// Unknown bucket, an invalid topic, or too many configurations.
    pub fn create_notification(
        &mut self,
        bucket: &str,
        config: NotificationConfig,
    ) -> Result<&NotificationConfig, BrokerError> {
        let configs = &mut self.state_mut(bucket)?.notifications;
        let is_topic = match config.topic.split('/').collect::<Vec<_>>()[..] {
            ["projects", project, "topics", topic] => !project.is_empty() && !topic.is_empty(),
            _ => false,
        };
        if !is_topic {
            let text = format!("Invalid Google Cloud Pub/Sub topic: {}", config.topic);
            return Err(BrokerError::Invalid(text));
        }
        if configs.by_id.len() >= NOTIFICATION_CONFIGS_MAX {
            let text = format!("A bucket has at most {NOTIFICATION_CONFIGS_MAX} notifications.");
            return Err(BrokerError::Invalid(text));
        }
        configs.last_id += 1;
        let id = configs.last_id;
        Ok(configs.by_id.entry(id).or_insert(NotificationConfig { id, ..config }))
    }

    /// A bucket's configurations, in the order of their numbers.
    ///
    /// # Errors
    /// Unknown bucket.
    pub fn notifications(
        &self,
        bucket: &str,
    ) -> Result<impl Iterator<Item = &NotificationConfig>, BrokerError> {
        Ok(self.state(bucket)?.notifications.configs())
    }

    /// One configuration, by its number.
    ///
    /// # Errors
    /// Unknown bucket or number.
    pub fn notification(&self, bucket: &str, id: &str) -> Result<&NotificationConfig, BrokerError> {
        let configs = &self.state(bucket)?.notifications;
        let found = id.parse().ok().and_then(|id: u64| configs.by_id.get(&id));
        found.ok_or_else(|| BrokerError::NotificationNotFound(id.to_owned()))
    }

    /// Takes a configuration away.
    ///
    /// # Errors
    /// Unknown bucket or number.
    pub fn delete_notification(&mut self, bucket: &str, id: &str) -> Result<(), BrokerError> {
        let id = self.notification(bucket, id)?.id;
        self.state_mut(bucket)?.notifications.by_id.remove(&id);
        Ok(())
    }

    /// Whether notifications wait to be published.
    #[must_use]
    pub fn has_notifications(&self) -> bool {
        self.journal.has_notifications()
    }

    /// Takes the notifications that wait, in the order of what happened.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        self.journal.take_notifications()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, put};
    use super::*;

    fn taken(broker: &mut Broker) -> Vec<(String, String)> {
        let attribute = |notification: &Notification, name: &str| {
            notification.attributes.get(name).cloned().unwrap_or_default()
        };
        broker
            .take_notifications()
            .iter()
            .map(|it| (attribute(it, "eventType"), attribute(it, "objectId")))
            .collect()
    }

    #[test]
    fn what_happens_is_told_to_whom_it_concerns() {
        let mut broker = broker();
        let config = NotificationConfig {
            topic: "projects/p/topics/t".to_owned(),
            object_name_prefix: "a".to_owned(),
            has_payload: true,
            ..NotificationConfig::default()
        };
        let id = broker.create_notification("bucket", config.clone()).unwrap().id.to_string();
        put(&mut broker, "a1", "x").unwrap();
        put(&mut broker, "b1", "x").unwrap();
        put(&mut broker, "a1", "y").unwrap();
        let told = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
        };
        let expected =
            told(&[("OBJECT_FINALIZE", "a1"), ("OBJECT_FINALIZE", "a1"), ("OBJECT_DELETE", "a1")]);
        assert_eq!(taken(&mut broker), expected);
        broker.delete_notification("bucket", &id).unwrap();
        put(&mut broker, "a1", "z").unwrap();
        assert_eq!(taken(&mut broker), []);
        let gone = broker.notification("bucket", &id).unwrap_err();
        assert_eq!(gone, BrokerError::NotificationNotFound(id));
        let invalid = NotificationConfig { topic: "t".to_owned(), ..config };
        assert!(broker.create_notification("bucket", invalid).is_err());
    }
}

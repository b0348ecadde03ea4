//! The state of Pub/Sub: topics, subscriptions, backlogs and leases. Pure: `&mut self`, no clock, no
//! sockets; times are microseconds since the epoch. Invariant: a message that a topic took stays in
//! every subscription that existed then until it is acknowledged there.
//!
//! Rules: comments of `google/pubsub/v1/pubsub.proto`.

mod backlog;
mod pace;
mod update;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use windtunnel_protos::pubsub::{PubsubMessage, Subscription, Topic};

pub use backlog::{Backlog, Delivery, Limits, StreamId};
pub use pace::PushPace;
use update::{change_subscription, change_topic};
pub use validate::{validate_publish, validate_subscription, validate_topic};

/// The name that a subscription's topic has after the topic was deleted.
pub const DELETED_TOPIC: &str = "_deleted-topic_";

/// Why the broker refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The resource does not exist.
    #[error("Resource not found (resource={0}).")]
    NotFound(String),
    /// The resource exists already.
    #[error("Resource already exists in the project (resource={0}).")]
    AlreadyExists(String),
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The request asks for something that this emulator does not have.
    #[error("{0} is not implemented by this emulator")]
    Unimplemented(String),
}

/// One published message, shared by all subscriptions.
#[derive(Debug)]
pub struct Stored {
    /// The message with its id and publish time.
    pub message: PubsubMessage,
    /// When it was published.
    pub published_at: i64,
    /// Bytes that count against flow control.
    pub bytes: usize,
}

#[derive(Debug)]
struct TopicState {
    resource: Topic,
    /// Names of its subscriptions.
    subscriptions: Vec<String>,
}

/// A subscription's resource and backlog.
#[derive(Debug)]
pub struct SubscriptionState {
    /// The resource as it was created, with defaults filled in.
    pub resource: Subscription,
    /// What is not acknowledged.
    pub backlog: Backlog,
}

/// What a subscription holds at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionStats {
    /// Messages that wait for delivery.
    pub undelivered: usize,
    /// Messages that are leased out.
    pub outstanding: usize,
}

/// All topics and subscriptions.
#[derive(Debug, Default)]
pub struct Broker {
    topics: BTreeMap<String, TopicState>,
    subscriptions: BTreeMap<String, SubscriptionState>,
    next_message_id: u64,
    next_incarnation: u64,
}

impl Broker {
    /// Creates a topic.
    ///
    /// # Errors
    /// Invalid name, unimplemented settings, or it exists.
    pub fn create_topic(&mut self, topic: Topic) -> Result<Topic, BrokerError> {
        validate_topic(&topic)?;
        if self.topics.contains_key(&topic.name) {
            return Err(BrokerError::AlreadyExists(topic.name));
        }
        let state = TopicState { resource: topic.clone(), subscriptions: Vec::new() };
        self.topics.insert(topic.name.clone(), state);
        Ok(topic)
    }

    /// A topic's resource.
    ///
    /// # Errors
    /// Not found.
    pub fn topic(&self, name: &str) -> Result<&Topic, BrokerError> {
        Ok(&self.topic_state(name)?.resource)
    }

    /// The topics of a project, in the order of their names.
    pub fn topics<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Topic> {
        in_project(&self.topics, project).map(|topic| &topic.resource)
    }

    /// The names of a topic's subscriptions.
    ///
    /// # Errors
    /// Not found.
    pub fn topic_subscriptions(&self, name: &str) -> Result<&[String], BrokerError> {
        Ok(&self.topic_state(name)?.subscriptions)
    }

    /// Deletes a topic; its subscriptions keep their backlog and name `_deleted-topic_` as their topic.
    ///
    /// # Errors
    /// Not found.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), BrokerError> {
        let topic = self
            .topics
            .remove(name)
            .ok_or_else(|| BrokerError::NotFound(short(name).to_owned()))?;
        for subscription in topic.subscriptions {
            if let Some(state) = self.subscriptions.get_mut(&subscription) {
                DELETED_TOPIC.clone_into(&mut state.resource.topic);
            }
        }
        Ok(())
    }

    /// Creates a subscription; it sees what is published from now on.
    ///
    /// # Errors
    /// Invalid or unimplemented settings, unknown topic, or it exists.
    pub fn create_subscription(
        &mut self,
        mut subscription: Subscription,
    ) -> Result<Subscription, BrokerError> {
        validate_subscription(&mut subscription)?;
        if self.subscriptions.contains_key(&subscription.name) {
            return Err(BrokerError::AlreadyExists(short(&subscription.name).to_owned()));
        }
        let topic = self
            .topics
            .get_mut(&subscription.topic)
            .ok_or_else(|| BrokerError::NotFound(short(&subscription.topic).to_owned()))?;
        topic.subscriptions.push(subscription.name.clone());
        self.next_incarnation += 1;
        let state = SubscriptionState {
            resource: subscription.clone(),
            backlog: Backlog::new(self.next_incarnation),
        };
        self.subscriptions.insert(subscription.name.clone(), state);
        Ok(subscription)
    }

    /// Changes the fields of a subscription that are named.
    ///
    /// # Errors
    /// Not found, a field that cannot be changed, or a value that breaks a rule: then nothing changes.
    pub fn update_subscription(
        &mut self,
        given: Subscription,
        paths: &[String],
    ) -> Result<Subscription, BrokerError> {
        let resource = &mut self.subscription_mut(&given.name)?.resource;
        let mut changed = resource.clone();
        change_subscription(&mut changed, given, paths)?;
        *resource = changed.clone();
        Ok(changed)
    }

    /// Changes the fields of a topic that are named.
    ///
    /// # Errors
    /// As [`Broker::update_subscription`].
    pub fn update_topic(&mut self, given: Topic, paths: &[String]) -> Result<Topic, BrokerError> {
        let topic = self.topics.get_mut(&given.name);
        let topic = topic.ok_or_else(|| BrokerError::NotFound(short(&given.name).to_owned()))?;
        let mut changed = topic.resource.clone();
        change_topic(&mut changed, given, paths)?;
        topic.resource = changed.clone();
        Ok(changed)
    }

    /// A subscription.
    ///
    /// # Errors
    /// Not found.
    pub fn subscription(&self, name: &str) -> Result<&SubscriptionState, BrokerError> {
        self.subscriptions.get(name).ok_or_else(|| BrokerError::NotFound(short(name).to_owned()))
    }

    /// A subscription, to pull from and to acknowledge to.
    ///
    /// # Errors
    /// Not found.
    pub fn subscription_mut(&mut self, name: &str) -> Result<&mut SubscriptionState, BrokerError> {
        self.subscriptions
            .get_mut(name)
            .ok_or_else(|| BrokerError::NotFound(short(name).to_owned()))
    }

    /// The subscriptions of a project, in the order of their names.
    pub fn subscriptions<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Subscription> {
        in_project(&self.subscriptions, project).map(|subscription| &subscription.resource)
    }

    /// Deletes a subscription with its backlog.
    ///
    /// # Errors
    /// Not found.
    pub fn delete_subscription(&mut self, name: &str) -> Result<(), BrokerError> {
        let state = self
            .subscriptions
            .remove(name)
            .ok_or_else(|| BrokerError::NotFound(short(name).to_owned()))?;
        if let Some(topic) = self.topics.get_mut(&state.resource.topic) {
            topic.subscriptions.retain(|subscription| subscription != name);
        }
        Ok(())
    }

    /// Publishes messages: gives them ids and a time, and puts them into every subscription. Returns
    /// the ids, in order; `ready` gets the names of the subscriptions that have messages now.
    ///
    /// # Errors
    /// Unknown topic, or a message that breaks a rule; then none of them is published.
    pub fn publish(
        &mut self,
        topic: &str,
        messages: Vec<PubsubMessage>,
        now: i64,
        ready: &mut Vec<String>,
    ) -> Result<Vec<String>, BrokerError> {
        validate_publish(&messages)?;
        let topic =
            self.topics.get(topic).ok_or_else(|| BrokerError::NotFound(short(topic).to_owned()))?;
        let mut ids = Vec::with_capacity(messages.len());
        let mut stored = Vec::with_capacity(messages.len());
        for mut message in messages {
            self.next_message_id += 1;
            message.message_id = self.next_message_id.to_string();
            message.publish_time = Some(timestamp(now));
            ids.push(message.message_id.clone());
            let bytes = validate::size_of(&message);
            stored.push(Arc::new(Stored { message, published_at: now, bytes }));
        }
        for name in &topic.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(name) {
                subscription.backlog.extend(stored.iter().cloned());
                ready.push(name.clone());
            }
        }
        Ok(ids)
    }

    /// Ends the leases whose deadline has passed; `ready` gets the names of the subscriptions that
    /// have messages to deliver again.
    pub fn expire(&mut self, now: i64, ready: &mut Vec<String>) {
        for (name, subscription) in &mut self.subscriptions {
            if subscription.backlog.expire(now) > 0 {
                ready.push(name.clone());
            }
        }
    }

    /// When the next lease ends or the next pause is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.subscriptions.values().filter_map(|it| it.backlog.next_deadline()).min()
    }

    fn topic_state(&self, name: &str) -> Result<&TopicState, BrokerError> {
        self.topics.get(name).ok_or_else(|| BrokerError::NotFound(short(name).to_owned()))
    }
}

/// The part of a resource name that Google's messages show.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn in_project<'a, T>(
    map: &'a BTreeMap<String, T>,
    project: &'a str,
) -> impl Iterator<Item = &'a T> {
    let prefix = format!("{}/", project.trim_end_matches('/'));
    map.range(prefix.clone()..)
        .take_while(move |(name, _)| name.starts_with(&prefix))
        .map(|(_, value)| value)
}

/// Microseconds since the epoch as a protobuf timestamp.
#[must_use]
pub fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("below 10^9");
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

//! The wire around the broker: one plain-HTTP port for gRPC and REST, push delivery, and the timer
//! that ends leases. It holds the broker's lock for single steps, never across an await.

mod grpc;
mod json;
mod push;
mod rest;
mod streaming;
mod unimplemented;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use windtunnel_protos::pubsub::publisher_server::PublisherServer;
use windtunnel_protos::pubsub::schema_service_server::SchemaServiceServer;
use windtunnel_protos::pubsub::subscriber_server::SubscriberServer;
use windtunnel_protos::pubsub::{PubsubMessage, PushConfig, Subscription, Topic};

use crate::broker::{Broker, BrokerError, SubscriptionStats};
use crate::clock::now_micros;
use crate::limits::REQUEST_BYTES_MAX;

/// A running emulator; clones are handles of the same one. Dropping the last handle or
/// [`PubsubEmulator::stop`] ends its timer and its push deliveries.
#[derive(Clone, Debug)]
pub struct PubsubEmulator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    broker: Mutex<Broker>,
    /// Wakes whoever waits for messages of a subscription.
    ready: Mutex<HashMap<String, Arc<Notify>>>,
    /// Wakes the timer when an earlier deadline may have come up.
    rearm: Notify,
    pushes: Mutex<HashMap<String, CancellationToken>>,
    stop: CancellationToken,
    http: reqwest::Client,
}

impl PubsubEmulator {
    /// Starts an emulator with no topics. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            broker: Mutex::new(Broker::default()),
            ready: Mutex::new(HashMap::new()),
            rearm: Notify::new(),
            pushes: Mutex::new(HashMap::new()),
            stop: CancellationToken::new(),
            http: reqwest::Client::builder()
                .tcp_nodelay(true)
                .build()
                .expect("a client without files or proxies to read can be built"),
        });
        tokio::spawn(end_leases(Arc::clone(&shared)));
        Self { shared }
    }

    /// The routes of gRPC and REST, for one plain-HTTP port.
    pub fn router(&self) -> axum::Router {
        let wire = grpc::Wire::new(Arc::clone(&self.shared));
        let publisher =
            PublisherServer::new(wire.clone()).max_decoding_message_size(REQUEST_BYTES_MAX);
        let subscriber =
            SubscriberServer::new(wire.clone()).max_decoding_message_size(REQUEST_BYTES_MAX);
        let schemas = SchemaServiceServer::new(wire);
        axum::Router::new()
            .route_service("/google.pubsub.v1.Publisher/{method}", publisher)
            .route_service("/google.pubsub.v1.Subscriber/{method}", subscriber)
            .route_service("/google.pubsub.v1.SchemaService/{method}", schemas)
            .merge(rest::router(Arc::clone(&self.shared)))
            .layer(axum::middleware::from_fn(unimplemented::name_unknown_methods))
    }

    /// Creates a topic, by its full resource name.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn create_topic(&self, name: &str) -> Result<(), BrokerError> {
        self.shared.create_topic(Topic { name: name.to_owned(), ..Topic::default() }).map(|_| ())
    }

    /// Creates a subscription, with a push endpoint or for pulling.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn create_subscription(
        &self,
        name: &str,
        topic: &str,
        push_endpoint: Option<&str>,
    ) -> Result<(), BrokerError> {
        let push_config = push_endpoint.map(|endpoint| PushConfig {
            push_endpoint: endpoint.to_owned(),
            ..PushConfig::default()
        });
        let subscription = Subscription {
            name: name.to_owned(),
            topic: topic.to_owned(),
            push_config,
            ..Subscription::default()
        };
        Shared::create_subscription(&self.shared, subscription).map(|_| ())
    }

    /// Publishes a message.
    ///
    /// # Errors
    /// As the service: [`BrokerError`].
    pub fn publish(
        &self,
        topic: &str,
        data: Vec<u8>,
        attributes: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), BrokerError> {
        let attributes = attributes.into_iter().collect();
        let message = PubsubMessage { data: data.into(), attributes, ..PubsubMessage::default() };
        self.shared.publish(topic, vec![message]).map(|_| ())
    }

    /// What a subscription holds now; none when it does not exist.
    #[must_use]
    pub fn subscription_stats(&self, name: &str) -> Option<SubscriptionStats> {
        Some(self.shared.broker().subscription(name).ok()?.backlog.stats())
    }

    /// Ends push deliveries and the timer.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    pub(crate) fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn create_topic(&self, topic: Topic) -> Result<Topic, BrokerError> {
        self.broker().create_topic(topic)
    }

    pub(crate) fn create_subscription(
        this: &Arc<Self>,
        subscription: Subscription,
    ) -> Result<Subscription, BrokerError> {
        let created = this.broker().create_subscription(subscription)?;
        push::restart(this, &created);
        Ok(created)
    }

    pub(crate) fn delete_subscription(&self, name: &str) -> Result<(), BrokerError> {
        self.broker().delete_subscription(name)?;
        push::cancel(self, name);
        let waiter =
            self.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name);
        if let Some(waiter) = waiter {
            waiter.notify_waiters();
        }
        Ok(())
    }

    pub(crate) fn modify_push_config(
        this: &Arc<Self>,
        name: &str,
        config: Option<PushConfig>,
    ) -> Result<(), BrokerError> {
        let given =
            Subscription { name: name.to_owned(), push_config: config, ..Subscription::default() };
        Self::update_subscription(this, given, &["push_config".to_owned()]).map(|_| ())
    }

    pub(crate) fn update_subscription(
        this: &Arc<Self>,
        given: Subscription,
        paths: &[String],
    ) -> Result<Subscription, BrokerError> {
        let updated = this.broker().update_subscription(given, paths)?;
        if paths.iter().any(|path| path != "labels") {
            push::restart(this, &updated);
        }
        Ok(updated)
    }

    pub(crate) fn publish(
        &self,
        topic: &str,
        messages: Vec<PubsubMessage>,
    ) -> Result<Vec<String>, BrokerError> {
        let mut ready = Vec::new();
        let ids = self.broker().publish(topic, messages, now_micros(), &mut ready)?;
        self.wake(&ready);
        Ok(ids)
    }

    pub(crate) fn ack(&self, subscription: &str, ack_ids: &[String]) -> Result<(), BrokerError> {
        self.broker()
            .subscription_mut(subscription)?
            .backlog
            .ack(ack_ids.iter().map(String::as_str));
        // An ack makes room in a stream's flow control.
        self.wake_one(subscription);
        Ok(())
    }

    pub(crate) fn modify_deadline(
        &self,
        subscription: &str,
        ack_ids: &[String],
        seconds: i32,
    ) -> Result<(), BrokerError> {
        let max = crate::limits::MODIFY_DEADLINE_SECONDS_MAX;
        if !(0..=max).contains(&seconds) {
            let text =
                format!("Invalid ack deadline given (ack_deadline_secs={seconds}); 0 to {max}.");
            return Err(BrokerError::Invalid(text));
        }
        let ready = self.broker().subscription_mut(subscription)?.backlog.modify_deadline(
            ack_ids.iter().map(String::as_str),
            seconds,
            now_micros(),
        );
        if ready > 0 {
            self.wake_one(subscription);
        }
        self.rearm.notify_one();
        Ok(())
    }

    /// The bell of a subscription: rung when it may have something to deliver.
    pub(crate) fn bell(&self, subscription: &str) -> Arc<Notify> {
        let mut ready = self.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(ready.entry(subscription.to_owned()).or_default())
    }

    fn wake_one(&self, subscription: &str) {
        let ready = self.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bell) = ready.get(subscription) {
            bell.notify_waiters();
        }
    }

    fn wake(&self, subscriptions: &[String]) {
        for subscription in subscriptions {
            self.wake_one(subscription);
        }
    }

    /// Tells the timer that a lease was given out.
    pub(crate) fn leased(&self) {
        self.rearm.notify_one();
    }
}

/// Ends leases at their deadlines: sleeps until the next one, and is woken when leases change.
async fn end_leases(shared: Arc<Shared>) {
    // Deadlines move with every lease extension: looking at them more often than this has no use.
    const RESOLUTION: Duration = Duration::from_millis(20);
    loop {
        let mut ready = Vec::new();
        let next = {
            let mut broker = shared.broker();
            broker.expire(now_micros(), &mut ready);
            broker.next_deadline()
        };
        shared.wake(&ready);
        let until_next = next.map(|at| {
            let micros = u64::try_from(at - now_micros()).unwrap_or_default();
            Duration::from_micros(micros).max(RESOLUTION)
        });
        let rearmed = async {
            shared.rearm.notified().await;
            tokio::time::sleep(RESOLUTION).await;
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = async { tokio::time::sleep(until_next.unwrap_or_default()).await }, if next.is_some() => {}
            () = rearmed => {}
        }
    }
}

//! Pub/Sub around its broker: pulls that wait, the push subscription's pace, and the timer of leases.

use tonic::Status;
use windtunnel_gcp::limits::OUTSTANDING_MESSAGES_MAX;
use windtunnel_protos::pubsub::{PubsubMessage, PushConfig, Subscription, Topic};
use windtunnel_pubsub::broker::{Broker, BrokerError, Delivery, Limits, PushPace, StreamId};
use windtunnel_pubsub::limits::{RESPONSE_BYTES_MAX, RESPONSE_MESSAGES_MAX};

use super::super::call::{Answer, Caller, Happening, Meta, Request, Token};
use super::super::fault::{Effect, Part};
use super::super::net::Net;
use super::super::observer::ordinal_of;
use super::PROJECT;

/// The raw topic.
pub(in super::super) const RAW: &str = "iot-events";
/// The topic of completed events.
pub(in super::super) const PROCESSED: &str = "processed-events";

/// Seconds of a pushed message's deadline.
const PUSH_DEADLINE_SECONDS: i32 = 60;

#[derive(Debug)]
pub(in super::super) struct Pubsub {
    broker: Broker,
    /// The subscription of the engine.
    pulled: String,
    /// The subscription that pushes to the function, with its pace and the requests under way.
    pushed: Option<(String, PushPace, usize)>,
    parked: Vec<(u32, Meta)>,
    /// How long a waiting pull gathers messages, in microseconds.
    gather_micros: i64,
    delivers: bool,
    expires_at: i64,
}

fn topic(name: &str) -> String {
    format!("projects/{PROJECT}/topics/{name}")
}

fn status_of(error: BrokerError) -> Status {
    let text = error.to_string();
    match error {
        BrokerError::NotFound(_) => Status::not_found(text),
        BrokerError::AlreadyExists(_) => Status::already_exists(text),
        BrokerError::Invalid(_) => Status::invalid_argument(text),
        BrokerError::Unimplemented(_) => Status::unimplemented(text),
    }
}

impl Pubsub {
    /// The reference pipeline's topics; with a function, the raw topic pushes to it.
    pub(in super::super) fn new(has_function: bool, gather_micros: i64) -> Self {
        let mut broker = Broker::default();
        for name in [RAW, PROCESSED] {
            let topic = Topic { name: topic(name), ..Topic::default() };
            broker.create_topic(topic).expect("the names are valid and new");
        }
        let mut subscribe = |name: &str, endpoint: Option<&str>| {
            let full = format!("projects/{PROJECT}/subscriptions/{name}-sub");
            let push_config = endpoint.map(|endpoint| PushConfig {
                push_endpoint: endpoint.to_owned(),
                ..PushConfig::default()
            });
            let subscription = Subscription {
                name: full.clone(),
                topic: topic(name),
                ack_deadline_seconds: PUSH_DEADLINE_SECONDS,
                push_config,
                ..Subscription::default()
            };
            broker.create_subscription(subscription).expect("the names are valid and new");
            full
        };
        let pushed = has_function.then(|| subscribe(RAW, Some("http://function.invalid/")));
        let pulled = subscribe(if has_function { PROCESSED } else { RAW }, None);
        Self {
            broker,
            pulled,
            pushed: pushed.map(|name| (name, PushPace::default(), 0)),
            parked: Vec::new(),
            gather_micros,
            delivers: false,
            expires_at: i64::MAX,
        }
    }

    fn clock(net: &Net) -> i64 {
        net.now() + net.fates.borrow().skew(Part::Pubsub, net.now())
    }

    pub(in super::super) fn publish(
        &mut self,
        name: &str,
        messages: Vec<PubsubMessage>,
        net: &mut Net,
    ) -> Result<Answer, Status> {
        let mut ready = Vec::new();
        let now = Self::clock(net);
        let watched: Vec<u64> = match net.trace.watches() {
            true => messages.iter().filter_map(ordinal_of).collect(),
            false => Vec::new(),
        };
        self.broker.publish(&topic(name), messages, now, &mut ready).map_err(status_of)?;
        for ordinal in watched {
            net.trace.event(net.agenda.now(), ordinal, || format!("is a message of {name}"));
        }
        self.wake(net);
        Ok(Answer::Done)
    }

    /// A pull waits here until there are messages.
    pub(in super::super) fn pull(&mut self, instance: u32, meta: Meta, net: &mut Net) {
        self.parked.push((instance, meta));
        self.wake(net);
    }

    pub(in super::super) fn acknowledge(&mut self, ack_ids: &[String]) -> Result<Answer, Status> {
        let subscription = self.broker.subscription_mut(&self.pulled).map_err(status_of)?;
        subscription.backlog.ack(ack_ids.iter().map(String::as_str));
        Ok(Answer::Done)
    }

    pub(in super::super) fn modify_deadline(
        &mut self,
        ack_ids: &[String],
        seconds: i32,
        net: &mut Net,
    ) -> Result<Answer, Status> {
        let now = Self::clock(net);
        let subscription = self.broker.subscription_mut(&self.pulled).map_err(status_of)?;
        let ack_ids = ack_ids.iter().map(String::as_str);
        if subscription.backlog.modify_deadline(ack_ids, seconds, now) > 0 {
            self.wake(net);
        }
        Ok(Answer::Done)
    }

    /// An engine's connection is gone: its pull waits no more, its leases go on.
    pub(in super::super) fn hang_up(&mut self, instance: u32) {
        self.parked.retain(|(of, _)| *of != instance);
        if let Ok(subscription) = self.broker.subscription_mut(&self.pulled) {
            subscription.backlog.close_stream(stream(instance));
        }
    }

    /// A push was answered.
    pub(in super::super) fn pushed(&mut self, ack_id: &str, is_delivered: bool, net: &mut Net) {
        let now = Self::clock(net);
        let Some((name, pace, under_way)) = &mut self.pushed else { return };
        *under_way = under_way.saturating_sub(1);
        let Ok(subscription) = self.broker.subscription_mut(name) else { return };
        if is_delivered {
            pace.delivered();
            subscription.backlog.ack([ack_id]);
        } else {
            subscription.backlog.nack(ack_id, pace.failed(), now);
        }
        self.wake(net);
    }

    /// Hands out what waits: to the pulls, and to the function.
    pub(in super::super) fn deliver(&mut self, net: &mut Net) {
        self.delivers = false;
        let now = Self::clock(net);
        let mut parked = std::mem::take(&mut self.parked).into_iter();
        for (instance, meta) in parked.by_ref() {
            let mut messages = self.pull_for(instance, now);
            if messages.is_empty() {
                self.parked.push((instance, meta));
                break;
            }
            if meta.is_doubled {
                messages.extend(messages.clone());
            }
            net.say(format_args!("{} < pull #{} {} messages", meta.from, meta.nth, messages.len()));
            net.answer(meta, Ok(Answer::Messages(messages)));
        }
        self.parked.extend(parked);
        self.push(now, net);
        self.arm(net);
    }

    fn pull_for(&mut self, instance: u32, now: i64) -> Vec<Delivery> {
        let limits = Limits {
            messages: RESPONSE_MESSAGES_MAX,
            bytes: RESPONSE_BYTES_MAX,
            outstanding_messages: usize::try_from(OUTSTANDING_MESSAGES_MAX).unwrap_or(usize::MAX),
            outstanding_bytes: 0,
        };
        let lease = i64::try_from(windtunnel_gcp::limits::LEASE.as_micros()).unwrap_or(i64::MAX);
        match self.broker.subscription_mut(&self.pulled) {
            Ok(subscription) => subscription.backlog.pull(stream(instance), limits, lease, now),
            Err(_) => Vec::new(),
        }
    }

    fn push(&mut self, now: i64, net: &mut Net) {
        let Some((name, pace, under_way)) = &mut self.pushed else { return };
        let Ok(subscription) = self.broker.subscription_mut(name) else { return };
        let limits = Limits {
            messages: pace.room(*under_way),
            bytes: RESPONSE_BYTES_MAX,
            outstanding_messages: 0,
            outstanding_bytes: 0,
        };
        let lease = i64::from(PUSH_DEADLINE_SECONDS + 1) * 1_000_000;
        for delivery in subscription.backlog.pull(StreamId::default(), limits, lease, now) {
            *under_way += 1;
            let request = Request::Push { stored: delivery.stored };
            let token = Token::Push { ack_id: delivery.ack_id };
            // Pub/Sub itself never dies.
            let _sent = net.call(Effect::Push, Caller::Pusher, request, token, 0);
        }
    }

    /// Ends the leases that are over.
    pub(in super::super) fn expire(&mut self, net: &mut Net) {
        self.expires_at = i64::MAX;
        let mut ready = Vec::new();
        self.broker.expire(Self::clock(net), &mut ready);
        self.wake(net);
        self.arm(net);
    }

    /// Sees to it that what waits is handed out soon.
    fn wake(&mut self, net: &mut Net) {
        if !self.delivers {
            self.delivers = true;
            net.agenda.at(net.now() + self.gather_micros, Happening::Deliver);
        }
    }

    /// Sees to it that the next lease ends in time.
    fn arm(&mut self, net: &mut Net) {
        let Some(deadline) = self.broker.next_deadline() else { return };
        // A clock that jumps ahead is looked at once a second.
        let at = (net.now() + deadline - Self::clock(net)).max(net.now() + 1);
        let at = at.min(net.now() + 1_000_000);
        if at < self.expires_at {
            self.expires_at = at;
            net.agenda.at(at, Happening::Expire);
        }
    }

    /// Messages that are not acknowledged by whoever they are for.
    pub(in super::super) fn backlog(&self) -> usize {
        let names = [Some(&self.pulled), self.pushed.as_ref().map(|(name, ..)| name)];
        let count = |name: &String| {
            let stats = self.broker.subscription(name).map(|it| it.backlog.stats());
            stats.map_or(0, |stats| stats.undelivered + stats.outstanding)
        };
        names.into_iter().flatten().map(count).sum()
    }
}

fn stream(instance: u32) -> StreamId {
    StreamId(u64::from(instance) + 1)
}

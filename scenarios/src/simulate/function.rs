//! The preprocessing function as a process: what it decides about a message is the production function's;
//! what stands here is its client, which gathers publishes and tries them again, and its life. Invariant:
//! a push is answered well only after its event was published or its dead letter stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Status;
use windtunnel_gcp::function::{Handled, decide};
use windtunnel_gcp::limits::PUBLISH_LINGER;
use windtunnel_model::{AckId, EventTime, Message, Origin};
use windtunnel_protos::pubsub::PubsubMessage;
use windtunnel_pubsub::broker::Stored;
use windtunnel_pubsub::limits::PUBLISH_MESSAGES_MAX;
use windtunnel_runtime::command::ObjectCommand;

use super::call::{Answer, Caller, Happening, Meta, Request, Token};
use super::fault::{Effect, Loss};
use super::net::Net;
use super::observer::ordinal_of;
use super::services::pubsub::PROCESSED;

/// Tries of one publish or store before the push is answered with 503.
const ATTEMPTS_MAX: u32 = 4;
/// Pause before a call is tried again, in microseconds.
const BACKOFF_MICROS: i64 = 100_000;

#[derive(Debug, Default)]
pub(super) struct Function {
    /// Which life this is; none while it is down.
    pub(super) life: Option<u64>,
    /// Until when it stands still.
    pub(super) hung_until: i64,
    lives: u64,
    gathered: Vec<(Meta, PubsubMessage)>,
    publishes: BTreeMap<u64, Publish>,
    stores: BTreeMap<u64, Store>,
    last: u64,
}

#[derive(Debug)]
struct Publish {
    pushes: Vec<Meta>,
    messages: Vec<PubsubMessage>,
    attempt: u32,
}

#[derive(Debug)]
struct Store {
    push: Meta,
    object: ObjectCommand,
    attempt: u32,
}

/// A stored message as the function and the engine see it.
pub(super) fn message_of(stored: &Stored, ack: AckId) -> Message {
    let message = &stored.message;
    let attributes = message.attributes.iter().map(|(key, value)| (key.clone(), value.clone()));
    Message {
        ack,
        data: message.data.clone(),
        publish_time: EventTime(stored.published_at),
        origin: Origin::Pubsub {
            message_id: message.message_id.clone(),
            attributes: attributes.collect(),
        },
    }
}

impl Function {
    pub(super) fn start(&mut self, net: &mut Net) {
        self.lives += 1;
        self.life = Some(self.lives);
        net.news(format_args!("function-{} starts", self.lives));
    }

    /// The process dies: whoever waits for it hears of a lost connection.
    pub(super) fn die(&mut self, net: &mut Net) {
        let Some(life) = self.life.take() else { return };
        net.news(format_args!("function-{life} is dead"));
        let gathered = std::mem::take(&mut self.gathered).into_iter().map(|(push, _)| push);
        let publishes = std::mem::take(&mut self.publishes).into_values().flat_map(|it| it.pushes);
        let stores = std::mem::take(&mut self.stores).into_values().map(|store| store.push);
        let waiting: Vec<Meta> = gathered.chain(publishes).chain(stores).collect();
        for push in waiting {
            net.answer(push, Err(Status::unavailable("connection reset")));
        }
    }

    /// Takes one push.
    ///
    /// # Errors
    /// The process dies.
    pub(super) fn take(
        &mut self,
        stored: &Arc<Stored>,
        push: Meta,
        net: &mut Net,
    ) -> Result<(), Loss> {
        let Some(life) = self.life else {
            net.answer(push, Err(Status::unavailable("connection refused")));
            return Ok(());
        };
        let ordinal = ordinal_of(&stored.message).unwrap_or(u64::MAX);
        match decide(&message_of(stored, AckId(0))) {
            Handled::Publish { data, attributes } => {
                net.trace.event(net.agenda.now(), ordinal, || {
                    format!("is completed by function-{life} ({} bytes)", data.len())
                });
                let message = PubsubMessage {
                    data,
                    attributes: attributes.into_iter().collect(),
                    ..PubsubMessage::default()
                };
                self.gathered.push((push, message));
                if self.gathered.len() == 1 {
                    let linger = i64::try_from(PUBLISH_LINGER.as_micros()).unwrap_or(0);
                    net.agenda.at(net.now() + linger, Happening::Gathered(life));
                }
                if self.gathered.len() >= PUBLISH_MESSAGES_MAX {
                    return self.publish_gathered(net);
                }
                Ok(())
            }
            Handled::Store(object) => {
                net.trace.event(net.agenda.now(), ordinal, || {
                    format!("is refused by function-{life}, for {}", object.name)
                });
                self.last += 1;
                self.stores.insert(self.last, Store { push, object, attempt: 0 });
                self.store(self.last, net)
            }
        }
    }

    /// The linger is over.
    ///
    /// # Errors
    /// The process dies.
    pub(super) fn publish_gathered(&mut self, net: &mut Net) -> Result<(), Loss> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let (pushes, messages) = std::mem::take(&mut self.gathered).into_iter().unzip();
        self.last += 1;
        self.publishes.insert(self.last, Publish { pushes, messages, attempt: 0 });
        self.publish(self.last, net)
    }

    fn publish(&mut self, number: u64, net: &mut Net) -> Result<(), Loss> {
        let (Some(life), Some(publish)) = (self.life, self.publishes.get_mut(&number)) else {
            return Ok(());
        };
        publish.attempt += 1;
        let request = Request::Publish { topic: PROCESSED, messages: publish.messages.clone() };
        let token = Token::FunctionPublish { batch: number };
        net.call(Effect::FunctionPublish, Caller::Function(life), request, token, 0).map(drop)
    }

    fn store(&mut self, number: u64, net: &mut Net) -> Result<(), Loss> {
        let (Some(life), Some(store)) = (self.life, self.stores.get_mut(&number)) else {
            return Ok(());
        };
        store.attempt += 1;
        let ObjectCommand { name, content } = store.object.clone();
        let request = Request::Store { name, content };
        let token = Token::FunctionStore { job: number };
        net.call(Effect::FunctionStore, Caller::Function(life), request, token, 0).map(drop)
    }

    /// Hears what became of a call.
    pub(super) fn hear(&mut self, token: Token, outcome: Result<Answer, Status>, net: &mut Net) {
        let (waiting, attempt) = match token {
            Token::FunctionPublish { batch } => {
                (batch, self.publishes.get(&batch).map(|it| it.attempt))
            }
            Token::FunctionStore { job } => (job, self.stores.get(&job).map(|it| it.attempt)),
            _ => return,
        };
        let (Some(life), Some(attempt)) = (self.life, attempt) else { return };
        if outcome.is_err() && attempt < ATTEMPTS_MAX {
            let at = net.now() + (BACKOFF_MICROS << (attempt - 1));
            net.agenda.at(at, Happening::Retry(Box::new((Caller::Function(life), token))));
            return;
        }
        let outcome = outcome.map(drop);
        let pushes = match self.publishes.remove(&waiting) {
            Some(publish) => publish.pushes,
            None => self.stores.remove(&waiting).map(|it| it.push).into_iter().collect(),
        };
        for push in pushes {
            let answer = match &outcome {
                Ok(()) => Ok(Answer::Done),
                Err(_) => Err(Status::unavailable("503")),
            };
            net.answer(push, answer);
        }
    }

    /// Asks once more.
    ///
    /// # Errors
    /// The process dies.
    pub(super) fn retry(&mut self, token: &Token, net: &mut Net) -> Result<(), Loss> {
        match token {
            Token::FunctionPublish { batch } => self.publish(*batch, net),
            Token::FunctionStore { job } => self.store(*job, net),
            _ => Ok(()),
        }
    }
}

//! The generator: publishes the events of a plan, or of a list, at their intended instants, open loop, and
//! tries a publish again whose answer was lost. Every attempt is in the ledger before it is sent.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::iter::Peekable;

use tonic::Status;
use windtunnel_protos::pubsub::PubsubMessage;
use windtunnel_pubsub::limits::{PUBLISH_BYTES_MAX, PUBLISH_MESSAGES_MAX};
use windtunnel_simulator::{PlannedEvent, StreamDigest};

use super::call::{Caller, Happening, Request, Token};
use super::fault::Effect;
use super::net::Net;
use super::observer::Observer;
use super::services::pubsub::RAW;

/// Pauses before a publish is tried again, in microseconds: doubling, as the official client does.
const BACKOFF_MICROS: i64 = 100_000;
/// Tries of one publish; what has no answer then stays unknown.
const ATTEMPTS_MAX: u32 = 9;
/// Bytes of one message at the most: what the service takes in a request, with room for attributes.
const MESSAGE_BYTES_MAX: usize = PUBLISH_BYTES_MAX - 1_000_000;

pub(super) struct Generator {
    events: Peekable<Box<dyn Iterator<Item = PlannedEvent>>>,
    start: i64,
    linger_micros: i64,
    under_way: BTreeMap<u64, Batch>,
    batches: u64,
    digest: StreamDigest,
    sent_last: bool,
    /// Where nothing fails nothing has to be kept for another try.
    keeps: bool,
}

#[derive(Debug)]
struct Batch {
    ordinals: Vec<u64>,
    messages: Vec<PubsubMessage>,
    attempt: u32,
}

impl fmt::Debug for Generator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Generator").field("under_way", &self.under_way.len()).finish()
    }
}

impl Generator {
    pub(super) fn new(
        events: Box<dyn Iterator<Item = PlannedEvent>>,
        start: i64,
        linger_micros: i64,
        is_calm: bool,
    ) -> Self {
        Self {
            events: events.peekable(),
            start,
            linger_micros,
            under_way: BTreeMap::new(),
            batches: 0,
            digest: StreamDigest::default(),
            sent_last: false,
            keeps: !is_calm,
        }
    }

    /// Publishes what is due, and comes again when the next event is.
    pub(super) fn blow(&mut self, net: &mut Net, observer: &mut Observer) {
        let now = net.now();
        let due = |event: &PlannedEvent| instant(self.start, event) <= now;
        let (mut ordinals, mut messages, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut full = Vec::new();
        while let Some(event) = self.events.next_if(due) {
            self.digest.update(&event);
            observer.attempted(&event);
            if event.body.len() > MESSAGE_BYTES_MAX {
                observer.ledger.refused(event.ordinal);
                continue;
            }
            let size = event.body.len() + 1_000;
            if messages.len() == PUBLISH_MESSAGES_MAX || bytes + size > PUBLISH_BYTES_MAX {
                full.push((std::mem::take(&mut ordinals), std::mem::take(&mut messages)));
                bytes = 0;
            }
            bytes += size;
            net.trace.event(now, event.ordinal, || {
                format!("is published as {} ({} bytes)", event.publish_id, event.body.len())
            });
            ordinals.push(event.ordinal);
            messages.push(PubsubMessage {
                attributes: owned(event.attributes()),
                data: event.body,
                ..PubsubMessage::default()
            });
        }
        full.push((ordinals, messages));
        for (ordinals, messages) in full.into_iter().filter(|(_, messages)| !messages.is_empty()) {
            self.batches += 1;
            self.under_way.insert(self.batches, Batch { ordinals, messages, attempt: 0 });
            self.publish(self.batches, net);
        }
        match self.events.peek() {
            Some(next) => {
                let at = instant(self.start, next) + self.linger_micros;
                net.agenda.at(at, Happening::Blow);
            }
            None => self.sent_last = true,
        }
    }

    fn publish(&mut self, batch: u64, net: &mut Net) {
        let Some(Batch { messages, attempt, .. }) = self.under_way.get_mut(&batch) else { return };
        *attempt += 1;
        let messages = if self.keeps { messages.clone() } else { std::mem::take(messages) };
        let request = Request::Publish { topic: RAW, messages };
        // The generator never dies: the ledger is its memory.
        let token = Token::Publish { batch };
        let _sent = net.call(Effect::Publish, Caller::Generator, request, token, 0);
    }

    /// Hears what became of a publish.
    pub(super) fn published(
        &mut self,
        number: u64,
        outcome: Result<(), Status>,
        net: &mut Net,
        observer: &mut Observer,
    ) {
        let Some(batch) = self.under_way.get(&number) else { return };
        if outcome.is_ok() {
            batch.ordinals.iter().for_each(|&ordinal| observer.ledger.acknowledged(ordinal));
            self.under_way.remove(&number);
        } else if batch.attempt < ATTEMPTS_MAX {
            let pause = BACKOFF_MICROS << (batch.attempt - 1);
            let again =
                Happening::Retry(Box::new((Caller::Generator, Token::Publish { batch: number })));
            net.agenda.at(net.now() + pause, again);
        } else {
            self.under_way.remove(&number);
        }
    }

    pub(super) fn retry(&mut self, batch: u64, net: &mut Net) {
        self.publish(batch, net);
    }

    /// Whether every event was sent and has its outcome.
    pub(super) fn is_done(&self) -> bool {
        self.sent_last && self.under_way.is_empty()
    }

    /// The digest of what was published, in hexadecimal.
    pub(super) fn digest(self) -> String {
        self.digest.hex()
    }
}

fn owned(attributes: [(&'static str, &str); 2]) -> HashMap<String, String> {
    attributes.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn instant(start: i64, event: &PlannedEvent) -> i64 {
    start + i64::try_from(event.intended_ns / 1_000).unwrap_or(i64::MAX / 2)
}

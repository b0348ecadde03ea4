//! Pub/Sub as the engine's source: one pull that waits, a few batches ahead of the coordinator, leases that
//! are extended while the process lives, and everything given back at the end. The official client does
//! the same over a stream.

use std::collections::{BTreeMap, VecDeque};

use tonic::Status;
use windtunnel_model::{AckId, Message};
use windtunnel_pubsub::broker::Delivery;
use windtunnel_runtime::limits::BATCHES_MAX;

use super::super::bugs::Tamper;
use super::super::call::{Answer, Caller, Happening, Request, Token};
use super::super::fault::{Effect, Loss};
use super::super::function::message_of;
use super::super::net::Net;
use super::super::observer::{Observer, ordinal_of};

/// How often leases are extended, in microseconds: half of their length.
pub(super) const EXTEND_MICROS: i64 = 5_000_000;
/// How long a lease lasts, in seconds.
const LEASE_SECONDS: i32 = 10;
/// Ack ids of one request at the most.
const ACK_IDS_MAX: usize = 2_500;
/// Pause before a pull that failed is tried again, in microseconds.
const PULL_AGAIN_MICROS: i64 = 100_000;

#[derive(Debug)]
pub(super) struct Source {
    instance: u32,
    tamper: Tamper,
    /// What is not acknowledged: the lease's id, and the event that it is for.
    leases: BTreeMap<AckId, (String, u64)>,
    last: u64,
    batches: VecDeque<Vec<Message>>,
    is_pulling: bool,
    is_over: bool,
}

impl Source {
    pub(super) fn new(instance: u32, tamper: Tamper) -> Self {
        Self {
            instance,
            tamper,
            leases: BTreeMap::new(),
            last: 0,
            batches: VecDeque::new(),
            is_pulling: false,
            is_over: false,
        }
    }

    pub(super) fn next_batch(&mut self) -> Option<Vec<Message>> {
        self.batches.pop_front()
    }

    /// Pulls, unless a pull waits already or enough is here.
    pub(super) fn pull(&mut self, net: &mut Net) -> Result<(), Loss> {
        if self.is_pulling || self.is_over || self.batches.len() >= BATCHES_MAX {
            return Ok(());
        }
        self.is_pulling = true;
        let request = Request::Pull { instance: self.instance };
        net.call(Effect::Pull, Caller::Engine(self.instance), request, Token::Pull, 0).map(drop)
    }

    /// A pull was answered.
    pub(super) fn pulled(
        &mut self,
        outcome: Result<Answer, Status>,
        net: &mut Net,
        observer: &mut Observer,
    ) {
        match outcome {
            Ok(Answer::Messages(deliveries)) => {
                self.is_pulling = false;
                let batch = deliveries.into_iter().map(|it| self.keep(it, net, observer)).collect();
                self.batches.push_back(batch);
            }
            Ok(_) => self.is_pulling = false,
            Err(_) => {
                // The pull counts as waiting until it is tried again.
                let again = (Caller::Engine(self.instance), Token::Pull);
                let at = net.now() + PULL_AGAIN_MICROS;
                net.agenda.at(at, Happening::Retry(Box::new(again)));
            }
        }
    }

    /// The pause after a failed pull is over.
    pub(super) fn pull_again(&mut self, net: &mut Net) -> Result<(), Loss> {
        self.is_pulling = false;
        self.pull(net)
    }

    fn keep(&mut self, delivery: Delivery, net: &mut Net, observer: &mut Observer) -> Message {
        self.last += 1;
        let ack = AckId(self.last);
        let ordinal = ordinal_of(&delivery.stored.message).unwrap_or(u64::MAX);
        observer.pulled(ordinal);
        let instance = self.instance;
        net.trace.event(net.agenda.now(), ordinal, || {
            let id = &delivery.stored.message.message_id;
            format!("is pulled by engine-{instance} as message {id}, attempt {}", delivery.attempt)
        });
        let message = message_of(&delivery.stored, ack);
        self.leases.insert(ack, (delivery.ack_id, ordinal));
        message
    }

    pub(super) fn acknowledge(&mut self, acks: Vec<AckId>, net: &mut Net) -> Result<(), Loss> {
        let mut done = acks.iter().filter_map(|ack| self.leases.remove(ack)).peekable();
        while done.peek().is_some() {
            let (ack_ids, ordinals): (Vec<String>, Vec<u64>) =
                done.by_ref().take(ACK_IDS_MAX).unzip();
            if net.trace.watches() {
                let (now, instance) = (net.now(), self.instance);
                for &ordinal in &ordinals {
                    net.trace
                        .event(now, ordinal, || format!("is acknowledged by engine-{instance}"));
                }
            }
            let request = Request::Acknowledge { ack_ids, ordinals };
            let caller = Caller::Engine(self.instance);
            net.call(Effect::Acknowledge, caller, request, Token::Nothing, 0)?;
        }
        Ok(())
    }

    /// Extends the leases of everything that is not acknowledged.
    pub(super) fn extend(&mut self, net: &mut Net) -> Result<(), Loss> {
        let seconds = if self.tamper.drops_nacks_at_shutdown() { 600 } else { LEASE_SECONDS };
        self.modify(seconds, net)
    }

    /// The end: what is not acknowledged goes back at once.
    pub(super) fn give_back(&mut self, net: &mut Net) -> Result<(), Loss> {
        self.is_over = true;
        self.batches.clear();
        if self.tamper.drops_nacks_at_shutdown() {
            return self.modify(600, net);
        }
        self.modify(0, net)
    }

    fn modify(&mut self, seconds: i32, net: &mut Net) -> Result<(), Loss> {
        let ack_ids: Vec<String> = self.leases.values().map(|(ack_id, _)| ack_id.clone()).collect();
        for ack_ids in ack_ids.chunks(ACK_IDS_MAX) {
            let request = Request::ModifyDeadline { ack_ids: ack_ids.to_vec(), seconds };
            let caller = Caller::Engine(self.instance);
            net.call(Effect::ModifyDeadline, caller, request, Token::Nothing, 0)?;
        }
        Ok(())
    }
}

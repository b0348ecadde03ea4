//! One subscription's messages: those that wait, those that are leased out until a deadline, and those
//! that pause before they are tried again. Invariant: every message is in exactly one of the three
//! until it is acknowledged; an ack id is good for one lease only.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::{Stored, SubscriptionStats};
use crate::limits::PUSH_BACKOFF_MICROS_MAX;

/// Names one streaming pull of a subscription, for flow control; unary pulls are stream 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StreamId(pub u64);

/// One message on its way to a subscriber.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The lease's id.
    pub ack_id: String,
    /// The message.
    pub stored: Arc<Stored>,
    /// 1 + the nacks and expiries before.
    pub attempt: u32,
}

#[derive(Debug)]
struct Lease {
    stored: Arc<Stored>,
    attempt: u32,
    deadline: i64,
    stream: StreamId,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outstanding {
    messages: usize,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Backlog {
    incarnation: u64,
    waiting: VecDeque<(Arc<Stored>, u32)>,
    leases: HashMap<u64, Lease>,
    deadlines: BTreeSet<(i64, u64)>,
    paused: BTreeMap<(i64, u64), (Arc<Stored>, u32)>,
    streams: HashMap<StreamId, Outstanding>,
    next_lease: u64,
}

/// What a pull may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Messages of this response.
    pub messages: usize,
    /// Bytes of this response; one larger message goes out alone.
    pub bytes: usize,
    /// Outstanding messages of the stream, with those of this response; 0 is no limit.
    pub outstanding_messages: usize,
    /// Outstanding bytes of the stream; 0 is no limit.
    pub outstanding_bytes: usize,
}

impl Backlog {
    pub(super) fn new(incarnation: u64) -> Self {
        Self {
            incarnation,
            waiting: VecDeque::new(),
            leases: HashMap::new(),
            deadlines: BTreeSet::new(),
            paused: BTreeMap::new(),
            streams: HashMap::new(),
            next_lease: 0,
        }
    }

    /// Which creation of the subscription this is: a subscription that was deleted and made again
    /// under the same name has another.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(super) fn extend(&mut self, messages: impl Iterator<Item = Arc<Stored>>) {
        self.waiting.extend(messages.map(|stored| (stored, 0)));
    }

    /// Leases messages out until `now + lease_micros`.
    pub fn pull(
        &mut self,
        stream: StreamId,
        limits: Limits,
        lease_micros: i64,
        now: i64,
    ) -> Vec<Delivery> {
        self.resume_paused(now);
        let mut deliveries = Vec::new();
        let mut bytes = 0;
        let deadline = now.saturating_add(lease_micros);
        while deliveries.len() < limits.messages {
            let held = self.streams.get(&stream).copied().unwrap_or_default();
            let Some((stored, _)) = self.waiting.front() else { break };
            let over = |limit: usize, value: usize| limit > 0 && value > limit;
            let first_of_stream = held.messages == 0;
            if (bytes > 0 && bytes + stored.bytes > limits.bytes)
                || over(limits.outstanding_messages, held.messages + 1)
                || (!first_of_stream && over(limits.outstanding_bytes, held.bytes + stored.bytes))
            {
                break;
            }
            let (stored, failures) = self.waiting.pop_front().expect("the front was just seen");
            bytes += stored.bytes;
            self.next_lease += 1;
            let lease = self.next_lease;
            self.deadlines.insert((deadline, lease));
            if stream != StreamId::default() {
                let held = self.streams.entry(stream).or_default();
                held.messages += 1;
                held.bytes += stored.bytes;
            }
            let attempt = failures + 1;
            self.leases
                .insert(lease, Lease { stored: Arc::clone(&stored), attempt, deadline, stream });
            deliveries.push(Delivery { ack_id: self.ack_id(lease), stored, attempt });
        }
        deliveries
    }

    /// Acknowledges; an id whose lease is over is without effect, as for the real service.
    pub fn ack<'a>(&mut self, ack_ids: impl IntoIterator<Item = &'a str>) -> usize {
        let mut acknowledged = 0;
        for ack_id in ack_ids {
            acknowledged += usize::from(self.end_lease(ack_id).is_some());
        }
        acknowledged
    }

    /// Extends leases to `now + seconds`; 0 ends them, and the messages are delivered again. Returns
    /// how many messages became ready.
    pub fn modify_deadline<'a>(
        &mut self,
        ack_ids: impl IntoIterator<Item = &'a str>,
        seconds: i32,
        now: i64,
    ) -> usize {
        let mut ready = 0;
        for ack_id in ack_ids {
            if seconds == 0 {
                ready += usize::from(self.nack(ack_id, 0, now));
                continue;
            }
            let Some(number) = self.lease_number(ack_id) else { continue };
            let Some(lease) = self.leases.get_mut(&number) else { continue };
            self.deadlines.remove(&(lease.deadline, number));
            lease.deadline = now.saturating_add(i64::from(seconds) * 1_000_000);
            self.deadlines.insert((lease.deadline, number));
        }
        ready
    }

    /// Gives a message back, to be delivered again after a pause that doubles with every attempt: one
    /// message's failures do not keep the others. False when the lease is over.
    pub fn nack(&mut self, ack_id: &str, pause_micros: i64, now: i64) -> bool {
        let Some((number, lease)) = self.end_lease(ack_id) else { return false };
        if pause_micros > 0 {
            let doubled = pause_micros.saturating_mul(1 << (lease.attempt - 1).min(20));
            let until = now.saturating_add(doubled.min(PUSH_BACKOFF_MICROS_MAX));
            self.paused.insert((until, number), (lease.stored, lease.attempt));
        } else {
            self.waiting.push_front((lease.stored, lease.attempt));
        }
        true
    }

    /// Ends the leases whose deadline has passed and the pauses that are over; returns how many
    /// messages became ready.
    pub fn expire(&mut self, now: i64) -> usize {
        let mut ready = self.resume_paused(now);
        let mut expired = Vec::new();
        while let Some(&(deadline, number)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            if let Some(lease) = self.leases.remove(&number) {
                self.release(&lease);
                expired.push((lease.stored, lease.attempt));
            }
        }
        ready += expired.len();
        for message in expired.into_iter().rev() {
            self.waiting.push_front(message);
        }
        ready
    }

    /// When the next lease ends or the next pause is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        let lease = self.deadlines.first().map(|(deadline, _)| *deadline);
        let pause = self.paused.first_key_value().map(|((until, _), _)| *until);
        lease.into_iter().chain(pause).min()
    }

    /// Forgets a stream; its leases go on until their deadlines.
    pub fn close_stream(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    /// What is held now.
    #[must_use]
    pub fn stats(&self) -> SubscriptionStats {
        SubscriptionStats {
            undelivered: self.waiting.len() + self.paused.len(),
            outstanding: self.leases.len(),
        }
    }

    fn resume_paused(&mut self, now: i64) -> usize {
        let mut ready = 0;
        while let Some(entry) = self.paused.first_entry() {
            if entry.key().0 > now {
                break;
            }
            self.waiting.push_front(entry.remove());
            ready += 1;
        }
        ready
    }

    fn end_lease(&mut self, ack_id: &str) -> Option<(u64, Lease)> {
        let number = self.lease_number(ack_id)?;
        let lease = self.leases.remove(&number)?;
        self.deadlines.remove(&(lease.deadline, number));
        self.release(&lease);
        Some((number, lease))
    }

    fn release(&mut self, lease: &Lease) {
        if let Some(held) = self.streams.get_mut(&lease.stream) {
            held.messages = held.messages.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(lease.stored.bytes);
        }
    }

    fn ack_id(&self, lease: u64) -> String {
        format!("{:x}-{lease:x}", self.incarnation)
    }

    fn lease_number(&self, ack_id: &str) -> Option<u64> {
        let (incarnation, lease) = ack_id.split_once('-')?;
        let incarnation = u64::from_str_radix(incarnation, 16).ok()?;
        (incarnation == self.incarnation).then(|| u64::from_str_radix(lease, 16).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use windtunnel_protos::pubsub::PubsubMessage;

    const ANY: Limits =
        Limits { messages: 100, bytes: 1_000_000, outstanding_messages: 0, outstanding_bytes: 0 };

    fn backlog(count: u64) -> Backlog {
        let mut backlog = Backlog::new(1);
        backlog.extend((0..count).map(|id| {
            let message = PubsubMessage { message_id: id.to_string(), ..PubsubMessage::default() };
            Arc::new(Stored { message, published_at: 0, bytes: 10 })
        }));
        backlog
    }

    #[test]
    fn an_expired_lease_delivers_again_and_its_ack_id_is_worthless() {
        let mut backlog = backlog(1);
        let first = backlog.pull(StreamId(0), ANY, 10, 0).remove(0);
        assert_eq!(backlog.expire(9), 0);
        assert_eq!(backlog.expire(10), 1);
        assert_eq!(backlog.ack([first.ack_id.as_str()]), 0);
        let second = backlog.pull(StreamId(0), ANY, 10, 10).remove(0);
        assert_eq!((first.attempt, second.attempt), (1, 2));
        assert_eq!(backlog.ack([second.ack_id.as_str()]), 1);
        assert_eq!(backlog.stats(), SubscriptionStats::default());
    }

    #[test]
    fn the_pause_of_a_message_doubles_with_its_own_failures() {
        let mut backlog = backlog(2);
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..12 {
            let limits = Limits { messages: 1, ..ANY };
            let delivery = backlog.pull(StreamId(0), limits, 10, now).remove(0);
            assert_eq!(delivery.stored.message.message_id, "0");
            assert!(backlog.nack(&delivery.ack_id, 100_000, now));
            let until = backlog.next_deadline().unwrap();
            pauses.push((until - now) / 100_000);
            now = until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(backlog.pull(StreamId(0), ANY, 10, now)[1].attempt, 1, "the other is not kept");
    }

    #[test]
    fn a_stream_stops_at_its_limit_and_goes_on_after_an_ack() {
        let mut backlog = backlog(5);
        let limits = Limits { outstanding_messages: 2, ..ANY };
        let held = backlog.pull(StreamId(7), limits, 10, 0);
        assert_eq!(held.len(), 2);
        assert!(backlog.pull(StreamId(7), limits, 10, 0).is_empty());
        backlog.ack([held[0].ack_id.as_str()]);
        assert_eq!(backlog.pull(StreamId(7), limits, 10, 0).len(), 1);
        assert_eq!(backlog.pull(StreamId(8), limits, 10, 0).len(), 2, "another stream's limit");
    }

    #[test]
    fn a_message_larger_than_the_byte_limit_goes_out_alone() {
        let mut backlog = backlog(2);
        let limits = Limits { bytes: 5, outstanding_bytes: 5, ..ANY };
        assert_eq!(backlog.pull(StreamId(1), limits, 10, 0).len(), 1);
        assert!(backlog.pull(StreamId(1), limits, 10, 0).is_empty());
    }

    proptest! {
        /// Goal: nothing is lost or doubled. Method: random pulls, acks, nacks, expiries and foreign
        /// ids against a set of the messages that are not acknowledged.
        #[test]
        fn what_is_not_acknowledged_is_delivered_again(
            steps in proptest::collection::vec((0_u8..6, any::<usize>()), 0..200)
        ) {
            let mut backlog = backlog(20);
            let mut open: BTreeSet<String> = (0..20_u64).map(|id| id.to_string()).collect();
            let mut leased: Vec<Delivery> = Vec::new();
            let mut now = 0;
            for (kind, pick) in steps {
                now += 1;
                match kind {
                    0 | 1 => {
                        let limits = Limits { messages: 3, ..ANY };
                        leased.extend(backlog.pull(StreamId(0), limits, 20, now));
                    }
                    2 if !leased.is_empty() => {
                        let delivery = leased.remove(pick % leased.len());
                        if backlog.ack([delivery.ack_id.as_str()]) == 1 {
                            prop_assert!(open.remove(&delivery.stored.message.message_id));
                        }
                    }
                    3 if !leased.is_empty() => {
                        let delivery = leased.remove(pick % leased.len());
                        backlog.nack(&delivery.ack_id, (pick % 5) as i64, now);
                    }
                    4 => { backlog.expire(now); }
                    _ => { backlog.ack(["1-ffff", "2-1", "nonsense", "", "-"]); }
                }
                let stats = backlog.stats();
                prop_assert_eq!(stats.undelivered + stats.outstanding, open.len());
            }
            now += 2 * PUSH_BACKOFF_MICROS_MAX;
            backlog.expire(now);
            let rest: BTreeSet<String> = backlog
                .pull(StreamId(0), ANY, 1, now)
                .into_iter()
                .map(|delivery| delivery.stored.message.message_id.clone())
                .collect();
            prop_assert_eq!(rest, open);
        }
    }
}

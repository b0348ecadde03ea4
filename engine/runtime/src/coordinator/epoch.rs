//! One epoch: the messages that become durable together, from the first message to the ack.

use std::sync::Arc;

use bytes::Bytes;
use windtunnel_model::{AckId, EventTime, ProcessingTime, Reject, RejectReason};

use super::archive::Archived;
use crate::checkpoint::{ObjectRecord, Record, StreamRecord};

/// How far an epoch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Takes messages in.
    Open,
    /// Takes no more messages; its scores and appends may still be under way.
    Closed,
    /// Its PENDING streams are being sealed.
    Sealing,
    /// Its checkpoint is being written.
    Saving,
    /// Its checkpoint is durable; flushes and objects may still be under way.
    Saved,
}

#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) opened_at: ProcessingTime,
    pub(super) state: State,
    pub(super) acks: Vec<AckId>,
    /// When the messages were published, as far as the source knows.
    pub(super) published: Vec<EventTime>,
    /// The first of these.
    pub(super) oldest: Option<EventTime>,
    /// Batches whose scores are not back yet.
    pub(super) unscored: usize,
    pub(super) record: Option<Record>,
    /// Streams and how many of their rows must be visible before the ack.
    pub(super) targets: Vec<(Arc<str>, u64)>,
    pub(super) archived: Archived,
    /// For the archive; empty where there is none.
    pub(super) rejects: Vec<Reject>,
    /// PENDING streams that are not sealed yet, and how many rows they must hold.
    pub(super) unsealed: Vec<(Arc<str>, u64)>,
    /// Those that are.
    pub(super) sealed: Vec<StreamRecord>,
    dead_letters: Vec<u8>,
    late: Vec<u8>,
}

impl Epoch {
    pub(super) fn open(number: u64, now: ProcessingTime) -> Self {
        Self {
            number,
            opened_at: now,
            state: State::Open,
            acks: Vec::new(),
            published: Vec::new(),
            oldest: None,
            unscored: 0,
            record: None,
            targets: Vec::new(),
            archived: Archived::default(),
            rejects: Vec::new(),
            unsealed: Vec::new(),
            sealed: Vec::new(),
            dead_letters: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Messages were published at these times.
    pub(super) fn published(&mut self, times: Vec<EventTime>) {
        self.oldest = times.iter().copied().chain(self.oldest).min();
        self.published.extend(times);
    }

    pub(super) fn add_reject(&mut self, reject: &Reject) {
        let lines = match reject.reason {
            RejectReason::Late => &mut self.late,
            _ => &mut self.dead_letters,
        };
        reject.write_json_line(lines);
    }

    /// The objects of the epoch, named by job, epoch and shard: written again, they are the same.
    pub(super) fn take_objects(&mut self, job: &str, shard: u32) -> Vec<ObjectRecord> {
        let name = format!("{job}/{:010}-{shard:03}.jsonl", self.number);
        let object = |prefix: &str, lines: &mut Vec<u8>| {
            let content = Bytes::from(std::mem::take(lines));
            (!content.is_empty()).then(|| ObjectRecord { name: format!("{prefix}{name}"), content })
        };
        let dead_letters = object("failed_events/", &mut self.dead_letters);
        let late = object("failed_events/late/", &mut self.late);
        dead_letters.into_iter().chain(late).collect()
    }
}

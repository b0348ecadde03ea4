//! What a pipeline counts: plain numbers, kept by the coordinator and published by the driver as one
//! snapshot a tick, so that nothing on the hot path takes a lock.

mod latencies;
pub mod openmetrics;

use std::collections::BTreeMap;

use windtunnel_model::{EventTime, RejectReason};

pub use latencies::{Latencies, PredictionTimes};

/// Counts since the start of the process; `watermark` and the sizes are of now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages taken in.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Events on their way to the events table or in it.
    pub rows: u64,
    /// Messages known already.
    pub duplicates: u64,
    /// Dead letters by reason; late events are among them.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Rows of closed windows.
    pub window_rows: u64,
    /// Rows of tables that the pipeline names.
    pub named_rows: u64,
    /// Rows without a score although predictions are on.
    pub degraded: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Write streams given up.
    pub streams_lost: u64,
    /// Keys in the dedup index.
    pub dedup_keys: u64,
    /// Keys that left the dedup index before their horizon.
    pub dedup_forgotten_early: u64,
    /// Devices in open windows.
    pub open_windows: u64,
    /// Events whose time is so far ahead of their publish time that they moved no watermark.
    pub ahead: u64,
    /// The watermark; [`EventTime::MIN`] before the first event.
    pub watermark: EventTime,
    /// Publish time of the oldest message that is not acknowledged; none when nothing is under way.
    pub oldest_under_way: Option<EventTime>,
    /// From the publish of a message to its acknowledgement, when its row is visible.
    pub latency: Latencies,
}

impl Counters {
    pub(crate) fn count_reject(&mut self, reason: RejectReason) {
        *self.rejects.entry(reason).or_default() += 1;
    }

    /// Late events.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.rejects.get(&RejectReason::Late).copied().unwrap_or_default()
    }

    /// Dead letters without the late events.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.rejects.values().sum::<u64>() - self.late()
    }
}

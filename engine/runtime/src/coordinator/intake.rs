//! How messages come in: redacted before anything else, counted, moved through the stages; and what is
//! counted on the way. Invariant: no stage sees a message that privacy has not seen.

use windtunnel_model::{EventTime, Message, ProcessingTime};

use super::Coordinator;
use crate::command::Command;
use crate::metrics::Counters;
use crate::pipeline::{DEDUP, DEVICE_WINDOWS};

impl Coordinator {
    /// What was counted since the start.
    #[must_use]
    pub fn counters(&mut self) -> Counters {
        let mut counters = self.counters.clone();
        counters.watermark = self.pipeline.watermark();
        counters.ahead = self.pipeline.ahead();
        counters.oldest_under_way = self.epochs.iter().filter_map(|epoch| epoch.oldest).min();
        self.pipeline.states(&mut |state| match state.name() {
            DEDUP => {
                counters.dedup_keys = state.entries();
                counters.dedup_forgotten_early = state.lost();
            }
            DEVICE_WINDOWS => counters.open_windows = state.entries(),
            _ => {}
        });
        counters
    }

    pub(super) fn pulled(
        &mut self,
        mut messages: Vec<Message>,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) {
        if messages.is_empty() {
            return;
        }
        if let Some(privacy) = &self.privacy {
            messages.iter_mut().for_each(|message| privacy.redact(message));
        }
        let acks: Vec<_> = messages.iter().map(|message| message.ack).collect();
        self.counters.messages += acks.len() as u64;
        self.counters.bytes += messages.iter().map(|it| it.data.len() as u64).sum::<u64>();
        // The beginning of time is how a source says that it does not know.
        let published = messages.iter().map(|it| it.publish_time).filter(|it| *it > EventTime(0));
        let published: Vec<_> = published.collect();
        let outcome = self.pipeline.process(messages, now);
        self.place(outcome, acks, now, out);
        if let Some(epoch) = self.epochs.back_mut() {
            epoch.published(published);
        }
    }

    /// Lets timers of processing time fire when no messages come.
    pub(super) fn time_passed(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        if !self.wants_messages() {
            return;
        }
        let outcome = self.pipeline.process(Vec::new(), now);
        if !outcome.is_empty() {
            self.place(outcome, Vec::new(), now, out);
        }
    }
}

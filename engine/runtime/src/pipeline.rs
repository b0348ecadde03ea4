//! The reference pipeline: what happens to a micro-batch between the source and the sink, in one
//! screen. Acks, streams and checkpoints are the coordinator's; this is the data's way alone.
//! Invariant: every message of a batch ends as a row, as a reject, or as a known duplicate.

use windtunnel_model::{
    EventBatch, EventKey, Message, ProcessingTime, Reject, RejectReason, Stage, WindowRow,
};
use windtunnel_stages::decode::{decode, reject};
use windtunnel_stages::dedup::{DedupConfig, DedupIndex};
use windtunnel_stages::enrich::enrich;
use windtunnel_stages::validate::validate;
use windtunnel_stages::window::{WindowConfig, Windows};

/// The stages' state and configuration.
#[derive(Debug)]
pub struct Pipeline {
    /// Which events were seen.
    pub dedup: DedupIndex,
    /// Which windows are open.
    pub windows: Windows,
    scratch: String,
}

/// What became of a micro-batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The events that passed every stage; they become rows.
    pub events: EventBatch,
    /// The messages that did not, with their reasons; they become dead letters.
    pub rejects: Vec<Reject>,
    /// Messages whose event or reject was seen before; they vanish.
    pub duplicates: u64,
    /// Windows that the batch closed.
    pub windows: Vec<WindowRow>,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    #[must_use]
    pub fn new(dedup: DedupConfig, windows: WindowConfig) -> Self {
        Self {
            dedup: DedupIndex::new(dedup),
            windows: Windows::new(windows),
            scratch: String::new(),
        }
    }

    /// Moves a micro-batch through decode, validate, enrich, dedup and window.
    pub fn process(&mut self, messages: Vec<Message>, now: ProcessingTime) -> Outcome {
        let mut batch = EventBatch::for_messages(messages);
        let mut outcome = Outcome::default();
        for index in 0..batch.messages.len() {
            let index = u32::try_from(index).expect("a batch has far fewer than 2^32 messages");
            self.process_one(&mut batch, index, now, &mut outcome);
        }
        outcome.windows = self.windows.advance();
        outcome.events = batch;
        outcome
    }

    fn process_one(
        &mut self,
        batch: &mut EventBatch,
        index: u32,
        now: ProcessingTime,
        outcome: &mut Outcome,
    ) {
        let decoded = match decode(batch, index, &mut self.scratch) {
            Ok(event) => match validate(batch, &event) {
                Ok(()) => Ok(event),
                Err((reason, detail)) => Err((Stage::Validate, reason, detail)),
            },
            Err((reason, detail)) => Err((Stage::Decode, reason, detail)),
        };
        let mut event = match decoded {
            Ok(event) => event,
            Err((stage, reason, detail)) => {
                let message = &batch.messages[index as usize];
                let key = EventKey::of_rejected(&message.publish_identity());
                if self.dedup.insert(key, now) {
                    outcome.rejects.push(reject(message, stage, reason, detail));
                } else {
                    outcome.duplicates += 1;
                }
                return;
            }
        };
        if !self.dedup.insert(event.key, now) {
            outcome.duplicates += 1;
            return;
        }
        enrich(batch, &mut event);
        let watermark = self.windows.watermark();
        if self.windows.add(batch.text(event.device_id), event.event_time, event.value) {
            batch.events.push(event);
            return;
        }
        outcome.rejects.push(Reject {
            event_id: Some(batch.text(event.event_id).to_owned()),
            event_time: Some(event.event_time),
            watermark: Some(watermark),
            ..reject(
                batch.message_of(&event),
                Stage::Window,
                RejectReason::Late,
                format!("event time {} is behind the watermark {watermark}", event.event_time),
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, EventTime, Origin};

    fn message(id: u64, data: String) -> Message {
        Message {
            ack: AckId(id),
            data: Bytes::from(data),
            publish_time: EventTime(0),
            origin: Origin::Pubsub { message_id: format!("m{id}"), attributes: BTreeMap::new() },
        }
    }

    proptest! {
        /// Goal: conservation. Method: random good, bad and repeated messages; every one is counted
        /// exactly once among rows, rejects and duplicates.
        #[test]
        fn every_message_ends_in_exactly_one_place(
            kinds in proptest::collection::vec((0_u8..3, 0_u64..20), 1..100)
        ) {
            let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
            let total = kinds.len() as u64;
            let messages = kinds.into_iter().map(|(kind, id)| message(id, match kind {
                0 => format!(r#"{{"event_id":"e{id}","event_type":"t","device_id":"d"}}"#),
                1 => format!(r#"{{"event_id":"e{id}","event_type":"t"}}"#),
                _ => "{".to_owned(),
            })).collect();
            let outcome = pipeline.process(messages, ProcessingTime(0));
            let (rows, rejects) = (outcome.events.events.len(), outcome.rejects.len());
            let placed = (rows + rejects) as u64 + outcome.duplicates;
            prop_assert_eq!(placed, total);
        }
    }

    #[test]
    fn a_late_event_is_rejected_with_the_watermark_that_made_it_late() {
        let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
        let event = |id: u64, time: &str| {
            let data = format!(
                r#"{{"event_id":"e{id}","event_type":"t","device_id":"d","event_timestamp":"{time}"}}"#
            );
            message(id, data)
        };
        pipeline.process(vec![event(1, "2024-01-01T12:10:00Z")], ProcessingTime(0));
        let outcome = pipeline.process(vec![event(2, "2024-01-01T12:00:00Z")], ProcessingTime(0));
        assert_eq!(outcome.rejects.len(), 1);
        assert_eq!(outcome.rejects[0].reason, RejectReason::Late);
        let watermark = outcome.rejects[0].watermark.unwrap();
        assert_eq!(watermark.to_string(), "2024-01-01T12:09:00.000000Z");
    }
}

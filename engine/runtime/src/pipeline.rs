//! The reference pipeline, the first user of the builder: what happens to a micro-batch between the
//! source and the sink, in one screen ([`reference()`]). Acks, streams and checkpoints are the
//! coordinator's; this is the data's way alone. Invariant: every message of a batch ends as a row, as
//! a reject, or as a known duplicate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use windtunnel_model::{
    AckId, Aggregate, Event, EventBatch, EventKey, EventTime, Message, Origin, ProcessingTime,
    Reject, RejectReason, Replay, Stage, TableRows, WindowRow,
};
use windtunnel_stages::decode::{decode, reject};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::enrich::enrich;
use windtunnel_stages::hash_of;
use windtunnel_stages::validate::validate;
use windtunnel_stages::window::WindowConfig;
use windtunnel_stages::windowing::{Pane, Values};

use crate::file_progress::FileProgress;
use crate::flow::{Entry, Happened, Runs, State, source};

/// Decode, validate, enrich; dedup; windows beside the stream; rows. Rejects and late events leave on
/// the way. A pipeline of other stages over the same messages and outputs is built from the same
/// functions, and streams through [`Coordinator::start_with`](crate::coordinator::Coordinator::start_with).
#[must_use]
pub fn reference(
    dedup: DedupConfig,
    windows: WindowConfig,
) -> Box<dyn Runs<u32, EventBatch, Outcome>> {
    Box::new(
        source::<u32, EventBatch>()
            .map(read)
            .keyed(shard_key, happened)
            .distinct(DEDUP, dedup, identity, |_, _, out: &mut Outcome| out.duplicates += 1)
            .filter_map(accept)
            .window(DEVICE_WINDOWS, windows.windowing(), Values, device, window_row, late)
            .sink(|index, _, out| out.accept(index))
            .build(windows.watermark()),
    )
}

/// The name of the dedup index's state.
pub const DEDUP: &str = "dedup";
/// The name of the windows' state.
pub const DEVICE_WINDOWS: &str = "device_windows";

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
    /// Rows of tables that the pipeline names.
    pub named: BTreeMap<Arc<str>, TableRows>,
    accepted: Vec<u32>,
}

impl Outcome {
    /// An event of the batch becomes a row; called in the order of the batch.
    pub fn accept(&mut self, index: u32) {
        self.accepted.push(index);
    }

    /// A row of a table that the pipeline names: `TABLE`, or `DATASET.TABLE`. It must become a JSON object
    /// with the table's columns; `message` is what it comes from, which becomes a dead letter when the
    /// table refuses the row. What cannot become JSON is such a refusal.
    ///
    /// [`windtunnel_stages::template::Template`] makes names out of an event's own values.
    pub fn row(&mut self, table: &str, row: &impl Serialize, message: Option<&Message>) {
        let rows = match self.named.get_mut(table) {
            Some(rows) => rows,
            None => self.named.entry(table.into()).or_default(),
        };
        if let Err(error) = rows.push(row, message) {
            self.rejects.push(refused_row(message, b"", format!("table {table}: {error}")));
        }
    }

    /// Whether nothing came out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { events, rejects, duplicates, windows, named, accepted: _ } = self;
        events.events.is_empty()
            && rejects.is_empty()
            && *duplicates == 0
            && windows.is_empty()
            && named.is_empty()
    }
}

/// A message that did not become an event.
#[derive(Debug)]
pub struct Rejected {
    key: EventKey,
    message: u32,
    stage: Stage,
    reason: RejectReason,
    detail: String,
}

/// An event's place in its batch, or why a message is none.
pub type Decoded = Result<u32, Box<Rejected>>;

/// Decodes, checks and enriches one message; the event goes into the batch.
pub fn read(message: u32, batch: &mut EventBatch) -> Decoded {
    let rejected = match decode(batch, message) {
        Ok(mut event) => match validate(batch, &event) {
            Ok(()) => {
                enrich(batch, &mut event);
                batch.events.push(event);
                return Ok(u32::try_from(batch.events.len() - 1).expect("as many as messages"));
            }
            Err((reason, detail)) => (Stage::Validate, reason, detail),
        },
        Err((reason, detail)) => (Stage::Decode, reason, detail),
    };
    let (stage, reason, detail) = rejected;
    let key = EventKey::of_rejected(&batch.messages[message as usize].publish_identity());
    Err(Box::new(Rejected { key, message, stage, reason, detail }))
}

fn event<'a>(index: &u32, batch: &'a EventBatch) -> &'a Event {
    &batch.events[*index as usize]
}

/// The hash of the device, or of the message where there is no event.
pub fn shard_key(decoded: &Decoded, batch: &EventBatch) -> u64 {
    match decoded {
        Ok(index) => hash_of(batch.text(event(index, batch).device_id)),
        Err(rejected) => rejected.key.0 as u64,
    }
}

/// The event time, and the publish time that it is judged by.
pub fn happened(decoded: &Decoded, batch: &EventBatch) -> Option<Happened> {
    let event = event(decoded.as_ref().ok()?, batch);
    // A source that does not say when it got a message says the beginning of time.
    let published = batch.message_of(event).publish_time;
    let published = (published > EventTime(0)).then_some(published);
    Some(Happened { time: event.event_time, published })
}

/// What dedup knows a message by.
pub fn identity(decoded: &Decoded, batch: &EventBatch) -> EventKey {
    match decoded {
        Ok(index) => event(index, batch).key,
        Err(rejected) => rejected.key,
    }
}

/// Puts rejects into the outputs. A dead letter that comes back after its window has counted or refused
/// it becomes a row and meets no window.
pub fn accept(decoded: Decoded, batch: &EventBatch, out: &mut Outcome) -> Option<u32> {
    if let Ok(index) = &decoded
        && event(index, batch).replay == Replay::AfterDedup
    {
        out.accept(*index);
        return None;
    }
    decoded
        .map_err(|it| {
            let message = &batch.messages[it.message as usize];
            out.rejects.push(reject(message, it.stage, it.reason, it.detail));
        })
        .ok()
}

/// Windows by device, over the event's value.
pub fn device<'a>(index: &'a u32, batch: &'a EventBatch) -> Entry<'a, Option<f64>> {
    let event = event(index, batch);
    Entry { key: batch.text(event.device_id), time: event.event_time, input: event.value }
}

/// A pane becomes a row of the window table.
pub fn window_row(pane: Pane<'_, Aggregate>, out: &mut Outcome) {
    out.windows.push(WindowRow {
        device_id: pane.key.to_owned(),
        start: pane.window.start,
        end: pane.window.end,
        aggregate: pane.value,
    });
}

/// A late event becomes a reject that names the watermark; a dead letter that comes back becomes a row,
/// since its window is over whenever somebody has mended what was wrong.
pub fn late(index: u32, watermark: EventTime, batch: &EventBatch, out: &mut Outcome) {
    let event = event(&index, batch);
    if event.replay != Replay::No {
        return out.accept(index);
    }
    let detail = format!("event time {} is behind the watermark {watermark}", event.event_time);
    out.rejects.push(Reject {
        event_id: Some(batch.text(event.event_id).to_owned()),
        event_time: Some(event.event_time),
        watermark: Some(watermark),
        ..reject(batch.message_of(event), Stage::Window, RejectReason::Late, detail)
    });
}

/// The dead letter of a row that its table refuses: the message that it comes from, or where there is none
/// the row itself.
pub(crate) fn refused_row(message: Option<&Message>, row: &[u8], detail: String) -> Reject {
    let itself = || Message {
        ack: AckId(0),
        data: Bytes::copy_from_slice(row),
        publish_time: EventTime(0),
        origin: Origin::Pubsub { message_id: String::new(), attributes: BTreeMap::new() },
    };
    let message = message.cloned().unwrap_or_else(itself);
    reject(&message, Stage::Sink, RejectReason::RowRefused, detail)
}

/// A pipeline over messages, events and device windows, with its state.
pub struct Pipeline {
    stages: Box<dyn Runs<u32, EventBatch, Outcome>>,
    /// For a source of files.
    files: Option<FileProgress>,
}

impl Pipeline {
    /// The reference pipeline, that has seen nothing.
    #[must_use]
    pub fn new(dedup: DedupConfig, windows: WindowConfig) -> Self {
        Self::of(reference(dedup, windows))
    }

    /// Another pipeline over the same messages and outputs.
    #[must_use]
    pub fn of(stages: Box<dyn Runs<u32, EventBatch, Outcome>>) -> Self {
        Self { stages, files: None }
    }

    /// As it is, but for a source of files: how far each was read becomes a state of the pipeline.
    #[must_use]
    pub fn reading_files(self) -> Self {
        Self { files: Some(FileProgress::default()), ..self }
    }

    /// How far the files were read, of a pipeline that reads files.
    #[must_use]
    pub fn file_progress(&self) -> Option<&FileProgress> {
        self.files.as_ref()
    }

    /// Moves a micro-batch through the stages.
    pub fn process(&mut self, messages: Vec<Message>, now: ProcessingTime) -> Outcome {
        let count = u32::try_from(messages.len()).expect("a batch is far below 2^32 messages");
        if let Some(files) = &mut self.files {
            files.note(&messages);
        }
        let mut batch = EventBatch::for_messages(messages);
        let mut out = Outcome::default();
        out.accepted.reserve(count as usize);
        self.stages.process(&mut (0..count), &mut batch, &mut out, now);
        keep(&mut batch.events, &out.accepted);
        out.events = batch;
        out
    }

    /// Closes all windows: the source is drained for good.
    pub fn drain(&mut self) -> Outcome {
        let mut out = Outcome::default();
        self.stages.drain(&EventBatch::default(), &mut out);
        out
    }

    /// The watermark.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.stages.watermark()
    }

    /// Events whose clock is too far ahead of their publish time to move the watermark.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.stages.ahead()
    }

    /// Visits every state.
    pub fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        self.stages.states(visit);
        if let Some(files) = &mut self.files {
            visit(files);
        }
    }
}

/// Keeps the accepted events; their places are in ascending order.
fn keep(events: &mut Vec<Event>, accepted: &[u32]) {
    if accepted.len() == events.len() {
        return;
    }
    let (mut place, mut accepted) = (0, accepted.iter().copied().peekable());
    events.retain(|_| {
        let keeps = accepted.next_if_eq(&place).is_some();
        place += 1;
        keeps
    });
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pipeline").field("watermark", &self.watermark()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    #[test]
    fn a_dead_letter_that_comes_back_is_a_row_once_however_late() {
        let event = |id: u64, time: &str, replay: Option<(&str, &str)>| {
            let data = format!(
                r#"{{"event_id":"e{id}","event_type":"t","device_id":"d","event_timestamp":"{time}"}}"#
            );
            let mut message = message(id, data);
            if let (Origin::Pubsub { attributes, .. }, Some((of, stage))) =
                (&mut message.origin, replay)
            {
                attributes.insert("replay_of".to_owned(), of.to_owned());
                attributes.insert("replay_stage".to_owned(), stage.to_owned());
            }
            message
        };
        let (new, old) = ("2024-01-01T12:10:00Z", "2024-01-01T12:00:00Z");
        let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
        pipeline.process(vec![event(1, new, None)], ProcessingTime(0));
        let mut rows = |messages| {
            let outcome = pipeline.process(messages, ProcessingTime(0));
            assert!(outcome.rejects.len() < 2);
            (outcome.events.events.len(), outcome.rejects.len(), outcome.duplicates)
        };
        assert_eq!(rows(vec![event(2, old, None)]), (0, 1, 0), "late");
        let back = || event(2, old, Some(("o:1", "window")));
        assert_eq!(rows(vec![back(), back()]), (1, 0, 1), "dedup knows the replay, once");
        assert_eq!(rows(vec![event(3, old, Some(("o:2", "decode")))]), (1, 0, 0));
        assert_eq!(
            rows(vec![event(3, new, None)]),
            (0, 0, 1),
            "it is the event that it always was"
        );
        assert_eq!(pipeline.drain().windows.len(), 1, "only the first event's window");
    }

    #[test]
    fn a_clock_that_is_a_year_ahead_makes_nobody_late() {
        let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
        let event = |id: u64, time: &str| {
            let data = format!(
                r#"{{"event_id":"e{id}","event_type":"t","device_id":"d","event_timestamp":"{time}"}}"#
            );
            let publish_time = EventTime::parse("2024-01-01T12:10:00Z").unwrap();
            Message { publish_time, ..message(id, data) }
        };
        let ahead = (0..50).map(|id| event(id, "2025-01-01T12:10:00Z")).collect();
        assert_eq!(pipeline.process(ahead, ProcessingTime(0)).events.events.len(), 50);
        let outcome = pipeline.process(vec![event(99, "2024-01-01T12:10:00Z")], ProcessingTime(0));
        assert_eq!((outcome.rejects.len(), outcome.events.events.len()), (0, 1));
        assert_eq!(pipeline.watermark().to_string(), "2024-01-01T12:09:00.000000Z");
        assert_eq!(pipeline.ahead(), 50);
        assert_eq!(
            pipeline.drain().windows.len(),
            2,
            "the window in the future closes with the drain"
        );
    }
}

//! Sees everything and never crashes: the ledger of what was attempted, what has become visible, what is
//! durable. It checks after every step what must hold at every step; the verdict comes at the end from the
//! same observations. Invariant: it looks at tables, buckets and files as a user would, not into the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use hdrhistogram::Histogram;
use prost::Message as _;
use windtunnel_model::schema::{EVENTS_TABLE, WINDOWS_TABLE};
use windtunnel_model::{EventTime, Reader, Stored as _};
use windtunnel_protos::pubsub::PubsubMessage;
use windtunnel_runtime::checkpoint::Record;
use windtunnel_runtime::metrics::Counters;
use windtunnel_simulator::{CanonicalEvent, Ledger, PlannedEvent, id_hash};
use xxhash_rust::xxh3::xxh3_64;

use super::net::Net;
use super::services::bigquery::Bigquery;
use crate::latency::histogram;
use crate::oracle::check::{RowCheck, WindowRowSeen};

/// Something that must not happen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// A short name for the kind, the same for the same kind of failure.
    pub kind: String,
    /// What exactly was found.
    pub text: String,
    /// The events that are concerned, by their ordinals.
    pub events: Vec<u64>,
}

impl Finding {
    pub(super) fn new(kind: &str, text: String, events: Vec<u64>) -> Self {
        Self { kind: kind.to_owned(), text, events }
    }
}

/// Where an event is, as far as a user can see.
#[derive(Debug, Clone, Copy, Default)]
struct Placed {
    rows: u8,
    letters: u8,
    /// When the engine first pulled it: a number that grows, 0 before.
    pulled: u32,
}

#[derive(Debug)]
pub(super) struct Observer {
    pub(super) ledger: Ledger,
    pub(super) rows: RowCheck,
    pub(super) windows: Vec<WindowRowSeen>,
    pub(super) findings: Vec<Finding>,
    /// From the intended instant to the visible row, in microseconds of virtual time.
    pub(super) latency: Histogram<u64>,
    /// Rows that the table has refused, by their event ids.
    pub(super) refused: BTreeSet<u64>,
    pub(super) start: i64,
    /// Whether nothing can bring the order of rows into disorder.
    is_calm: bool,
    placed: Vec<Placed>,
    pulls: u32,
    /// The last visible row's [`Placed::pulled`].
    last_pulled: u32,
    /// The ordinal of the last visible row.
    last_visible: u64,
    seen: [usize; 2],
    objects: BTreeMap<Arc<str>, u64>,
    /// Rows of each stream that a durable checkpoint covers.
    checkpointed: BTreeMap<String, u64>,
    watermark_saved: EventTime,
}

/// The ordinal of the event that a message carries.
pub(super) fn ordinal_of(message: &PubsubMessage) -> Option<u64> {
    message.attributes.get("publish_id")?.rsplit_once('-')?.1.parse().ok()
}

impl Observer {
    pub(super) fn new(start: i64, is_calm: bool) -> Self {
        Self {
            ledger: Ledger::default(),
            rows: RowCheck::new(),
            windows: Vec::new(),
            findings: Vec::new(),
            latency: histogram(),
            refused: BTreeSet::new(),
            start,
            is_calm,
            placed: Vec::new(),
            pulls: 0,
            last_pulled: 0,
            last_visible: 0,
            seen: [0; 2],
            objects: BTreeMap::new(),
            checkpointed: BTreeMap::new(),
            watermark_saved: EventTime::MIN,
        }
    }

    pub(super) fn find(&mut self, kind: &str, text: String, events: Vec<u64>) {
        self.findings.push(Finding::new(kind, text, events));
    }

    pub(super) fn attempted(&mut self, event: &PlannedEvent) {
        self.ledger.record(event);
        self.placed.push(Placed::default());
    }

    /// The engine has pulled a message of an event.
    pub(super) fn pulled(&mut self, ordinal: u64) {
        let first = self.ledger.first_of(ordinal);
        if let Some(placed) = self.placed.get_mut(first as usize).filter(|it| it.pulled == 0) {
            self.pulls += 1;
            placed.pulled = self.pulls;
        }
    }

    /// The counters of an engine: what came in has become a row, a reject or a known duplicate.
    pub(super) fn counted(&mut self, counters: &Counters) {
        let placed = counters.rows + counters.duplicates + counters.rejects.values().sum::<u64>();
        if placed != counters.messages {
            let text = format!("{} messages became {placed}: {counters:?}", counters.messages);
            self.find("not_conserved", text, Vec::new());
        }
    }

    /// A checkpoint is durable: its rows may become visible.
    pub(super) fn checkpoint(&mut self, record: &Bytes) {
        let Ok(record) = Record::decode(record.clone()) else { return };
        for stream in record.streams {
            self.checkpointed.insert(stream.name, stream.rows);
        }
        let watermark = record.states.iter().find(|state| state.name == "watermark");
        let saved = watermark.and_then(|it| EventTime::load(&mut Reader::new(&it.content)).ok());
        self.watermark_saved = self.watermark_saved.max(saved.unwrap_or(EventTime::MIN));
    }

    /// A flush is about to be carried out.
    pub(super) fn flush(&mut self, name: &str, rows: u64) {
        let promised = self.checkpointed.get(name).copied().unwrap_or_default();
        if rows > promised {
            let text =
                format!("{name} is flushed to {rows} rows, its checkpoint covers {promised}");
            self.find("flush_beyond_checkpoint", text, Vec::new());
        }
    }

    /// Looks at the rows that have become visible.
    pub(super) fn look(&mut self, bigquery: &Bigquery, net: &mut Net) {
        for batch in bigquery.rows(EVENTS_TABLE, self.seen[0]) {
            self.seen[0] += batch.num_rows();
            self.event_rows(&batch, net);
        }
        for batch in bigquery.rows(WINDOWS_TABLE, self.seen[1]) {
            self.seen[1] += batch.num_rows();
            self.window_rows(&batch);
        }
    }

    fn event_rows(&mut self, batch: &RecordBatch, net: &mut Net) {
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let time = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let (ids, kinds, devices, users) = (text(0), text(2), text(3), text(4));
        let properties: &StructArray = batch.column(5).as_struct();
        let (page_urls, referrers) =
            (properties.column(0).as_string::<i32>(), properties.column(1).as_string::<i32>());
        let numbers: [_; 4] =
            std::array::from_fn(|at| properties.column(at + 2).as_primitive::<Float64Type>());
        let scores = batch.column(6).as_primitive::<Float64Type>();
        let degraded = batch.column(7).as_boolean();
        let versions = text(8);
        for row in 0..batch.num_rows() {
            let is_there = properties.is_valid(row);
            let number =
                |at: usize| (is_there && numbers[at].is_valid(row)).then(|| numbers[at].value(row));
            let event = CanonicalEvent {
                event_id: ids.value(row),
                event_time_micros: time.value(row),
                event_type: kinds.value(row),
                device_id: devices.value(row),
                user_id: users.is_valid(row).then(|| users.value(row)),
                page_url: (is_there && page_urls.is_valid(row)).then(|| page_urls.value(row)),
                referrer: (is_there && referrers.is_valid(row)).then(|| referrers.value(row)),
                value: number(0),
                temperature: number(1),
                humidity: number(2),
                battery: number(3),
            };
            let score = scores.is_valid(row).then(|| scores.value(row));
            let is_degraded = degraded.is_valid(row) && degraded.value(row);
            let version = versions.is_valid(row).then(|| versions.value(row));
            let id = self.rows.take(&event, score, is_degraded, version);
            self.visible(id, net);
        }
    }

    fn visible(&mut self, id: u64, net: &mut Net) {
        let Some(ordinal) = self.ledger.ordinal_near(id, self.last_visible) else { return };
        self.last_visible = ordinal;
        let now = net.now();
        if let Some(intended_ns) = self.ledger.intended_ns_of(ordinal) {
            let since = now - self.start - i64::try_from(intended_ns / 1_000).unwrap_or(0);
            self.latency.saturating_record(u64::try_from(since).unwrap_or(0).max(1));
        }
        net.trace.event(now, ordinal, || "is a visible row".to_owned());
        let placed = &mut self.placed[ordinal as usize];
        placed.rows = placed.rows.saturating_add(1);
        if placed.rows > 1 {
            let text = format!("event {ordinal} is visible {} times", placed.rows);
            self.find("duplicated", text, vec![ordinal]);
            return;
        }
        let (pulled, last) = (placed.pulled, self.last_pulled);
        self.last_pulled = pulled;
        if self.is_calm && pulled <= last {
            let text = format!("event {ordinal} was pulled before the row above it");
            self.find("out_of_order", text, vec![ordinal]);
        }
    }

    fn window_rows(&mut self, batch: &RecordBatch) {
        let devices = batch.column(0).as_string::<i32>();
        let starts = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let count = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let (counts, value_counts) = (count(3), count(4));
        let numbers: [_; 3] =
            std::array::from_fn(|at| batch.column(at + 5).as_primitive::<Float64Type>());
        for row in 0..batch.num_rows() {
            let number = |at: usize| {
                let column = numbers[at];
                column.is_valid(row).then(|| column.value(row))
            };
            self.windows.push(WindowRowSeen {
                device: id_hash(devices.value(row)),
                start_micros: starts.value(row),
                count: u64::try_from(counts.value(row)).unwrap_or(0),
                value_count: u64::try_from(value_counts.value(row)).unwrap_or(0),
                sum: number(0),
                min: number(1),
                max: number(2),
            });
        }
    }

    /// An object was stored.
    pub(super) fn object(&mut self, name: &Arc<str>, content: &Bytes, net: &mut Net) {
        let digest = xxh3_64(content);
        let before = self.objects.insert(Arc::clone(name), digest);
        // A raw message that was published twice has two ids, and its dead letter names the last one.
        let is_of_function = name.starts_with("failed_events/preprocess/");
        if before.is_some_and(|before| before != digest) && !is_of_function {
            let text = format!("{name} was written again with other bytes");
            self.find("object_changed", text, Vec::new());
        }
        if before.is_some() {
            return;
        }
        for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            let publish_id = line["attributes"]["publish_id"].as_str().unwrap_or_default();
            let ordinal = publish_id.rsplit_once('-').and_then(|(_, it)| it.parse::<u64>().ok());
            let Some(ordinal) = ordinal.map(|it| self.ledger.first_of(it)) else { continue };
            net.trace.event(net.agenda.now(), ordinal, || {
                format!("is a dead letter in {name} ({})", line["reason"])
            });
            if let Some(placed) = self.placed.get_mut(ordinal as usize) {
                placed.letters = placed.letters.saturating_add(1);
            }
        }
    }

    /// Messages are acknowledged to Pub/Sub by the engine.
    pub(super) fn acknowledged(&mut self, ordinals: &[u64]) {
        for &ordinal in ordinals {
            let first = self.ledger.first_of(ordinal);
            let placed = self.placed.get(first as usize).copied().unwrap_or_default();
            if placed.rows == 0 && placed.letters == 0 {
                let text = format!("event {ordinal} was acknowledged and is nowhere yet");
                self.find("acknowledged_too_early", text, vec![ordinal]);
            }
        }
    }

    /// The watermark of an engine, after a step.
    pub(super) fn watermark(&mut self, before: EventTime, after: EventTime) {
        if after < before {
            let text = format!("the watermark went back from {before} to {after}");
            self.find("watermark_went_back", text, Vec::new());
        }
    }

    /// The watermark with which an engine begins: not behind what the last checkpoint has saved.
    pub(super) fn watermark_restored(&mut self, watermark: EventTime) {
        let saved = self.watermark_saved;
        self.watermark(saved, watermark);
    }

    pub(super) fn objects_digest(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for (name, digest) in &self.objects {
            hash.update(name.as_bytes());
            hash.update(&digest.to_le_bytes());
        }
        hash.digest()
    }
}

//! The events of a workload in the order of their intended instants, made lazily: memory does not grow
//! with the length of the run. Copies wait in a heap until their own instants.

mod event;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::limits::COPY_DELAY_NS_MAX;
use crate::stream::stream;
use crate::windowed::Windowed;
use crate::workload::{Disorder, Workload};

use event::{Draft, Maker};

/// Bytes of a publish id, about.
const PUBLISH_ID_BYTES: usize = 24;
/// Bytes that bodies share; small enough that a message which stays long keeps little else.
const MEMORY_BYTES: usize = 64 * 1024;
/// Below so many free bytes another piece is taken.
const MEMORY_BYTES_MIN: usize = 1_024;

/// One message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEvent {
    /// Its place in the plan, from 0.
    pub ordinal: u64,
    /// When it is intended, in nanoseconds since the start.
    pub intended_ns: u64,
    /// Names the publish, so that retries of it are known: `SEED-ORDINAL`, the seed in hexadecimal.
    pub publish_id: String,
    /// The payload.
    pub body: Bytes,
    /// The name of its source.
    pub source: Arc<str>,
    /// What must become of it.
    pub expect: Expect,
    /// What a window counts of it; nothing of an event that is none.
    pub windowed: Option<Windowed>,
}

impl PlannedEvent {
    /// The attributes with which it is published.
    #[must_use]
    pub fn attributes(&self) -> [(&'static str, &str); 2] {
        [("publish_id", &self.publish_id), ("source", &self.source)]
    }
}

/// What must become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// A row, once; or, when it is late on purpose, the late output.
    Row {
        /// [`crate::id_hash`] of its event id.
        id: u64,
        /// [`crate::fingerprint`] of its fields.
        fingerprint: u64,
        /// It is late on purpose.
        late: bool,
    },
    /// Nothing, if the original or another copy is placed; otherwise as [`Expect::Row`].
    Copy {
        /// As in [`Expect::Row`].
        id: u64,
        /// As in [`Expect::Row`].
        fingerprint: u64,
    },
    /// A dead letter, once.
    Reject(Malformation),
}

/// How a body is spoilt.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Malformation {
    /// The JSON ends too early.
    Truncated,
    /// A text stands where a number belongs.
    WrongType,
    /// `device_id` is missing.
    MissingField,
    /// `NaN`, which is no JSON.
    NotANumber,
    /// A byte that no UTF-8 text has.
    BadUtf8,
    /// Larger than an event may be.
    Oversize,
}

/// See the module.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    duration_ns: u64,
    start_micros: i64,
    time_scale: f64,
    disorder: Disorder,
    makers: Vec<Maker>,
    /// The next instant of each maker.
    next_ns: Vec<u64>,
    chance: ChaCha8Rng,
    copies: BinaryHeap<Reverse<Copy>>,
    ordinal: u64,
    made: u64,
    /// Used again for every event.
    draft: Draft,
    /// Where the next bodies are written.
    memory: BytesMut,
}

/// A copy that waits for its instant; ordered by instant, then by the order in which copies were made.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Copy {
    intended_ns: u64,
    made: u64,
    source: usize,
    id: u64,
    fingerprint: u64,
    windowed: Windowed,
    body: Bytes,
}

impl Plan {
    pub(crate) fn new(workload: &Workload) -> Self {
        let mut makers: Vec<Maker> =
            workload.sources.iter().map(|source| Maker::new(workload.seed, source)).collect();
        let next_ns = makers.iter_mut().map(|maker| maker.schedule.next_ns()).collect();
        Self {
            seed: workload.seed,
            duration_ns: workload.duration_ns,
            start_micros: workload.start_micros,
            time_scale: workload.time_scale,
            disorder: workload.disorder,
            makers,
            next_ns,
            chance: stream(workload.seed, "disorder", 0),
            copies: BinaryHeap::new(),
            ordinal: 0,
            made: 0,
            draft: Draft::default(),
            memory: BytesMut::new(),
        }
    }

    fn finish(
        &mut self,
        intended_ns: u64,
        source: usize,
        body: Bytes,
        expect: Expect,
        windowed: Option<Windowed>,
    ) -> PlannedEvent {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let mut publish_id = String::with_capacity(PUBLISH_ID_BYTES);
        write!(publish_id, "{:x}-{ordinal}", self.seed).expect("a String takes text");
        let source = Arc::clone(&self.makers[source].name);
        PlannedEvent { ordinal, intended_ns, publish_id, body, source, expect, windowed }
    }

    fn make(&mut self, source: usize, intended_ns: u64) -> PlannedEvent {
        let scaled = (intended_ns as f64 / 1e3 * self.time_scale) as i64;
        let now_micros = self.start_micros + scaled;
        let fate = self.draw_fate();
        let delay_micros = (fate.delay_s * 1e6) as i64;
        let mut draft = std::mem::take(&mut self.draft);
        draft.event_id.clear();
        write!(draft.event_id, "evt-{:x}-{:08x}", self.seed, self.made)
            .expect("a String takes text");
        self.made += 1;
        self.makers[source].fill(&mut draft, now_micros - delay_micros);
        let (body, expect, windowed) = match fate.kind {
            Kind::Malformed(malformation) => {
                (draft.spoil(malformation), Expect::Reject(malformation), None)
            }
            kind => {
                let (id, fingerprint) = (draft.id(), draft.fingerprint());
                self.make_room();
                let body = draft.body(&mut self.memory);
                let windowed = draft.windowed();
                self.copy(source, intended_ns, kind, &mut draft, &body);
                let late = matches!(kind, Kind::Late);
                (body, Expect::Row { id, fingerprint, late }, Some(windowed))
            }
        };
        self.draft = draft;
        self.finish(intended_ns, source, body, expect, windowed)
    }

    /// Bodies share a piece of memory, which is given back when the last of them is gone.
    fn make_room(&mut self) {
        if self.memory.capacity() < MEMORY_BYTES_MIN {
            self.memory = BytesMut::with_capacity(MEMORY_BYTES);
        }
    }

    /// Puts a copy on the heap where the fate is to be sent twice.
    fn copy(
        &mut self,
        source: usize,
        intended_ns: u64,
        kind: Kind,
        draft: &mut Draft,
        body: &Bytes,
    ) {
        let body = match kind {
            // A copy waits for a minute: it must not keep the memory of its neighbours.
            Kind::Duplicate => Bytes::copy_from_slice(body),
            Kind::Conflict => {
                draft.change();
                Bytes::copy_from_slice(&draft.body(&mut self.memory))
            }
            Kind::Plain | Kind::Late | Kind::Malformed(_) => return,
        };
        let delay = self.chance.random_range(0..COPY_DELAY_NS_MAX);
        self.copies.push(Reverse(Copy {
            intended_ns: (intended_ns + delay).min(self.duration_ns.saturating_sub(1)),
            made: self.made,
            source,
            id: draft.id(),
            fingerprint: draft.fingerprint(),
            windowed: draft.windowed(),
            body,
        }));
    }

    fn draw_fate(&mut self) -> Fate {
        let mut dice: f64 = self.chance.random();
        let mut hit = |share: f64| {
            let hit = dice < share;
            dice -= share;
            hit
        };
        let disorder = self.disorder;
        let plain = |kind| Fate { kind, delay_s: 0.0 };
        if hit(disorder.late) {
            let span = disorder.late_by_min_s..=disorder.late_by_max_s;
            return Fate { kind: Kind::Late, delay_s: self.chance.random_range(span) };
        }
        if hit(disorder.out_of_order) {
            let span = 0.0..=disorder.out_of_order_by_max_s;
            return Fate { kind: Kind::Plain, delay_s: self.chance.random_range(span) };
        }
        if hit(disorder.duplicate) {
            return plain(Kind::Duplicate);
        }
        if hit(disorder.conflicting_duplicate) {
            return plain(Kind::Conflict);
        }
        if hit(disorder.malformed) {
            let all = [
                Malformation::Truncated,
                Malformation::WrongType,
                Malformation::MissingField,
                Malformation::NotANumber,
                Malformation::BadUtf8,
            ];
            return plain(Kind::Malformed(all[self.chance.random_range(0..all.len())]));
        }
        if hit(disorder.oversize) {
            return plain(Kind::Malformed(Malformation::Oversize));
        }
        plain(Kind::Plain)
    }
}

#[derive(Debug, Clone, Copy)]
struct Fate {
    kind: Kind,
    delay_s: f64,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plain,
    Late,
    Duplicate,
    Conflict,
    Malformed(Malformation),
}

impl Iterator for Plan {
    type Item = PlannedEvent;

    fn next(&mut self) -> Option<PlannedEvent> {
        let first = (0..self.next_ns.len()).min_by_key(|&source| (self.next_ns[source], source));
        let fresh = first.map(|source| (self.next_ns[source], source));
        let fresh = fresh.filter(|(intended_ns, _)| *intended_ns < self.duration_ns);
        let copy_ns = self.copies.peek().map(|Reverse(copy)| copy.intended_ns);
        match (fresh, copy_ns) {
            (fresh, Some(copy_ns)) if fresh.is_none_or(|(fresh_ns, _)| copy_ns < fresh_ns) => {
                let Reverse(copy) = self.copies.pop()?;
                let expect = Expect::Copy { id: copy.id, fingerprint: copy.fingerprint };
                let windowed = Some(copy.windowed);
                Some(self.finish(copy.intended_ns, copy.source, copy.body, expect, windowed))
            }
            (Some((intended_ns, source)), _) => {
                self.next_ns[source] = self.makers[source].schedule.next_ns();
                Some(self.make(source, intended_ns))
            }
            (None, _) => None,
        }
    }
}

/// SHA-256 over everything that is published, in the order of the plan.
#[derive(Debug, Default, Clone)]
pub struct StreamDigest(Sha256);

impl StreamDigest {
    /// Takes an event in.
    pub fn update(&mut self, event: &PlannedEvent) {
        let mut head = [0; 16];
        head[..8].copy_from_slice(&event.ordinal.to_le_bytes());
        head[8..].copy_from_slice(&event.intended_ns.to_le_bytes());
        self.0.update(head);
        for text in event.attributes().into_iter().flat_map(|(key, value)| [key, value]) {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text.as_bytes());
        }
        self.0.update((event.body.len() as u64).to_le_bytes());
        self.0.update(&event.body);
    }

    /// The digest in hexadecimal.
    #[must_use]
    pub fn hex(self) -> String {
        self.0.finalize().iter().fold(String::with_capacity(64), |mut out, byte| {
            write!(out, "{byte:02x}").expect("a String takes text");
            out
        })
    }
}

#[cfg(test)]
mod tests;

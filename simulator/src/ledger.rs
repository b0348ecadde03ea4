//! The account of every attempted event, and the judgement of what was observed against it. Invariant:
//! every acknowledged event is counted in exactly one of ok, dead-lettered, late, deduplicated, lost and
//! misplaced; the judgement asserts it.

use std::collections::HashMap;

use crate::limits::SAMPLES_MAX;
use crate::plan::{Expect, Malformation, PlannedEvent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Acknowledged,
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    intended_ns: u64,
    expect: Expect,
    outcome: Outcome,
}

/// What was attempted, by ordinal: 48 bytes an event, and 16 more for finding it by its id.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    originals: HashMap<u64, u32>,
}

/// A row of the events table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSeen {
    /// [`crate::id_hash`] of its event id.
    pub id: u64,
    /// [`crate::fingerprint`] of its fields.
    pub fingerprint: u64,
}

/// A dead letter or a late event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The publish's name, from the attribute `publish_id`.
    pub publish_id: Option<String>,
    /// The reason that it gives.
    pub reason: String,
}

/// Everything that was found after a run.
#[derive(Debug, Default)]
pub struct Observations {
    /// The events table.
    pub rows: Vec<RowSeen>,
    /// The dead letters, late events not among them.
    pub dead_letters: Vec<DeadLetter>,
    /// The late output.
    pub late: Vec<DeadLetter>,
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct LedgerSummary {
    /// Publishes that were tried.
    pub attempted: u64,
    /// Publishes that the service took.
    pub acknowledged: u64,
    /// Publishes that the service refused for good.
    pub refused: u64,
    /// Events that are a row, once, with their content.
    pub ok: u64,
    /// Malformed events that are a dead letter, once, with the right reason.
    pub dead_lettered: u64,
    /// Late events that are in the late output, once.
    pub late: u64,
    /// Copies that vanished, as they must.
    pub deduplicated: u64,
    /// Rows and letters beyond the first of an event.
    pub duplicated: u64,
    /// Acknowledged events that are nowhere.
    pub lost: u64,
    /// Acknowledged events in the wrong place, or with other content or reason.
    pub misplaced: u64,
    /// Misplaced events, and rows and letters of no event that was attempted.
    pub unexpected: u64,
    /// Unacknowledged publishes that arrived all the same.
    pub recovered: u64,
    /// Some of the offending events, by name.
    pub samples: Vec<String>,
}

/// What was seen of one event id or one malformed publish.
#[derive(Debug, Default, Clone)]
struct Seen {
    rows: u64,
    matching_rows: u64,
    late: u64,
    letters: u64,
    reason: String,
}

impl Ledger {
    /// Enters an event before it is published; events come in the order of the plan.
    pub fn record(&mut self, event: &PlannedEvent) {
        debug_assert_eq!(event.ordinal, self.entries.len() as u64);
        let index = u32::try_from(self.entries.len()).expect("a run has fewer than 2^32 events");
        if let Expect::Row { id, .. } = event.expect {
            self.originals.insert(id, index);
        }
        self.entries.push(Entry {
            intended_ns: event.intended_ns,
            expect: event.expect,
            outcome: Outcome::Unknown,
        });
    }

    /// The service took the publish.
    pub fn acknowledged(&mut self, ordinal: u64) {
        self.set(ordinal, Outcome::Acknowledged);
    }

    /// The service refused the publish for good.
    pub fn refused(&mut self, ordinal: u64) {
        self.set(ordinal, Outcome::Refused);
    }

    /// How many events are entered.
    #[must_use]
    pub fn attempted(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many publishes the service took, and how many it refused for good.
    #[must_use]
    pub fn outcomes(&self) -> (u64, u64) {
        let count = |wanted| self.entries.iter().filter(|it| it.outcome == wanted).count() as u64;
        (count(Outcome::Acknowledged), count(Outcome::Refused))
    }

    /// When an event was intended, in nanoseconds since the start, by the hash of its id.
    #[must_use]
    pub fn intended_ns(&self, id: u64) -> Option<u64> {
        let index = *self.originals.get(&id)?;
        Some(self.entries[index as usize].intended_ns)
    }

    fn set(&mut self, ordinal: u64, outcome: Outcome) {
        let entry = usize::try_from(ordinal).ok().and_then(|index| self.entries.get_mut(index));
        if let Some(entry) = entry {
            entry.outcome = outcome;
        }
    }

    /// The entry that a publish id names.
    fn by_publish_id(&self, publish_id: Option<&str>) -> Option<usize> {
        let ordinal = publish_id?.rsplit_once('-')?.1.parse().ok()?;
        (ordinal < self.entries.len()).then_some(ordinal)
    }

    /// Judges what was found.
    ///
    /// # Panics
    /// When the counts do not add up, which would be a bug here.
    #[must_use]
    pub fn judge(&self, observations: &Observations) -> LedgerSummary {
        let mut summary = LedgerSummary { attempted: self.attempted(), ..LedgerSummary::default() };
        let mut groups = self.groups();
        let mut rejects: HashMap<usize, Seen> = HashMap::new();
        for row in &observations.rows {
            match groups.get_mut(&row.id) {
                Some(group) => {
                    group.seen.rows += 1;
                    group.seen.matching_rows +=
                        u64::from(group.fingerprints.contains(&row.fingerprint));
                }
                None => {
                    summary.stranger(format!("row of no attempted event, id hash {:016x}", row.id))
                }
            }
        }
        let letters = observations.dead_letters.iter().map(|letter| (letter, false));
        let late = observations.late.iter().map(|letter| (letter, true));
        for (letter, is_late) in letters.chain(late) {
            let Some(index) = self.by_publish_id(letter.publish_id.as_deref()) else {
                summary.stranger(format!("dead letter of no attempted event: {letter:?}"));
                continue;
            };
            let seen = match self.entries[index].expect {
                Expect::Row { id, .. } | Expect::Copy { id, .. } => {
                    groups.get_mut(&id).map(|group| &mut group.seen)
                }
                Expect::Reject(_) => Some(rejects.entry(index).or_default()),
            };
            let Some(seen) = seen else { continue };
            seen.late += u64::from(is_late);
            seen.letters += u64::from(!is_late);
            seen.reason.clone_from(&letter.reason);
        }
        for group in groups.values() {
            summary.judge_group(group);
        }
        for (index, entry) in self.entries.iter().enumerate() {
            summary.acknowledged += u64::from(entry.outcome == Outcome::Acknowledged);
            summary.refused += u64::from(entry.outcome == Outcome::Refused);
            if let Expect::Reject(malformation) = entry.expect {
                let seen = rejects.remove(&index).unwrap_or_default();
                summary.judge_reject(index, entry.outcome, malformation, &seen);
            }
        }
        let placed = summary.ok
            + summary.dead_lettered
            + summary.late
            + summary.deduplicated
            + summary.lost
            + summary.misplaced;
        assert_eq!(placed, summary.acknowledged, "the judgement must account for every event");
        summary
    }

    fn groups(&self) -> HashMap<u64, Group> {
        let mut groups: HashMap<u64, Group> = HashMap::with_capacity(self.originals.len());
        for (index, entry) in self.entries.iter().enumerate() {
            let (id, fingerprint, late) = match entry.expect {
                Expect::Row { id, fingerprint, late } => (id, fingerprint, late),
                Expect::Copy { id, fingerprint } => (id, fingerprint, false),
                Expect::Reject(_) => continue,
            };
            let group = groups.entry(id).or_insert_with(|| Group {
                first: index,
                fingerprints: Vec::with_capacity(1),
                acknowledged: 0,
                late: false,
                seen: Seen::default(),
            });
            group.fingerprints.push(fingerprint);
            group.late |= late;
            group.acknowledged += u64::from(entry.outcome == Outcome::Acknowledged);
        }
        groups
    }
}

/// All publishes under one event id.
#[derive(Debug)]
struct Group {
    first: usize,
    fingerprints: Vec<u64>,
    acknowledged: u64,
    late: bool,
    seen: Seen,
}

impl LedgerSummary {
    fn stranger(&mut self, sample: String) {
        self.unexpected += 1;
        self.sample(sample);
    }

    fn sample(&mut self, sample: String) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample);
        }
    }

    fn judge_group(&mut self, group: &Group) {
        let Group { first, seen, acknowledged, .. } = group;
        let places = seen.rows + seen.late + seen.letters;
        if places > 1 {
            self.duplicated += places - 1;
            self.sample(format!("event {first}: {places} places instead of one"));
        }
        if *acknowledged == 0 {
            self.recovered += u64::from(places > 0);
            return;
        }
        self.deduplicated += acknowledged - 1;
        let is_late_in_order = group.late && seen.late > 0;
        if places == 0 {
            self.lost += 1;
            self.sample(format!("event {first}: acknowledged, and nowhere"));
        } else if seen.matching_rows > 0 {
            self.ok += 1;
        } else if is_late_in_order {
            self.late += 1;
        } else {
            self.misplaced += 1;
            self.stranger(format!("event {first}: in the wrong place or changed: {seen:?}"));
        }
    }

    fn judge_reject(
        &mut self,
        index: usize,
        outcome: Outcome,
        malformation: Malformation,
        seen: &Seen,
    ) {
        let places = seen.letters + seen.late;
        if places > 1 {
            self.duplicated += places - 1;
            self.sample(format!("malformed event {index}: {places} dead letters"));
        }
        if outcome != Outcome::Acknowledged {
            self.recovered += u64::from(places > 0);
        } else if places == 0 {
            self.lost += 1;
            self.sample(format!(
                "malformed event {index} ({malformation:?}): acknowledged, and nowhere"
            ));
        } else if seen.letters > 0 && malformation.reasons().contains(&seen.reason.as_str()) {
            self.dead_lettered += 1;
        } else {
            self.misplaced += 1;
            self.stranger(format!("malformed event {index} ({malformation:?}): {seen:?}"));
        }
    }
}

impl Malformation {
    /// The reasons that a dead letter may give.
    #[must_use]
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Truncated => &["truncated_json"],
            Self::WrongType => &["wrong_type"],
            Self::MissingField => &["missing_field"],
            Self::NotANumber => &["invalid_json"],
            Self::BadUtf8 => &["invalid_utf8"],
            Self::Oversize => &["oversize"],
        }
    }
}

#[cfg(test)]
mod tests;

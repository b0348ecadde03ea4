//! The account of every attempted event, and the judgement of what was observed against it. Invariant:
//! every acknowledged event is counted in exactly one of ok, dead-lettered, late, deduplicated, lost and
//! misplaced; the judgement asserts it.

mod summary;

use std::collections::HashMap;

use hashbrown::HashTable;

use crate::plan::{Expect, Malformation, PlannedEvent};
use crate::windowed::Windowed;

/// Entries behind the last one in which the next is looked for first.
const NEIGHBOURS: usize = 16;

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
    /// Whether it is the first publish under its id.
    is_first: bool,
}

/// What was attempted, by ordinal: 64 bytes an event, and about 8 more for finding it by its id.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// What windows count of each entry; of one that is no event, nothing is ever asked.
    windowed: Vec<Windowed>,
    /// The first publish of each event id. The ids are hashes already: they are their own hash here.
    originals: HashTable<u32>,
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
    /// The ordinals of the offending events that were attempted, as many as are named.
    #[serde(skip)]
    pub offenders: Vec<u64>,
}

/// What a world with faults may do with an event that a calm one may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tolerance {
    /// Events that were held up long enough may be in the late output.
    pub late: bool,
    /// The table may refuse rows: they are dead letters with the reason `row_refused`.
    pub refused_rows: bool,
}

/// What was seen of one event id or one malformed publish; held at the place of its first publish.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    rows: u16,
    matching_rows: u16,
    late: u16,
    letters: u16,
    /// Publishes under the id that the service took.
    acknowledged: u16,
    /// Which of the reasons its last letter gave.
    reason: u16,
}

impl Seen {
    fn places(self) -> u64 {
        u64::from(self.rows) + u64::from(self.late) + u64::from(self.letters)
    }

    /// Whether windows must have counted it.
    fn is_counted(self) -> bool {
        self.late == 0 && (self.acknowledged > 0 || self.places() > 0)
    }
}

/// The content of copies and their places, by the place of their original.
type Copies = HashMap<usize, Vec<(u64, usize)>>;

/// Counts one more; what was seen 65,535 times is wrong enough.
fn bump(count: &mut u16) {
    *count = count.saturating_add(1);
}

impl Ledger {
    /// Enters an event before it is published; events come in the order of the plan.
    pub fn record(&mut self, event: &PlannedEvent) {
        debug_assert_eq!(event.ordinal, self.entries.len() as u64);
        let index = u32::try_from(self.entries.len()).expect("a run has fewer than 2^32 events");
        self.entries.push(Entry {
            intended_ns: event.intended_ns,
            expect: event.expect,
            outcome: Outcome::Unknown,
            is_first: false,
        });
        self.windowed.push(event.windowed.unwrap_or_else(|| Windowed::new("", 0, None)));
        if let Some(id) = event.expect.id() {
            let entries = &self.entries;
            let id_at = |index: &u32| entries[*index as usize].expect.id();
            let is_same = |index: &u32| id_at(index) == Some(id);
            let hash_at = |index: &u32| id_at(index).unwrap_or_default();
            let first = *self.originals.entry(id, is_same, hash_at).or_insert(index).get();
            self.entries[index as usize].is_first = first == index;
        }
    }

    /// The first publish under an id.
    fn original(&self, id: u64) -> Option<usize> {
        let same = |index: &u32| self.entries[*index as usize].expect.id() == Some(id);
        self.originals.find(id, same).map(|index| *index as usize)
    }

    /// The same, where it is probably the one a little behind another: events stay about in their order, and
    /// a look at neighbours is much cheaper than one into a table of all events.
    fn original_near(&self, id: u64, near: usize) -> Option<usize> {
        let neighbours = self.entries.get(near..)?.iter().take(NEIGHBOURS);
        let mut neighbours =
            neighbours.map(|entry| entry.is_first && entry.expect.id() == Some(id));
        neighbours.position(|is_it| is_it).map(|ahead| near + ahead).or_else(|| self.original(id))
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
        self.intended_ns_of(self.ordinal_of(id)?)
    }

    /// When an event was intended, in nanoseconds since the start, by its ordinal.
    #[must_use]
    pub fn intended_ns_of(&self, ordinal: u64) -> Option<u64> {
        let index = usize::try_from(ordinal).ok()?;
        self.entries.get(index).map(|entry| entry.intended_ns)
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

    /// The ordinal of the first publish of an event, by the hash of its id.
    #[must_use]
    pub fn ordinal_of(&self, id: u64) -> Option<u64> {
        self.original(id).map(|index| index as u64)
    }

    /// The same, where it is probably a little behind another ordinal.
    #[must_use]
    pub fn ordinal_near(&self, id: u64, near: u64) -> Option<u64> {
        let near = usize::try_from(near).unwrap_or(usize::MAX);
        self.original_near(id, near).map(|index| index as u64)
    }

    /// The ordinal of the first publish under the id of a publish: its own, unless it is a copy.
    #[must_use]
    pub fn first_of(&self, ordinal: u64) -> u64 {
        let index = usize::try_from(ordinal).unwrap_or(usize::MAX);
        match self.entries.get(index).map(|entry| entry.expect) {
            Some(Expect::Copy { id, .. }) => self.ordinal_of(id).unwrap_or(ordinal),
            _ => ordinal,
        }
    }

    /// Judges what was found in a calm world.
    ///
    /// # Panics
    /// When the counts do not add up, which would be a bug here.
    #[must_use]
    pub fn judge(&self, observations: &Observations) -> LedgerSummary {
        self.judge_with(observations, Tolerance::default())
    }

    /// Judges what was found in a world with faults.
    ///
    /// # Panics
    /// When the counts do not add up, which would be a bug here.
    #[must_use]
    pub fn judge_with(&self, observations: &Observations, tolerance: Tolerance) -> LedgerSummary {
        self.judge_counting(observations, tolerance, &mut |_, _| {})
    }

    /// The same; `count` gets, by its ordinal and in the order of the plan, every event that windows must
    /// have counted, and with which content: what was acknowledged, or has arrived all the same, and is not
    /// in the late output; once, however often it was published.
    ///
    /// # Panics
    /// When the counts do not add up, which would be a bug here.
    #[must_use]
    pub fn judge_counting(
        &self,
        observations: &Observations,
        tolerance: Tolerance,
        count: &mut dyn FnMut(u64, Windowed),
    ) -> LedgerSummary {
        let mut summary = LedgerSummary { attempted: self.attempted(), ..LedgerSummary::default() };
        let copies = self.copies();
        let mut seen = vec![Seen::default(); self.entries.len()];
        let mut reasons: Vec<&str> = vec![""];
        // The publishes whose content was placed, where it is not the first one's under its id.
        let mut contents = HashMap::new();
        self.place_rows(&observations.rows, &copies, &mut seen, &mut contents, &mut summary);
        let letters = observations.dead_letters.iter().map(|letter| (letter, false));
        let late = observations.late.iter().map(|letter| (letter, true));
        for (letter, is_late) in letters.chain(late) {
            let Some(index) = self.by_publish_id(letter.publish_id.as_deref()) else {
                summary.stranger(format!("dead letter of no attempted event: {letter:?}"));
                continue;
            };
            let place = self.place(index);
            if place != index {
                contents.insert(place, index);
            }
            let seen = &mut seen[place];
            bump(if is_late { &mut seen.late } else { &mut seen.letters });
            seen.reason = interned(&mut reasons, &letter.reason);
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let is_acknowledged = entry.outcome == Outcome::Acknowledged;
            summary.acknowledged += u64::from(is_acknowledged);
            summary.refused += u64::from(entry.outcome == Outcome::Refused);
            if is_acknowledged {
                bump(&mut seen[self.place(index)].acknowledged);
            }
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let reason = reasons[usize::from(seen[index].reason)];
            match entry.expect {
                Expect::Reject(malformation) => {
                    summary.judge_reject(index, entry.outcome, malformation, seen[index], reason);
                }
                expect if self.place(index) == index => {
                    let is_late = matches!(expect, Expect::Row { late: true, .. });
                    let may_be = Tolerance { late: tolerance.late || is_late, ..tolerance };
                    summary.judge_event(index, may_be, seen[index], reason);
                    if seen[index].is_counted() {
                        let content = contents.get(&index).copied().unwrap_or(index);
                        count(index as u64, self.windowed[content]);
                    }
                }
                // A copy is judged with its original.
                _ => {}
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

    /// Where a publish is judged: with the first one under its id.
    fn place(&self, index: usize) -> usize {
        let entry = &self.entries[index];
        let id = entry.expect.id().filter(|_| !entry.is_first);
        id.and_then(|id| self.original(id)).unwrap_or(index)
    }

    /// The content of the copies, by the place of their original.
    fn copies(&self) -> Copies {
        let mut copies = Copies::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if let Expect::Copy { fingerprint, .. } = entry.expect {
                copies.entry(self.place(index)).or_default().push((fingerprint, index));
            }
        }
        copies
    }

    fn place_rows(
        &self,
        rows: &[RowSeen],
        copies: &Copies,
        seen: &mut [Seen],
        contents: &mut HashMap<usize, usize>,
        summary: &mut LedgerSummary,
    ) {
        let mut near = 0;
        for row in rows {
            let Some(place) = self.original_near(row.id, near) else {
                summary.stranger(format!("row of no attempted event, id hash {:016x}", row.id));
                continue;
            };
            near = place;
            let own = self.entries[place].expect.fingerprint() == Some(row.fingerprint);
            let matching = match own {
                true => Some(place),
                false => copies.get(&place).and_then(|copies| {
                    let is_it = |(fingerprint, _): &&(u64, usize)| *fingerprint == row.fingerprint;
                    copies.iter().find(is_it).map(|(_, index)| *index)
                }),
            };
            bump(&mut seen[place].rows);
            if let Some(matching) = matching {
                bump(&mut seen[place].matching_rows);
                if matching != place {
                    contents.insert(place, matching);
                }
            }
        }
    }
}

/// The number of a reason; there are few.
fn interned<'r>(reasons: &mut Vec<&'r str>, reason: &'r str) -> u16 {
    let place = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    });
    u16::try_from(place).unwrap_or_default()
}

impl Expect {
    /// The event's id, of an event that is one.
    fn id(self) -> Option<u64> {
        match self {
            Self::Row { id, .. } | Self::Copy { id, .. } => Some(id),
            Self::Reject(_) => None,
        }
    }

    fn fingerprint(self) -> Option<u64> {
        match self {
            Self::Row { fingerprint, .. } | Self::Copy { fingerprint, .. } => Some(fingerprint),
            Self::Reject(_) => None,
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

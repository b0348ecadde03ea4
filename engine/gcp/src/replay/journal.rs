//! What replays have done with one dead-letter object: lines that are published, and lines that a replay
//! was about to publish. Pure. Invariant: a line is in the journal before its message is sent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use windtunnel_model::EventTime;

use crate::limits::REPLAY_DOUBT_MICROS;

/// Outside the dead letters' own prefix, so that no reader takes a journal for a dead letter.
const PREFIX: &str = "replays/";

/// The name of an object's journal.
pub(super) fn object_name(object: &str) -> String {
    format!("{PREFIX}{object}.json")
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    /// Lines, from 1, whose messages the topic has.
    pub(super) published: BTreeSet<u64>,
    /// Lines whose messages the topic may have.
    pub(super) lines: BTreeSet<u64>,
    /// When the first of these was begun, in microseconds since the epoch.
    begun_micros: i64,
}

impl Journal {
    pub(super) fn parse(content: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(content).map_err(|error| error.to_string())
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a journal holds numbers only")
    }

    /// Whether lines were begun so long ago that dedup may not know their messages any more.
    pub(super) fn is_in_doubt(&self, now: EventTime) -> bool {
        let age = now.0.saturating_sub(self.begun_micros);
        !self.lines.is_empty() && !(0..REPLAY_DOUBT_MICROS).contains(&age)
    }

    /// Lines are about to be published. Those of an earlier replay keep its time.
    pub(super) fn begin(&mut self, lines: impl IntoIterator<Item = u64>, now: EventTime) {
        if self.lines.is_empty() {
            self.begun_micros = now.0;
        }
        self.lines.extend(lines);
    }

    /// What was begun is published; false when nothing was.
    pub(super) fn finish(&mut self) -> bool {
        let changes = !self.lines.is_empty();
        self.published.append(&mut self.lines);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_begun_then_published_and_old_doubt_is_doubt() {
        let mut journal = Journal::default();
        assert!(!journal.is_in_doubt(EventTime(i64::MAX)));
        journal.begin([1, 2], EventTime(10));
        journal.begin([3], EventTime(20));
        let at = |micros| EventTime(10 + micros);
        assert!(!journal.is_in_doubt(at(REPLAY_DOUBT_MICROS - 1)));
        assert!(journal.is_in_doubt(at(REPLAY_DOUBT_MICROS)), "the first line's time counts");
        assert!(journal.is_in_doubt(at(-1)), "a clock that was set back proves nothing");
        assert_eq!(Journal::parse(journal.to_json().as_bytes()), Ok(journal.clone()));
        assert!(journal.finish() && !journal.finish());
        assert_eq!((journal.published.len(), journal.lines.len()), (3, 0));
        assert!(Journal::parse(b"{}").is_err() && Journal::parse(b"[1").is_err());
    }
}

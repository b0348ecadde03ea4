//! The judgement of one event, counted: where it was found against where it may be. What was seen of it is
//! gathered elsewhere. Invariant: an acknowledged event moves exactly one of the counts that add up.

use super::{LedgerSummary, Outcome, Seen, Tolerance};
use crate::limits::SAMPLES_MAX;
use crate::plan::Malformation;

impl LedgerSummary {
    pub(super) fn stranger(&mut self, sample: String) {
        self.unexpected += 1;
        self.sample(sample);
    }

    fn sample(&mut self, sample: String) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample);
        }
    }

    fn offender(&mut self, index: usize, sample: String) {
        if self.samples.len() < SAMPLES_MAX {
            self.offenders.push(index as u64);
        }
        self.sample(sample);
    }

    pub(super) fn judge_event(
        &mut self,
        first: usize,
        may_be: Tolerance,
        seen: Seen,
        reason: &str,
    ) {
        let places = seen.places();
        if places > 1 {
            self.duplicated += places - 1;
            self.offender(first, format!("event {first}: {places} places instead of one"));
        }
        let acknowledged = u64::from(seen.acknowledged);
        if acknowledged == 0 {
            self.recovered += u64::from(places > 0);
            return;
        }
        self.deduplicated += acknowledged - 1;
        if places == 0 {
            self.lost += 1;
            self.offender(first, format!("event {first}: acknowledged, and nowhere"));
        } else if seen.matching_rows > 0 {
            self.ok += 1;
        } else if may_be.late && seen.late > 0 {
            self.late += 1;
        } else if may_be.refused_rows && seen.letters > 0 && reason == "row_refused" {
            self.dead_lettered += 1;
        } else {
            self.misplaced += 1;
            self.unexpected += 1;
            let sample =
                format!("event {first}: in the wrong place or changed ({reason}): {seen:?}");
            self.offender(first, sample);
        }
    }

    pub(super) fn judge_reject(
        &mut self,
        index: usize,
        outcome: Outcome,
        malformation: Malformation,
        seen: Seen,
        reason: &str,
    ) {
        let places = seen.places();
        if places > 1 {
            self.duplicated += places - 1;
            self.offender(index, format!("malformed event {index}: {places} dead letters"));
        }
        if outcome != Outcome::Acknowledged {
            self.recovered += u64::from(places > 0);
        } else if places == 0 {
            self.lost += 1;
            let sample =
                format!("malformed event {index} ({malformation:?}): acknowledged, and nowhere");
            self.offender(index, sample);
        } else if seen.letters > 0 && malformation.reasons().contains(&reason) {
            self.dead_lettered += 1;
        } else {
            self.misplaced += 1;
            self.unexpected += 1;
            let sample = format!("malformed event {index} ({malformation:?}): {reason}: {seen:?}");
            self.offender(index, sample);
        }
    }
}

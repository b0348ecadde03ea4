//! Goal: the judgement finds every loss, doubling, change and stranger, and nothing else.
//! Method: a perfect world is made from a plan; then one observation is removed, doubled, changed or
//! added, and exactly one count must move.

use super::*;
use crate::workload::{Arrivals, Disorder, Source, SourceKind, Workload};
use proptest::prelude::*;

fn world(seed: u64) -> (Ledger, Observations) {
    let workload = Workload {
        seed,
        start_micros: 0,
        duration_ns: 100_000_000,
        time_scale: 1.0,
        sources: vec![Source {
            name: "iot".to_owned(),
            kind: SourceKind::Devices,
            count: 3,
            rate_per_second: 1_000.0,
            arrivals: Arrivals::Constant,
        }],
        disorder: Disorder {
            late: 0.1,
            late_by_min_s: 10.0,
            late_by_max_s: 20.0,
            duplicate: 0.1,
            conflicting_duplicate: 0.1,
            malformed: 0.2,
            ..Disorder::default()
        },
    };
    let (mut ledger, mut seen) = (Ledger::default(), Observations::default());
    for event in workload.plan() {
        ledger.record(&event);
        ledger.acknowledged(event.ordinal);
        let letter = |reason: &str| DeadLetter {
            publish_id: Some(event.publish_id.clone()),
            reason: reason.to_owned(),
        };
        match event.expect {
            Expect::Row { late: true, .. } => seen.late.push(letter("late")),
            Expect::Row { id, fingerprint, .. } => seen.rows.push(RowSeen { id, fingerprint }),
            Expect::Copy { .. } => {}
            Expect::Reject(kind) => seen.dead_letters.push(letter(kind.reasons()[0])),
        }
    }
    (ledger, seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn one_flaw_moves_one_count(seed in any::<u64>(), flaw in 0_u8..7, pick in any::<usize>()) {
        let (ledger, mut seen) = world(seed);
        let clean = ledger.judge(&seen);
        let at = pick % seen.rows.len();
        let letter = pick % seen.dead_letters.len();
        let mut expected = LedgerSummary { samples: Vec::new(), offenders: Vec::new(), ..clean };
        prop_assert_eq!((expected.lost, expected.duplicated, expected.unexpected), (0, 0, 0));
        match flaw {
            0 => { seen.rows.remove(at); expected.ok -= 1; expected.lost += 1; }
            1 => { seen.rows.push(seen.rows[at]); expected.duplicated += 1; }
            2 => {
                seen.rows[at].fingerprint ^= 1;
                expected.ok -= 1; expected.misplaced += 1; expected.unexpected += 1;
            }
            3 => {
                seen.rows.push(RowSeen { id: 1, fingerprint: 1 });
                expected.unexpected += 1;
            }
            4 => {
                seen.dead_letters.remove(letter);
                expected.dead_lettered -= 1; expected.lost += 1;
            }
            5 => {
                seen.dead_letters[letter].reason = "no reason".to_owned();
                expected.dead_lettered -= 1; expected.misplaced += 1; expected.unexpected += 1;
            }
            _ => {
                let late = seen.dead_letters[letter].clone();
                seen.dead_letters.push(late);
                expected.duplicated += 1;
            }
        }
        let judged = ledger.judge(&seen);
        prop_assert_eq!(judged.samples.len(), 1);
        let counts = LedgerSummary { samples: Vec::new(), offenders: Vec::new(), ..judged };
        prop_assert_eq!(counts, expected);
    }
}

#[test]
fn a_publish_whose_answer_was_lost_may_arrive_once() {
    let (mut ledger, seen) = world(5);
    let before = ledger.judge(&seen);
    let ordinal = ledger
        .entries
        .iter()
        .position(|entry| match entry.expect {
            Expect::Row { id, late: false, .. } => {
                let place = ledger.original(id).unwrap();
                !ledger.copies().contains_key(&place)
            }
            _ => false,
        })
        .unwrap();
    ledger.entries[ordinal].outcome = Outcome::Unknown;
    let after = ledger.judge(&seen);
    assert_eq!((after.recovered, after.lost, after.duplicated), (1, 0, 0));
    assert_eq!(after.ok, before.ok - 1);
}

#[test]
fn what_faults_may_do_is_tolerated_where_it_is_said() {
    let (ledger, mut seen) = world(7);
    let row = seen.rows.remove(0);
    let ordinal = ledger.ordinal_of(row.id).unwrap();
    let letter = |reason: &str| DeadLetter {
        publish_id: Some(format!("7-{ordinal}")),
        reason: reason.to_owned(),
    };
    let tolerant = Tolerance { late: true, refused_rows: true };
    seen.late.push(letter("late"));
    assert_eq!(ledger.judge(&seen).misplaced, 1);
    assert_eq!(ledger.judge(&seen).offenders, [ordinal]);
    assert_eq!(ledger.judge_with(&seen, tolerant).misplaced, 0);
    seen.late.pop();
    seen.dead_letters.push(letter("row_refused"));
    assert_eq!(ledger.judge(&seen).misplaced, 1);
    assert_eq!(ledger.judge_with(&seen, tolerant).misplaced, 0);
    seen.rows.push(row);
    assert_eq!(ledger.judge_with(&seen, tolerant).duplicated, 1);
}

#[test]
fn windows_count_what_was_acknowledged_once_and_with_the_content_that_was_placed() {
    let (ledger, mut seen) = world(7);
    let counted = |seen: &Observations| {
        let mut counted = Vec::new();
        let _summary =
            ledger.judge_counting(seen, Tolerance::default(), &mut |ordinal, windowed| {
                counted.push((ordinal, windowed));
            });
        counted
    };
    let calm = counted(&seen);
    assert_eq!(calm.len(), seen.rows.len(), "copies, rejects and late events do not count");
    // A lost row counts all the same, a late one does not.
    let lost = seen.rows.pop().unwrap();
    assert_eq!(counted(&seen), calm);
    let place = ledger.ordinal_of(lost.id).unwrap();
    let late = DeadLetter { publish_id: Some(format!("7-{place}")), reason: "late".to_owned() };
    seen.late.push(late);
    assert!(counted(&seen).iter().all(|(ordinal, _)| *ordinal != place));
    assert_eq!(counted(&seen).len(), calm.len() - 1);
    // Of a copy with other content, that counts which has become the row.
    let entries = ledger.entries.iter().enumerate();
    let (index, other) = entries
        .filter(|(_, entry)| matches!(entry.expect, Expect::Copy { .. }))
        .find(|(index, entry)| {
            let first = ledger.entries[ledger.place(*index)].expect;
            first.fingerprint() != entry.expect.fingerprint()
        })
        .unwrap();
    let place = ledger.place(index);
    let id = other.expect.id().unwrap();
    let row = seen.rows.iter_mut().find(|row| row.id == id).unwrap();
    row.fingerprint = other.expect.fingerprint().unwrap();
    let counted = counted(&seen);
    let (_, windowed) = counted.iter().find(|(ordinal, _)| *ordinal == place as u64).unwrap();
    assert_eq!(*windowed, ledger.windowed[index]);
    assert_ne!(*windowed, ledger.windowed[place]);
}

//! Goal: a simulation is a function of its seed; a calm one passes, and so does one with faults, at every
//! crash point; a pipeline of one's own runs under it, and a careless one is found out. Method: the
//! library's scenarios, thinned; each seed is run twice and compared byte by byte before it is judged.

use std::sync::Arc;

use super::campaign::{CRASH_POINT_LOAD, Campaign};
use super::crash_points::{CrashPoints, explore};
use super::report::SeedReport;
use super::*;

/// The seeds of every scenario that `cargo test` runs with faults.
const SEEDS: u64 = 25;

pub(super) fn simulation(name: &str) -> Simulation {
    Simulation::of_library(name).unwrap()
}

#[test]
fn a_calm_run_passes_and_is_the_same_again() {
    for name in ["happy-path", "late-data", "duplicate-storm", "poison-messages", "fleet-day"] {
        let calm = simulation(name).about(1_000);
        let lines = TraceOptions { lines: true, ..TraceOptions::default() };
        let first = calm.clone().traced(lines).run();
        assert!(first.holds(), "{name}: {:?}", first.findings);
        let ledger = &first.ledger;
        assert!(ledger.attempted > 500 && ledger.acknowledged == ledger.attempted, "{ledger:?}");
        assert!(first.windows.rows > 0 && first.scores.rows > 0);
        let second = calm.run();
        assert_eq!(first.trace_digest, second.trace_digest);
        assert_eq!(first.trace.lines().count() as u64, first.trace_lines);
    }
}

/// Goal: nothing is found whatever the seed breaks, and the same seed gives the same report, to the last
/// byte. Method: every seed twice, the second time on two threads; the reports are compared as text.
#[test]
fn every_seed_with_faults_passes_and_is_the_same_again() {
    for name in ["happy-path", "late-data", "duplicate-storm", "poison-messages", "fleet-day"] {
        let reports = |threads: usize| {
            let campaign = Campaign {
                simulation: simulation(name).about(500).faults(Faults::Random),
                first: 1,
                count: SEEDS,
                points: CrashPoints::None,
                point_events: 0,
                threads,
            };
            let mut reports = Vec::new();
            campaign.run(&Arc::default(), &mut || {}, &mut |run| {
                let report = SeedReport::of(name, &run, &[]);
                reports.push(serde_json::to_string(&report).unwrap());
            });
            reports
        };
        let first = reports(1);
        assert_eq!(first.len() as u64, SEEDS);
        for (first, second) in first.iter().zip(reports(2)) {
            assert_eq!(*first, second);
            assert!(first.contains(r#""verdict":"pass""#), "{first}");
        }
    }
}

/// Goal: every kind of fault is among those that are drawn. Method: what a hundred seeds drew.
#[test]
fn seeds_draw_every_kind_of_fault() {
    let kinds: std::collections::BTreeSet<&str> = (0..100)
        .flat_map(|seed| {
            simulation("happy-path").about(40).seed(seed).faults(Faults::Random).run().schedule
        })
        .map(|fault| fault.kind())
        .collect();
    let expected = [
        "clock",
        "crash",
        "delayed",
        "disk_full",
        "double_start",
        "duplicated",
        "hang",
        "outage",
        "power_loss",
        "request_lost",
        "response_lost",
        "row_refused",
        "split",
        "throttled",
    ];
    assert!(kinds.iter().eq(&expected), "{kinds:?}");
}

/// Goal: a crash at any effect, before or after it, loses and doubles nothing. Method: all of them, on a
/// small load, and a hundred pairs.
#[test]
fn every_crash_point_passes() {
    let small = simulation("happy-path").about(60).within(CRASH_POINT_LOAD);
    let all = explore(&small, CrashPoints::All, &mut |_| true);
    assert_eq!(all.failures, []);
    assert!(all.effect_count() > 100 && all.runs >= 2 * all.effect_count(), "{all:?}");
    // After the end of the last streams, which nobody waits for, there is nobody left to crash.
    assert!(all.crashes + 2 >= all.runs && all.states.len() > 50, "{all:?}");
    let pairs = explore(&small, CrashPoints::Pairs(100), &mut |_| true);
    assert_eq!(pairs.failures, []);
    assert_eq!(pairs.runs, 100);
}

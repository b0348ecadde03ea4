//! Goal: a simulation is a function of its seed, a calm one passes, and one with faults does, too.
//! Method: the library's scenarios, thinned, run twice and compared byte by byte.

use super::*;
use crate::library;
use crate::scenario::parse;

pub(super) fn simulation(name: &str) -> Simulation {
    let scenario = parse(name, library::find(name).unwrap()).unwrap();
    Simulation::of(scenario)
}

#[test]
fn a_calm_run_passes_and_is_the_same_again() {
    for name in ["happy-path", "late-data", "duplicate-storm", "poison-messages"] {
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

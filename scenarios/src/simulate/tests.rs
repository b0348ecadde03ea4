//! Goal: a simulation is a function of its seed, a calm one passes, and one with faults does, too.
//! Method: the library's scenarios, thinned, run twice and compared byte by byte.

use super::*;

pub(super) fn simulation(name: &str) -> Simulation {
    Simulation::of_library(name).unwrap()
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

#[test]
fn seeds() {
    let from: u64 = std::env::var("FROM").map_or(0, |it| it.parse().unwrap());
    let to: u64 = std::env::var("TO").map_or(10, |it| it.parse().unwrap());
    let begun = crate::clock::RunClock::start();
    let mut steps = 0;
    for seed in from..to {
        let lines =
            TraceOptions { lines: std::env::var("TRACE").is_ok(), ..TraceOptions::default() };
        let outcome = simulation("happy-path")
            .about(1_000)
            .seed(seed)
            .faults(Faults::Random)
            .traced(lines)
            .run();
        if std::env::var("TRACE").is_ok() {
            println!("{}", outcome.trace);
        }
        steps += outcome.steps;
        if !outcome.holds() {
            println!("seed {seed}: {:?}", outcome.findings);
            for fault in &outcome.schedule {
                if !matches!(fault, fault::Fault::Call { .. }) {
                    println!("    {fault}");
                }
            }
        }
    }
    println!("{steps} steps in {:?}", begun.elapsed());
}

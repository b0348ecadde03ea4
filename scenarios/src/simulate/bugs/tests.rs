//! Goal: the simulation finds every planted bug, and makes the failure small. Method: for each bug, seeds
//! with random faults and crash points of a small calm run are tried until something is found; the failure
//! is shrunk. The lines that this prints stand as a table in `scenarios/SIMULATION.md`.

use super::super::crash_points::{CrashPoints, explore};
use super::super::fates::Faults;
use super::super::shrink::shrink;
use super::super::simulation::{Outcome, Simulation};
use super::super::tests::simulation;
use super::{Bug, Tamper};

/// More seeds or crash points than this no bug may need.
const TRIES_MAX: u64 = 1_000;
/// So many events a shrunk failure may have.
const EVENTS_MAX: usize = 20;

fn planted(bug: Bug, events: u64) -> Simulation {
    let mut simulation = simulation("happy-path").about(events);
    simulation.tamper = Tamper::with(bug);
    simulation.scenario.workload.disorder.malformed = 0.1;
    simulation
}

/// The first seed that finds the bug, from 1.
fn by_seed(bug: Bug) -> Option<(u64, Simulation, Outcome)> {
    (1..=TRIES_MAX).find_map(|seed| {
        let simulation = planted(bug, 100).seed(seed).faults(Faults::Random);
        let outcome = simulation.run();
        (!outcome.holds()).then_some((seed, simulation, outcome))
    })
}

/// The number of runs until a crash point finds the bug; the calm run is the first.
fn by_crash_point(bug: Bug) -> Option<u64> {
    let mut runs = 0;
    let coverage = explore(&planted(bug, 60), CrashPoints::All, &mut |coverage| {
        runs = coverage.runs;
        coverage.failed == 0 && runs < TRIES_MAX
    });
    (coverage.failed > 0).then_some(runs + 1)
}

/// Whether a crash alone brings the bug to light, or the calm run already; others need a call that fails, or
/// a second process.
fn shows_at_crashes(bug: Bug) -> bool {
    !matches!(
        bug,
        Bug::AppendedAgain
            | Bug::OutOfRangeIsSuccess
            | Bug::NewStreamAfterLostFlush
            | Bug::NackDroppedAtShutdown
            | Bug::ZombieNotFenced
    )
}

/// A line of the table.
fn line(bug: Bug) -> String {
    let (seed, simulation, outcome) =
        by_seed(bug).unwrap_or_else(|| panic!("{TRIES_MAX} seeds do not find {bug:?}"));
    let points = shows_at_crashes(bug)
        .then(|| by_crash_point(bug).unwrap_or_else(|| panic!("no crash point finds {bug:?}")));
    let kind = &outcome.findings[0].kind;
    let shrunk = shrink(&simulation, &outcome).expect("it fails again");
    let (events, faults) = (shrunk.events.len(), shrunk.faults.len());
    assert!(events < EVENTS_MAX, "{bug:?}: {events} events are left");
    let points = points.map_or("-".to_owned(), |points| points.to_string());
    format!("| {bug:?} | {seed} | {points} | {kind} | {events} | {faults} | {} |", shrunk.runs)
}

macro_rules! tests {
    ($($name:ident $bug:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                println!("{}", line(Bug::$bug));
            }
        )+

        #[test]
        fn every_bug_has_its_test() {
            assert_eq!(Bug::ALL, [$(Bug::$bug),+]);
        }
    };
}

tests! {
    acks_before_checkpoint AckBeforeCheckpoint,
    default_stream DefaultStream,
    appended_again AppendedAgain,
    already_exists_is_success AlreadyExistsIsSuccess,
    out_of_range_is_success OutOfRangeIsSuccess,
    new_stream_after_lost_flush NewStreamAfterLostFlush,
    dedup_horizon_too_short DedupHorizonTooShort,
    timers_lost_on_restore TimersLostOnRestore,
    flush_beyond_checkpoint FlushBeyondCheckpoint,
    nack_dropped_at_shutdown NackDroppedAtShutdown,
    objects_before_checkpoint ObjectsBeforeCheckpoint,
    objects_named_by_process ObjectsNamedByProcess,
    nothing_synced NothingSynced,
    zombie_not_fenced ZombieNotFenced,
    window_misses_borders WindowMissesBorders,
    windows_before_dedup WindowsBeforeDedup,
}

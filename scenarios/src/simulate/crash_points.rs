//! Crash points, exhaustively: a calm run counts the effects of engine and function; then, for every one of
//! them, the process dies before it and after it, comes back from what is durable, and the run goes on to
//! its end and is judged. Changes of the disk are tried with and without a loss of power. Pairs are sampled.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;
use super::fates::Faults;
use super::fault::{Effect, Fault, Loss, Part, Side};
use super::observer::Finding;
use super::simulation::{Outcome, Simulation};

/// Failures that are kept; a bug that shows at every point needs no more.
const FAILURES_MAX: usize = 10;

/// Which crash points to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoints {
    /// None.
    None,
    /// Every single one.
    All,
    /// So many pairs, drawn from the seed.
    Pairs(u64),
}

/// What came of the crash points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrashCoverage {
    /// Effects of engine and function in the calm run, by kind.
    pub effects: BTreeMap<Effect, u64>,
    /// Runs: single points or pairs.
    pub runs: u64,
    /// Crashes that took place.
    pub crashes: u64,
    /// Different durable states from which a restart began.
    pub states: BTreeSet<u64>,
    /// Happenings of all runs.
    pub steps: u64,
    /// Runs in which something was found: the first of them.
    pub failures: Vec<(Vec<Fault>, Finding)>,
    /// Runs in which something was found: how many.
    pub failed: u64,
}

/// Tries crash points of a simulation without its faults. `goes_on` is asked after every run, and told what
/// there is.
pub fn explore(
    simulation: &Simulation,
    points: CrashPoints,
    goes_on: &mut dyn FnMut(&CrashCoverage) -> bool,
) -> CrashCoverage {
    let mut coverage = CrashCoverage::default();
    let calm = simulation.clone().faults(Faults::None);
    let first = calm.run();
    let is_mortal = |effect: Effect| matches!(effect.actor(), Part::Engine | Part::Function);
    coverage.effects =
        first.effects.iter().filter(|(it, _)| is_mortal(**it)).map(|it| (*it.0, *it.1)).collect();
    if !first.holds() {
        coverage.note(Vec::new(), first);
        return coverage;
    }
    let all = crashes(&coverage.effects);
    let mut attempt = |faults: Vec<Fault>| {
        let outcome = calm.clone().faults(Faults::These(faults.clone())).run();
        coverage.note(faults, outcome);
        goes_on(&coverage) && coverage.failures.len() < FAILURES_MAX
    };
    match points {
        CrashPoints::None => {}
        CrashPoints::All => {
            let _all_tried = all.into_iter().all(|crash| attempt(vec![crash]));
        }
        CrashPoints::Pairs(count) => {
            let chance = Chance::new(simulation.scenario.workload.seed);
            let _all_tried = (0..count).all(|nth| {
                let mut dice = chance.of(2_000, nth);
                let mut pick = || all[dice.below(all.len() as u64) as usize];
                attempt(vec![pick(), pick()])
            });
        }
    }
    coverage
}

/// Every single crash.
fn crashes(effects: &BTreeMap<Effect, u64>) -> Vec<Fault> {
    let mut crashes = Vec::new();
    for (&effect, &count) in effects {
        // Only the engine's disk can lose something, and only while it is being changed.
        let losses = match effect.target() {
            Some(_) => &[Loss::Nothing][..],
            None => &[Loss::Nothing, Loss::Unsynced, Loss::Torn][..],
        };
        for nth in 1..=count {
            for side in [Side::Before, Side::After] {
                crashes.extend(losses.iter().map(|&loss| Fault::Crash { effect, nth, side, loss }));
            }
        }
    }
    crashes
}

impl CrashCoverage {
    /// How many effects there are.
    #[must_use]
    pub fn effect_count(&self) -> u64 {
        self.effects.values().sum()
    }

    fn note(&mut self, faults: Vec<Fault>, outcome: Outcome) {
        self.runs += 1;
        self.crashes += outcome.crashes;
        self.steps += outcome.steps;
        self.states.extend(outcome.states);
        if let Some(finding) = outcome.findings.into_iter().next() {
            self.failed += 1;
            self.failures.push((faults, finding));
        }
    }
}

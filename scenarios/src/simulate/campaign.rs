//! Many seeds, on one thread or on several: every simulation stays in its thread, and what comes of the
//! seeds is handed out in their order. Invariant: what is handed out does not depend on the threads.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::crash_points::{CrashCoverage, CrashPoints, explore};
use super::explain::explain;
use super::fates::Faults;
use super::progress::Progress;
use super::shrink::{Shrunk, shrink};
use super::simulation::{Outcome, Simulation};

/// Seeds that may wait for an earlier one.
const WAITING_MAX: usize = 1_024;
/// How often whoever waits is told so.
const WAIT: Duration = Duration::from_secs(1);
/// Events of the load whose crash points are tried, when nothing else is asked for.
pub const CRASH_POINT_EVENTS: u64 = 1_000;
/// The length of that load: some epochs before and some after a restart.
pub const CRASH_POINT_LOAD: Duration = Duration::from_secs(2);

/// What to do with which seeds.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// What is simulated.
    pub simulation: Simulation,
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub count: u64,
    /// Which crash points are tried with every seed.
    pub points: CrashPoints,
    /// Events of the load whose crash points are tried.
    pub point_events: u64,
    /// How many threads.
    pub threads: usize,
}

/// What came of one seed.
#[derive(Debug)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// What was simulated.
    pub simulation: Simulation,
    /// What came of it.
    pub outcome: Outcome,
    /// What was simulated with crashes, and what came of that.
    pub crashes: Option<(Simulation, CrashCoverage)>,
}

impl Campaign {
    /// Runs it. `waits` is called once a second, `take` with every seed in order; an end that was asked for
    /// leaves the rest out.
    pub fn run(
        &self,
        progress: &Arc<Progress>,
        waits: &mut dyn FnMut(),
        take: &mut dyn FnMut(SeedRun),
    ) {
        let next = AtomicU64::new(0);
        let (sender, receiver) = sync_channel(WAITING_MAX);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= self.count || progress.ends() {
                            break;
                        }
                        let run = self.seed(self.first.wrapping_add(nth), progress);
                        // What an end has cut off says nothing.
                        if progress.ends() || sender.send((nth, run)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let (mut waiting, mut due) = (BTreeMap::new(), 0);
            loop {
                match receiver.recv_timeout(WAIT) {
                    Ok((nth, run)) => {
                        waiting.insert(nth, run);
                        while let Some(run) = waiting.remove(&due) {
                            due += 1;
                            take(run);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => waits(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
    }

    fn seed(&self, seed: u64, progress: &Arc<Progress>) -> SeedRun {
        let simulation = self.simulation.clone().seed(seed).watched_by(Arc::clone(progress));
        let outcome = simulation.run();
        let crashes = (self.points != CrashPoints::None).then(|| {
            let thin = simulation.clone().about(self.point_events).within(CRASH_POINT_LOAD);
            let coverage = explore(&thin, self.points, &mut |_| !progress.ends());
            (thin, coverage)
        });
        SeedRun { seed, simulation, outcome, crashes }
    }
}

impl SeedRun {
    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        let crashes = self.crashes.as_ref();
        self.outcome.holds() && crashes.is_none_or(|(_, coverage)| coverage.failed == 0)
    }

    /// The first failure, made small; none when nothing was found.
    #[must_use]
    pub fn shrunk(&self) -> Option<Shrunk> {
        if !self.outcome.holds() {
            return shrink(&self.simulation, &self.outcome);
        }
        let (simulation, coverage) = self.crashes.as_ref()?;
        let (faults, _) = coverage.failures.first()?;
        let simulation = simulation.clone().faults(Faults::These(faults.clone()));
        shrink(&simulation, &simulation.run())
    }
}

/// A failure that [`Simulation::check`] has found, made small. Shown, it tells the life of its event.
pub struct Failure {
    /// The seed that found it.
    pub seed: u64,
    /// What fails.
    pub shrunk: Shrunk,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "seed {}\n{}", self.seed, explain(&self.shrunk.simulation).0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl std::error::Error for Failure {}

impl Simulation {
    /// Runs every seed twice: calm, and with faults that the seed draws. This is what a test of a pipeline
    /// of your own calls.
    ///
    /// # Errors
    /// The first failure, shrunk.
    pub fn check(&self, seeds: RangeInclusive<u64>) -> Result<(), Box<Failure>> {
        for seed in seeds {
            for faults in [Faults::None, Faults::Random] {
                let simulation = self.clone().seed(seed).faults(faults);
                let outcome = simulation.run();
                if let Some(shrunk) = shrink(&simulation, &outcome) {
                    return Err(Box::new(Failure { seed, shrunk }));
                }
                assert!(outcome.holds(), "seed {seed} does not do the same again: {outcome:?}");
            }
        }
        Ok(())
    }
}

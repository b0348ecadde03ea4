//! How far simulations are, for whoever waits for them on another thread, and the wish that they end. Only
//! numbers go out and only that wish comes in, so nothing of it can change what is simulated.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// See the module.
#[derive(Debug, Default)]
pub struct Progress {
    steps: AtomicU64,
    runs: AtomicU64,
    micros: AtomicI64,
    ends: AtomicBool,
}

impl Progress {
    /// Happenings so far, of all runs.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Runs that have come to their end.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// The virtual time that has passed in one of the runs, in microseconds.
    #[must_use]
    pub fn micros(&self) -> i64 {
        self.micros.load(Ordering::Relaxed)
    }

    /// Whether somebody wants an end.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// Asks for an end: runs stop where they are.
    pub fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// A run goes on; false when it shall not.
    pub(super) fn advance(&self, steps: u64, micros: i64) -> bool {
        self.steps.fetch_add(steps, Ordering::Relaxed);
        self.micros.store(micros, Ordering::Relaxed);
        !self.ends()
    }

    /// A run is over.
    pub(super) fn finished(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }
}

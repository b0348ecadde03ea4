//! The only module of this crate that reads clocks.

use std::time::{Duration, Instant};

/// The beginning of a run, from which all its instants count.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// Begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// How long the run has lasted.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The instant at which an offset from the start is reached.
    #[must_use]
    pub fn at(&self, offset: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + offset)
    }
}

/// Names a job: the seconds since the epoch, so that two jobs of a day do not share their objects.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn job_name() -> String {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("job-{}", since.as_secs())
}

/// Now, as the wall clock says.
#[must_use]
pub fn wall() -> windtunnel_model::ProcessingTime {
    windtunnel_runtime::clock::now()
}

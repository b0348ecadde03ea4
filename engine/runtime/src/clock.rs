//! The only module of this crate that reads clocks: the wall clock once, at the first call, and from then on
//! the time that has passed since. A wall clock that is set back would hold an epoch open until it has
//! caught up; found by `windtunnel simulate`. Invariant: time never goes back while the process lives.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use windtunnel_model::ProcessingTime;

/// When the clock was first read: by the wall clock in microseconds, and by the other one.
static START: OnceLock<(i64, Instant)> = OnceLock::new();

/// Now, in microseconds since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]
pub fn now() -> ProcessingTime {
    let (wall, start) = START.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.expect("the clock is set after 1970").as_micros();
        let wall = i64::try_from(since).expect("the clock is set before the year 294247");
        (wall, Instant::now())
    });
    let passed = i64::try_from(start.elapsed().as_micros()).expect("a process lives for less");
    ProcessingTime(wall + passed)
}

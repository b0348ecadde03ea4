//! How fast a push subscription delivers: a window of requests under way that grows with every success
//! and halves with every failure, and a pause that doubles with every failure in a row. Pure.

use crate::limits::{
    PUSH_BACKOFF_MICROS, PUSH_BACKOFF_MICROS_MAX, PUSH_IN_FLIGHT_MAX, PUSH_IN_FLIGHT_START,
};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushPace {
    window: usize,
    failures: u32,
}

impl Default for PushPace {
    fn default() -> Self {
        Self { window: PUSH_IN_FLIGHT_START, failures: 0 }
    }
}

impl PushPace {
    /// Requests that may be sent while so many are under way.
    #[must_use]
    pub fn room(&self, under_way: usize) -> usize {
        self.window.saturating_sub(under_way)
    }

    /// A request was answered well.
    pub fn delivered(&mut self) {
        self.failures = 0;
        self.window = (self.window + 1).min(PUSH_IN_FLIGHT_MAX);
    }

    /// A request failed: how long its message pauses, in microseconds.
    pub fn failed(&mut self) -> i64 {
        self.failures += 1;
        self.window = (self.window / 2).max(1);
        let pause = PUSH_BACKOFF_MICROS << self.failures.saturating_sub(1).min(10);
        pause.min(PUSH_BACKOFF_MICROS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_slow_down_and_a_success_forgives() {
        let mut pace = PushPace::default();
        assert_eq!(pace.room(0), PUSH_IN_FLIGHT_START);
        let pauses: Vec<i64> = (0..4).map(|_| pace.failed()).collect();
        assert_eq!(pauses, [1, 2, 4, 8].map(|times| times * PUSH_BACKOFF_MICROS));
        assert_eq!((pace.room(0), pace.room(5)), (1, 0));
        pace.delivered();
        assert_eq!((pace.room(0), pace.failed()), (2, PUSH_BACKOFF_MICROS));
        (0..20).for_each(|_| assert!(pace.failed() <= PUSH_BACKOFF_MICROS_MAX));
        (0..1_000).for_each(|_| pace.delivered());
        assert_eq!(pace.room(0), PUSH_IN_FLIGHT_MAX);
    }
}

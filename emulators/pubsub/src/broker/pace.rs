//! How fast a push subscription delivers: a window of requests under way that grows with every success
//! and halves with every failure. Pure. The pauses of what failed are the backlog's.

use crate::limits::{PUSH_BACKOFF_MICROS, PUSH_IN_FLIGHT_MAX, PUSH_IN_FLIGHT_START};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushPace {
    window: usize,
}

impl Default for PushPace {
    fn default() -> Self {
        Self { window: PUSH_IN_FLIGHT_START }
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
        self.window = (self.window + 1).min(PUSH_IN_FLIGHT_MAX);
    }

    /// A request failed: how long its message pauses if it is the message's first failure, in
    /// microseconds.
    pub fn failed(&mut self) -> i64 {
        self.window = (self.window / 2).max(1);
        PUSH_BACKOFF_MICROS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_slow_down_and_a_success_forgives() {
        let mut pace = PushPace::default();
        assert_eq!(pace.room(0), PUSH_IN_FLIGHT_START);
        (0..4).for_each(|_| assert_eq!(pace.failed(), PUSH_BACKOFF_MICROS));
        assert_eq!((pace.room(0), pace.room(5)), (1, 0));
        pace.delivered();
        assert_eq!(pace.room(0), 2);
        (0..1_000).for_each(|_| pace.delivered());
        assert_eq!(pace.room(0), PUSH_IN_FLIGHT_MAX);
    }
}

//! Windows and the functions that assign them: an instant falls into one fixed window, into several
//! sliding ones, into a session that grows with its events, or into the one global window. All are
//! half open: the end is the first instant outside.

use windtunnel_model::EventTime;

/// A span of event time; the end is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// First instant inside.
    pub start: EventTime,
    /// First instant after it.
    pub end: EventTime,
}

impl Window {
    /// All of time.
    pub const GLOBAL: Self = Self { start: EventTime::MIN, end: EventTime::MAX };

    /// Whether an instant is inside.
    #[must_use]
    pub fn contains(self, time: EventTime) -> bool {
        self.start <= time && time < self.end
    }
}

/// How instants are put into windows. All lengths are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowFn {
    /// Windows of one size, side by side, that start at multiples of it plus an offset.
    Fixed {
        /// The size, at least 1.
        size_micros: i64,
        /// The offset.
        offset_micros: i64,
    },
    /// Windows of one size, one of which starts every period.
    Sliding {
        /// The size, at least 1.
        size_micros: i64,
        /// The period, at least 1.
        period_micros: i64,
        /// The offset.
        offset_micros: i64,
    },
    /// A key's events with less than a gap between neighbours share a window, which ends a gap after
    /// the last.
    Session {
        /// The gap, at least 1.
        gap_micros: i64,
    },
    /// One window for everything.
    Global,
}

impl WindowFn {
    /// Fixed windows without an offset.
    #[must_use]
    pub fn fixed(size_micros: i64) -> Self {
        Self::Fixed { size_micros, offset_micros: 0 }
    }

    /// Sliding windows without an offset.
    #[must_use]
    pub fn sliding(size_micros: i64, period_micros: i64) -> Self {
        Self::Sliding { size_micros, period_micros, offset_micros: 0 }
    }

    /// Session windows.
    #[must_use]
    pub fn session(gap_micros: i64) -> Self {
        Self::Session { gap_micros }
    }

    /// The newest window that an instant falls into; for a session the one of this instant alone.
    #[must_use]
    pub fn assign(self, time: EventTime) -> Window {
        match self {
            Self::Fixed { size_micros, offset_micros } => {
                aligned(time, size_micros, offset_micros, size_micros)
            }
            Self::Sliding { size_micros, period_micros, offset_micros } => {
                aligned(time, period_micros, offset_micros, size_micros)
            }
            Self::Session { gap_micros } => {
                let end = EventTime(time.0.saturating_add(gap_micros.max(1)));
                Window { start: time, end }
            }
            Self::Global => Window::GLOBAL,
        }
    }

    /// All windows that an instant falls into, the newest first; none when it lies in the gap
    /// between sliding windows whose period is longer than their size.
    pub fn windows(self, time: EventTime) -> impl Iterator<Item = Window> {
        let step = match self {
            Self::Sliding { period_micros, .. } => period_micros.max(1),
            Self::Fixed { .. } | Self::Session { .. } | Self::Global => i64::MAX,
        };
        let next = move |window: &Window| {
            Some(Window {
                start: EventTime(window.start.0.checked_sub(step)?),
                end: EventTime(window.end.0.checked_sub(step)?),
            })
        };
        let is_global = self == Self::Global;
        std::iter::successors(Some(self.assign(time)), next)
            .take_while(move |window| is_global || window.contains(time))
    }
}

/// The window of `size` that starts at the last multiple of `step` plus `offset` before an instant.
fn aligned(time: EventTime, step: i64, offset: i64, size: i64) -> Window {
    let (step, size) = (step.max(1), size.max(1));
    let start = time.0.saturating_sub(time.0.wrapping_sub(offset).rem_euclid(step));
    Window { start: EventTime(start), end: EventTime(start.saturating_add(size)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn starts(function: WindowFn, time: i64) -> Vec<(i64, i64)> {
        function.windows(EventTime(time)).map(|window| (window.start.0, window.end.0)).collect()
    }

    #[test]
    fn instants_fall_into_their_windows() {
        let offset = WindowFn::Fixed { size_micros: 10, offset_micros: 3 };
        let cases = [
            (WindowFn::fixed(10), 0, vec![(0, 10)]),
            (WindowFn::fixed(10), -1, vec![(-10, 0)]),
            (offset, 12, vec![(3, 13)]),
            (offset, 13, vec![(13, 23)]),
            (WindowFn::sliding(10, 4), 9, vec![(8, 18), (4, 14), (0, 10)]),
            (WindowFn::sliding(2, 5), 3, vec![]),
            (WindowFn::session(5), 7, vec![(7, 12)]),
        ];
        for (function, time, expected) in cases {
            assert_eq!(starts(function, time), expected, "{function:?} at {time}");
        }
        assert_eq!(WindowFn::Global.windows(EventTime(4)).collect::<Vec<_>>(), [Window::GLOBAL]);
    }

    proptest! {
        /// Every assigned window holds its instant, and sliding windows number size over period.
        #[test]
        fn windows_hold_their_instants(
            time in any::<i64>(), size in 1_i64..1_000, period in 1_i64..1_000,
            offset in any::<i64>()
        ) {
            let function = WindowFn::Sliding {
                size_micros: size, period_micros: period, offset_micros: offset,
            };
            let windows: Vec<_> = function.windows(EventTime(time)).collect();
            prop_assert!(windows.iter().all(|window| window.contains(EventTime(time))));
            prop_assert!(windows.len() as i64 <= size / period + 1);
        }
    }
}

//! The event-time core, with Beam's model: keyed windows (fixed, sliding, session, global), triggers,
//! panes that accumulate or discard, allowed lateness, and state that is dropped when its window
//! expires. Pure and synchronous: events go in by `add`, watermark and time move by `end_batch`,
//! panes come out through a closure. Reading order: [`Window`], [`Trigger`], [`Aggregator`],
//! [`KeyedWindows`].
//!
//! Invariant: the last accumulated pane of a key and window is the same for every order of arrival
//! within the allowed lateness, and for every cut into batches.

mod aggregator;
mod cells;
mod checkpoint;
mod firing;
mod pane;
mod session;
mod trigger;
mod window;
mod windows;

pub use aggregator::{Aggregator, Collect, Count, Functions, Values, aggregator};
pub use pane::{Pane, PaneInfo, Timing};
pub use trigger::Trigger;
pub use window::{Window, WindowFn};
pub use windows::KeyedWindows;

use crate::limits::WINDOWS_OPEN_MAX;

/// What a pane holds after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulation {
    /// Everything of the window so far.
    Accumulating,
    /// What has come since the pane before.
    Discarding,
}

/// Whether the pane on time comes without events, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTime {
    /// Always, as Beam does by default: whoever waits for it can rely on it.
    Always,
    /// Only when events have come since the last pane.
    IfNonEmpty,
}

/// How a stream is windowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windowing {
    /// Which windows an event falls into.
    pub window_fn: WindowFn,
    /// When a window gives out a pane.
    pub trigger: Trigger,
    /// What a pane holds.
    pub accumulation: Accumulation,
    /// How long after its end, in microseconds of watermark, a window still takes events. Then it
    /// expires: what no pane has shown yet comes in a last one, and its state is dropped.
    pub allowed_lateness_micros: i64,
    /// Whether the pane on time comes without events, too.
    pub on_time: OnTime,
    /// Most keys times windows that are held: an event that would open one more is late. Keeps a device
    /// that makes up keys or instants from taking all memory; see
    /// [`WINDOWS_OPEN_MAX`].
    pub open_max: usize,
}

impl Windowing {
    /// These windows with Beam's defaults: a pane when the watermark passes the end, no lateness.
    #[must_use]
    pub fn new(window_fn: WindowFn) -> Self {
        Self {
            window_fn,
            trigger: Trigger::Default,
            accumulation: Accumulation::Discarding,
            allowed_lateness_micros: 0,
            on_time: OnTime::Always,
            open_max: WINDOWS_OPEN_MAX,
        }
    }

    /// With a trigger and what its panes hold.
    #[must_use]
    pub fn triggering(mut self, trigger: Trigger, accumulation: Accumulation) -> Self {
        self.trigger = trigger;
        self.accumulation = accumulation;
        self
    }

    /// With an allowed lateness.
    #[must_use]
    pub fn allowing(mut self, lateness_micros: i64) -> Self {
        self.allowed_lateness_micros = lateness_micros.max(0);
        self
    }

    /// What must not change while windows are open: the function and the trigger, whose state lies
    /// in the checkpoint. Lateness, accumulation and on-time behaviour may change.
    #[must_use]
    pub fn layout(&self) -> String {
        format!("{:?} {:?}", self.window_fn, self.trigger)
    }
}

#[cfg(test)]
mod tests;

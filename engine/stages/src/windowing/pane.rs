//! A pane: what a window gives out at one firing, and where in the window's life that is.

use super::Window;

/// Where a pane stands in its window's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timing {
    /// Before the watermark has passed the window's end: more is to come.
    Early,
    /// The watermark has just passed the window's end.
    OnTime,
    /// After that, within the allowed lateness.
    Late,
}

/// A pane's place among the panes of its key and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneInfo {
    /// Early, on time or late.
    pub timing: Timing,
    /// Panes before it. Starts again when a session grows, as in Beam: the grown session is another
    /// window.
    pub index: u32,
    /// Panes before it that were on time or late; none for an early pane.
    pub on_time_index: Option<u32>,
    /// No pane of this window comes after it.
    pub is_last: bool,
}

/// What a window gives out at one firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Pane<'a, R> {
    /// The key.
    pub key: &'a str,
    /// The window.
    pub window: Window,
    /// Its place in the window's life.
    pub info: PaneInfo,
    /// The aggregator's result; that of no events for an empty pane.
    pub value: R,
}

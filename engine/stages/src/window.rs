//! The windows of the reference pipeline: tumbling event-time windows per device, that give out one row
//! when they expire, complete and once. Only their configuration is here; `windowing` does the work.

use crate::watermark::WatermarkConfig;
use crate::windowing::{Accumulation, Trigger, WindowFn, Windowing};

/// The shape of the windows, in microseconds of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowConfig {
    /// Size of a window; windows start at multiples of it since the epoch.
    pub size_micros: i64,
    /// How long after its end a window still takes events.
    pub allowed_lateness_micros: i64,
    /// How far the watermark stays behind the newest event seen: the disorder that the source is
    /// expected to have.
    pub watermark_bound_micros: i64,
}

impl Default for WindowConfig {
    /// One-minute windows, one minute of disorder, two minutes of lateness.
    fn default() -> Self {
        Self {
            size_micros: 60_000_000,
            allowed_lateness_micros: 120_000_000,
            watermark_bound_micros: 60_000_000,
        }
    }
}

impl WindowConfig {
    /// How the stream is windowed.
    #[must_use]
    pub fn windowing(&self) -> Windowing {
        Windowing::new(WindowFn::fixed(self.size_micros))
            .triggering(Trigger::AtExpiry, Accumulation::Discarding)
            .allowing(self.allowed_lateness_micros)
    }

    /// How the watermark follows the events.
    #[must_use]
    pub fn watermark(&self) -> WatermarkConfig {
        WatermarkConfig { bound_micros: self.watermark_bound_micros, ..WatermarkConfig::default() }
    }
}

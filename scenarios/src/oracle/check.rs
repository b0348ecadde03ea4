//! What the oracle checks of rows, however they were read: their content against the ledger, their scores
//! against the model, and the window table against windows that are computed in one batch. Pure.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use windtunnel_model::{Aggregate, EventTime};
use windtunnel_simulator::{CanonicalEvent, RowSeen, Windowed, fingerprint, id_hash};
use windtunnel_stages::score::{Instance, Model};

/// The rows of the events table, as far as they were read.
#[derive(Debug)]
pub struct RowCheck {
    model: Model,
    /// For the ledger.
    pub seen: Vec<RowSeen>,
    /// Rows with a score.
    pub scored: u64,
    /// Scores that differ from the model's.
    pub scores_mismatched: u64,
    /// Rows marked degraded.
    pub degraded: u64,
}

/// A row of the window table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowRowSeen {
    /// [`id_hash`] of the device.
    pub device: u64,
    /// `window_start`, in microseconds since the epoch.
    pub start_micros: i64,
    /// `event_count`.
    pub count: u64,
    /// `value_count`.
    pub value_count: u64,
    /// `value_sum`.
    pub sum: Option<f64>,
    /// `value_min`.
    pub min: Option<f64>,
    /// `value_max`.
    pub max: Option<f64>,
}

impl RowCheck {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            model: Model::embedded(),
            seen: Vec::new(),
            scored: 0,
            scores_mismatched: 0,
            degraded: 0,
        }
    }

    /// Takes a row in, and answers the hash of its event id.
    pub fn take(
        &mut self,
        event: &CanonicalEvent<'_>,
        score: Option<f64>,
        is_degraded: bool,
        model_version: Option<&str>,
    ) -> u64 {
        let id = id_hash(event.event_id);
        self.seen.push(RowSeen { id, fingerprint: fingerprint(event) });
        self.degraded += u64::from(is_degraded);
        if let Some(score) = score {
            self.scored += 1;
            let same_version = model_version == Some(self.model.version());
            self.scores_mismatched +=
                u64::from(same_version && score.to_bits() != self.score(event).to_bits());
        }
        id
    }

    fn score(&self, event: &CanonicalEvent<'_>) -> f64 {
        let day_micros = event.event_time_micros.rem_euclid(86_400_000_000);
        self.model.score(&Instance {
            event_type: event.event_type.to_owned(),
            hour_of_day: day_micros as f64 / 3_600_000_000.0,
            value: event.value,
            temperature: event.temperature,
            humidity: event.humidity,
            battery: event.battery,
            is_known_user: event.user_id.is_some(),
            has_referrer: event.referrer.is_some(),
        })
    }
}

impl Default for RowCheck {
    fn default() -> Self {
        Self::new()
    }
}

/// Windows in one batch: the events that must be in them, in any order.
#[derive(Debug)]
pub struct WindowCheck {
    window_micros: i64,
    /// By the hash of their device and their start.
    windows: HashMap<(u64, i64), Aggregate, BuildHasherDefault<Mix>>,
}

impl WindowCheck {
    /// No events yet.
    #[must_use]
    pub fn new(window_micros: i64) -> Self {
        Self { window_micros, windows: HashMap::default() }
    }

    /// Counts an event in its window.
    pub fn count(&mut self, event: Windowed) {
        self.windows.entry(self.window_of(event)).or_default().add(event.value());
    }

    /// The window of an event: the hash of its device, and its start.
    #[must_use]
    pub fn window_of(&self, event: Windowed) -> (u64, i64) {
        let start = EventTime(event.event_time_micros).window_start(self.window_micros);
        (event.device, start.0)
    }

    /// The windows that differ from the rows of the window table, are missing there, or are too many.
    #[must_use]
    pub fn mismatched(mut self, rows: impl IntoIterator<Item = WindowRowSeen>) -> Vec<(u64, i64)> {
        let differs = |row: WindowRowSeen| {
            let window = (row.device, row.start_micros);
            let expected = self.windows.remove(&window);
            (!expected.is_some_and(|expected| row.is(&expected))).then_some(window)
        };
        let mut differing: Vec<_> = rows.into_iter().filter_map(differs).collect();
        let mut missing: Vec<_> = self.windows.into_keys().collect();
        missing.sort_unstable();
        differing.extend(missing);
        differing
    }
}

/// Hashes what is a hash already, and a start; nobody chooses either to do harm.
#[derive(Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        // An odd number without a pattern: 2^64 over the golden ratio.
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value.cast_unsigned());
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl WindowRowSeen {
    fn is(&self, expected: &Aggregate) -> bool {
        // Sums differ by the order of their terms; the rest is exact.
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
        let values = expected.value_count > 0;
        self.count == expected.count
            && self.value_count == expected.value_count
            && self.sum.map_or(!values, |sum| near(sum, expected.value_sum))
            && self.min.map_or(!values, |min| near(min, expected.value_min))
            && self.max.map_or(!values, |max| near(max, expected.value_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str, start_micros: i64, values: &[f64]) -> WindowRowSeen {
        WindowRowSeen {
            device: id_hash(device),
            start_micros,
            count: values.len() as u64,
            value_count: values.len() as u64,
            sum: Some(values.iter().sum()),
            min: values.iter().copied().reduce(f64::min),
            max: values.iter().copied().reduce(f64::max),
        }
    }

    #[test]
    fn windows_are_compared_with_those_of_the_rows() {
        let check = || {
            let mut check = WindowCheck::new(60);
            for (device, at, value) in [("a", 1, 1.0), ("a", 59, 3.0), ("b", 60, 5.0)] {
                check.count(Windowed::new(device, at, Some(value)));
            }
            check
        };
        let (first, second) = (row("a", 0, &[1.0, 3.0]), row("b", 60, &[5.0]));
        for (rows, expected) in [
            (vec![first, second], 0),
            (vec![first], 1),
            (vec![first, second, second], 1),
            (vec![first, WindowRowSeen { sum: Some(4.0), ..second }], 1),
            (vec![first, WindowRowSeen { count: 2, ..second }], 1),
            (vec![first, WindowRowSeen { start_micros: 0, ..second }], 2),
        ] {
            assert_eq!(check().mismatched(rows.clone()).len(), expected, "{rows:?}");
        }
    }
}

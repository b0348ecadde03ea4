//! What the oracle checks of rows, however they were read: their content against the ledger, their scores
//! against the model, and the window table against windows that are computed again from the rows. Pure.

use std::collections::HashMap;

use windtunnel_model::{Aggregate, EventTime};
use windtunnel_simulator::{CanonicalEvent, RowSeen, fingerprint, id_hash};
use windtunnel_stages::score::{Instance, Model};

/// The rows of the events table, as far as they were read.
#[derive(Debug)]
pub struct RowCheck {
    window_micros: i64,
    model: Model,
    /// For the ledger.
    pub seen: Vec<RowSeen>,
    /// Windows by the hash of their device and their start.
    windows: HashMap<(u64, i64), Aggregate>,
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
    pub fn new(window_micros: i64) -> Self {
        Self {
            window_micros,
            model: Model::embedded(),
            seen: Vec::new(),
            windows: HashMap::new(),
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
        self.count(event.device_id, event.event_time_micros, event.value);
        self.degraded += u64::from(is_degraded);
        if let Some(score) = score {
            self.scored += 1;
            let same_version = model_version == Some(self.model.version());
            self.scores_mismatched +=
                u64::from(same_version && score.to_bits() != self.score(event).to_bits());
        }
        id
    }

    /// Counts an event in its window: a row's, or one that the table has refused after the windows had
    /// counted it.
    pub fn count(&mut self, device_id: &str, event_micros: i64, value: Option<f64>) {
        let start = EventTime(event_micros).window_start(self.window_micros);
        self.windows.entry((id_hash(device_id), start.0)).or_default().add(value);
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

    /// How many windows differ from the rows of the window table, are missing there, or are too many.
    #[must_use]
    pub fn windows_mismatched(mut self, rows: impl IntoIterator<Item = WindowRowSeen>) -> u64 {
        let differs = |row: &WindowRowSeen| {
            let expected = self.windows.remove(&(row.device, row.start_micros));
            !expected.is_some_and(|expected| row.is(&expected))
        };
        let differing = rows.into_iter().filter(differs).count();
        (differing + self.windows.len()) as u64
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
            let mut check = RowCheck::new(60);
            for (device, at, value) in [("a", 1, 1.0), ("a", 59, 3.0), ("b", 60, 5.0)] {
                check.count(device, at, Some(value));
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
            assert_eq!(check().windows_mismatched(rows.clone()), expected, "{rows:?}");
        }
    }
}

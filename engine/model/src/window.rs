//! Aggregates of one key in one window, and the row that a closed window becomes. Invariant:
//! aggregates merge in any order to the same count, minimum and maximum; sums differ in rounding
//! alone.

use crate::EventTime;

/// What is kept of a device's events in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// Events in the window.
    pub count: u64,
    /// Events that carry a value.
    pub value_count: u64,
    /// Sum of the values.
    pub value_sum: f64,
    /// Least value, +infinity where there is none.
    pub value_min: f64,
    /// Greatest value, -infinity where there is none.
    pub value_max: f64,
}

impl Default for Aggregate {
    fn default() -> Self {
        Self {
            count: 0,
            value_count: 0,
            value_sum: 0.0,
            value_min: f64::INFINITY,
            value_max: f64::NEG_INFINITY,
        }
    }
}

impl Aggregate {
    /// Takes one event in.
    #[inline]
    pub fn add(&mut self, value: Option<f64>) {
        self.count += 1;
        if let Some(value) = value {
            self.value_count += 1;
            self.value_sum += value;
            self.value_min = self.value_min.min(value);
            self.value_max = self.value_max.max(value);
        }
    }

    /// Takes the events of another aggregate in.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.value_count += other.value_count;
        self.value_sum += other.value_sum;
        self.value_min = self.value_min.min(other.value_min);
        self.value_max = self.value_max.max(other.value_max);
    }
}

/// A closed window of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowRow {
    /// The device.
    pub device_id: String,
    /// First instant of the window.
    pub start: EventTime,
    /// First instant after the window.
    pub end: EventTime,
    /// What happened in it.
    pub aggregate: Aggregate,
}

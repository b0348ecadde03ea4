//! What a workload is made of. Invariant: a workload that [`Workload::validate`] passes can be planned.

use crate::limits::{ENTITIES_MAX, RATE_MAX};
use crate::plan::Plan;

/// Everything that decides which events are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The seed of every random stream.
    pub seed: u64,
    /// Event time of the first instant, in microseconds since the epoch.
    pub start_micros: i64,
    /// Length of the run, in nanoseconds.
    pub duration_ns: u64,
    /// Seconds of event time that pass in one second of the run.
    pub time_scale: f64,
    /// Who makes events.
    pub sources: Vec<Source>,
    /// What goes wrong on the way.
    pub disorder: Disorder,
}

/// A group of devices or visitors.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name, part of the names of its members.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// How many members it has.
    pub count: u32,
    /// Events a second of all members together.
    pub rate_per_second: f64,
    /// How the events are spread in time.
    pub arrivals: Arrivals,
}

/// What the members of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Telemetry devices.
    Devices,
    /// Web visitors.
    Visitors,
}

/// How arrivals are spread in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Constant,
    /// With exponential gaps.
    Poisson,
}

/// What goes wrong on the way; shares are of all events, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Disorder {
    /// Events whose event time lies far behind.
    pub late: f64,
    /// By at least this many seconds of event time.
    pub late_by_min_s: f64,
    /// By at most this many seconds of event time.
    pub late_by_max_s: f64,
    /// Events whose event time lies a little behind.
    pub out_of_order: f64,
    /// By at most this many seconds of event time.
    pub out_of_order_by_max_s: f64,
    /// Events that are sent again with the same content.
    pub duplicate: f64,
    /// Events that are sent again under the same id with other content.
    pub conflicting_duplicate: f64,
    /// Events that are no events: truncated, of the wrong type, without a field, not UTF-8.
    pub malformed: f64,
    /// Events larger than an event may be.
    pub oversize: f64,
}

/// Why a workload cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct WorkloadError {
    /// Which value, as `sources[1].rate_per_second`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl Workload {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that is out of its range.
    pub fn validate(&self) -> Result<(), WorkloadError> {
        let wrong = |path: String, message: String| Err(WorkloadError { path, message });
        if self.duration_ns == 0 {
            return wrong("duration".to_owned(), "must be longer than zero".to_owned());
        }
        if !(self.time_scale > 0.0 && self.time_scale <= 1e6) {
            return wrong("time_scale".to_owned(), "must be positive, at most 1e6".to_owned());
        }
        for (index, source) in self.sources.iter().enumerate() {
            if !(1..=ENTITIES_MAX).contains(&source.count) {
                let path = format!("sources[{index}].count");
                return wrong(path, format!("must be 1 to {ENTITIES_MAX}"));
            }
            if !(source.rate_per_second > 0.0 && source.rate_per_second <= RATE_MAX) {
                let path = format!("sources[{index}].rate_per_second");
                return wrong(path, format!("must be positive, at most {RATE_MAX}"));
            }
        }
        self.disorder.validate()
    }

    /// The events, in the order of their intended instants; made lazily.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::new(self)
    }
}

impl Disorder {
    fn validate(&self) -> Result<(), WorkloadError> {
        let shares = [
            ("late", self.late),
            ("out_of_order", self.out_of_order),
            ("duplicate", self.duplicate),
            ("conflicting_duplicate", self.conflicting_duplicate),
            ("malformed", self.malformed),
            ("oversize", self.oversize),
        ];
        let wrong = |name: &str, message: &str| {
            Err(WorkloadError { path: format!("disorder.{name}"), message: message.to_owned() })
        };
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return wrong(name, "must be a share from 0 to 1");
            }
        }
        if shares.iter().map(|(_, share)| share).sum::<f64>() > 1.0 {
            return wrong("*", "the shares add up to more than 1");
        }
        if !(self.late_by_min_s >= 0.0 && self.late_by_max_s >= self.late_by_min_s) {
            return wrong("late_by_max_s", "must not be smaller than late_by_min_s");
        }
        if self.out_of_order_by_max_s.is_nan() || self.out_of_order_by_max_s < 0.0 {
            return wrong("out_of_order_by_max_s", "must not be negative");
        }
        Ok(())
    }
}

//! Latencies in fixed buckets: plain numbers that are copied whole, so that recording takes neither a lock
//! nor memory. Invariant: the counts of the buckets add up to the number of latencies.

/// Upper ends of the buckets, in microseconds; one more bucket takes what is longer.
const BOUNDS: [u64; 16] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// A histogram of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latencies {
    counts: [u64; BOUNDS.len() + 1],
    sum_micros: u64,
}

impl Latencies {
    /// Adds one, in microseconds.
    #[inline]
    pub fn record(&mut self, micros: u64) {
        self.counts[BOUNDS.partition_point(|bound| *bound < micros)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_micros as f64 / 1e6
    }

    /// Upper ends in seconds, each with how many latencies are at most that; the last end is infinite.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let ends = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        ends.zip(self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }
}

/// Where the time of prediction requests goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PredictionTimes {
    /// Waiting for a place among the requests under way.
    pub queue: Latencies,
    /// The call, without the model's time where the service tells that.
    pub call: Latencies,
    /// The model's time, as the service tells it.
    pub model: Latencies,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_in_the_first_bucket_that_holds_it() {
        let mut latencies = Latencies::default();
        for micros in [0, 1_000, 1_001, 400_000_000] {
            latencies.record(micros);
        }
        let counts: Vec<(f64, u64)> = latencies.cumulative().collect();
        assert_eq!(counts[..2], [(0.001, 2), (0.0025, 3)]);
        assert_eq!(counts.last(), Some(&(f64::INFINITY, 4)));
        assert_eq!((latencies.count(), latencies.sum_seconds()), (4, 400.002_001));
    }
}

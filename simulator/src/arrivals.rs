//! When the events of a source are intended, in nanoseconds since the start: open loop, whatever
//! becomes of the events before.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::workload::Arrivals;

#[derive(Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    gap_ns: f64,
    issued: u64,
    at_ns: f64,
    rng: ChaCha8Rng,
}

impl Schedule {
    pub(crate) fn new(arrivals: Arrivals, rate_per_second: f64, rng: ChaCha8Rng) -> Self {
        Self { arrivals, gap_ns: 1e9 / rate_per_second, issued: 0, at_ns: 0.0, rng }
    }

    /// The next instant.
    pub(crate) fn next_ns(&mut self) -> u64 {
        match self.arrivals {
            Arrivals::Constant => self.at_ns = self.issued as f64 * self.gap_ns,
            // The inverse of the exponential distribution; 1 - u is never 0.
            Arrivals::Poisson => {
                let uniform: f64 = self.rng.random();
                self.at_ns += -(1.0 - uniform).ln() * self.gap_ns;
            }
        }
        self.issued += 1;
        self.at_ns as u64
    }
}

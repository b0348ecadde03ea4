//! What is measured of prediction requests: whole latencies for reports, and where their time goes for
//! metrics. The lock is taken once a request of up to 64 instances, never for an event.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use windtunnel_runtime::metrics::PredictionTimes;

/// Latencies of prediction requests; clones share them.
#[derive(Clone, Debug)]
pub struct PredictionStats(Arc<Mutex<Measured>>);

#[derive(Debug)]
struct Measured {
    /// Whole requests, in microseconds.
    requests: Histogram<u64>,
    times: PredictionTimes,
}

impl Default for PredictionStats {
    fn default() -> Self {
        let requests = Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are valid");
        Self(Arc::new(Mutex::new(Measured { requests, times: PredictionTimes::default() })))
    }
}

impl PredictionStats {
    /// Adds a request: how long it waited for its place, how long it took, and how much of that was the
    /// model's, where the service says so.
    pub(crate) fn record(&self, queue: Duration, request: Duration, model: Option<Duration>) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        measured.requests.saturating_record(micros(request).max(1));
        measured.times.queue.record(micros(queue));
        let call = request.saturating_sub(model.unwrap_or_default());
        measured.times.call.record(micros(call));
        if let Some(model) = model {
            measured.times.model.record(micros(model));
        }
    }

    /// A copy of the histogram of whole requests, in microseconds.
    #[must_use]
    pub fn snapshot(&self) -> Histogram<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// Where the time went.
    #[must_use]
    pub fn times(&self) -> PredictionTimes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).times
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The model's time in a `Server-Timing` header (`model;dur=1.5`, in milliseconds), which the embedded
/// service and a container of one's own can send; the shared front end of Vertex AI does not.
pub(crate) fn model_time(header: &str) -> Option<Duration> {
    let metric = header.split(',').map(str::trim).find(|it| it.starts_with("model;"))?;
    let millis = metric.split(';').find_map(|part| part.trim().strip_prefix("dur="))?;
    Duration::try_from_secs_f64(millis.parse::<f64>().ok()? / 1e3).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_request_is_split() {
        let stats = PredictionStats::default();
        let millis = Duration::from_millis;
        stats.record(millis(3), millis(20), Some(millis(15)));
        stats.record(millis(1), millis(10), None);
        let times = stats.times();
        let sums = [times.queue, times.call, times.model].map(|it| it.sum_seconds());
        assert_eq!(sums, [0.004, 0.015, 0.015]);
        assert_eq!((stats.snapshot().len(), times.model.count()), (2, 1));
    }

    #[test]
    fn the_model_time_is_read_from_its_header() {
        for (header, expected) in [
            ("model;dur=1.5", Some(1_500)),
            ("cache;dur=9, model;desc=\"m\";dur=2", Some(2_000)),
            ("model", None),
            ("model;dur=-1", None),
            ("model;dur=x", None),
        ] {
            assert_eq!(model_time(header), expected.map(Duration::from_micros), "{header}");
        }
    }
}

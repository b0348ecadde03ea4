//! The probe: looks at the events table while the run goes on, and takes the time at which each event
//! can be queried. It knows nothing of the engine: what it sees, a user would see.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windtunnel_simulator::{Ledger, id_hash};

use crate::clock::RunClock;
use crate::latency::{histogram, record};
use crate::table::{TableReader, text};

/// How often the table is looked at: the resolution of the latency.
const EVERY: Duration = Duration::from_millis(50);

/// What the probe saw so far; shared with whoever shows progress.
#[derive(Debug)]
pub struct Probe {
    /// From the intended instant to the queryable row, in microseconds.
    pub latency: Histogram<u64>,
    /// Rows seen.
    pub rows: u64,
    /// The same latency for the events of the hot key, and for all others.
    pub fairness: [Histogram<u64>; 2],
}

impl Default for Probe {
    fn default() -> Self {
        Self { latency: histogram(), rows: 0, fairness: [histogram(), histogram()] }
    }
}

/// The columns that the probe reads.
#[must_use]
pub fn columns(hot_source: Option<&str>) -> &'static str {
    if hot_source.is_some() { "event_id,source" } else { "event_id" }
}

/// Looks until `stop`; `reader` must read [`columns`].
pub async fn watch(
    reader: TableReader,
    hot_source: Option<String>,
    ledger: Arc<Mutex<Ledger>>,
    probe: Arc<Mutex<Probe>>,
    clock: RunClock,
    stop: CancellationToken,
) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut from = 0;
    let mut seen = HashSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let rows = match reader.page(from).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the probe cannot read the events table");
                continue;
            }
        };
        from += rows.len() as u64;
        let now = clock.elapsed();
        let is_hot = |row: &[Value]| row.get(1).is_some_and(|it| text(it) == hot_source.as_deref());
        let seen_now =
            rows.iter().filter_map(|row| Some((id_hash(text(row.first()?)?), is_hot(row))));
        let ids: Vec<(u64, bool)> = seen_now.collect();
        let intended: Vec<Option<u64>> = {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter().map(|&(id, _)| ledger.intended_ns(id)).collect()
        };
        let mut probe = probe.lock().unwrap_or_else(PoisonError::into_inner);
        probe.rows = from;
        for ((id, is_hot), intended) in ids.into_iter().zip(intended) {
            // A service may list a row twice while it moves it: the first sight counts.
            if let (true, Some(intended)) = (seen.insert(id), intended) {
                let latency = now.saturating_sub(Duration::from_nanos(intended));
                record(&mut probe.latency, latency);
                if hot_source.is_some() {
                    record(&mut probe.fairness[usize::from(!is_hot)], latency);
                }
            }
        }
    }
}

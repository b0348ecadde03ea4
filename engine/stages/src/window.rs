//! Tumbling event-time windows per device. A window is open until the watermark passes its end by
//! the allowed lateness; then it becomes one row for each device, complete and once. An event for a
//! window that is closed is late: it is given back, never dropped. Invariant: the rows of a window
//! are those of the sorted batch, whatever the order of arrival within the lateness.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use windtunnel_model::{Aggregate, EventTime, WindowRow};

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

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    aggregate: Aggregate,
    touched: bool,
}

type Devices = IndexMap<Box<str>, Entry>;

/// The state of one device in one window, as it goes into a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowEntry {
    /// First instant of the window.
    pub start: EventTime,
    /// The device.
    pub device_id: String,
    /// What happened so far.
    pub aggregate: Aggregate,
}

/// The open windows and the watermark.
#[derive(Debug)]
pub struct Windows {
    config: WindowConfig,
    open: BTreeMap<EventTime, Devices>,
    touched: Vec<(EventTime, usize)>,
    newest: EventTime,
    watermark: EventTime,
}

impl Windows {
    /// No windows, and a watermark before every event.
    #[must_use]
    pub fn new(config: WindowConfig) -> Self {
        Self {
            config,
            open: BTreeMap::new(),
            touched: Vec::new(),
            newest: EventTime::MIN,
            watermark: EventTime::MIN,
        }
    }

    /// The watermark: no event before it is expected any more.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Windows and devices held now.
    #[must_use]
    pub fn open_entries(&self) -> usize {
        self.open.values().map(IndexMap::len).sum()
    }

    /// Takes an event in; false when its window is closed already, and the event is late.
    pub fn add(&mut self, device_id: &str, time: EventTime, value: Option<f64>) -> bool {
        let start = time.window_start(self.config.size_micros);
        if self.is_closed(start) {
            return false;
        }
        self.newest = self.newest.max(time);
        let devices = self.open.entry(start).or_default();
        let index = match devices.get_index_of(device_id) {
            Some(index) => index,
            None => devices.insert_full(device_id.into(), Entry::default()).0,
        };
        let entry = &mut devices[index];
        entry.aggregate.add(value);
        if !entry.touched {
            entry.touched = true;
            self.touched.push((start, index));
        }
        true
    }

    /// Advances the watermark behind the newest event and closes the windows that it passed. Called
    /// between batches, so that all events of a batch meet the same watermark.
    pub fn advance(&mut self) -> Vec<WindowRow> {
        let bound = self.config.watermark_bound_micros;
        self.watermark = self.watermark.max(EventTime(self.newest.0.saturating_sub(bound)));
        let mut rows = Vec::new();
        while let Some(first) = self.open.first_entry() {
            if !closed(&self.config, *first.key(), self.watermark) {
                break;
            }
            let (start, devices) = first.remove_entry();
            self.emit(start, devices, &mut rows);
        }
        rows
    }

    /// Closes all windows whatever the watermark: the source is drained for good. The watermark
    /// itself stays, so that a pipeline that starts again from here does not see all events as late.
    pub fn close_all(&mut self) -> Vec<WindowRow> {
        let mut rows = Vec::new();
        for (start, devices) in std::mem::take(&mut self.open) {
            self.emit(start, devices, &mut rows);
        }
        rows
    }

    /// Ends an epoch: the entries that changed in it and are still open.
    pub fn take_delta(&mut self) -> Vec<WindowEntry> {
        let touched = std::mem::take(&mut self.touched);
        let mut entries = Vec::with_capacity(touched.len());
        for (start, index) in touched {
            let Some(devices) = self.open.get_mut(&start) else { continue };
            let Some((device_id, entry)) = devices.get_index_mut(index) else { continue };
            entry.touched = false;
            let device_id = device_id.to_string();
            entries.push(WindowEntry { start, device_id, aggregate: entry.aggregate });
        }
        entries
    }

    /// All open entries, in the order of windows and first arrival.
    #[must_use]
    pub fn snapshot(&self) -> Vec<WindowEntry> {
        let mut entries = Vec::with_capacity(self.open_entries());
        for (&start, devices) in &self.open {
            entries.extend(devices.iter().map(|(device_id, entry)| WindowEntry {
                start,
                device_id: device_id.to_string(),
                aggregate: entry.aggregate,
            }));
        }
        entries
    }

    /// The newest event time seen, for a checkpoint.
    #[must_use]
    pub fn newest(&self) -> EventTime {
        self.newest
    }

    /// Applies a checkpoint's entries and times, in the order of the epochs. `closed_all` says that
    /// the epoch ended with [`Windows::close_all`].
    pub fn apply(
        &mut self,
        entries: impl IntoIterator<Item = WindowEntry>,
        newest: EventTime,
        watermark: EventTime,
        closed_all: bool,
    ) {
        for WindowEntry { start, device_id, aggregate } in entries {
            let entry = Entry { aggregate, touched: false };
            self.open.entry(start).or_default().insert(device_id.into(), entry);
        }
        self.newest = newest;
        self.watermark = watermark;
        if closed_all {
            self.open.clear();
        }
        let config = self.config;
        self.open.retain(|&start, _| !closed(&config, start, watermark));
    }

    fn is_closed(&self, start: EventTime) -> bool {
        closed(&self.config, start, self.watermark)
    }

    fn emit(&self, start: EventTime, devices: Devices, rows: &mut Vec<WindowRow>) {
        let end = EventTime(start.0.saturating_add(self.config.size_micros));
        rows.extend(devices.into_iter().map(|(device_id, entry)| WindowRow {
            device_id: device_id.into(),
            start,
            end,
            aggregate: entry.aggregate,
        }));
    }
}

/// Whether a window is closed: the watermark has passed its end by the allowed lateness.
fn closed(config: &WindowConfig, start: EventTime, watermark: EventTime) -> bool {
    let last =
        start.0.saturating_add(config.size_micros).saturating_add(config.allowed_lateness_micros);
    watermark.0 >= last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: WindowConfig =
        WindowConfig { size_micros: 60, allowed_lateness_micros: 30, watermark_bound_micros: 20 };

    #[test]
    fn a_window_closes_when_the_watermark_passes_its_lateness() {
        let mut windows = Windows::new(CONFIG);
        assert!(windows.add("a", EventTime(59), Some(1.0)));
        assert!(windows.add("a", EventTime(109), None));
        assert_eq!(windows.advance(), vec![], "the watermark is 89, the window closes at 90");
        assert!(windows.add("a", EventTime(0), Some(3.0)), "late, but within the lateness");
        assert!(windows.add("a", EventTime(110), None));
        let rows = windows.advance();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].start, rows[0].end), (EventTime(0), EventTime(60)));
        assert_eq!((rows[0].aggregate.count, rows[0].aggregate.value_sum), (2, 4.0));
        assert!(!windows.add("a", EventTime(59), None), "the window is closed: late");
    }

    #[test]
    fn an_event_of_the_last_year_that_can_be_does_not_overflow() {
        let mut windows = Windows::new(CONFIG);
        assert!(windows.add("a", EventTime::MAX, None));
        windows.advance();
        assert!(!windows.add("a", EventTime::MIN, None));
    }

    proptest! {
        /// Goal: disorder within the bound changes nothing in the final rows.
        /// Method: shuffle a sorted stream by less than bound and lateness together, compare with
        /// the sorted run.
        #[test]
        fn any_order_within_the_lateness_gives_the_rows_of_the_sorted_batch(
            events in proptest::collection::vec((0_i64..1_000, 0_u8..4, 0_i64..50), 1..200)
        ) {
            let collect = |order: &[(i64, u8, i64)]| {
                let mut windows = Windows::new(CONFIG);
                let mut rows = Vec::new();
                for &(time, device, _) in order {
                    let value = Some(time as f64);
                    let taken = windows.add(&device.to_string(), EventTime(time), value);
                    assert!(taken, "disorder below bound and lateness is never late");
                    rows.extend(windows.advance());
                }
                rows.extend(windows.close_all());
                rows.sort_by(|a, b| (a.start, &a.device_id).cmp(&(b.start, &b.device_id)));
                rows
            };
            let mut sorted = events.clone();
            sorted.sort_unstable();
            let mut shuffled = events;
            shuffled.sort_by_key(|&(time, _, delay)| time + delay);
            prop_assert_eq!(collect(&sorted), collect(&shuffled));
        }

        /// Goal: deltas, applied to a snapshot, rebuild the state. Method: cut at a random epoch.
        #[test]
        fn deltas_and_snapshots_rebuild_the_windows(
            epochs in proptest::collection::vec(
                proptest::collection::vec((0_i64..600, 0_u8..4), 0..10), 1..20
            ),
            cut in 0_usize..20
        ) {
            let mut windows = Windows::new(CONFIG);
            let mut log = Windows::new(CONFIG);
            for (position, epoch) in epochs.into_iter().enumerate() {
                for (time, device) in epoch {
                    windows.add(&device.to_string(), EventTime(time), Some(1.0));
                }
                windows.advance();
                log.apply(windows.take_delta(), windows.newest(), windows.watermark(), false);
                if position == cut {
                    let mut restored = Windows::new(CONFIG);
                    restored.apply(log.snapshot(), log.newest(), log.watermark(), false);
                    log = restored;
                }
                let by_key = |entries: Vec<WindowEntry>| {
                    let mut entries = entries;
                    entries.sort_by(|a, b| (a.start, &a.device_id).cmp(&(b.start, &b.device_id)));
                    entries
                };
                prop_assert_eq!(by_key(windows.snapshot()), by_key(log.snapshot()));
            }
        }
    }
}

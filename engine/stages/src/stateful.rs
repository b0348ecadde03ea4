//! State of any type for every key, with one event-time timer and one processing-time timer each: for
//! what windows cannot say (a session's funnel, an alarm when a device falls silent). Whoever uses it
//! decides when a key's state is dropped, by `clear`. Invariant: a timer fires once, not before its
//! instant, and survives a restart.

use std::collections::BTreeMap;
use std::fmt::Debug;

use windtunnel_model::{EventTime, ProcessingTime, Reader, Stored, Torn, store_text, store_varint};

use crate::keys::{KeyId, KeyTable, hash_of};

/// Which timer of a key has come to its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The watermark has passed it.
    Event(EventTime),
    /// Processing time has passed it.
    Processing(ProcessingTime),
}

/// One key's state while a function works on it.
#[derive(Debug)]
pub struct KeyState<'a, S> {
    /// The key.
    pub key: &'a str,
    /// Its state; the default for a key that had none.
    pub state: &'a mut S,
    /// The watermark that the last batch ended with.
    pub watermark: EventTime,
    /// The time.
    pub now: ProcessingTime,
    timers: &'a mut Timers,
    is_cleared: &'a mut bool,
}

impl<S> KeyState<'_, S> {
    /// Sets the key's event-time timer, in place of the one that may be set.
    pub fn set_event_timer(&mut self, at: EventTime) {
        self.timers.event = Some(at);
    }

    /// Sets the key's processing-time timer, in place of the one that may be set.
    pub fn set_processing_timer(&mut self, at: ProcessingTime) {
        self.timers.processing = Some(at);
    }

    /// Unsets both timers.
    pub fn clear_timers(&mut self) {
        *self.timers = Timers::default();
    }

    /// Drops the key's state and its timers when the function is done.
    pub fn clear(&mut self) {
        *self.is_cleared = true;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Timers {
    event: Option<EventTime>,
    processing: Option<ProcessingTime>,
}

#[derive(Debug)]
struct Entry<S> {
    state: S,
    timers: Timers,
    is_touched: bool,
}

/// The states and timers of all keys.
#[derive(Debug)]
pub struct Stateful<S> {
    keys: KeyTable,
    entries: Vec<Option<Entry<S>>>,
    event_timers: BTreeMap<EventTime, Vec<KeyId>>,
    processing_timers: BTreeMap<ProcessingTime, Vec<KeyId>>,
    touched: Vec<KeyId>,
    removed: Vec<String>,
    watermark: EventTime,
    now: ProcessingTime,
}

impl<S: Stored + Default + Debug> Default for Stateful<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Stored + Default + Debug> Stateful<S> {
    /// No state.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keys: KeyTable::default(),
            entries: Vec::new(),
            event_timers: BTreeMap::new(),
            processing_timers: BTreeMap::new(),
            touched: Vec::new(),
            removed: Vec::new(),
            watermark: EventTime::MIN,
            now: ProcessingTime(i64::MIN),
        }
    }

    /// Keys that have state.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The time at which the next events come.
    pub fn set_time(&mut self, now: ProcessingTime) {
        self.now = self.now.max(now);
    }

    /// Lets a function work on a key's state.
    pub fn with<R>(&mut self, key: &str, work: impl FnOnce(&mut KeyState<'_, S>) -> R) -> R {
        let hash = hash_of(key);
        let id = match self.keys.find(hash, key) {
            Some(id) => id,
            None => self.open(hash, key),
        };
        self.work(id, work)
    }

    /// Ends a batch at an instant and a watermark, and calls `on_timer` for every timer that they have
    /// passed. A timer that is set meanwhile fires at the end of the next batch at the earliest.
    pub fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        on_timer: &mut impl FnMut(&mut KeyState<'_, S>, Timer),
    ) {
        self.set_time(now);
        self.watermark = self.watermark.max(watermark);
        let mut due = Vec::new();
        while let Some(first) = self.processing_timers.first_entry() {
            if *first.key() > self.now {
                break;
            }
            let (at, ids) = first.remove_entry();
            due.extend(ids.into_iter().map(|id| (id, Timer::Processing(at))));
        }
        while let Some(first) = self.event_timers.first_entry() {
            if *first.key() > self.watermark {
                break;
            }
            let (at, ids) = first.remove_entry();
            due.extend(ids.into_iter().map(|id| (id, Timer::Event(at))));
        }
        for (id, timer) in due {
            if self.take_timer(id, timer) {
                self.work(id, |state| on_timer(state, timer));
            }
        }
    }

    /// Fires all event-time timers: the source is drained for good. The watermark stays.
    pub fn close_all(&mut self, on_timer: &mut impl FnMut(&mut KeyState<'_, S>, Timer)) {
        let watermark = self.watermark;
        self.end_batch(EventTime::MAX, self.now, on_timer);
        self.watermark = watermark;
    }

    /// Ends an epoch: adds what changed in it. Layout: watermark, keys without state any more, keys
    /// with state and timers.
    pub fn take_delta(&mut self, out: &mut Vec<u8>) {
        let mut changed = Vec::new();
        for id in std::mem::take(&mut self.touched) {
            if let Some(entry) = self.entries[id.0 as usize].as_mut().filter(|it| it.is_touched) {
                entry.is_touched = false;
                changed.push(id);
            }
        }
        let removed = std::mem::take(&mut self.removed);
        self.store(&removed, &changed, out);
    }

    /// Adds everything, for states that are empty.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let ids = (0..self.entries.len()).filter(|&id| self.entries[id].is_some());
        let ids: Vec<KeyId> = ids.map(|id| KeyId(id as u32)).collect();
        self.store(&[], &ids, out);
    }

    /// Applies a delta, or a snapshot to states that are empty, in the order of the epochs.
    ///
    /// # Errors
    /// [`Torn`] when the bytes are not of these states.
    pub fn apply(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.watermark = EventTime::load(from)?;
        for _ in 0..from.varint()? {
            let key = from.text()?;
            if let Some(id) = self.keys.find(hash_of(key), key) {
                self.close(id);
            }
        }
        for _ in 0..from.varint()? {
            let key = from.text()?;
            let hash = hash_of(key);
            let id = match self.keys.find(hash, key) {
                Some(id) => id,
                None => self.open(hash, key),
            };
            let state = S::load(from)?;
            let timers = Timers { event: Option::load(from)?, processing: Option::load(from)? };
            self.entries[id.0 as usize] = Some(Entry { state, timers, is_touched: false });
            self.register(id, Timers::default(), timers);
        }
        Ok(())
    }

    fn store(&self, removed: &[String], ids: &[KeyId], out: &mut Vec<u8>) {
        self.watermark.store(out);
        store_varint(removed.len() as u64, out);
        removed.iter().for_each(|key| store_text(key, out));
        store_varint(ids.len() as u64, out);
        for &id in ids {
            let Some(entry) = &self.entries[id.0 as usize] else { continue };
            store_text(self.keys.text(id), out);
            entry.state.store(out);
            entry.timers.event.store(out);
            entry.timers.processing.store(out);
        }
    }

    fn open(&mut self, hash: u64, key: &str) -> KeyId {
        let id = self.keys.acquire(hash, key);
        let entry = Entry { state: S::default(), timers: Timers::default(), is_touched: false };
        let position = id.0 as usize;
        if position == self.entries.len() {
            self.entries.push(Some(entry));
        } else {
            self.entries[position] = Some(entry);
        }
        id
    }

    fn close(&mut self, id: KeyId) {
        self.entries[id.0 as usize] = None;
        self.keys.release(id);
    }

    fn work<R>(&mut self, id: KeyId, work: impl FnOnce(&mut KeyState<'_, S>) -> R) -> R {
        let entry = self.entries[id.0 as usize].as_mut().expect("a key that is held has state");
        if !entry.is_touched {
            entry.is_touched = true;
            self.touched.push(id);
        }
        let (before, mut is_cleared) = (entry.timers, false);
        let result = work(&mut KeyState {
            key: self.keys.text(id),
            state: &mut entry.state,
            watermark: self.watermark,
            now: self.now,
            timers: &mut entry.timers,
            is_cleared: &mut is_cleared,
        });
        let after = entry.timers;
        if is_cleared {
            self.removed.push(self.keys.text(id).to_owned());
            self.close(id);
        } else {
            self.register(id, before, after);
        }
        result
    }

    fn register(&mut self, id: KeyId, before: Timers, after: Timers) {
        if let Some(at) = after.event.filter(|_| after.event != before.event) {
            self.event_timers.entry(at).or_default().push(id);
        }
        if let Some(at) = after.processing.filter(|_| after.processing != before.processing) {
            self.processing_timers.entry(at).or_default().push(id);
        }
    }

    /// Unsets a timer that is still set to this instant; false for one that was moved or unset, or
    /// whose key is gone.
    fn take_timer(&mut self, id: KeyId, timer: Timer) -> bool {
        let Some(entry) = &mut self.entries[id.0 as usize] else { return false };
        match timer {
            Timer::Event(at) if entry.timers.event == Some(at) => entry.timers.event = None,
            Timer::Processing(at) if entry.timers.processing == Some(at) => {
                entry.timers.processing = None;
            }
            Timer::Event(_) | Timer::Processing(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An alarm when a key has been silent for 10: the number of events since the last alarm.
    fn alarms(states: &mut Stateful<u64>, watermark: i64, now: i64) -> Vec<(String, u64, Timer)> {
        let mut out = Vec::new();
        states.end_batch(EventTime(watermark), ProcessingTime(now), &mut |key, timer| {
            out.push((key.key.to_owned(), *key.state, timer));
            key.clear();
        });
        out
    }

    fn event(states: &mut Stateful<u64>, key: &str, time: i64) {
        states.with(key, |key| {
            *key.state += 1;
            key.set_event_timer(EventTime(time + 10));
        });
    }

    fn restarted(states: &Stateful<u64>) -> Stateful<u64> {
        let mut bytes = Vec::new();
        states.snapshot(&mut bytes);
        let mut states = Stateful::new();
        states.apply(&mut Reader::new(&bytes)).unwrap();
        states
    }

    #[test]
    fn a_timer_fires_once_when_the_watermark_passes_it_also_after_a_restart() {
        let mut states = Stateful::new();
        event(&mut states, "a", 0);
        event(&mut states, "a", 5);
        event(&mut states, "b", 0);
        let fired = |key: &str, count, at| (key.to_owned(), count, Timer::Event(EventTime(at)));
        assert_eq!(alarms(&mut states, 12, 0), [fired("b", 1, 10)]);
        let mut states = restarted(&states);
        assert_eq!(alarms(&mut states, 14, 0), []);
        assert_eq!(alarms(&mut states, 15, 0), [fired("a", 2, 15)]);
        assert_eq!((alarms(&mut states, 99, 0), states.keys()), (vec![], 0));
    }

    #[test]
    fn processing_time_moves_its_timers_and_not_the_watermarks() {
        let mut states: Stateful<u64> = Stateful::new();
        states.set_time(ProcessingTime(100));
        states.with("a", |key| key.set_processing_timer(ProcessingTime(key.now.0 + 5)));
        assert_eq!(alarms(&mut states, 1_000, 104), []);
        let fired = ("a".to_owned(), 0, Timer::Processing(ProcessingTime(105)));
        assert_eq!(alarms(&mut states, 1_000, 105), [fired]);
    }

    proptest! {
        /// Goal: deltas rebuild states and timers. Method: a follower that gets deltas alone fires the
        /// same timers in the end.
        #[test]
        fn deltas_rebuild_states_and_timers(
            steps in proptest::collection::vec((0_u8..5, 0_i64..100, 0_i64..20), 1..60)
        ) {
            let (mut states, mut follower) = (Stateful::new(), Stateful::new());
            let mut watermark = 0;
            for (key, time, step) in steps {
                event(&mut states, &key.to_string(), time);
                watermark += step;
                alarms(&mut states, watermark, 0);
                let mut delta = Vec::new();
                states.take_delta(&mut delta);
                prop_assert_eq!(follower.apply(&mut Reader::new(&delta)), Ok(()));
            }
            let sorted = |mut states: Stateful<u64>| {
                let mut fired: Vec<_> = alarms(&mut states, i64::MAX, 0)
                    .into_iter().map(|(key, count, _)| (key, count)).collect();
                fired.sort();
                fired
            };
            prop_assert_eq!(sorted(states), sorted(follower));
        }

        #[test]
        fn any_bytes_are_applied_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let _ = Stateful::<u64>::new().apply(&mut Reader::new(&bytes));
        }
    }
}

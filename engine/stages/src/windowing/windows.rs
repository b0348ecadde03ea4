//! The windows of all keys: finds the cell of an event, keeps the timers, and asks triggers at the end
//! of every batch. Aligned windows are found by one hash of key and start, sessions by an ordered
//! index; timers are buckets by instant. An event of the common case (fixed windows, default
//! trigger) costs one probe and the aggregator.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use windtunnel_model::{EventTime, ProcessingTime};

use super::cells::{Cell, Cells, FINISHED, LIVE, PENDING, QUEUED, TOUCHED};
use super::trigger::{At, Node};
use super::{Aggregator, Pane, Window, WindowFn, Windowing};
use crate::keys::{KeyId, KeyTable, hash_of};

/// Windows of every key, with one aggregator and one windowing.
#[derive(Debug)]
pub struct KeyedWindows<A: Aggregator> {
    pub(super) windowing: Windowing,
    pub(super) trigger: Node,
    /// Whether the trigger must be asked for every batch, also before a window's end.
    asks_early: bool,
    pub(super) aggregator: A,
    pub(super) keys: KeyTable,
    pub(super) cells: Cells<A::State>,
    /// Aligned windows, by hash of key and start.
    aligned: HashTable<u32>,
    /// Sessions, by key and start.
    pub(super) sessions: BTreeMap<(KeyId, EventTime), u32>,
    pub(super) watermark_timers: BTreeMap<EventTime, Vec<u32>>,
    pub(super) deadlines: BTreeMap<ProcessingTime, Vec<u32>>,
    pub(super) queued: Vec<u32>,
    pub(super) touched: Vec<u32>,
    /// Cells that left otherwise than by expiring, since the last checkpoint.
    pub(super) removed: Vec<(String, EventTime)>,
    pub(super) closed_all: bool,
    pub(super) watermark: EventTime,
    pub(super) now: ProcessingTime,
    refused: u64,
    /// The window of the last event: most events fall into the same.
    last: Window,
}

impl<A: Aggregator> KeyedWindows<A> {
    /// No windows, and a watermark before every event.
    #[must_use]
    pub fn new(windowing: Windowing, aggregator: A) -> Self {
        let mut slots = Vec::new();
        let trigger = Node::compile(&windowing.trigger, &mut slots);
        let nowhere = Window { start: EventTime::MAX, end: EventTime::MIN };
        Self {
            asks_early: !matches!(trigger, Node::Default | Node::AtExpiry),
            trigger,
            windowing,
            aggregator,
            keys: KeyTable::default(),
            cells: Cells::new(slots),
            aligned: HashTable::new(),
            sessions: BTreeMap::new(),
            watermark_timers: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            queued: Vec::new(),
            touched: Vec::new(),
            removed: Vec::new(),
            closed_all: false,
            watermark: EventTime::MIN,
            now: ProcessingTime(i64::MIN),
            refused: 0,
            last: nowhere,
        }
    }

    /// How the stream is windowed.
    #[must_use]
    pub fn windowing(&self) -> &Windowing {
        &self.windowing
    }

    /// The watermark that the last batch ended with.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Cells held now: keys times windows.
    #[must_use]
    pub fn open(&self) -> usize {
        self.cells.len()
    }

    /// Keys that have a window now.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Events that were late only because no more windows may be open.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The time at which the next events come; triggers count their delays from it. Time never goes
    /// back.
    pub fn set_time(&mut self, now: ProcessingTime) {
        self.now = self.now.max(now);
    }

    /// Takes an event in; false when every window that it falls into has expired or is closed by its
    /// trigger: the event is late.
    pub fn add(&mut self, key: &str, time: EventTime, input: A::Input) -> bool
    where
        A::Input: Clone,
    {
        self.add_hashed(hash_of(key), key, time, input)
    }

    /// As [`KeyedWindows::add`], for a key whose hash is known.
    pub fn add_hashed(&mut self, hash: u64, key: &str, time: EventTime, input: A::Input) -> bool
    where
        A::Input: Clone,
    {
        match self.windowing.window_fn {
            WindowFn::Fixed { .. } | WindowFn::Global => {
                if !self.last.contains(time) {
                    self.last = self.windowing.window_fn.assign(time);
                }
                self.add_aligned(hash, key, self.last, input)
            }
            WindowFn::Sliding { .. } => {
                let mut taken = false;
                for window in self.windowing.window_fn.windows(time) {
                    taken |= self.add_aligned(hash, key, window, input.clone());
                }
                taken
            }
            WindowFn::Session { .. } => {
                let window = self.windowing.window_fn.assign(time);
                if self.is_expired(window) || self.is_full() {
                    return false;
                }
                let id = self.session_of(hash, key, window);
                self.take_in(id, input);
                true
            }
        }
    }

    /// Ends a batch at an instant and a watermark: asks the triggers of the windows that got events,
    /// then moves time and watermark and wakes what they pass.
    pub fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        emit: &mut impl FnMut(Pane<'_, A::Output>),
    ) {
        for id in std::mem::take(&mut self.queued) {
            if self.cells.get(id).has(QUEUED) {
                self.cells.get_mut(id).flags &= !QUEUED;
                self.ask(id, emit);
            }
        }
        self.set_time(now);
        self.fire_deadlines(emit);
        if watermark > self.watermark {
            self.watermark = watermark;
            self.fire_watermark(emit);
        }
    }

    /// Closes all windows as if the watermark had passed everything: the source is drained for good.
    /// The watermark itself stays, so that a pipeline that starts again from here does not see all
    /// events as late.
    pub fn close_all(&mut self, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        let watermark = self.watermark;
        self.end_batch(EventTime::MAX, self.now, emit);
        self.watermark = watermark;
        self.closed_all = true;
    }

    fn add_aligned(&mut self, hash: u64, key: &str, window: Window, input: A::Input) -> bool {
        if self.is_expired(window) {
            return false;
        }
        let (cells, keys) = (&self.cells, &self.keys);
        let found = self.aligned.find(cell_hash(hash, window.start), |&id| {
            let cell = cells.get(id);
            cell.window.start == window.start && keys.is(cell.key, key)
        });
        let id = match found.copied() {
            Some(id) if cells.get(id).has(FINISHED) => return false,
            Some(id) => id,
            None if self.is_full() => return false,
            None => self.open_cell(hash, key, window),
        };
        self.take_in(id, input);
        true
    }

    fn take_in(&mut self, id: u32, input: A::Input) {
        let cell = self.cells.get_mut(id);
        self.aggregator.add(&mut cell.state, input);
        let is_past_end = self.watermark >= cell.window.end;
        if !cell.has(TOUCHED) {
            self.touched.push(id);
        }
        cell.flags |= PENDING | TOUCHED;
        if !self.asks_early && !is_past_end {
            return;
        }
        if !cell.has(QUEUED) {
            cell.flags |= QUEUED;
            self.queued.push(id);
        }
        let at = self.at(id);
        if self.trigger.on_element(at, self.cells.slots_mut(id)) {
            self.set_deadlines(id);
        }
    }

    /// Whether no more windows may be open; counts the event that asks.
    fn is_full(&mut self) -> bool {
        let is_full = self.cells.len() >= self.windowing.open_max;
        self.refused += u64::from(is_full);
        is_full
    }

    /// A new cell, indexed and with its timer.
    pub(super) fn open_cell(&mut self, hash: u64, key: &str, window: Window) -> u32 {
        let key = self.keys.acquire(hash, key);
        let id = self.cells.insert(Cell {
            window,
            wake: EventTime::MIN,
            key,
            index: 0,
            on_time_index: 0,
            flags: LIVE,
            state: self.aggregator.init(),
        });
        self.index(id);
        self.schedule(id);
        id
    }

    /// Takes a cell out of everything but the timers, which find out by themselves.
    pub(super) fn remove_cell(&mut self, id: u32) -> A::State {
        self.unindex(id);
        self.keys.release(self.cells.get(id).key);
        let empty = self.aggregator.init();
        self.cells.remove(id, empty)
    }

    pub(super) fn index(&mut self, id: u32) {
        let cell = self.cells.get(id);
        if self.is_session() {
            self.sessions.insert((cell.key, cell.window.start), id);
            return;
        }
        let (cells, keys) = (&self.cells, &self.keys);
        let hash_at = |id: u32| {
            let cell = cells.get(id);
            cell_hash(keys.hash(cell.key), cell.window.start)
        };
        self.aligned.insert_unique(hash_at(id), id, |&id| hash_at(id));
    }

    pub(super) fn unindex(&mut self, id: u32) {
        let cell = self.cells.get(id);
        if self.is_session() {
            self.sessions.remove(&(cell.key, cell.window.start));
            return;
        }
        let hash = cell_hash(self.keys.hash(cell.key), cell.window.start);
        if let Ok(found) = self.aligned.find_entry(hash, |&other| other == id) {
            found.remove();
        }
    }

    /// The cell of a key and window, where there is one.
    pub(super) fn find(&self, key: &str, start: EventTime) -> Option<u32> {
        let hash = hash_of(key);
        if self.is_session() {
            return self.sessions.get(&(self.keys.find(hash, key)?, start)).copied();
        }
        let is_cell = |&id: &u32| {
            let cell = self.cells.get(id);
            cell.window.start == start && self.keys.is(cell.key, key)
        };
        self.aligned.find(cell_hash(hash, start), is_cell).copied()
    }

    pub(super) fn touch(&mut self, id: u32) {
        let cell = self.cells.get_mut(id);
        if !cell.has(TOUCHED) {
            cell.flags |= TOUCHED;
            self.touched.push(id);
        }
    }

    pub(super) fn at(&self, id: u32) -> At {
        let window_end = self.cells.get(id).window.end;
        At { watermark: self.watermark, now: self.now, window_end }
    }

    pub(super) fn is_session(&self) -> bool {
        matches!(self.windowing.window_fn, WindowFn::Session { .. })
    }

    pub(super) fn is_expired(&self, window: Window) -> bool {
        self.watermark >= self.expiry(window)
    }

    pub(super) fn expiry(&self, window: Window) -> EventTime {
        EventTime(window.end.0.saturating_add(self.windowing.allowed_lateness_micros))
    }
}

fn cell_hash(key: u64, start: EventTime) -> u64 {
    let mixed = (key ^ start.0.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

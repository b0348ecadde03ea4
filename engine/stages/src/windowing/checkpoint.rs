//! Windows in a checkpoint: the cells that changed in an epoch (a delta), or all of them (a snapshot).
//! Cells that expired are not named: whoever applies a delta drops what its watermark has passed.
//! Timers are not stored, because windows and slots say when they are due.
//!
//! Layout: closed-all flag, watermark, removed cells, changed cells.

use windtunnel_model::{EventTime, Reader, Stored, Torn, store_text, store_varint};

use super::cells::{FINISHED, LIVE, PENDING, QUEUED, TOUCHED};
use super::{Aggregator, KeyedWindows, Window};
use crate::keys::hash_of;

impl<A: Aggregator> KeyedWindows<A> {
    /// Ends an epoch: adds what changed in it.
    pub fn take_delta(&mut self, out: &mut Vec<u8>) {
        let touched = std::mem::take(&mut self.touched);
        let mut changed = Vec::with_capacity(touched.len());
        for id in touched {
            let cell = self.cells.get_mut(id);
            if cell.has(LIVE) && cell.has(TOUCHED) {
                cell.flags &= !TOUCHED;
                changed.push(id);
            }
        }
        let removed = std::mem::take(&mut self.removed);
        self.store(self.closed_all, &removed, &changed, out);
        self.closed_all = false;
    }

    /// Adds everything. What changed since the last delta stays to be told by the next.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let live: Vec<u32> = self.cells.live().collect();
        self.store(false, &[], &live, out);
    }

    /// Applies a delta, or a snapshot to windows that are empty, in the order of the epochs.
    ///
    /// # Errors
    /// [`Torn`] when the bytes are not of these windows; they are in no state to go on then.
    pub fn apply(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        if bool::load(from)? {
            for id in self.cells.live().collect::<Vec<_>>() {
                self.remove_cell(id);
            }
        }
        let watermark = EventTime::load(from)?;
        for _ in 0..from.varint()? {
            let key = from.text()?;
            let start = EventTime::load(from)?;
            if let Some(id) = self.find(key, start) {
                self.remove_cell(id);
            }
        }
        for _ in 0..from.varint()? {
            self.load_cell(from)?;
        }
        self.advance_silently(watermark);
        Ok(())
    }

    fn store(
        &self,
        closed_all: bool,
        removed: &[(String, EventTime)],
        ids: &[u32],
        out: &mut Vec<u8>,
    ) {
        closed_all.store(out);
        self.watermark.store(out);
        store_varint(removed.len() as u64, out);
        for (key, start) in removed {
            store_text(key, out);
            start.store(out);
        }
        store_varint(ids.len() as u64, out);
        for &id in ids {
            let cell = self.cells.get(id);
            store_text(self.keys.text(cell.key), out);
            cell.window.start.store(out);
            cell.window.end.store(out);
            out.push(cell.flags & (FINISHED | PENDING));
            cell.index.store(out);
            cell.on_time_index.store(out);
            self.cells.slots(id).iter().for_each(|slot| slot.store(out));
            cell.state.store(out);
        }
    }

    fn load_cell(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        let key = from.text()?;
        let window = Window { start: EventTime::load(from)?, end: EventTime::load(from)? };
        let id = match self.find(key, window.start) {
            Some(id) => id,
            None => self.open_cell(hash_of(key), key, window),
        };
        let cell = self.cells.get_mut(id);
        cell.window = window;
        cell.flags = LIVE | (u8::load(from)? & (FINISHED | PENDING)) | (cell.flags & QUEUED);
        cell.index = u32::load(from)?;
        cell.on_time_index = u32::load(from)?;
        for slot in self.cells.slots_mut(id) {
            *slot = i64::load(from)?;
        }
        self.cells.get_mut(id).state = A::State::load(from)?;
        self.schedule(id);
        self.set_deadlines(id);
        Ok(())
    }

    /// Moves the watermark and drops what expires, without panes: they were given out in the run that
    /// wrote the checkpoint.
    fn advance_silently(&mut self, watermark: EventTime) {
        self.watermark = watermark;
        while let Some(first) = self.watermark_timers.first_entry() {
            if *first.key() > watermark {
                break;
            }
            let (time, ids) = first.remove_entry();
            for id in ids {
                let cell = self.cells.get(id);
                if !cell.has(LIVE) || cell.wake != time {
                    continue;
                }
                if self.is_expired(cell.window) {
                    self.remove_cell(id);
                } else {
                    self.schedule(id);
                }
            }
        }
    }
}

//! Sessions: an event's own window joins the sessions of its key that it overlaps into one. The cell
//! that lives on takes the others' state, slots and events that no pane has shown; where the window
//! changes, panes are counted anew.

use std::ops::Bound;

use windtunnel_model::EventTime;

use super::cells::PENDING;
use super::{Aggregator, KeyedWindows, Window};
use crate::keys::KeyId;

impl<A: Aggregator> KeyedWindows<A> {
    /// The cell of the session that a window of one event belongs to.
    pub(super) fn session_of(&mut self, hash: u64, key: &str, window: Window) -> u32 {
        let Some(key_id) = self.keys.find(hash, key) else {
            return self.open_cell(hash, key, window);
        };
        // Almost always the event falls into one session and at most makes it longer.
        let overlapping = self.overlapping(key_id, window);
        let Some((&id, others)) = overlapping.split_first() else {
            return self.open_cell(hash, key, window);
        };
        let mut merged = self.cells.get(id).window;
        merged.start = merged.start.min(window.start);
        merged.end = merged.end.max(window.end);
        for &other in others {
            merged.end = merged.end.max(self.cells.get(other).window.end);
        }
        // A session that is as large as the merged one keeps its count of panes.
        let whole = overlapping.iter().copied().find(|&id| self.cells.get(id).window == merged);
        let id = whole.unwrap_or(id);
        for &other in overlapping.iter().filter(|&&other| other != id) {
            self.absorb(id, other);
        }
        if whole.is_none() {
            self.grow(id, merged);
        }
        id
    }

    /// The sessions of a key that a window overlaps, in the order of time. Sessions of a key never
    /// overlap one another, so at most one of them begins before the window and reaches into it.
    fn overlapping(&self, key: KeyId, window: Window) -> Vec<u32> {
        let before = (Bound::Included((key, EventTime::MIN)), Bound::Included((key, window.start)));
        let reaching = self
            .sessions
            .range(before)
            .next_back()
            .map(|(_, &id)| id)
            .filter(|&id| self.cells.get(id).window.end > window.start);
        let following = self
            .sessions
            .range((Bound::Excluded((key, window.start)), Bound::Unbounded))
            .take_while(|((other, start), _)| *other == key && *start < window.end)
            .map(|(_, &id)| id);
        reaching.into_iter().chain(following).collect()
    }

    fn absorb(&mut self, id: u32, other: u32) {
        self.record_removal(other);
        let slots = self.cells.slots(other).to_vec();
        let is_pending = self.cells.get(other).flags & PENDING;
        let state = self.remove_cell(other);
        let cell = self.cells.get_mut(id);
        self.aggregator.merge(&mut cell.state, &state);
        cell.flags |= is_pending;
        self.trigger.on_merge(self.cells.slots_mut(id), &slots);
        self.set_deadlines(id);
        self.touch(id);
    }

    fn grow(&mut self, id: u32, window: Window) {
        if self.cells.get(id).window.start == window.start {
            self.cells.get_mut(id).window = window;
        } else {
            self.record_removal(id);
            self.unindex(id);
            self.cells.get_mut(id).window = window;
            self.index(id);
        }
        let cell = self.cells.get_mut(id);
        (cell.index, cell.on_time_index) = (0, 0);
        self.schedule(id);
        self.touch(id);
    }

    pub(super) fn record_removal(&mut self, id: u32) {
        let cell = self.cells.get(id);
        self.removed.push((self.keys.text(cell.key).to_owned(), cell.window.start));
    }
}

//! Timers and firings: which cells the watermark or a deadline wakes, and what a pane says. A cell has
//! one watermark timer at a time, for its window's end and then for its expiry; an older timer in a
//! bucket finds that the cell waits for another instant, and does nothing.

use windtunnel_model::EventTime;

use super::cells::{FINISHED, LIVE, PENDING};
use super::{Accumulation, Aggregator, KeyedWindows, OnTime, Pane, PaneInfo, Timing, Trigger};

/// Why a pane is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Events or a deadline made the trigger fire.
    Trigger,
    /// The watermark passed the window's end.
    WindowEnd,
    /// The window expires with events that no pane has shown.
    Expiry,
}

impl<A: Aggregator> KeyedWindows<A> {
    /// Sets a cell's watermark timer: the window's end, or its expiry when the end is past or nothing
    /// happens there. An earlier timer that stands already is left to find out.
    pub(super) fn schedule(&mut self, id: u32) {
        let window = self.cells.get(id).window;
        let at_end = self.watermark < window.end && self.windowing.trigger != Trigger::AtExpiry;
        let next = if at_end { window.end } else { self.expiry(window) };
        let cell = self.cells.get_mut(id);
        if next < cell.wake || cell.wake <= self.watermark {
            cell.wake = next;
            self.watermark_timers.entry(next).or_default().push(id);
        }
    }

    pub(super) fn set_deadlines(&mut self, id: u32) {
        let deadlines = &mut self.deadlines;
        self.trigger.deadlines(self.cells.slots(id), &mut |deadline| {
            let due = deadlines.entry(deadline).or_default();
            if due.last() != Some(&id) {
                due.push(id);
            }
        });
    }

    /// Fires what the trigger says to fire now.
    pub(super) fn ask(&mut self, id: u32, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        let cell = self.cells.get(id);
        let asks = cell.has(LIVE) && !cell.has(FINISHED);
        if asks && self.trigger.should_fire(self.at(id), self.cells.slots(id)) {
            self.fire(id, Cause::Trigger, emit);
        }
    }

    pub(super) fn fire_deadlines(&mut self, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        while let Some(first) = self.deadlines.first_entry() {
            if *first.key() > self.now {
                break;
            }
            for id in first.remove() {
                self.ask(id, emit);
            }
        }
    }

    pub(super) fn fire_watermark(&mut self, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        while let Some(first) = self.watermark_timers.first_entry() {
            if *first.key() > self.watermark {
                break;
            }
            let (time, ids) = first.remove_entry();
            for id in ids {
                self.wake(id, time, emit);
            }
        }
    }

    fn wake(&mut self, id: u32, time: EventTime, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        let cell = self.cells.get(id);
        if !cell.has(LIVE) || cell.wake != time {
            return;
        }
        let window = cell.window;
        if self.watermark < window.end {
            // The session has grown since the timer was set.
            self.schedule(id);
            return;
        }
        // A session may have grown after its timer was set, but not past the watermark.
        if !cell.has(FINISHED) && time <= window.end {
            self.fire_on_time(id, emit);
        }
        // A session whose trigger has finished is gone by now.
        if !self.cells.get(id).has(LIVE) {
            return;
        }
        if !self.is_expired(window) {
            self.schedule(id);
            return;
        }
        let cell = self.cells.get(id);
        if cell.has(PENDING) && !cell.has(FINISHED) {
            self.fire(id, Cause::Expiry, emit);
        }
        self.remove_cell(id);
    }

    fn fire_on_time(&mut self, id: u32, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        let at = self.at(id);
        if !self.trigger.should_fire(at, self.cells.slots(id)) {
            return;
        }
        if self.windowing.on_time == OnTime::Always || self.cells.get(id).has(PENDING) {
            self.fire(id, Cause::WindowEnd, emit);
        } else if self.trigger.on_fire(at, self.cells.slots_mut(id)) {
            self.finish(id);
        } else {
            self.touch(id);
        }
    }

    fn fire(&mut self, id: u32, cause: Cause, emit: &mut impl FnMut(Pane<'_, A::Output>)) {
        let at = self.at(id);
        let is_finished =
            cause != Cause::Expiry && self.trigger.on_fire(at, self.cells.slots_mut(id));
        let cell = self.cells.get(id);
        let timing = if self.watermark < cell.window.end {
            Timing::Early
        } else if cause != Cause::Trigger && cell.on_time_index == 0 {
            Timing::OnTime
        } else {
            Timing::Late
        };
        let is_early = timing == Timing::Early;
        let info = PaneInfo {
            timing,
            index: cell.index,
            on_time_index: (!is_early).then_some(cell.on_time_index),
            is_last: is_finished || self.is_expired(cell.window),
        };
        emit(Pane {
            key: self.keys.text(cell.key),
            window: cell.window,
            info,
            value: self.aggregator.result(&cell.state),
        });
        let discards = self.windowing.accumulation == Accumulation::Discarding;
        let cell = self.cells.get_mut(id);
        cell.index = cell.index.saturating_add(1);
        cell.on_time_index = cell.on_time_index.saturating_add(u32::from(!is_early));
        cell.flags &= !PENDING;
        if discards {
            cell.state = self.aggregator.init();
        }
        if is_finished {
            self.finish(id);
        } else {
            self.touch(id);
        }
    }

    /// The trigger is finished. An aligned window stays as a mark that it takes no more events until it
    /// expires; a session goes, so that later events begin another.
    fn finish(&mut self, id: u32) {
        if self.is_session() {
            self.record_removal(id);
            self.remove_cell(id);
            return;
        }
        let cell = self.cells.get_mut(id);
        cell.flags |= FINISHED;
        cell.state = self.aggregator.init();
        self.touch(id);
    }
}

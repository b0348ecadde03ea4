//! The cells that hold state: one for a key in a window, in a slab, with the slots of its trigger in a
//! parallel array. A cell costs 48 bytes and its aggregator's state, a slot 8 bytes.

use windtunnel_model::EventTime;

use super::Window;
use crate::keys::KeyId;

pub(super) const LIVE: u8 = 1;
/// Changed since the last checkpoint.
pub(super) const TOUCHED: u8 = 2;
/// The trigger is finished: the window takes no more events.
pub(super) const FINISHED: u8 = 4;
/// Events have come since the last pane.
pub(super) const PENDING: u8 = 8;
/// Waits to be asked at the end of the batch.
pub(super) const QUEUED: u8 = 16;

/// One key in one window.
#[derive(Debug)]
pub(super) struct Cell<S> {
    pub(super) window: Window,
    /// The watermark at which the cell is looked at next.
    pub(super) wake: EventTime,
    pub(super) key: KeyId,
    pub(super) index: u32,
    pub(super) on_time_index: u32,
    pub(super) flags: u8,
    pub(super) state: S,
}

impl<S> Cell<S> {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[derive(Debug)]
pub(super) struct Cells<S> {
    cells: Vec<Cell<S>>,
    slots: Vec<i64>,
    initial_slots: Vec<i64>,
    free: Vec<u32>,
}

impl<S> Cells<S> {
    pub(super) fn new(initial_slots: Vec<i64>) -> Self {
        Self { cells: Vec::new(), slots: Vec::new(), initial_slots, free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() - self.free.len()
    }

    pub(super) fn get(&self, id: u32) -> &Cell<S> {
        &self.cells[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut Cell<S> {
        &mut self.cells[id as usize]
    }

    pub(super) fn slots(&self, id: u32) -> &[i64] {
        let stride = self.initial_slots.len();
        &self.slots[id as usize * stride..][..stride]
    }

    pub(super) fn slots_mut(&mut self, id: u32) -> &mut [i64] {
        let stride = self.initial_slots.len();
        &mut self.slots[id as usize * stride..][..stride]
    }

    pub(super) fn insert(&mut self, cell: Cell<S>) -> u32 {
        match self.free.pop() {
            Some(id) => {
                self.cells[id as usize] = cell;
                let stride = self.initial_slots.len();
                self.slots[id as usize * stride..][..stride].copy_from_slice(&self.initial_slots);
                id
            }
            None => {
                self.cells.push(cell);
                self.slots.extend_from_slice(&self.initial_slots);
                u32::try_from(self.cells.len() - 1).expect("memory ends before 2^32 cells")
            }
        }
    }

    /// Takes a cell out; `empty` is what its state becomes, so that what it held is freed.
    pub(super) fn remove(&mut self, id: u32, empty: S) -> S {
        let cell = &mut self.cells[id as usize];
        cell.flags = 0;
        self.free.push(id);
        std::mem::replace(&mut cell.state, empty)
    }

    /// The numbers of all live cells.
    pub(super) fn live(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.cells).filter(|(_, cell)| cell.has(LIVE)).map(|(id, _)| id)
    }
}

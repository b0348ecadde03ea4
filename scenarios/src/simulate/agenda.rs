//! Virtual time: what happens next is the earliest entry, and of those at the same instant the one that
//! was entered first. Nothing waits; time is where the last entry was. Invariant: time never goes back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is to happen, in microseconds since the epoch.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    entered: u64,
    now: i64,
}

#[derive(Debug)]
struct Entry<T> {
    at: i64,
    ordinal: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.ordinal).cmp(&(other.at, other.ordinal))
    }
}

impl<T> Agenda<T> {
    pub(super) fn new(start: i64) -> Self {
        Self { heap: BinaryHeap::new(), entered: 0, now: start }
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Enters something; what is past happens now.
    pub(super) fn at(&mut self, time: i64, what: T) {
        self.entered += 1;
        self.heap.push(Reverse(Entry { at: time.max(self.now), ordinal: self.entered, what }));
    }

    /// Takes the next entry out, and time goes there.
    pub(super) fn next(&mut self) -> Option<T> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_time_and_then_of_entry() {
        let mut agenda = Agenda::new(10);
        for (at, what) in [(30, 'c'), (20, 'a'), (20, 'b'), (5, 'x')] {
            agenda.at(at, what);
        }
        let mut seen = Vec::new();
        while let Some(what) = agenda.next() {
            seen.push((agenda.now(), what));
        }
        assert_eq!(seen, [(10, 'x'), (20, 'a'), (20, 'b'), (30, 'c')]);
    }
}

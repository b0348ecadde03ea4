//! The lanes of all tables that rows were ever written to, each with its own streams. A table gets its
//! lane with its first row. Invariant: an append and a stream belong to one lane.

use std::sync::Arc;

use windtunnel_model::ProcessingTime;

use super::lane::{Ids, Lane, Lost};
use crate::command::{AppendId, Command, Rows, StreamId, Table, Visibility};
use crate::limits::NAMED_TABLES_MAX;

/// All lanes, in the order in which their tables came up. There are few: a search costs less than a map.
#[derive(Debug)]
pub(super) struct Lanes(Vec<Lane>, Visibility);

impl Lanes {
    /// None yet; their rows will be visible so.
    pub(super) fn new(visibility: Visibility) -> Self {
        Self(Vec::new(), visibility)
    }

    /// Whether rows of a table can be taken: tables that were written to before always are.
    pub(super) fn has_room_for(&self, table: &Table) -> bool {
        self.0.len() < NAMED_TABLES_MAX || self.0.iter().any(|lane| lane.table() == table)
    }

    /// Queues rows of an epoch for a table.
    pub(super) fn push(
        &mut self,
        table: Table,
        epoch: u64,
        rows: Rows,
        ids: &mut Ids,
        out: &mut Vec<Command>,
    ) {
        let lane = match self.0.iter_mut().position(|lane| *lane.table() == table) {
            Some(place) => &mut self.0[place],
            None => {
                self.0.push(Lane::new(table, self.1));
                self.0.last_mut().expect("a lane was just added")
            }
        };
        lane.push(epoch, rows, ids, out);
    }

    /// A stream exists: what waited for it is sent.
    pub(super) fn opened(&mut self, id: StreamId, name: &Arc<str>, out: &mut Vec<Command>) {
        self.0.iter_mut().for_each(|lane| lane.opened(id, name, out));
    }

    /// An append took; one that is not known any more belongs to a stream that was given up.
    pub(super) fn appended(&mut self, id: AppendId) {
        let _known = self.0.iter_mut().any(|lane| lane.appended(id));
    }

    /// The rows and epoch of an append under way.
    pub(super) fn rows_of(&self, id: AppendId) -> Option<(u64, &Rows)> {
        self.0.iter().find_map(|lane| lane.rows_of(id))
    }

    /// The rows of an epoch that no checkpoint covers, of all tables.
    pub(super) fn rows(&self, epoch: u64) -> impl Iterator<Item = &Rows> {
        self.0.iter().flat_map(move |lane| lane.rows(epoch))
    }

    /// Puts other rows in the place of an append's, before the stream is given up.
    pub(super) fn replace_rows(&mut self, id: AppendId, rows: Rows) {
        if let Some(lane) = self.0.iter_mut().find(|lane| lane.rows_of(id).is_some()) {
            lane.replace_rows(id, rows);
        }
    }

    /// Gives up the stream of an append; see [`Lane::abandon`].
    pub(super) fn abandon(
        &mut self,
        cause: AppendId,
        now: ProcessingTime,
        ids: &mut Ids,
    ) -> Option<Lost> {
        self.0.iter_mut().find_map(|lane| lane.abandon(cause, now, ids))
    }

    /// Opens the next streams of lanes whose pause is over.
    pub(super) fn tick(&mut self, now: ProcessingTime, ids: &mut Ids, out: &mut Vec<Command>) {
        self.0.iter_mut().for_each(|lane| lane.tick(now, ids, out));
    }

    /// Whether all rows up to an epoch are in their streams.
    pub(super) fn are_complete(&self, epoch: u64) -> bool {
        self.0.iter().all(|lane| lane.is_complete(epoch))
    }

    /// Takes the appends up to an epoch out, and says where in which streams they end.
    pub(super) fn seal(&mut self, epoch: u64) -> impl Iterator<Item = (Arc<str>, u64)> {
        self.0.iter_mut().filter_map(move |lane| lane.seal(epoch))
    }

    /// The names of the open streams, for the end of the job.
    pub(super) fn stream_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(Lane::stream_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windtunnel_model::TableRows;

    #[test]
    fn there_is_room_for_so_many_tables_and_for_those_that_are_there() {
        let (mut lanes, mut ids, mut out) =
            (Lanes::new(Visibility::ByEpoch), Ids::default(), Vec::new());
        let table = |number: usize| Table::Named(format!("t{number}").into());
        for number in 0..NAMED_TABLES_MAX {
            assert!(lanes.has_room_for(&table(number)));
            let rows = Rows::Named(Arc::new(TableRows::default()));
            lanes.push(table(number), 1, rows, &mut ids, &mut out);
        }
        assert!(lanes.has_room_for(&table(0)));
        assert!(!lanes.has_room_for(&table(NAMED_TABLES_MAX)));
    }
}

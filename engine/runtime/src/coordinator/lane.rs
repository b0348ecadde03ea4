//! The way of one table's rows into write streams: which stream is current, which appends are under
//! way at which offsets, and what to append again when a stream is lost. Invariant: appends are in
//! the order of their epochs, so a prefix of the stream belongs to a prefix of the epochs.

use std::collections::VecDeque;
use std::sync::Arc;

use windtunnel_model::ProcessingTime;

use crate::command::{AppendId, Command, Rows, SinkCommand, StreamId, Table, Visibility};
use crate::limits::{REOPEN_PAUSE_MICROS, REOPEN_PAUSE_MICROS_MAX};

/// Hands out the numbers by which answers find their questions.
#[derive(Debug, Default)]
pub(super) struct Ids(u64);

impl Ids {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

#[derive(Debug)]
struct Stream {
    id: StreamId,
    /// Known once the service has answered.
    name: Option<Arc<str>>,
    next_offset: u64,
}

#[derive(Debug)]
struct Append {
    id: AppendId,
    epoch: u64,
    rows: Rows,
    offset: u64,
    done: bool,
}

/// One table's streams and appends.
#[derive(Debug)]
pub(super) struct Lane {
    table: Table,
    visibility: Visibility,
    stream: Option<Stream>,
    /// Appends that no checkpoint covers yet.
    appends: VecDeque<Append>,
    losses: u32,
    reopen_at: Option<ProcessingTime>,
}

/// A stream that is given up, and how many rows of it checkpoints cover.
#[derive(Debug)]
pub(super) struct Lost {
    /// The stream's name, where it had one.
    pub(super) name: Option<Arc<str>>,
    /// The epoch of the append that did not take.
    pub(super) epoch: u64,
}

impl Lane {
    pub(super) fn new(table: Table, visibility: Visibility) -> Self {
        let appends = VecDeque::new();
        Self { table, visibility, stream: None, appends, losses: 0, reopen_at: None }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Queues rows of an epoch and sends them if the stream is open.
    pub(super) fn push(&mut self, epoch: u64, rows: Rows, ids: &mut Ids, out: &mut Vec<Command>) {
        debug_assert!(self.appends.back().is_none_or(|last| last.epoch <= epoch));
        let id = AppendId(ids.next());
        self.appends.push_back(Append { id, epoch, rows, offset: 0, done: false });
        if self.stream.is_none() && self.reopen_at.is_none() {
            self.open(ids, out);
        } else {
            self.place_last(out);
        }
    }

    /// The stream exists: everything that waited for it is sent.
    pub(super) fn opened(&mut self, id: StreamId, name: &Arc<str>, out: &mut Vec<Command>) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.id == id) else { return };
        stream.name = Some(Arc::clone(name));
        for append in &self.appends {
            out.push(send(id, name, append));
        }
    }

    /// An append took; false when it is none of this lane's.
    pub(super) fn appended(&mut self, id: AppendId) -> bool {
        let Some(append) = self.appends.iter_mut().find(|append| append.id == id) else {
            return false;
        };
        append.done = true;
        self.losses = 0;
        true
    }

    /// The rows and epoch of an append under way.
    pub(super) fn rows_of(&self, id: AppendId) -> Option<(u64, &Rows)> {
        let append = self.appends.iter().find(|append| append.id == id)?;
        Some((append.epoch, &append.rows))
    }

    /// The rows of an epoch that no checkpoint covers.
    pub(super) fn rows(&self, epoch: u64) -> impl Iterator<Item = &Rows> {
        self.appends.iter().filter(move |append| append.epoch == epoch).map(|append| &append.rows)
    }

    /// Puts other rows in the place of an append's, before the stream is given up.
    pub(super) fn replace_rows(&mut self, id: AppendId, rows: Rows) {
        if let Some(append) = self.appends.iter_mut().find(|append| append.id == id) {
            append.rows = rows;
        }
    }

    /// Gives the stream up because of an append: all appends that no checkpoint covers are renumbered
    /// and wait for the next stream, which is opened after a pause that grows with every loss. None
    /// when the append is not known any more: the stream was given up before.
    pub(super) fn abandon(
        &mut self,
        cause: AppendId,
        now: ProcessingTime,
        ids: &mut Ids,
    ) -> Option<Lost> {
        let epoch = self.appends.iter().find(|append| append.id == cause)?.epoch;
        let name = self.stream.take().and_then(|stream| stream.name);
        for append in &mut self.appends {
            append.id = AppendId(ids.next());
            append.done = false;
        }
        self.appends.retain(|append| append.rows.count() > 0);
        let pause = REOPEN_PAUSE_MICROS << self.losses.min(10);
        self.reopen_at = Some(ProcessingTime(now.0 + pause.min(REOPEN_PAUSE_MICROS_MAX)));
        self.losses += 1;
        Some(Lost { name, epoch })
    }

    /// Opens the next stream when the pause is over.
    pub(super) fn tick(&mut self, now: ProcessingTime, ids: &mut Ids, out: &mut Vec<Command>) {
        if self.reopen_at.is_some_and(|at| now >= at) {
            self.reopen_at = None;
            if !self.appends.is_empty() {
                self.open(ids, out);
            }
        }
    }

    /// Whether all rows up to an epoch have been taken by the current stream.
    pub(super) fn is_complete(&self, epoch: u64) -> bool {
        self.appends.iter().take_while(|append| append.epoch <= epoch).all(|append| append.done)
    }

    /// Takes the appends up to an epoch out, and says where in the current stream they end. A stream that is
    /// visible as a whole ends with its epoch.
    pub(super) fn seal(&mut self, epoch: u64) -> Option<(Arc<str>, u64)> {
        let mut end = None;
        while self.appends.front().is_some_and(|append| append.epoch <= epoch) {
            let append = self.appends.pop_front().expect("the front was just seen");
            end = Some(append.offset + append.rows.count());
        }
        let end = end?;
        let name = Arc::clone(self.stream.as_ref()?.name.as_ref()?);
        if self.visibility == Visibility::AtEnd {
            debug_assert!(self.appends.is_empty(), "one epoch at a time");
            self.stream = None;
        }
        Some((name, end))
    }

    /// The current stream's name, for the end of the job.
    pub(super) fn stream_name(&self) -> Option<&Arc<str>> {
        self.stream.as_ref()?.name.as_ref()
    }

    fn open(&mut self, ids: &mut Ids, out: &mut Vec<Command>) {
        let id = StreamId(ids.next());
        let mut next_offset = 0;
        for append in &mut self.appends {
            append.offset = next_offset;
            next_offset += append.rows.count();
        }
        self.stream = Some(Stream { id, name: None, next_offset });
        let (table, visibility) = (self.table.clone(), self.visibility);
        out.push(Command::Sink(SinkCommand::Open { stream: id, table, visibility }));
    }

    fn place_last(&mut self, out: &mut Vec<Command>) {
        let (Some(stream), Some(append)) = (self.stream.as_mut(), self.appends.back_mut()) else {
            return;
        };
        append.offset = stream.next_offset;
        stream.next_offset += append.rows.count();
        if let Some(name) = &stream.name {
            out.push(send(stream.id, name, append));
        }
    }
}

fn send(stream: StreamId, name: &Arc<str>, append: &Append) -> Command {
    Command::Sink(SinkCommand::Append {
        append: append.id,
        stream,
        name: Arc::clone(name),
        offset: append.offset,
        rows: append.rows.clone(),
    })
}

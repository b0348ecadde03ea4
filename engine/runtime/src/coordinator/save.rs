//! How an epoch becomes durable: its record is taken when it closes, and written once its rows are in their
//! streams. Invariant: one checkpoint is under way at a time, in the order of the epochs.

use std::sync::Arc;

use prost::Message as _;
use windtunnel_model::ProcessingTime;

use super::epoch::State;
use super::{Coordinator, StreamState};
use crate::checkpoint::{Checkpoint, ObjectRecord, StreamRecord, state_record};
use crate::command::{Command, ObjectCommand, SinkCommand, Visibility};
use crate::limits::SNAPSHOT_AFTER_DELTA_BYTES;

impl Coordinator {
    /// Ends the open epoch: what the stages learnt in it is taken now, before the next one begins.
    pub(super) fn close(&mut self, now: ProcessingTime) {
        let snapshot_due = self
            .snapshot_bytes
            .is_none_or(|bytes| self.delta_bytes > bytes.max(SNAPSHOT_AFTER_DELTA_BYTES));
        let pipeline = &mut self.pipeline;
        let Some(epoch) = self.epochs.back_mut().filter(|epoch| epoch.state == State::Open) else {
            return;
        };
        let record = state_record(pipeline, epoch.number, snapshot_due, now);
        let bytes = record.encoded_len() as u64;
        if snapshot_due {
            self.snapshot_bytes = Some(bytes);
            self.delta_bytes = 0;
        } else {
            self.delta_bytes += bytes;
        }
        epoch.record = Some(record);
        epoch.state = State::Closed;
    }

    /// Writes the checkpoint of the oldest epoch that has none, once all its rows are in its streams, and
    /// these are sealed if they are PENDING.
    pub(super) fn save_if_complete(&mut self, out: &mut Vec<Command>) {
        let oldest = self.epochs.iter().find(|epoch| epoch.state < State::Saved);
        let Some((number, state, unscored, archived)) =
            oldest.map(|epoch| (epoch.number, epoch.state, epoch.unscored, epoch.archived))
        else {
            return;
        };
        let is_written =
            || unscored == 0 && self.lanes.are_complete(number) && self.archive.covers(archived);
        match (state, self.config.visibility) {
            (State::Closed, Visibility::ByEpoch) if is_written() => {}
            (State::Closed, Visibility::AtEnd) if is_written() => self.seal(number, out),
            (State::Sealing, _) => {}
            _ => return,
        }
        let epoch = self.epochs.iter_mut().find(|epoch| epoch.number == number);
        let epoch = epoch.expect("the epoch was just seen");
        if !epoch.unsealed.is_empty() {
            return;
        }
        for (name, rows) in self.lanes.seal(number) {
            epoch.targets.push((Arc::clone(&name), rows));
            match self.streams.iter_mut().find(|stream| stream.name == name) {
                Some(stream) => stream.saved = rows,
                None => self.streams.push(StreamState {
                    name,
                    saved: rows,
                    flushed: 0,
                    abandoned: false,
                }),
            }
        }
        for object in epoch.take_objects(&self.config.job, self.config.shard) {
            self.objects.insert(object.name.as_str().into(), (number, object.content));
        }
        let mut record = epoch.record.take().expect("a closed epoch has its record");
        self.commits.record(epoch, &mut record);
        record.streams = self
            .streams
            .iter()
            .map(|stream| StreamRecord { name: stream.name.to_string(), rows: stream.saved })
            .collect();
        record.outbox = self
            .objects
            .iter()
            .map(|(name, (_, content))| ObjectRecord {
                name: name.to_string(),
                content: content.clone(),
            })
            .collect();
        epoch.state = State::Saving;
        out.push(Command::SaveCheckpoint(Checkpoint {
            epoch: number,
            is_snapshot: record.is_snapshot,
            bytes: record.encode_to_vec().into(),
        }));
    }

    /// The checkpoint is durable: its rows may become visible and its objects may be written.
    pub(super) fn saved(&mut self, number: u64, out: &mut Vec<Command>) {
        let Some(epoch) = self.epoch_mut(number) else { return };
        epoch.state = State::Saved;
        for (name, rows) in epoch.targets.clone() {
            out.push(Command::Sink(SinkCommand::Flush { name, rows }));
        }
        for (name, (epoch, content)) in &self.objects {
            if *epoch == number {
                let object = ObjectCommand { name: Arc::clone(name), content: content.clone() };
                out.push(Command::Object(object));
            }
        }
        self.counters.checkpoints += 1;
    }
}

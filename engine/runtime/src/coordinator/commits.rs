//! Rows that become visible all together: each epoch has PENDING streams of its own, which are sealed before
//! its checkpoint names them, and all of them are committed when the job is drained. Invariant: a stream is
//! committed only when a checkpoint names it, so a commit can be asked for again by any later run.

use std::sync::Arc;

use windtunnel_model::ProcessingTime;

use super::epoch::{Epoch, State};
use super::{Coordinator, Phase};
use crate::checkpoint::{Record, StreamRecord};
use crate::command::{Command, FatalError, SinkCommand, Visibility};

/// The streams that wait for the end of the job.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Sealed streams that checkpoints name.
    pub(super) sealed: Vec<StreamRecord>,
    is_under_way: bool,
    /// The next checkpoint must say that what was sealed before is committed.
    is_to_be_recorded: bool,
}

impl Commits {
    /// Adds an epoch's sealed streams, and says in its record what is to be committed.
    pub(super) fn record(&mut self, epoch: &mut Epoch, record: &mut Record) {
        let sealed = std::mem::take(&mut epoch.sealed);
        if record.is_snapshot {
            record.pending.clone_from(&self.sealed);
        }
        record.pending.extend_from_slice(&sealed);
        record.committed = std::mem::take(&mut self.is_to_be_recorded);
        self.sealed.extend(sealed);
    }
}

impl Coordinator {
    /// Whether a drain must wait: an epoch with streams of its own has to be saved before the next begins.
    pub(super) fn is_between_epochs(&self) -> bool {
        self.config.visibility == Visibility::ByEpoch
            || self.epochs.iter().all(|epoch| epoch.state == State::Open)
    }

    /// Begins to seal the streams of an epoch whose rows are all in them.
    pub(super) fn seal(&mut self, number: u64, out: &mut Vec<Command>) {
        let ends: Vec<_> = self.lanes.seal(number).collect();
        let Some(epoch) = self.epoch_mut(number) else { return };
        epoch.state = State::Sealing;
        for (name, rows) in ends {
            out.push(Command::Sink(SinkCommand::Seal { name: Arc::clone(&name) }));
            epoch.unsealed.push((name, rows));
        }
    }

    /// A stream takes no more rows: it must hold those that were appended and no others.
    pub(super) fn sealed(
        &mut self,
        name: &Arc<str>,
        result: Result<u64, FatalError>,
    ) -> Result<(), FatalError> {
        let rows = result?;
        let sealing = self.epochs.iter_mut().find(|epoch| epoch.state == State::Sealing);
        let Some(epoch) = sealing else { return Ok(()) };
        let Some(place) = epoch.unsealed.iter().position(|(unsealed, _)| unsealed == name) else {
            return Ok(());
        };
        let (_, appended) = epoch.unsealed.swap_remove(place);
        if rows != appended {
            let message = format!(
                "{name} holds {rows} rows where {appended} were appended: another writer? start the job again, \
                 it goes on from its last checkpoint"
            );
            return Err(FatalError { service: "BigQuery", message });
        }
        epoch.sealed.push(StreamRecord { name: name.to_string(), rows });
        Ok(())
    }

    /// Asks for the commit of everything that was sealed; false when there is nothing left to commit.
    pub(super) fn commit(&mut self, out: &mut Vec<Command>) -> bool {
        if self.commits.sealed.is_empty() {
            return false;
        }
        if !self.commits.is_under_way {
            self.commits.is_under_way = true;
            let names = self.commits.sealed.iter().map(|stream| stream.name.as_str().into());
            out.push(Command::Sink(SinkCommand::Commit { names: names.collect() }));
        }
        true
    }

    /// Everything is visible: one more checkpoint says so, that nobody asks for it again.
    pub(super) fn committed(
        &mut self,
        result: Result<(), FatalError>,
        now: ProcessingTime,
    ) -> Result<(), FatalError> {
        result?;
        if self.phase == Phase::Draining && self.commits.is_under_way {
            self.commits =
                Commits { sealed: Vec::new(), is_under_way: false, is_to_be_recorded: true };
            self.ensure_open(now);
            self.close(now);
        }
        Ok(())
    }
}

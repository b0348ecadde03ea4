//! When the archive is asked to write an epoch and to remove what no checkpoint covers. An epoch is written
//! once its rows are in their streams, and saved once it is written. Invariants: nothing is written before
//! the archive was pruned; a checkpoint covers nothing that is not archived.

use super::epoch::State;
use super::{Coordinator, Phase};
use crate::command::{ArchiveCommand, Command, FatalError, Rows};

/// The archive as the coordinator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Archive {
    /// There is none.
    #[default]
    Off,
    /// It may hold epochs that no checkpoint covers.
    Unpruned,
    /// It takes epochs.
    Ready,
}

/// How far an epoch is on its way into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Archived {
    /// Not asked for.
    #[default]
    No,
    /// Asked for. Stale when a row of it was refused after that.
    Asked { is_stale: bool },
    /// Written, and then a row of it was refused.
    Outdated,
    /// Written as it is.
    Yes,
}

impl Coordinator {
    /// Archives what messages were and became; the command that comes first removes what no checkpoint
    /// covers.
    #[must_use]
    pub fn archiving(mut self, commands: &mut Vec<Command>) -> Self {
        self.archive = Archive::Unpruned;
        self.phase = Phase::Recovering;
        commands.push(Command::Archive(ArchiveCommand::Prune { after: self.next_epoch - 1 }));
        self
    }

    pub(super) fn archive_pruned(
        &mut self,
        result: Result<(), FatalError>,
    ) -> Result<(), FatalError> {
        result?;
        self.archive = Archive::Ready;
        Ok(())
    }

    /// Has every epoch written whose rows are in their streams.
    pub(super) fn archive_complete(&mut self, out: &mut Vec<Command>) {
        if self.archive != Archive::Ready {
            return;
        }
        for epoch in self.epochs.iter_mut().take_while(|epoch| epoch.state != State::Open) {
            let is_due = epoch.state == State::Closed
                && epoch.unscored == 0
                && matches!(epoch.archived, Archived::No | Archived::Outdated)
                && self.lanes.are_complete(epoch.number);
            if !is_due {
                continue;
            }
            let rows = self.lanes.rows(epoch.number).filter(|it| !matches!(it, Rows::Windows(_)));
            let rows: Vec<Rows> = rows.cloned().collect();
            let again = epoch.archived == Archived::Outdated;
            if rows.is_empty() && epoch.rejects.is_empty() && !again {
                epoch.archived = Archived::Yes;
                continue;
            }
            epoch.archived = Archived::Asked { is_stale: false };
            let (epoch, rejects) = (epoch.number, epoch.rejects.clone());
            out.push(Command::Archive(ArchiveCommand::Write { epoch, again, rows, rejects }));
        }
    }

    pub(super) fn archived(
        &mut self,
        number: u64,
        result: Result<(), FatalError>,
    ) -> Result<(), FatalError> {
        result?;
        if let Some(epoch) = self.epoch_mut(number) {
            epoch.archived = match epoch.archived {
                Archived::Asked { is_stale: true } => Archived::Outdated,
                _ => Archived::Yes,
            };
        }
        Ok(())
    }
}

impl Archive {
    /// Whether the checkpoint of an epoch need not wait for the archive.
    pub(super) fn covers(self, archived: Archived) -> bool {
        self == Self::Off || archived == Archived::Yes
    }
}

impl Archived {
    /// A row of the epoch was refused.
    pub(super) fn outdate(&mut self) {
        *self = match *self {
            Self::No => Self::No,
            Self::Asked { .. } => Self::Asked { is_stale: true },
            Self::Outdated | Self::Yes => Self::Outdated,
        };
    }
}

//! Bugs that others have shipped, planted at the borders of the engine to see whether the simulation finds
//! them. They are compiled for tests alone; in any other build every switch is off and costs nothing.

use prost::Message as _;
use windtunnel_runtime::checkpoint::{Checkpoint, ObjectRecord, Record};
use windtunnel_runtime::command::ObjectCommand;
use windtunnel_stages::dedup::DedupConfig;

macro_rules! switches {
    ($($(#[doc = $doc:literal])* $method:ident $bug:ident),+ $(,)?) => {
        /// A bug.
        #[cfg(test)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Bug {
            $($(#[doc = $doc])* $bug),+
        }

        impl Tamper {
            $(
                $(#[doc = $doc])*
                #[inline]
                pub(super) fn $method(self) -> bool {
                    #[cfg(test)]
                    return self.bug == Some(Bug::$bug);
                    #[cfg(not(test))]
                    false
                }
            )+
        }
    };
}

/// Which bug is planted, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tamper {
    #[cfg(test)]
    pub(super) bug: Option<Bug>,
}

switches! {
    /// Messages are acknowledged as soon as they are pulled.
    acks_before_checkpoint AckBeforeCheckpoint,
    /// Dead letters are written before the checkpoint that names them.
    stores_objects_before_checkpoint ObjectsBeforeCheckpoint,
    /// Objects are named by the process, not by the epoch alone.
    names_objects_by_process ObjectsNamedByProcess,
    /// Nothing is ever synced to the disk.
    ignores_syncs NothingSynced,
    /// What is not acknowledged is not given back at the end, and its leases are long.
    drops_nacks_at_shutdown NackDroppedAtShutdown,
}

impl Tamper {
    /// The dedup index of the engine.
    pub(super) fn dedup(self, config: DedupConfig) -> DedupConfig {
        config
    }

    /// Changes the log that an engine begins with.
    pub(super) fn restored(self, _log: &mut [bytes::Bytes]) {}
}

/// The objects that a checkpoint names.
pub(super) fn outbox(checkpoint: &Checkpoint) -> Vec<ObjectCommand> {
    let record = Record::decode(checkpoint.bytes.clone()).unwrap_or_default();
    let command = |it: ObjectRecord| ObjectCommand { name: it.name.into(), content: it.content };
    record.outbox.into_iter().map(command).collect()
}

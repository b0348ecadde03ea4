//! Bugs that others have shipped, planted at the borders of the engine to see whether the simulation finds
//! them. They are compiled for tests alone; in any other build every switch is off and costs nothing. Each
//! says where it was seen.

#[cfg(test)]
mod pipelines;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use prost::Message as _;
use windtunnel_runtime::checkpoint::{Checkpoint, ObjectRecord, Record};
use windtunnel_runtime::command::ObjectCommand;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;
use xxhash_rust::xxh3::xxh3_64;

use super::engine::Stages;

macro_rules! switches {
    ($($(#[doc = $doc:literal])* $method:ident $bug:ident),+ $(,)?) => {
        /// A bug.
        #[cfg(test)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Bug {
            $($(#[doc = $doc])* $bug),+
        }

        #[cfg(test)]
        impl Bug {
            const ALL: &[Self] = &[$(Self::$bug),+];
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
    bug: Option<Bug>,
}

switches! {
    /// Messages are acknowledged as soon as they are pulled (Flink's Pub/Sub source without checkpoints).
    acks_before_checkpoint AckBeforeCheckpoint,
    /// Rows go to the `_default` stream, without offsets (RisingWave, Tremor).
    uses_default_stream DefaultStream,
    /// An append whose answer was lost is appended once more: ALREADY_EXISTS was a failure (beam #26515).
    appends_again AppendedAgain,
    /// A restart writes on into the last stream, and ALREADY_EXISTS is a success, for other bytes too
    /// (beam #26520, #26521).
    reuses_streams AlreadyExistsIsSuccess,
    /// Appends are tried again on their own, in any order, and OUT_OF_RANGE counts as ALREADY_EXISTS
    /// (seatunnel #11561).
    takes_any_offset OutOfRangeIsSuccess,
    /// After a lost answer to a commit the rows are written once more, elsewhere (Redpanda Connect).
    writes_again_after_lost_flush NewStreamAfterLostFlush,
    /// The dedup index forgets before the source redelivers.
    forgets_too_early DedupHorizonTooShort,
    /// Open windows and their timers are not restored.
    loses_timers TimersLostOnRestore,
    /// Rows are flushed when they are appended, not when a checkpoint covers them.
    flushes_at_once FlushBeyondCheckpoint,
    /// What is not acknowledged is not given back at the end, and its leases are long (RisingWave).
    drops_nacks_at_shutdown NackDroppedAtShutdown,
    /// Dead letters are written before the checkpoint that names them.
    stores_objects_before_checkpoint ObjectsBeforeCheckpoint,
    /// Objects are named by the process, not by the epoch alone.
    names_objects_by_process ObjectsNamedByProcess,
    /// Nothing is ever synced to the disk.
    ignores_syncs NothingSynced,
    /// A process whose job was taken over goes on writing checkpoints.
    ignores_fences ZombieNotFenced,
    /// Events in the last tenth of a window are in none: an interval that ends too early.
    misses_borders WindowMissesBorders,
    /// Windows stand before dedup: what is delivered twice counts twice.
    windows_before_dedup WindowsBeforeDedup,
}

impl Tamper {
    #[cfg(test)]
    pub(super) fn with(bug: Bug) -> Self {
        Self { bug: Some(bug) }
    }

    /// The dedup index of the engine.
    pub(super) fn dedup(self, config: DedupConfig) -> DedupConfig {
        if self.forgets_too_early() {
            return DedupConfig { horizon_micros: 1_000_000, ..config };
        }
        config
    }

    /// The stages of the engine, where a bug is in them.
    pub(super) fn stages(self, dedup: DedupConfig, windows: WindowConfig) -> Option<Stages> {
        if !self.misses_borders() && !self.windows_before_dedup() {
            return None;
        }
        #[cfg(test)]
        return Some(pipelines::planted(self, dedup, windows));
        #[cfg(not(test))]
        unreachable!("no bug is planted in a build that is no test: {dedup:?} {windows:?}")
    }

    /// Changes the log that an engine begins with.
    pub(super) fn restored(self, log: &mut [Bytes]) {
        for bytes in log.iter_mut().filter(|_| self.loses_timers()) {
            let mut record = Record::decode(bytes.clone()).unwrap_or_default();
            record.states.retain(|state| state.name != "device_windows");
            *bytes = record.encode_to_vec().into();
        }
    }

    /// Changes a file that the checkpoint store reads: its `HEAD` names the lease of whoever reads it.
    pub(super) fn read(self, name: &str, lease: u64, content: Vec<u8>) -> Vec<u8> {
        const FRAME: usize = 16;
        if !self.ignores_fences() || lease == 0 || name != "HEAD" || content.len() < FRAME {
            return content;
        }
        let mut body = content[FRAME..].to_vec();
        // Of a field that comes twice the last one counts.
        Lease { lease }.encode(&mut body).expect("a vector has room");
        [&content[..FRAME / 2], &xxh3_64(&body).to_le_bytes(), &body].concat()
    }
}

/// The first field of the checkpoint store's `HEAD`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Lease {
    #[prost(uint64, tag = "1")]
    lease: u64,
}

/// The lease that a `HEAD` names; 0 when it is none.
pub(super) fn lease_of(content: &[u8]) -> u64 {
    content.get(16..).and_then(|body| Lease::decode(body).ok()).map_or(0, |head| head.lease)
}

/// The objects that a checkpoint names.
pub(super) fn outbox(checkpoint: &Checkpoint) -> Vec<ObjectCommand> {
    let record = Record::decode(checkpoint.bytes.clone()).unwrap_or_default();
    let command = |it: ObjectRecord| ObjectCommand { name: it.name.into(), content: it.content };
    record.outbox.into_iter().map(command).collect()
}

//! What a checkpoint holds, as a versioned protobuf record: the change of state of one epoch (a
//! delta) or the whole state (a snapshot), how far each write stream is committed, and the objects
//! that are still to be written. Invariant: a snapshot and the deltas after it, applied in the order
//! of their epochs, give back the state; the last record's streams and outbox are all that a restart
//! has to finish.

use bytes::Bytes;
use prost::Message as _;
use windtunnel_model::ProcessingTime;

use crate::flow::{self, RestoreError, StateRecord};
use crate::pipeline::Pipeline;

/// The version that this build writes; it reads no other.
pub const RECORD_VERSION: u32 = 2;

/// One checkpoint, ready for the store.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The epoch that it ends, from 1.
    pub epoch: u64,
    /// Whether it holds the whole state, so that earlier records are not needed any more.
    pub is_snapshot: bool,
    /// The encoded [`Record`].
    pub bytes: Bytes,
}

/// A checkpoint's content.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Record {
    /// [`RECORD_VERSION`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The epoch that it ends.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    /// Whether it holds the whole state.
    #[prost(bool, tag = "3")]
    pub is_snapshot: bool,
    /// Write streams and how many of their rows belong to this checkpoint or earlier ones.
    #[prost(message, repeated, tag = "12")]
    pub streams: Vec<StreamRecord>,
    /// Objects to write, again or for the first time.
    #[prost(message, repeated, tag = "13")]
    pub outbox: Vec<ObjectRecord>,
    /// The stages' states by name: whole in a snapshot, their changes in a delta.
    #[prost(message, repeated, tag = "14")]
    pub states: Vec<StateRecord>,
    /// PENDING streams that are to be committed when the job ends: in a snapshot all, in a delta those of
    /// its epoch.
    #[prost(message, repeated, tag = "15")]
    pub pending: Vec<StreamRecord>,
    /// The PENDING streams of all records before this one are committed.
    #[prost(bool, tag = "16")]
    pub committed: bool,
}

/// How far one write stream is committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamRecord {
    /// The stream's resource name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Rows from its start that are to be visible.
    #[prost(uint64, tag = "2")]
    pub rows: u64,
}

/// An object that must exist.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ObjectRecord {
    /// Its name in the failed-events bucket.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its whole content.
    #[prost(bytes = "bytes", tag = "2")]
    pub content: Bytes,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not a record of ours.
    #[error("checkpoint record cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// Written by another version.
    #[error("checkpoint record has version {found}, this build reads version {RECORD_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// The states of another pipeline, or torn ones.
    #[error("checkpoint record of epoch {epoch}: {source}")]
    State {
        /// The record's epoch.
        epoch: u64,
        /// Which state, and what is wrong.
        source: RestoreError,
    },
    /// The records do not follow one another.
    #[error("checkpoint of epoch {found} follows epoch {previous}: a record is missing")]
    Gap {
        /// The record before.
        previous: u64,
        /// The record found.
        found: u64,
    },
    /// The first record is a delta.
    #[error("checkpoint log begins with the delta of epoch {epoch}, not with a snapshot")]
    NoSnapshot {
        /// The record's epoch.
        epoch: u64,
    },
}

/// The states' part of a record; the coordinator adds streams and outbox before it saves.
#[must_use]
pub fn state_record(
    pipeline: &mut Pipeline,
    epoch: u64,
    is_snapshot: bool,
    now: ProcessingTime,
) -> Record {
    let mut states = |visit: &mut dyn FnMut(&mut dyn flow::State)| pipeline.states(visit);
    let states = match is_snapshot {
        true => flow::snapshot(&mut states, now),
        false => flow::delta(&mut states, now),
    };
    Record {
        version: RECORD_VERSION,
        epoch,
        is_snapshot,
        streams: Vec::new(),
        outbox: Vec::new(),
        states,
        pending: Vec::new(),
        committed: false,
    }
}

/// Rebuilds the states of a pipeline that has seen nothing from encoded records, a snapshot first and
/// deltas after it, and gives back the last record; none for an empty log. Its `pending` are those of all
/// records that are not committed.
///
/// # Errors
/// [`RecordError`] when a record cannot be decoded or does not follow the one before, or when its
/// states are not those of this pipeline.
pub fn restore(pipeline: &mut Pipeline, log: &[Bytes]) -> Result<Option<Record>, RecordError> {
    let mut last: Option<Record> = None;
    for bytes in log {
        let mut record = decode(bytes)?;
        let follows = last.as_ref().map(|previous| previous.epoch.checked_add(1));
        match (&last, follows) {
            (None, _) if !record.is_snapshot => {
                return Err(RecordError::NoSnapshot { epoch: record.epoch });
            }
            (Some(previous), Some(next)) if next != Some(record.epoch) => {
                return Err(RecordError::Gap { previous: previous.epoch, found: record.epoch });
            }
            _ => {}
        }
        let mut states = |visit: &mut dyn FnMut(&mut dyn flow::State)| pipeline.states(visit);
        let restored = match record.is_snapshot {
            true => flow::restore_snapshot(&mut states, &record.states),
            false => flow::restore_delta(&mut states, &record.states),
        };
        restored.map_err(|source| RecordError::State { epoch: record.epoch, source })?;
        if let Some(previous) = last.filter(|_| !record.is_snapshot && !record.committed) {
            record.pending.splice(..0, previous.pending);
        }
        last = Some(record);
    }
    Ok(last)
}

fn decode(bytes: &Bytes) -> Result<Record, RecordError> {
    let record = Record::decode(bytes.clone())?;
    if record.version != RECORD_VERSION {
        return Err(RecordError::Version { found: record.version });
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use windtunnel_stages::dedup::DedupConfig;
    use windtunnel_stages::window::WindowConfig;

    fn pipeline(size_micros: i64) -> Pipeline {
        let windows = WindowConfig { size_micros, ..WindowConfig::default() };
        Pipeline::new(DedupConfig::default(), windows)
    }

    fn record(pipeline: &mut Pipeline, epoch: u64, is_snapshot: bool) -> Bytes {
        state_record(pipeline, epoch, is_snapshot, ProcessingTime(0)).encode_to_vec().into()
    }

    proptest! {
        /// Goal: outside bytes are refused, never a panic. Method: any bytes as a log of one record, and
        /// as the content of each state.
        #[test]
        fn any_bytes_are_restored_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            let bytes = Bytes::from(bytes);
            let _ = restore(&mut pipeline(60), std::slice::from_ref(&bytes));
            let mut torn = state_record(&mut pipeline(60), 1, true, ProcessingTime(0));
            torn.states.iter_mut().for_each(|state| state.content = bytes.clone());
            let _ = restore(&mut pipeline(60), &[torn.encode_to_vec().into()]);
        }
    }

    #[test]
    fn a_gap_in_the_log_is_refused() {
        let mut pipeline = pipeline(60);
        let log = [record(&mut pipeline, 1, true), record(&mut pipeline, 3, false)];
        let restored = restore(&mut pipeline, &log);
        assert!(matches!(restored, Err(RecordError::Gap { previous: 1, found: 3 })));
    }

    #[test]
    fn a_changed_state_is_refused_by_name() {
        let log = [record(&mut pipeline(60), 1, true)];
        assert!(restore(&mut pipeline(60), &log).is_ok());
        let refused = restore(&mut pipeline(61), &log).unwrap_err().to_string();
        assert!(refused.contains("state `device_windows` has changed"), "{refused}");
        assert!(refused.contains("size_micros: 60") && refused.contains("size_micros: 61"));
    }
}

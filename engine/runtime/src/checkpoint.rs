//! What a checkpoint holds, as a versioned protobuf record: the change of state of one epoch (a
//! delta) or the whole state (a snapshot), how far each write stream is committed, and the objects
//! that are still to be written. Invariant: a snapshot and the deltas after it, applied in the order
//! of their epochs, give back the state; the last record's streams and outbox are all that a restart
//! has to finish.

use bytes::Bytes;
use prost::Message as _;
use windtunnel_model::{Aggregate, EventKey, EventTime, ProcessingTime};
use windtunnel_stages::dedup::{DedupConfig, DedupDelta, DedupIndex};
use windtunnel_stages::window::{WindowConfig, WindowEntry, Windows};

use crate::pipeline::Pipeline;

/// The version that this build writes; it reads no other.
pub const RECORD_VERSION: u32 = 1;

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
    /// The watermark, in microseconds of event time.
    #[prost(sint64, tag = "4")]
    pub watermark: i64,
    /// The newest event time seen.
    #[prost(sint64, tag = "5")]
    pub newest: i64,
    /// All windows were closed at the end of the epoch.
    #[prost(bool, tag = "6")]
    pub closed_all: bool,
    /// Keys of the young generation: all of them in a snapshot, the new ones in a delta; 16 bytes each,
    /// little endian.
    #[prost(bytes = "bytes", tag = "7")]
    pub young_keys: Bytes,
    /// Keys of the old generation, in a snapshot.
    #[prost(bytes = "bytes", tag = "8")]
    pub old_keys: Bytes,
    /// The generations took their turn at the end of the epoch (deltas).
    #[prost(bool, tag = "9")]
    pub turned: bool,
    /// When the young generation began.
    #[prost(sint64, optional, tag = "10")]
    pub young_since: Option<i64>,
    /// Open windows: all in a snapshot, those that changed in a delta.
    #[prost(message, repeated, tag = "11")]
    pub windows: Vec<WindowRecord>,
    /// Write streams and how many of their rows belong to this checkpoint or earlier ones.
    #[prost(message, repeated, tag = "12")]
    pub streams: Vec<StreamRecord>,
    /// Objects to write, again or for the first time.
    #[prost(message, repeated, tag = "13")]
    pub outbox: Vec<ObjectRecord>,
}

/// One device in one open window.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WindowRecord {
    /// First instant of the window.
    #[prost(sint64, tag = "1")]
    pub start: i64,
    /// The device.
    #[prost(string, tag = "2")]
    pub device_id: String,
    /// [`Aggregate::count`].
    #[prost(uint64, tag = "3")]
    pub count: u64,
    /// [`Aggregate::value_count`].
    #[prost(uint64, tag = "4")]
    pub value_count: u64,
    /// [`Aggregate::value_sum`].
    #[prost(double, tag = "5")]
    pub value_sum: f64,
    /// [`Aggregate::value_min`].
    #[prost(double, tag = "6")]
    pub value_min: f64,
    /// [`Aggregate::value_max`].
    #[prost(double, tag = "7")]
    pub value_max: f64,
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
    /// A list of keys whose length is no multiple of 16.
    #[error("checkpoint record of epoch {epoch} has a torn list of keys")]
    Keys {
        /// The record's epoch.
        epoch: u64,
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

/// The state's part of a record; the coordinator adds streams and outbox before it saves.
#[must_use]
pub fn delta_record(
    pipeline: &mut Pipeline,
    epoch: u64,
    closed_all: bool,
    now: ProcessingTime,
) -> Record {
    let DedupDelta { keys, turned, young_since } = pipeline.dedup.take_delta(now);
    Record {
        version: RECORD_VERSION,
        epoch,
        is_snapshot: false,
        watermark: pipeline.windows.watermark().0,
        newest: pipeline.windows.newest().0,
        closed_all,
        young_keys: encode_keys(&keys),
        old_keys: Bytes::new(),
        turned,
        young_since: young_since.map(|time| time.0),
        windows: pipeline.windows.take_delta().into_iter().map(window_record).collect(),
        streams: Vec::new(),
        outbox: Vec::new(),
    }
}

/// As [`delta_record`], with the whole state.
#[must_use]
pub fn snapshot_record(
    pipeline: &mut Pipeline,
    epoch: u64,
    closed_all: bool,
    now: ProcessingTime,
) -> Record {
    let delta = delta_record(pipeline, epoch, closed_all, now);
    let (old, young, young_since) = pipeline.dedup.snapshot();
    Record {
        is_snapshot: true,
        young_keys: encode_keys(&young),
        old_keys: encode_keys(&old),
        turned: false,
        young_since: young_since.map(|time| time.0),
        windows: pipeline.windows.snapshot().into_iter().map(window_record).collect(),
        ..delta
    }
}

/// Rebuilds the state from encoded records, a snapshot first and deltas after it, and gives back the
/// last record; none for an empty log.
///
/// # Errors
/// [`RecordError`] when a record cannot be decoded or does not follow the one before.
pub fn restore(
    dedup: DedupConfig,
    windows: WindowConfig,
    log: &[Bytes],
) -> Result<(Pipeline, Option<Record>), RecordError> {
    let mut pipeline = Pipeline::new(dedup, windows);
    let mut last: Option<Record> = None;
    for bytes in log {
        let record = decode(bytes)?;
        match &last {
            None if !record.is_snapshot => {
                return Err(RecordError::NoSnapshot { epoch: record.epoch });
            }
            Some(previous) if record.epoch != previous.epoch + 1 => {
                return Err(RecordError::Gap { previous: previous.epoch, found: record.epoch });
            }
            _ => {}
        }
        apply(&mut pipeline, dedup, windows, &record)?;
        last = Some(record);
    }
    Ok((pipeline, last))
}

fn decode(bytes: &Bytes) -> Result<Record, RecordError> {
    let record = Record::decode(bytes.clone())?;
    if record.version != RECORD_VERSION {
        return Err(RecordError::Version { found: record.version });
    }
    Ok(record)
}

fn apply(
    pipeline: &mut Pipeline,
    dedup: DedupConfig,
    windows: WindowConfig,
    record: &Record,
) -> Result<(), RecordError> {
    let young_since = record.young_since.map(ProcessingTime);
    let young = decode_keys(&record.young_keys, record.epoch)?;
    if record.is_snapshot {
        let old = decode_keys(&record.old_keys, record.epoch)?;
        pipeline.dedup = DedupIndex::restore(dedup, old, young, young_since);
        pipeline.windows = Windows::new(windows);
    } else {
        pipeline.dedup.apply(&DedupDelta { keys: young, turned: record.turned, young_since });
    }
    pipeline.windows.apply(
        record.windows.iter().map(window_entry),
        EventTime(record.newest),
        EventTime(record.watermark),
        record.closed_all,
    );
    Ok(())
}

fn encode_keys(keys: &[EventKey]) -> Bytes {
    let mut bytes = Vec::with_capacity(keys.len() * 16);
    for key in keys {
        bytes.extend_from_slice(&key.0.to_le_bytes());
    }
    bytes.into()
}

fn decode_keys(bytes: &[u8], epoch: u64) -> Result<Vec<EventKey>, RecordError> {
    let (keys, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(RecordError::Keys { epoch });
    }
    Ok(keys.iter().map(|key| EventKey(u128::from_le_bytes(*key))).collect())
}

fn window_record(entry: WindowEntry) -> WindowRecord {
    let Aggregate { count, value_count, value_sum, value_min, value_max } = entry.aggregate;
    WindowRecord {
        start: entry.start.0,
        device_id: entry.device_id,
        count,
        value_count,
        value_sum,
        value_min,
        value_max,
    }
}

fn window_entry(record: &WindowRecord) -> WindowEntry {
    WindowEntry {
        start: EventTime(record.start),
        device_id: record.device_id.clone(),
        aggregate: Aggregate {
            count: record.count,
            value_count: record.value_count,
            value_sum: record.value_sum,
            value_min: record.value_min,
            value_max: record.value_max,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Goal: outside bytes are refused, never a panic. Method: any bytes as a log of one record.
        #[test]
        fn any_bytes_are_restored_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            let log = [Bytes::from(bytes)];
            let _ = restore(DedupConfig::default(), WindowConfig::default(), &log);
        }
    }

    #[test]
    fn a_gap_in_the_log_is_refused() {
        let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
        let now = ProcessingTime(0);
        let first = snapshot_record(&mut pipeline, 1, false, now).encode_to_vec().into();
        let third = delta_record(&mut pipeline, 3, false, now).encode_to_vec().into();
        let restored = restore(DedupConfig::default(), WindowConfig::default(), &[first, third]);
        assert!(matches!(restored, Err(RecordError::Gap { previous: 1, found: 3 })));
    }
}

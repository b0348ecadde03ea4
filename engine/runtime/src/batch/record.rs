//! Checkpoints of a batch run: the parts that the shards hand in for an epoch become one record, after the
//! output files that it names are on disk. Invariant: all parts of a record were cut at the same block.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use prost::Message as _;
use windtunnel_model::ProcessingTime;

use super::files::Written;
use super::{BatchError, BatchReport, failed};
use crate::checkpoint::Checkpoint;
use crate::flow::{
    Happened, Pipeline, Stage, State, StateRecord, Transform, delta, restore_delta,
    restore_snapshot, snapshot,
};
use crate::limits::BATCH_SNAPSHOT_EPOCHS;
use crate::store::DiskStore;

/// What must be the same in all runs of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) workers: u64,
    pub(super) block_bytes: u64,
    pub(super) input_bytes: u64,
    pub(super) checkpoint_blocks: u64,
}

impl Plan {
    pub(super) fn blocks(self) -> u64 {
        self.input_bytes.div_ceil(self.block_bytes)
    }

    /// Whether an epoch ends with a block.
    pub(super) fn ends_epoch(self, block: u64) -> bool {
        (block + 1).is_multiple_of(self.checkpoint_blocks) || block + 1 == self.blocks()
    }

    /// The epoch that a block belongs to, from 1.
    pub(super) fn epoch_of(self, block: u64) -> u64 {
        block / self.checkpoint_blocks + 1
    }
}

/// A shard's part of a checkpoint.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) epoch: u64,
    pub(super) shard: usize,
    pub(super) next_block: u64,
    pub(super) is_finished: bool,
    pub(super) now: ProcessingTime,
    pub(super) states: Vec<StateRecord>,
    pub(super) files: Vec<Written>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BatchRecord {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(bool, tag = "2")]
    is_snapshot: bool,
    #[prost(uint64, tag = "3")]
    next_block: u64,
    #[prost(bool, tag = "4")]
    is_finished: bool,
    #[prost(uint64, tag = "5")]
    workers: u64,
    #[prost(uint64, tag = "6")]
    block_bytes: u64,
    #[prost(uint64, tag = "7")]
    input_bytes: u64,
    #[prost(message, repeated, tag = "8")]
    shards: Vec<ShardRecord>,
    #[prost(btree_map = "string, uint64", tag = "9")]
    files: BTreeMap<String, u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ShardRecord {
    #[prost(sint64, tag = "1")]
    now: i64,
    #[prost(message, repeated, tag = "2")]
    states: Vec<StateRecord>,
}

/// Where a run begins.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) next_block: u64,
    pub(super) next_epoch: u64,
    pub(super) is_finished: bool,
    pub(super) files: BTreeMap<String, u64>,
    /// How far each shard's time has come.
    pub(super) times: Vec<ProcessingTime>,
}

/// Whether an epoch's checkpoint holds the states whole.
pub(super) fn is_snapshot(epoch: u64) -> bool {
    epoch % BATCH_SNAPSHOT_EPOCHS == 1
}

/// The states of one shard at the end of an epoch.
pub(super) fn states_of(
    mut visit: impl FnMut(&mut dyn FnMut(&mut dyn State)),
    epoch: u64,
    now: ProcessingTime,
) -> Vec<StateRecord> {
    if is_snapshot(epoch) { snapshot(&mut visit, now) } else { delta(&mut visit, now) }
}

/// Puts the pipelines into the state of a log of checkpoints.
pub(super) fn restore<In, B, O, S, R, H, K>(
    plan: Plan,
    log: &[Bytes],
    pipelines: &mut [Pipeline<In, B, O, S, R, H, K>],
) -> Result<Start, BatchError>
where
    S: Transform<In, B>,
    R: Fn(&S::Out, &B) -> u64,
    H: Fn(&S::Out, &B) -> Option<Happened>,
    K: Stage<S::Out, B, O, Out = ()>,
{
    let mut start = Start { next_epoch: 1, ..Start::default() };
    for bytes in log {
        let record = BatchRecord::decode(bytes.clone())?;
        for (what, found, expected) in [
            ("workers", record.workers, plan.workers),
            ("block bytes", record.block_bytes, plan.block_bytes),
            ("input bytes", record.input_bytes, plan.input_bytes),
        ] {
            if found != expected {
                return Err(BatchError::OtherSettings { what, found, expected });
            }
        }
        for (pipeline, shard) in pipelines.iter_mut().zip(&record.shards) {
            let mut states =
                |visit: &mut dyn FnMut(&mut dyn State)| pipeline.shard.states::<S::Out>(visit);
            if record.is_snapshot {
                restore_snapshot(&mut states, &shard.states)?;
            } else {
                restore_delta(&mut states, &shard.states)?;
            }
        }
        start = Start {
            next_block: record.next_block,
            next_epoch: record.epoch + 1,
            is_finished: record.is_finished,
            files: record.files,
            times: record.shards.iter().map(|shard| ProcessingTime(shard.now)).collect(),
        };
    }
    Ok(start)
}

/// Collects the parts of each epoch and saves them, until the workers are gone.
pub(super) fn checkpoints(
    store: &DiskStore,
    plan: Plan,
    (first_epoch, stop_after): (u64, Option<u64>),
    parts: Receiver<Part>,
    report: &mut BatchReport,
) -> Result<(), BatchError> {
    let mut waiting: BTreeMap<(u64, usize), Part> = BTreeMap::new();
    let mut epoch = first_epoch;
    for part in parts {
        waiting.insert((part.epoch, part.shard), part);
        while waiting.range((epoch, 0)..=(epoch, usize::MAX)).count() as u64 == plan.workers {
            let later = waiting.split_off(&(epoch + 1, 0));
            let complete = std::mem::replace(&mut waiting, later);
            let checkpoint = record_of(plan, complete.into_values().collect())?;
            let bytes = checkpoint.bytes.len() as u64;
            store.save(&checkpoint)?;
            report.checkpoints += 1;
            report.checkpoint_bytes += bytes;
            report.checkpoint_bytes_max = report.checkpoint_bytes_max.max(bytes);
            if Some(report.checkpoints) == stop_after {
                return Err(BatchError::Stopped { epoch });
            }
            epoch += 1;
        }
    }
    Ok(())
}

fn record_of(plan: Plan, parts: Vec<Part>) -> Result<Checkpoint, BatchError> {
    let mut record = BatchRecord {
        workers: plan.workers,
        block_bytes: plan.block_bytes,
        input_bytes: plan.input_bytes,
        ..BatchRecord::default()
    };
    for part in parts {
        record.epoch = part.epoch;
        record.is_snapshot = is_snapshot(part.epoch);
        record.next_block = part.next_block;
        record.is_finished = part.is_finished;
        record.shards.push(ShardRecord { now: part.now.0, states: part.states });
        for Written { name, length, file } in part.files {
            file.sync_data().map_err(|source| failed("sync", name.as_ref(), source))?;
            record.files.insert(name, length);
        }
    }
    Ok(Checkpoint {
        epoch: record.epoch,
        is_snapshot: record.is_snapshot,
        bytes: record.encode_to_vec().into(),
    })
}

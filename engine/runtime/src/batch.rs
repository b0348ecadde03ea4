//! The batch driver: a pipeline over the lines of a file, sharded by key over worker threads, with rows
//! written to files exactly once. Every worker reads every n-th block of lines, and every worker owns
//! the keys of one shard; a block's events meet their shards in the order of the blocks, so that the
//! result is the same for every number of workers and every timing.
//!
//! A checkpoint is taken after every so many blocks, by each shard at the same block, without stopping:
//! states, and how long each output file is. A restart cuts the files to those lengths and goes on
//! from the next block. Files get their final names when everything is in the last checkpoint.

mod block;
mod files;
mod record;
mod worker;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use windtunnel_model::ProcessingTime;

pub use block::{Added, Block, Line, Span};
pub use files::Outputs;

use crate::flow::{Happened, Pipeline, RestoreError, Stage, Transform};
use crate::store::{DiskStore, StoreError};
use block::Blocks;
use files::Files;
use record::{Plan, checkpoints};
use worker::{Parcel, Worker};

/// What to run over, and how.
#[derive(Debug, Clone)]
pub struct BatchConfig {
    /// The file of lines.
    pub input: PathBuf,
    /// The folder of the output files, which is made.
    pub output: PathBuf,
    /// The folder of the checkpoints, which is made.
    pub checkpoints: PathBuf,
    /// Worker threads, each with a shard of the keys; at least 1.
    pub workers: usize,
    /// Bytes of a block, at least 1. The lines that begin in a block belong to it.
    pub block_bytes: u64,
    /// Blocks between two checkpoints, at least 1.
    pub checkpoint_blocks: u64,
    /// Stops the run after so many checkpoints, for a later one to go on from.
    pub stop_after_checkpoints: Option<u64>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchReport {
    /// Lines read, without those of the run before that this one went on from.
    pub lines: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Bytes of all of them.
    pub checkpoint_bytes: u64,
    /// Bytes of the largest one.
    pub checkpoint_bytes_max: u64,
    /// The block that the run began with: not 0 when it went on from a checkpoint.
    pub first_block: u64,
}

/// Why a batch run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The checkpoint store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A checkpoint that is none of a batch run.
    #[error("batch checkpoint cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The states in the checkpoint are not those of this pipeline.
    #[error("batch checkpoint: {0}")]
    State(#[from] RestoreError),
    /// The checkpoint was written with other settings.
    #[error("the checkpoint was written with {what} {found}, this run has {expected}")]
    OtherSettings {
        /// Which setting.
        what: &'static str,
        /// The checkpoint's.
        found: u64,
        /// This run's.
        expected: u64,
    },
    /// The run was to stop after a checkpoint.
    #[error("stopped after the checkpoint of epoch {epoch}, as asked")]
    Stopped {
        /// The checkpoint's epoch.
        epoch: u64,
    },
    /// A worker has failed, and said why to whoever waits for it.
    #[error("a worker ended early")]
    WorkerGone,
}

/// Runs a pipeline over a file to its end, or goes on from the last checkpoint of such a run. `make` makes
/// the pipeline of each worker.
///
/// # Errors
/// [`BatchError`]; a later run with the same settings goes on from the last checkpoint.
pub fn run_batch<O, S, R, H, K>(
    config: &BatchConfig,
    make: impl Fn() -> Pipeline<Line, Block, O, S, R, H, K>,
) -> Result<BatchReport, BatchError>
where
    O: Outputs + Default + Send,
    S: Transform<Line, Block> + Send,
    S::Out: Send,
    R: Fn(&S::Out, &Block) -> u64 + Send,
    H: Fn(&S::Out, &Block) -> Option<Happened> + Send,
    K: Stage<S::Out, Block, O, Out = ()> + Send,
{
    let workers = config.workers.max(1);
    create_folder(&config.output)?;
    let blocks = Blocks::open(&config.input, config.block_bytes.max(1))?;
    let (store, log) = DiskStore::acquire(&config.checkpoints, "batch")?;
    let mut pipelines: Vec<_> = (0..workers).map(|_| make()).collect();
    let plan = Plan {
        workers: workers as u64,
        block_bytes: blocks.block_bytes(),
        input_bytes: blocks.input_bytes(),
        checkpoint_blocks: config.checkpoint_blocks.max(1),
    };
    let start = record::restore(plan, &log, &mut pipelines)?;
    let mut report = BatchReport { first_block: start.next_block, ..BatchReport::default() };
    if !start.is_finished {
        files::prepare(&config.output, &start.files)?;
        let (parts_sender, parts) = mpsc::channel();
        let (parcel_senders, parcel_receivers) = channels(workers);
        std::thread::scope(|scope| {
            let mut threads = Vec::with_capacity(workers);
            let ends = parcel_senders.into_iter().zip(parcel_receivers);
            for ((index, pipeline), (to, from)) in pipelines.into_iter().enumerate().zip(ends) {
                let files = Files::open(&config.output, index, &start.files)?;
                let worker = Worker {
                    index,
                    blocks: blocks.clone(),
                    plan,
                    next_block: start.next_block,
                    now: start.times.get(index).copied().unwrap_or(ProcessingTime(i64::MIN)),
                    to,
                    from,
                    files,
                    parts: parts_sender.clone(),
                };
                threads.push(scope.spawn(move || worker.run(pipeline)));
            }
            drop(parts_sender);
            let epochs = (start.next_epoch, config.stop_after_checkpoints);
            let saved = checkpoints(&store, plan, epochs, parts, &mut report);
            // Whoever fails takes the others down; the first cause is the one to tell.
            let mut result = saved;
            for thread in threads {
                match thread.join().unwrap_or(Err(BatchError::WorkerGone)) {
                    Ok(lines) => report.lines += lines,
                    Err(BatchError::WorkerGone) if result.is_err() => {}
                    Err(error) => result = Err(error),
                }
            }
            result
        })?;
    }
    files::commit(&config.output)?;
    Ok(report)
}

/// Senders by worker and target, receivers by worker and origin.
type Ends<E> = (Vec<Vec<mpsc::Sender<Parcel<E>>>>, Vec<Vec<mpsc::Receiver<Parcel<E>>>>);

fn channels<E>(workers: usize) -> Ends<E> {
    let mut senders: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    let mut receivers: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for to in receivers.iter_mut() {
        for from in senders.iter_mut() {
            let (sender, receiver) = mpsc::channel();
            from.push(sender);
            to.push(receiver);
        }
    }
    (senders, receivers)
}

fn create_folder(path: &Path) -> Result<(), BatchError> {
    fs::create_dir_all(path).map_err(|source| failed("create", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> BatchError {
    BatchError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;

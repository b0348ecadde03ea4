//! One worker: reads its blocks, hands each event to the worker that owns its key, and moves the events of
//! its own keys through the keyed half, block by block in the order of the file. It reads ahead of what
//! it processes by a few blocks and no more, so that memory is bounded whatever the others do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use windtunnel_model::ProcessingTime;

use super::BatchError;
use super::block::{Block, Blocks, Line};
use super::files::{Files, Outputs};
use super::record::{Part, Plan, states_of};
use crate::flow::{Arrivals, Happened, Pipeline, Stage, Transform};
use crate::limits::BATCH_BLOCKS_AHEAD;

/// A block's events of one shard, with the block that their texts are in.
#[derive(Debug)]
pub(super) struct Parcel<E> {
    block: Arc<Block>,
    events: Vec<E>,
    arrivals: Arrivals,
}

pub(super) struct Worker<E> {
    pub(super) index: usize,
    pub(super) blocks: Blocks,
    pub(super) plan: Plan,
    pub(super) next_block: u64,
    pub(super) now: ProcessingTime,
    pub(super) to: Vec<Sender<Parcel<E>>>,
    pub(super) from: Vec<Receiver<Parcel<E>>>,
    pub(super) files: Files,
    pub(super) parts: Sender<Part>,
}

impl<E: Send> Worker<E> {
    /// Runs to the end of the file; the answer is how many lines this worker has read.
    pub(super) fn run<O, S, R, H, K>(
        mut self,
        mut pipeline: Pipeline<Line, Block, O, S, R, H, K>,
    ) -> Result<u64, BatchError>
    where
        O: Outputs + Default,
        S: Transform<Line, Block, Out = E>,
        R: Fn(&E, &Block) -> u64,
        H: Fn(&E, &Block) -> Option<Happened>,
        K: Stage<E, Block, O, Out = ()>,
    {
        let (blocks, workers) = (self.plan.blocks(), self.to.len() as u64);
        let mine = self.index as u64;
        // The first block from the start on that is this worker's.
        let first = self.next_block;
        let mut next_read = first + (mine + workers - first % workers) % workers;
        let mut own: VecDeque<Parcel<E>> = VecDeque::new();
        let mut state = Progress { out: O::default(), now: self.now, spare: Spare::default() };
        let mut lines = 0;
        while self.next_block < blocks {
            let owner = (self.next_block % workers) as usize;
            let ready = if owner == self.index { own.pop_front() } else { self.poll(owner)? };
            let may_read =
                next_read < blocks && next_read < self.next_block + workers * BATCH_BLOCKS_AHEAD;
            let parcel = match ready {
                Some(parcel) => parcel,
                None if may_read => {
                    lines += self.read(next_read, &pipeline, &mut own, &mut state.spare)?;
                    next_read += workers;
                    continue;
                }
                None => self.from[owner].recv().map_err(|_| BatchError::WorkerGone)?,
            };
            state.now.0 = state.now.0.max(parcel.arrivals.newest.0);
            let Parcel { block, mut events, arrivals } = parcel;
            let now = state.now;
            pipeline.shard.process(events.drain(..), arrivals, &block, &mut state.out, now);
            state.spare.keep(block, events);
            self.finish_block(&mut pipeline, &mut state)?;
        }
        Ok(lines)
    }

    /// A parcel of another worker, if it is there.
    fn poll(&self, owner: usize) -> Result<Option<Parcel<E>>, BatchError> {
        match self.from[owner].try_recv() {
            Ok(parcel) => Ok(Some(parcel)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(BatchError::WorkerGone),
        }
    }

    /// Reads a block and hands its events out to their shards.
    fn read<O, S, R, H, K>(
        &self,
        block: u64,
        pipeline: &Pipeline<Line, Block, O, S, R, H, K>,
        own: &mut VecDeque<Parcel<E>>,
        spare: &mut Spare<E>,
    ) -> Result<u64, BatchError>
    where
        S: Transform<Line, Block, Out = E>,
        R: Fn(&E, &Block) -> u64,
        H: Fn(&E, &Block) -> Option<Happened>,
    {
        let mut block = self.blocks.read(block, spare.bytes.pop().unwrap_or_default())?;
        let (lines, workers) = (block.lines(), self.to.len());
        let mut count = 0;
        let lines = lines.inspect(|_| count += 1);
        let mut shards: Vec<Vec<E>> =
            (0..workers).map(|_| spare.events.pop().unwrap_or_default()).collect();
        let reading = &pipeline.reading;
        let arrivals = reading.read(lines, &mut block, &mut |event, block| {
            let shard = match workers {
                1 => 0,
                // The high half of the hash: the low half finds the key in its shard's table.
                _ => ((reading.key(&event, block) >> 32) * workers as u64) >> 32,
            };
            shards[shard as usize].push(event);
        });
        let block = Arc::new(block);
        for (shard, events) in shards.into_iter().enumerate() {
            let parcel = Parcel { block: Arc::clone(&block), events, arrivals };
            if shard == self.index {
                own.push_back(parcel);
            } else {
                self.to[shard].send(parcel).map_err(|_| BatchError::WorkerGone)?;
            }
        }
        Ok(count)
    }

    /// Writes what is due, and ends the epoch that the block ends.
    fn finish_block<O, S, R, H, K>(
        &mut self,
        pipeline: &mut Pipeline<Line, Block, O, S, R, H, K>,
        state: &mut Progress<O, E>,
    ) -> Result<(), BatchError>
    where
        O: Outputs,
        S: Transform<Line, Block, Out = E>,
        K: Stage<E, Block, O, Out = ()>,
    {
        let block = self.next_block;
        self.next_block += 1;
        let is_finished = self.next_block == self.plan.blocks();
        if is_finished {
            pipeline.shard.drain::<E>(&Block::default(), &mut state.out);
        }
        let ends_epoch = self.plan.ends_epoch(block);
        self.files.write(&mut state.out, ends_epoch)?;
        if !ends_epoch {
            return Ok(());
        }
        let epoch = self.plan.epoch_of(block);
        let shard = &mut pipeline.shard;
        let part = Part {
            epoch,
            shard: self.index,
            next_block: self.next_block,
            is_finished,
            now: state.now,
            states: states_of(|visit| shard.states::<E>(visit), epoch, state.now),
            files: self.files.written(),
        };
        self.parts.send(part).map_err(|_| BatchError::WorkerGone)
    }
}

/// What a worker carries from block to block besides its pipeline.
struct Progress<O, E> {
    out: O,
    now: ProcessingTime,
    spare: Spare<E>,
}

/// Memory of blocks that are done with.
struct Spare<E> {
    bytes: Vec<Vec<u8>>,
    events: Vec<Vec<E>>,
}

impl<E> Default for Spare<E> {
    fn default() -> Self {
        Self { bytes: Vec::new(), events: Vec::new() }
    }
}

impl<E> Spare<E> {
    /// Keeps a block's memory if nobody else reads the block.
    fn keep(&mut self, block: Arc<Block>, events: Vec<E>) {
        let count_max = BATCH_BLOCKS_AHEAD as usize * 2;
        if self.events.len() < count_max {
            self.events.push(events);
        }
        if let Some(block) = Arc::into_inner(block)
            && self.bytes.len() < count_max
        {
            self.bytes.push(block.into_bytes());
        }
    }
}

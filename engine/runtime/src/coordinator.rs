//! The protocol that makes the pipeline exactly once (Beam's and Flink's BUFFERED way): rows are
//! appended at explicit offsets and stay invisible, the epoch's checkpoint is written, only then are
//! rows flushed and dead letters stored, and only then are messages acknowledged. A restart reads the
//! last checkpoint, flushes to its offsets, writes its objects again and gives up every stream's tail;
//! messages that come again meet the dedup index.
//!
//! The coordinator is a pure state machine: inputs and the time come in, commands go out. Invariants,
//! checked in `debug` builds: no flush beyond a saved checkpoint, no ack before flush and objects.

mod answers;
mod archive;
mod commits;
mod epoch;
mod intake;
mod lane;
mod lanes;
mod save;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use windtunnel_model::{AckId, EventBatch, EventTime, ProcessingTime};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::privacy::Privacy;
use windtunnel_stages::window::WindowConfig;

use crate::checkpoint::{Record, RecordError, StreamRecord, restore};
use crate::command::{
    Command, FatalError, Input, ObjectCommand, Rows, ScoreCommand, ScoreId, ScoreOutcome,
    SinkCommand, Table, Visibility,
};
use crate::limits::{EPOCH_MESSAGES_MAX, EPOCH_MESSAGES_MAX_AT_END, EPOCHS_IN_FLIGHT_MAX};
use crate::metrics::Counters;
use crate::pipeline::{Outcome, Pipeline};

use archive::Archive;
use commits::Commits;
use epoch::{Epoch, State};
use lane::Ids;
use lanes::Lanes;

/// What a coordinator is set up with.
#[derive(Debug, Clone)]
pub struct CoordinatorConfig {
    /// Names the job's objects; the same over all restarts of a job, another for every other job.
    pub job: String,
    /// Which of the job's shards this is.
    pub shard: u32,
    /// How long an epoch takes messages, in microseconds.
    pub checkpoint_interval_micros: i64,
    /// Whether events are scored.
    pub predict: bool,
    /// When rows become visible.
    pub visibility: Visibility,
    /// The dedup index.
    pub dedup: DedupConfig,
    /// The windows.
    pub windows: WindowConfig,
}

/// Where a coordinator is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Finishing what the last checkpoint promises.
    Recovering,
    /// At work.
    Running,
    /// No more messages are taken; what is under way is finished.
    Draining,
    /// Everything is visible and acknowledged.
    Drained,
}

/// A stream with how far it is committed, saved in a checkpoint, and visible.
#[derive(Debug)]
struct StreamState {
    name: Arc<str>,
    saved: u64,
    flushed: u64,
    abandoned: bool,
}

#[derive(Debug)]
struct Scoring {
    id: ScoreId,
    epoch: u64,
    batch: Arc<EventBatch>,
    answer: Option<(Vec<ScoreOutcome>, String)>,
}

/// One shard's protocol state.
#[derive(Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    pipeline: Pipeline,
    phase: Phase,
    epochs: VecDeque<Epoch>,
    next_epoch: u64,
    scoring: VecDeque<Scoring>,
    lanes: Lanes,
    streams: Vec<StreamState>,
    commits: Commits,
    /// A drain was asked for and must wait.
    drain_waits: bool,
    /// Objects that are not known to be stored, with the epoch that made them.
    objects: BTreeMap<Arc<str>, (u64, Bytes)>,
    ids: Ids,
    delta_bytes: u64,
    /// Size of the last snapshot; none before the first, which must then be the next record.
    snapshot_bytes: Option<u64>,
    counters: Counters,
    /// What is taken out of messages before anything else looks at them.
    privacy: Option<Arc<Privacy>>,
    archive: Archive,
}

impl Coordinator {
    /// A coordinator that goes on from a log of checkpoints (empty for a new job), and the commands
    /// that finish what the last of them promises.
    ///
    /// # Errors
    /// [`RecordError`] when the log cannot be read.
    pub fn start(
        config: CoordinatorConfig,
        log: &[Bytes],
    ) -> Result<(Self, Vec<Command>), RecordError> {
        let pipeline = Pipeline::new(config.dedup, config.windows);
        Self::start_with(config, pipeline, log)
    }

    /// As [`Coordinator::start`], with a pipeline of other stages, that has seen nothing.
    ///
    /// # Errors
    /// [`RecordError`] when the log cannot be read, or its states are not those of this pipeline.
    pub fn start_with(
        config: CoordinatorConfig,
        mut pipeline: Pipeline,
        log: &[Bytes],
    ) -> Result<(Self, Vec<Command>), RecordError> {
        let last = restore(&mut pipeline, log)?;
        let mut coordinator = Self {
            lanes: Lanes::new(config.visibility),
            commits: Commits::default(),
            drain_waits: false,
            config,
            pipeline,
            phase: Phase::Running,
            epochs: VecDeque::new(),
            next_epoch: last.as_ref().map_or(1, |record| record.epoch + 1),
            scoring: VecDeque::new(),
            streams: Vec::new(),
            objects: BTreeMap::new(),
            ids: Ids::default(),
            delta_bytes: log.iter().skip(1).map(|bytes| bytes.len() as u64).sum(),
            snapshot_bytes: log.first().map(|bytes| bytes.len() as u64),
            counters: Counters::default(),
            privacy: None,
            archive: Archive::Off,
        };
        let mut commands = Vec::new();
        if let Some(record) = last {
            coordinator.recover(record, &mut commands);
        }
        Ok((coordinator, commands))
    }

    /// Redacts every message before the stages see it.
    #[must_use]
    pub fn with_privacy(self, privacy: Option<Arc<Privacy>>) -> Self {
        Self { privacy, ..self }
    }

    /// Where this coordinator is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The pipeline, to look at.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// How far event time has come.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.pipeline.watermark()
    }

    /// Epochs that are not acknowledged yet, the open one included.
    #[must_use]
    pub fn epochs_in_flight(&self) -> usize {
        self.epochs.len()
    }

    /// Whether the source may hand messages in: backpressure is the answer no.
    #[must_use]
    pub fn wants_messages(&self) -> bool {
        self.phase == Phase::Running
            && !self.drain_waits
            && self.is_between_epochs()
            && (self.epochs.len() < EPOCHS_IN_FLIGHT_MAX || self.open_epoch().is_some())
    }

    /// Takes one input in at an instant and adds the commands that follow from it.
    ///
    /// # Errors
    /// [`FatalError`] when the job cannot go on; the process should end and be started again.
    pub fn step(
        &mut self,
        input: Input,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) -> Result<(), FatalError> {
        match input {
            Input::Pulled(messages) => self.pulled(messages, now, out),
            Input::StreamOpened { stream, result } => {
                let name = result?;
                self.lanes.opened(stream, &name, out);
            }
            Input::Appended { append, result } => self.appended(append, result, now, out)?,
            Input::Scored { score, outcomes, model_version } => {
                self.scored(score, outcomes, model_version, out)?;
            }
            Input::CheckpointSaved { epoch, result } => {
                result?;
                self.saved(epoch, out);
            }
            Input::Flushed { name, result } => {
                let rows = result?;
                if let Some(stream) = self.streams.iter_mut().find(|stream| stream.name == name) {
                    stream.flushed = stream.flushed.max(rows);
                }
            }
            Input::Sealed { name, result } => self.sealed(&name, result)?,
            Input::Committed { result } => self.committed(result, now)?,
            Input::ObjectWritten { name, result } => {
                result?;
                self.objects.remove(&name);
            }
            Input::Archived { epoch, result } => self.archived(epoch, result)?,
            Input::ArchivePruned { result } => self.archive_pruned(result)?,
            Input::Tick => self.time_passed(now, out),
            Input::Drain => self.drain_waits = true,
        }
        if self.drain_waits && self.is_between_epochs() {
            self.drain_waits = false;
            self.drain(now, out);
        }
        self.lanes.tick(now, &mut self.ids, out);
        self.close_if_due(now);
        self.archive_complete(out);
        self.save_if_complete(out);
        self.finish(now, out);
        Ok(())
    }

    fn recover(&mut self, record: Record, out: &mut Vec<Command>) {
        self.commits.sealed = record.pending;
        for StreamRecord { name, rows } in record.streams {
            let name: Arc<str> = name.into();
            out.push(Command::Sink(SinkCommand::Flush { name: Arc::clone(&name), rows }));
            self.streams.push(StreamState { name, saved: rows, flushed: 0, abandoned: true });
        }
        for object in record.outbox {
            let name: Arc<str> = object.name.into();
            self.objects.insert(Arc::clone(&name), (record.epoch, object.content.clone()));
            out.push(Command::Object(ObjectCommand { name, content: object.content }));
        }
        if !out.is_empty() {
            self.phase = Phase::Recovering;
        }
    }

    /// Puts what became of messages into the open epoch.
    fn place(
        &mut self,
        outcome: Outcome,
        acks: Vec<AckId>,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) {
        self.counters.duplicates += outcome.duplicates;
        let number = self.ensure_open(now);
        let epoch = self.epochs.back_mut().expect("an epoch was just opened");
        epoch.acks.extend(acks);
        for reject in &outcome.rejects {
            self.counters.count_reject(reject.reason);
            epoch.add_reject(reject);
        }
        if self.archive != Archive::Off {
            epoch.rejects.extend(outcome.rejects);
        }
        if !outcome.events.events.is_empty() {
            self.counters.rows += outcome.events.events.len() as u64;
            let batch = Arc::new(outcome.events);
            if self.config.predict {
                epoch.unscored += 1;
                let id = ScoreId(self.ids.next());
                let command = ScoreCommand { score: id, batch: Arc::clone(&batch) };
                out.push(Command::Score(command));
                self.scoring.push_back(Scoring { id, epoch: number, batch, answer: None });
            } else {
                self.lanes.push(Table::Events, number, Rows::Events(batch), &mut self.ids, out);
            }
        }
        if !outcome.windows.is_empty() {
            self.counters.window_rows += outcome.windows.len() as u64;
            let rows = Rows::Windows(Arc::new(outcome.windows));
            self.lanes.push(Table::Windows, number, rows, &mut self.ids, out);
        }
        for (table, rows) in outcome.named {
            let table = Table::Named(table);
            if !self.lanes.has_room_for(&table) {
                self.refuse_table(number, &rows);
                continue;
            }
            self.counters.named_rows += rows.len() as u64;
            self.lanes.push(table, number, Rows::Named(Arc::new(rows)), &mut self.ids, out);
        }
    }

    fn drain(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        if matches!(self.phase, Phase::Draining | Phase::Drained) {
            return;
        }
        let outcome = self.pipeline.drain();
        if !outcome.is_empty() {
            self.place(outcome, Vec::new(), now, out);
        }
        if self.open_epoch().is_some() {
            self.close(now);
        }
        self.phase = Phase::Draining;
    }

    fn close_if_due(&mut self, now: ProcessingTime) {
        let interval = self.config.checkpoint_interval_micros;
        let messages_max = match self.config.visibility {
            Visibility::ByEpoch => EPOCH_MESSAGES_MAX,
            Visibility::AtEnd => EPOCH_MESSAGES_MAX_AT_END,
        };
        let due = self.open_epoch().is_some_and(|epoch| {
            now.0 - epoch.opened_at.0 >= interval || epoch.acks.len() >= messages_max
        });
        if due {
            self.close(now);
        }
    }

    /// Acknowledges the epochs that are visible, in order, and ends phases that are over.
    fn finish(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        while let Some(epoch) = self.epochs.front() {
            let visible = epoch.state == State::Saved
                && epoch.targets.iter().all(|(name, rows)| self.is_flushed(name, *rows))
                && !self.objects.values().any(|(made_in, _)| *made_in == epoch.number);
            if !visible {
                break;
            }
            let epoch = self.epochs.pop_front().expect("the front was just seen");
            self.counters.acknowledged += epoch.acks.len() as u64;
            for published in &epoch.published {
                let micros = u64::try_from(now.0.saturating_sub(published.0)).unwrap_or_default();
                self.counters.latency.record(micros);
            }
            if !epoch.acks.is_empty() {
                out.push(Command::Ack(epoch.acks));
            }
        }
        self.streams.retain(|stream| {
            let over = stream.abandoned && stream.flushed >= stream.saved;
            if over {
                let name = Arc::clone(&stream.name);
                out.push(Command::Sink(SinkCommand::Finalize { name }));
            }
            !over
        });
        let is_pruned = self.archive != Archive::Unpruned;
        if self.phase == Phase::Recovering
            && is_pruned
            && self.streams.is_empty()
            && self.objects.is_empty()
        {
            self.phase = Phase::Running;
        }
        let recovered =
            is_pruned && self.objects.is_empty() && !self.streams.iter().any(|it| it.abandoned);
        if self.phase == Phase::Draining && self.epochs.is_empty() && recovered && !self.commit(out)
        {
            for name in self.lanes.stream_names() {
                out.push(Command::Sink(SinkCommand::Finalize { name: Arc::clone(name) }));
            }
            self.phase = Phase::Drained;
        }
    }

    /// Whether rows of a stream are visible; a stream that is not kept any more was flushed whole.
    fn is_flushed(&self, name: &Arc<str>, rows: u64) -> bool {
        self.streams
            .iter()
            .find(|stream| stream.name == *name)
            .is_none_or(|stream| stream.flushed >= rows)
    }

    fn ensure_open(&mut self, now: ProcessingTime) -> u64 {
        if self.open_epoch().is_none() {
            self.epochs.push_back(Epoch::open(self.next_epoch, now));
            self.next_epoch += 1;
        }
        self.next_epoch - 1
    }

    fn open_epoch(&self) -> Option<&Epoch> {
        self.epochs.back().filter(|epoch| epoch.state == State::Open)
    }

    fn epoch_mut(&mut self, number: u64) -> Option<&mut Epoch> {
        self.epochs.iter_mut().find(|epoch| epoch.number == number)
    }
}

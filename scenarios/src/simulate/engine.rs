//! An engine as a process: the production coordinator and checkpoint store, with connectors that speak to
//! the brokers in memory. It does what the driver does with channels: hands inputs to the coordinator one
//! at a time, and carries its commands out. Invariant: what it decides, production code decides.

mod planted;
mod sink;
mod source;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tonic::Status;
use windtunnel_gcp::limits::{BACKOFF, BACKOFF_MAX, PREDICTION_DEADLINE};
use windtunnel_model::{EventBatch, EventTime, ProcessingTime};
use windtunnel_runtime::checkpoint::{Checkpoint, Record};
use windtunnel_runtime::command::{
    Command, FatalError, Input, ObjectCommand, ScoreCommand, ScoreOutcome, StreamId,
};
use windtunnel_runtime::coordinator::{Coordinator, CoordinatorConfig, Phase};
use windtunnel_runtime::flow::Runs;
use windtunnel_runtime::limits::EPOCHS_IN_FLIGHT_MAX;
use windtunnel_runtime::pipeline::{Outcome, Pipeline};
use windtunnel_runtime::store::{DiskStore, Files as _};

use super::bugs::{Tamper, lease_of};
use super::call::{Answer, Caller, Happening, Request, Token};
use super::disk::{Disk, DiskHandle};
use super::fates::Fates;
use super::fault::{Effect, Loss, Part};
use super::net::Net;
use super::observer::Observer;

use planted::Planted;
use sink::Sink;
use source::Source;

/// How long writing a checkpoint takes, in microseconds.
const SAVE_MICROS: i64 = 2_000;

/// Why a process ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was killed.
    Crashed(Loss),
    /// It cannot go on.
    Fatal(FatalError),
    /// It was asked to drain, and has.
    Drained,
}

impl From<Loss> for End {
    fn from(loss: Loss) -> Self {
        Self::Crashed(loss)
    }
}

/// What every engine is started with.
#[derive(Debug, Clone)]
pub(super) struct EngineSetup {
    pub(super) coordinator: CoordinatorConfig,
    /// The stages, where they are not those of the reference pipeline.
    pub(super) stages: Option<Stages>,
    pub(super) tick_micros: i64,
    pub(super) tamper: Tamper,
}

/// Stages that see messages as events and put rows, rejects and windows out.
pub(super) type BuiltStages = Box<dyn Runs<u32, EventBatch, Outcome>>;

/// Builds the stages of a pipeline anew for every life of an engine.
#[derive(Clone)]
pub(super) struct Stages(pub(super) Arc<dyn Fn() -> BuiltStages + Send + Sync>);

impl fmt::Debug for Stages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stages")
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) id: u32,
    /// Until when it stands still.
    pub(super) hung_until: i64,
    /// The supervisor takes it for dead.
    pub(super) is_given_up: bool,
    setup: EngineSetup,
    is_ticking: bool,
    /// How far its clock is from virtual time; as in production, a process looks at the wall once.
    skew: i64,
    coordinator: Coordinator,
    store: DiskStore<DiskHandle>,
    disk: DiskHandle,
    sink: Sink,
    source: Source,
    commands: Vec<Command>,
    watermark: EventTime,
}

/// The pause before a call is tried again, in microseconds.
pub(super) fn backoff(attempt: u32) -> i64 {
    let pause = BACKOFF.saturating_mul(1 << attempt.min(10)).min(BACKOFF_MAX);
    i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)
}

impl Engine {
    /// Starts a process: takes the job over, reads its checkpoints, and does what they promise.
    pub(super) fn start(
        id: u32,
        setup: &EngineSetup,
        disk: &Rc<RefCell<Disk>>,
        fates: &Rc<RefCell<Fates>>,
        net: &mut Net,
        observer: &mut Observer,
    ) -> Result<Self, End> {
        let now = net.now();
        let time = Rc::new(Cell::new(now));
        let handle = DiskHandle {
            disk: Rc::clone(disk),
            fates: Rc::clone(fates),
            now: time,
            tamper: setup.tamper,
            lease: Rc::default(),
        };
        let folder = Path::new("checkpoints");
        let acquired = DiskStore::acquire_on(handle.clone(), folder, &setup.coordinator.job);
        if let Some(loss) = disk.borrow_mut().take_crash() {
            return Err(End::Crashed(loss));
        }
        let fatal = |message: String| End::Fatal(FatalError { service: "checkpoints", message });
        let (store, mut log) = acquired.map_err(|error| fatal(error.to_string()))?;
        if let Some(last) = log.last() {
            observer.checkpoint(last);
        }
        if let Ok(head) = handle.read(&folder.join("HEAD")) {
            handle.lease.set(lease_of(&head));
        }
        let streams = log.last().map(streams_of).unwrap_or_default();
        setup.tamper.restored(&mut log);
        let config = CoordinatorConfig { job: store.job().to_owned(), ..setup.coordinator.clone() };
        let started = match &setup.stages {
            None => Coordinator::start(config, &log),
            Some(Stages(build)) => Coordinator::start_with(config, Pipeline::of(build()), &log),
        };
        let (coordinator, commands) = started.map_err(|error| fatal(error.to_string()))?;
        net.news(format_args!(
            "engine-{id} starts from {} records, {} commands to finish",
            log.len(),
            commands.len()
        ));
        let watermark = coordinator.watermark();
        observer.watermark_restored(watermark);
        let mut engine = Self {
            id,
            hung_until: 0,
            is_given_up: false,
            setup: setup.clone(),
            is_ticking: false,
            skew: fates.borrow().skew(Part::Engine, now),
            coordinator,
            store,
            disk: handle,
            sink: Sink::new(id, Planted::of_log(setup.tamper, streams.into_iter())),
            source: Source::new(id, setup.tamper),
            commands,
            watermark,
        };
        engine.carry_out(net, observer)?;
        engine.source.pull(net)?;
        engine.arm(net);
        net.agenda.at(now + source::EXTEND_MICROS, Happening::Extend(id));
        Ok(engine)
    }

    pub(super) fn caller(&self) -> Caller {
        Caller::Engine(self.id)
    }

    fn is_draining(&self) -> bool {
        matches!(self.coordinator.phase(), Phase::Draining | Phase::Drained)
    }

    /// Hands one input to the coordinator, then what waits in the source as far as it is wanted.
    pub(super) fn take(
        &mut self,
        input: Input,
        net: &mut Net,
        observer: &mut Observer,
    ) -> Result<(), End> {
        self.step(input, net, observer)?;
        while self.coordinator.wants_messages() {
            let Some(batch) = self.source.next_batch() else { break };
            self.step(Input::Pulled(batch), net, observer)?;
        }
        if !self.is_draining() {
            self.source.pull(net)?;
        }
        self.arm(net);
        if self.coordinator.phase() == Phase::Drained {
            self.source.give_back(net)?;
            return Err(End::Drained);
        }
        Ok(())
    }

    fn step(&mut self, input: Input, net: &mut Net, observer: &mut Observer) -> Result<(), End> {
        let now = ProcessingTime(net.now() + self.skew);
        if self.setup.tamper.acks_before_checkpoint()
            && let Input::Pulled(messages) = &input
        {
            let acks = messages.iter().map(|message| message.ack).collect();
            self.source.acknowledge(acks, net)?;
        }
        let stepped = self.coordinator.step(input, now, &mut self.commands);
        let watermark = self.coordinator.watermark();
        observer.watermark(self.watermark, watermark);
        self.watermark = watermark;
        if self.coordinator.epochs_in_flight() > EPOCHS_IN_FLIGHT_MAX + 1 {
            let text = format!("{} epochs are in flight", self.coordinator.epochs_in_flight());
            observer.find("too_much_in_flight", text, Vec::new());
        }
        stepped.map_err(End::Fatal)?;
        self.carry_out(net, observer)
    }

    fn carry_out(&mut self, net: &mut Net, observer: &mut Observer) -> Result<(), End> {
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.drain(..) {
            match command {
                Command::Sink(command) => self.sink.carry_out(command, net)?,
                Command::Score(ScoreCommand { score, batch }) => {
                    let deadline = i64::try_from(PREDICTION_DEADLINE.as_micros()).unwrap_or(0);
                    let until = net.now() + deadline;
                    self.ask(Token::Predict { score, batch, until, attempt: 0 }, net)?;
                }
                Command::Object(object) => self.ask(Token::Store { object, attempt: 0 }, net)?,
                // The archive is off in a simulation.
                Command::Archive(_) => {}
                Command::SaveCheckpoint(checkpoint) => self.save(&checkpoint, net, observer)?,
                Command::Ack(acks) => {
                    if !self.setup.tamper.acks_before_checkpoint() {
                        self.source.acknowledge(acks, net)?;
                    }
                }
            }
        }
        // The buffer is kept.
        self.commands = commands;
        Ok(())
    }

    fn save(
        &mut self,
        checkpoint: &Checkpoint,
        net: &mut Net,
        observer: &mut Observer,
    ) -> Result<(), End> {
        self.disk.now.set(net.now());
        if self.setup.tamper.stores_objects_before_checkpoint() {
            for object in super::bugs::outbox(checkpoint) {
                self.ask(Token::Store { object, attempt: 0 }, net)?;
            }
        }
        if self.setup.stages.is_none() {
            observer.counted(&self.coordinator.counters());
        }
        let saved = self.store.save(checkpoint);
        if let Some(loss) = self.disk.disk.borrow_mut().take_crash() {
            net.news(format_args!(
                "engine-{} dies while it saves epoch {} ({loss:?})",
                self.id, checkpoint.epoch
            ));
            return Err(End::Crashed(loss));
        }
        let result = saved
            .map_err(|error| FatalError { service: "checkpoints", message: error.to_string() });
        if result.is_ok() {
            observer.checkpoint(&checkpoint.bytes);
        }
        let what = if result.is_ok() { "saved" } else { "cannot save" };
        net.news(format_args!(
            "engine-{} {what} epoch {} ({} bytes)",
            self.id,
            checkpoint.epoch,
            checkpoint.bytes.len()
        ));
        let saved = Happening::Saved(self.id, checkpoint.epoch, Box::new(result));
        net.agenda.at(net.now() + SAVE_MICROS, saved);
        Ok(())
    }

    /// Hears the answer to a call.
    pub(super) fn hear(
        &mut self,
        token: Token,
        outcome: Result<Answer, Status>,
        net: &mut Net,
        observer: &mut Observer,
    ) -> Result<(), End> {
        match token {
            Token::Pull => {
                self.source.pulled(outcome, net, observer);
                self.take(Input::Tick, net, observer)
            }
            Token::Store { object, attempt } => {
                let result = match outcome {
                    Ok(_) => Ok(()),
                    Err(status) if is_refusal(&status) => Err(FatalError {
                        service: "Cloud Storage",
                        message: status.message().to_owned(),
                    }),
                    Err(_) => {
                        let token = Token::Store { object, attempt: attempt + 1 };
                        self.again(token, attempt, net);
                        return Ok(());
                    }
                };
                let name = object.name;
                self.take(Input::ObjectWritten { name, result }, net, observer)
            }
            Token::Predict { score, batch, until, attempt } => {
                let count = batch.events.len();
                let (outcomes, model_version) = match outcome {
                    Ok(Answer::Scores { outcomes, model_version }) => (outcomes, model_version),
                    Err(_) if net.now() + backoff(attempt) < until => {
                        let token = Token::Predict { score, batch, until, attempt: attempt + 1 };
                        self.again(token, attempt, net);
                        return Ok(());
                    }
                    _ => (vec![ScoreOutcome::Degraded; count], String::new()),
                };
                // As in production, the coordinator need not copy the batch.
                drop(batch);
                self.take(Input::Scored { score, outcomes, model_version }, net, observer)
            }
            token => {
                for input in self.sink.hear(token, outcome, net)? {
                    self.take(input, net, observer)?;
                }
                Ok(())
            }
        }
    }

    /// A connection to a stream is over.
    pub(super) fn connection_lost(
        &mut self,
        stream: StreamId,
        net: &mut Net,
        observer: &mut Observer,
    ) -> Result<(), End> {
        for input in self.sink.connection_lost(stream, "the connection was lost", net)? {
            self.take(input, net, observer)?;
        }
        Ok(())
    }

    /// Asks once more after a pause.
    fn again(&self, token: Token, attempt: u32, net: &mut Net) {
        let again = Happening::Retry(Box::new((self.caller(), token)));
        net.agenda.at(net.now() + backoff(attempt), again);
    }

    /// Asks, for the first time or once more.
    pub(super) fn ask(&mut self, token: Token, net: &mut Net) -> Result<(), Loss> {
        let (effect, request) = match &token {
            Token::Store { object, .. } => {
                let ObjectCommand { mut name, content } = object.clone();
                if self.setup.tamper.names_objects_by_process() {
                    name = format!("{name}-{}", self.id).into();
                }
                (Effect::Store, Request::Store { name, content })
            }
            Token::Predict { batch, .. } => {
                (Effect::Predict, Request::Predict { batch: Arc::clone(batch) })
            }
            Token::Pull => return self.source.pull_again(net),
            _ => return self.sink.ask(token, net),
        };
        net.call(effect, self.caller(), request, token, 0).map(drop)
    }

    pub(super) fn extend(&mut self, net: &mut Net) -> Result<(), Loss> {
        net.agenda.at(net.now() + source::EXTEND_MICROS, Happening::Extend(self.id));
        self.source.extend(net)
    }

    pub(super) fn tick(&mut self, net: &mut Net, observer: &mut Observer) -> Result<(), End> {
        self.is_ticking = false;
        self.take(Input::Tick, net, observer)
    }

    /// Sees to it that the coordinator hears of the time while something is under way. When nothing is, a
    /// tick would change nothing.
    fn arm(&mut self, net: &mut Net) {
        let is_idle =
            self.coordinator.epochs_in_flight() == 0 && self.coordinator.phase() == Phase::Running;
        if !self.is_ticking && !is_idle {
            self.is_ticking = true;
            net.agenda.at(net.now() + self.setup.tick_micros, Happening::Tick(self.id));
        }
    }

    /// The process ends by itself: what it holds goes back.
    pub(super) fn shut_down(&mut self, net: &mut Net) -> Result<(), Loss> {
        self.source.give_back(net)
    }
}

/// The streams that a checkpoint names.
fn streams_of(record: &Bytes) -> Vec<Arc<str>> {
    let record = Record::decode(record.clone()).unwrap_or_default();
    record.streams.into_iter().map(|stream| stream.name.into()).collect()
}

fn is_refusal(status: &Status) -> bool {
    use tonic::Code;
    matches!(status.code(), Code::NotFound | Code::InvalidArgument | Code::PermissionDenied)
}

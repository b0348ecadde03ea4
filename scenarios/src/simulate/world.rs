//! The world: all parts in one thread on virtual time. It takes the next happening off the agenda, carries
//! it to the part that it is for, and looks whether everything that must hold still holds. A run has three
//! phases: the load with its faults, then a calm in which the backlog must come to zero, then the drain.
//! Invariant: what happens is a function of the scenario, the seed and the faults.

mod arrivals;
mod lives;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use windtunnel_runtime::command::Input;
use windtunnel_simulator::PlannedEvent;
use windtunnel_stages::score::Model;

use super::agenda::Agenda;
use super::bugs::Tamper;
use super::call::{Answered, Caller, Happening, Token};
use super::disk::Disk;
use super::engine::{End, Engine, EngineSetup};
use super::fates::{Fates, Faults};
use super::fault::Fault;
use super::function::Function;
use super::generator::Generator;
use super::net::Net;
use super::observer::Observer;
use super::progress::Progress;
use super::services::Scorer;
use super::services::bigquery::Bigquery;
use super::services::pubsub::Pubsub;
use super::services::storage::Storage;
use super::trace::{Trace, TraceOptions};

/// How long the backlog may take to come to zero once there are no faults any more, in microseconds of
/// virtual time: the longest push backoff (60 s), the longest lease (60 s), a hang and some restarts.
pub(super) const LIVENESS_MICROS: i64 = 300_000_000;
/// How often the world looks whether a phase is over, in microseconds.
const LOOK_MICROS: i64 = 50_000;
/// Happenings between two looks at whoever watches.
const TELL_STEPS: u64 = 4_096;
/// Happenings at one instant after which time counts as standing still.
const AT_ONE_INSTANT_MAX: u64 = 1_000_000;

/// What a world is made of.
pub(super) struct WorldSetup {
    pub(super) seed: u64,
    pub(super) faults: Faults,
    pub(super) events: Box<dyn Iterator<Item = PlannedEvent>>,
    pub(super) start: i64,
    pub(super) load_micros: i64,
    pub(super) linger_micros: i64,
    pub(super) gather_micros: i64,
    pub(super) has_function: bool,
    pub(super) progress: Option<Arc<Progress>>,
    pub(super) engine: EngineSetup,
    pub(super) tamper: Tamper,
    pub(super) trace: TraceOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Blowing,
    Settling,
    /// The engine that was asked to drain.
    Draining(u32),
    Over,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) net: Net,
    pub(super) observer: Observer,
    pub(super) bigquery: Bigquery,
    pub(super) storage: Storage,
    pub(super) generator: Generator,
    pubsub: Pubsub,
    scorer: Scorer,
    function: Function,
    engines: Vec<Engine>,
    engine_setup: EngineSetup,
    disk: Rc<RefCell<Disk>>,
    started: u32,
    failures: u32,
    timed: Vec<Fault>,
    phase: Phase,
    progress: Option<Arc<Progress>>,
    calm_from: i64,
    deadline: i64,
    pub(super) steps: u64,
    pub(super) crashes: u64,
    /// Digests of what was durable when something crashed.
    pub(super) states: BTreeSet<u64>,
}

impl World {
    pub(super) fn new(setup: WorldSetup) -> Self {
        let start = setup.start;
        let fates = Fates::new(setup.seed, &setup.faults, start, setup.load_micros);
        let timed: Vec<(i64, Fault)> = fates.timed().collect();
        let mut agenda = Agenda::new(start);
        agenda.at(start, Happening::StartEngine(false));
        if setup.has_function {
            agenda.at(start, Happening::StartFunction);
        }
        agenda.at(start, Happening::Blow);
        agenda.at(start + setup.load_micros, Happening::Look);
        for (index, (at, _)) in timed.iter().enumerate() {
            agenda.at(*at, Happening::Fault(index));
        }
        let net =
            Net { agenda, fates: Rc::new(RefCell::new(fates)), trace: Trace::new(setup.trace) };
        let is_calm = setup.faults.are_none();
        let disk = Disk::new(setup.tamper.ignores_syncs());
        Self {
            net,
            observer: Observer::new(start, is_calm),
            bigquery: Bigquery::new(start),
            storage: Storage::new(start),
            generator: Generator::new(setup.events, start, setup.linger_micros, is_calm),
            pubsub: Pubsub::new(setup.has_function, setup.gather_micros),
            scorer: Scorer(Model::embedded()),
            function: Function::default(),
            engines: Vec::new(),
            engine_setup: setup.engine,
            disk: Rc::new(RefCell::new(disk)),
            started: 0,
            failures: 0,
            timed: timed.into_iter().map(|(_, fault)| fault).collect(),
            phase: Phase::Blowing,
            progress: setup.progress,
            calm_from: start + setup.load_micros,
            deadline: i64::MAX,
            steps: 0,
            crashes: 0,
            states: BTreeSet::new(),
        }
    }

    /// Runs to the end, or to the first finding.
    pub(super) fn run(&mut self) {
        let mut at_one_instant = (0, 0);
        while self.phase != Phase::Over && self.observer.findings.is_empty() {
            let Some(happening) = self.net.agenda.next() else { break };
            self.steps += 1;
            let now = self.net.now();
            at_one_instant =
                if at_one_instant.0 == now { (now, at_one_instant.1 + 1) } else { (now, 0) };
            if at_one_instant.1 > AT_ONE_INSTANT_MAX {
                self.observer.find("time_stands_still", format!("{happening:?}"), Vec::new());
            }
            self.happen(happening);
            if self.steps.is_multiple_of(TELL_STEPS) && !self.tell(TELL_STEPS) {
                break;
            }
        }
        let _ends = self.tell(self.steps % TELL_STEPS);
    }

    /// Tells whoever watches how far it is; whether it shall go on.
    fn tell(&self, steps: u64) -> bool {
        let now = self.net.now() - self.observer.start;
        self.progress.as_ref().is_none_or(|progress| progress.advance(steps, now))
    }

    /// Looks whether the phase is over.
    fn advance(&mut self) {
        let now = self.net.now();
        if now > self.deadline {
            self.too_late();
            return;
        }
        match self.phase {
            Phase::Blowing if self.generator.is_done() && now >= self.calm_from => {
                self.phase = Phase::Settling;
                self.deadline = now + LIVENESS_MICROS;
                self.net.news(format_args!("calm: everything was sent, no more faults"));
            }
            Phase::Settling if self.pubsub.backlog() == 0 => {
                if let Some(id) = self.newest_awake() {
                    self.phase = Phase::Draining(id);
                    self.net.news(format_args!("engine-{id} is asked to drain"));
                    self.with_engine(id, |engine, net, observer| {
                        engine.take(Input::Drain, net, observer)
                    });
                }
            }
            _ => {}
        }
    }

    fn too_late(&mut self) {
        let (backlog, phase) = (self.pubsub.backlog(), self.phase);
        let text = format!(
            "{phase:?}, {backlog} messages wait and {} engines run, {} s after the last fault",
            self.engines.len(),
            LIVENESS_MICROS / 1_000_000
        );
        self.observer.find("no_progress", text, Vec::new());
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Blow => self.generator.blow(&mut self.net, &mut self.observer),
            Happening::Arrival(arrival) => self.arrive(arrival),
            Happening::Answer(answer) => self.answer(answer),
            Happening::Retry(retry) => self.retry(retry),
            Happening::Hear(id, input) => {
                if let Some(input) = self.awake(id, input, Happening::Hear) {
                    self.with_engine(id, |engine, net, observer| {
                        engine.take(*input, net, observer)
                    });
                }
            }
            Happening::Saved(id, epoch, result) => {
                let again = |id, result| Happening::Saved(id, epoch, result);
                if let Some(result) = self.awake(id, result, again) {
                    let input = Input::CheckpointSaved { epoch, result: *result };
                    self.with_engine(id, |engine, net, observer| engine.take(input, net, observer));
                }
            }
            Happening::ConnectionLost(id, stream) => {
                if let Some(stream) = self.awake(id, stream, Happening::ConnectionLost) {
                    self.with_engine(id, |engine, net, observer| {
                        engine.connection_lost(stream, net, observer)
                    });
                }
            }
            Happening::Tick(id) => {
                if self.awake(id, (), |id, ()| Happening::Tick(id)).is_some() {
                    self.with_engine(id, Engine::tick);
                }
            }
            Happening::Extend(id) => {
                if self.awake(id, (), |id, ()| Happening::Extend(id)).is_some() {
                    self.with_engine(id, |engine, net, _| Ok(engine.extend(net)?));
                }
            }
            Happening::Gathered(life) => {
                if self.function.life == Some(life) && !self.function_sleeps(life) {
                    let published = self.function.publish_gathered(&mut self.net);
                    self.function_ended(published);
                }
            }
            Happening::Deliver => self.pubsub.deliver(&mut self.net),
            Happening::Expire => self.pubsub.expire(&mut self.net),
            Happening::StartEngine(forced) => self.start_engine(forced),
            Happening::StartFunction => {
                if self.function.life.is_none() {
                    self.function.start(&mut self.net);
                }
            }
            Happening::Look => {
                self.net.agenda.at(self.net.now() + LOOK_MICROS, Happening::Look);
                self.advance();
            }
            Happening::Fault(index) => self.fault(self.timed[index]),
        }
    }

    /// What is for an engine that stands still waits until it wakes up.
    fn awake<T>(&mut self, id: u32, what: T, again: impl FnOnce(u32, T) -> Happening) -> Option<T> {
        let engine = self.engines.iter().find(|engine| engine.id == id)?;
        if engine.hung_until > self.net.now() {
            let at = engine.hung_until;
            self.net.agenda.at(at, again(id, what));
            return None;
        }
        Some(what)
    }

    /// Lets an engine do something, and buries it if that was its end.
    fn with_engine(
        &mut self,
        id: u32,
        act: impl FnOnce(&mut Engine, &mut Net, &mut Observer) -> Result<(), End>,
    ) {
        let Some(engine) = self.engines.iter_mut().find(|engine| engine.id == id) else { return };
        if let Err(end) = act(engine, &mut self.net, &mut self.observer) {
            self.ended(id, end);
        }
    }

    fn answer(&mut self, answer: Box<Answered>) {
        match answer.0 {
            Caller::Generator => {
                if let Token::Publish { batch } = answer.1 {
                    let outcome = answer.2.map(drop);
                    self.generator.published(batch, outcome, &mut self.net, &mut self.observer);
                }
            }
            Caller::Pusher => {
                if let Token::Push { ack_id } = &answer.1 {
                    self.pubsub.pushed(ack_id, answer.2.is_ok(), &mut self.net);
                }
            }
            Caller::Function(life) => {
                if self.function.life == Some(life) {
                    if self.function.hung_until > self.net.now() {
                        let at = self.function.hung_until;
                        self.net.agenda.at(at, Happening::Answer(answer));
                        return;
                    }
                    let (_, token, outcome) = *answer;
                    self.function.hear(token, outcome, &mut self.net);
                }
            }
            Caller::Engine(id) => {
                if let Some(answer) = self.awake(id, answer, |_, it| Happening::Answer(it)) {
                    let (_, token, outcome) = *answer;
                    self.with_engine(id, |engine, net, observer| {
                        engine.hear(token, outcome, net, observer)
                    });
                }
            }
            Caller::Nobody => {}
        }
    }

    fn retry(&mut self, retry: Box<(Caller, Token)>) {
        match retry.0 {
            Caller::Generator => {
                if let Token::Publish { batch } = retry.1 {
                    self.generator.retry(batch, &mut self.net);
                }
            }
            Caller::Function(life) => {
                if self.function.life == Some(life) {
                    if self.function.hung_until > self.net.now() {
                        self.net.agenda.at(self.function.hung_until, Happening::Retry(retry));
                        return;
                    }
                    let retried = self.function.retry(&retry.1, &mut self.net);
                    self.function_ended(retried);
                }
            }
            Caller::Engine(id) => {
                if let Some(retry) = self.awake(id, retry, |_, it| Happening::Retry(it)) {
                    let (_, token) = *retry;
                    self.with_engine(id, |engine, net, _| Ok(engine.ask(token, net)?));
                }
            }
            Caller::Pusher | Caller::Nobody => {}
        }
    }

    /// Whether the function stands still; then the happening waits.
    fn function_sleeps(&mut self, life: u64) -> bool {
        let until = self.function.hung_until;
        if until > self.net.now() {
            self.net.agenda.at(until, Happening::Gathered(life));
            return true;
        }
        false
    }

    /// A digest of everything that would survive now.
    fn durable_digest(&self) -> u64 {
        let parts = [
            self.disk.borrow().digest(),
            self.bigquery.digest(),
            self.observer.objects_digest(),
            self.pubsub.backlog() as u64,
        ];
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

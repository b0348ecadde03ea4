//! One simulation: a scenario, a seed, faults, and what came of them. This is the library's front; the
//! command line and the searches for failures are made of it. Invariant: an outcome is a function of the
//! simulation alone, on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use windtunnel_model::EventBatch;
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::flow::Runs;
use windtunnel_runtime::pipeline;
use windtunnel_simulator::{LedgerSummary, PlannedEvent};
use windtunnel_stages::dedup::DedupConfig;

use super::bugs::Tamper;
use super::engine::{EngineSetup, Stages};
use super::fates::Faults;
use super::fault::{Effect, Fault};
use super::judge::{How, judge};
use super::observer::Finding;
use super::progress::Progress;
use super::trace::TraceOptions;
use super::world::{World, WorldSetup};
use crate::latency::Percentiles;
use crate::library;
use crate::report::Checked;
use crate::scenario::{Problem, Scenario, Topology, parse};

/// From this length on, events are gathered for a second before they are published and for five before they
/// are pulled, and ticks are coarser: the protocol is the same, with larger batches.
const LONG: Duration = Duration::from_secs(3_600);
/// How long the generator gathers events, in microseconds: as long as the official client.
const LINGER_MICROS: i64 = 5_000;
const LINGER_MICROS_LONG: i64 = 1_000_000;
/// How long a waiting pull gathers messages, in microseconds: the linger of the production source.
const GATHER_MICROS: i64 = 5_000;
const GATHER_MICROS_LONG: i64 = 5_000_000;
/// The resolution of the engine's clock, in microseconds: the driver's tick.
const TICK_MICROS: i64 = 10_000;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The scenario's name and text, for whoever wants to do it again.
    pub(super) source: (String, String),
    pub(super) scenario: Scenario,
    pub(super) faults: Faults,
    /// Events in the place of the scenario's plan.
    pub(super) events: Option<Arc<Vec<PlannedEvent>>>,
    pub(super) trace: TraceOptions,
    pub(super) tamper: Tamper,
    stages: Option<Stages>,
    checks_windows: bool,
    pub(super) progress: Option<Arc<Progress>>,
}

/// What came of a simulation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What must not happen and did; none is a pass.
    pub findings: Vec<Finding>,
    /// Event by event.
    pub ledger: LedgerSummary,
    /// Rows of the window table, and those that differ from windows computed again.
    pub windows: Checked,
    /// Rows with a score, and those that differ from the model's.
    pub scores: Checked,
    /// Rows without a score although predictions are on.
    pub degraded: u64,
    /// Dead letters by reason.
    pub reasons: BTreeMap<String, u64>,
    /// From the intended instant to the visible row, in virtual milliseconds.
    pub e2e_ms: Percentiles,
    /// The digest of the events that were published.
    pub stream_digest: String,
    /// The digest of the trace.
    pub trace_digest: String,
    /// Lines of the trace.
    pub trace_lines: u64,
    /// The trace, where it was asked for.
    pub trace: String,
    /// The lives of the watched events.
    pub life: String,
    /// The faults: a list that does the same again.
    pub schedule: Vec<Fault>,
    /// How often each kind of effect came.
    pub effects: BTreeMap<Effect, u64>,
    /// Happenings that were simulated.
    pub steps: u64,
    /// Crashes of processes.
    pub crashes: u64,
    /// Digests of what was durable when something crashed.
    pub states: BTreeSet<u64>,
    /// Virtual time that passed.
    pub elapsed: Duration,
}

impl Simulation {
    /// A scenario, by its name and its text, without faults.
    ///
    /// # Errors
    /// All problems of the text.
    pub fn of(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        Ok(Self {
            source: (name.to_owned(), text.to_owned()),
            scenario: parse(name, text)?,
            faults: Faults::None,
            events: None,
            trace: TraceOptions::default(),
            tamper: Tamper::default(),
            stages: None,
            checks_windows: true,
            progress: None,
        })
    }

    /// A scenario of the library, without faults; none has such a name.
    #[must_use]
    pub fn of_library(name: &str) -> Option<Self> {
        Self::of(name, library::find(name)?).ok()
    }

    /// With another seed, of events and of faults.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.scenario.workload.seed = seed;
        self
    }

    /// With these faults.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// With a load of another length.
    #[must_use]
    pub fn lasting(mut self, length: Duration) -> Self {
        self.scenario.workload.duration_ns =
            u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1);
        self
    }

    /// With the same number of events, over the same span of event time, in a load of another length.
    #[must_use]
    pub fn within(mut self, length: Duration) -> Self {
        let workload = &mut self.scenario.workload;
        let factor = workload.duration_ns as f64 / 1e9 / length.as_secs_f64().max(1e-3);
        workload.time_scale *= factor;
        for source in &mut workload.sources {
            source.rate_per_second *= factor;
        }
        self.lasting(length)
    }

    /// With a pipeline of your own, over the messages and outputs of the reference pipeline. It is built anew
    /// for every life of an engine; what it must not lose has to be in the states of its stages. Every
    /// event must end as a row, as a reject or as a known duplicate.
    #[must_use]
    pub fn pipeline<F>(mut self, build: F) -> Self
    where
        F: Fn() -> Box<dyn Runs<u32, EventBatch, pipeline::Outcome>> + Send + Sync + 'static,
    {
        self.stages = Some(Stages(Arc::new(build)));
        self
    }

    /// For a pipeline whose window table does not hold the reference pipeline's windows.
    #[must_use]
    pub fn without_windows(mut self) -> Self {
        self.checks_windows = false;
        self
    }

    /// Tells others how far it is, and ends when they say so.
    #[must_use]
    pub fn watched_by(mut self, progress: Arc<Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// With a load so thin that there are about so many events, over the same time.
    #[must_use]
    pub fn about(mut self, events: u64) -> Self {
        let workload = &mut self.scenario.workload;
        let seconds = workload.duration_ns as f64 / 1e9;
        let rate: f64 = workload.sources.iter().map(|source| source.rate_per_second).sum();
        let share = (events as f64 / (rate * seconds)).min(1.0);
        for source in &mut workload.sources {
            source.rate_per_second *= share;
        }
        self
    }

    /// With these events in the place of the scenario's, in the order of their instants. They are numbered
    /// anew.
    #[must_use]
    pub fn events(mut self, mut events: Vec<PlannedEvent>) -> Self {
        let seed = self.scenario.workload.seed;
        for (ordinal, event) in events.iter_mut().enumerate() {
            event.ordinal = ordinal as u64;
            event.publish_id = format!("{seed:x}-{ordinal}");
        }
        self.events = Some(Arc::new(events));
        self
    }

    /// With a trace to read.
    #[must_use]
    pub fn traced(mut self, trace: TraceOptions) -> Self {
        self.trace = trace;
        self
    }

    /// The events that would be published.
    #[must_use]
    pub fn plan(&self) -> Vec<PlannedEvent> {
        match &self.events {
            Some(events) => events.to_vec(),
            None => self.scenario.workload.plan().collect(),
        }
    }

    /// Runs it.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let mut world = World::new(self.setup());
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
        if let Err(panic) = run {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let seed = self.scenario.workload.seed;
            let text = format!("seed {seed}: {}", text.unwrap_or("no message"));
            world.observer.findings.insert(0, Finding::new("panic", text, Vec::new()));
        }
        if let Some(progress) = &self.progress {
            progress.finished();
        }
        self.outcome(world)
    }

    fn setup(&self) -> WorldSetup {
        let workload = &self.scenario.workload;
        let length = Duration::from_nanos(workload.duration_ns);
        let load_micros = micros(length);
        // An event must not be ahead of the wall clock however fast its own time passes.
        let ahead = (workload.time_scale - 1.0).max(0.0) * load_micros as f64;
        let events: Box<dyn Iterator<Item = PlannedEvent>> = match &self.events {
            Some(events) => Box::new((0..events.len()).map({
                let events = Arc::clone(events);
                move |index| events[index].clone()
            })),
            None => Box::new(workload.plan()),
        };
        let progress = self.progress.clone();
        let interval = micros(self.scenario.checkpoint_interval);
        let dedup = self.tamper.dedup(DedupConfig::default());
        let windows = self.scenario.windows;
        WorldSetup {
            seed: workload.seed,
            faults: self.faults.clone(),
            events,
            start: workload.start_micros + ahead as i64,
            load_micros,
            linger_micros: if length >= LONG { LINGER_MICROS_LONG } else { LINGER_MICROS },
            gather_micros: if length >= LONG { GATHER_MICROS_LONG } else { GATHER_MICROS },
            has_function: self.scenario.topology == Topology::Function,
            progress,
            engine: EngineSetup {
                coordinator: CoordinatorConfig {
                    job: format!("job-{:x}", workload.seed),
                    shard: 0,
                    checkpoint_interval_micros: interval,
                    predict: self.scenario.predict,
                    visibility: Visibility::ByEpoch,
                    dedup,
                    windows,
                },
                stages: self.tamper.stages(dedup, windows).or_else(|| self.stages.clone()),
                tick_micros: if length >= LONG {
                    interval.max(TICK_MICROS) / 4
                } else {
                    TICK_MICROS
                },
                tamper: self.tamper,
            },
            tamper: self.tamper,
            trace: self.trace.clone(),
        }
    }

    fn outcome(&self, world: World) -> Outcome {
        let World { net, mut observer, storage, generator, steps, crashes, states, .. } = world;
        let now = net.now();
        let is_calm = self.faults.are_none();
        let how =
            How { windows: self.scenario.windows, checks_windows: self.checks_windows, is_calm };
        let judged = judge(&mut observer, &storage, how, now);
        let fates = net.fates.borrow();
        let effects = fates.counts().filter(|(_, count)| *count > 0).collect();
        let schedule = fates.schedule();
        drop(fates);
        let trace_lines = net.trace.len();
        let (trace_digest, trace, life) = net.trace.finish();
        let since = now - observer.start;
        Outcome {
            findings: observer.findings,
            ledger: judged.ledger,
            windows: judged.windows,
            scores: judged.scores,
            degraded: judged.degraded,
            reasons: judged.reasons,
            e2e_ms: Percentiles::of(&observer.latency),
            stream_digest: generator.digest(),
            trace_digest,
            trace_lines,
            trace,
            life,
            schedule,
            effects,
            steps,
            crashes,
            states,
            elapsed: Duration::from_micros(u64::try_from(since).unwrap_or(0)),
        }
    }
}

impl Outcome {
    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

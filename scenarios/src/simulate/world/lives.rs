//! Lives and deaths of the processes: starts, crashes, hangs, double starts, and the supervisor that starts
//! an engine again. Invariant: a process that is dead does nothing more; what it has sent still arrives.

use windtunnel_runtime::command::FatalError;

use super::super::call::{Caller, Happening};
use super::super::engine::{End, Engine};
use super::super::fault::{Fault, Loss, Part};
use super::{Phase, World};

/// After how long the supervisor starts a process again, in microseconds.
const RESTART_MICROS: i64 = 1_000_000;
/// The longest pause of the supervisor, while an engine fails again and again.
const RESTART_MICROS_MAX: i64 = 10_000_000;
/// After how long without a sign of life the supervisor takes an engine for dead.
const HEARTBEAT_MICROS: i64 = 2_000_000;

impl World {
    pub(super) fn start_engine(&mut self, forced: bool) {
        if !forced && self.engines.iter().any(|engine| !engine.is_given_up) {
            return;
        }
        let now = self.net.now();
        for engine in self.engines.iter_mut().filter(|engine| engine.hung_until > now) {
            engine.is_given_up = true;
        }
        self.started += 1;
        let id = self.started;
        let fates = std::rc::Rc::clone(&self.net.fates);
        let started = Engine::start(
            id,
            &self.engine_setup,
            &self.disk,
            &fates,
            &mut self.net,
            &mut self.observer,
        );
        match started {
            Ok(engine) => {
                self.failures = 0;
                self.engines.push(engine);
            }
            Err(end) => self.ended(id, end),
        }
    }

    /// The newest engine, unless it stands still.
    pub(super) fn newest_awake(&self) -> Option<u32> {
        let now = self.net.now();
        let newest = self.engines.last().filter(|engine| !engine.is_given_up)?;
        (newest.hung_until <= now).then_some(newest.id)
    }

    /// An engine has come to its end.
    pub(super) fn ended(&mut self, id: u32, end: End) {
        let drains = self.phase == Phase::Draining(id);
        let place = self.engines.iter().position(|engine| engine.id == id);
        let engine = place.map(|place| self.engines.remove(place));
        match end {
            End::Crashed(loss) => self.crashed(id, loss),
            End::Fatal(error) => self.failed(id, engine, &error),
            End::Drained => {
                self.net.news(format_args!("engine-{id} has drained"));
                self.pubsub.hang_up(id);
                if drains {
                    self.phase = Phase::Over;
                    return;
                }
            }
        }
        if drains {
            // Whoever drains in the end begins with the backlog again.
            self.phase = Phase::Settling;
            self.deadline = self.net.now() + super::LIVENESS_MICROS;
        }
    }

    fn crashed(&mut self, id: u32, loss: Loss) {
        self.crashes += 1;
        self.disk.borrow_mut().lose(loss);
        self.states.insert(self.durable_digest());
        self.pubsub.hang_up(id);
        self.net.news(format_args!("engine-{id} is dead"));
        if loss != Loss::Nothing {
            // The machine is down, and everything on it.
            for engine in std::mem::take(&mut self.engines) {
                self.net.news(format_args!("engine-{} is dead", engine.id));
                self.pubsub.hang_up(engine.id);
            }
        }
        self.restart(RESTART_MICROS);
    }

    fn failed(&mut self, id: u32, engine: Option<Engine>, error: &FatalError) {
        self.net.news(format_args!("engine-{id} ends: {error}"));
        if let Some(mut engine) = engine
            && let Err(loss) = engine.shut_down(&mut self.net)
        {
            self.crashed(id, loss);
            return;
        }
        self.pubsub.hang_up(id);
        self.failures += 1;
        let pause = RESTART_MICROS << self.failures.min(5);
        self.restart(pause.min(RESTART_MICROS_MAX));
    }

    fn restart(&mut self, pause: i64) {
        self.net.agenda.at(self.net.now() + pause, Happening::StartEngine(false));
    }

    /// A process is killed from outside.
    pub(super) fn kill(&mut self, caller: Caller, loss: Loss) {
        match caller {
            Caller::Engine(id) if self.engines.iter().any(|engine| engine.id == id) => {
                self.ended(id, End::Crashed(loss));
            }
            Caller::Function(life) if self.function.life == Some(life) => {
                self.function_ended(Err(loss));
            }
            _ => {}
        }
    }

    pub(super) fn function_ended(&mut self, result: Result<(), Loss>) {
        if result.is_err() {
            self.crashes += 1;
            self.states.insert(self.durable_digest());
            self.function.die(&mut self.net);
            self.net.agenda.at(self.net.now() + RESTART_MICROS, Happening::StartFunction);
        }
    }

    /// A fault whose time has come.
    pub(super) fn fault(&mut self, fault: Fault) {
        let now = self.net.now();
        let until = |for_ms: u64| now + i64::try_from(for_ms * 1_000).unwrap_or(0);
        self.net.news(format_args!("fault: {fault}"));
        match fault {
            Fault::Hang { part: Part::Function, for_ms, .. } => {
                self.function.hung_until = until(for_ms);
            }
            Fault::Hang { for_ms, .. } => {
                let until = until(for_ms);
                if let Some(engine) = self.engines.last_mut() {
                    engine.hung_until = until;
                    if until > now + HEARTBEAT_MICROS {
                        let at = now + HEARTBEAT_MICROS;
                        self.net.agenda.at(at, Happening::StartEngine(true));
                    }
                }
            }
            Fault::DoubleStart { .. } => self.start_engine(true),
            _ => {}
        }
    }
}

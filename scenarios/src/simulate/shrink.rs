//! Makes a failure small: fewer faults, fewer keys, fewer events, earlier effects, while the same kind of
//! failure remains (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002). Faults that
//! name the n-th effect are moved to earlier ones where events were taken away. Invariant: what comes out
//! fails as what went in.

use std::collections::BTreeMap;

use windtunnel_simulator::PlannedEvent;

use super::fates::Faults;
use super::fault::Fault;
use super::observer::Finding;
use super::simulation::{Outcome, Simulation};

/// Runs that a shrinking may take.
const RUNS_MAX: u64 = 4_000;
/// Happenings of all these runs together: failures to make progress take long.
const STEPS_MAX: u64 = 20_000_000;
/// Earlier effects that a fault is moved to at most, when events were taken away.
const MOVES_MAX: u64 = 24;

/// A failure that was made small.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// What fails.
    pub simulation: Simulation,
    /// Its faults.
    pub faults: Vec<Fault>,
    /// Its events.
    pub events: Vec<PlannedEvent>,
    /// What is found.
    pub finding: Finding,
    /// Runs that it took.
    pub runs: u64,
}

struct Shrinking<'a> {
    simulation: &'a Simulation,
    kind: String,
    faults: Vec<Fault>,
    events: Vec<PlannedEvent>,
    finding: Finding,
    runs: u64,
    steps: u64,
}

/// Shrinks a failed simulation; none when it does not fail again.
#[must_use]
pub fn shrink(simulation: &Simulation, failed: &Outcome) -> Option<Shrunk> {
    let finding = failed.findings.first()?.clone();
    let mut shrinking = Shrinking {
        simulation,
        kind: finding.kind.clone(),
        faults: failed.schedule.clone(),
        events: simulation.plan(),
        finding,
        runs: 0,
        steps: 0,
    };
    let (faults, events) = (shrinking.faults.clone(), shrinking.events.clone());
    if !shrinking.fails(&faults, &events) {
        return None;
    }
    loop {
        let before = (shrinking.faults.len(), shrinking.events.len());
        shrinking.fewer_faults();
        shrinking.fewer_keys();
        shrinking.fewer_events();
        shrinking.earlier();
        let after = (shrinking.faults.len(), shrinking.events.len());
        if before == after || shrinking.is_tired() {
            break;
        }
    }
    let Shrinking { faults, events, finding, runs, .. } = shrinking;
    let simulation =
        simulation.clone().faults(Faults::These(faults.clone())).events(events.clone());
    Some(Shrunk { simulation, faults, events, finding, runs })
}

impl Shrinking<'_> {
    fn is_tired(&self) -> bool {
        let is_over = self.simulation.progress.as_ref().is_some_and(|progress| progress.ends());
        self.runs >= RUNS_MAX || self.steps >= STEPS_MAX || is_over
    }

    /// Whether a candidate fails in the same way; then it is kept.
    fn fails(&mut self, faults: &[Fault], events: &[PlannedEvent]) -> bool {
        if self.is_tired() {
            return false;
        }
        self.runs += 1;
        let candidate = self.simulation.clone().faults(Faults::These(faults.to_vec()));
        let outcome = candidate.events(events.to_vec()).run();
        self.steps += outcome.steps;
        if self.simulation.progress.as_ref().is_some_and(|progress| progress.ends()) {
            return false;
        }
        let Some(found) = outcome.findings.into_iter().find(|it| it.kind == self.kind) else {
            return false;
        };
        self.finding = found;
        self.faults = faults.to_vec();
        self.events = events.to_vec();
        true
    }

    /// The same, and with faults moved to earlier effects when that does not fail.
    fn fails_somewhere(&mut self, events: &[PlannedEvent]) -> bool {
        let faults = self.faults.clone();
        if self.fails(&faults, events) {
            return true;
        }
        for place in 0..faults.len().min(3) {
            let Some(nth) = faults[place].nth() else { continue };
            let near = (nth.saturating_sub(MOVES_MAX / 2).max(1)..nth).rev();
            let first = 1..nth.min(MOVES_MAX / 2 + 1);
            let scaled = nth * events.len() as u64 / self.events.len().max(1) as u64;
            let around = scaled.saturating_sub(2).max(1)..(scaled + 3).min(nth);
            for earlier in around.chain(first).chain(near) {
                let mut faults = faults.clone();
                faults[place] = faults[place].at(earlier);
                if self.fails(&faults, events) {
                    return true;
                }
            }
        }
        false
    }

    fn fewer_faults(&mut self) {
        let mut size = self.faults.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < self.faults.len() {
                let mut fewer = self.faults.clone();
                fewer.drain(from..(from + size).min(fewer.len()));
                let events = self.events.clone();
                if !self.fails(&fewer, &events) {
                    from += size;
                }
            }
            size /= 2;
        }
    }

    /// Takes the events of one device or visitor after the other away.
    fn fewer_keys(&mut self) {
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for event in &self.events {
            *keys.entry(key_of(event)).or_default() += 1;
        }
        // Half of the keys at a time, as long as that works.
        let mut keys: Vec<String> = keys.into_keys().collect();
        while keys.len() > 1 {
            let rest = keys.split_off(keys.len() / 2);
            let of = |wanted: &[String], events: &[PlannedEvent]| -> Vec<PlannedEvent> {
                let is_wanted = |event: &&PlannedEvent| wanted.contains(&key_of(event));
                events.iter().filter(is_wanted).cloned().collect()
            };
            let (first, second) = (of(&keys, &self.events), of(&rest, &self.events));
            if self.fails_somewhere(&first) {
                continue;
            }
            if !self.fails_somewhere(&second) {
                return;
            }
            keys = rest;
        }
    }

    fn fewer_events(&mut self) {
        let mut size = self.events.len().div_ceil(2);
        while size > 0 {
            // From the end: what comes after the failure is not needed.
            let mut to = self.events.len();
            while to > 0 {
                let from = to.saturating_sub(size);
                let mut fewer = self.events.clone();
                fewer.drain(from..to);
                if !fewer.is_empty() && self.fails_somewhere(&fewer) {
                    to = from.min(self.events.len());
                } else {
                    to = from;
                }
            }
            size /= 2;
        }
    }

    /// Moves faults to the earliest effects at which the failure remains.
    fn earlier(&mut self) {
        for place in 0..self.faults.len().min(8) {
            let Some(nth) = self.faults[place].nth() else { continue };
            let events = self.events.clone();
            for earlier in 1..nth.min(MOVES_MAX) {
                let mut faults = self.faults.clone();
                faults[place] = faults[place].at(earlier);
                if self.fails(&faults, &events) {
                    break;
                }
            }
        }
    }
}

/// The device of an event; what is no event is its own key.
fn key_of(event: &PlannedEvent) -> String {
    let body = String::from_utf8_lossy(&event.body);
    let device = body.split_once("\"device_id\":\"").and_then(|(_, rest)| rest.split('"').next());
    device.map_or_else(|| event.publish_id.clone(), str::to_owned)
}

impl Fault {
    /// Which effect of its kind it strikes, of a fault that strikes one.
    fn nth(&self) -> Option<u64> {
        match self {
            Self::Call { nth, .. } | Self::Crash { nth, .. } => Some(*nth),
            _ => None,
        }
    }

    /// The same fault at another effect.
    fn at(self, nth: u64) -> Self {
        match self {
            Self::Call { effect, fault, .. } => Self::Call { effect, nth, fault },
            Self::Crash { effect, side, loss, .. } => Self::Crash { effect, nth, side, loss },
            other => other,
        }
    }
}

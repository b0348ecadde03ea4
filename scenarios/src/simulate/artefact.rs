//! A failure in one file: version, scenario, seed, faults and events, everything explicit, so that whoever
//! has the file sees the failure again, step by step.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windtunnel_simulator::{Expect, PlannedEvent, Windowed};

use super::fates::Faults;
use super::fault::Fault;
use super::observer::Finding;
use super::shrink::Shrunk;
use super::simulation::Simulation;

/// The version of the file's layout.
const FORMAT: u32 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artefact {
    /// The layout of this file.
    pub format: u32,
    /// The version of windtunnel that found the failure.
    pub version: String,
    /// What was found.
    pub finding: Finding,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's text.
    pub scenario_text: String,
    /// The seed of latencies.
    pub seed: u64,
    /// The length of the load, in nanoseconds.
    pub duration_ns: u64,
    /// Seconds of event time that pass in one second of it.
    pub time_scale: f64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What is published.
    pub events: Vec<ArtefactEvent>,
}

/// One event to publish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtefactEvent {
    /// When, in nanoseconds since the beginning.
    pub intended_ns: u64,
    /// Which source made it.
    pub source: String,
    /// What must become of it.
    pub expect: Expect,
    /// Its text; none when it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Its bytes in base64, when they are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// Why an artefact cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// Not JSON, or not an artefact's.
    #[error("not a failure of windtunnel simulate: {0}")]
    Json(#[from] serde_json::Error),
    /// Another layout.
    #[error("the file has format {0}, this build reads format {FORMAT}")]
    Format(u32),
    /// The scenario cannot be read any more.
    #[error("its scenario: {0}")]
    Scenario(String),
    /// A body that is not base64.
    #[error("the body of event {0} is no base64")]
    Body(usize),
}

impl Artefact {
    /// The file of a failure.
    #[must_use]
    pub fn of(shrunk: &Shrunk) -> Self {
        let simulation = &shrunk.simulation;
        let (scenario, scenario_text) = simulation.source.clone();
        let event = |event: &PlannedEvent| {
            let text = std::str::from_utf8(&event.body).ok().map(str::to_owned);
            ArtefactEvent {
                intended_ns: event.intended_ns,
                source: event.source.to_string(),
                expect: event.expect,
                body_base64: text.is_none().then(|| STANDARD.encode(&event.body)),
                body: text,
            }
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            finding: shrunk.finding.clone(),
            scenario,
            scenario_text,
            seed: simulation.scenario.workload.seed,
            duration_ns: simulation.scenario.workload.duration_ns,
            time_scale: simulation.scenario.workload.time_scale,
            faults: shrunk.faults.clone(),
            events: shrunk.events.iter().map(event).collect(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ArtefactError`].
    pub fn read(text: &str) -> Result<Self, ArtefactError> {
        let artefact: Self = serde_json::from_str(text)?;
        if artefact.format != FORMAT {
            return Err(ArtefactError::Format(artefact.format));
        }
        Ok(artefact)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("an artefact holds JSON's own types") + "\n"
    }

    /// The simulation that fails.
    ///
    /// # Errors
    /// [`ArtefactError`].
    pub fn simulation(&self) -> Result<Simulation, ArtefactError> {
        let mut simulation =
            Simulation::of(&self.scenario, &self.scenario_text).map_err(|problems| {
                let first = problems.first().map(ToString::to_string);
                ArtefactError::Scenario(first.unwrap_or_default())
            })?;
        simulation.scenario.workload.time_scale = self.time_scale;
        let mut events = Vec::with_capacity(self.events.len());
        for (index, event) in self.events.iter().enumerate() {
            let body = match (&event.body, &event.body_base64) {
                (Some(text), _) => Bytes::from(text.clone()),
                (None, Some(encoded)) => {
                    STANDARD.decode(encoded).map_err(|_| ArtefactError::Body(index))?.into()
                }
                (None, None) => Bytes::new(),
            };
            events.push(PlannedEvent {
                ordinal: 0,
                intended_ns: event.intended_ns,
                publish_id: String::new(),
                windowed: Windowed::of_body(&body),
                body,
                source: event.source.as_str().into(),
                expect: event.expect,
            });
        }
        let length = std::time::Duration::from_nanos(self.duration_ns);
        let faults = Faults::These(self.faults.clone());
        Ok(simulation.seed(self.seed).lasting(length).faults(faults).events(events))
    }
}

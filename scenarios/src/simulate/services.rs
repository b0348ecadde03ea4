//! The services of the world: the brokers of the emulators, with a clock that is an argument. What stands
//! here is only what the wire does around them elsewhere: who waits, what is pushed, which connection is
//! open. Invariant: nothing is decided here that a broker decides.

pub(super) mod bigquery;
pub(super) mod pubsub;
pub(super) mod storage;

use windtunnel_model::EventBatch;
use windtunnel_runtime::command::ScoreOutcome;
use windtunnel_stages::score::{Instance, Model};

use super::call::Answer;

/// The project in which everything is.
pub(super) const PROJECT: &str = "windtunnel";
/// The bucket of the dead letters.
pub(super) const FAILED_EVENTS: &str = "windtunnel-failed-events";

/// The scorer behind Vertex AI.
#[derive(Debug)]
pub(super) struct Scorer(pub(super) Model);

impl Scorer {
    pub(super) fn predict(&self, batch: &EventBatch) -> Answer {
        let score = |event| ScoreOutcome::Value(self.0.score(&Instance::of_event(batch, event)));
        Answer::Scores {
            outcomes: batch.events.iter().map(score).collect(),
            model_version: self.0.version().to_owned(),
        }
    }
}

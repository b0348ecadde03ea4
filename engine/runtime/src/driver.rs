//! Production: carries the coordinator's commands to the connectors and their answers back, over
//! bounded channels, and writes checkpoints on a blocking thread. It decides nothing: what happens in
//! which order is the coordinator's. Invariant: one step at a time, in one task, so that state needs no
//! lock.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windtunnel_model::{AckId, Message};

use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::command::{
    ArchiveCommand, Command, FatalError, Input, ObjectCommand, ScoreCommand, SinkCommand,
};
use crate::coordinator::{Coordinator, Phase};
use crate::limits::TICK_MS;
use crate::metrics::Counters;
use crate::store::Checkpoints;

/// The ends of the channels to the connectors. Connectors take every command promptly and answer on
/// the sender of `inputs`.
#[derive(Debug)]
pub struct Connectors {
    /// Micro-batches from the source.
    pub messages: mpsc::Receiver<Vec<Message>>,
    /// Acknowledgements to the source.
    pub acks: mpsc::Sender<Vec<AckId>>,
    /// To the sink.
    pub sink: mpsc::Sender<SinkCommand>,
    /// To the scorer; never used when the coordinator does not predict.
    pub scores: mpsc::Sender<ScoreCommand>,
    /// To the object store.
    pub objects: mpsc::Sender<ObjectCommand>,
    /// To the archive; never used when the coordinator does not archive.
    pub archive: mpsc::Sender<ArchiveCommand>,
    /// Answers from all of them.
    pub inputs: mpsc::Receiver<Input>,
    /// For the driver's own answers: checkpoints.
    pub inputs_sender: mpsc::Sender<Input>,
}

/// Why a drive ended before it was drained.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The job cannot go on.
    #[error(transparent)]
    Fatal(#[from] FatalError),
    /// A connector ended while it was needed.
    #[error("the connector to {0} ended while the pipeline was running")]
    ConnectorGone(&'static str),
}

/// Runs a coordinator until it is drained: `drain` asks for that, and so does the end of the source.
/// Counters are published at every tick.
///
/// # Errors
/// [`DriveError`] when a service fails for good, the writer is fenced, or a connector ends early.
pub async fn drive(
    mut coordinator: Coordinator,
    recovery: Vec<Command>,
    mut connectors: Connectors,
    store: Arc<dyn Checkpoints>,
    drain: CancellationToken,
    counters: watch::Sender<Counters>,
) -> Result<Counters, DriveError> {
    let mut commands = recovery;
    let mut ticks = interval(Duration::from_millis(TICK_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Asked once: a coordinator that lets a drain wait must not be asked for ever.
    let (mut source_ended, mut drain_asked) = (false, false);
    carry_out(&mut commands, &connectors, &store).await?;
    while coordinator.phase() != Phase::Drained {
        let wants_messages = coordinator.wants_messages() && !source_ended;
        let input = tokio::select! {
            biased;
            Some(input) = connectors.inputs.recv() => input,
            () = drain.cancelled(), if !drain_asked => {
                drain_asked = true;
                Input::Drain
            }
            _ = ticks.tick() => {
                counters.send_replace(coordinator.counters());
                Input::Tick
            }
            batch = connectors.messages.recv(), if wants_messages => {
                match batch {
                    Some(messages) => Input::Pulled(messages),
                    None => {
                        source_ended = true;
                        Input::Drain
                    }
                }
            }
        };
        coordinator.step(input, clock::now(), &mut commands)?;
        carry_out(&mut commands, &connectors, &store).await?;
    }
    let last = coordinator.counters();
    counters.send_replace(last.clone());
    Ok(last)
}

async fn carry_out(
    commands: &mut Vec<Command>,
    connectors: &Connectors,
    store: &Arc<dyn Checkpoints>,
) -> Result<(), DriveError> {
    for command in commands.drain(..) {
        let carried = match command {
            Command::Sink(command) => connectors.sink.send(command).await.map_err(|_| "BigQuery"),
            Command::Score(command) => {
                connectors.scores.send(command).await.map_err(|_| "Vertex AI")
            }
            Command::Object(command) => {
                connectors.objects.send(command).await.map_err(|_| "Cloud Storage")
            }
            Command::Archive(command) => {
                connectors.archive.send(command).await.map_err(|_| "the archive")
            }
            Command::Ack(acks) => connectors.acks.send(acks).await.map_err(|_| "the source"),
            Command::SaveCheckpoint(checkpoint) => {
                save(checkpoint, Arc::clone(store), connectors.inputs_sender.clone());
                Ok(())
            }
        };
        carried.map_err(DriveError::ConnectorGone)?;
    }
    Ok(())
}

/// Writes one checkpoint on a blocking thread. The coordinator asks for the next one only when this
/// one is answered, so there is never more than one under way.
fn save(checkpoint: Checkpoint, store: Arc<dyn Checkpoints>, inputs: mpsc::Sender<Input>) {
    tokio::task::spawn_blocking(move || {
        let epoch = checkpoint.epoch;
        let bytes = checkpoint.bytes.len();
        let _span = tracing::info_span!("save_checkpoint", epoch, bytes).entered();
        let result = store
            .save(&checkpoint)
            .map_err(|error| FatalError { service: "checkpoints", message: error.to_string() });
        // The receiver is gone only when the drive has ended, and then nobody waits for the answer.
        let _ended = inputs.blocking_send(Input::CheckpointSaved { epoch, result });
    });
}

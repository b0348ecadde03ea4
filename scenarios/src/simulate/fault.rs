//! What can go wrong, as data: a list of faults is the whole difference between a calm run and a bad
//! one. Faults of calls, of the disk and crashes name the n-th effect of a kind, so that they keep their
//! meaning while a failure is shrunk; the others name virtual times.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Devices and visitors, with their publisher.
    Generator,
    /// The preprocessing function.
    Function,
    /// The engine.
    Engine,
    /// Pub/Sub.
    Pubsub,
    /// Cloud Storage.
    Storage,
    /// BigQuery.
    Bigquery,
    /// Vertex AI.
    Vertex,
}

impl Part {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Function => "function",
            Self::Engine => "engine",
            Self::Pubsub => "Pub/Sub",
            Self::Storage => "Cloud Storage",
            Self::Bigquery => "BigQuery",
            Self::Vertex => "Vertex AI",
        }
    }
}

/// What a part does to the world outside of itself. Every one is a crash point, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The generator publishes a batch.
    Publish,
    /// Pub/Sub pushes a message to the function.
    Push,
    /// The function publishes completed events.
    FunctionPublish,
    /// The function stores a dead letter.
    FunctionStore,
    /// The engine pulls.
    Pull,
    /// The engine acknowledges.
    Acknowledge,
    /// The engine extends leases or gives them back.
    ModifyDeadline,
    /// The engine creates a write stream.
    OpenStream,
    /// The engine appends rows.
    Append,
    /// The engine flushes rows.
    Flush,
    /// The engine finalizes a write stream.
    Finalize,
    /// The engine stores an object.
    Store,
    /// The engine asks for scores.
    Predict,
    /// The engine writes a file of its checkpoints.
    DiskWrite,
    /// The engine syncs a file.
    DiskSync,
    /// The engine renames a file.
    DiskRename,
    /// The engine syncs the folder.
    DiskSyncFolder,
    /// The engine removes a file.
    DiskRemove,
}

impl Effect {
    /// All effects.
    pub const ALL: [Self; 18] = [
        Self::Publish,
        Self::Push,
        Self::FunctionPublish,
        Self::FunctionStore,
        Self::Pull,
        Self::Acknowledge,
        Self::ModifyDeadline,
        Self::OpenStream,
        Self::Append,
        Self::Flush,
        Self::Finalize,
        Self::Store,
        Self::Predict,
        Self::DiskWrite,
        Self::DiskSync,
        Self::DiskRename,
        Self::DiskSyncFolder,
        Self::DiskRemove,
    ];

    /// Who does it.
    #[must_use]
    pub fn actor(self) -> Part {
        match self {
            Self::Publish => Part::Generator,
            Self::Push => Part::Pubsub,
            Self::FunctionPublish | Self::FunctionStore => Part::Function,
            _ => Part::Engine,
        }
    }

    /// To whom; none for the disk.
    #[must_use]
    pub fn target(self) -> Option<Part> {
        match self {
            Self::Publish
            | Self::FunctionPublish
            | Self::Pull
            | Self::Acknowledge
            | Self::ModifyDeadline => Some(Part::Pubsub),
            Self::Push => Some(Part::Function),
            Self::FunctionStore | Self::Store => Some(Part::Storage),
            Self::OpenStream | Self::Append | Self::Flush | Self::Finalize => Some(Part::Bigquery),
            Self::Predict => Some(Part::Vertex),
            _ => None,
        }
    }

    /// Its name in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Push => "push",
            Self::FunctionPublish => "function-publish",
            Self::FunctionStore => "function-store",
            Self::Pull => "pull",
            Self::Acknowledge => "acknowledge",
            Self::ModifyDeadline => "modify-deadline",
            Self::OpenStream => "open-stream",
            Self::Append => "append",
            Self::Flush => "flush",
            Self::Finalize => "finalize",
            Self::Store => "store",
            Self::Predict => "predict",
            Self::DiskWrite => "disk-write",
            Self::DiskSync => "disk-sync",
            Self::DiskRename => "disk-rename",
            Self::DiskSyncFolder => "disk-sync-folder",
            Self::DiskRemove => "disk-remove",
        }
    }
}

/// Before or after an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The effect does not happen.
    Before,
    /// The effect has happened, and its answer is not heard.
    After,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// What a crash does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The process was killed: the system still writes everything.
    Nothing,
    /// The power failed: what was not synced is gone.
    Unsynced,
    /// The power failed: names survive, files that were not synced are half there.
    Torn,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFault {
    /// It does not arrive; the caller hears of a lost connection.
    RequestLost,
    /// It is carried out; the caller hears of a lost connection.
    ResponseLost,
    /// It arrives late, behind what was sent after it.
    Delayed {
        /// By so many milliseconds.
        by_ms: u32,
    },
    /// It arrives twice; of a pull the messages come twice.
    Duplicated,
    /// The service has no quota left.
    Throttled,
    /// The service refuses one row of the append, and takes none of it.
    RowRefused {
        /// Which one; counted modulo the rows.
        row: u32,
    },
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// A call.
    Call {
        /// Which kind.
        effect: Effect,
        /// Which of them, from 1.
        nth: u64,
        /// What happens to it.
        fault: CallFault,
    },
    /// The part that has an effect dies at it.
    Crash {
        /// Which kind.
        effect: Effect,
        /// Which of them, from 1.
        nth: u64,
        /// Before or after it.
        side: Side,
        /// What becomes of the disk.
        loss: Loss,
    },
    /// A service answers UNAVAILABLE.
    Outage {
        /// The service.
        part: Part,
        /// Milliseconds since the beginning.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// Two parts do not hear each other.
    Split {
        /// One of them.
        between: Part,
        /// The other one.
        and: Part,
        /// Milliseconds since the beginning.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// A part's wall clock jumps.
    Clock {
        /// Whose.
        part: Part,
        /// Milliseconds since the beginning.
        at_ms: u64,
        /// By so many milliseconds.
        by_ms: i64,
    },
    /// A process stands still, as if its machine did; another engine is started in its place meanwhile,
    /// and it wakes up as a zombie.
    Hang {
        /// The function or the engine.
        part: Part,
        /// Milliseconds since the beginning.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// A second engine is started beside the first.
    DoubleStart {
        /// Milliseconds since the beginning.
        at_ms: u64,
    },
    /// The engine's disk takes nothing more.
    DiskFull {
        /// Milliseconds since the beginning.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
}

impl Fault {
    /// The kind's name in reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Call { fault, .. } => match fault {
                CallFault::RequestLost => "request_lost",
                CallFault::ResponseLost => "response_lost",
                CallFault::Delayed { .. } => "delayed",
                CallFault::Duplicated => "duplicated",
                CallFault::Throttled => "throttled",
                CallFault::RowRefused { .. } => "row_refused",
            },
            Self::Crash { loss: Loss::Nothing, .. } => "crash",
            Self::Crash { .. } => "power_loss",
            Self::Outage { .. } => "outage",
            Self::Split { .. } => "split",
            Self::Clock { .. } => "clock",
            Self::Hang { .. } => "hang",
            Self::DoubleStart { .. } => "double_start",
            Self::DiskFull { .. } => "disk_full",
        }
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestLost => out.write_str("the request is lost"),
            Self::ResponseLost => out.write_str("the response is lost"),
            Self::Delayed { by_ms } => write!(out, "delayed by {by_ms} ms"),
            Self::Duplicated => out.write_str("it comes twice"),
            Self::Throttled => out.write_str("throttled"),
            Self::RowRefused { row } => write!(out, "row {row} is refused"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { effect, nth, fault } => write!(out, "{} #{nth}: {fault}", effect.name()),
            Self::Crash { effect, nth, side, loss } => {
                let (who, side) = (effect.actor().name(), side.name());
                let disk = match loss {
                    Loss::Nothing => "",
                    Loss::Unsynced => ", the power fails and what was not synced is lost",
                    Loss::Torn => ", the power fails and what was not synced is torn",
                };
                write!(out, "the {who} dies {side} {} #{nth}{disk}", effect.name())
            }
            Self::Outage { part, at_ms, for_ms } => {
                write!(out, "{} is out from {at_ms} ms for {for_ms} ms", part.name())
            }
            Self::Split { between, and, at_ms, for_ms } => {
                let (between, and) = (between.name(), and.name());
                write!(out, "{between} and {and} are split from {at_ms} ms for {for_ms} ms")
            }
            Self::Clock { part, at_ms, by_ms } => {
                write!(out, "the clock of {} jumps by {by_ms} ms at {at_ms} ms", part.name())
            }
            Self::Hang { part, at_ms, for_ms } => {
                write!(out, "{} stands still from {at_ms} ms for {for_ms} ms", part.name())
            }
            Self::DoubleStart { at_ms } => write!(out, "a second engine starts at {at_ms} ms"),
            Self::DiskFull { at_ms, for_ms } => {
                write!(out, "the disk is full from {at_ms} ms for {for_ms} ms")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_and_read_back() {
        let faults = [
            Fault::Call { effect: Effect::Append, nth: 3, fault: CallFault::Delayed { by_ms: 20 } },
            Fault::Call { effect: Effect::Flush, nth: 1, fault: CallFault::ResponseLost },
            Fault::Crash {
                effect: Effect::DiskRename,
                nth: 2,
                side: Side::After,
                loss: Loss::Torn,
            },
            Fault::Split { between: Part::Engine, and: Part::Bigquery, at_ms: 5, for_ms: 6 },
        ];
        let text = serde_json::to_string(&faults).unwrap();
        assert!(
            text.contains(r#"{"kind":"call","effect":"flush","nth":1,"fault":"response_lost"}"#)
        );
        assert_eq!(serde_json::from_str::<Vec<Fault>>(&text).unwrap(), faults);
    }

    #[test]
    fn every_effect_knows_its_place() {
        for (place, effect) in Effect::ALL.into_iter().enumerate() {
            assert_eq!(effect as usize, place);
            assert!(effect.target() != Some(effect.actor()), "{effect:?}");
        }
    }
}

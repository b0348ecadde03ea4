//! The bounds of the runtime, each with the reason for its value.

/// Epochs that may be on their way to durability while the newest one takes messages in. Four hide
/// the latency of scoring, checkpoint and flush; more would only grow what a crash redoes.
pub const EPOCHS_IN_FLIGHT_MAX: usize = 4;

/// Messages that close an epoch before its time: bounds a checkpoint's delta to about 1 MB.
pub const EPOCH_MESSAGES_MAX: usize = 20_000;

/// Messages in an epoch whose rows become visible at the end of the job: each epoch makes a stream, and
/// BigQuery makes 10,000 an hour.
pub const EPOCH_MESSAGES_MAX_AT_END: usize = 100_000;

/// Delta log bytes after which the state is written whole, unless the last snapshot was larger:
/// small states do not pay for a snapshot at every epoch, large ones at most double what they write.
pub const SNAPSHOT_AFTER_DELTA_BYTES: u64 = 4 << 20;

/// Capacity of the channel of answers to the coordinator: each answer is small, and there are at most
/// a few for every append, flush and object of the epochs in flight.
pub const INPUTS_MAX: usize = 1_024;

/// Capacity of the channel of commands to a connector, for the same reason.
pub const COMMANDS_MAX: usize = 1_024;

/// Micro-batches that wait between the source and the coordinator: the source must not run ahead of
/// backpressure by more than a few batches.
pub const BATCHES_MAX: usize = 4;

/// Tables that a pipeline may name: each costs a stream. Names are made of events' values, so that without a
/// bound one publisher could make tables for ever; rows beyond it are dead letters.
pub const NAMED_TABLES_MAX: usize = 1_000;

/// Pause before a new stream after the first loss, in microseconds; it doubles with every further loss.
pub const REOPEN_PAUSE_MICROS: i64 = 50_000;

/// Longest pause before a new stream, in microseconds.
pub const REOPEN_PAUSE_MICROS_MAX: i64 = 5_000_000;

/// Time between two ticks of the driver, in milliseconds: the resolution of the checkpoint interval.
pub const TICK_MS: u64 = 10;

/// Blocks that a worker of a batch run reads ahead of the one that it processes: enough to find work while
/// another worker is late, and little memory.
pub const BATCH_BLOCKS_AHEAD: u64 = 2;

/// Epochs from one snapshot of a batch run to the next: a restart reads at most so many deltas, and
/// snapshots cost an eighth of what they would at every epoch.
pub const BATCH_SNAPSHOT_EPOCHS: u64 = 8;

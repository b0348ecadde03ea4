//! The bounds of the connectors, each with the reason for its value.

use std::time::Duration;

/// Messages that the subscriber may hold: what the epochs in flight hold, and room for one more.
pub const OUTSTANDING_MESSAGES_MAX: i64 = 100_000;
/// How long a message stays leased without an extension; the client extends leases while it lives. It is
/// how long the messages of a killed engine stay out of sight, so the shortest that Pub/Sub takes.
pub const LEASE: Duration = Duration::from_secs(10);
/// Messages of one micro-batch: batch size alone is worth sixty times in throughput, and beyond a
/// thousand it gains nothing more.
pub const BATCH_MESSAGES: usize = 1_000;
/// How long a micro-batch waits for more messages after its first: invisible in the latency.
pub const BATCH_LINGER: Duration = Duration::from_millis(5);
/// Bytes of one AppendRows request: under the 10 MB that the service takes.
pub const APPEND_BYTES_MAX: usize = 8 << 20;
/// Append requests under way on one connection.
pub const APPENDS_IN_FLIGHT: usize = 64;
/// Streams that one request commits. Those of a table are committed together up to here: ten million rows.
pub const STREAMS_IN_COMMIT_MAX: usize = 100;
/// First pause before a call is tried again; it doubles.
pub const BACKOFF: Duration = Duration::from_millis(50);
/// Longest pause before a call is tried again.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Chunks of an object that are read ahead of what is parsed: the service sends up to 2 MB at a time.
pub const FILE_CHUNKS_AHEAD: usize = 4;
/// A record longer than this ends the reading of its file: no event is, and memory is bounded.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// An Avro block longer than this, packed or not, ends the reading of its file: writers make blocks of
/// kilobytes, and a record is no longer.
pub const AVRO_BLOCK_BYTES_MAX: usize = 64 << 20;
/// Bytes of an Avro file's header: schemas have kilobytes.
pub const AVRO_HEADER_BYTES_MAX: usize = 4 << 20;
/// How deep the values of an Avro record may lie in one another: JSON that is nested deeper is not read.
pub const AVRO_DEPTH_MAX: usize = 64;
/// Values of an Avro record: more than a table has columns, and memory is bounded.
pub const AVRO_VALUES_MAX: u64 = 1 << 20;
/// Notifications of objects that the subscriber may hold: their objects wait, and each is small.
pub const NOTIFICATIONS_MAX: i64 = 1_000;
/// How long an object that could not be read waits for the next try, where nothing else is said.
pub const NOTIFICATION_RETRY_PAUSE: Duration = Duration::from_secs(10);
/// Bytes of a file that are looked at to find its format out, and read at a time.
pub const FILE_BUFFER_BYTES: usize = 256 << 10;
/// Epochs that are archived at the same time: as many as may be on their way to durability.
pub const ARCHIVE_EPOCHS_IN_FLIGHT: usize = 4;
/// Dates of the archive that are asked for their files at the same time when a job starts.
pub const ARCHIVE_LISTS_IN_FLIGHT: usize = 16;
/// Dates, so files, that an epoch may have in a bucket of the archive: events with made-up times must not
/// make a file each.
pub const ARCHIVE_DATES_MAX: usize = 64;
/// Objects that are written at the same time.
pub const OBJECTS_IN_FLIGHT: usize = 16;
/// Instances of one prediction request (64 or 1 MB, whichever comes first).
pub const INSTANCES_MAX: usize = 64;
/// Prediction requests under way at the start; the limit grows with successes and halves with failures.
pub const PREDICTIONS_IN_FLIGHT_START: usize = 4;
/// Prediction requests under way at the most.
pub const PREDICTIONS_IN_FLIGHT_MAX: usize = 16;
/// How long a batch waits for its scores, retries included, before its rows are stored without.
pub const PREDICTION_DEADLINE: Duration = Duration::from_secs(2);
/// Failures in a row that open the circuit breaker.
pub const BREAKER_FAILURES: u32 = 5;
/// How long an open breaker waits before it lets one request through.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(1);
/// Requests that the preprocessing function handles at the same time; more are told to come back.
pub const FUNCTION_IN_FLIGHT: usize = 1_024;
/// Bytes of one push request: a message of 10 MB in base64, and its envelope.
pub const PUSH_BYTES_MAX: usize = 16 << 20;
/// How long messages gather before the function or the generator publishes them.
pub const PUBLISH_LINGER: Duration = Duration::from_millis(5);
/// How old a begun replay may be, in microseconds, for its lines to be published again: half of the dedup
/// index's default horizon, so that the engine still knows those that had arrived.
pub const REPLAY_DOUBT_MICROS: i64 = 1_800_000_000;

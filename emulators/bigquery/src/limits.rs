//! The bounds of the emulator; where BigQuery documents a limit, it is the same
//! (<https://cloud.google.com/bigquery/quotas>).

/// Bytes of one AppendRows request (documented: 10 MB), with room for its envelope.
pub const APPEND_BYTES_MAX: usize = 20_000_000;
/// Bytes of one REST request.
pub const REQUEST_BYTES_MAX: usize = 100_000_000;
/// Rows of one page of `tabledata.list` when the client does not say: a page stays near 10 MB, which is
/// what the service aims at.
pub const PAGE_ROWS: usize = 10_000;
/// Rows of one page at most (documented: 100,000).
pub const PAGE_ROWS_MAX: usize = 100_000;
/// How long an `insertId` is remembered, in microseconds (documented: at least one minute).
pub const INSERT_ID_MICROS: i64 = 60_000_000;
/// Rows up to which neighbouring segments of a table are merged: large enough that a scan does not
/// notice segments, small enough that merging costs little.
pub const SEGMENT_ROWS: usize = 65_536;
/// Responses that wait for a slow AppendRows connection.
pub const APPEND_RESPONSES: usize = 64;
/// How deeply records may nest (documented: 15).
pub const NESTING_MAX: usize = 15;
/// How far back a table's rows can be read, in microseconds (documented: seven days).
pub const TIME_TRAVEL_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;
/// Appends whose times are kept: two words each; beyond that the past gets coarser.
pub const PAST_MARKS_MAX: usize = 65_536;
/// Replacements of a table's rows that are kept: each holds the rows that it replaced.
pub const PAST_REPLACEMENTS_MAX: usize = 64;
/// Jobs that are kept; the oldest that are done make room (the service keeps them for 180 days).
pub const JOBS_MAX: usize = 2_000;
/// Bytes of the results that jobs hold; the oldest make room.
pub const RESULT_BYTES_MAX: usize = 512 * 1_048_576;
/// `requestId`s that are remembered (documented: 15 minutes).
pub const REQUEST_IDS_MAX: usize = 2_000;
/// Sessions at a time.
pub const SESSIONS_MAX: usize = 1_000;
/// How long a session lasts without use, in microseconds (documented: 24 hours).
pub const SESSION_IDLE_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// Results that are kept for queries that are asked again.
pub const CACHED_RESULTS_MAX: usize = 64;
/// How long `jobs.insert` waits for the job's end before it answers, in milliseconds: short jobs are done
/// in their first answer, long ones are polled.
pub const INSERT_WAIT_MILLIS: u64 = 10_000;
/// How long `jobs.query` and `getQueryResults` wait without a `timeoutMs` (documented: 10 s).
pub const QUERY_WAIT_MILLIS: u64 = 10_000;
/// How long they wait at most (documented: about 200 s).
pub const QUERY_WAIT_MILLIS_MAX: u64 = 200_000;
/// What a query is billed for at least, for each table that it reads (documented: 10 MB).
pub const BILLED_BYTES_MIN: u64 = 10 * 1_048_576;
/// Resumable uploads that are under way; the oldest is given up.
pub const UPLOADS_MAX: usize = 256;
/// Rows of a file that a schema is guessed from (documented: 500).
pub const AUTODETECT_ROWS: usize = 500;
/// Rows of one file that an extract job writes where the URI has a wildcard.
pub const EXTRACT_FILE_ROWS: usize = 1_000_000;
/// Errors that a failed load job lists.
pub const LOAD_ERRORS_MAX: usize = 10;

/// Stack of the thread that runs a query: the nesting that the parser allows, in a debug build, and ten
/// times over.
pub(crate) const QUERY_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Rows in one batch of a query's result.
pub(crate) const RESULT_BATCH_ROWS: usize = 16 * 1024;

/// Rows of one stream of a read session, where the client does not say how many streams it wants: small
/// tables have one, as with the service.
pub const READ_STREAM_ROWS: usize = 10_000;
/// Rows of one answer of a read stream: an answer stays well below gRPC's 4 MB default for narrow rows.
pub const READ_ANSWER_ROWS: usize = 4_096;
/// Read sessions at a time; the oldest makes room. A session holds the rows that it reads.
pub const READ_SESSIONS_MAX: usize = 256;
/// How long a read session lasts, in microseconds (documented: at least six hours).
pub const READ_SESSION_MICROS: i64 = 6 * 3_600 * 1_000_000;

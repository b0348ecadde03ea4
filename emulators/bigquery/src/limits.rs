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

//! The bounds of the emulator; where Cloud Storage documents a limit, it is the same
//! (<https://cloud.google.com/storage/quotas>).

/// Bytes of an object's name.
pub const OBJECT_NAME_BYTES_MAX: usize = 1_024;
/// Objects and prefixes in one page of a list.
pub const LIST_PAGE_MAX: usize = 1_000;
/// Bytes of one request. Cloud Storage takes 5 TiB; everything here is held in memory, so one request
/// may hold at most a quarter of a small machine.
pub const REQUEST_BYTES_MAX: usize = 1 << 30;
/// Resumable uploads that are open at the same time; the oldest is given up beyond that (the real
/// service gives them up after a week).
pub const UPLOADS_MAX: usize = 10_000;

//! The bounds of the emulator; where Cloud Storage documents a limit, it is the same
//! (<https://cloud.google.com/storage/quotas>).

use std::ops::RangeInclusive;

/// Bytes of an object's name.
pub const OBJECT_NAME_BYTES_MAX: usize = 1_024;
/// Bytes of an object's own metadata, keys and values together.
pub const OBJECT_METADATA_BYTES_MAX: usize = 8 * 1_024;
/// Objects and prefixes in one page of a list.
pub const LIST_PAGE_MAX: usize = 1_000;
/// Bytes of one request. Cloud Storage takes 5 TiB; everything here is held in memory, so one request
/// may hold at most a quarter of a small machine.
pub const REQUEST_BYTES_MAX: usize = 1 << 30;
/// Resumable uploads that are open at the same time; the oldest is given up beyond that (the real
/// service gives them up after a week).
pub const UPLOADS_MAX: usize = 10_000;
/// Uploads in parts that are open at the same time; the oldest is given up beyond that.
pub const PARTS_UPLOADS_MAX: usize = 1_000;
/// Parts of an upload.
pub const PARTS_MAX: usize = 10_000;
/// Bytes of a part that is not the last.
pub const PART_BYTES_MIN: usize = 5 << 20;
/// Rewrites that are under way at the same time; the oldest is given up beyond that.
pub const REWRITES_MAX: usize = 1_000;
/// Objects that one call can compose.
pub const COMPOSE_SOURCES_MAX: usize = 32;
/// What a rewrite's bytes per call must be a multiple of.
pub const REWRITE_BYTES_UNIT: i64 = 1 << 20;
/// Calls in one batch request.
pub const BATCH_CALLS_MAX: usize = 100;
/// Labels of a bucket.
pub const LABELS_MAX: usize = 64;
/// Lifecycle rules of a bucket.
pub const LIFECYCLE_RULES_MAX: usize = 100;
/// Notification configurations of a bucket.
pub const NOTIFICATION_CONFIGS_MAX: usize = 100;
/// Bindings of a policy.
pub const POLICY_BINDINGS_MAX: usize = 1_500;
/// A day.
pub const DAY_SECONDS: i64 = 86_400;
/// Days for which a bucket can keep deleted objects; new buckets keep them for the least.
pub const SOFT_DELETE_DAYS: RangeInclusive<i64> = 7..=90;
/// Seconds of a bucket's retention: a hundred years.
pub const RETENTION_SECONDS_MAX: i64 = 3_155_760_000;
/// Bytes of deleted objects that can still be restored, of all buckets together. The real service has
/// no such bound; here they are memory, and a load that replaces the same objects for hours would
/// fill it, so the oldest are given up first; the newest is always kept.
pub const SOFT_DELETED_BYTES_MAX: usize = 64 << 20;
/// What one object takes besides its content, for the bound above.
pub const OBJECT_OVERHEAD_BYTES: usize = 1_024;
/// Notifications that wait to be published; calls that would add one are refused beyond that, as
/// retryable.
pub const NOTIFICATIONS_MAX: usize = 100_000;
/// Microseconds between two looks at the lifecycle rules (the real service takes up to a day).
pub const LIFECYCLE_PERIOD_MICROS: i64 = 60_000_000;
/// Bytes of content in one message of a gRPC read: what the service documents.
pub const READ_CHUNK_BYTES: usize = 2 << 20;
/// Messages of a gRPC stream that wait for the client.
pub const STREAM_MESSAGES_MAX: usize = 8;
/// Bytes of one message of a gRPC write: 2 MiB of content, as the service documents, and the rest of
/// the message.
pub const GRPC_MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Bytes of a content that is decompressed on the way to a client or from it.
pub const DECOMPRESSED_BYTES_MAX: u64 = 1 << 30;

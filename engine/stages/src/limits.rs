//! The bounds of the stages, each with the reason for its value.

/// Largest payload of one event, in bytes. BigQuery takes rows of 10 MB, but an event of the
/// reference pipeline has under 1 kB: one that is a thousand times larger is a mistake.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// Longest identifier (event id, event type, device id, user id), in bytes: clustering columns and
/// keys of state stay small whatever a publisher sends.
pub const IDENTIFIER_BYTES_MAX: usize = 1_024;

/// Earliest event time: BigQuery's TIMESTAMP begins at 0001-01-01 00:00:00 UTC.
pub const EVENT_TIME_MIN_MICROS: i64 = -62_135_596_800_000_000;

/// Latest event time: BigQuery's TIMESTAMP ends with 9999-12-31 23:59:59.999999 UTC.
pub const EVENT_TIME_MAX_MICROS: i64 = 253_402_300_799_999_999;

/// Absolute zero in degrees Celsius: a colder reading is a broken sensor's.
pub const TEMPERATURE_MIN: f64 = -273.15;

/// Keys times windows that one shard holds unless it is told otherwise: about 2 GB with the reference
/// aggregate, far beyond a million devices with a handful of windows each.
pub const WINDOWS_OPEN_MAX: usize = 16 << 20;

/// Rules of privacy at most: each is one walk through an event.
pub const PRIVACY_RULES_MAX: usize = 64;

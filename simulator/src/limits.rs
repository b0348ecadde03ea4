//! The bounds of the simulator, each with the reason for its value.

/// Devices or visitors of one source at most: each keeps a random stream of its own of about 400 bytes.
pub const ENTITIES_MAX: u32 = 100_000;
/// Events of one second of one source at most: beyond it no machine's clock tells arrivals apart.
pub const RATE_MAX: f64 = 10_000_000.0;
/// The longest delay of a copy of an event, in nanoseconds: copies come while the original is fresh.
pub const COPY_DELAY_NS_MAX: u64 = 500_000_000;
/// Offending events that a verdict names; the counts hold all of them.
pub const SAMPLES_MAX: usize = 20;
/// Bytes of an oversized body: over the megabyte that an event may have, under what Pub/Sub takes.
pub const OVERSIZE_BYTES: usize = 1_100_000;

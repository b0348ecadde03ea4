//! The bounds of the emulator (<https://cloud.google.com/vertex-ai/docs/quotas>).

/// Bytes of one request to a shared public endpoint (documented: 1.5 MB).
pub const REQUEST_BYTES_MAX: usize = 1_500_000;

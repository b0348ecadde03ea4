//! Benches of the hot path.

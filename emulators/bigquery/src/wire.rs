//! wire
pub struct BigQueryEmulator;

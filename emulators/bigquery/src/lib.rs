//! An emulator of BigQuery. Catalog, tables and write streams are pure state (time comes in as an
//! argument); the wire around them serves REST v2 and gRPC `google.cloud.bigquery.storage.v1` on one
//! plain-HTTP port. What is not implemented is refused by name: see `COVERAGE.md`.

pub mod append;
pub mod catalog;
mod clock;
mod database;
mod defaults;
mod files;
mod jobs;
pub mod limits;
mod objects;
mod read_sessions;
pub mod rows;
pub mod schema;
pub mod table;
mod wire;
pub mod write_streams;

pub use objects::{ObjectError, ObjectStore};
pub use wire::{BigQueryEmulator, SeedError};

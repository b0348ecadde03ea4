//! The connectors: the only production code that speaks to Google Cloud. Each is an async function over
//! bounded channels that carries out the runtime's commands with Google's own clients and answers with
//! the runtime's inputs. Invariant: what is worth a retry is retried here; what is in doubt is reported
//! as doubt, never guessed.

mod archive;
pub mod checkpoints;
pub mod destinations;
pub mod endpoints;
pub mod files;
pub mod function;
pub mod job;
pub mod limits;
pub mod named_rows;
mod objects;
mod prediction_stats;
mod pubsub_source;
pub mod replay;
mod rows;
mod vertex;
pub mod world;
pub mod write_sink;

pub use prediction_stats::PredictionStats;

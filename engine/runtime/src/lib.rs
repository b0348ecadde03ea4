//! Checkpoints, epochs, acknowledgements, backpressure and drain: what makes the stages a pipeline
//! that loses nothing and doubles nothing. It knows no cloud and no UI. The coordinator is a pure
//! state machine; the driver beside it is the only part that waits, spawns or reads a clock.
//!
//! Reading order: [`pipeline`] (the data's way) and [`flow`] (the builder that it uses), [`command`] (the border), [`coordinator`] (the
//! protocol), [`checkpoint`] and [`store`] (what survives a crash), [`driver`] (production).

pub mod batch;
pub mod checkpoint;
pub mod clock;
pub mod command;
pub mod coordinator;
pub mod driver;
pub mod file_progress;
pub mod flow;
pub mod limits;
pub mod metrics;
pub mod pipeline;
pub mod store;

//! Deterministic simulation: generator, brokers, function, engine, scorer and verdict in memory, on virtual
//! time, in one thread, with no sockets and no entropy but the seed. Engine, stages, checkpoint code and
//! brokers are the production ones; only what waits for sockets and timers is played here. The same seed
//! gives the same trace, byte by byte.
//!
//! Reading order: [`fault`] (what can go wrong), [`simulation`] (what is run and what comes of it), `world`
//! (how), `observer` and `judge` (what must hold), [`crash_points`], [`shrink`] and [`campaign`] (how
//! failures are looked for and made small), [`command`] (who asks).

mod agenda;
pub mod artefact;
mod bugs;
mod call;
pub mod campaign;
mod chance;
pub mod command;
pub mod crash_points;
mod disk;
mod engine;
pub mod explain;
mod fates;
pub mod fault;
mod function;
mod generator;
#[doc = include_str!("../SIMULATION.md")]
pub mod guide {}
mod judge;
mod net;
mod observer;
mod progress;
pub mod report;
mod services;
pub mod shrink;
pub mod simulation;
mod trace;
mod world;

pub use campaign::Failure;
pub use fates::Faults;
pub use observer::Finding;
pub use progress::Progress;
pub use simulation::{Outcome, Simulation};
pub use trace::TraceOptions;

#[cfg(test)]
mod tests;

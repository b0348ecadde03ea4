//! Deterministic simulation: generator, brokers, function, engine, scorer and verdict in memory, on virtual
//! time, in one thread, with no sockets and no entropy but the seed. Engine, stages, checkpoint code and
//! brokers are the production ones; only what waits for sockets and timers is played here. The same seed
//! gives the same trace, byte by byte.
//!
//! Reading order: [`fault`] (what can go wrong), [`simulation`] (what is run and what comes of it), `world`
//! (how), `observer` and `judge` (what must hold).

mod agenda;
pub mod artefact;
mod bugs;
mod call;
mod chance;
pub mod crash_points;
mod disk;
mod engine;
mod fates;
pub mod fault;
mod function;
mod generator;
mod judge;
mod net;
mod observer;
mod services;
pub mod shrink;
pub mod simulation;
mod trace;
mod world;

pub use fates::Faults;
pub use observer::Finding;
pub use simulation::{Outcome, Simulation};
pub use trace::TraceOptions;

#[cfg(test)]
mod tests;

//! An emulator of Pub/Sub. The broker is a pure state machine (time comes in as an argument); the
//! wire around it serves gRPC and REST on one plain-HTTP port and delivers to push endpoints. What is
//! not implemented is refused by name: see `COVERAGE.md`.

pub mod broker;
mod clock;
pub mod limits;
mod wire;

pub use wire::PubsubEmulator;

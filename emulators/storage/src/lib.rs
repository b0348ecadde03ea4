//! An emulator of Cloud Storage. The broker is a pure state machine (time comes in as an argument);
//! the wire around it serves the JSON API, the basics of the XML API and gRPC `google.storage.v2` on one
//! plain-HTTP port. What is not implemented is refused by name: see `COVERAGE.md`.

pub mod broker;
mod clock;
pub mod limits;
mod wire;

pub use wire::{Notifications, StorageEmulator, StorageNotification};

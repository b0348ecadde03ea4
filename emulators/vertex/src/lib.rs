//! An emulator of Vertex AI's online prediction: REST and gRPC `Predict` on one plain-HTTP port. The
//! model is passed in, so that the same scorer serves here and in a live custom container. Every
//! project and endpoint is there and serves the same model; what is not implemented is refused by name.

mod clock;
pub mod limits;
mod predict;
mod wire;

pub use predict::{Model, PredictError, Scorer};
pub use wire::VertexEmulator;

//! Checkpoints, epochs, acks, backpressure and drain; knows no cloud and no UI.

//! An emulator of Vertex AI prediction.

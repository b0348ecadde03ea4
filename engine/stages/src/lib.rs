//! The pipeline's stages: pure, synchronous functions and keyed state.

//! An emulator of Cloud Storage: broker apart from wire.

//! An emulator of Pub/Sub: broker apart from wire.

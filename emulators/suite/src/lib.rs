//! All emulators in one process.

//! A read-only view of a run.

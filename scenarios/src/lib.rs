//! windtunnel: a wind tunnel for GCP data pipelines. This library is the binary's inside: scenarios,
//! targets, load, probe, oracle and reports; only here are all parts of the workspace put together.

pub mod cli;
pub mod exit;
pub mod library;
pub mod scenario;

//! windtunnel: a wind tunnel for GCP data pipelines. This library is the binary's inside: scenarios,
//! targets, load, probe, oracle and reports; only here are all parts of the workspace put together.

pub mod batch;
pub mod cli;
pub mod clock;
pub mod emulators;
pub mod exit;
pub mod job;
pub mod latency;
pub mod library;
pub mod load;
pub mod metrics;
pub mod oracle;
pub mod pipeline;
pub mod probe;
pub mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod table;
pub mod target;
pub mod telemetry;
pub mod vertex_model;

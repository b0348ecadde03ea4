//! Goal: REST as its clients use it. Method: requests to the router, without sockets; each file beside this
//! one is a part of the API.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "rest/client.rs"]
mod client;
#[path = "rest/datasets.rs"]
mod datasets;
#[path = "rest/jobs.rs"]
mod jobs;
#[path = "rest/loads.rs"]
mod loads;
#[path = "rest/queries.rs"]
mod queries;
#[path = "rest/storage.rs"]
mod storage;
#[path = "rest/tables.rs"]
mod tables;

//! Goal: answers are those that were recorded from the real service. Method: the recorded calls in order,
//! against one emulator without sockets; every answer is compared with the recorded one. The records lie
//! beside the repository or where `WINDTUNNEL_CONFORMANCE` says; without them nothing is compared, and
//! standard error says so.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "rest/client.rs"]
#[expect(dead_code, reason = "this test sends its own requests")]
mod client;
#[path = "conformance/grpc.rs"]
mod grpc;
#[path = "conformance/http.rs"]
mod http;
#[path = "conformance/records.rs"]
mod records;

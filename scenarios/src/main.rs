//! The binary: installs one TLS provider of the two that the clients bring, and hands over to the command
//! line.

use std::process::ExitCode;

/// Small short-lived pieces of every event dominate: see the reason in the workspace's `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // Without this, rustls would panic at the first handshake: two providers are linked in.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    windtunnel::cli::main().await
}

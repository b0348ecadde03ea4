//! The binary: installs one TLS provider of the two that the clients bring, starts logging, and hands
//! over to the command line.

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    // Without this, rustls would panic at the first handshake: two providers are linked in.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let filter =
        EnvFilter::try_from_env("WINDTUNNEL_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    windtunnel::cli::main().await
}

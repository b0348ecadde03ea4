//! `windtunnel emulators`: serves the emulators until Ctrl-C, and prints what a shell must set.

use anyhow::Context;
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::world::ReferenceNames;
use windtunnel_model::schema::DATASET;

use crate::target::vertex_model;

/// Which ports, and what to make.
#[derive(Debug, clap::Args)]
pub struct EmulatorArguments {
    /// Port of Pub/Sub; 0 is any free port
    #[arg(long, default_value_t = 8085)]
    pubsub_port: u16,
    /// Port of Cloud Storage
    #[arg(long, default_value_t = 4443)]
    storage_port: u16,
    /// Port of BigQuery
    #[arg(long, default_value_t = 9050)]
    bigquery_port: u16,
    /// Port of Vertex AI
    #[arg(long, default_value_t = 8470)]
    vertex_port: u16,
    /// Create the reference pipeline's topics, subscriptions, buckets, dataset and tables
    #[arg(long)]
    seed_reference: bool,
    /// The project of the reference pipeline
    #[arg(long, default_value = "windtunnel")]
    project: String,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// A port is in use: which, for which service, and what to pass.
pub async fn serve(arguments: EmulatorArguments) -> anyhow::Result<()> {
    let ports = Ports {
        pubsub: arguments.pubsub_port,
        storage: arguments.storage_port,
        bigquery: arguments.bigquery_port,
        vertex: arguments.vertex_port,
    };
    let suite = Suite::start(ports, vertex_model()).await?;
    if arguments.seed_reference {
        seed(&suite, &ReferenceNames::for_project(&arguments.project))?;
    }
    println!("export PUBSUB_EMULATOR_HOST={}", suite.pubsub_address);
    println!("export STORAGE_EMULATOR_HOST=http://{}", suite.storage_address);
    println!("export BIGQUERY_EMULATOR_HOST=http://{}", suite.bigquery_address);
    println!("export VERTEX_EMULATOR_HOST=http://{}", suite.vertex_address);
    println!("# ready");
    until_signal().await?;
    suite.shutdown().await;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// Signals cannot be heard on this system.
pub async fn until_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}

fn seed(suite: &Suite, names: &ReferenceNames) -> anyhow::Result<()> {
    for topic in ["iot-events", "processed-events", "predictions"] {
        suite.pubsub.create_topic(&names.topic(topic))?;
    }
    for (subscription, topic) in
        [("iot-events-sub", "iot-events"), ("processed-events-sub", "processed-events")]
    {
        suite.pubsub.create_subscription(
            &names.subscription(subscription),
            &names.topic(topic),
            None,
        )?;
    }
    for bucket in names.buckets() {
        suite.storage.create_bucket(&names.project, &bucket)?;
    }
    suite.bigquery.create_dataset(&names.project, DATASET)?;
    for (table, resource) in names.tables() {
        suite.bigquery.create_table(&names.project, DATASET, table, &resource)?;
    }
    Ok(())
}

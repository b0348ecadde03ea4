//! `windtunnel pipeline`: the engine alone, against any target, until SIGTERM; then it drains.

use windtunnel_gcp::job::Source;
use windtunnel_runtime::command::Visibility;
use windtunnel_stages::window::WindowConfig;

use crate::job::{self, JobArguments};

/// What the engine reads, and how.
#[derive(Debug, clap::Args)]
pub struct PipelineArguments {
    /// The subscription to read
    #[arg(long, default_value = "processed-events-sub")]
    subscription: String,
    /// Seconds after its end (plus a minute of disorder) that a window takes late events
    #[arg(long, default_value_t = 120)]
    allowed_lateness_s: u32,
    #[command(flatten)]
    job: JobArguments,
}

/// Runs until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// The target cannot be reached, or the job cannot go on.
pub async fn run(arguments: PipelineArguments) -> anyhow::Result<()> {
    let windows = WindowConfig {
        allowed_lateness_micros: i64::from(arguments.allowed_lateness_s) * 1_000_000,
        ..WindowConfig::default()
    };
    let source = Source::Subscription(arguments.subscription);
    let says_so = async |_| eprintln!("the pipeline runs; SIGTERM or Ctrl-C drains it");
    let counters = job::run(arguments.job, source, windows, Visibility::ByEpoch, says_so).await?;
    eprintln!(
        "drained: {} messages, {} rows, {} duplicates, {} dead letters, {} late, {} windows",
        counters.messages,
        counters.rows,
        counters.duplicates,
        counters.dead_letters(),
        counters.late(),
        counters.window_rows
    );
    Ok(())
}

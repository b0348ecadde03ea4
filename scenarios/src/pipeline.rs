//! `windtunnel pipeline`: the engine alone, against any target, until SIGTERM; then it drains.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::destinations::Destinations;
use windtunnel_gcp::job::{self, JobConfig};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::metrics::Counters;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::privacy::Privacy;
use windtunnel_stages::window::WindowConfig;

use crate::cli::TargetArguments;
use crate::clock::job_name;
use crate::emulators::until_signal;
use crate::metrics::{self, Sources, backlog};
use crate::scenario::parse_privacy;
use crate::target::reach;

/// What the engine reads, and where it keeps its checkpoints.
#[derive(Debug, clap::Args)]
pub struct PipelineArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The subscription to read
    #[arg(long, default_value = "processed-events-sub")]
    subscription: String,
    /// The folder of the checkpoints; a job goes on where its folder says
    #[arg(long, default_value = ".windtunnel/checkpoints")]
    checkpoints: PathBuf,
    /// Milliseconds between checkpoints
    #[arg(long, default_value_t = 200)]
    checkpoint_interval_ms: u32,
    /// Seconds after its end (plus a minute of disorder) that a window takes late events
    #[arg(long, default_value_t = 120)]
    allowed_lateness_s: u32,
    /// Do not ask Vertex AI for scores
    #[arg(long)]
    no_predictions: bool,
    /// Serve OpenMetrics at http://HOST:PORT/metrics
    #[arg(long, value_name = "HOST:PORT")]
    metrics_addr: Option<String>,
    /// A file of fields to hash or drop before anything is stored
    #[arg(long)]
    privacy: Option<PathBuf>,
}

/// Runs until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// The target cannot be reached, or the job cannot go on.
pub async fn run(arguments: PipelineArguments) -> anyhow::Result<()> {
    let TargetArguments { target, project, region, vertex_endpoint } = arguments.target;
    let services = reach(target, &region).await?;
    let names = ReferenceNames::for_project(&project);
    world::create(&services.endpoints, &names, None).await?;
    let config = JobConfig {
        names,
        subscription: arguments.subscription,
        region,
        vertex_endpoint,
        checkpoints: arguments.checkpoints,
        privacy: arguments.privacy.as_deref().map(read_privacy).transpose()?,
        destinations: Destinations::default(),
        coordinator: CoordinatorConfig {
            job: job_name(),
            shard: 0,
            checkpoint_interval_micros: i64::from(arguments.checkpoint_interval_ms) * 1_000,
            predict: !arguments.no_predictions,
            dedup: DedupConfig::default(),
            windows: WindowConfig {
                allowed_lateness_micros: i64::from(arguments.allowed_lateness_s) * 1_000_000,
                ..WindowConfig::default()
            },
        },
    };
    let drain = CancellationToken::new();
    let asked = drain.clone();
    tokio::spawn(async move {
        if until_signal().await.is_ok() {
            eprintln!("draining");
            asked.cancel();
        }
    });
    let (sender, receiver) = watch::channel(Counters::default());
    let stats = PredictionStats::default();
    let served = CancellationToken::new();
    if let Some(address) = arguments.metrics_addr {
        let backlog = backlog(&services, &config.names, &[config.subscription.as_str()]);
        let sources = Sources { counters: receiver, predictions: stats.clone(), backlog };
        let bound = metrics::serve(&address, sources, served.clone()).await?;
        eprintln!("metrics at http://{bound}/metrics");
    }
    eprintln!("the pipeline runs; SIGTERM or Ctrl-C drains it");
    let counters = job::run(config, &services.endpoints, drain, sender, stats).await?;
    served.cancel();
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

fn read_privacy(file: &Path) -> anyhow::Result<Arc<Privacy>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let privacy = parse_privacy(&name, &text).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the privacy file cannot be used\n{}", problems.join("\n"))
    })?;
    Ok(Arc::new(privacy))
}

//! A job from the command line: what `pipeline` and `batch` are both told, and how it is put together and
//! run. What they read is theirs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::checkpoints::CheckpointPlace;
use windtunnel_gcp::destinations::Destinations;
use windtunnel_gcp::job::{self, JobConfig, Source};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_runtime::command::Visibility;
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

/// Between checkpoints on disk, in milliseconds.
const CHECKPOINT_INTERVAL_MS: u32 = 200;
/// Between checkpoints in a bucket: Cloud Storage takes one write a second to an object, and `HEAD` is one.
const BUCKET_CHECKPOINT_INTERVAL_MS: u32 = 1_000;
/// Between checkpoints that each need streams of their own: BigQuery makes 10,000 an hour.
const STREAM_INTERVAL_MS: u32 = 5_000;

/// What every job is told.
#[derive(Debug, clap::Args)]
pub struct JobArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The folder of the checkpoints, or gs://BUCKET/PREFIX; a job goes on where they say
    #[arg(long, value_name = "FOLDER", default_value = ".windtunnel/checkpoints")]
    checkpoints: CheckpointPlace,
    /// Milliseconds between checkpoints (200, in a bucket 1000, with --all-at-once 5000)
    #[arg(long)]
    checkpoint_interval_ms: Option<u32>,
    /// Do not ask Vertex AI for scores
    #[arg(long)]
    no_predictions: bool,
    /// Serve OpenMetrics at http://HOST:PORT/metrics
    #[arg(long, value_name = "HOST:PORT")]
    metrics_addr: Option<String>,
    /// Keep messages and rows as Parquet in PROJECT-raw-data/archive and PROJECT-processed-data/events
    #[arg(long)]
    archive: bool,
    /// A file of fields to hash or drop before anything is stored
    #[arg(long)]
    privacy: Option<PathBuf>,
}

/// Runs a job until SIGTERM, Ctrl-C or the end of its source, then drains it. `watching` gets the counters
/// while it runs.
///
/// # Errors
/// The target cannot be reached, or the job cannot go on.
pub async fn run(
    arguments: JobArguments,
    source: Source,
    windows: WindowConfig,
    visibility: Visibility,
    watching: impl AsyncFnOnce(watch::Receiver<Counters>),
) -> anyhow::Result<Counters> {
    let TargetArguments { target, project, region, vertex_endpoint } = arguments.target;
    let services = reach(target, &region).await?;
    let names = ReferenceNames::for_project(&project);
    world::create(&services.endpoints, &names, None).await?;
    let subscription = match &source {
        Source::Subscription(name) => Some(name.clone()),
        Source::Files(files) => files.notifications.clone(),
    };
    let interval_ms =
        arguments.checkpoint_interval_ms.unwrap_or(match (&arguments.checkpoints, visibility) {
            (_, Visibility::AtEnd) => STREAM_INTERVAL_MS,
            (CheckpointPlace::Folder(_), _) => CHECKPOINT_INTERVAL_MS,
            (CheckpointPlace::Bucket { .. }, _) => BUCKET_CHECKPOINT_INTERVAL_MS,
        });
    let config = JobConfig {
        names,
        source,
        region,
        vertex_endpoint,
        checkpoints: arguments.checkpoints,
        destinations: Destinations::default(),
        archive: arguments.archive,
        privacy: arguments.privacy.as_deref().map(read_privacy).transpose()?,
        coordinator: CoordinatorConfig {
            job: job_name(),
            shard: 0,
            checkpoint_interval_micros: i64::from(interval_ms) * 1_000,
            predict: !arguments.no_predictions,
            visibility,
            dedup: DedupConfig::default(),
            windows,
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
        let read: Vec<&str> = subscription.iter().map(String::as_str).collect();
        let backlog = backlog(&services, &config.names, &read);
        let sources = Sources { counters: receiver.clone(), predictions: stats.clone(), backlog };
        let bound = metrics::serve(&address, sources, served.clone()).await?;
        eprintln!("metrics at http://{bound}/metrics");
    }
    let job = job::run(config, &services.endpoints, drain, sender, stats);
    // The watching ends by itself when the job lets go of the counters.
    let (counters, ()) = tokio::join!(job, watching(receiver));
    served.cancel();
    Ok(counters?)
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

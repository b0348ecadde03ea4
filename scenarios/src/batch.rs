//! `windtunnel batch`: the engine over files, to their end. The same stages as the stream, with windows that
//! are complete when everything is read.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::destinations::Destinations;
use windtunnel_gcp::files::{FilesConfig, Format};
use windtunnel_gcp::job::{self, JobConfig, Source};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::metrics::Counters;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

use crate::cli::TargetArguments;
use crate::clock::job_name;
use crate::emulators::until_signal;
use crate::pipeline::read_privacy;
use crate::target::reach;

/// Files come in any order of their events' times: no window ends before all are read. A hundred years in
/// microseconds.
const ANY_DISORDER_MICROS: i64 = 100 * 365 * 24 * 3_600 * 1_000_000;

/// What a run over files is told.
#[derive(Debug, clap::Args)]
pub struct BatchArguments {
    /// Files and objects (gs://BUCKET/NAME), with *, ? and ** for names; @FILE is a list of them
    #[arg(required = true)]
    inputs: Vec<String>,
    /// The format; found out file by file where it is not said
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// Look for new files every so many seconds until SIGTERM, with windows that end as in a stream
    #[arg(long)]
    watch: Option<u32>,
    /// The folder that remembers what was read: a later run with it adds nothing twice
    #[arg(long)]
    checkpoints: PathBuf,
    /// Milliseconds between checkpoints
    #[arg(long, default_value_t = 1_000)]
    checkpoint_interval_ms: u32,
    /// A TOML file of fields that are hashed or dropped before anything is stored
    #[arg(long)]
    privacy: Option<PathBuf>,
    /// Do not ask Vertex AI for scores
    #[arg(long)]
    no_predictions: bool,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    JsonLines,
    JsonArray,
    Csv,
    Parquet,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::JsonLines => Self::JsonLines,
            FormatArgument::JsonArray => Self::JsonArray,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Parquet => Self::Parquet,
        }
    }
}

/// The windows of a run over files.
fn windows(is_stream: bool) -> WindowConfig {
    let windows = WindowConfig::default();
    match is_stream {
        true => windows,
        false => WindowConfig { watermark_bound_micros: ANY_DISORDER_MICROS, ..windows },
    }
}

/// Reads everything and ends; SIGTERM or Ctrl-C ends it early, for a later run to go on.
///
/// # Errors
/// The target cannot be reached, a file cannot be read to its end, or the job cannot go on.
pub async fn run(arguments: BatchArguments) -> anyhow::Result<()> {
    let TargetArguments { target, project, region, vertex_endpoint } = arguments.target;
    let services = reach(target, &region).await?;
    let names = ReferenceNames::for_project(&project);
    world::create(&services.endpoints, &names, None).await?;
    let config = JobConfig {
        names,
        source: Source::Files(FilesConfig {
            inputs: arguments.inputs,
            format: arguments.format.map(Format::from),
            watch: arguments.watch.map(|seconds| Duration::from_secs(seconds.into())),
        }),
        region,
        vertex_endpoint,
        checkpoints: arguments.checkpoints,
        destinations: Destinations::default(),
        privacy: arguments.privacy.as_deref().map(read_privacy).transpose()?,
        coordinator: CoordinatorConfig {
            job: job_name(),
            shard: 0,
            checkpoint_interval_micros: i64::from(arguments.checkpoint_interval_ms) * 1_000,
            predict: !arguments.no_predictions,
            dedup: DedupConfig::default(),
            windows: windows(arguments.watch.is_some()),
        },
    };
    let drain = CancellationToken::new();
    let asked = drain.clone();
    tokio::spawn(async move {
        if until_signal().await.is_ok() {
            eprintln!("draining; a later run with the same checkpoints goes on from here");
            asked.cancel();
        }
    });
    let (sender, counters) = watch::channel(Counters::default());
    let shown = tokio::spawn(show(counters));
    let endpoints = services.endpoints.clone();
    let stats = PredictionStats::default();
    let ended = job::run(config, &endpoints, drain, sender, stats).await;
    shown.abort();
    let counters = ended.context("the run over the files")?;
    eprintln!(
        "done: {} records, {} rows, {} duplicates, {} dead letters, {} windows, {} without a score",
        counters.messages,
        counters.rows,
        counters.duplicates,
        counters.dead_letters(),
        counters.window_rows,
        counters.degraded,
    );
    Ok(())
}

/// One line a second.
async fn show(counters: watch::Receiver<Counters>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = 0;
    loop {
        ticks.tick().await;
        let (records, rows, letters) = {
            let counters = counters.borrow();
            (counters.messages, counters.rows, counters.dead_letters())
        };
        let rate = records - before;
        eprintln!("  {records} records ({rate}/s), {rows} rows, {letters} dead letters");
        before = records;
    }
}

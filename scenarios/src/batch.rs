//! `windtunnel batch`: the engine over files, to their end. The same stages as the stream, with windows that
//! are complete when everything is read.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use windtunnel_gcp::files::{FilesConfig, Format};
use windtunnel_gcp::job::Source;
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::metrics::Counters;
use windtunnel_stages::window::WindowConfig;

use crate::job::{self, JobArguments};

/// Files come in any order of their events' times: no window ends before all are read. A hundred years in
/// microseconds.
const ANY_DISORDER_MICROS: i64 = 100 * 365 * 24 * 3_600 * 1_000_000;

/// What a run over files is told.
#[derive(Debug, clap::Args)]
pub struct BatchArguments {
    /// Files and objects (gs://BUCKET/NAME), with *, ? and ** for names; @FILE is a list of them
    #[arg(required_unless_present = "notifications")]
    inputs: Vec<String>,
    /// The format; found out file by file where it is not said
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// Look for new files every so many seconds until SIGTERM, with windows that end as in a stream
    #[arg(long)]
    watch: Option<u32>,
    /// Read the objects that this subscription's notifications of Cloud Storage tell of, until SIGTERM,
    /// instead of looking for files; those that match FILE where there is one
    #[arg(long, value_name = "SUBSCRIPTION")]
    notifications: Option<String>,
    /// Show no row before the run ends, and then all of them at once; a run that ends early shows what it has
    /// read. BigQuery keeps what waits for four hours: not for longer runs
    #[arg(long, conflicts_with_all = ["watch", "notifications"])]
    all_at_once: bool,
    #[command(flatten)]
    job: JobArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    JsonLines,
    JsonArray,
    Csv,
    Parquet,
    Avro,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::JsonLines => Self::JsonLines,
            FormatArgument::JsonArray => Self::JsonArray,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Parquet => Self::Parquet,
            FormatArgument::Avro => Self::Avro,
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
    let windows = windows(arguments.watch.is_some() || arguments.notifications.is_some());
    let source = Source::Files(FilesConfig {
        inputs: arguments.inputs,
        format: arguments.format.map(Format::from),
        watch: arguments.watch.map(|seconds| Duration::from_secs(seconds.into())),
        notifications: arguments.notifications,
    });
    let visibility = match arguments.all_at_once {
        true => Visibility::AtEnd,
        false => Visibility::ByEpoch,
    };
    let counters = job::run(arguments.job, source, windows, visibility, show).await?;
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

/// One line a second, until the job has ended.
async fn show(counters: watch::Receiver<Counters>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut ended = counters.clone();
    let mut before = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = closed(&mut ended) => return,
        }
        let (records, rows, letters) = {
            let counters = counters.borrow();
            (counters.messages, counters.rows, counters.dead_letters())
        };
        let rate = records - before;
        eprintln!("  {records} records ({rate}/s), {rows} rows, {letters} dead letters");
        before = records;
    }
}

/// Waits until nobody counts any more.
async fn closed(counters: &mut watch::Receiver<Counters>) {
    while counters.changed().await.is_ok() {}
}

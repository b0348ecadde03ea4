//! A job, put together: source, coordinator, sink, scorer and object store over bounded channels, with its
//! checkpoints in a folder or a bucket. It runs until it is asked to drain, or its files are read.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windtunnel_runtime::checkpoint::RecordError;
use windtunnel_runtime::coordinator::{Coordinator, CoordinatorConfig};
use windtunnel_runtime::driver::{Connectors, DriveError, drive};
use windtunnel_runtime::limits::{BATCHES_MAX, COMMANDS_MAX, INPUTS_MAX};
use windtunnel_runtime::metrics::Counters;
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_runtime::store::StoreError;
use windtunnel_stages::privacy::Privacy;

use crate::archive::{self, Archive};
use crate::checkpoints::{self, CheckpointPlace};
use crate::destinations::Destinations;
use crate::endpoints::{ConnectError, Endpoints};
use crate::files::notified::Notified;
use crate::files::{self, FileReader, FilesConfig};
use crate::prediction_stats::PredictionStats;
use crate::vertex::Vertex;
use crate::world::ReferenceNames;
use crate::write_sink::WriteSink;
use crate::{objects, pubsub_source, vertex, write_sink};

/// What a job is set up with.
#[derive(Debug, Clone)]
pub struct JobConfig {
    /// The project's names.
    pub names: ReferenceNames,
    /// What the job reads.
    pub source: Source,
    /// Region of the Vertex AI endpoint.
    pub region: String,
    /// Id of the Vertex AI endpoint.
    pub vertex_endpoint: String,
    /// Where the checkpoints are.
    pub checkpoints: CheckpointPlace,
    /// What becomes of tables that the pipeline names; the reference names none.
    pub destinations: Destinations,
    /// The coordinator; `job` names a new job and is ignored where the checkpoints name one.
    pub coordinator: CoordinatorConfig,
    /// What is taken out of messages before anything is stored.
    pub privacy: Option<Arc<Privacy>>,
    /// Whether messages and rows are kept as Parquet in the raw and the processed bucket.
    pub archive: bool,
}

/// What a job reads.
#[derive(Debug, Clone)]
pub enum Source {
    /// A subscription, by its name in the project, until the job is drained.
    Subscription(String),
    /// Files, to their end.
    Files(FilesConfig),
}

/// Why a job ended before it was drained.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A client cannot be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The checkpoints cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoints cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The job could not go on.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The source cannot be read.
    #[error("source: {0}")]
    Source(String),
}

/// Runs the reference pipeline until `drain` and answers with its last counters; they are published while it runs.
///
/// # Errors
/// [`JobError`].
pub async fn run(
    config: JobConfig,
    endpoints: &Endpoints,
    drain: CancellationToken,
    counters: watch::Sender<Counters>,
    stats: PredictionStats,
) -> Result<Counters, JobError> {
    let pipeline = Pipeline::new(config.coordinator.dedup, config.coordinator.windows);
    run_pipeline(pipeline, config, endpoints, drain, counters, stats).await
}

/// As [`run`], with a pipeline of one's own over the same messages and outputs.
///
/// # Errors
/// [`JobError`].
pub async fn run_pipeline(
    pipeline: Pipeline,
    config: JobConfig,
    endpoints: &Endpoints,
    drain: CancellationToken,
    counters: watch::Sender<Counters>,
    stats: PredictionStats,
) -> Result<Counters, JobError> {
    let (store, log) =
        checkpoints::acquire(&config.checkpoints, &config.coordinator.job, endpoints).await?;
    let coordinator = CoordinatorConfig { job: store.job().to_owned(), ..config.coordinator };
    let archive = archive_of(&config.names, &coordinator, store.lease(), endpoints).await?;
    let pipeline = match &config.source {
        Source::Subscription(_) => pipeline,
        Source::Files(_) => pipeline.reading_files(),
    };
    let (mut coordinator, mut recovery) = Coordinator::start_with(coordinator, pipeline, &log)?;
    coordinator = coordinator.with_privacy(config.privacy);
    if config.archive {
        coordinator = coordinator.archiving(&mut recovery);
    }
    drop(log);
    let (inputs_sender, inputs) = mpsc::channel(INPUTS_MAX);
    let (batches, messages) = mpsc::channel(BATCHES_MAX);
    let (acks, acks_receiver) = mpsc::channel(COMMANDS_MAX);
    let (sink, sink_commands) = mpsc::channel(COMMANDS_MAX);
    let (scores, score_commands) = mpsc::channel(COMMANDS_MAX);
    let (objects_sender, object_commands) = mpsc::channel(COMMANDS_MAX);
    let (archive_sender, archive_commands) = mpsc::channel(COMMANDS_MAX);
    let write_sink = WriteSink {
        channel: endpoints.write_channel()?,
        bearer: endpoints.bearer("BigQuery Storage Write")?,
        names: config.names.clone(),
        bigquery: endpoints.bigquery().await?,
        destinations: config.destinations,
        encoders: write_sink::Encoders::default(),
    };
    let vertex = Vertex {
        http: reqwest::Client::new(),
        url: format!(
            "{}/v1/projects/{}/locations/{}/endpoints/{}:predict",
            endpoints.vertex, config.names.project, config.region, config.vertex_endpoint
        ),
        tokens: endpoints.bearer("Vertex AI")?.tokens,
        stats,
    };
    let storage = endpoints.storage().await?;
    let bucket = config.names.failed_events_bucket();
    let mut connectors = JoinSet::new();
    connectors.spawn(write_sink::run(write_sink, sink_commands, inputs_sender.clone()));
    connectors.spawn(vertex::run(vertex, score_commands, inputs_sender.clone()));
    connectors.spawn(objects::run(storage, bucket, object_commands, inputs_sender.clone()));
    connectors.spawn(archive::run(archive, archive_commands, inputs_sender.clone()));
    let stop = CancellationToken::new();
    let source = match config.source {
        Source::Subscription(subscription) => tokio::spawn(pubsub_source::run(
            endpoints.subscriber().await?,
            config.names.subscription(&subscription),
            batches,
            acks_receiver,
            stop.clone(),
        )),
        Source::Files(files) => {
            let progress = coordinator.pipeline().file_progress().cloned().unwrap_or_default();
            let control = endpoints.storage_control().await?;
            let reader = FileReader::new(endpoints.storage().await?, files.format, batches);
            match &files.notifications {
                Some(subscription) => {
                    let notified = Notified {
                        reader,
                        control,
                        subscriber: endpoints.subscriber().await?,
                        subscription: config.names.subscription(subscription),
                        inputs: files.inputs,
                        pause: files.watch,
                    };
                    let drain = drain.clone();
                    tokio::spawn(files::notified::run(notified, progress, acks_receiver, drain))
                }
                None => {
                    // What was read is in the checkpoints: nobody waits for acknowledgements.
                    tokio::spawn(discard(acks_receiver));
                    tokio::spawn(files::run(reader, control, files, progress, drain.clone()))
                }
            }
        }
    };
    let ends = Connectors {
        messages,
        acks,
        sink,
        scores,
        objects: objects_sender,
        archive: archive_sender,
        inputs,
        inputs_sender,
    };
    let driven = drive(coordinator, recovery, ends, store, drain, counters).await;
    // The drive let go of its ends: the connectors finish what they have and end.
    stop.cancel();
    let pulled = source.await;
    connectors.join_all().await;
    match pulled {
        Ok(Err(reason)) => Err(JobError::Source(reason)),
        Ok(Ok(())) | Err(_) => Ok(driven?),
    }
}

async fn archive_of(
    names: &ReferenceNames,
    coordinator: &CoordinatorConfig,
    lease: u64,
    endpoints: &Endpoints,
) -> Result<Archive, ConnectError> {
    Ok(Archive {
        storage: endpoints.storage().await?,
        control: endpoints.storage_control().await?,
        raw_bucket: names.raw_data_bucket(),
        processed_bucket: names.processed_data_bucket(),
        job: coordinator.job.clone(),
        shard: coordinator.shard,
        lease,
    })
}

async fn discard<T>(mut receiver: mpsc::Receiver<T>) {
    while receiver.recv().await.is_some() {}
}

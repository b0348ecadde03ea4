//! One run, put together: target, world, function, engine, load, probe, drain, oracle, report. The only
//! place that knows all parts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::checkpoints::CheckpointPlace;
use windtunnel_gcp::destinations::Destinations;
use windtunnel_gcp::function::{FunctionConfig, serve};
use windtunnel_gcp::job::{self, JobConfig, Source};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::metrics::Counters;
use windtunnel_simulator::Ledger;
use windtunnel_stages::dedup::DedupConfig;

use crate::clock::{RunClock, job_name};
use crate::latency::Percentiles;
use crate::load::{self, LoadResult};
use crate::metrics::{self, Sources, backlog};
use crate::oracle::{self, Judgement};
use crate::probe::{self, Probe};
use crate::progress::{Progress, Reporter};
use crate::report::{Checked, Fairness, Report, Verdict};
use crate::scenario::{Scenario, Topology};
use crate::table::TableReader;
use crate::target::{Services, Target, reach};

/// The send lag above which the generator was the bottleneck and nothing is proven.
const SEND_LAG_VOID_MS: f64 = 1_000.0;
/// How long nothing may happen before the pipeline counts as drained.
const QUIET: Duration = Duration::from_secs(3);
/// The longest wait for the pipeline to drain.
const DRAIN_MAX: Duration = Duration::from_secs(300);

/// What the command line adds to a scenario.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where to run.
    pub target: Target,
    /// The project.
    pub project: String,
    /// The region of Vertex AI.
    pub region: String,
    /// The id of the Vertex AI endpoint.
    pub vertex_endpoint: String,
    /// Where to serve metrics.
    pub metrics_addr: Option<String>,
}

/// Runs a scenario and judges it.
///
/// # Errors
/// The target cannot be reached, or a part of the run failed.
pub async fn run(
    scenario: &Scenario,
    options: &RunOptions,
    reporter: &mut Reporter,
    stop: CancellationToken,
) -> anyhow::Result<Report> {
    let services = reach(options.target, &options.region).await?;
    let names = ReferenceNames::for_project(&options.project);
    let mut tunnel = Tunnel::open(scenario, options, &services, &names).await?;
    if let Some(address) = &options.metrics_addr {
        tunnel.serve_metrics(address).await?;
    }
    let clock = RunClock::start();
    let load = tunnel.blow(scenario, clock, reporter, &stop).await?;
    let ended_at = clock.elapsed();
    let backlog_at_end = tunnel.waiting();
    let aborted_by = tunnel.aborted_by.take();
    tunnel.settle(clock, reporter).await?;
    let stats = tunnel.stats.clone();
    let (ledger, probe) = tunnel.close(ended_at, clock).await?;
    let judgement =
        oracle::judge(&services.endpoints, &names, &ledger, scenario.windows.size_micros)
            .await
            .context("the oracle")?;
    let prediction = Percentiles::of(&stats.snapshot());
    let mut report = report(scenario, options, load, &probe, prediction, judgement, backlog_at_end);
    if aborted_by.is_some() {
        report.verdict = Verdict::Aborted;
        report.aborted_by = aborted_by;
    }
    if let Some(suite) = services.suite {
        suite.shutdown().await;
    }
    Ok(report)
}

/// The running parts.
struct Tunnel<'a> {
    services: &'a Services,
    names: &'a ReferenceNames,
    topology: Topology,
    ledger: Arc<Mutex<Ledger>>,
    probe: Arc<Mutex<Probe>>,
    counters: watch::Receiver<Counters>,
    stats: PredictionStats,
    drain: CancellationToken,
    background: CancellationToken,
    engine: tokio::task::JoinHandle<Result<Counters, job::JobError>>,
    drained_after: Duration,
    /// The expectation that ended the run early.
    aborted_by: Option<String>,
    /// Holds the checkpoints of this run.
    _folder: TemporaryFolder,
}

impl<'a> Tunnel<'a> {
    async fn open(
        scenario: &Scenario,
        options: &RunOptions,
        services: &'a Services,
        names: &'a ReferenceNames,
    ) -> anyhow::Result<Self> {
        let background = CancellationToken::new();
        let endpoint = match scenario.topology {
            Topology::Fused => None,
            Topology::Function => {
                let listener = TcpListener::bind("127.0.0.1:0").await.context("function's port")?;
                let url = format!("http://{}/", listener.local_addr()?);
                let config = FunctionConfig {
                    topic: names.topic("processed-events"),
                    bucket: names.failed_events_bucket(),
                    privacy: scenario.privacy.clone(),
                };
                let (endpoints, stop) = (services.endpoints.clone(), background.clone());
                tokio::spawn(async move { serve(listener, &endpoints, config, stop).await });
                Some(url)
            }
        };
        world::create(&services.endpoints, names, endpoint.as_deref()).await?;
        let folder = TemporaryFolder::new()?;
        let subscription = match scenario.topology {
            Topology::Function => "processed-events-sub",
            Topology::Fused => "iot-events-sub",
        };
        let config = JobConfig {
            names: names.clone(),
            source: Source::Subscription(subscription.to_owned()),
            region: options.region.clone(),
            vertex_endpoint: options.vertex_endpoint.clone(),
            checkpoints: CheckpointPlace::Folder(folder.0.clone()),
            destinations: Destinations::default(),
            archive: scenario.archive,
            coordinator: coordinator_config(scenario),
            privacy: scenario.privacy.clone(),
        };
        let (sender, counters) = watch::channel(Counters::default());
        let (drain, stats) = (CancellationToken::new(), PredictionStats::default());
        let engine = {
            let (endpoints, drain, stats) =
                (services.endpoints.clone(), drain.clone(), stats.clone());
            tokio::spawn(async move { job::run(config, &endpoints, drain, sender, stats).await })
        };
        Ok(Self {
            services,
            names,
            topology: scenario.topology,
            ledger: Arc::default(),
            probe: Arc::default(),
            counters,
            stats,
            drain,
            background,
            engine,
            drained_after: Duration::ZERO,
            aborted_by: None,
            _folder: folder,
        })
    }

    /// Serves metrics until the run is over.
    async fn serve_metrics(&self, address: &str) -> anyhow::Result<()> {
        let sources = Sources {
            counters: self.counters.clone(),
            predictions: self.stats.clone(),
            backlog: backlog(self.services, self.names, self.subscriptions()),
        };
        let bound = metrics::serve(address, sources, self.background.clone()).await?;
        eprintln!("metrics at http://{bound}/metrics");
        Ok(())
    }

    /// Sends the load, while the probe watches and progress is shown.
    async fn blow(
        &mut self,
        scenario: &Scenario,
        clock: RunClock,
        reporter: &mut Reporter,
        stop: &CancellationToken,
    ) -> anyhow::Result<LoadResult> {
        let client = self.services.endpoints.bigquery().await?;
        let hot = scenario.hot_source().map(|(source, _)| source.to_owned());
        let columns = probe::columns(hot.as_deref());
        let project = &self.names.project;
        let reader = TableReader::new(client, project, DATASET, EVENTS_TABLE, Some(columns));
        tokio::spawn(probe::watch(
            reader,
            hot,
            Arc::clone(&self.ledger),
            Arc::clone(&self.probe),
            clock,
            self.background.clone(),
        ));
        let publisher = self.services.endpoints.publisher(&self.names.topic("iot-events")).await?;
        let (workload, ledger, stop) =
            (scenario.workload.clone(), Arc::clone(&self.ledger), stop.child_token());
        let (abort, privacy) = (stop.clone(), scenario.privacy.clone());
        let mut load = tokio::spawn(async move {
            let privacy = privacy.as_deref();
            load::blow_private(&workload, &publisher, &ledger, clock, &stop, privacy).await
        });
        let mut ticks = seconds();
        loop {
            tokio::select! {
                load = &mut load => return load.context("the load"),
                _ = ticks.tick() => {
                    let progress = self.progress(clock, "blowing");
                    reporter.progress(&progress);
                    let metrics = progress.metrics();
                    let broken = scenario.expectations.iter().find(|it| it.ends_run(&metrics));
                    if let Some(broken) = broken
                        && self.aborted_by.is_none()
                    {
                        self.aborted_by = Some(broken.to_string());
                        abort.cancel();
                    }
                }
            }
            self.check_engine().await?;
        }
    }

    /// Waits until nothing moves any more: what was sent is on its way, even after an interruption.
    async fn settle(&mut self, clock: RunClock, reporter: &mut Reporter) -> anyhow::Result<()> {
        let mut ticks = interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (begun, mut quiet_since) = (clock.elapsed(), clock.elapsed());
        let mut last = (0, 0);
        let mut shown = clock.elapsed();
        while clock.elapsed() - begun < DRAIN_MAX {
            ticks.tick().await;
            self.check_engine().await?;
            let counters = self.counters.borrow().clone();
            let now = (counters.messages, counters.acknowledged);
            if now != last {
                (last, quiet_since) = (now, clock.elapsed());
            }
            // The emulators say when nothing waits; elsewhere silence has to do.
            let is_empty = self.services.suite.is_some() && self.waiting() == 0;
            if is_empty || clock.elapsed() - quiet_since > QUIET {
                break;
            }
            if clock.elapsed() - shown > Duration::from_secs(1) {
                shown = clock.elapsed();
                reporter.progress(&self.progress(clock, "settling"));
            }
        }
        Ok(())
    }

    /// Drains the engine, and stops everything else.
    async fn close(
        mut self,
        ended_at: Duration,
        clock: RunClock,
    ) -> anyhow::Result<(Ledger, ProbeSeen)> {
        self.drain.cancel();
        (&mut self.engine).await.context("the engine")??;
        self.drained_after = clock.elapsed().saturating_sub(ended_at);
        self.background.cancel();
        let probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = ProbeSeen {
            e2e: Percentiles::of(&probe.latency),
            hot_and_others: probe.fairness.each_ref().map(Percentiles::of),
            drained_after: self.drained_after,
        };
        drop(probe);
        let ledger =
            std::mem::take(&mut *self.ledger.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((ledger, seen))
    }

    /// An engine that has ended before it was asked to has failed.
    async fn check_engine(&mut self) -> anyhow::Result<()> {
        if self.engine.is_finished() {
            (&mut self.engine).await.context("the engine")??;
            anyhow::bail!("the engine ended before the load did");
        }
        Ok(())
    }

    /// Messages between the generator and the engine; 0 where the target does not say.
    fn waiting(&self) -> u64 {
        backlog(self.services, self.names, self.subscriptions())().unwrap_or_default()
    }

    fn subscriptions(&self) -> &'static [&'static str] {
        match self.topology {
            Topology::Function => &["iot-events-sub", "processed-events-sub"],
            Topology::Fused => &["iot-events-sub"],
        }
    }

    fn progress(&self, clock: RunClock, phase: &'static str) -> Progress {
        let attempted = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).attempted();
        let probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = self.counters.borrow();
        Progress {
            phase,
            elapsed: clock.elapsed(),
            attempted,
            rows: probe.rows,
            dead_letters: counters.dead_letters(),
            late: counters.late(),
            backlog: self.waiting(),
            e2e: Percentiles::of(&probe.latency),
            prediction: Percentiles::of(&self.stats.snapshot()),
        }
    }
}

/// What the probe saw in the end.
struct ProbeSeen {
    e2e: Percentiles,
    hot_and_others: [Percentiles; 2],
    drained_after: Duration,
}

/// The coordinator as a scenario wants it.
#[must_use]
pub fn coordinator_config(scenario: &Scenario) -> CoordinatorConfig {
    CoordinatorConfig {
        job: job_name(),
        shard: 0,
        checkpoint_interval_micros: i64::try_from(scenario.checkpoint_interval.as_micros())
            .unwrap_or(i64::MAX),
        predict: scenario.predict,
        visibility: Visibility::ByEpoch,
        dedup: DedupConfig::default(),
        windows: scenario.windows,
    }
}

fn report(
    scenario: &Scenario,
    options: &RunOptions,
    load: LoadResult,
    probe: &ProbeSeen,
    prediction_ms: Percentiles,
    judgement: Judgement,
    backlog_at_end: u64,
) -> Report {
    let throughput_eps = judgement.ledger.acknowledged as f64 / load.elapsed.as_secs_f64();
    let mut report = Report {
        kind: "report",
        scenario: scenario.name.clone(),
        seed: scenario.workload.seed,
        target: options.target.as_str(),
        verdict: Verdict::Pass,
        digest: load.digest,
        ledger: judgement.ledger,
        throughput_eps,
        e2e_ms: probe.e2e,
        prediction_ms,
        fairness: scenario.hot_source().map(|(source, share)| {
            let [hot_ms, others_ms] = probe.hot_and_others;
            Fairness { source: source.to_owned(), share, hot_ms, others_ms }
        }),
        send_lag_ms: Percentiles::of(&load.send_lag),
        publish_ms: Percentiles::of(&load.publish),
        backlog_at_end,
        drain_seconds: probe.drained_after.as_secs_f64(),
        windows: Checked { rows: judgement.window_rows, mismatched: judgement.windows_mismatched },
        scores: Checked { rows: judgement.scored, mismatched: judgement.scores_mismatched },
        dead_letters: judgement.reasons,
        expectations: Vec::new(),
        aborted_by: None,
    };
    let mut metrics = report.metrics();
    metrics.insert("scores.degraded", judgement.degraded as f64);
    report.expectations =
        scenario.expectations.iter().map(|expectation| expectation.judge(&metrics)).collect();
    report.verdict = if !scenario.faults.is_empty() {
        Verdict::NotEvaluated
    } else if report.send_lag_ms.p99.is_some_and(|lag| lag > SEND_LAG_VOID_MS) {
        Verdict::Void
    } else if report.expectations.iter().all(|judged| judged.holds) {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    report
}

fn seconds() -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A folder that goes when it is dropped.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("windtunnel-").tempdir().context("checkpoints")?;
        Ok(Self(folder.keep()))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays behind lies in the system's folder for temporary files.
        let _stays = std::fs::remove_dir_all(&self.0);
    }
}

//! `--metrics-addr`: what a running job is measured by, as OpenMetrics text over HTTP, under Dataflow's
//! names where Dataflow has one. Everything is read from snapshots that the engine publishes anyway: a
//! scrape touches no event. Invariant: what is not known has no sample, never a made-up zero.

mod cost;
mod usage;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::world::ReferenceNames;
use windtunnel_model::{EventTime, ProcessingTime};
use windtunnel_runtime::metrics::openmetrics::{self, Family, Text};
use windtunnel_runtime::metrics::{Counters, PredictionTimes};

use crate::clock::{RunClock, wall};
use crate::target::Services;
use cost::{PRICES_DATE, PRICES_REGION, Usage};

/// How often throughput and memory are sampled.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Samples that the throughput is taken over: the last ten seconds.
const SAMPLES: usize = 10;

/// Where the numbers of a job come from.
#[derive(Clone)]
pub struct Sources {
    /// The engine's counters.
    pub counters: watch::Receiver<Counters>,
    /// The scorer's times.
    pub predictions: PredictionStats,
    /// Messages that wait for the engine; none where the target does not say.
    pub backlog: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
}

/// Counts the messages of subscriptions, where the emulators run in this process and say.
pub fn backlog(
    services: &Services,
    names: &ReferenceNames,
    subscriptions: &[&str],
) -> Arc<dyn Fn() -> Option<u64> + Send + Sync> {
    let pubsub = services.suite.as_ref().map(|suite| suite.pubsub.clone());
    let subscriptions: Vec<String> =
        subscriptions.iter().map(|subscription| names.subscription(subscription)).collect();
    Arc::new(move || {
        let pubsub = pubsub.as_ref()?;
        let stats = subscriptions.iter().filter_map(|name| pubsub.subscription_stats(name));
        Some(stats.map(|stats| (stats.undelivered + stats.outstanding) as u64).sum())
    })
}

/// What is sampled once a second.
#[derive(Debug, Default)]
struct Samples {
    /// When, and how many messages there were.
    messages: VecDeque<(Duration, u64)>,
    memory_bytes: Option<u64>,
    memory_byte_seconds: f64,
}

impl Samples {
    fn take(&mut self, elapsed: Duration, messages: u64, memory_bytes: Option<u64>) {
        let before = self.messages.back().map_or(Duration::ZERO, |(at, _)| *at);
        let seconds = elapsed.saturating_sub(before).as_secs_f64();
        self.memory_byte_seconds += memory_bytes.unwrap_or_default() as f64 * seconds;
        self.memory_bytes = memory_bytes;
        if self.messages.len() > SAMPLES {
            self.messages.pop_front();
        }
        self.messages.push_back((elapsed, messages));
    }

    /// Messages a second over the samples; none before there are two.
    fn throughput(&self) -> Option<f64> {
        let ((from, first), (to, last)) = (self.messages.front()?, self.messages.back()?);
        let seconds = to.saturating_sub(*from).as_secs_f64();
        (seconds > 0.0).then(|| last.saturating_sub(*first) as f64 / seconds)
    }
}

/// Serves the metrics until `stop` and answers where.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(
    address: &str,
    sources: Sources,
    stop: CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("metrics cannot be served at {address}; pass another one"))?;
    let bound = listener.local_addr()?;
    let clock = RunClock::start();
    let samples = Arc::new(Mutex::new(Samples::default()));
    tokio::spawn(sample(sources.clone(), Arc::clone(&samples), clock, stop.clone()));
    let metrics = move || {
        let (sources, samples) = (sources.clone(), Arc::clone(&samples));
        async move {
            let samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
            let counters = sources.counters.borrow().clone();
            let backlog = (sources.backlog)();
            let times = sources.predictions.times();
            let text = text(&counters, &times, &samples, backlog, clock.elapsed(), wall());
            ([(CONTENT_TYPE, openmetrics::CONTENT_TYPE)], text)
        }
    };
    let app = Router::new().route("/metrics", get(metrics));
    tokio::spawn(async move {
        let stopped = stop.cancelled_owned();
        // Serving on a bound listener ends only when it is told to.
        let _ended = axum::serve(listener, app).with_graceful_shutdown(stopped).await;
    });
    Ok(bound)
}

async fn sample(
    sources: Sources,
    samples: Arc<Mutex<Samples>>,
    clock: RunClock,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let messages = sources.counters.borrow().messages;
        let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.take(clock.elapsed(), messages, usage::memory_bytes());
    }
}

const fn family(name: &'static str, unit: &'static str, help: &'static str) -> Family {
    Family { name, unit, help }
}

/// Dataflow's names, with the prefix of this program and the unit at the end: `job/system_lag` is
/// `windtunnel_job_system_lag_seconds`.
fn text(
    counters: &Counters,
    predictions: &PredictionTimes,
    samples: &Samples,
    backlog: Option<u64>,
    elapsed: Duration,
    now: ProcessingTime,
) -> String {
    let mut out = Text::default();
    let age = |time: EventTime| (now.0.saturating_sub(time.0)).max(0) as f64 / 1e6;
    elements(&mut out, counters);
    let throughput = samples.throughput();
    out.gauge(
        family(
            "windtunnel_job_throughput_elements_per_second",
            "elements_per_second",
            "Throughput: messages taken in a second, over the last ten seconds.",
        ),
        throughput,
    );
    out.gauge(
        family(
            "windtunnel_job_data_watermark_age_seconds",
            "seconds",
            "Data freshness: how far the watermark is behind the clock.",
        ),
        (counters.watermark > EventTime::MIN).then(|| age(counters.watermark)),
    );
    out.gauge(
        family(
            "windtunnel_job_system_lag_seconds",
            "seconds",
            "System latency: how long the oldest message under way has been waiting.",
        ),
        Some(counters.oldest_under_way.map_or(0.0, age)),
    );
    out.gauge(
        family(
            "windtunnel_job_backlog_elements",
            "elements",
            "Messages that wait for the engine or are under way in it.",
        ),
        backlog.map(|it| it as f64),
    );
    out.gauge(
        family(
            "windtunnel_job_estimated_backlog_processing_time_seconds",
            "seconds",
            "The backlog at the present throughput.",
        ),
        backlog.zip(throughput.filter(|rate| *rate > 0.0)).map(|(it, rate)| it as f64 / rate),
    );
    out.histogram(
        family(
            "windtunnel_job_message_latency_seconds",
            "seconds",
            "From the publish of a message to its acknowledgement, when its row is visible.",
        ),
        &counters.latency,
    );
    state(&mut out, counters);
    for (name, help, latencies) in [
        (
            "windtunnel_prediction_queue_seconds",
            "Requests for scores: waiting for a place among those under way.",
            &predictions.queue,
        ),
        (
            "windtunnel_prediction_call_seconds",
            "Requests for scores: the call, without the model's time where the service tells it.",
            &predictions.call,
        ),
        (
            "windtunnel_prediction_model_seconds",
            "Requests for scores: the model's time, as the service tells it.",
            &predictions.model,
        ),
    ] {
        out.histogram(family(name, "seconds", help), latencies);
    }
    resources(&mut out, counters, samples, elapsed);
    out.finish()
}

fn elements(out: &mut Text, counters: &Counters) {
    out.counts(
        family(
            "windtunnel_job_elements_produced",
            "",
            "Elements that each step produced: messages read, rows, window rows, dead letters, late events.",
        ),
        "ptransform",
        [
            ("read", counters.messages),
            ("write_events", counters.rows),
            ("write_windows", counters.window_rows),
            ("write_named_tables", counters.named_rows),
            ("write_dead_letters", counters.dead_letters()),
            ("write_late", counters.late()),
        ]
        .map(|(step, count)| (step, count as f64)),
    );
    out.count(
        family(
            "windtunnel_job_estimated_produced_bytes",
            "bytes",
            "Payload bytes of the messages read.",
        ),
        counters.bytes as f64,
    );
    out.counts(
        family("windtunnel_rejects", "", "Messages that became no row, by reason."),
        "reason",
        counters.rejects.iter().map(|(reason, count)| (reason.as_str(), *count as f64)),
    );
    for (name, help, count) in [
        ("windtunnel_duplicates", "Messages known already.", counters.duplicates),
        ("windtunnel_acknowledged", "Messages acknowledged.", counters.acknowledged),
        (
            "windtunnel_degraded",
            "Rows without a score although one was asked for.",
            counters.degraded,
        ),
        ("windtunnel_checkpoints", "Checkpoints written.", counters.checkpoints),
        ("windtunnel_streams_lost", "Write streams given up.", counters.streams_lost),
        (
            "windtunnel_dedup_forgotten_early",
            "Keys that left the dedup index before their horizon.",
            counters.dedup_forgotten_early,
        ),
        (
            "windtunnel_clock_ahead",
            "Events so far ahead of their publish time that they moved no watermark.",
            counters.ahead,
        ),
    ] {
        out.count(family(name, "", help), count as f64);
    }
}

fn state(out: &mut Text, counters: &Counters) {
    for (name, help, entries) in [
        ("windtunnel_dedup_keys", "Keys in the dedup index.", counters.dedup_keys),
        ("windtunnel_windows_open", "Devices in open windows.", counters.open_windows),
    ] {
        out.gauge(family(name, "", help), Some(entries as f64));
    }
}

fn resources(out: &mut Text, counters: &Counters, samples: &Samples, elapsed: Duration) {
    let cpu = usage::cpu_seconds();
    out.gauge(
        family(
            "windtunnel_job_elapsed_time_seconds",
            "seconds",
            "How long the job has been running.",
        ),
        Some(elapsed.as_secs_f64()),
    );
    if let Some(cpu) = cpu {
        out.count(
            family(
                "windtunnel_job_total_vcpu_time_seconds",
                "seconds",
                "CPU time of this process, emulators included where they run in it.",
            ),
            cpu,
        );
    }
    out.gauge(
        family("windtunnel_memory_bytes", "bytes", "Resident memory of this process."),
        samples.memory_bytes.map(|it| it as f64),
    );
    let usage = Usage {
        vcpu_seconds: cpu.unwrap_or_default(),
        memory_byte_seconds: samples.memory_byte_seconds,
        messages: counters.messages,
        payload_bytes: counters.bytes,
    };
    out.gauges(
        family(
            "windtunnel_job_estimated_cost_dollars",
            "dollars",
            "Estimated cost: what was used so far, at list prices (see windtunnel_prices), no free tier.",
        ),
        "service",
        usage.dollars(),
    );
    out.info(
        family("windtunnel_prices", "", "The price list behind the estimated cost."),
        &[("date", PRICES_DATE), ("region", PRICES_REGION)],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(samples: &mut Samples, second: u64, messages: u64) {
        samples.take(Duration::from_secs(second), messages, Some(1 << 30));
    }

    #[test]
    fn throughput_is_that_of_the_last_ten_seconds() {
        let mut samples = Samples::default();
        sampled(&mut samples, 0, 0);
        assert_eq!(samples.throughput(), None);
        for second in 1..=10 {
            sampled(&mut samples, second, 100 * second);
        }
        assert_eq!(samples.throughput(), Some(100.0));
        for second in 11..=30 {
            sampled(&mut samples, second, 1_000);
        }
        assert_eq!(samples.throughput(), Some(0.0));
        assert_eq!(samples.memory_byte_seconds, 30.0 * f64::from(1_u32 << 30));
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let counters = Counters { watermark: EventTime::MIN, ..Counters::default() };
        let times = PredictionTimes::default();
        let now = ProcessingTime(0);
        let text = text(&counters, &times, &Samples::default(), None, Duration::ZERO, now);
        for name in ["data_watermark_age_seconds", "backlog_elements", "estimated_backlog"] {
            let sample = format!("\nwindtunnel_job_{name}");
            assert!(!text.contains(&sample), "{text} knows {name}");
            assert!(text.contains(&format!("# TYPE windtunnel_job_{name}")), "{name}");
        }
        assert!(text.contains("\nwindtunnel_job_system_lag_seconds 0.0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}

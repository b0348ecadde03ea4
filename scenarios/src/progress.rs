//! Progress of a run, for people (a view in the terminal, or one line a second) or programs (JSON lines).

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use windtunnel_tui::{Message, Snapshot};

use crate::latency::Percentiles;
use crate::report::{Report, add_latencies};
use crate::scenario::Metrics;

/// Where a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What it does.
    pub phase: &'static str,
    /// How long it has lasted.
    pub elapsed: Duration,
    /// Events sent.
    pub attempted: u64,
    /// Rows in the events table.
    pub rows: u64,
    /// Dead letters of the engine.
    pub dead_letters: u64,
    /// Late events.
    pub late: u64,
    /// Messages that wait.
    pub backlog: u64,
    /// From the intended instant to the queryable row.
    pub e2e: Percentiles,
    /// Of prediction requests.
    pub prediction: Percentiles,
}

impl Progress {
    /// The values that expectations with `abort` are judged by.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::from([
            ("ledger.attempted", self.attempted as f64),
            ("backlog", self.backlog as f64),
        ]);
        add_latencies(&mut metrics, self.e2e, self.prediction);
        metrics
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    phase: &'a str,
    elapsed_s: f64,
    attempted: u64,
    rows: u64,
    dead_letters: u64,
    late: u64,
    backlog: u64,
    e2e_ms: Percentiles,
    prediction_ms: Percentiles,
}

/// How progress and the report are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Lines for people.
    Text,
    /// JSON lines; the last one is the report.
    Json,
}

/// Shows where a run is, in one of the forms.
#[derive(Debug)]
pub struct Reporter {
    output: Output,
    last: (Duration, u64),
    view: Option<View>,
}

/// The view in the terminal, on a thread of its own.
#[derive(Debug)]
struct View {
    messages: Sender<Message>,
    thread: JoinHandle<std::io::Result<()>>,
    /// What the snapshots have in common.
    base: Snapshot,
}

impl Reporter {
    /// Prints lines.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output, last: (Duration::ZERO, 0), view: None }
    }

    /// Shows a view in the terminal; `q` cancels `stop`.
    #[must_use]
    pub fn on_terminal(
        scenario: &str,
        target: &str,
        seconds: f64,
        stop: CancellationToken,
    ) -> Self {
        let (messages, receiver) = channel();
        let thread = std::thread::spawn(move || windtunnel_tui::show(&receiver, || stop.cancel()));
        let base = Snapshot {
            scenario: scenario.to_owned(),
            target: target.to_owned(),
            duration_s: seconds,
            ..Snapshot::default()
        };
        let view = Some(View { messages, thread, base });
        Self { output: Output::Text, last: (Duration::ZERO, 0), view }
    }

    /// Gives the terminal back, before anything else is printed.
    pub fn close_view(&mut self) {
        if let Some(View { messages, thread, .. }) = self.view.take() {
            // A view that has ended by itself needs no telling.
            let _ended = messages.send(Message::End);
            if let Ok(Err(error)) = thread.join() {
                tracing::warn!(%error, "the view in the terminal ended early");
            }
        }
    }

    /// Shows where a run is.
    pub fn progress(&mut self, progress: &Progress) {
        if let Some(view) = &self.view {
            let percentiles = |it: Percentiles| [it.p50, it.p95, it.p99];
            // A view that has ended early takes no more snapshots; the run goes on.
            let _ended = view.messages.send(Message::Snapshot(Box::new(Snapshot {
                phase: progress.phase.to_owned(),
                elapsed_s: progress.elapsed.as_secs_f64(),
                attempted: progress.attempted,
                rows: progress.rows,
                dead_letters: progress.dead_letters,
                late: progress.late,
                backlog: progress.backlog,
                e2e_ms: percentiles(progress.e2e),
                prediction_ms: percentiles(progress.prediction),
                ..view.base.clone()
            })));
            return;
        }
        let (then, rows) = self.last;
        let seconds = progress.elapsed.saturating_sub(then).as_secs_f64().max(0.001);
        let rate = progress.rows.saturating_sub(rows) as f64 / seconds;
        self.last = (progress.elapsed, progress.rows);
        match self.output {
            Output::Text => {
                let show =
                    |value: Option<f64>| value.map_or("-".to_owned(), |it| format!("{it:.0}"));
                println!(
                    "{:>5.1}s {:<9} sent {:>8}  rows {:>8} ({rate:>6.0}/s)  waiting {:>6}  dead {:>5}  late {:>5}  \
                     e2e p99 {:>5} ms  predict p99 {:>4} ms",
                    progress.elapsed.as_secs_f64(),
                    progress.phase,
                    progress.attempted,
                    progress.rows,
                    progress.backlog,
                    progress.dead_letters,
                    progress.late,
                    show(progress.e2e.p99),
                    show(progress.prediction.p99),
                );
            }
            Output::Json => print_json(&Line {
                kind: "progress",
                phase: progress.phase,
                elapsed_s: progress.elapsed.as_secs_f64(),
                attempted: progress.attempted,
                rows: progress.rows,
                dead_letters: progress.dead_letters,
                late: progress.late,
                backlog: progress.backlog,
                e2e_ms: progress.e2e,
                prediction_ms: progress.prediction,
            }),
        }
    }

    /// Prints what a run came to.
    pub fn report(&mut self, report: &Report) {
        self.close_view();
        match self.output {
            Output::Text => print!("\n{}", report.table()),
            Output::Json => print_json(report),
        }
    }
}

fn print_json(value: &impl Serialize) {
    println!("{}", serde_json::to_string(value).expect("a report holds only JSON's own types"));
}

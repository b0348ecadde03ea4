//! Progress of a run, for people (one line a second) or programs (JSON lines).

use std::time::Duration;

use serde::Serialize;

use crate::latency::Percentiles;
use crate::report::Report;

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

/// Prints.
#[derive(Debug)]
pub struct Reporter {
    output: Output,
    last: (Duration, u64),
}

impl Reporter {
    /// Prints in one form.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output, last: (Duration::ZERO, 0) }
    }

    /// Prints where a run is.
    pub fn progress(&mut self, progress: &Progress) {
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
    pub fn report(&self, report: &Report) {
        match self.output {
            Output::Text => print!("\n{}", report.table()),
            Output::Json => print_json(report),
        }
    }
}

fn print_json(value: &impl Serialize) {
    println!("{}", serde_json::to_string(value).expect("a report holds only JSON's own types"));
}

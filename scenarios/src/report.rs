//! What a run came to: the last JSON line, and the table for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use windtunnel_simulator::LedgerSummary;

use crate::exit::Exit;
use crate::latency::Percentiles;
use crate::scenario::{Judged, Metrics};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything held.
    Pass,
    /// An expectation does not hold.
    Fail,
    /// The generator was the bottleneck.
    Void,
    /// The scenario asks for faults that cannot be injected here.
    NotEvaluated,
    /// An expectation with `abort` did not hold while the run went on.
    Aborted,
}

impl Verdict {
    /// The process's exit code.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Pass => Exit::Pass,
            Self::Fail => Exit::ExpectationFailed,
            Self::Void | Self::NotEvaluated => Exit::Void,
            Self::Aborted => Exit::Aborted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Void => "VOID (the generator was the bottleneck)",
            Self::NotEvaluated => "NOT EVALUATED (faults that this build cannot inject)",
            Self::Aborted => "ABORTED (an expectation with abort did not hold)",
        }
    }
}

/// The percentiles that expectations name, where they were measured.
pub(crate) fn add_latencies(metrics: &mut Metrics, e2e: Percentiles, prediction: Percentiles) {
    let e2e = [("e2e.p50", e2e.p50), ("e2e.p95", e2e.p95), ("e2e.p99", e2e.p99)];
    let prediction = [
        ("prediction.p50", prediction.p50),
        ("prediction.p95", prediction.p95),
        ("prediction.p99", prediction.p99),
    ];
    let measured = e2e.into_iter().chain(prediction);
    metrics.extend(measured.filter_map(|(name, value)| Some((name, value?))));
}

/// The report of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always `report`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// `embedded`, `env` or `gcp`.
    pub target: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// SHA-256 of the stream of events.
    pub digest: String,
    /// Event by event.
    pub ledger: LedgerSummary,
    /// Acknowledged publishes a second, over the time of sending.
    pub throughput_eps: f64,
    /// From the intended instant to the queryable row.
    pub e2e_ms: Percentiles,
    /// Of prediction requests.
    pub prediction_ms: Percentiles,
    /// Of the hot key and of all others, where there is a hot key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fairness: Option<Fairness>,
    /// From the intended instant to the publisher.
    pub send_lag_ms: Percentiles,
    /// From the intended instant to the acknowledgement.
    pub publish_ms: Percentiles,
    /// Messages that were waiting when the load ended.
    pub backlog_at_end: u64,
    /// Seconds from the last event to the last row.
    pub drain_seconds: f64,
    /// Rows of the window table, and those that differ from a batch recomputation.
    pub windows: Checked,
    /// Rows with a score, and those whose score differs from the model's.
    pub scores: Checked,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<String, u64>,
    /// What had to hold.
    pub expectations: Vec<Judged>,
    /// The expectation that ended the run early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted_by: Option<String>,
}

/// What a hot key costs the others: from the intended instant to the queryable row.
#[derive(Debug, Clone, Serialize)]
pub struct Fairness {
    /// The source that the hot key belongs to.
    pub source: String,
    /// Its share of all events.
    pub share: f64,
    /// Events of that source.
    pub hot_ms: Percentiles,
    /// All other events.
    pub others_ms: Percentiles,
}

impl Fairness {
    /// How much longer than the hot key's the others' events take at the 99th percentile.
    #[must_use]
    pub fn p99(&self) -> Option<f64> {
        Some(self.others_ms.p99? / self.hot_ms.p99.filter(|hot| *hot > 0.0)?)
    }
}

/// A number of things checked, and of those that differ.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Checked {
    /// All.
    pub rows: u64,
    /// Those that differ.
    pub mismatched: u64,
}

impl Report {
    /// The values that expectations name.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let ledger = &self.ledger;
        let mut metrics = Metrics::from([
            ("ledger.attempted", ledger.attempted as f64),
            ("ledger.acknowledged", ledger.acknowledged as f64),
            ("ledger.ok", ledger.ok as f64),
            ("ledger.dead_lettered", ledger.dead_lettered as f64),
            ("ledger.late", ledger.late as f64),
            ("ledger.deduplicated", ledger.deduplicated as f64),
            ("ledger.duplicated", ledger.duplicated as f64),
            ("ledger.lost", ledger.lost as f64),
            ("ledger.unexpected", ledger.unexpected as f64),
            ("ledger.refused", ledger.refused as f64),
            ("windows.rows", self.windows.rows as f64),
            ("windows.mismatched", self.windows.mismatched as f64),
            ("scores.mismatched", self.scores.mismatched as f64),
            ("throughput", self.throughput_eps),
        ]);
        add_latencies(&mut metrics, self.e2e_ms, self.prediction_ms);
        metrics.insert("backlog", self.backlog_at_end as f64);
        let fairness = self.fairness.as_ref();
        let measured = [
            ("send_lag.p99", self.send_lag_ms.p99),
            ("hot.p99", fairness.and_then(|it| it.hot_ms.p99)),
            ("others.p99", fairness.and_then(|it| it.others_ms.p99)),
            ("fairness.p99", fairness.and_then(Fairness::p99)),
        ];
        metrics.extend(measured.into_iter().filter_map(|(name, value)| Some((name, value?))));
        metrics
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(out, "  {name:<22}{value}").expect("a String takes text");
        };
        let ledger = &self.ledger;
        line("scenario", format!("{}  seed {}  target {}", self.scenario, self.seed, self.target));
        line("stream digest", self.digest.clone());
        line("attempted", ledger.attempted.to_string());
        line("acknowledged", ledger.acknowledged.to_string());
        line("  ok (one row)", ledger.ok.to_string());
        let reasons: Vec<String> =
            self.dead_letters.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        line("  dead letters", format!("{}  ({})", ledger.dead_lettered, reasons.join(", ")));
        line("  late output", ledger.late.to_string());
        line("  copies dropped", ledger.deduplicated.to_string());
        line("  lost", ledger.lost.to_string());
        line("duplicated", ledger.duplicated.to_string());
        line("unexpected", ledger.unexpected.to_string());
        line("throughput", format!("{:.0} events/s", self.throughput_eps));
        for (name, it) in [
            ("publish to queryable", self.e2e_ms),
            ("prediction", self.prediction_ms),
            ("send lag", self.send_lag_ms),
        ] {
            let show = |value: Option<f64>| value.map_or("-".to_owned(), |it| format!("{it:.0}"));
            let percentiles = [it.p50, it.p95, it.p99].map(show).join(" / ");
            line(name, format!("{percentiles} ms  (p50 / p95 / p99)"));
        }
        if let Some(Fairness { source, share, hot_ms, others_ms }) = &self.fairness {
            let show = |it: Option<f64>| it.map_or("-".to_owned(), |it| format!("{it:.0}"));
            let text = format!(
                "{source} ({:.0} % on one key) {} ms, others {} ms  (p99)",
                share * 100.0,
                show(hot_ms.p99),
                show(others_ms.p99)
            );
            line("hot key", text);
        }
        line(
            "backlog at the end",
            format!("{}  drained in {:.1} s", self.backlog_at_end, self.drain_seconds),
        );
        line("windows", format!("{} rows, {} differ", self.windows.rows, self.windows.mismatched));
        line("scores", format!("{} rows, {} differ", self.scores.rows, self.scores.mismatched));
        for judged in &self.expectations {
            let mark = if judged.holds { "holds" } else { "DOES NOT HOLD" };
            let measured =
                judged.measured.map_or("not measured".to_owned(), |value| format!("{value:.1}"));
            line("expectation", format!("{}  ({measured})  {mark}", judged.that));
        }
        for sample in &ledger.samples {
            line("offender", sample.clone());
        }
        if let Some(rule) = &self.aborted_by {
            line("aborted by", rule.clone());
        }
        line("verdict", self.verdict.as_str().to_owned());
        out
    }
}

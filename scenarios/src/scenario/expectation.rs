//! What must hold at the end, as a short text: `ledger.lost == 0`, `e2e.p99 < 2s`, `throughput >= 4900/s`.

use std::collections::BTreeMap;
use std::fmt;

use super::units;

/// The metrics that expectations can name, with what their numbers are.
pub const METRICS: [(&str, &str); 26] = [
    ("ledger.attempted", "events"),
    ("ledger.acknowledged", "events"),
    ("ledger.ok", "events"),
    ("ledger.dead_lettered", "events"),
    ("ledger.late", "events"),
    ("ledger.deduplicated", "events"),
    ("ledger.duplicated", "events"),
    ("ledger.lost", "events"),
    ("ledger.unexpected", "events"),
    ("ledger.refused", "events"),
    ("backlog", "events"),
    ("windows.rows", "rows"),
    ("windows.mismatched", "rows"),
    ("scores.mismatched", "rows"),
    ("scores.degraded", "rows"),
    ("throughput", "a second"),
    ("e2e.p50", "ms"),
    ("e2e.p95", "ms"),
    ("e2e.p99", "ms"),
    ("prediction.p50", "ms"),
    ("prediction.p95", "ms"),
    ("prediction.p99", "ms"),
    ("send_lag.p99", "ms"),
    ("hot.p99", "ms"),
    ("others.p99", "ms"),
    ("fairness.p99", "times"),
];

/// The metrics that are known while a run goes on, so that `abort` can be judged by them.
const LIVE: [&str; 8] = [
    "backlog",
    "e2e.p50",
    "e2e.p95",
    "e2e.p99",
    "ledger.attempted",
    "prediction.p50",
    "prediction.p95",
    "prediction.p99",
];

/// Values of metrics; durations in milliseconds, rates a second.
pub type Metrics = BTreeMap<&'static str, f64>;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    text: String,
    metric: &'static str,
    comparison: Comparison,
    bound: f64,
    aborts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    More,
}

/// An expectation with what was measured; none when nothing was.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Judged {
    /// The expectation as it was written.
    pub that: String,
    /// The value of its metric.
    pub measured: Option<f64>,
    /// Whether it holds.
    pub holds: bool,
}

impl fmt::Display for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Expectation {
    /// Reads an expectation.
    ///
    /// # Errors
    /// What is wrong with it, and the nearest metric.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [name, comparison, bound] = parts[..] else {
            return Err(format!(
                "\"{text}\": must be METRIC COMPARISON VALUE, as \"ledger.lost == 0\""
            ));
        };
        let known = METRICS.iter().find(|(metric, _)| *metric == name);
        let Some((metric, _)) = known else {
            let distance = |metric: &str| strsim::jaro_winkler(metric, name);
            let nearest = METRICS.iter().max_by(|a, b| distance(a.0).total_cmp(&distance(b.0)));
            let hint = nearest.map_or("", |(metric, _)| metric);
            return Err(format!("unknown metric \"{name}\"; nearest is \"{hint}\""));
        };
        let comparison = match comparison {
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            ">=" => Comparison::AtLeast,
            ">" => Comparison::More,
            other => return Err(format!("unknown comparison \"{other}\"; use < <= == != >= >")),
        };
        let number = bound.parse::<f64>().ok();
        let millis = units::duration(bound).map(|duration| duration.as_secs_f64() * 1e3);
        let bound = number.or(millis).or_else(|| units::rate(bound)).ok_or_else(|| {
            format!("\"{bound}\" is no number, duration (\"2s\") or rate (\"4900/s\")")
        })?;
        Ok(Self { text: text.to_owned(), metric, comparison, bound, aborts: false })
    }

    /// The same expectation, judged every second: the run ends when it does not hold.
    ///
    /// # Errors
    /// Its metric is known only at the end.
    pub fn aborting(self) -> Result<Self, String> {
        if LIVE.contains(&self.metric) {
            return Ok(Self { aborts: true, ..self });
        }
        Err(format!(
            "\"{}\" is known only at the end; abort can be judged by {}",
            self.metric,
            LIVE.join(", ")
        ))
    }

    /// Whether the run must end now: the expectation aborts, its metric is measured, and it does not hold.
    #[must_use]
    pub fn ends_run(&self, metrics: &Metrics) -> bool {
        let judged = self.judge(metrics);
        self.aborts && judged.measured.is_some() && !judged.holds
    }

    /// Judges the expectation; what was not measured does not hold.
    #[must_use]
    pub fn judge(&self, metrics: &Metrics) -> Judged {
        let measured = metrics.get(self.metric).copied();
        let holds = measured.is_some_and(|value| match self.comparison {
            Comparison::Less => value < self.bound,
            Comparison::AtMost => value <= self.bound,
            #[expect(clippy::float_cmp, reason = "counts are whole numbers, exact in a double")]
            Comparison::Equal => value == self.bound,
            #[expect(clippy::float_cmp, reason = "counts are whole numbers, exact in a double")]
            Comparison::NotEqual => value != self.bound,
            Comparison::AtLeast => value >= self.bound,
            Comparison::More => value > self.bound,
        });
        Judged { that: self.text.clone(), measured, holds }
    }
}

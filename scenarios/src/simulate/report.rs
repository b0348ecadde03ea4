//! What simulations came to: a JSON line and a table for each seed, and one of all seeds together. Nothing
//! here depends on a clock or on the number of threads, so the same command prints the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use windtunnel_simulator::LedgerSummary;
use xxhash_rust::xxh3::xxh3_128;

use super::campaign::SeedRun;
use super::crash_points::CrashCoverage;
use super::fault::Effect;
use super::observer::Finding;
use super::simulation::Outcome;
use crate::latency::Percentiles;
use crate::report::{Checked, Verdict};
use crate::scenario::{Expectation, Judged, Metrics};

/// The report of one seed.
#[derive(Debug, Clone, Serialize)]
pub struct SeedReport {
    /// Always `seed`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// What must not happen and did.
    pub findings: Vec<Finding>,
    /// Event by event.
    pub ledger: LedgerSummary,
    /// Rows of the window table, and those that differ from windows computed again.
    pub windows: Checked,
    /// Rows with a score, and those that differ from the model's.
    pub scores: Checked,
    /// Rows without a score although predictions are on.
    pub degraded: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<String, u64>,
    /// From the intended instant to the visible row, in virtual milliseconds.
    pub e2e_ms: Percentiles,
    /// The digest of what was published.
    pub stream_digest: String,
    /// The digest of the trace.
    pub trace_digest: String,
    /// Lines of the trace.
    pub trace_lines: u64,
    /// Faults that were injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Effects by kind: each is a place for a fault.
    pub effects: BTreeMap<Effect, u64>,
    /// Crashes of processes.
    pub crashes: u64,
    /// Different durable states that a crash left behind.
    pub durable_states: usize,
    /// Happenings that were simulated.
    pub steps: u64,
    /// Virtual seconds that passed.
    pub virtual_s: f64,
    /// What came of the crash points, where they were tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crash_points: Option<CrashReport>,
    /// The scenario's expectations, in a calm run of its whole load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Judged>,
    /// The file with the failure, made small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artefact: Option<String>,
}

/// What came of crash points.
#[derive(Debug, Clone, Serialize, Default)]
pub struct CrashReport {
    /// Effects of engine and function in the calm run.
    pub effects: u64,
    /// The same by kind.
    pub effects_by_kind: BTreeMap<Effect, u64>,
    /// Runs: single points or pairs.
    pub runs: u64,
    /// Crashes that took place.
    pub crashes: u64,
    /// Different durable states from which a restart began.
    pub durable_states: usize,
    /// Happenings of all runs.
    pub steps: u64,
    /// Runs in which something was found.
    pub failed: u64,
    /// The first of them: the faults in words, and what was found.
    pub failures: Vec<(Vec<String>, Finding)>,
}

impl CrashReport {
    fn of(coverage: &CrashCoverage) -> Self {
        let failure = |(faults, finding): &(Vec<super::fault::Fault>, Finding)| {
            (faults.iter().map(ToString::to_string).collect(), finding.clone())
        };
        Self {
            effects: coverage.effect_count(),
            effects_by_kind: coverage.effects.clone(),
            runs: coverage.runs,
            crashes: coverage.crashes,
            durable_states: coverage.states.len(),
            steps: coverage.steps,
            failed: coverage.failed,
            failures: coverage.failures.iter().map(failure).collect(),
        }
    }
}

/// The values that expectations name, as far as virtual time says something about them: it invents its
/// latencies, so none of them is here.
fn metrics(outcome: &Outcome) -> Metrics {
    let ledger = &outcome.ledger;
    let counts = [
        ("ledger.attempted", ledger.attempted),
        ("ledger.acknowledged", ledger.acknowledged),
        ("ledger.ok", ledger.ok),
        ("ledger.dead_lettered", ledger.dead_lettered),
        ("ledger.late", ledger.late),
        ("ledger.deduplicated", ledger.deduplicated),
        ("ledger.duplicated", ledger.duplicated),
        ("ledger.lost", ledger.lost),
        ("ledger.unexpected", ledger.unexpected),
        ("ledger.refused", ledger.refused),
        ("windows.rows", outcome.windows.rows),
        ("windows.mismatched", outcome.windows.mismatched),
        ("scores.mismatched", outcome.scores.mismatched),
        ("scores.degraded", outcome.degraded),
    ];
    counts.into_iter().map(|(name, count)| (name, count as f64)).collect()
}

impl SeedReport {
    /// The report of a seed. Expectations are judged where they are given: in a calm run of the whole load.
    #[must_use]
    pub fn of(scenario: &str, run: &SeedRun, expectations: &[Expectation]) -> Self {
        let outcome = &run.outcome;
        let metrics = metrics(outcome);
        let judged = expectations.iter().map(|expectation| expectation.judge(&metrics));
        let expectations: Vec<Judged> = judged.filter(|it| it.measured.is_some()).collect();
        let holds = run.holds() && expectations.iter().all(|judged| judged.holds);
        let mut faults = BTreeMap::new();
        for fault in &outcome.schedule {
            *faults.entry(fault.kind()).or_insert(0) += 1;
        }
        Self {
            kind: "seed",
            scenario: scenario.to_owned(),
            seed: run.seed,
            verdict: if holds { Verdict::Pass } else { Verdict::Fail },
            findings: outcome.findings.clone(),
            ledger: outcome.ledger.clone(),
            windows: outcome.windows,
            scores: outcome.scores,
            degraded: outcome.degraded,
            dead_letters: outcome.reasons.clone(),
            e2e_ms: outcome.e2e_ms,
            stream_digest: outcome.stream_digest.clone(),
            trace_digest: outcome.trace_digest.clone(),
            trace_lines: outcome.trace_lines,
            faults,
            effects: outcome.effects.clone(),
            crashes: outcome.crashes,
            durable_states: outcome.states.len(),
            steps: outcome.steps,
            virtual_s: outcome.elapsed.as_secs_f64(),
            crash_points: run.crashes.as_ref().map(|(_, coverage)| CrashReport::of(coverage)),
            expectations,
            artefact: None,
        }
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(out, "  {name:<22}{value}").expect("a String takes text");
        };
        let ledger = &self.ledger;
        line("scenario", format!("{}  seed {}  simulated", self.scenario, self.seed));
        line("stream digest", self.stream_digest.clone());
        line("trace digest", format!("{}  ({} lines)", self.trace_digest, self.trace_lines));
        line("attempted", ledger.attempted.to_string());
        line("acknowledged", ledger.acknowledged.to_string());
        line("  ok (one row)", ledger.ok.to_string());
        line(
            "  dead letters",
            format!("{}  ({})", ledger.dead_lettered, counts(&self.dead_letters)),
        );
        line("  late output", ledger.late.to_string());
        line("  copies dropped", ledger.deduplicated.to_string());
        line("  lost", ledger.lost.to_string());
        line("duplicated", ledger.duplicated.to_string());
        line("unexpected", ledger.unexpected.to_string());
        line("recovered", ledger.recovered.to_string());
        line("windows", format!("{} rows, {} differ", self.windows.rows, self.windows.mismatched));
        line("scores", format!("{} rows, {} differ", self.scores.rows, self.scores.mismatched));
        line(
            "faults",
            if self.faults.is_empty() { "none".to_owned() } else { counts(&self.faults) },
        );
        line("crashes", format!("{}  from {} durable states", self.crashes, self.durable_states));
        line("virtual time", format!("{:.1} s in {} steps", self.virtual_s, self.steps));
        if let Some(points) = &self.crash_points {
            line("crash points", points.line());
            for (faults, finding) in &points.failures {
                line("  failed", format!("{}: {}", faults.join("; "), finding.text));
            }
        }
        for judged in &self.expectations {
            let mark = if judged.holds { "holds" } else { "DOES NOT HOLD" };
            line("expectation", format!("{}  {mark}", judged.that));
        }
        for finding in &self.findings {
            line("found", format!("{}: {}", finding.kind, finding.text));
        }
        line("verdict", self.verdict.as_str().to_owned());
        out
    }
}

impl CrashReport {
    fn line(&self) -> String {
        format!(
            "{} effects, {} runs, {} crashes, {} durable states, {} steps, {} failed",
            self.effects, self.runs, self.crashes, self.durable_states, self.steps, self.failed
        )
    }
}

fn counts<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    each.join(", ")
}

/// The report of all seeds.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignReport {
    /// Always `report`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// The version of windtunnel.
    pub version: &'static str,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds were run.
    pub seeds: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Seeds with a finding, the first thousand of them.
    pub failed: Vec<u64>,
    /// How many seeds have one.
    pub failed_count: u64,
    /// Publishes that were tried.
    pub attempted: u64,
    /// Publishes that Pub/Sub took.
    pub acknowledged: u64,
    /// Events that are a row, once, with their content.
    pub ok: u64,
    /// Faults that were injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Effects by kind.
    pub effects: BTreeMap<Effect, u64>,
    /// Crashes of processes.
    pub crashes: u64,
    /// Different durable states that a crash left behind, of seeds and crash points together.
    pub durable_states: usize,
    /// Happenings that were simulated.
    pub steps: u64,
    /// Runs with crash points.
    pub crash_point_runs: u64,
    /// Virtual seconds that passed, crash points left out.
    pub virtual_s: f64,
    /// A digest of the traces of all seeds.
    pub digest: String,
    #[serde(skip)]
    states: BTreeSet<u64>,
}

/// Failed seeds that are named.
const NAMED_MAX: usize = 1_000;

impl CampaignReport {
    /// Of no seeds yet.
    #[must_use]
    pub fn new(scenario: &str, first_seed: u64) -> Self {
        Self {
            kind: "report",
            scenario: scenario.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            first_seed,
            seeds: 0,
            verdict: Verdict::Pass,
            failed: Vec::new(),
            failed_count: 0,
            attempted: 0,
            acknowledged: 0,
            ok: 0,
            faults: BTreeMap::new(),
            effects: BTreeMap::new(),
            crashes: 0,
            durable_states: 0,
            steps: 0,
            crash_point_runs: 0,
            virtual_s: 0.0,
            digest: String::new(),
            states: BTreeSet::new(),
        }
    }

    /// Adds a seed.
    pub fn add(&mut self, run: &SeedRun, report: &SeedReport) {
        self.seeds += 1;
        if report.verdict != Verdict::Pass {
            self.verdict = Verdict::Fail;
            self.failed_count += 1;
            if self.failed.len() < NAMED_MAX {
                self.failed.push(run.seed);
            }
        }
        self.attempted += report.ledger.attempted;
        self.acknowledged += report.ledger.acknowledged;
        self.ok += report.ledger.ok;
        self.crashes += report.crashes;
        self.steps += report.steps;
        self.virtual_s += report.virtual_s;
        self.states.extend(&run.outcome.states);
        for (kind, count) in &report.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (effect, count) in &report.effects {
            *self.effects.entry(*effect).or_default() += count;
        }
        if let Some((_, coverage)) = &run.crashes {
            self.crash_point_runs += coverage.runs;
            self.crashes += coverage.crashes;
            self.steps += coverage.steps;
            self.states.extend(&coverage.states);
        }
        let so_far = format!("{}{}", self.digest, report.trace_digest);
        self.digest = format!("{:032x}", xxh3_128(so_far.as_bytes()));
        self.durable_states = self.states.len();
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(out, "  {name:<22}{value}").expect("a String takes text");
        };
        let last = self.first_seed.wrapping_add(self.seeds.saturating_sub(1));
        line("scenario", format!("{}  seeds {} to {last}", self.scenario, self.first_seed));
        line("digest of all traces", self.digest.clone());
        line("attempted", self.attempted.to_string());
        line("acknowledged", self.acknowledged.to_string());
        line("  ok (one row)", self.ok.to_string());
        line("faults", counts(&self.faults));
        line("crashes", format!("{}  from {} durable states", self.crashes, self.durable_states));
        if self.crash_point_runs > 0 {
            line("crash points", format!("{} runs", self.crash_point_runs));
        }
        line("virtual time", format!("{:.1} s in {} steps", self.virtual_s, self.steps));
        let mut failed: Vec<String> = self.failed.iter().take(20).map(u64::to_string).collect();
        if self.failed_count > 20 {
            failed.push("…".to_owned());
        }
        line("failed seeds", format!("{}  {}", self.failed_count, failed.join(" ")));
        line("verdict", self.verdict.as_str().to_owned());
        out
    }
}

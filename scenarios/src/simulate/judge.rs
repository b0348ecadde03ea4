//! The verdict on a run: the ledger against rows, dead letters and late output, windows against a batch run
//! over the ledger, scores against the model. Faults may hold an event up until it is late, and may make a table refuse a
//! row; nothing else is forgiven. Invariant: it reads tables and buckets, nothing of the engine.

use std::collections::BTreeMap;

use serde::Deserialize;
use windtunnel_model::EventTime;
use windtunnel_simulator::limits::SAMPLES_MAX;
use windtunnel_simulator::{DeadLetter, LedgerSummary, Observations, Tolerance, id_hash};
use windtunnel_stages::window::WindowConfig;

use super::observer::{Finding, Observer};
use super::services::storage::Storage;
use crate::oracle::check::WindowCheck;
use crate::report::Checked;

/// What a run left behind, judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) ledger: LedgerSummary,
    pub(super) windows: Checked,
    pub(super) scores: Checked,
    pub(super) degraded: u64,
    pub(super) reasons: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Letter {
    reason: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    event_id: Option<String>,
    event_timestamp: Option<String>,
    watermark: Option<String>,
}

/// What a run is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) windows: WindowConfig,
    /// Whether the window table holds the windows of the reference pipeline.
    pub(super) checks_windows: bool,
    /// Whether nothing went wrong: then no event may be late that was not sent late.
    pub(super) is_calm: bool,
}

/// Judges what was observed; findings are added to those of the observer.
pub(super) fn judge(observer: &mut Observer, storage: &Storage, how: How, now: i64) -> Judged {
    let windows = how.windows;
    let was_cut = !observer.findings.is_empty();
    let mut reasons = BTreeMap::new();
    let mut seen =
        Observations { rows: std::mem::take(&mut observer.rows.seen), ..Default::default() };
    for (name, content) in storage.letters(now) {
        for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let letter: Letter = match serde_json::from_slice(line) {
                Ok(letter) => letter,
                Err(error) => {
                    observer.find("not_a_letter", format!("{name}: {error}"), Vec::new());
                    continue;
                }
            };
            *reasons.entry(letter.reason.clone()).or_insert(0) += 1;
            let is_late = name.starts_with("failed_events/late/");
            check_letter(observer, &letter, is_late, windows);
            let publish_id = letter.attributes.get("publish_id").cloned();
            let list = if is_late { &mut seen.late } else { &mut seen.dead_letters };
            list.push(DeadLetter { publish_id, reason: letter.reason });
        }
    }
    let refused_rows = !observer.refused.is_empty();
    let tolerance = Tolerance { late: !how.is_calm, refused_rows };
    let mut expected = WindowCheck::new(windows.size_micros);
    let mut count = |_, event| expected.count(event);
    let ledger = observer.ledger.judge_counting(&seen, tolerance, &mut count);
    let rows = &observer.rows;
    let scores = Checked { rows: rows.scored, mismatched: rows.scores_mismatched };
    let degraded = rows.degraded;
    let window_rows = std::mem::take(&mut observer.windows);
    let count = window_rows.len() as u64;
    let differing = if how.checks_windows { expected.mismatched(window_rows) } else { Vec::new() };
    let windows = Checked { rows: count, mismatched: differing.len() as u64 };
    let judged = Judged { ledger, windows, scores, degraded, reasons };
    // A run ends at its first finding; that the rest is missing then says nothing.
    if !was_cut {
        let events = events_in(&differing, observer, &seen, tolerance, how.windows);
        observer.findings.extend(judged.findings(events));
    }
    judged
}

/// Events of windows that differ, by their ordinals.
fn events_in(
    windows: &[(u64, i64)],
    observer: &Observer,
    seen: &Observations,
    tolerance: Tolerance,
    config: WindowConfig,
) -> Vec<u64> {
    let mut events = Vec::new();
    if let Some(first) = windows.first() {
        let check = WindowCheck::new(config.size_micros);
        let mut collect = |ordinal, event| {
            if check.window_of(event) == *first && events.len() < SAMPLES_MAX {
                events.push(ordinal);
            }
        };
        let _same = observer.ledger.judge_counting(seen, tolerance, &mut collect);
    }
    events
}

/// A late event must be late by its own line, a refused row by the table's own answer.
fn check_letter(observer: &mut Observer, letter: &Letter, is_late: bool, windows: WindowConfig) {
    let time = |text: &Option<String>| EventTime::parse(text.as_deref()?).ok();
    if is_late {
        let (event, watermark) = (time(&letter.event_timestamp), time(&letter.watermark));
        let is_true = event.zip(watermark).is_some_and(|(event, watermark)| {
            let end = event.window_start(windows.size_micros).0.saturating_add(windows.size_micros);
            end.saturating_add(windows.allowed_lateness_micros) <= watermark.0
        });
        if !is_true {
            let text = format!("{event:?} is called late at {watermark:?}");
            observer.find("late_without_reason", text, Vec::new());
        }
    }
    if letter.reason != "row_refused" {
        return;
    }
    let id = letter.event_id.as_deref().map(id_hash);
    if !id.is_some_and(|id| observer.refused.contains(&id)) {
        let text = format!("{:?} is called refused, the table took it", letter.event_id);
        observer.find("refused_without_reason", text, Vec::new());
    }
}

impl Judged {
    fn findings(&self, of_windows: Vec<u64>) -> Vec<Finding> {
        let ledger = &self.ledger;
        let counts = [
            ("lost", ledger.lost),
            ("duplicated", ledger.duplicated),
            ("unexpected", ledger.unexpected),
            ("windows_mismatched", self.windows.mismatched),
            ("scores_mismatched", self.scores.mismatched),
        ];
        let finding = |(kind, count): (&str, u64)| {
            let of_ledger = !kind.contains("mismatched");
            let events = match kind {
                "windows_mismatched" => of_windows.clone(),
                "scores_mismatched" => Vec::new(),
                _ => ledger.offenders.clone(),
            };
            let samples = if of_ledger { ledger.samples.join("; ") } else { String::new() };
            (count > 0).then(|| Finding::new(kind, format!("{count} {kind}: {samples}"), events))
        };
        counts.into_iter().filter_map(finding).collect()
    }
}

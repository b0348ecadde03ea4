//! A failure for people: its faults, and step by step what became of the events that are concerned, with
//! everything that concerned everybody in between. It runs the failure once more; it judges nothing.

use std::fmt::Write;

use super::fates::Faults;
use super::simulation::{Outcome, Simulation};
use super::trace::TraceOptions;

/// Runs a failure once more and tells it.
#[must_use]
pub fn explain(simulation: &Simulation) -> (String, Outcome) {
    let first = simulation.run();
    let plan = simulation.plan();
    let concerned = first.findings.iter().flat_map(|finding| &finding.events).copied();
    let mut watched: std::collections::BTreeSet<u64> = concerned.collect();
    if watched.is_empty() {
        watched = (0..plan.len() as u64).collect();
    }
    let options = TraceOptions { lines: false, watched: watched.clone() };
    let outcome = simulation.clone().traced(options).run();
    let mut text = String::new();
    let faults = match &simulation.faults {
        Faults::These(faults) => faults.clone(),
        _ => outcome.schedule.clone(),
    };
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a String takes text");
    };
    for finding in &outcome.findings {
        line(format_args!("found: {}: {}", finding.kind, finding.text));
    }
    if outcome.holds() {
        line(format_args!("nothing was found"));
    }
    line(format_args!("faults:"));
    for fault in &faults {
        line(format_args!("  {fault}"));
    }
    if faults.is_empty() {
        line(format_args!("  none: it fails in a calm world"));
    }
    line(format_args!("events: {}", plan.len()));
    for event in plan.iter().filter(|event| watched.contains(&event.ordinal)) {
        let body = String::from_utf8_lossy(&event.body);
        line(format_args!(
            "  event {} at {} ms: {body}",
            event.ordinal,
            event.intended_ns / 1_000_000
        ));
    }
    line(format_args!("what happened:"));
    text.push_str(&outcome.life);
    (text, outcome)
}

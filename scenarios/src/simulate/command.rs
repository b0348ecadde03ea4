//! `windtunnel simulate`: arguments, progress on standard error, reports on standard output, failures in
//! files. What goes to standard output is a function of the arguments; only the progress knows a clock.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::artefact::Artefact;
use super::campaign::{CRASH_POINT_EVENTS, Campaign, SeedRun};
use super::crash_points::CrashPoints;
use super::explain::explain;
use super::report::{CampaignReport, SeedReport};
use super::{Faults, Finding, Progress, Simulation, TraceOptions};
use crate::clock::RunClock;
use crate::exit::Exit;
use crate::progress::Output;
use crate::report::Verdict;
use crate::scenario::{Scenario, parse_duration};

/// Events of a seed when there are many seeds, unless `--events` says otherwise: more seeds find more than
/// longer ones.
const EVENTS_OF_MANY: u64 = 1_000;
/// Failures that are made small and written to files: a bug that shows at every seed needs no more.
const ARTEFACTS_MAX: usize = 10;

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub struct SimulateArguments {
    /// A built-in scenario, or a file
    #[arg(default_value = "happy-path")]
    pub scenario: String,
    /// Another seed than the scenario's: of events, latencies and faults
    #[arg(long)]
    seed: Option<u64>,
    /// Another length than the scenario's, in virtual time (90s, 30m, 24h)
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    length: Option<Duration>,
    /// So many seeds, from --seed on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Thin the load to about so many events (1000 when there are many seeds)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Faults: those that the seed draws, or none
    #[arg(long, value_enum, default_value = "random")]
    faults: DrawnFaults,
    /// Crash before and after effects of engine and function and judge what comes of it: all, pairs:K, none;
    /// the load is --events (1000) within two virtual seconds
    #[arg(long, value_name = "POINTS", default_value = "none")]
    crash_points: CrashPoints,
    /// Threads, each with simulations of its own; what is printed does not depend on them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// text, or json: JSON lines of which the last is the report
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// The folder for files of failures
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    artefacts: PathBuf,
    /// Run the failure in this file once more and tell what happened, step by step
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "length", "seeds", "events"])]
    pub replay: Option<PathBuf>,
    /// Print every line of the trace (of a replay, or of a single seed)
    #[arg(long)]
    trace: bool,
}

/// Where the faults come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DrawnFaults {
    /// The seed draws kinds, shares and times.
    Random,
    /// Nothing goes wrong.
    None,
}

fn length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).filter(|length| !length.is_zero());
    length.ok_or_else(|| format!("\"{text}\" is no length of time; write 90s, 30m or 24h"))
}

impl FromStr for CrashPoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("pairs:").map(str::parse)) {
            ("none", _) => Ok(Self::None),
            ("all", _) => Ok(Self::All),
            (_, Some(Ok(count))) if count > 0 => Ok(Self::Pairs(count)),
            _ => Err(format!("\"{text}\" is none of all, pairs:K (as pairs:1000) and none")),
        }
    }
}

/// Does what the arguments ask of a scenario's text (which a replay brings along itself). Whoever has
/// `progress` can ask for an end.
#[must_use]
pub fn run(arguments: &SimulateArguments, text: &str, progress: &Arc<Progress>) -> Exit {
    match &arguments.replay {
        Some(file) => replay(file, arguments),
        None => simulate(arguments, text, progress),
    }
}

fn simulate(arguments: &SimulateArguments, text: &str, progress: &Arc<Progress>) -> Exit {
    let (simulation, scenario) = match prepare(arguments, text) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let is_whole = arguments.faults == DrawnFaults::None && is_unchanged(arguments);
    let expectations = if is_whole { scenario.expectations.as_slice() } else { &[] };
    let campaign = Campaign {
        simulation,
        first: arguments.seed.unwrap_or(scenario.workload.seed),
        count: arguments.seeds,
        points: arguments.crash_points,
        point_events: arguments.events.unwrap_or(CRASH_POINT_EVENTS),
        threads: usize::from(arguments.threads),
    };
    let clock = RunClock::start();
    let mut total = CampaignReport::new(&scenario.name, campaign.first);
    let mut written = 0;
    let mut failed_to_write = None;
    campaign.run(progress, &mut || show_progress(progress, &clock, &campaign), &mut |run| {
        let mut report = SeedReport::of(&scenario.name, &run, expectations);
        let mut told = None;
        if !run.holds() && written < ARTEFACTS_MAX {
            written += 1;
            match write_artefact(&run, &scenario.name, &arguments.artefacts) {
                Ok(Some((file, text))) => {
                    report.artefact = Some(file.display().to_string());
                    told = Some((file, text));
                }
                Ok(None) => {}
                Err(error) => failed_to_write = Some(error),
            }
        }
        total.add(&run, &report);
        match arguments.output {
            Output::Json => print_json(&report),
            Output::Text if arguments.seeds == 1 => {
                print!("{}{}", run.outcome.trace, report.table())
            }
            Output::Text if report.verdict == Verdict::Fail => {
                let found = report.findings.first().map_or("", |finding| &finding.text);
                println!("seed {} FAILS: {found}", report.seed);
            }
            Output::Text => {}
        }
        if let (Some((file, text)), Output::Text) = (told, arguments.output) {
            let file = file.display();
            println!("\n{text}\nagain: windtunnel simulate --replay {file}\n");
        }
    });
    speed(progress, &clock);
    match arguments.output {
        Output::Json => print_json(&total),
        Output::Text if arguments.seeds > 1 => print!("{}", total.table()),
        Output::Text => {}
    }
    if let Some(error) = failed_to_write {
        eprintln!("error: {error}");
        return Exit::Internal;
    }
    if progress.ends() { Exit::Interrupted } else { total.verdict.exit() }
}

/// Whether the load is the scenario's own.
fn is_unchanged(arguments: &SimulateArguments) -> bool {
    arguments.events.is_none() && arguments.length.is_none() && arguments.seeds == 1
}

fn prepare(arguments: &SimulateArguments, text: &str) -> Result<(Simulation, Scenario), Exit> {
    let mut simulation = Simulation::of(&arguments.scenario, text).map_err(|problems| {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        Exit::Usage
    })?;
    let scenario = simulation.scenario.clone();
    if let Some(length) = arguments.length {
        simulation = simulation.lasting(length);
    }
    let many = (arguments.seeds > 1).then_some(EVENTS_OF_MANY);
    if let Some(events) = arguments.events.or(many) {
        simulation = simulation.about(events);
    }
    let lines = arguments.trace && arguments.seeds == 1;
    simulation = simulation.traced(TraceOptions { lines, ..TraceOptions::default() });
    let faults = match arguments.faults {
        DrawnFaults::Random => Faults::Random,
        DrawnFaults::None => Faults::None,
    };
    Ok((simulation.faults(faults), scenario))
}

/// Makes a failure small and writes it to a file; the file, and the failure in words.
fn write_artefact(
    run: &SeedRun,
    scenario: &str,
    folder: &Path,
) -> Result<Option<(PathBuf, String)>, String> {
    eprintln!("seed {} fails; the failure is made small …", run.seed);
    let Some(shrunk) = run.shrunk() else { return Ok(None) };
    let name: String =
        scenario.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let file = folder.join(format!("windtunnel-failure-{name}-{}.json", run.seed));
    std::fs::write(&file, Artefact::of(&shrunk).text())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(Some((file, explain(&shrunk.simulation).0)))
}

#[derive(Serialize)]
struct Replayed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    scenario: &'a str,
    seed: u64,
    /// Whether what the file says was found again.
    reproduced: bool,
    expected: &'a Finding,
    findings: &'a [Finding],
    trace_digest: &'a str,
    steps: u64,
}

fn replay(file: &Path, arguments: &SimulateArguments) -> Exit {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("error: cannot read {}: {error}", file.display());
            return Exit::Usage;
        }
    };
    let read =
        Artefact::read(&text).and_then(|it| it.simulation().map(|simulation| (it, simulation)));
    let (artefact, simulation) = match read {
        Ok(read) => read,
        Err(error) => {
            eprintln!("error: {}: {error}", file.display());
            return Exit::Usage;
        }
    };
    if artefact.version != env!("CARGO_PKG_VERSION") {
        let (theirs, ours) = (&artefact.version, env!("CARGO_PKG_VERSION"));
        eprintln!("note: version {theirs} has written the file, this is {ours}");
    }
    let (told, outcome) = explain(&simulation);
    let reproduced = outcome.findings.iter().any(|it| it.kind == artefact.finding.kind);
    match arguments.output {
        Output::Text => {
            if arguments.trace {
                let lines = TraceOptions { lines: true, ..TraceOptions::default() };
                print!("{}", simulation.traced(lines).run().trace);
            }
            print!("{told}");
            let answer = if reproduced { "fails again" } else { "does not fail this way any more" };
            println!("{} ({}): it {answer}", artefact.finding.kind, artefact.finding.text);
        }
        Output::Json => print_json(&Replayed {
            kind: "replay",
            scenario: &artefact.scenario,
            seed: artefact.seed,
            reproduced,
            expected: &artefact.finding,
            findings: &outcome.findings,
            trace_digest: &outcome.trace_digest,
            steps: outcome.steps,
        }),
    }
    if outcome.holds() { Exit::Pass } else { Exit::ExpectationFailed }
}

fn show_progress(progress: &Progress, clock: &RunClock, campaign: &Campaign) {
    let seconds = clock.elapsed().as_secs_f64();
    let steps = progress.steps();
    let rate = steps as f64 / seconds.max(1e-3);
    let what = match (campaign.count, campaign.points) {
        (1, CrashPoints::None) => format!("{:.1} virtual minutes", progress.micros() as f64 / 6e7),
        _ => format!("{} runs", progress.runs()),
    };
    eprintln!("{seconds:>6.1}s  {what}  {steps} steps ({rate:.0}/s)");
}

fn speed(progress: &Progress, clock: &RunClock) {
    let seconds = clock.elapsed().as_secs_f64();
    let (runs, steps) = (progress.runs(), progress.steps());
    let rate = steps as f64 / seconds.max(1e-3);
    eprintln!("{runs} runs, {steps} steps in {seconds:.1} s ({rate:.0} steps/s)");
}

fn print_json(value: &impl Serialize) {
    println!("{}", serde_json::to_string(value).expect("a report holds only JSON's own types"));
}

#[cfg(test)]
mod tests;

//! The command line: what can be asked, and who answers.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_simulator::Ledger;

use crate::clock::RunClock;
use crate::emulators::until_signal;
use crate::exit::Exit;
use crate::latency::Percentiles;
use crate::load::blow;
use crate::progress::{Output, Reporter};
use crate::run::{RunOptions, run};
use crate::scenario::{Scenario, parse};
use crate::simulate::Progress;
use crate::simulate::command::SimulateArguments;
use crate::target::{Target, reach};
use crate::telemetry::TelemetryArguments;
use crate::{batch, emulators, library, pipeline, replay, simulate, telemetry};

/// A wind tunnel for GCP data pipelines.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and judge it (the default: happy-path)
    Run(RunArguments),
    /// List the built-in scenarios
    List,
    /// Print a built-in scenario
    Show {
        /// Its name
        name: String,
    },
    /// Check a scenario file
    Check {
        /// The file
        file: PathBuf,
    },
    /// Simulate a scenario on virtual time, with faults and crashes, from a seed
    Simulate(SimulateArguments),
    /// Serve the emulators until Ctrl-C
    Emulators(emulators::EmulatorArguments),
    /// Run the engine alone until SIGTERM, then drain
    Pipeline(pipeline::PipelineArguments),
    /// Run the engine over files, to their end
    Batch(batch::BatchArguments),
    /// Send dead letters back to their topic after a fix, each once
    ReplayDeadLetters(replay::ReplayArguments),
    /// Blow a scenario's load alone at a topic
    Generate(GenerateArguments),
}

#[derive(Debug, clap::Args)]
struct RunArguments {
    /// A built-in scenario, or a file
    #[arg(default_value = "happy-path")]
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// Another length than the scenario's, in seconds
    #[arg(long)]
    seconds: Option<u64>,
    #[command(flatten)]
    target: TargetArguments,
    /// text, or json: JSON lines of which the last is the report
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Write the report to this file, too
    #[arg(long)]
    report: Option<PathBuf>,
    /// Plain lines, even on a terminal
    #[arg(long)]
    plain: bool,
    /// Serve OpenMetrics at http://HOST:PORT/metrics
    #[arg(long, value_name = "HOST:PORT")]
    metrics_addr: Option<String>,
}

#[derive(Debug, clap::Args)]
struct GenerateArguments {
    /// A built-in scenario, or a file
    #[arg(default_value = "happy-path")]
    scenario: String,
    /// The topic to publish to
    #[arg(long, default_value = "iot-events")]
    topic: String,
    #[command(flatten)]
    target: TargetArguments,
}

/// Where to run; shared by several commands.
#[derive(Debug, Clone, clap::Args)]
pub struct TargetArguments {
    /// Where to run
    #[arg(long, value_enum, default_value = "embedded")]
    pub target: Target,
    /// The project
    #[arg(long, default_value = "windtunnel")]
    pub project: String,
    /// The region of Vertex AI
    #[arg(long, default_value = "us-central1")]
    pub region: String,
    /// The id of the Vertex AI endpoint
    #[arg(long, default_value = "1")]
    pub vertex_endpoint: String,
}

/// Parses the command line and does what it asks.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = match telemetry::start(&cli.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Exit::Usage.into();
        }
    };
    let exit = match cli.command {
        Some(Command::Run(arguments)) => run_scenario(arguments).await,
        None => {
            let cli = RunCommand::parse_from(["windtunnel"]);
            run_scenario(cli.arguments).await
        }
        Some(Command::List) => list(),
        Some(Command::Show { name }) => show(&name),
        Some(Command::Check { file }) => check(&file),
        Some(Command::Simulate(arguments)) => simulate(arguments).await,
        Some(Command::Emulators(arguments)) => answer(emulators::serve(arguments).await),
        Some(Command::Pipeline(arguments)) => answer(pipeline::run(arguments).await),
        Some(Command::Batch(arguments)) => answer(batch::run(arguments).await),
        Some(Command::ReplayDeadLetters(arguments)) => answer(replay::run(arguments).await),
        Some(Command::Generate(arguments)) => match load_scenario(&arguments.scenario) {
            Ok(scenario) => answer(generate(&scenario, &arguments).await),
            Err(exit) => exit,
        },
    };
    telemetry.end();
    exit.into()
}

/// `run` with nothing said.
#[derive(Debug, Parser)]
struct RunCommand {
    #[command(flatten)]
    arguments: RunArguments,
}

fn answer(result: anyhow::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Pass,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::Internal
        }
    }
}

async fn run_scenario(arguments: RunArguments) -> Exit {
    let mut scenario = match load_scenario(&arguments.scenario) {
        Ok(scenario) => scenario,
        Err(exit) => return exit,
    };
    if let Some(seed) = arguments.seed {
        scenario.workload.seed = seed;
    }
    if let Some(seconds) = arguments.seconds {
        scenario.workload.duration_ns = seconds.saturating_mul(1_000_000_000);
        if let Err(error) = scenario.workload.validate() {
            eprintln!("error: --seconds {seconds}: {error}");
            return Exit::Usage;
        }
    }
    let TargetArguments { target, project, region, vertex_endpoint } = arguments.target;
    let metrics_addr = arguments.metrics_addr;
    let options = RunOptions { target, project, region, vertex_endpoint, metrics_addr };
    let stop = CancellationToken::new();
    let mut reporter = match arguments.output {
        Output::Text if !arguments.plain && is_terminal() => {
            let seconds = scenario.workload.duration_ns as f64 / 1e9;
            Reporter::on_terminal(&scenario.name, options.target.as_str(), seconds, stop.clone())
        }
        output => Reporter::new(output),
    };
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    let report = match run(&scenario, &options, &mut reporter, stop.clone()).await {
        Ok(report) => report,
        Err(error) => {
            reporter.close_view();
            eprintln!("error: {error:#}");
            return Exit::Internal;
        }
    };
    reporter.report(&report);
    if let Some(file) = arguments.report {
        let text = serde_json::to_string_pretty(&report).expect("a report holds JSON's own types");
        if let Err(error) = std::fs::write(&file, text + "\n") {
            eprintln!("error: cannot write the report to {}: {error}", file.display());
            return Exit::Internal;
        }
    }
    if stop.is_cancelled() { Exit::Interrupted } else { report.verdict.exit() }
}

/// Simulates on a thread that may take its time; Ctrl-C ends it with what there is.
async fn simulate(arguments: SimulateArguments) -> Exit {
    let text = match &arguments.replay {
        Some(_) => String::new(),
        None => match scenario_text(&arguments.scenario) {
            Ok(text) => text,
            Err(exit) => return exit,
        },
    };
    let progress = Arc::new(Progress::default());
    let watched = Arc::clone(&progress);
    tokio::spawn(async move {
        if until_signal().await.is_ok() {
            watched.end();
        }
    });
    let simulated =
        tokio::task::spawn_blocking(move || simulate::command::run(&arguments, &text, &progress));
    simulated.await.unwrap_or(Exit::Internal)
}

/// Whether somebody looks: a terminal, and not that of a continuous integration.
fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("CI").is_none()
}

/// Publishes a scenario's load and says what became of it.
async fn generate(scenario: &Scenario, arguments: &GenerateArguments) -> anyhow::Result<()> {
    let services = reach(arguments.target.target, &arguments.target.region).await?;
    let names = ReferenceNames::for_project(&arguments.target.project);
    world::create(&services.endpoints, &names, None).await?;
    let publisher = services.endpoints.publisher(&names.topic(&arguments.topic)).await?;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if until_signal().await.is_ok() {
            interrupted.cancel();
        }
    });
    let load = blow(&scenario.workload, &publisher, &ledger, RunClock::start(), &stop).await;
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let (acknowledged, refused) = ledger.outcomes();
    println!(
        "{}",
        serde_json::json!({
            "type": "load",
            "scenario": scenario.name,
            "seed": scenario.workload.seed,
            "digest": load.digest,
            "attempted": ledger.attempted(),
            "acknowledged": acknowledged,
            "refused": refused,
            "elapsed_s": load.elapsed.as_secs_f64(),
            "send_lag_ms": Percentiles::of(&load.send_lag),
            "publish_ms": Percentiles::of(&load.publish),
        })
    );
    Ok(())
}

/// The text of a built-in scenario, or of a file.
fn scenario_text(name: &str) -> Result<String, Exit> {
    let looks_like_file = name.ends_with(".toml") || name.contains('/');
    match library::find(name) {
        Some(text) => Ok(text.to_owned()),
        None => std::fs::read_to_string(name).map_err(|error| {
            if looks_like_file {
                eprintln!("error: cannot read {name}: {error}");
            } else {
                let nearest = library::nearest(name);
                eprintln!(
                    "error: no scenario is called \"{name}\"; nearest is \"{nearest}\"; \
                     `windtunnel list` shows all, a file is named by its path"
                );
            }
            Exit::Usage
        }),
    }
}

/// A built-in scenario by its name, or a file.
fn load_scenario(name: &str) -> Result<Scenario, Exit> {
    let text = scenario_text(name)?;
    parse(name, &text).map_err(|problems| {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        Exit::Usage
    })
}

fn list() -> Exit {
    for (name, text) in library::SCENARIOS {
        if let Ok(scenario) = parse(name, text) {
            println!("{name:<18}{}", scenario.about);
        }
    }
    Exit::Pass
}

fn show(name: &str) -> Exit {
    match library::find(name) {
        Some(text) => {
            print!("{text}");
            Exit::Pass
        }
        None => {
            eprintln!(
                "error: no scenario is called \"{name}\"; nearest is \"{}\"",
                library::nearest(name)
            );
            Exit::Usage
        }
    }
}

fn check(file: &std::path::Path) -> Exit {
    match load_scenario(&file.display().to_string()) {
        Ok(scenario) => {
            println!("{} is a scenario: {}", file.display(), scenario.about);
            Exit::Pass
        }
        Err(exit) => exit,
    }
}

//! Goal: the whole, through the real binary: a run whose ledger adds up, the same stream for the same
//! seed, errors with their places, and an engine that is killed five times and loses and doubles
//! nothing. Conditions are awaited by looking, never by waiting a while.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use windtunnel::clock::RunClock;
use windtunnel::load::blow;
use windtunnel::oracle;
use windtunnel::table::TableReader;
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};
use windtunnel_simulator::{Arrivals, Disorder, Ledger, Source, SourceKind, Workload};

const SHORT: &str = r#"
name = "short"
seed = 7
duration = "2s"
time_scale = 60.0
[pipeline]
watermark_bound = "120s"
allowed_lateness = "60s"
[[fleet]]
name = "iot"
devices = 50
rate = "400/s"
[[visitors]]
name = "web"
visitors = 20
rate = "100/s"
arrivals = "poisson"
[disorder]
late = 0.02
late_by_min = "30m"
late_by_max = "60m"
duplicate = 0.05
conflicting_duplicate = 0.05
malformed = 0.05
[[expect]]
that = "ledger.lost == 0"
[[expect]]
that = "ledger.unexpected == 0"
[[expect]]
that = "windows.mismatched == 0"
"#;

fn windtunnel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windtunnel"));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(file: &Path, threads: &str) -> (Output, Value) {
    let output = windtunnel()
        .args(["run", file.to_str().unwrap(), "--output", "json"])
        .env("TOKIO_WORKER_THREADS", threads)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_else(|| {
        panic!("no report; the binary said: {}", String::from_utf8_lossy(&output.stderr))
    });
    (output, serde_json::from_str(last).unwrap())
}

#[tokio::test]
async fn a_short_run_adds_up_and_its_seed_is_its_stream() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short.toml");
    std::fs::write(&file, SHORT).unwrap();
    let (first, report) = run(&file, "1").await;
    assert_eq!(first.status.code(), Some(0), "{report:#}");
    assert_eq!(report["type"], "report");
    assert_eq!(report["verdict"], "pass");
    let ledger = &report["ledger"];
    let count = |name: &str| ledger[name].as_u64().unwrap();
    assert!(count("attempted") > 900);
    assert_eq!(count("attempted"), count("acknowledged"));
    let placed = ["ok", "dead_lettered", "late", "deduplicated"].map(count).iter().sum::<u64>();
    assert_eq!(count("acknowledged"), placed);
    for name in ["ok", "dead_lettered", "late", "deduplicated"] {
        assert!(count(name) > 0, "the scenario must make some {name}");
    }
    assert_eq!(count("duplicated"), 0);
    let (_, again) = run(&file, "4").await;
    assert_eq!(report["digest"], again["digest"], "another number of threads, the same stream");
}

#[tokio::test]
async fn a_broken_rule_ends_the_run_with_5_and_everything_is_still_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.toml");
    let rule = "[[expect]]\nthat = \"ledger.attempted < 100\"\nabort = true\n";
    let long = SHORT.replace("duration = \"2s\"", "duration = \"10m\"");
    std::fs::write(&file, format!("{long}{rule}")).unwrap();
    let (output, report) = run(&file, "2").await;
    assert_eq!(output.status.code(), Some(5), "{report:#}");
    assert_eq!(report["verdict"], "aborted");
    assert_eq!(report["aborted_by"], "ledger.attempted < 100");
    assert_eq!(report["ledger"]["lost"], 0);
}

#[tokio::test]
async fn a_wrong_scenario_ends_with_2_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, SHORT.replace("rate =", "ratee =")).unwrap();
    let output = windtunnel().arg("check").arg(&file).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("wrong.toml:12:1: error: unknown key \"ratee\""), "{text}");
    let output = windtunnel().args(["run", "hapy-path"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nearest is \"happy-path\""));
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_pass() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ports = ["--pubsub-port", "0", "--storage-port", &port, "--bigquery-port", "0"];
    let output = windtunnel().arg("emulators").args(ports).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("Cloud Storage") && text.contains("--storage-port 0"), "{text}");
}

#[tokio::test]
async fn emulators_that_do_not_run_are_named_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = windtunnel();
    command.args(["run", "--target", "env"]);
    for name in ["PUBSUB", "STORAGE", "BIGQUERY", "VERTEX"] {
        command.env(format!("{name}_EMULATOR_HOST"), closed.to_string());
    }
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("nothing answers at http://{closed}")), "{text}");
}

#[tokio::test]
async fn missing_credentials_are_an_error_within_five_seconds() {
    let begun = RunClock::start();
    let home = tempfile::tempdir().unwrap();
    let output = windtunnel()
        .args(["run", "--target", "gcp"])
        .env("HOME", home.path())
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .output()
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("gcloud auth application-default login"), "{text}");
}

fn workload() -> Workload {
    Workload {
        seed: 11,
        start_micros: 1_767_254_400_000_000,
        duration_ns: 8_000_000_000,
        time_scale: 30.0,
        sources: vec![Source {
            name: "iot".to_owned(),
            kind: SourceKind::Devices,
            count: 100,
            rate_per_second: 1_000.0,
            arrivals: Arrivals::Poisson,
        }],
        disorder: Disorder { duplicate: 0.02, malformed: 0.02, ..Disorder::default() },
    }
}

struct Engine<'a> {
    suite: &'a Suite,
    checkpoints: &'a Path,
}

impl Engine<'_> {
    fn start(&self) -> Child {
        // A killed engine's messages come back after their leases: nothing may be late for that.
        windtunnel()
            .args(["pipeline", "--target", "env", "--subscription", "iot-events-sub"])
            .args(["--project", "test-project", "--allowed-lateness-s", "86400"])
            .arg("--checkpoints")
            .arg(self.checkpoints)
            .env("PUBSUB_EMULATOR_HOST", self.suite.pubsub_address.to_string())
            .env("STORAGE_EMULATOR_HOST", self.suite.storage_address.to_string())
            .env("BIGQUERY_EMULATOR_HOST", self.suite.bigquery_address.to_string())
            .env("VERTEX_EMULATOR_HOST", self.suite.vertex_address.to_string())
            .spawn()
            .unwrap()
    }
}

#[tokio::test]
async fn an_engine_that_is_killed_five_times_loses_and_doubles_nothing() {
    let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
    let endpoints = endpoints_of(&suite);
    let names = ReferenceNames::for_project("test-project");
    world::create(&endpoints, &names, None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine { suite: &suite, checkpoints: folder.path() };
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let publisher = endpoints.publisher(&names.topic("iot-events")).await.unwrap();
    let load = {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            blow(&workload(), &publisher, &ledger, RunClock::start(), &CancellationToken::new())
                .await
        })
    };
    let client = endpoints.bigquery().await.unwrap();
    let reader = TableReader::new(client, &names.project, DATASET, EVENTS_TABLE, Some("event_id"));
    let mut child = engine.start();
    for kill in 1..=5_u64 {
        // Each engine has made rows visible before it is killed, in the middle of the next ones.
        until(async || !reader.page(kill * 500).await.unwrap().is_empty()).await;
        child.kill().await.unwrap();
        child = engine.start();
    }
    load.await.unwrap();
    let subscription = names.subscription("iot-events-sub");
    until(async || {
        let stats = suite.pubsub.subscription_stats(&subscription).unwrap();
        (stats.undelivered, stats.outstanding) == (0, 0)
    })
    .await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success(), "the engine did not drain");
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    let judgement = oracle::judge(&endpoints, &names, &ledger, 60_000_000).await.unwrap();
    let summary = &judgement.ledger;
    assert!(summary.acknowledged > 7_000, "{summary:?}");
    assert_eq!(
        (summary.lost, summary.duplicated, summary.unexpected, judgement.windows_mismatched),
        (0, 0, 0, 0),
        "{judgement:?}"
    );
    suite.shutdown().await;
}

/// Looks every 20 ms until something is so; a minute without it is a failure.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = RunClock::start();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !is_so().await {
        ticks.tick().await;
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so after a minute");
    }
}

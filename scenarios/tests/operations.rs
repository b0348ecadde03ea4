//! Goal: what an operator does with a running pipeline, through the real binary: metrics are scraped,
//! configured fields never reach a table, a bucket or a topic, and dead letters go back after a fix, each
//! once, though the command is killed. Conditions are awaited by looking, never by waiting a while.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use google_cloud_pubsub::model::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use windtunnel::clock::RunClock;
use windtunnel::table::{TableReader, text};
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};

/// A text that stands nowhere but where it was put.
const SECRET: &str = "S3CR3Tx";

struct World {
    suite: Suite,
    endpoints: Endpoints,
    names: ReferenceNames,
    folder: tempfile::TempDir,
}

impl World {
    /// The emulators with the reference world; columns of the events table may be changed before.
    async fn start(change: impl FnOnce(&mut Value)) -> Self {
        let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
        let endpoints = endpoints_of(&suite);
        let names = ReferenceNames::for_project("test-project");
        let mut table = windtunnel_model::schema::events_table();
        change(&mut table);
        suite.bigquery.create_dataset("test-project", DATASET).unwrap();
        suite.bigquery.create_table("test-project", DATASET, EVENTS_TABLE, &table).unwrap();
        world::create(&endpoints, &names, None).await.unwrap();
        Self { suite, endpoints, names, folder: tempfile::tempdir().unwrap() }
    }

    fn windtunnel(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windtunnel"));
        command
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .args(arguments)
            .args(["--target", "env", "--project", "test-project"])
            .env("PUBSUB_EMULATOR_HOST", self.suite.pubsub_address.to_string())
            .env("STORAGE_EMULATOR_HOST", self.suite.storage_address.to_string())
            .env("BIGQUERY_EMULATOR_HOST", self.suite.bigquery_address.to_string())
            .env("VERTEX_EMULATOR_HOST", self.suite.vertex_address.to_string());
        command
    }

    fn pipeline(&self, arguments: &[&str]) -> Command {
        let mut command = self.windtunnel(&["pipeline", "--subscription", "iot-events-sub"]);
        command.arg("--checkpoints").arg(self.folder.path().join("checkpoints")).args(arguments);
        command
    }

    async fn publish(&self, events: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let publisher = self.endpoints.publisher(&self.names.topic("iot-events")).await.unwrap();
        let sent: Vec<_> = events
            .into_iter()
            .map(|(id, data)| {
                let attributes = [("publish_id", id.as_str()), ("client", SECRET)];
                publisher.publish(Message::new().set_data(data).set_attributes(attributes))
            })
            .collect();
        for sent in sent {
            sent.await.unwrap();
        }
    }

    /// The event ids in the events table.
    async fn rows(&self) -> Vec<String> {
        let client = self.endpoints.bigquery().await.unwrap();
        let project = &self.names.project;
        let reader = TableReader::new(client, project, DATASET, EVENTS_TABLE, Some("event_id"));
        let mut ids = Vec::new();
        reader
            .read(|page| ids.extend(page.iter().map(|row| text(&row[0]).unwrap().to_owned())))
            .await
            .unwrap();
        ids.sort();
        ids
    }

    /// Waits until nothing waits any more in the engine's subscription.
    async fn settled(&self) {
        let subscription = self.names.subscription("iot-events-sub");
        until(async || {
            let stats = self.suite.pubsub.subscription_stats(&subscription).unwrap();
            (stats.undelivered, stats.outstanding) == (0, 0)
        })
        .await;
    }

    /// The lines of the dead letters, their payloads without base64 beside them.
    fn letters(&self) -> Vec<(Value, String)> {
        let bucket = self.names.failed_events_bucket();
        let names = self.suite.storage.list_objects(&bucket, "failed_events/").unwrap();
        let contents = names.iter().map(|it| self.suite.storage.get_object(&bucket, it).unwrap());
        let mut letters = Vec::new();
        for content in contents {
            for line in std::str::from_utf8(&content).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let data = STANDARD.decode(line["data_base64"].as_str().unwrap()).unwrap();
                letters.push((line, String::from_utf8_lossy(&data).into_owned()));
            }
        }
        letters
    }

    async fn replay(&self, arguments: &[&str]) -> Value {
        let mut command = self.windtunnel(&["replay-dead-letters"]);
        let output = command.args(arguments).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }
}

async fn terminate(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success(), "the engine did not drain");
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

fn event(id: u32, user: Option<&str>) -> (String, Vec<u8>) {
    let mut event = json!({
        "event_id": format!("e{id:03}"),
        "event_timestamp": format!("2026-01-01T08:00:{:02}Z", id % 60),
        "event_type": "click",
        "device_id": format!("d{}", id % 7),
        "properties": { "value": id },
    });
    if let Some(user) = user {
        event["user_id"] = user.into();
    }
    (format!("p-{id}"), event.to_string().into_bytes())
}

/// The table wants a user and then does not any more: the usual way in which a schema is mended.
async fn relax_user(world: &World) {
    let url = format!(
        "http://{}/bigquery/v2/projects/test-project/datasets/{DATASET}/tables/{EVENTS_TABLE}",
        world.suite.bigquery_address
    );
    let schema = windtunnel_model::schema::events_table()["schema"].clone();
    let patch = json!({ "schema": schema });
    let answer = reqwest::Client::new().patch(url).json(&patch).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn dead_letters_go_back_after_a_fix_each_once_though_the_replay_is_killed() {
    let world = World::start(|table| {
        let fields = table["schema"]["fields"].as_array_mut().unwrap();
        fields.iter_mut().find(|it| it["name"] == "user_id").unwrap()["mode"] = "REQUIRED".into();
    })
    .await;
    let engine = world.pipeline(&["--no-predictions"]).spawn().unwrap();
    // Every third event has no user, which the table refuses; one is no event at all.
    let poison = |id: u32| id.is_multiple_of(3);
    let events = (0..300).map(|id| event(id, (!poison(id)).then_some("u")));
    let broken = ("p-broken".to_owned(), b"{\"event_id\": ".to_vec());
    world.publish(events.chain([broken])).await;
    until(async || world.letters().len() == 101).await;
    world.settled().await;
    assert_eq!(world.rows().await.len(), 200);

    let refused = ["--reason", "row_refused"];
    let dry = world.replay(&[&refused[..], &["--dry-run"]].concat()).await;
    assert_eq!((&dry["letters"], &dry["published"]), (&101.into(), &100.into()), "{dry}");
    assert_eq!(world.replay(&["--to", "2020-01-01T00:00:00Z"]).await["matched"], 0);
    relax_user(&world).await;

    // Killed at several moments: before, while and after it publishes.
    for attempt in 0..6_u32 {
        let mut child = world.windtunnel(&["replay-dead-letters"]).args(refused).spawn().unwrap();
        let bucket = world.names.failed_events_bucket();
        let journals = || world.suite.storage.list_objects(&bucket, "replays/").unwrap().len();
        let begun = journals();
        let (storage, subscription) = (&world.suite, world.names.subscription("iot-events-sub"));
        until(async || {
            let stats = storage.pubsub.subscription_stats(&subscription).unwrap();
            let is_under_way = journals() > begun || stats.undelivered + stats.outstanding > 0;
            attempt == 0 || is_under_way || child.try_wait().unwrap().is_some()
        })
        .await;
        child.kill().await.unwrap();
    }
    let after_kills = world.replay(&refused).await;
    assert_eq!(after_kills["matched"], 100, "{after_kills}");
    until(async || world.rows().await.len() >= 300).await;
    let again = world.replay(&refused).await;
    assert_eq!((&again["published"], &again["published_before"]), (&0.into(), &100.into()));
    world.settled().await;
    terminate(engine).await;
    let expected: Vec<String> = (0..300).map(|id| format!("e{id:03}")).collect();
    assert_eq!(world.rows().await, expected, "each row exactly once");
    assert_eq!(world.letters().len(), 101, "a replay adds no letter");
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_letter_that_is_refused_again_is_a_letter_of_its_own_and_can_go_back_again() {
    let world = World::start(|table| {
        let fields = table["schema"]["fields"].as_array_mut().unwrap();
        fields.iter_mut().find(|it| it["name"] == "user_id").unwrap()["mode"] = "REQUIRED".into();
    })
    .await;
    let engine = world.pipeline(&["--no-predictions"]).spawn().unwrap();
    world.publish([event(1, None), event(2, Some("u"))]).await;
    until(async || world.letters().len() == 1).await;
    assert_eq!(world.replay(&[]).await["published"], 1);
    until(async || world.letters().len() == 2).await;
    relax_user(&world).await;
    let summary = world.replay(&[]).await;
    assert_eq!((&summary["published"], &summary["published_before"]), (&1.into(), &1.into()));
    until(async || world.rows().await.len() == 2).await;
    world.settled().await;
    terminate(engine).await;
    assert_eq!(world.rows().await, ["e001", "e002"]);
    world.suite.shutdown().await;
}

const PRIVACY: &str = r#"
[[field]]
path = "user_id"
action = "hash"

[[field]]
path = "properties.page_url"
action = "drop"

[[field]]
attribute = "client"
action = "drop"

[[key]]
id = "k1"
secret_file = "SECRET_FILE"
"#;

fn privacy_file(folder: &Path) -> String {
    let (secret, file) = (folder.join("secret"), folder.join("privacy.toml"));
    std::fs::write(&secret, "an unmistakable secret of 32 bytes or more\n").unwrap();
    let text = PRIVACY.replace("SECRET_FILE", secret.to_str().unwrap());
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn configured_values_reach_no_table_no_bucket_no_checkpoint_and_no_log() {
    let world = World::start(|_| {}).await;
    let file = privacy_file(world.folder.path());
    let engine = world
        .pipeline(&["--privacy", &file, "--log-format", "json"])
        .env("WINDTUNNEL_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = engine.id().unwrap().to_string();
    let with = |id: u32, extra: &str| {
        let (name, data) = event(id, Some(SECRET));
        let data = String::from_utf8(data).unwrap();
        (name, data.replace("\"properties\":{", &format!("\"properties\":{{{extra}")).into_bytes())
    };
    let page = format!("\"page_url\":\"https://x/{SECRET}\",");
    let mut events: Vec<_> = (0..20).map(|id| with(id, &page)).collect();
    events.push(with(100, &format!("{page}\"temperature\":-999,")));
    events.push(("p-101".to_owned(), format!("{{\"user_id\":\"{SECRET}").into_bytes()));
    events.push(("p-102".to_owned(), format!("[\"{SECRET}\"]").into_bytes()));
    world.publish(events).await;
    until(async || world.rows().await.len() == 20 && world.letters().len() == 3).await;
    world.settled().await;

    let client = world.endpoints.bigquery().await.unwrap();
    let reader = TableReader::new(client, &world.names.project, DATASET, EVENTS_TABLE, None);
    let rows = reader.page(0).await.unwrap();
    let users: BTreeSet<&str> = rows.iter().filter_map(|row| text(&row[4])).collect();
    assert_eq!(users.len(), 1, "equal users stay equal: {users:?}");
    assert!(users.iter().all(|user| user.starts_with("k1.")), "{users:?}");
    let mut everything = format!("{rows:?}");
    let mut reasons = BTreeMap::new();
    for (line, data) in world.letters() {
        *reasons.entry(line["reason"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        everything += &format!("{line} {data}");
    }
    let expected = [("out_of_range", 1), ("truncated_json", 1), ("wrong_type", 1)];
    assert_eq!(reasons, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    assert_eq!(world.replay(&["--dry-run"]).await["withheld"], 2);
    for entry in std::fs::read_dir(world.folder.path().join("checkpoints")).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        everything += &String::from_utf8_lossy(&content);
    }
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let output = engine.wait_with_output().await.unwrap();
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert!(lines.len() > 5, "a log at debug says something: {log}");
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    everything += &log;
    for hidden in ["CR3Tx", "unmistakable"] {
        assert!(!everything.contains(hidden), "{hidden} is in {everything}");
    }
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_privacy_file_with_a_mistake_is_refused_with_its_place() {
    let world = World::start(|_| {}).await;
    let file = privacy_file(world.folder.path());
    let text = std::fs::read_to_string(&file).unwrap().replace("\"hash\"", "\"mask\"");
    std::fs::write(&file, text).unwrap();
    let output = world.pipeline(&["--privacy", &file]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("{file}:4:10: error: action: must be one of")), "{text}");
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_running_pipeline_is_scraped() {
    let world = World::start(|_| {}).await;
    let mut command = world.pipeline(&["--metrics-addr", "127.0.0.1:0"]);
    let mut engine = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
    let mut url = None;
    while url.is_none() {
        let line = lines.next_line().await.unwrap().expect("the engine says where its metrics are");
        url = line.strip_prefix("metrics at ").map(str::to_owned);
    }
    let url = url.unwrap();
    world.publish((0..200).map(|id| event(id, None))).await;
    world.publish([("p-bad".to_owned(), b"{}".to_vec())]).await;
    world.settled().await;
    let sample = |text: &str, name: &str| -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    let mut text = String::new();
    until(async || {
        let answer = reqwest::get(&url).await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        text = answer.text().await.unwrap();
        sample(&text, "windtunnel_acknowledged_total") == Some(201.0)
    })
    .await;
    assert!(text.ends_with("# EOF\n"));
    for (name, expected) in [
        ("windtunnel_job_elements_produced_total{ptransform=\"read\"}", 201.0),
        ("windtunnel_job_elements_produced_total{ptransform=\"write_events\"}", 200.0),
        ("windtunnel_rejects_total{reason=\"missing_field\"}", 1.0),
        ("windtunnel_job_message_latency_seconds_count", 201.0),
        ("windtunnel_job_message_latency_seconds_bucket{le=\"+Inf\"}", 201.0),
        ("windtunnel_job_system_lag_seconds", 0.0),
    ] {
        assert_eq!(sample(&text, name), Some(expected), "{name} in {text}");
    }
    for name in [
        "windtunnel_job_data_watermark_age_seconds",
        "windtunnel_job_total_vcpu_time_seconds_total",
        "windtunnel_job_estimated_produced_bytes_total",
        "windtunnel_job_estimated_cost_dollars{service=\"pubsub\"}",
        "windtunnel_prediction_queue_seconds_count",
        "windtunnel_prediction_call_seconds_count",
        "windtunnel_prediction_model_seconds_count",
    ] {
        assert!(sample(&text, name).is_some_and(|value| value > 0.0), "{name} in {text}");
    }
    terminate(engine).await;
    world.suite.shutdown().await;
}

//! The world of these tests: the emulators in this process, the real binary beside them, and what can be
//! seen of both.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use google_cloud_pubsub::model::Message;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use windtunnel::clock::RunClock;
use windtunnel::table::{TableReader, text};
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};

/// A text that stands nowhere but where it was put.
pub(crate) const SECRET: &str = "S3CR3Tx";

pub(crate) struct World {
    pub(crate) suite: Suite,
    pub(crate) endpoints: Endpoints,
    pub(crate) names: ReferenceNames,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    /// The emulators with the reference world; columns of the events table may be changed before.
    pub(crate) async fn start(change: impl FnOnce(&mut Value)) -> Self {
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

    pub(crate) fn windtunnel(&self, arguments: &[&str]) -> Command {
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

    pub(crate) fn pipeline(&self, arguments: &[&str]) -> Command {
        let mut command = self.windtunnel(&["pipeline", "--subscription", "iot-events-sub"]);
        if !arguments.contains(&"--checkpoints") {
            command.arg("--checkpoints").arg(self.folder.path().join("checkpoints"));
        }
        command.args(arguments);
        command
    }

    pub(crate) async fn publish(&self, events: impl IntoIterator<Item = (String, Vec<u8>)>) {
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
    pub(crate) async fn rows(&self) -> Vec<String> {
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
    pub(crate) async fn settled(&self) {
        let subscription = self.names.subscription("iot-events-sub");
        until(async || {
            let stats = self.suite.pubsub.subscription_stats(&subscription).unwrap();
            (stats.undelivered, stats.outstanding) == (0, 0)
        })
        .await;
    }

    /// The lines of the dead letters, their payloads without base64 beside them.
    pub(crate) fn letters(&self) -> Vec<(Value, String)> {
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

    pub(crate) fn journals(&self) -> Vec<String> {
        let bucket = self.names.failed_events_bucket();
        self.suite.storage.list_objects(&bucket, "replays/").unwrap()
    }

    pub(crate) fn rewrite_journals(&self, change: impl Fn(&mut Value)) {
        let bucket = self.names.failed_events_bucket();
        for name in self.journals() {
            let content = self.suite.storage.get_object(&bucket, &name).unwrap();
            let mut journal: Value = serde_json::from_slice(&content).unwrap();
            change(&mut journal);
            let content = journal.to_string().into();
            self.suite.storage.put_object(&bucket, &name, content).unwrap();
        }
    }

    pub(crate) async fn replay(&self, arguments: &[&str]) -> Value {
        let mut command = self.windtunnel(&["replay-dead-letters"]);
        let output = command.args(arguments).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }
}

pub(crate) async fn terminate(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success(), "the engine did not drain");
}

/// Looks every 20 ms until something is so; a minute without it is a failure.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = RunClock::start();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !is_so().await {
        ticks.tick().await;
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so after a minute");
    }
}

pub(crate) fn event(id: u32, user: Option<&str>) -> (String, Vec<u8>) {
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
pub(crate) async fn relax_user(world: &World) {
    let url = format!(
        "http://{}/bigquery/v2/projects/test-project/datasets/{DATASET}/tables/{EVENTS_TABLE}",
        world.suite.bigquery_address
    );
    let schema = windtunnel_model::schema::events_table()["schema"].clone();
    let patch = json!({ "schema": schema });
    let answer = reqwest::Client::new().patch(url).json(&patch).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

pub(crate) async fn query(world: &World, text: &str) {
    let address = world.suite.bigquery_address;
    let url = format!("http://{address}/bigquery/v2/projects/test-project/queries");
    let body = json!({ "query": text, "useLegacySql": false });
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

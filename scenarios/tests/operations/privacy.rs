//! Goal: configured values reach nothing that is stored or shown, and a scenario that hides fields is judged
//! by what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;
use windtunnel::table::{TableReader, text};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};

use super::world::{SECRET, World, event, until};

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
async fn a_scenario_with_privacy_is_judged_by_what_redaction_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("private.toml");
    let privacy = std::fs::read_to_string(privacy_file(folder.path())).unwrap();
    let privacy = privacy.replace("[[", "[[privacy.");
    let text = format!(
        "name = \"private\"\nduration = \"2s\"\n[[visitors]]\nname = \"web\"\nvisitors = 20\n\
         rate = \"200/s\"\n[disorder]\nduplicate = 0.1\nmalformed = 0.1\n{privacy}\n\
         [[expect]]\nthat = \"ledger.lost == 0\"\n[[expect]]\nthat = \"ledger.unexpected == 0\"\n\
         [[expect]]\nthat = \"windows.mismatched == 0\"\n[[expect]]\nthat = \"ledger.ok > 100\"\n"
    );
    std::fs::write(&scenario, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_windtunnel"));
    command.args(["run", "--plain", "--output", "json"]).arg(&scenario).stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(report["ledger"]["dead_lettered"].as_u64().unwrap() > 10, "{report}");
    assert_eq!(report["verdict"], "pass");
}

//! Goal: what goes wrong around a pipeline is named, ends as documented (`engine/OPERATIONS.md`), and a
//! restart after the fix loses nothing.

use std::process::Stdio;

use tokio::process::Command;

use super::world::{World, event, query, terminate, until};

/// Runs an engine that must end by itself with exit code 1, and answers with what it says.
async fn failing(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    text
}

#[tokio::test]
async fn a_column_that_is_gone_ends_the_engine_and_a_restart_after_the_fix_loses_nothing() {
    let world = World::start(|_| {}).await;
    query(&world, "ALTER TABLE events_dataset.events DROP COLUMN source").await;
    world.publish((0..50).map(|id| event(id, None))).await;
    let text = failing(world.pipeline(&["--no-predictions"])).await;
    assert!(text.contains("AppendRows") && text.contains("source"), "{text}");
    query(&world, "ALTER TABLE events_dataset.events ADD COLUMN source STRING").await;
    let engine = world.pipeline(&["--no-predictions"]).spawn().unwrap();
    until(async || world.rows().await.len() >= 50).await;
    world.settled().await;
    terminate(engine).await;
    let expected: Vec<String> = (0..50).map(|id| format!("e{id:03}")).collect();
    assert_eq!(world.rows().await, expected);
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_table_that_vanishes_is_named_and_what_was_not_acknowledged_comes_again() {
    let world = World::start(|_| {}).await;
    let engine = world.pipeline(&["--no-predictions"]).spawn().unwrap();
    world.publish((0..50).map(|id| event(id, None))).await;
    until(async || world.rows().await.len() == 50).await;
    world.settled().await;
    terminate(engine).await;
    query(&world, "DROP TABLE events_dataset.events").await;
    query(&world, "DROP TABLE events_dataset.device_windows").await;
    world.publish((50..100).map(|id| event(id, None))).await;
    // The command makes the tables again, but the streams of the last checkpoint went with the old ones.
    let text = failing(world.pipeline(&["--no-predictions"])).await;
    assert!(text.contains("begin a new job with another folder of checkpoints"), "{text}");
    let anew = world.folder.path().join("anew");
    let anew = ["--no-predictions", "--checkpoints", anew.to_str().unwrap()];
    let engine = world.pipeline(&anew).spawn().unwrap();
    until(async || world.rows().await.len() >= 50).await;
    world.settled().await;
    terminate(engine).await;
    let expected: Vec<String> = (50..100).map(|id| format!("e{id:03}")).collect();
    assert_eq!(world.rows().await, expected);
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_checkpoint_whose_bytes_rot_is_refused_and_its_copy_goes_on() {
    let world = World::start(|_| {}).await;
    let engine = world.pipeline(&["--no-predictions"]).spawn().unwrap();
    world.publish((0..50).map(|id| event(id, None))).await;
    until(async || world.rows().await.len() == 50).await;
    world.settled().await;
    terminate(engine).await;
    let mut rotten = 0;
    for entry in std::fs::read_dir(world.folder.path().join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none() && !path.ends_with("LOCK") {
            let mut content = std::fs::read(&path).unwrap();
            *content.last_mut().unwrap() ^= 0x40;
            std::fs::write(&path, content).unwrap();
            rotten += 1;
        }
    }
    assert!(rotten > 1, "HEAD and records");
    let mut command = world.pipeline(&["--no-predictions"]);
    let engine = command.stderr(Stdio::piped()).spawn().unwrap();
    // The same events again: the dedup index has survived.
    world.publish((0..60).map(|id| event(id, None))).await;
    until(async || world.rows().await.len() >= 60).await;
    world.settled().await;
    let pid = engine.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let output = engine.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && text.contains("its copy is used"), "{text}");
    assert_eq!(world.rows().await.len(), 60);
    world.suite.shutdown().await;
}

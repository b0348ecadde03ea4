//! Goal: what an operator does with a running pipeline, through the real binary: metrics are scraped,
//! configured fields never reach a table, a bucket or a topic, and dead letters go back after a fix, each
//! once, though the command is killed. Conditions are awaited by looking, never by waiting a while.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "operations/bad_input.rs"]
mod bad_input;
#[path = "operations/privacy.rs"]
mod privacy;
#[path = "operations/world.rs"]
mod world;

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use world::{World, event, relax_user, terminate, until};

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

    // Killed before it does anything, then as soon as it has said what it is about to do.
    for attempt in 0..4_u32 {
        let mut child = world.windtunnel(&["replay-dead-letters"]).args(refused).spawn().unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        while attempt > 0 && world.journals().is_empty() && child.try_wait().unwrap().is_none() {
            ticks.tick().await;
        }
        child.kill().await.unwrap();
    }
    let after_kills = world.replay(&refused).await;
    assert_eq!(after_kills["matched"], 100, "{after_kills}");
    until(async || world.rows().await.len() >= 300).await;
    let again = world.replay(&refused).await;
    assert_eq!((&again["published"], &again["published_before"]), (&0.into(), &100.into()));
    // As if it had been killed between the last message and the journal: all go out again.
    world.rewrite_journals(|journal| {
        journal["lines"] = journal["published"].take();
        journal["published"] = json!([]);
    });
    assert_eq!(world.replay(&refused).await["published"], 100);
    // The same, so long ago that dedup may have forgotten them: nobody guesses.
    world.rewrite_journals(|journal| {
        journal["lines"] = journal["published"].take();
        journal["published"] = json!([]);
        journal["begun_micros"] = 1.into();
    });
    let mut doubtful = world.windtunnel(&["replay-dead-letters"]);
    let output = doubtful.args(refused).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--in-doubt"), "what to do is said");
    let skipped = world.replay(&[&refused[..], &["--in-doubt", "skip"]].concat()).await;
    assert_eq!((&skipped["published"], &skipped["in_doubt"]), (&0.into(), &0.into()));
    assert_eq!(world.replay(&refused).await["published_before"], 100);
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

//! Goal: a pipeline of the user's own writes to tables that it names, makes those that are missing, gives
//! them the columns that its rows have, and turns rows that do not fit into dead letters. Method: it runs
//! on the embedded emulators as a job does, and the tables and the bucket are read back.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use google_cloud_pubsub::model::Message;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel::table::TableReader;
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::checkpoints::CheckpointPlace;
use windtunnel_gcp::destinations::{Destinations, TableSpec, UnknownFields};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::job::{self, JobConfig, Source};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::EventBatch;
use windtunnel_model::schema::DATASET;
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::flow::source;
use windtunnel_runtime::metrics::Counters;
use windtunnel_runtime::pipeline::{self, Outcome, Pipeline};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::template::Template;
use windtunnel_stages::window::WindowConfig;

/// Every event becomes a row of the table of its type, with whatever fields its publisher gave it.
fn by_type() -> Pipeline {
    let table = Template::parse("by_{event_type}").unwrap();
    Pipeline::of(Box::new(
        source::<u32, EventBatch>()
            .map(pipeline::read)
            .keyed(pipeline::shard_key, pipeline::happened)
            .distinct(
                "dedup",
                DedupConfig::default(),
                pipeline::identity,
                |_, _, out: &mut Outcome| out.duplicates += 1,
            )
            .filter_map(pipeline::accept)
            .sink(move |index, batch: &EventBatch, out| {
                let event = &batch.events[index as usize];
                let mut name = String::new();
                table.write(|_| Some(batch.text(event.event_type)), &mut name);
                let message = batch.message_of(event);
                let fields: Value = serde_json::from_slice(&message.data).unwrap_or_default();
                out.row(&name, &fields, Some(message));
            })
            .build(WindowConfig::default().watermark()),
    ))
}

fn config(names: &ReferenceNames, checkpoints: &std::path::Path) -> JobConfig {
    let resource = json!({
        "schema": { "fields": [
            { "name": "event_id", "type": "STRING", "mode": "REQUIRED" },
            { "name": "event_type", "type": "STRING" },
            { "name": "device_id", "type": "STRING" },
            { "name": "event_timestamp", "type": "TIMESTAMP" },
            { "name": "count", "type": "INTEGER" },
        ] },
        "timePartitioning": { "type": "DAY", "field": "event_timestamp" },
        "clustering": { "fields": ["device_id"] },
    });
    let spec = TableSpec { resource: Some(resource), unknown_fields: UnknownFields::Add };
    JobConfig {
        privacy: None,
        names: names.clone(),
        source: Source::Subscription("iot-events-sub".to_owned()),
        region: "us-central1".to_owned(),
        vertex_endpoint: "1".to_owned(),
        checkpoints: CheckpointPlace::Folder(checkpoints.to_owned()),
        archive: false,
        destinations: Destinations::default().with("by_*", spec),
        coordinator: CoordinatorConfig {
            job: "by-type".to_owned(),
            shard: 0,
            checkpoint_interval_micros: 50_000,
            predict: false,
            visibility: Visibility::ByEpoch,
            dedup: DedupConfig::default(),
            windows: WindowConfig::default(),
        },
    }
}

fn event(id: &str, kind: &str, more: Value) -> String {
    let mut event = json!({
        "event_id": id, "event_type": kind, "device_id": "d",
        "event_timestamp": "2024-01-01T12:00:00Z",
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string()
}

/// The cells of a table's columns, row by row, in the order of their texts.
async fn rows(endpoints: &Endpoints, names: &ReferenceNames, table: &str) -> Vec<String> {
    let client = endpoints.bigquery().await.unwrap();
    let reader = TableReader::new(client, &names.project, DATASET, table, None);
    let mut rows: Vec<String> =
        reader.page(0).await.unwrap().into_iter().map(|row| Value::from(row).to_string()).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn rows_go_to_the_tables_that_the_pipeline_names() {
    let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
    let endpoints = endpoints_of(&suite);
    let names = ReferenceNames::for_project("own");
    world::create(&endpoints, &names, None).await.unwrap();
    let events = [
        event("a", "click", json!({ "count": 1 })),
        event("b", "view", json!({})),
        // A column that the table does not have, and rows that do not fit: of another type, and nested.
        event("c", "click", json!({ "colour": "red", "size": { "width": 2 } })),
        event("d", "click", json!({ "count": "many" })),
        event("a", "click", json!({ "count": 1 })),
        event("e", "click", json!({ "count": 5 })),
        "not JSON".to_owned(),
    ];
    let publisher = endpoints.publisher(&names.topic("iot-events")).await.unwrap();
    for event in &events {
        publisher.publish(Message::new().set_data(event.clone())).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut counters) = watch::channel(Counters::default());
    let drain = CancellationToken::new();
    let job = tokio::spawn({
        let (config, endpoints) = (config(&names, folder.path()), endpoints.clone());
        let drain = drain.clone();
        async move {
            let stats = PredictionStats::default();
            job::run_pipeline(by_type(), config, &endpoints, drain, sender, stats).await
        }
    });
    let all = events.len() as u64;
    counters.wait_for(|counters| counters.acknowledged == all).await.unwrap();
    drain.cancel();
    let counters = job.await.unwrap().unwrap();
    assert_eq!((counters.named_rows, counters.duplicates, counters.dead_letters()), (4, 1, 2));
    let time = "1704110400.000000";
    assert_eq!(
        rows(&endpoints, &names, "by_click").await,
        [
            json!(["a", "click", "d", time, "1", null, null]).to_string(),
            json!(["c", "click", "d", time, null, "red", { "f": [{ "v": "2" }] }]).to_string(),
            json!(["e", "click", "d", time, "5", null, null]).to_string(),
        ]
    );
    let viewed = [json!(["b", "view", "d", time, null]).to_string()];
    assert_eq!(rows(&endpoints, &names, "by_view").await, viewed);
    let client = endpoints.bigquery().await.unwrap();
    let made = client.table().get(&names.project, DATASET, "by_view", None).await.unwrap();
    assert_eq!(made.time_partitioning.unwrap().field.as_deref(), Some("event_timestamp"));
    assert_eq!(made.clustering.unwrap().fields.unwrap(), ["device_id"]);
    let letters = dead_letters(&endpoints, &names).await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters.iter().any(|letter| letter["reason"] == "invalid_json"));
    let refused = letters.iter().find(|letter| letter["reason"] == "row_refused").unwrap();
    assert_eq!(refused["detail"], "count: expected an INT64, found a string");
    assert_eq!(refused["stage"], "sink");
    suite.shutdown().await;
}

async fn dead_letters(endpoints: &Endpoints, names: &ReferenceNames) -> Vec<Value> {
    let bucket = format!("projects/_/buckets/{}", names.failed_events_bucket());
    let control = endpoints.storage_control().await.unwrap();
    let storage = endpoints.storage().await.unwrap();
    let listed = control.list_objects().set_parent(&bucket).send().await.unwrap();
    let mut letters = Vec::new();
    for object in listed.objects {
        let mut reader = storage.read_object(&bucket, &object.name).send().await.unwrap();
        let mut content = Vec::new();
        while let Some(chunk) = reader.next().await {
            content.extend_from_slice(&chunk.unwrap());
        }
        let lines = std::str::from_utf8(&content).unwrap().lines();
        letters.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    letters
}

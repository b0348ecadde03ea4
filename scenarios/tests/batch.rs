//! Goal: a run over files reads each record exactly once, whatever is cut off, and a rerun adds nothing.
//! Method: objects in the embedded Cloud Storage and files on disk, jobs over the same checkpoints, and the
//! tables read back.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "batch/world.rs"]
mod world;

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel_model::schema::{EVENTS_TABLE, WINDOWS_TABLE};
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::metrics::Counters;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

use world::{World, avro, events, gzip, ids};

#[tokio::test]
async fn files_are_read_once_and_new_ones_are_found() {
    let world = World::start().await;
    world.put("2024/a.jsonl.gz", gzip(&events(0..3_000))).await;
    let mut bad = events(3_000..3_010);
    bad.extend_from_slice(b"{\"event_id\": \n");
    world.put("2024/b b:1.json", bad).await;
    world.put("other/c.jsonl", events(9_000..9_010)).await;
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("d.csv");
    let row = |number: u64| format!("e{number:06},click,d,2024-01-01T12:00:30Z,1.5\n");
    let rows: String = (3_010..3_020).map(row).collect();
    std::fs::write(&csv, format!("event_id,event_type,device_id,event_timestamp,value\n{rows}"))
        .unwrap();
    let pattern = "gs://files-raw-data/2024/*";
    let inputs = [pattern, csv.to_str().unwrap()];
    let first = world.run(&inputs, None).await.unwrap();
    assert_eq!(
        (first.messages, first.rows, first.dead_letters(), first.late()),
        (3_021, 3_020, 1, 0)
    );
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..3_020));
    assert_eq!(world.column(WINDOWS_TABLE).await.len(), 60);
    let again = world.run(&inputs, None).await.unwrap();
    assert_eq!((again.messages, again.rows), (0, 0));
    // A file that is written anew has another generation; what dedup remembers of it stays away.
    world.put("2024/e.jsonl", events(3_020..3_030)).await;
    world.put("2024/b b:1.json", events(3_000..3_010)).await;
    let more = world.run(&inputs, None).await.unwrap();
    assert_eq!((more.messages, more.rows, more.duplicates), (20, 10, 10));
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..3_030));
    world.suite.shutdown().await;
}

#[tokio::test]
async fn a_run_that_was_cut_off_goes_on() {
    goes_on(World::start().await).await;
}

/// Goal: rows that are committed at the end of each run are there once, whatever is cut off.
/// Method: a run that is cut off in the middle and one that goes on, over PENDING streams.
#[tokio::test]
async fn rows_that_are_shown_all_at_once_are_there_once() {
    let mut world = World::start().await;
    world.visibility = Visibility::AtEnd;
    goes_on(world).await;
}

/// Goal: checkpoints in Cloud Storage do what those on disk do, in a bounded number of objects.
#[tokio::test]
async fn a_run_with_its_checkpoints_in_a_bucket_goes_on() {
    let mut world = World::start().await;
    world.bucket = Some("gs://files-processed-data/jobs/a b".to_owned());
    goes_on(world).await;
}

/// Goal: the archive holds every message once and the row of every event once, however often the run was cut
/// off. Method: runs that are cut off, one of them after its process was as good as killed, and the archived
/// rows as the input of another pipeline.
#[tokio::test]
async fn the_archive_holds_everything_once() {
    let mut world = World::start().await;
    world.archives = true;
    let mut lines = events(0..20_000);
    lines.extend_from_slice(b"{\"event_id\": \n");
    world.put("a.jsonl", lines).await;
    for until in [1, 9_000] {
        world.run(&["gs://files-raw-data/*"], Some(until)).await.unwrap();
    }
    // Dropped in the middle: what was archived beyond its last checkpoint is in nobody's way.
    let (sender, mut counters) = watch::channel(Counters::default());
    let inputs = ["gs://files-raw-data/*"];
    tokio::select! {
        ended = world.job(&inputs, None, None, CancellationToken::new(), sender) => drop(ended),
        _ = counters.wait_for(|counters| counters.messages >= 2_000) => {}
    }
    // So are files of epochs to come, but not those of another job.
    let beyond = "archive/date=2020-01-01/files-000-9999999999.parquet";
    let foreign = "archive/date=2020-01-01/other-000-9999999999.parquet";
    for name in [beyond, foreign] {
        world.put(name, Vec::new()).await;
    }
    world.run(&["gs://files-raw-data/*"], None).await.unwrap();
    let mut raw = world.archived("raw-data").await;
    assert!(!raw.iter().any(|(name, _)| name == beyond), "{raw:?}");
    let of_all = raw.len();
    raw.retain(|(name, _)| name != foreign);
    assert_eq!(raw.len(), of_all - 1);
    assert!(raw.iter().all(|(name, _)| name.starts_with("archive/date=")), "{raw:?}");
    let read = windtunnel_gcp::files::count_records;
    let messages: u64 = raw.iter().map(|(name, content)| read(content, None, name).unwrap()).sum();
    assert_eq!(messages, 20_001);
    let again = World::start().await;
    for (name, content) in world.archived("processed-data").await {
        assert!(name.starts_with("events/date=2024-01-01/files-000-"), "{name}");
        again.put(&name, content).await;
    }
    let read = again.run(&["gs://files-raw-data/events/**"], None).await.unwrap();
    assert_eq!((read.messages, read.rows, read.dead_letters()), (20_000, 20_000, 0));
    assert_eq!(again.column(EVENTS_TABLE).await, ids(0..20_000));
    world.suite.shutdown().await;
    again.suite.shutdown().await;
}

/// Goal: what Cloud Storage tells of is read once, and nothing is acknowledged before a checkpoint has it: a
/// notification of an object that cannot be read comes again. Method: the embedded services, told to send
/// notifications; objects of all kinds, a run that ends, and another one that finds what is left.
#[tokio::test]
async fn notified_objects_are_read_once() {
    let world = World::start().await;
    let (topics, subscriptions) = world.endpoints.pubsub_admin().await.unwrap();
    let topic = world.names.topic("objects");
    topics.create_topic().set_name(&topic).send().await.unwrap();
    let subscription = world.names.subscription("objects-sub");
    let create = subscriptions.create_subscription().set_name(&subscription).set_topic(&topic);
    create.send().await.unwrap();
    let url = format!(
        "http://{}/storage/v1/b/files-raw-data/notificationConfigs",
        world.suite.storage_address
    );
    let config = json!({
        "topic": format!("//pubsub.googleapis.com/{topic}"), "payload_format": "NONE",
    });
    let made = reqwest::Client::new().post(url).json(&config).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
    world.put("in/a.jsonl", events(0..2_500)).await;
    world.put("in/empty.jsonl", Vec::new()).await;
    world.put("out/b.jsonl", events(9_000..9_010)).await;
    let mut torn = gzip(&events(3_000..23_000));
    torn.truncate(torn.len() / 2);
    world.put("in/torn.jsonl.gz", torn).await;
    let inputs = ["gs://files-raw-data/in/*"];
    let notified = Some("objects-sub");
    let (sender, mut counters) = watch::channel(Counters::default());
    let drain = CancellationToken::new();
    let pause = Some(Duration::from_millis(5));
    let first = world.job(&inputs, pause, notified, drain.clone(), sender);
    let grows = async {
        counters.wait_for(|counters| counters.messages > 2_500).await.unwrap();
        world.put("in/c.jsonl", events(2_500..2_510)).await;
        // The same object again: another generation, of which dedup knows all.
        world.put("in/a.jsonl", events(0..2_500)).await;
        counters.wait_for(|counters| counters.duplicates >= 2_500).await.unwrap();
        drain.cancel();
    };
    let (ended, ()) = tokio::join!(first, grows);
    let ended = ended.unwrap_err().to_string();
    assert!(ended.contains("1 objects cannot be read") && ended.contains("torn"), "{ended}");
    let rows = world.column(EVENTS_TABLE).await;
    assert_eq!(rows[..2_510], ids(0..2_510));
    // Mended, it has another generation: its old notification tells of nothing, its new one of the file.
    world.put("in/torn.jsonl.gz", gzip(&events(3_000..23_000))).await;
    let (sender, mut counters) = watch::channel(Counters::default());
    let drain = CancellationToken::new();
    let second = world.job(&inputs, pause, notified, drain.clone(), sender);
    let until = async {
        counters.wait_for(|counters| counters.acknowledged >= 20_000).await.unwrap();
        drain.cancel();
    };
    let (last, ()) = tokio::join!(second, until);
    let last = last.unwrap();
    assert_eq!((last.messages, last.rows as usize), (20_000, 22_510 - rows.len()));
    let mut expected = ids(0..2_510);
    expected.extend(ids(3_000..23_000));
    assert_eq!(world.column(EVENTS_TABLE).await, expected);
    world.suite.shutdown().await;
}

/// Goal: a process that was taken over does not write over the archive of the one that took over. Method: a
/// file of the next epoch under a later lease, and one without any, which is nobody's.
#[tokio::test]
async fn the_archive_of_a_later_lease_is_not_written_over() {
    for (lease, is_refused) in [(Some("99"), true), (None, false)] {
        let mut world = World::start().await;
        world.archives = true;
        world.put("a.jsonl", events(0..10)).await;
        let (sender, mut counters) = watch::channel(Counters::default());
        let drain = CancellationToken::new();
        let inputs = ["gs://files-raw-data/*"];
        let pause = Some(Duration::from_millis(5));
        let job = world.job(&inputs, pause, None, drain.clone(), sender);
        let others = async {
            counters.wait_for(|counters| counters.acknowledged >= 10).await.unwrap();
            let [(last, _)] = &world.archived("processed-data").await[..] else { panic!("one") };
            let next = last.replace("-0000000001.", "-0000000002.");
            let storage = world.endpoints.storage().await.unwrap();
            let bucket = "projects/_/buckets/files-processed-data";
            let write = storage.write_object(bucket, &next, bytes::Bytes::from_static(b"x"));
            write.set_metadata(lease.map(|it| ("lease", it))).send_buffered().await.unwrap();
            world.put("b.jsonl", events(10..20)).await;
            let _ended = counters.wait_for(|counters| counters.acknowledged >= 20).await;
            drain.cancel();
            next
        };
        let (ended, next) = tokio::join!(job, others);
        let found = world.archived("processed-data").await;
        let (_, content) = found.into_iter().find(|(name, _)| *name == next).unwrap();
        assert_eq!(content == b"x", is_refused);
        match ended {
            Ok(counters) => assert!(!is_refused && counters.rows == 20),
            Err(error) => {
                assert!(is_refused && error.to_string().contains("taken over"), "{error}")
            }
        }
        world.suite.shutdown().await;
    }
}

/// Goal: of a double start the first one ends, and what it does after that changes nothing. Method: a job that
/// watches, another one over the same checkpoints in the bucket, and then a file that both find.
#[tokio::test]
async fn a_job_that_is_taken_over_ends() {
    let mut world = World::start().await;
    world.bucket = Some("gs://files-processed-data/job".to_owned());
    world.put("a.jsonl", events(0..10)).await;
    let (sender, mut counters) = watch::channel(Counters::default());
    let pause = Some(Duration::from_millis(5));
    let inputs = ["gs://files-raw-data/*"];
    let first = world.job(&inputs, pause, None, CancellationToken::new(), sender);
    let second = async {
        counters.wait_for(|counters| counters.acknowledged >= 10).await.unwrap();
        let again = world.run(&inputs, None).await.unwrap();
        assert_eq!(again.messages, 0);
        world.put("b.jsonl", events(10..20)).await;
    };
    let (ended, ()) = tokio::join!(first, second);
    let ended = ended.unwrap_err().to_string();
    assert!(ended.contains("was taken over"), "{ended}");
    let last = world.run(&inputs, None).await.unwrap();
    assert_eq!(last.rows, 10);
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..20));
    world.suite.shutdown().await;
}

/// Where a run is cut off is the machine's; what must hold is the same everywhere.
async fn goes_on(world: World) {
    world.put("a.jsonl", events(0..40_000)).await;
    world.put("b.avro", avro(40_000..50_000)).await;
    let manifest = world.checkpoints.path().join("manifest.txt");
    std::fs::write(&manifest, "# all\ngs://files-raw-data/a.jsonl\n\ngs://files-raw-data/b.avro\n")
        .unwrap();
    let manifest = format!("@{}", manifest.display());
    let mut read = 0;
    for until in [1, 5_000, 35_000, 1_000] {
        read += world.run(&[&manifest], Some(until)).await.unwrap().messages;
    }
    read += world.run(&[&manifest], None).await.unwrap().messages;
    assert_eq!(read, 50_000);
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..50_000));
    let in_bucket = world.list("processed-data").await.len();
    assert_eq!(in_bucket > 3, world.bucket.is_some(), "{in_bucket} objects");
    assert!(in_bucket < 100, "{in_bucket} objects");
    world.suite.shutdown().await;
}

/// Goal: a watched bucket is read as it grows, and a file that cannot be read to its end is not read twice by
/// the tries that follow. Method: a torn file whose records are known from another run, and files that come
/// after it one by one, each of which says that the torn one was tried again.
#[tokio::test]
async fn a_watched_bucket_is_read_as_it_grows() {
    let mut torn = gzip(&events(0..20_000));
    torn.truncate(torn.len() / 2);
    let known = World::start().await;
    known.put("a.jsonl.gz", torn.clone()).await;
    known.run(&["gs://files-raw-data/*"], None).await.unwrap_err();
    let readable = known.column(EVENTS_TABLE).await.len() as u64;
    assert!(readable > 0);
    known.suite.shutdown().await;
    let world = World::start().await;
    world.put("a.jsonl.gz", torn).await;
    let (sender, mut counters) = watch::channel(Counters::default());
    let drain = CancellationToken::new();
    let pause = Some(Duration::from_millis(5));
    let watched = world.job(&["gs://files-raw-data/*"], pause, None, drain.clone(), sender);
    let grows = async {
        let mut expected = readable;
        for (name, numbers) in [("b.jsonl", 30_000..30_010), ("c.jsonl", 30_010..30_020)] {
            counters.wait_for(|counters| counters.messages >= expected).await.unwrap();
            world.put(name, events(numbers)).await;
            expected += 10;
        }
        counters.wait_for(|counters| counters.messages >= expected).await.unwrap();
        let seen = counters.borrow().clone();
        drain.cancel();
        (seen.messages, seen.duplicates)
    };
    let (_, seen) = tokio::join!(watched, grows);
    assert_eq!(seen, (readable + 20, 0));
    world.suite.shutdown().await;
}

/// Goal: the command reads what it is told, and a rerun adds nothing. Method: the real binary, twice, against
/// emulators in this process; the second run has one more file.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads_files_and_a_rerun_adds_nothing() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), events(0..500)).unwrap();
    for (records, name, numbers, flag) in [
        (500, "b.jsonl", 500..500, "--all-at-once"),
        (0, "b.jsonl", 500..500, "--all-at-once"),
        (7, "c.jsonl", 500..507, "--archive"),
    ] {
        if !numbers.is_empty() {
            std::fs::write(folder.path().join(name), events(numbers)).unwrap();
        }
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_windtunnel"))
            .args(["batch", "--target", "env", "--project", "files", "--no-predictions", flag])
            .arg("--checkpoints")
            .arg(world.checkpoints.path())
            .arg(folder.path().join("*.jsonl"))
            .env("PUBSUB_EMULATOR_HOST", world.suite.pubsub_address.to_string())
            .env("STORAGE_EMULATOR_HOST", format!("http://{}", world.suite.storage_address))
            .env("BIGQUERY_EMULATOR_HOST", format!("http://{}", world.suite.bigquery_address))
            .env("VERTEX_EMULATOR_HOST", format!("http://{}", world.suite.vertex_address))
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("done: {records} records")), "{said}");
    }
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..507));
    world.suite.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let world = World::start().await;
    let missing =
        world.run(&["gs://files-raw-data/none.json"], None).await.unwrap_err().to_string();
    assert!(missing.contains("there is no such file"), "{missing}");
    let mut torn = gzip(&events(0..20_000));
    torn.truncate(torn.len() / 2);
    world.put("a.jsonl.gz", torn).await;
    world.put("b.jsonl", events(20_000..20_010)).await;
    let mut torn = avro(20_010..23_010);
    torn.truncate(torn.len() - 20);
    world.put("c.avro", torn).await;
    let error = world.run(&["gs://files-raw-data/*"], None).await.unwrap_err().to_string();
    assert!(error.contains("2 files cannot be read") && error.contains("a.jsonl.gz"), "{error}");
    assert!(error.contains("c.avro: block 3, after record 2000: the file ends in it"), "{error}");
    assert!(world.column(EVENTS_TABLE).await.ends_with(&ids(20_000..22_010)));
    // Mended, the file has another generation and is read from its beginning.
    world.put("a.jsonl.gz", gzip(&events(0..20_000))).await;
    world.put("c.avro", avro(20_010..23_010)).await;
    world.run(&["gs://files-raw-data/*"], None).await.unwrap();
    assert_eq!(world.column(EVENTS_TABLE).await, ids(0..23_010));
    world.suite.shutdown().await;
}

/// The checkpoints of a stream are no checkpoints of files.
#[tokio::test]
async fn a_streams_checkpoints_are_refused() {
    let world = World::start().await;
    world.put("a.jsonl", events(0..10)).await;
    world.run(&["gs://files-raw-data/*"], None).await.unwrap();
    let (store, log) =
        windtunnel_runtime::store::DiskStore::acquire(Path::new(world.checkpoints.path()), "x")
            .unwrap();
    drop(store);
    let pipeline = windtunnel_runtime::pipeline::Pipeline::new(
        DedupConfig::default(),
        WindowConfig {
            watermark_bound_micros: 100 * 365 * 86_400_000_000,
            ..WindowConfig::default()
        },
    );
    let config = CoordinatorConfig {
        job: "x".to_owned(),
        shard: 0,
        checkpoint_interval_micros: 1,
        predict: false,
        visibility: Visibility::ByEpoch,
        dedup: DedupConfig::default(),
        windows: WindowConfig::default(),
    };
    let refused = windtunnel_runtime::coordinator::Coordinator::start_with(config, pipeline, &log);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("state `files` is in the checkpoint"), "{refused}");
    world.suite.shutdown().await;
}

//! The embedded services with the reference pipeline, jobs over files in them, and events as files.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windtunnel::table::{TableReader, text};
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::PredictionStats;
use windtunnel_gcp::destinations::Destinations;
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::files::FilesConfig;
use windtunnel_gcp::job::{self, JobConfig, JobError, Source};
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::DATASET;
use windtunnel_runtime::command::Visibility;
use windtunnel_runtime::coordinator::CoordinatorConfig;
use windtunnel_runtime::metrics::Counters;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

pub(crate) struct World {
    pub(crate) suite: Suite,
    pub(crate) endpoints: Endpoints,
    pub(crate) names: ReferenceNames,
    pub(crate) checkpoints: tempfile::TempDir,
    /// Where the checkpoints are instead of the folder.
    pub(crate) bucket: Option<String>,
    pub(crate) archives: bool,
    pub(crate) visibility: Visibility,
}

impl World {
    pub(crate) async fn start() -> Self {
        let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
        let endpoints = endpoints_of(&suite);
        let names = ReferenceNames::for_project("files");
        world::create(&endpoints, &names, None).await.unwrap();
        Self {
            suite,
            endpoints,
            names,
            checkpoints: tempfile::tempdir().unwrap(),
            bucket: None,
            archives: false,
            visibility: Visibility::ByEpoch,
        }
    }

    pub(crate) async fn put(&self, name: &str, content: Vec<u8>) {
        let storage = self.endpoints.storage().await.unwrap();
        let bucket = format!("projects/_/buckets/{}-raw-data", self.names.project);
        let content = bytes::Bytes::from(content);
        storage.write_object(bucket, name, content).send_buffered().await.unwrap();
    }

    /// The names in a bucket.
    pub(crate) async fn list(&self, bucket: &str) -> Vec<String> {
        let control = self.endpoints.storage_control().await.unwrap();
        let bucket = format!("projects/_/buckets/{}-{bucket}", self.names.project);
        let listed = control.list_objects().set_parent(bucket).send().await.unwrap();
        listed.objects.into_iter().map(|object| object.name).collect()
    }

    /// The archive's files in a bucket.
    pub(crate) async fn archived(&self, bucket: &str) -> Vec<(String, Vec<u8>)> {
        let storage = self.endpoints.storage().await.unwrap();
        let of = format!("projects/_/buckets/{}-{bucket}", self.names.project);
        let mut files = Vec::new();
        for name in self.list(bucket).await {
            if name.ends_with(".parquet") {
                let mut object = storage.read_object(&of, &name).send().await.unwrap();
                let mut content = Vec::new();
                while let Some(chunk) = object.next().await {
                    content.extend_from_slice(&chunk.unwrap());
                }
                files.push((name, content));
            }
        }
        files
    }

    /// Runs over inputs; `until` so many messages were taken in, or to the end.
    pub(crate) async fn run(
        &self,
        inputs: &[&str],
        until: Option<u64>,
    ) -> Result<Counters, JobError> {
        let (sender, mut counters) = watch::channel(Counters::default());
        let drain = CancellationToken::new();
        let ran = self.job(inputs, None, None, drain.clone(), sender);
        let cut_off = async {
            if let Some(until) = until {
                let _ended = counters.wait_for(|counters| counters.messages >= until).await;
                drain.cancel();
            }
        };
        tokio::join!(ran, cut_off).0
    }

    /// A job over inputs, until it is drained where it watches.
    pub(crate) async fn job(
        &self,
        inputs: &[&str],
        watch: Option<Duration>,
        notifications: Option<&str>,
        drain: CancellationToken,
        sender: watch::Sender<Counters>,
    ) -> Result<Counters, JobError> {
        let config = JobConfig {
            names: self.names.clone(),
            source: Source::Files(FilesConfig {
                inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
                watch,
                notifications: notifications.map(str::to_owned),
                ..FilesConfig::default()
            }),
            region: "us-central1".to_owned(),
            vertex_endpoint: "1".to_owned(),
            checkpoints: self.checkpoints().parse().unwrap(),
            archive: self.archives,
            destinations: Destinations::default(),
            privacy: None,
            coordinator: CoordinatorConfig {
                job: "files".to_owned(),
                shard: 0,
                checkpoint_interval_micros: 20_000,
                predict: false,
                visibility: self.visibility,
                dedup: DedupConfig::default(),
                windows: WindowConfig {
                    watermark_bound_micros: 100 * 365 * 86_400_000_000,
                    ..WindowConfig::default()
                },
            },
        };
        let stats = PredictionStats::default();
        job::run(config, &self.endpoints, drain, sender, stats).await
    }

    pub(crate) fn checkpoints(&self) -> String {
        let folder = || self.checkpoints.path().to_str().unwrap().to_owned();
        self.bucket.clone().unwrap_or_else(folder)
    }

    /// The first column of all rows of a table, in order.
    pub(crate) async fn column(&self, table: &str) -> Vec<String> {
        let client = self.endpoints.bigquery().await.unwrap();
        let reader = TableReader::new(client, &self.names.project, DATASET, table, None);
        let mut found = Vec::new();
        let read = reader.read(|rows| {
            found.extend(rows.iter().map(|row| text(&row[0]).unwrap().to_owned()));
        });
        read.await.unwrap();
        found.sort();
        found
    }
}

/// JSON lines of events from one number to another, their times in any order.
pub(crate) fn events(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let line = |number: u64| {
        let minute = number * 7 % 60;
        let event = json!({
            "event_id": format!("e{number:06}"), "event_type": "telemetry", "device_id": "d",
            "event_timestamp": format!("2024-01-01T12:{minute:02}:00Z"),
        });
        format!("{event}\n")
    };
    numbers.map(line).collect::<String>().into_bytes()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The same events as an Avro object container file, with a block for every thousand.
pub(crate) fn avro(numbers: std::ops::Range<u64>) -> Vec<u8> {
    fn long(value: usize, out: &mut Vec<u8>) {
        let mut rest = value << 1;
        while rest > 0x7f {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }
    fn prefixed(bytes: &[u8], out: &mut Vec<u8>) {
        long(bytes.len(), out);
        out.extend_from_slice(bytes);
    }
    let fields =
        ["event_id", "event_type", "device_id"].map(|it| json!({ "name": it, "type": "string" }));
    let mut fields = fields.to_vec();
    let instant = json!({ "type": "long", "logicalType": "timestamp-millis" });
    fields.push(json!({ "name": "event_timestamp", "type": instant }));
    let schema = json!({ "type": "record", "name": "event", "fields": fields }).to_string();
    let mut file = b"Obj\x01\x04".to_vec();
    for (key, value) in [("avro.schema", schema.as_str()), ("avro.codec", "deflate")] {
        prefixed(key.as_bytes(), &mut file);
        prefixed(value.as_bytes(), &mut file);
    }
    file.push(0);
    file.extend_from_slice(&[7; 16]);
    let numbers: Vec<u64> = numbers.collect();
    for block in numbers.chunks(1_000) {
        let mut records = Vec::new();
        for number in block {
            prefixed(format!("e{number:06}").as_bytes(), &mut records);
            prefixed(b"telemetry", &mut records);
            prefixed(b"d", &mut records);
            long(1_704_110_400_000 + (number * 7 % 60) as usize * 60_000, &mut records);
        }
        let mut packed =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&records).unwrap();
        long(block.len(), &mut file);
        prefixed(&packed.finish().unwrap(), &mut file);
        file.extend_from_slice(&[7; 16]);
    }
    file
}

pub(crate) fn ids(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|number| format!("e{number:06}")).collect()
}

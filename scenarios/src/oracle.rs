//! The oracle: reads everything that the pipeline left behind and judges it, event by event, against
//! the ledger; recomputes the windows from the rows; asks the model again for every score.

use std::collections::HashMap;

use gcp_bigquery_client::error::BQError;
use google_cloud_storage::client::{Storage, StorageControl};
use serde::Deserialize;
use serde_json::Value;
use windtunnel_gcp::endpoints::{ConnectError, Endpoints};
use windtunnel_gcp::world::ReferenceNames;
use windtunnel_model::schema::{DATASET, EVENTS_TABLE, WINDOWS_TABLE};
use windtunnel_model::{Aggregate, EventTime};
use windtunnel_simulator::{
    CanonicalEvent, DeadLetter, Ledger, LedgerSummary, Observations, RowSeen, fingerprint, id_hash,
};
use windtunnel_stages::score::{Instance, Model};

use crate::table::{TableReader, micros, number, text};

/// Why the oracle cannot judge.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// A client cannot be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A table cannot be read.
    #[error("cannot read the tables: {0}")]
    Table(#[from] BQError),
    /// The dead letters cannot be read.
    #[error("cannot read the dead letters: {0}")]
    Objects(String),
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Event by event.
    pub ledger: LedgerSummary,
    /// Rows of the window table.
    pub window_rows: u64,
    /// Windows that differ from those recomputed from the events table, or are missing, or too many.
    pub windows_mismatched: u64,
    /// Rows with a score.
    pub scored: u64,
    /// Scores that differ from the model's.
    pub scores_mismatched: u64,
    /// Rows marked degraded.
    pub degraded: u64,
    /// Dead letters by reason.
    pub reasons: std::collections::BTreeMap<String, u64>,
}

/// Reads and judges.
///
/// # Errors
/// [`OracleError`].
pub async fn judge(
    endpoints: &Endpoints,
    names: &ReferenceNames,
    ledger: &Ledger,
    window_micros: i64,
) -> Result<Judgement, OracleError> {
    let client = endpoints.bigquery().await?;
    let reader = |table| TableReader::new(client.clone(), &names.project, DATASET, table, None);
    let mut rows = Rows::new(window_micros);
    reader(EVENTS_TABLE).read(|page| page.iter().for_each(|row| rows.take(row))).await?;
    let mut windows = WindowCheck { expected: rows.windows, rows: 0, mismatched: 0 };
    reader(WINDOWS_TABLE).read(|page| page.iter().for_each(|row| windows.take(row))).await?;
    let mut observations = Observations { rows: rows.seen, ..Observations::default() };
    let mut reasons = std::collections::BTreeMap::new();
    let letters = read_letters(endpoints, &names.failed_events_bucket()).await?;
    for (object, letter) in letters {
        *reasons.entry(letter.reason.clone()).or_insert(0) += 1;
        let is_late = object.starts_with("failed_events/late/");
        let list = if is_late { &mut observations.late } else { &mut observations.dead_letters };
        list.push(letter);
    }
    Ok(Judgement {
        ledger: ledger.judge(&observations),
        window_rows: windows.rows,
        windows_mismatched: windows.mismatched + windows.expected.len() as u64,
        scored: rows.scored,
        scores_mismatched: rows.scores_mismatched,
        degraded: rows.degraded,
        reasons,
    })
}

/// What the events table holds.
struct Rows {
    window_micros: i64,
    model: Model,
    seen: Vec<RowSeen>,
    windows: HashMap<(String, i64), Aggregate>,
    scored: u64,
    scores_mismatched: u64,
    degraded: u64,
}

impl Rows {
    fn new(window_micros: i64) -> Self {
        Self {
            window_micros,
            model: Model::embedded(),
            seen: Vec::new(),
            windows: HashMap::new(),
            scored: 0,
            scores_mismatched: 0,
            degraded: 0,
        }
    }

    fn take(&mut self, row: &[Value]) {
        // The order of the columns is that of the schema.
        let [id, time, kind, device, user, properties, score, degraded, version, ..] = row else {
            return;
        };
        let empty = Vec::new();
        let properties = properties["f"].as_array().unwrap_or(&empty);
        let property = |index: usize| properties.get(index).map_or(&Value::Null, |cell| &cell["v"]);
        let event_time_micros = micros(time).unwrap_or_default();
        let event = CanonicalEvent {
            event_id: text(id).unwrap_or_default(),
            event_time_micros,
            event_type: text(kind).unwrap_or_default(),
            device_id: text(device).unwrap_or_default(),
            user_id: text(user),
            page_url: text(property(0)),
            referrer: text(property(1)),
            value: number(property(2)),
            temperature: number(property(3)),
            humidity: number(property(4)),
            battery: number(property(5)),
        };
        self.seen.push(RowSeen { id: id_hash(event.event_id), fingerprint: fingerprint(&event) });
        let start = EventTime(event_time_micros).window_start(self.window_micros);
        let window = self.windows.entry((event.device_id.to_owned(), start.0)).or_default();
        window.add(event.value);
        self.degraded += u64::from(text(degraded) == Some("true"));
        if let Some(score) = number(score) {
            self.scored += 1;
            let same_version = text(version) == Some(self.model.version());
            self.scores_mismatched +=
                u64::from(same_version && score.to_bits() != self.score(&event).to_bits());
        }
    }

    fn score(&self, event: &CanonicalEvent<'_>) -> f64 {
        let day_micros = event.event_time_micros.rem_euclid(86_400_000_000);
        self.model.score(&Instance {
            event_type: event.event_type.to_owned(),
            hour_of_day: day_micros as f64 / 3_600_000_000.0,
            value: event.value,
            temperature: event.temperature,
            humidity: event.humidity,
            battery: event.battery,
            is_known_user: event.user_id.is_some(),
            has_referrer: event.referrer.is_some(),
        })
    }
}

struct WindowCheck {
    /// Recomputed windows that no row was seen for yet.
    expected: HashMap<(String, i64), Aggregate>,
    rows: u64,
    mismatched: u64,
}

impl WindowCheck {
    fn take(&mut self, row: &[Value]) {
        self.rows += 1;
        let [device, start, _, count, value_count, sum, min, max, ..] = row else { return };
        let key = (text(device).unwrap_or_default().to_owned(), micros(start).unwrap_or_default());
        let matches = self.expected.remove(&key).is_some_and(|expected| {
            let whole = |cell: &Value| number(cell).unwrap_or(-1.0);
            // Sums differ by the order of their terms; the rest is exact.
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
            let values = expected.value_count > 0;
            whole(count) as u64 == expected.count
                && whole(value_count) as u64 == expected.value_count
                && number(sum).map_or(!values, |sum| near(sum, expected.value_sum))
                && number(min).map_or(!values, |min| near(min, expected.value_min))
                && number(max).map_or(!values, |max| near(max, expected.value_max))
        });
        self.mismatched += u64::from(!matches);
    }
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

/// All dead letters with the names of their objects.
async fn read_letters(
    endpoints: &Endpoints,
    bucket: &str,
) -> Result<Vec<(String, DeadLetter)>, OracleError> {
    let (control, storage) = (endpoints.storage_control().await?, endpoints.storage().await?);
    let mut letters = Vec::new();
    for name in list_objects(&control, bucket).await? {
        let content = read_object(&storage, bucket, &name).await?;
        for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Line = serde_json::from_slice(line).map_err(|error| {
                OracleError::Objects(format!(
                    "gs://{bucket}/{name} holds a line that is none: {error}"
                ))
            })?;
            let publish_id = line.attributes.get("publish_id").cloned();
            letters.push((name.clone(), DeadLetter { publish_id, reason: line.reason }));
        }
    }
    Ok(letters)
}

async fn list_objects(control: &StorageControl, bucket: &str) -> Result<Vec<String>, OracleError> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = control
            .list_objects()
            .set_parent(format!("projects/_/buckets/{bucket}"))
            .set_prefix("failed_events/")
            .set_page_token(page_token)
            .send()
            .await
            .map_err(|error| OracleError::Objects(error.to_string()))?;
        names.extend(page.objects.into_iter().map(|object| object.name));
        if page.next_page_token.is_empty() {
            return Ok(names);
        }
        page_token = page.next_page_token;
    }
}

async fn read_object(storage: &Storage, bucket: &str, name: &str) -> Result<Vec<u8>, OracleError> {
    let failed = |error: google_cloud_gax::error::Error| {
        OracleError::Objects(format!("gs://{bucket}/{name}: {error}"))
    };
    let bucket_name = format!("projects/_/buckets/{bucket}");
    let mut reader = storage.read_object(bucket_name, name).send().await.map_err(failed)?;
    let mut content = Vec::new();
    while let Some(chunk) = reader.next().await {
        content.extend_from_slice(&chunk.map_err(failed)?);
    }
    Ok(content)
}

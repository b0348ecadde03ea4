//! The oracle: reads everything that the pipeline left behind and judges it, event by event, against
//! the ledger; recomputes the windows from the rows; asks the model again for every score.

pub mod check;

use std::collections::HashMap;

use gcp_bigquery_client::error::BQError;
use google_cloud_storage::client::{Storage, StorageControl};
use serde::Deserialize;
use serde_json::Value;
use windtunnel_gcp::endpoints::{ConnectError, Endpoints};
use windtunnel_gcp::world::ReferenceNames;
use windtunnel_model::schema::{DATASET, EVENTS_TABLE, WINDOWS_TABLE};
use windtunnel_simulator::{
    CanonicalEvent, DeadLetter, Ledger, LedgerSummary, Observations, Windowed, id_hash,
};

use check::{RowCheck, WindowCheck, WindowRowSeen};

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
    let (mut rows, mut expected) = (RowCheck::new(), WindowCheck::new(window_micros));
    reader(EVENTS_TABLE)
        .read(|page| page.iter().for_each(|row| take_row(&mut rows, &mut expected, row)))
        .await?;
    let mut windows = Vec::new();
    reader(WINDOWS_TABLE)
        .read(|page| windows.extend(page.iter().filter_map(|row| window_row(row))))
        .await?;
    let seen = std::mem::take(&mut rows.seen);
    let mut observations = Observations { rows: seen, ..Observations::default() };
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
        window_rows: windows.len() as u64,
        scored: rows.scored,
        scores_mismatched: rows.scores_mismatched,
        degraded: rows.degraded,
        windows_mismatched: expected.mismatched(windows).len() as u64,
        reasons,
    })
}

fn take_row(check: &mut RowCheck, windows: &mut WindowCheck, row: &[Value]) {
    // The order of the columns is that of the schema.
    let [id, time, kind, device, user, properties, score, degraded, version, ..] = row else {
        return;
    };
    let empty = Vec::new();
    let properties = properties["f"].as_array().unwrap_or(&empty);
    let property = |index: usize| properties.get(index).map_or(&Value::Null, |cell| &cell["v"]);
    let event = CanonicalEvent {
        event_id: text(id).unwrap_or_default(),
        event_time_micros: micros(time).unwrap_or_default(),
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
    windows.count(Windowed::new(event.device_id, event.event_time_micros, event.value));
    check.take(&event, number(score), text(degraded) == Some("true"), text(version));
}

fn window_row(row: &[Value]) -> Option<WindowRowSeen> {
    let [device, start, _, count, value_count, sum, min, max, ..] = row else { return None };
    let whole = |cell: &Value| number(cell).unwrap_or(-1.0) as u64;
    Some(WindowRowSeen {
        device: id_hash(text(device).unwrap_or_default()),
        start_micros: micros(start).unwrap_or_default(),
        count: whole(count),
        value_count: whole(value_count),
        sum: number(sum),
        min: number(min),
        max: number(max),
    })
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

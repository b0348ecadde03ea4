//! The tables of the reference pipeline, as BigQuery's REST API describes tables. The events table
//! holds the classic columns first; what this pipeline adds comes after them, so that existing
//! queries go on working.

use serde_json::{Value, json};

/// The events table's name.
pub const EVENTS_TABLE: &str = "events";
/// The window table's name.
pub const WINDOWS_TABLE: &str = "device_windows";
/// The dataset of both.
pub const DATASET: &str = "events_dataset";

/// The REST resource of the events table, without its reference: schema, partitioning by day on
/// `event_timestamp`, clustering by `event_type` and `device_id`.
#[must_use]
pub fn events_table() -> Value {
    json!({
        "schema": { "fields": [
            field("event_id", "STRING", "REQUIRED"),
            field("event_timestamp", "TIMESTAMP", "REQUIRED"),
            field("event_type", "STRING", "REQUIRED"),
            field("device_id", "STRING", "REQUIRED"),
            field("user_id", "STRING", "NULLABLE"),
            { "name": "properties", "type": "RECORD", "mode": "NULLABLE", "fields": [
                field("page_url", "STRING", "NULLABLE"),
                field("referrer", "STRING", "NULLABLE"),
                field("value", "FLOAT", "NULLABLE"),
                field("temperature", "FLOAT", "NULLABLE"),
                field("humidity", "FLOAT", "NULLABLE"),
                field("battery", "FLOAT", "NULLABLE"),
            ] },
            field("prediction_score", "FLOAT", "NULLABLE"),
            field("prediction_degraded", "BOOLEAN", "NULLABLE"),
            field("model_version", "STRING", "NULLABLE"),
            field("processed_timestamp", "TIMESTAMP", "NULLABLE"),
            field("publish_timestamp", "TIMESTAMP", "NULLABLE"),
            field("source", "STRING", "NULLABLE"),
        ] },
        "timePartitioning": { "type": "DAY", "field": "event_timestamp" },
        "clustering": { "fields": ["event_type", "device_id"] },
    })
}

/// The REST resource of the window table, without its reference: one row for a device and window.
#[must_use]
pub fn windows_table() -> Value {
    json!({
        "schema": { "fields": [
            field("device_id", "STRING", "REQUIRED"),
            field("window_start", "TIMESTAMP", "REQUIRED"),
            field("window_end", "TIMESTAMP", "REQUIRED"),
            field("event_count", "INTEGER", "REQUIRED"),
            field("value_count", "INTEGER", "REQUIRED"),
            field("value_sum", "FLOAT", "NULLABLE"),
            field("value_min", "FLOAT", "NULLABLE"),
            field("value_max", "FLOAT", "NULLABLE"),
        ] },
        "timePartitioning": { "type": "DAY", "field": "window_start" },
        "clustering": { "fields": ["device_id"] },
    })
}

fn field(name: &str, field_type: &str, mode: &str) -> Value {
    json!({ "name": name, "type": field_type, "mode": mode })
}

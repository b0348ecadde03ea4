//! What a window counts of an event: the window's key, the event's time and its value. The oracle computes
//! windows from these, not from what came out of a pipeline.

use serde::Deserialize;

use crate::fingerprint::id_hash;

/// See the module; 24 bytes, for a ledger keeps one for every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Windowed {
    /// [`id_hash`] of the device.
    pub device: u64,
    /// The event's time, in microseconds since the epoch.
    pub event_time_micros: i64,
    /// The value's bits; those of NaN, which no event has, where there is none.
    value_bits: u64,
}

#[derive(Deserialize)]
struct Body {
    event_timestamp: String,
    device_id: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize, Default)]
struct Properties {
    value: Option<f64>,
}

impl Windowed {
    /// Of an event's fields.
    #[must_use]
    pub fn new(device_id: &str, event_time_micros: i64, value: Option<f64>) -> Self {
        let value_bits = value.unwrap_or(f64::NAN).to_bits();
        Self { device: id_hash(device_id), event_time_micros, value_bits }
    }

    /// Of an event's JSON; none of what is no event.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let time = chrono::DateTime::parse_from_rfc3339(&body.event_timestamp).ok()?;
        Some(Self::new(&body.device_id, time.timestamp_micros(), body.properties.value))
    }

    /// The event's value.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        let value = f64::from_bits(self.value_bits);
        (!value.is_nan()).then_some(value)
    }
}

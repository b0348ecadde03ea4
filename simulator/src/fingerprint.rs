//! What an event says, independent of how it is written: a hash over its fields, by which a row is
//! compared with the event that it came from.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The fields of an event that a row must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CanonicalEvent<'a> {
    /// `event_id`.
    pub event_id: &'a str,
    /// `event_timestamp`, in microseconds since the epoch.
    pub event_time_micros: i64,
    /// `event_type`.
    pub event_type: &'a str,
    /// `device_id`.
    pub device_id: &'a str,
    /// `user_id`.
    pub user_id: Option<&'a str>,
    /// `properties.page_url`.
    pub page_url: Option<&'a str>,
    /// `properties.referrer`.
    pub referrer: Option<&'a str>,
    /// `properties.value`.
    pub value: Option<f64>,
    /// `properties.temperature`.
    pub temperature: Option<f64>,
    /// `properties.humidity`.
    pub humidity: Option<f64>,
    /// `properties.battery`.
    pub battery: Option<f64>,
}

/// The hash of an event's fields.
#[must_use]
pub fn fingerprint(event: &CanonicalEvent<'_>) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&event.event_time_micros.to_le_bytes());
    let texts = [
        Some(event.event_id),
        Some(event.event_type),
        Some(event.device_id),
        event.user_id,
        event.page_url,
        event.referrer,
    ];
    for text in texts {
        // A length before each text keeps neighbours apart; one above all lengths stands for none.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(&length.to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    for number in [event.value, event.temperature, event.humidity, event.battery] {
        hash.update(&[u8::from(number.is_some())]);
        hash.update(&number.unwrap_or_default().to_bits().to_le_bytes());
    }
    hash.digest()
}

/// What an event id is known by in the ledger.
#[must_use]
pub fn id_hash(event_id: &str) -> u64 {
    xxh3_64(event_id.as_bytes())
}

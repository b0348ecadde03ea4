//! Benches of the hot path. This library holds what they share: seeded inputs, CPU time, and a hash over
//! the results, so that a fast wrong answer fails.

pub mod cpu;

use std::collections::BTreeMap;

use bytes::Bytes;
use windtunnel_model::{AckId, EventTime, Message, Origin};
use windtunnel_runtime::pipeline::Outcome;

/// Events of one micro-batch in the benches: what the Pub/Sub source hands over at most.
pub const BATCH: usize = 1_000;

/// Devices that the events are spread over.
pub const DEVICES: u64 = 10_000;

/// One JSON event of about 98 bytes.
#[must_use]
pub fn small_event(number: u64) -> String {
    let (device, second) = (device_of(number), number / 2_000 % 3_600);
    format!(
        r#"{{"event_id":"{number:08x}","event_timestamp":"2024-01-01T12:{:02}:{:02}Z","event_type":"t","device_id":"d{device}"}}"#,
        second / 60,
        second % 60
    )
}

/// One JSON event of about 350 bytes, with every field of the reference schema.
#[must_use]
pub fn large_event(number: u64) -> String {
    let (device, second) = (device_of(number), number / 2_000 % 3_600);
    let value = f64::from(u32::try_from(number % 10_000).expect("below 10,000")) / 100.0;
    format!(
        r#"{{"event_id":"evt-{number:016x}","event_timestamp":"2024-01-01T12:{:02}:{:02}.250Z","event_type":"telemetry","device_id":"device-{device:06}","user_id":"user-{:05}","properties":{{"page_url":"https://example.com/products/{number:08}","referrer":"https://example.com/search","value":{value},"temperature":{value},"humidity":41.5,"battery":87.25}}}}"#,
        second / 60,
        second % 60,
        number % 50_000
    )
}

/// Messages as a source hands them over.
#[must_use]
pub fn messages(numbers: std::ops::Range<u64>, event: impl Fn(u64) -> String) -> Vec<Message> {
    numbers
        .map(|number| Message {
            ack: AckId(number),
            data: Bytes::from(event(number)),
            publish_time: EventTime(0),
            origin: Origin::Pubsub { message_id: String::new(), attributes: BTreeMap::new() },
        })
        .collect()
}

/// A skewed spread: a tenth of the devices make about half of the events.
fn device_of(number: u64) -> u64 {
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    if hash.is_multiple_of(2) { hash % (DEVICES / 10) } else { hash % DEVICES }
}

/// What a run came to: rows, window rows and a sum over the events' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows for the events table.
    pub rows: u64,
    /// Rows for the window table.
    pub windows: u64,
    /// Wrapping sum of the keys of all rows: the same for any order, another for any other set.
    pub keys: u128,
}

impl Tally {
    /// Takes one batch's outcome in.
    pub fn add(&mut self, outcome: &Outcome) {
        self.rows += outcome.events.events.len() as u64;
        self.windows += outcome.windows.len() as u64;
        for event in &outcome.events.events {
            self.keys = self.keys.wrapping_add(event.key.0);
        }
    }
}

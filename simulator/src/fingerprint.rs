//! What an event says, independent of how it is written: a hash over its fields, by which a row is
//! compared with the event that it came from.

use xxhash_rust::xxh3::xxh3_64;

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
    let texts = [
        Some(event.event_id),
        Some(event.event_type),
        Some(event.device_id),
        event.user_id,
        event.page_url,
        event.referrer,
    ];
    let numbers = [event.value, event.temperature, event.humidity, event.battery];
    let length: usize = texts.iter().flatten().map(|text| text.len()).sum();
    // Hashing one piece is much faster than hashing twenty.
    let mut bytes = Piece::new(length + 8 + 8 * texts.len() + 9 * numbers.len());
    bytes.add(&event.event_time_micros.to_le_bytes());
    for text in texts {
        // A length before each text keeps neighbours apart; one above all lengths stands for none.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        bytes.add(&length.to_le_bytes());
        bytes.add(text.unwrap_or_default().as_bytes());
    }
    for number in numbers {
        bytes.add(&[u8::from(number.is_some())]);
        bytes.add(&number.unwrap_or_default().to_bits().to_le_bytes());
    }
    bytes.hash()
}

/// Bytes one after the other: on the stack, unless they are unusually many.
enum Piece {
    Small([u8; PIECE_BYTES], usize),
    Large(Vec<u8>),
}

/// Bytes of an event's fields that fit on the stack.
const PIECE_BYTES: usize = 512;

impl Piece {
    fn new(length: usize) -> Self {
        match length <= PIECE_BYTES {
            true => Self::Small([0; PIECE_BYTES], 0),
            false => Self::Large(Vec::with_capacity(length)),
        }
    }

    fn add(&mut self, more: &[u8]) {
        match self {
            Self::Small(bytes, length) => {
                bytes[*length..*length + more.len()].copy_from_slice(more);
                *length += more.len();
            }
            Self::Large(bytes) => bytes.extend_from_slice(more),
        }
    }

    fn hash(&self) -> u64 {
        match self {
            Self::Small(bytes, length) => xxh3_64(&bytes[..*length]),
            Self::Large(bytes) => xxh3_64(bytes),
        }
    }
}

/// What an event id is known by in the ledger.
#[must_use]
pub fn id_hash(event_id: &str) -> u64 {
    xxh3_64(event_id.as_bytes())
}

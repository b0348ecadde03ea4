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
    let texts = [
        Some(event.event_id),
        Some(event.event_type),
        Some(event.device_id),
        event.user_id,
        event.page_url,
        event.referrer,
    ];
    let numbers = [event.value, event.temperature, event.humidity, event.battery];
    // Hashing one piece is much faster than hashing twenty.
    let mut bytes = Piece { hash: None, bytes: [0; PIECE_BYTES], length: 0 };
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

/// Bytes one after the other: hashed at the end, unless they are unusually many.
struct Piece {
    /// What has gone before.
    hash: Option<Box<Xxh3>>,
    bytes: [u8; PIECE_BYTES],
    length: usize,
}

/// Bytes of an event's fields that are hashed in one piece.
const PIECE_BYTES: usize = 512;

impl Piece {
    fn add(&mut self, more: &[u8]) {
        if let Some(free) = self.bytes[self.length..].get_mut(..more.len()) {
            free.copy_from_slice(more);
            self.length += more.len();
            return;
        }
        let hash = self.hash.get_or_insert_default();
        hash.update(&self.bytes[..self.length]);
        hash.update(more);
        self.length = 0;
    }

    fn hash(mut self) -> u64 {
        let rest = &self.bytes[..self.length];
        match &mut self.hash {
            None => xxh3_64(rest),
            Some(hash) => {
                hash.update(rest);
                hash.digest()
            }
        }
    }
}

/// What an event id is known by in the ledger.
#[must_use]
pub fn id_hash(event_id: &str) -> u64 {
    xxh3_64(event_id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_how_the_bytes_come() {
        let all: Vec<u8> = (0..4_000_u32).map(|number| number as u8).collect();
        for length in [0, 1, 511, 512, 513, 1_024, 1_025, 4_000] {
            for step in [1, 7, 300, 512, 600] {
                let mut piece = Piece { hash: None, bytes: [0; PIECE_BYTES], length: 0 };
                all[..length].chunks(step).for_each(|chunk| piece.add(chunk));
                assert_eq!(piece.hash(), xxh3_64(&all[..length]), "{length} by {step}");
            }
        }
    }
}

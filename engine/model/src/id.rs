//! Identities. An event is known by a 128-bit hash of its id, so that the dedup index costs a fixed
//! 16 bytes an event; a message is known to its source by an opaque number until it is acknowledged.

use xxhash_rust::xxh3::xxh3_128;

/// The source's handle of one delivered message; meaningful only to the source that gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AckId(pub u64);

/// What the dedup index remembers of an event or of a rejected message: XXH3-128 of its id.
///
/// At 10^10 ids within a horizon the chance that any two collide is below 10^-18 (birthday bound).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(pub u128);

impl EventKey {
    /// The key of a decoded event.
    #[inline]
    #[must_use]
    pub fn of_event(event_id: &str) -> Self {
        Self(xxh3_128(event_id.as_bytes()))
    }

    /// The key of an event that comes back as a dead letter after dedup had known it.
    #[must_use]
    pub fn of_replay(event_id: &str, replay_of: &str) -> Self {
        let mut bytes = Vec::with_capacity(event_id.len() + replay_of.len() + 17);
        bytes.extend_from_slice(b"\0replayed");
        bytes.extend_from_slice(&(event_id.len() as u64).to_le_bytes());
        bytes.extend_from_slice(event_id.as_bytes());
        bytes.extend_from_slice(replay_of.as_bytes());
        Self(xxh3_128(&bytes))
    }

    /// The key of a message that could not be decoded, by the identity of its publish. The space of
    /// keys is kept apart from that of events by a prefix that no event id goes through.
    #[must_use]
    pub fn of_rejected(publish_identity: &str) -> Self {
        let mut bytes = Vec::with_capacity(publish_identity.len() + 9);
        bytes.extend_from_slice(b"\0rejected");
        bytes.extend_from_slice(publish_identity.as_bytes());
        Self(xxh3_128(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_and_decoded_messages_never_share_a_key() {
        assert_ne!(EventKey::of_event("a"), EventKey::of_rejected("a"));
        assert_eq!(EventKey::of_rejected("a"), EventKey::of_rejected("a"));
    }
}

//! What stands in the place of a payload that could not be redacted: why, how long it was, and its keyed
//! hash. It is itself a payload, so that it takes the way of every rejected message; no JSON begins as it
//! does. Invariant: the payload and its parts say the same, so a dead letter may hold either.

use bytes::Bytes;

use crate::RejectReason;

/// No JSON text begins with a zero byte.
const PREFIX: &str = "\0withheld ";

/// A payload that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Why it is no event.
    pub reason: RejectReason,
    /// Its length.
    pub bytes: u64,
    /// Its keyed hash: equal payloads can be told, nothing else.
    pub hash: String,
}

impl Withheld {
    /// The payload that takes the place of the original one.
    #[must_use]
    pub fn to_payload(&self) -> Bytes {
        format!("{PREFIX}{} {} {}", self.reason.as_str(), self.bytes, self.hash).into()
    }

    /// The parts of a payload that is one of these, to the byte.
    #[must_use]
    pub fn of_payload(payload: &[u8]) -> Option<Self> {
        let parts = payload.strip_prefix(PREFIX.as_bytes())?;
        let mut parts = std::str::from_utf8(parts).ok()?.splitn(3, ' ');
        let (reason, bytes, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let it = Self {
            reason: RejectReason::parse(reason)?,
            bytes: bytes.parse().ok()?,
            hash: hash.to_owned(),
        };
        (it.to_payload() == payload).then_some(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_its_parts_and_nothing_else_is_one() {
        let it = Withheld { reason: RejectReason::InvalidUtf8, bytes: 7, hash: "k.1 2".to_owned() };
        assert_eq!(Withheld::of_payload(&it.to_payload()), Some(it));
        for other in ["", "{}", "\0withheld late 07 x", "\0withheld other 7 x", "\0withheld late 7"]
        {
            assert_eq!(Withheld::of_payload(other.as_bytes()), None, "{other:?}");
        }
    }
}

//! What takes the place of a value: `KEY.HASH.TAG`, all of HMAC-SHA-256 in hexadecimal and a tag by which
//! the key's holder knows its own work, so that redacting twice changes nothing and nobody else can pass
//! a value off as redacted. Invariant: a secret is never shown.

use std::fmt;
use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use windtunnel_model::EventTime;

/// Least length of a secret: that of the hash, below which the hash would be the stronger part.
pub const SECRET_BYTES_MIN: usize = 32;

/// Longest id of a key: it stands before every hash.
const ID_BYTES_MAX: usize = 32;

/// Hexadecimal digits of the hash, and of the tag.
const HASH_DIGITS: usize = 64;
const TAG_DIGITS: usize = 16;

/// A key, with the instant of event time from which it holds.
#[derive(Clone)]
pub struct Key {
    id: String,
    from: EventTime,
    mac: Hmac<Sha256>,
    /// Tells keys apart in comparisons without keeping the secret beside the state made of it.
    fingerprint: [u8; 32],
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The id would not be told from the hash.
    #[error("must be 1 to 32 letters, digits, '-' or '_'")]
    Id,
    /// Too short.
    #[error("the secret has {0} bytes, at least {SECRET_BYTES_MIN} are needed")]
    ShortSecret(usize),
}

impl Key {
    /// A key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(id: &str, from: EventTime, secret: &[u8]) -> Result<Self, KeyError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=ID_BYTES_MAX).contains(&id.len()) || !id.bytes().all(is_plain) {
            return Err(KeyError::Id);
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        let fingerprint = digest(&mac, &[b"fingerprint"]);
        Ok(Self { id: id.to_owned(), from, mac, fingerprint })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn from(&self) -> EventTime {
        self.from
    }

    /// What takes the place of a value of a kind.
    pub(super) fn pseudonym(&self, kind: &[u8], value: &[u8]) -> String {
        let mut out = String::with_capacity(self.id.len() + 2 + HASH_DIGITS + TAG_DIGITS);
        out.push_str(&self.id);
        out.push('.');
        hexadecimal(&digest(&self.mac, &[kind, b"\0", value]), &mut out);
        let tag = self.tag(&out);
        out.push('.');
        out.push_str(&tag);
        out
    }

    /// Whether a text was made by this key.
    pub(super) fn made(&self, text: &str) -> bool {
        let Some((head, tag)) = text.rsplit_once('.') else { return false };
        let Some((id, hash)) = head.split_once('.') else { return false };
        id == self.id && hash.len() == HASH_DIGITS && self.tag(head) == tag
    }

    fn tag(&self, head: &str) -> String {
        let mut tag = String::with_capacity(HASH_DIGITS);
        hexadecimal(&digest(&self.mac, &[b"tag\0", head.as_bytes()]), &mut tag);
        tag.truncate(TAG_DIGITS);
        tag
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, self.from, self.fingerprint) == (&other.id, other.from, other.fingerprint)
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

fn digest(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn hexadecimal(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a String takes text");
    }
}

//! The table of keys that hold state: a text becomes a small number once, and state is found by the
//! number from then on. A key lives as long as something refers to it. Costs about 50 bytes a key of
//! up to 22 bytes; longer ones take their own allocation besides.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// A key's number in its table. It is free for another key when the last reference is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(pub(crate) u32);

/// The hash of a key: the same on every machine, because it also says which shard the key is in.
#[inline]
#[must_use]
pub fn hash_of(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// A text that lies in place when it is short.
#[derive(Debug)]
enum KeyText {
    Inline { length: u8, bytes: [u8; INLINE_BYTES] },
    Boxed(Box<str>),
}

const INLINE_BYTES: usize = 22;

impl KeyText {
    fn new(text: &str) -> Self {
        if text.len() > INLINE_BYTES {
            return Self::Boxed(text.into());
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self::Inline { length: text.len() as u8, bytes }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Self::Boxed(text) => text.as_bytes(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    text: KeyText,
    references: u32,
}

/// Keys with their numbers and how many things refer to each.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl KeyTable {
    /// Keys held now.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The number of a key that is held.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &str) -> Option<KeyId> {
        let entries = &self.entries;
        let is_key = |&id: &u32| entries[id as usize].text.bytes() == key.as_bytes();
        self.table.find(hash, is_key).copied().map(KeyId)
    }

    /// The number of a key, with one more reference to it.
    pub(crate) fn acquire(&mut self, hash: u64, key: &str) -> KeyId {
        if let Some(id) = self.find(hash, key) {
            self.entries[id.0 as usize].references += 1;
            return id;
        }
        let entry = Entry { hash, text: KeyText::new(key), references: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("memory ends before 2^32 keys")
            }
        };
        let entries = &self.entries;
        self.table.insert_unique(hash, id, |&id| entries[id as usize].hash);
        KeyId(id)
    }

    /// Takes one reference back; the key is forgotten with the last.
    pub(crate) fn release(&mut self, id: KeyId) {
        let entry = &mut self.entries[id.0 as usize];
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let found = self.table.find_entry(entry.hash, |&other| other == id.0);
        found.expect("a key with references is in the table").remove();
        entry.text = KeyText::new("");
        self.free.push(id.0);
    }

    /// Whether a number is a key's.
    #[inline]
    pub(crate) fn is(&self, id: KeyId, key: &str) -> bool {
        self.entries[id.0 as usize].text.bytes() == key.as_bytes()
    }

    #[inline]
    pub(crate) fn hash(&self, id: KeyId) -> u64 {
        self.entries[id.0 as usize].hash
    }

    pub(crate) fn text(&self, id: KeyId) -> &str {
        std::str::from_utf8(self.entries[id.0 as usize].text.bytes()).expect("it was a text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_forgotten_with_its_last_reference_and_its_number_used_again() {
        let long = "a key that is longer than what lies in place";
        let mut keys = KeyTable::default();
        let (short, again) = (keys.acquire(hash_of("a"), "a"), keys.acquire(hash_of("a"), "a"));
        let other = keys.acquire(hash_of(long), long);
        assert_eq!((short, keys.len(), keys.text(other)), (again, 2, long));
        keys.release(short);
        assert_eq!(keys.find(hash_of("a"), "a"), Some(short));
        keys.release(again);
        assert_eq!((keys.find(hash_of("a"), "a"), keys.len()), (None, 1));
        assert_eq!(keys.acquire(hash_of("b"), "b"), short);
        assert!(keys.is(short, "b") && !keys.is(short, "a"));
    }
}

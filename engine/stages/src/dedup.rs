//! The dedup index: every key that was seen within the horizon, exactly. Two generations take turns:
//! keys go into the young one, both are asked, and when the young one has covered the horizon the
//! old one is dropped. So a key is remembered for at least the horizon and at most twice as long.
//! When the memory budget is reached the turn comes early, and the keys that were forgotten before
//! their time are counted.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use windtunnel_model::{EventKey, ProcessingTime, Reader, Stored, Torn, store_varint};

/// Bytes that one remembered key takes at most: 16 of the key, and five of its place in the table at
/// the lowest load after the table has grown (7/16).
pub const BYTES_PER_KEY: usize = 28;

/// Keys of a chunk: keys are never moved, so that remembering costs no peaks of memory.
const CHUNK_KEYS: usize = 4_096;

/// How long and how much to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupConfig {
    /// How long a key is remembered at least, in microseconds of processing time.
    pub horizon_micros: i64,
    /// Memory of the index, in bytes; see [`BYTES_PER_KEY`].
    pub memory_bytes_max: usize,
}

impl Default for DedupConfig {
    /// One hour and 256 MiB: Pub/Sub redelivers within minutes, and a crashed engine is back within
    /// the hour.
    fn default() -> Self {
        Self { horizon_micros: 3_600_000_000, memory_bytes_max: 256 << 20 }
    }
}

/// Keys in the order in which they came, and a table that finds them. The keys are hashes already: the
/// low half of one serves as its hash.
#[derive(Debug, Default)]
struct Generation {
    table: HashTable<u32>,
    chunks: Vec<Vec<u128>>,
}

impl Generation {
    /// Room for as many keys as another generation had: the table does not have to grow then.
    fn after(other: &Self) -> Self {
        Self { table: HashTable::with_capacity(other.len()), chunks: Vec::new() }
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn contains(&self, key: u128) -> bool {
        self.table.find(hash_of(key), |&at| key_at(&self.chunks, at) == key).is_some()
    }

    /// Adds a key; false when it is there already.
    fn insert(&mut self, key: u128) -> bool {
        let at = u32::try_from(self.len()).expect("memory ends before 2^32 keys");
        let chunks = &self.chunks;
        let is_key = |&at: &u32| key_at(chunks, at) == key;
        let hash = |&at: &u32| hash_of(key_at(chunks, at));
        let Entry::Vacant(vacant) = self.table.entry(hash_of(key), is_key, hash) else {
            return false;
        };
        vacant.insert(at);
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_KEYS) {
            Some(chunk) => chunk.push(key),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK_KEYS);
                chunk.push(key);
                self.chunks.push(chunk);
            }
        }
        true
    }

    /// Adds the keys from a position on.
    fn store_from(&self, position: usize, out: &mut Vec<u8>) {
        store_varint((self.len() - position) as u64, out);
        out.reserve((self.len() - position) * 16);
        for chunk in self.chunks.iter().skip(position / CHUNK_KEYS).enumerate() {
            let skipped = if chunk.0 == 0 { position % CHUNK_KEYS } else { 0 };
            for key in &chunk.1[skipped..] {
                out.extend_from_slice(&key.to_le_bytes());
            }
        }
    }

    fn load_more(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        for _ in 0..from.varint()? {
            self.insert(EventKey::load(from)?.0);
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn hash_of(key: u128) -> u64 {
    key as u64
}

fn key_at(chunks: &[Vec<u128>], at: u32) -> u128 {
    chunks[at as usize / CHUNK_KEYS][at as usize % CHUNK_KEYS]
}

/// The index with what it learnt in the open epoch.
#[derive(Debug)]
pub struct DedupIndex {
    config: DedupConfig,
    young: Generation,
    old: Generation,
    young_since: Option<ProcessingTime>,
    /// Keys of the young generation that earlier deltas have told.
    told: usize,
    forgotten_early: u64,
}

impl DedupIndex {
    /// An empty index.
    #[must_use]
    pub fn new(config: DedupConfig) -> Self {
        Self {
            config,
            young: Generation::default(),
            old: Generation::default(),
            young_since: None,
            told: 0,
            forgotten_early: 0,
        }
    }

    /// Remembers a key; false when it was known already.
    #[inline]
    pub fn insert(&mut self, key: EventKey, now: ProcessingTime) -> bool {
        if self.old.contains(key.0) || !self.young.insert(key.0) {
            return false;
        }
        self.young_since.get_or_insert(now);
        true
    }

    /// Ends an epoch: adds what was learnt in it. The generations turn here and nowhere else, so that a
    /// log of deltas rebuilds exactly this index. Layout: the new keys, whether the generations turned,
    /// when the young one began.
    pub fn take_delta(&mut self, now: ProcessingTime, out: &mut Vec<u8>) {
        self.young.store_from(self.told, out);
        self.told = self.young.len();
        let keys_max = self.config.memory_bytes_max / BYTES_PER_KEY / 2;
        let covered = self
            .young_since
            .is_some_and(|since| now.0.saturating_sub(since.0) >= self.config.horizon_micros);
        let turned = covered || self.young.len() >= keys_max.max(1);
        if turned {
            if !covered {
                self.forgotten_early += self.old.len() as u64;
            }
            self.turn();
        }
        turned.store(out);
        self.young_since.store(out);
    }

    /// Applies a delta, in the order of the epochs.
    ///
    /// # Errors
    /// [`Torn`] when the bytes are no delta of an index.
    pub fn apply(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.young.load_more(from)?;
        self.told = self.young.len();
        if bool::load(from)? {
            self.turn();
        }
        self.young_since = Option::load(from)?;
        Ok(())
    }

    /// Adds all keys, those of the old generation first, in the order in which they came.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        self.old.store_from(0, out);
        self.young.store_from(0, out);
        self.young_since.store(out);
    }

    /// An index as a snapshot describes it.
    ///
    /// # Errors
    /// [`Torn`] when the bytes are no snapshot of an index.
    pub fn restore(config: DedupConfig, from: &mut Reader<'_>) -> Result<Self, Torn> {
        let mut index = Self::new(config);
        index.old.load_more(from)?;
        index.young.load_more(from)?;
        index.young_since = Option::load(from)?;
        index.told = index.young.len();
        Ok(index)
    }

    /// How long and how much it remembers.
    #[must_use]
    pub fn config(&self) -> DedupConfig {
        self.config
    }

    /// Keys held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.old.len() + self.young.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys that were dropped before their horizon because the memory budget was reached.
    #[must_use]
    pub fn forgotten_early(&self) -> u64 {
        self.forgotten_early
    }

    fn turn(&mut self) {
        let young = Generation::after(&self.young);
        self.old = std::mem::replace(&mut self.young, young);
        self.young_since = None;
        self.told = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000;

    fn config(horizon_micros: i64, keys: usize) -> DedupConfig {
        DedupConfig { horizon_micros, memory_bytes_max: keys * 2 * BYTES_PER_KEY }
    }

    fn end_epoch(index: &mut DedupIndex, now: i64) -> Vec<u8> {
        let mut delta = Vec::new();
        index.take_delta(ProcessingTime(now), &mut delta);
        delta
    }

    fn snapshot(index: &DedupIndex) -> Vec<u8> {
        let mut bytes = Vec::new();
        index.snapshot(&mut bytes);
        bytes
    }

    #[test]
    fn a_key_is_remembered_for_the_horizon_and_forgotten_after_two() {
        let mut index = DedupIndex::new(config(MINUTE, 1_000));
        assert!(index.insert(EventKey(1), ProcessingTime(0)));
        end_epoch(&mut index, MINUTE);
        assert!(!index.insert(EventKey(1), ProcessingTime(MINUTE)), "within the horizon");
        assert!(index.insert(EventKey(2), ProcessingTime(MINUTE)));
        end_epoch(&mut index, 2 * MINUTE);
        assert!(index.insert(EventKey(1), ProcessingTime(2 * MINUTE)), "two horizons later");
        assert_eq!(index.forgotten_early(), 0);
    }

    #[test]
    fn the_budget_bounds_the_index_and_what_it_costs_is_counted() {
        let mut index = DedupIndex::new(config(MINUTE, 100));
        for key in 0..1_000 {
            assert!(index.insert(EventKey(key), ProcessingTime(0)));
            end_epoch(&mut index, 0);
            assert!(index.len() <= 200);
        }
        assert_eq!(index.forgotten_early() as usize + index.len(), 1_000);
    }

    proptest! {
        /// Goal: the index answers as a set of (key, time) pairs would, inside the horizon.
        /// Method: random keys at advancing times, a model that remembers the last insertion.
        #[test]
        fn inside_the_horizon_the_answers_are_exact(
            steps in proptest::collection::vec((0_u128..20, 0_i64..30), 1..200)
        ) {
            let mut index = DedupIndex::new(config(100, 1_000_000));
            let mut accepted = std::collections::BTreeMap::new();
            let mut now = 0;
            for (key, step) in steps {
                now += step;
                let known = !index.insert(EventKey(key), ProcessingTime(now));
                match accepted.get(&key) {
                    None => prop_assert!(!known),
                    Some(&at) if now - at < 100 => prop_assert!(known),
                    Some(_) => {}
                }
                if !known {
                    accepted.insert(key, now);
                }
                end_epoch(&mut index, now);
            }
        }

        /// Goal: a log of deltas, and a snapshot with the deltas after it, rebuild the index.
        #[test]
        fn deltas_and_snapshots_rebuild_the_index(
            epochs in proptest::collection::vec(
                (proptest::collection::vec(0_u128..50, 0..8), 0_i64..60), 1..30
            ),
            cut in 0_usize..30
        ) {
            let mut index = DedupIndex::new(config(100, 20));
            let mut log = DedupIndex::new(config(100, 20));
            let mut now = 0;
            for (position, (keys, step)) in epochs.into_iter().enumerate() {
                now += step;
                for key in keys {
                    index.insert(EventKey(key), ProcessingTime(now));
                }
                let delta = end_epoch(&mut index, now);
                prop_assert_eq!(log.apply(&mut Reader::new(&delta)), Ok(()));
                if position == cut {
                    let bytes = snapshot(&log);
                    let restored = DedupIndex::restore(config(100, 20), &mut Reader::new(&bytes));
                    log = restored.unwrap();
                }
                prop_assert_eq!(snapshot(&index), snapshot(&log));
            }
        }

        /// Outside bytes are refused, never a panic.
        #[test]
        fn any_bytes_are_applied_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..100)
        ) {
            let _ = DedupIndex::new(config(100, 20)).apply(&mut Reader::new(&bytes));
            let _ = DedupIndex::restore(config(100, 20), &mut Reader::new(&bytes));
        }
    }
}

//! The dedup index: every key that was seen within the horizon, exactly. Two generations take turns:
//! keys go into the young one, both are asked, and when the young one has covered the horizon the
//! old one is dropped. So a key is remembered for at least the horizon and at most twice as long.
//! When the memory budget is reached the turn comes early, and the keys that were forgotten before
//! their time are counted.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashSet;
use windtunnel_model::{EventKey, ProcessingTime};

/// Bytes that one remembered key takes at most: 16 of the key and one of control, at the lowest
/// load after a table has grown (7/16).
pub const BYTES_PER_KEY: usize = 39;

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

/// The keys are hashes already: the low half of one serves as its hash.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

type Keys = HashSet<u128, BuildHasherDefault<KeyHasher>>;

/// The index with what it learnt in the open epoch.
#[derive(Debug)]
pub struct DedupIndex {
    config: DedupConfig,
    young: Keys,
    old: Keys,
    young_since: Option<ProcessingTime>,
    fresh: Vec<EventKey>,
    forgotten_early: u64,
}

/// What the index learnt in an epoch: apply the keys, then turn the generations where it says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DedupDelta {
    /// Keys that were new.
    pub keys: Vec<EventKey>,
    /// The generations took their turn at the end of the epoch.
    pub turned: bool,
    /// When the young generation began, in microseconds.
    pub young_since: Option<ProcessingTime>,
}

impl DedupIndex {
    /// An empty index.
    #[must_use]
    pub fn new(config: DedupConfig) -> Self {
        Self {
            config,
            young: Keys::default(),
            old: Keys::default(),
            young_since: None,
            fresh: Vec::new(),
            forgotten_early: 0,
        }
    }

    /// Remembers a key; false when it was known already.
    pub fn insert(&mut self, key: EventKey, now: ProcessingTime) -> bool {
        if self.old.contains(&key.0) || !self.young.insert(key.0) {
            return false;
        }
        self.young_since.get_or_insert(now);
        self.fresh.push(key);
        true
    }

    /// Ends an epoch: what was learnt in it. The generations turn here and nowhere else, so that a
    /// log of deltas rebuilds exactly this index.
    pub fn take_delta(&mut self, now: ProcessingTime) -> DedupDelta {
        let keys = std::mem::take(&mut self.fresh);
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
        DedupDelta { keys, turned, young_since: self.young_since }
    }

    /// Replays a delta, in the order of the epochs.
    pub fn apply(&mut self, delta: &DedupDelta) {
        self.young.extend(delta.keys.iter().map(|key| key.0));
        if delta.turned {
            self.turn();
        }
        self.young_since = delta.young_since;
    }

    /// All keys: those of the old generation, then those of the young one, each in ascending order
    /// so that equal indexes give equal snapshots.
    #[must_use]
    pub fn snapshot(&self) -> (Vec<EventKey>, Vec<EventKey>, Option<ProcessingTime>) {
        let sorted = |keys: &Keys| {
            let mut keys: Vec<_> = keys.iter().copied().map(EventKey).collect();
            keys.sort_unstable();
            keys
        };
        (sorted(&self.old), sorted(&self.young), self.young_since)
    }

    /// An index as a snapshot describes it.
    #[must_use]
    pub fn restore(
        config: DedupConfig,
        old: impl IntoIterator<Item = EventKey>,
        young: impl IntoIterator<Item = EventKey>,
        young_since: Option<ProcessingTime>,
    ) -> Self {
        let mut index = Self::new(config);
        index.old.extend(old.into_iter().map(|key| key.0));
        index.young.extend(young.into_iter().map(|key| key.0));
        index.young_since = young_since;
        index
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
        self.old = std::mem::take(&mut self.young);
        self.young_since = None;
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

    #[test]
    fn a_key_is_remembered_for_the_horizon_and_forgotten_after_two() {
        let mut index = DedupIndex::new(config(MINUTE, 1_000));
        assert!(index.insert(EventKey(1), ProcessingTime(0)));
        index.take_delta(ProcessingTime(MINUTE));
        assert!(!index.insert(EventKey(1), ProcessingTime(MINUTE)), "within the horizon");
        assert!(index.insert(EventKey(2), ProcessingTime(MINUTE)));
        index.take_delta(ProcessingTime(2 * MINUTE));
        assert!(index.insert(EventKey(1), ProcessingTime(2 * MINUTE)), "two horizons later");
        assert_eq!(index.forgotten_early(), 0);
    }

    #[test]
    fn the_budget_bounds_the_index_and_what_it_costs_is_counted() {
        let mut index = DedupIndex::new(config(MINUTE, 100));
        for key in 0..1_000 {
            assert!(index.insert(EventKey(key), ProcessingTime(0)));
            index.take_delta(ProcessingTime(0));
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
                index.take_delta(ProcessingTime(now));
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
                log.apply(&index.take_delta(ProcessingTime(now)));
                if position == cut {
                    let (old, young, since) = log.snapshot();
                    log = DedupIndex::restore(config(100, 20), old, young, since);
                }
                prop_assert_eq!(index.snapshot(), log.snapshot());
            }
        }
    }
}

//! Single observations of a sketch that is still small: an index of more bits than the sketch has
//! registers, or, when the surplus bits are all zero, the register's index with the rank of the
//! rest of the hash and a flag above both. Sorted by number, observations of one index stand side
//! by side.

/// How observations are written at a precision of registers and one of observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) precision: u8,
    pub(super) sparse_precision: u8,
}

const RANK_BITS: u8 = 6;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;

/// The position of the first set bit among the lowest `bits`, counted from 1; one more than there
/// are when none is set.
pub(super) fn rank(value: u64, bits: u8) -> u8 {
    let leading = (value << (64 - bits)).leading_zeros();
    u8::try_from(leading.min(u32::from(bits))).expect("at most 64") + 1
}

/// What a rank becomes when `dropped` low bits of its index go over to the rest of the hash.
pub(super) fn downgraded_rank(index: u32, rank_before: u8, dropped: u8) -> u8 {
    let suffix = u64::from(index) & ((1 << dropped) - 1);
    if dropped == 0 || suffix == 0 { rank_before + dropped } else { rank(suffix, dropped) }
}

impl Encoding {
    /// The observation of a hash.
    pub(super) fn observe(self, hash: u64) -> u32 {
        let rest = 64 - self.sparse_precision;
        let index = u32::try_from(hash >> rest).expect("at most 25 bits");
        self.encode(index, rank(hash, rest))
    }

    fn encode(self, index: u32, rank: u8) -> u32 {
        let surplus = self.surplus();
        if index & ((1 << surplus) - 1) != 0 {
            return index;
        }
        self.flag() | (index >> surplus) << RANK_BITS | u32::from(rank)
    }

    /// The register of an observation and its rank there.
    pub(super) fn register(self, observation: u32) -> (u32, u8) {
        let surplus = self.surplus();
        match self.flagged(observation) {
            Some((register, rank)) => (register, rank + surplus),
            None => (observation >> surplus, rank(u64::from(observation), surplus)),
        }
    }

    /// The observation in another encoding of lower or equal precisions.
    pub(super) fn downgrade(self, observation: u32, target: Self) -> u32 {
        let dropped = self.sparse_precision - target.sparse_precision;
        let (index, rank) = match self.flagged(observation) {
            Some((register, rank)) => (register << self.surplus(), rank),
            // The rank is not known and not needed: a surplus bit that is set says it all.
            None => (observation, 0),
        };
        target.encode(index >> dropped, downgraded_rank(index, rank, dropped))
    }

    /// Sorts observations and keeps one of each index, that of the greatest rank.
    pub(super) fn settle(self, observations: &mut Vec<u32>) {
        observations.sort_unstable();
        let index = |observation: u32| {
            self.flagged(observation)
                .map_or(observation, |(register, _)| self.flag() | register << RANK_BITS)
        };
        let mut kept = 0;
        for at in 0..observations.len() {
            if at + 1 < observations.len() && index(observations[at]) == index(observations[at + 1])
            {
                continue;
            }
            observations[kept] = observations[at];
            kept += 1;
        }
        observations.truncate(kept);
    }

    /// Whether a number from outside can be an observation: all its parts within bounds, and
    /// flagged when it must be.
    pub(super) fn admits(self, observation: u32) -> bool {
        match self.flagged(observation) {
            None => {
                let surplus = observation & ((1 << self.surplus()) - 1);
                observation >> self.sparse_precision == 0 && surplus != 0
            }
            Some((register, rank)) => {
                register >> self.precision == 0 && rank <= 65 - self.sparse_precision
            }
        }
    }

    fn flagged(self, observation: u32) -> Option<(u32, u8)> {
        let content = observation.checked_sub(self.flag())?;
        let rank = u8::try_from(content & RANK_MASK).expect("six bits");
        Some((content >> RANK_BITS, rank))
    }

    fn flag(self) -> u32 {
        1 << self.sparse_precision.max(self.precision + RANK_BITS)
    }

    fn surplus(self) -> u8 {
        self.sparse_precision - self.precision
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks() {
        assert_eq!(rank(0b0001, 4), 4);
        assert_eq!(rank(0b1000, 4), 1);
        assert_eq!(rank(0b1_0000, 4), 5);
        assert_eq!(rank(0, 49), 50);
        assert_eq!(downgraded_rank(0b1_0010, 7, 4), 3);
        assert_eq!(downgraded_rank(0b1_0000, 7, 4), 11);
        assert_eq!(downgraded_rank(0b1, 7, 0), 7);
    }

    proptest! {
        #[test]
        fn an_observation_knows_its_register(hash: u64, zeros in 0u32..50, precision in 10u8..=24) {
            // Long runs of zeros behind the index are rare in hashes and are what flags are for.
            let rest = (hash << precision) >> precision;
            let hash = hash ^ rest | rest >> zeros;
            let encoding = Encoding { precision, sparse_precision: (precision + 5).min(25) };
            let observation = encoding.observe(hash);
            prop_assert!(encoding.admits(observation));
            let register = u32::try_from(hash >> (64 - precision)).unwrap();
            prop_assert_eq!(encoding.register(observation), (register, rank(hash, 64 - precision)));
        }

        #[test]
        fn a_downgraded_observation_is_that_of_the_lower_precision(
            hash: u64, zeros in 0u32..50, from in 10u8..=24, to in 10u8..=24,
        ) {
            prop_assume!(to <= from);
            let rest = (hash << to) >> to;
            let hash = hash ^ rest | rest >> zeros;
            let high = Encoding { precision: from, sparse_precision: (from + 5).min(25) };
            let low = Encoding { precision: to, sparse_precision: (to + 5).min(25) };
            prop_assert_eq!(high.downgrade(high.observe(hash), low), low.observe(hash));
        }
    }
}

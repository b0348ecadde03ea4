//! A sketch at work: observations one by one while they are few, then one register for each index.
//! It changes over when the encoded observations take three quarters of what the registers would.
//! Invariant: the outcome does not depend on the order of hashes and merges.

use super::estimate;
use super::sparse::{Encoding, downgraded_rank, rank};
use super::wire;

/// Observations may be this many bits finer than registers; at most this fine in all.
const SPARSE_SURPLUS: u8 = 5;
const SPARSE_PRECISION_MAX: u8 = 25;

/// A sketch.
#[derive(Debug, Clone)]
pub(in crate::functions::aggregate) struct Sketch {
    /// The number of the type of its values; 0 when it is not known.
    pub(super) value_type: u64,
    /// How many values it has seen.
    pub(super) values: u64,
    pub(super) encoding: Encoding,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Sparse(Observations),
    /// The greatest rank seen for each index.
    Registers(Vec<u8>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Observations {
    /// In order, one for an index.
    sorted: Vec<u32>,
    pending: Vec<u32>,
}

impl Observations {
    pub(super) fn of_sorted(sorted: Vec<u32>) -> Self {
        Self { sorted, pending: Vec::new() }
    }

    /// Observations in order, one for an index; without those that are pending.
    pub(super) fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        self.sorted.iter().chain(&self.pending).copied()
    }
}

impl Sketch {
    /// An empty sketch.
    pub(in crate::functions::aggregate) fn new(value_type: u64, precision: u8) -> Self {
        let sparse_precision = (precision + SPARSE_SURPLUS).min(SPARSE_PRECISION_MAX);
        Self {
            value_type,
            values: 0,
            encoding: Encoding { precision, sparse_precision },
            content: Content::Sparse(Observations::default()),
        }
    }

    /// Takes a value's hash in.
    pub(in crate::functions::aggregate) fn add_hash(&mut self, hash: u64) {
        self.values += 1;
        let precision = self.encoding.precision;
        match &mut self.content {
            Content::Sparse(observations) => {
                observations.pending.push(self.encoding.observe(hash));
                if observations.pending.len() > (1 << precision) / 4 {
                    self.settle();
                }
            }
            Content::Registers(registers) => {
                let index = usize::try_from(hash >> (64 - precision)).expect("24 bits");
                registers[index] = registers[index].max(rank(hash, 64 - precision));
            }
        }
    }

    /// About how many different values it has seen.
    pub(in crate::functions::aggregate) fn estimate(&self) -> i64 {
        let settled = match &self.content {
            Content::Sparse(observations) if !observations.pending.is_empty() => {
                return self.compacted().estimate();
            }
            content => content,
        };
        match settled {
            Content::Sparse(observations) => {
                estimate::of_observations(observations.sorted.len(), self.encoding.sparse_precision)
            }
            Content::Registers(registers) => {
                estimate::of_registers(registers, self.encoding.precision)
            }
        }
    }

    /// The union of two sketches, at the lower of their precisions; `None` when their types differ
    /// or one is coarser in its registers and finer in its observations.
    pub(super) fn merged(mut self, mut other: Self) -> Option<Self> {
        let (left, right) = (self.encoding, other.encoding);
        let orders = [
            left.precision.cmp(&right.precision),
            left.sparse_precision.cmp(&right.sparse_precision),
        ];
        let crossed =
            orders.iter().any(|order| order.is_lt()) && orders.iter().any(|order| order.is_gt());
        let typed = [self.value_type, other.value_type];
        if crossed || (typed[0] != typed[1] && !typed.contains(&0)) {
            return None;
        }
        let encoding = Encoding {
            precision: left.precision.min(right.precision),
            sparse_precision: left.sparse_precision.min(right.sparse_precision),
        };
        self.downgrade(encoding);
        other.downgrade(encoding);
        self.values = self.values.saturating_add(other.values);
        self.value_type = typed[0].max(typed[1]);
        self.absorb(other.content);
        Some(self)
    }

    /// The sketch without anything pending, as it is written.
    pub(super) fn compacted(&self) -> Self {
        let mut compacted = self.clone();
        compacted.settle();
        compacted
    }

    /// Takes in what another sketch of the same encoding has seen.
    fn absorb(&mut self, other: Content) {
        match other {
            Content::Sparse(others) => match &mut self.content {
                Content::Sparse(observations) => {
                    observations.pending.extend(others.iter());
                    self.settle();
                }
                Content::Registers(registers) => observe(registers, self.encoding, &others),
            },
            Content::Registers(mut registers) => {
                match &self.content {
                    Content::Sparse(observations) => {
                        observe(&mut registers, self.encoding, observations);
                    }
                    Content::Registers(others) => {
                        for (register, other) in registers.iter_mut().zip(others) {
                            *register = (*register).max(*other);
                        }
                    }
                }
                self.content = Content::Registers(registers);
            }
        }
    }

    fn settle(&mut self) {
        let Content::Sparse(observations) = &mut self.content else { return };
        if !observations.pending.is_empty() {
            observations.sorted.append(&mut observations.pending);
            self.encoding.settle(&mut observations.sorted);
        }
        if wire::observations_size(&observations.sorted) >= (3usize << self.encoding.precision) / 4
        {
            self.spread();
        }
    }

    /// Changes observations over to registers.
    fn spread(&mut self) {
        if let Content::Sparse(observations) = &self.content {
            let mut registers = vec![0; 1 << self.encoding.precision];
            observe(&mut registers, self.encoding, observations);
            self.content = Content::Registers(registers);
        }
    }

    fn downgrade(&mut self, target: Encoding) {
        let source = std::mem::replace(&mut self.encoding, target);
        if source == target {
            return;
        }
        match &mut self.content {
            Content::Sparse(observations) => {
                let all = observations.iter().map(|value| source.downgrade(value, target));
                *observations = Observations { sorted: Vec::new(), pending: all.collect() };
                self.settle();
            }
            Content::Registers(registers) => {
                let dropped = source.precision - target.precision;
                let mut fewer = vec![0u8; 1 << target.precision];
                for (index, before) in registers.iter().enumerate().filter(|(_, rank)| **rank > 0) {
                    let index = u32::try_from(index).expect("24 bits");
                    let rank = downgraded_rank(index, *before, dropped);
                    let register = &mut fewer[(index >> dropped) as usize];
                    *register = rank.max(*register);
                }
                *registers = fewer;
            }
        }
    }
}

fn observe(registers: &mut [u8], encoding: Encoding, observations: &Observations) {
    for observation in observations.iter() {
        let (index, rank) = encoding.register(observation);
        let register = &mut registers[index as usize];
        *register = rank.max(*register);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::functions::aggregate::sketch::fingerprint::fingerprint;

    fn sketch(values: impl Iterator<Item = u64>, precision: u8) -> Sketch {
        let mut sketch = Sketch::new(8, precision);
        values.for_each(|value| sketch.add_hash(fingerprint(&value.to_le_bytes())));
        sketch
    }

    #[test]
    fn estimates_stay_close_at_all_sizes() {
        for (precision, error) in [(10, 0.12), (12, 0.06), (15, 0.02)] {
            for count in [1u64, 300, 900, 2000, 5000, 20_000, 60_000, 200_000] {
                let estimate = sketch(0..count, precision).estimate() as f64;
                let off = (estimate - count as f64).abs() / count as f64;
                assert!(off <= error, "{count} at {precision}: {estimate}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_merge_is_the_sketch_of_the_union(
            left in 0u64..3000, right in 0u64..3000, shared in 0u64..500,
            precisions in (10u8..14, 10u8..14),
        ) {
            let first = sketch(0..left, precisions.0);
            let second = sketch(left.saturating_sub(shared)..left + right, precisions.1);
            let lower = precisions.0.min(precisions.1);
            let mut union = sketch(0..left + right, lower);
            let merged = first.clone().merged(second.clone()).unwrap();
            union.values = merged.values;
            // A sketch that went over to registers at a higher precision stays that way.
            if !matches!(merged.content, Content::Sparse(_)) {
                union = union.compacted();
                union.spread();
            }
            prop_assert_eq!(wire::encode(&merged), wire::encode(&union));
            prop_assert_eq!(wire::encode(&second.merged(first).unwrap()), wire::encode(&union));
        }
    }
}

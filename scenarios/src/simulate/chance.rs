//! Chance as a function: the fate of the n-th call of a kind is a hash of the seed, the kind and n. A
//! stream that is drawn from one after the other would give every later call another fate as soon as one
//! event or fault is taken out, and no failure could be shrunk; so there is none here.

/// A seed with a concern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance(u64);

/// Numbers for one question.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(mixed(seed ^ 0x5EED_0FC0_FFEE))
    }

    /// The dice for the n-th question of a kind.
    pub(super) fn of(self, kind: u64, nth: u64) -> Dice {
        Dice(mixed(self.0 ^ mixed(kind.wrapping_mul(0xA076_1D64_78BD_642F)).wrapping_add(nth)))
    }
}

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// A number below another, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True for so many in a million.
    pub(super) fn hits(&mut self, millionths: u64) -> bool {
        self.below(1_000_000) < millionths
    }

    /// A number from one to another, small ones as likely as large ones: even on a logarithmic scale.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let (mut low, mut high) = (least.max(1), most.max(least).max(1));
        while high > low.saturating_mul(2) {
            match self.below(2) {
                0 => high = (high / 2).max(low),
                _ => low = low.saturating_mul(2),
            }
        }
        let span = u64::try_from(high - low + 1).unwrap_or(1);
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_depends_on_the_question_alone() {
        let chance = Chance::new(7);
        let of = |kind, nth| chance.of(kind, nth).next();
        assert_eq!(of(1, 2), Chance::new(7).of(1, 2).next());
        assert!(of(1, 2) != of(2, 1) && of(1, 2) != of(1, 3));
        assert!(of(1, 2) != Chance::new(8).of(1, 2).next());
    }

    #[test]
    fn shares_and_spans_are_kept() {
        let chance = Chance::new(1);
        let hits = (0..100_000).filter(|&nth| chance.of(3, nth).hits(100_000)).count();
        assert!((9_000..11_000).contains(&hits), "{hits}");
        for nth in 0..1_000 {
            let drawn = chance.of(4, nth).between(100, 20_000);
            assert!((100..=20_000).contains(&drawn), "{drawn}");
        }
        assert_eq!(chance.of(5, 5).between(9, 9), 9);
    }
}

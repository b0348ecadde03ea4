//! `BIGNUMERIC`: a decimal with 38 digits after the point, as a scaled integer of 256 bits at most.

use std::sync::LazyLock;

use num_bigint::BigInt;

/// A `BIGNUMERIC`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BigNumeric(BigInt);

/// The largest absolute value, scaled: 2^255 - 1, since the type is a 256-bit integer underneath.
static MAX_SCALED: LazyLock<BigInt> = LazyLock::new(|| (BigInt::from(1) << 255) - 1);
static MIN_SCALED: LazyLock<BigInt> = LazyLock::new(|| -(&*MAX_SCALED) - 1);

impl BigNumeric {
    /// Digits after the point.
    pub const SCALE: u32 = 38;

    /// From the value times 10^38; `None` when it does not fit.
    #[must_use]
    pub fn from_scaled(scaled: BigInt) -> Option<Self> {
        (scaled <= *MAX_SCALED && scaled >= *MIN_SCALED).then_some(Self(scaled))
    }

    /// The value times 10^38.
    #[must_use]
    pub fn scaled(&self) -> &BigInt {
        &self.0
    }
}

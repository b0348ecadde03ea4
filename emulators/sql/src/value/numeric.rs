//! `NUMERIC`: a decimal with 9 digits after the point and at most 29 before it, as a scaled integer.

/// A `NUMERIC`. Kept in two words so that a value stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Numeric {
    high: i64,
    low: u64,
}

impl Numeric {
    /// Digits after the point.
    pub const SCALE: u32 = 9;
    /// One, scaled.
    pub const ONE_SCALED: i128 = 1_000_000_000;
    /// The largest, scaled: 38 nines.
    pub const MAX_SCALED: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

    /// From the value times 10^9; `None` when it does not fit.
    #[must_use]
    pub fn from_scaled(scaled: i128) -> Option<Self> {
        if scaled.unsigned_abs() > Self::MAX_SCALED.unsigned_abs() {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "split into words"
        )]
        let (high, low) = ((scaled >> 64) as i64, scaled as u64);
        Some(Self { high, low })
    }

    /// The value times 10^9.
    #[must_use]
    pub fn scaled(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        let scaled = i128::from(value) * Self::ONE_SCALED;
        Self::from_scaled(scaled).expect("every INT64 fits into a NUMERIC")
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.scaled().cmp(&other.scaled())
    }
}

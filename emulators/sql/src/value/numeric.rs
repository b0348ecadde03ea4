//! `NUMERIC`: a decimal with 9 digits after the point and at most 29 before it, as a scaled integer.
//! Arithmetic answers `None` where the result is out of range; the callers word the error.

use std::fmt;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::decimal::{self, Rounding};

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
    /// Zero.
    pub const ZERO: Self = Self { high: 0, low: 0 };

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

    /// From the value times 10^9; `None` when it does not fit.
    #[must_use]
    pub fn from_big(scaled: &BigInt) -> Option<Self> {
        scaled.to_i128().and_then(Self::from_scaled)
    }

    /// The value times 10^9.
    #[must_use]
    pub fn scaled(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }

    /// Reads a decimal; digits that do not fit are rounded, a half away from zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_big(&decimal::parse(text, Self::SCALE, Rounding::HalfAwayFromZero)?)
    }

    /// Reads a decimal that needs no rounding.
    #[must_use]
    pub fn parse_exact(text: &str) -> Option<Self> {
        Self::from_big(&decimal::parse(text, Self::SCALE, Rounding::Refuse)?)
    }

    /// The nearest `NUMERIC` to a double; `None` when it is not finite or out of range.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        // Above this nothing is in range, and the big integer stays small.
        (value.abs() < 1e30)
            .then(|| decimal::from_f64(value, Self::SCALE))
            .and_then(|scaled| Self::from_big(&scaled))
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let scaled = self.scaled();
        if scaled.unsigned_abs() < 1 << 53 {
            #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
            return scaled as f64 / 1e9;
        }
        self.to_string().parse().expect("decimal text is a double's text")
    }

    /// The nearest integer, a half away from zero; `None` when it is no `INT64`.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let half = Self::ONE_SCALED / 2;
        let scaled = self.scaled();
        let rounded = if scaled < 0 { scaled - half } else { scaled + half } / Self::ONE_SCALED;
        i64::try_from(rounded).ok()
    }

    /// The sum.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.scaled().checked_add(other.scaled()).and_then(Self::from_scaled)
    }

    /// The difference.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.scaled().checked_sub(other.scaled()).and_then(Self::from_scaled)
    }

    /// The product, rounded half away from zero.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let half = Self::ONE_SCALED / 2;
        if let Some(product) = self.scaled().checked_mul(other.scaled())
            && let Some(product) = product.checked_add(if product < 0 { -half } else { half })
        {
            return Self::from_scaled(product / Self::ONE_SCALED);
        }
        let product = BigInt::from(self.scaled()) * other.scaled();
        let one = BigInt::from(Self::ONE_SCALED);
        Self::from_big(&decimal::divide(&product, &one, Rounding::HalfAwayFromZero))
    }

    /// The quotient, rounded half away from zero; `None` for a divisor of zero too.
    #[must_use]
    pub fn checked_div(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let dividend = BigInt::from(self.scaled()) * Self::ONE_SCALED;
        let divisor = BigInt::from(other.scaled());
        Self::from_big(&decimal::divide(&dividend, &divisor, Rounding::HalfAwayFromZero))
    }

    /// The integer part of the quotient; `None` for a divisor of zero too.
    #[must_use]
    pub fn checked_integer_div(self, other: Self) -> Option<Self> {
        let quotient = self.scaled().checked_div(other.scaled())?;
        Self::from_scaled(quotient.checked_mul(Self::ONE_SCALED)?)
    }

    /// The rest of the integer division, with the sign of the dividend; `None` for a divisor of zero.
    #[must_use]
    pub fn checked_rem(self, other: Self) -> Option<Self> {
        self.scaled().checked_rem(other.scaled()).and_then(Self::from_scaled)
    }

    /// Rounded to so many digits after the point, which may be negative; `None` when out of range.
    #[must_use]
    pub(crate) fn round(self, digits: i64, rounding: Rounding) -> Option<Self> {
        if digits >= i64::from(Self::SCALE) {
            return Some(self);
        }
        let value = BigInt::from(self.scaled());
        Self::from_big(&decimal::round(&value, Self::SCALE, digits, rounding))
    }

    /// The absolute value.
    #[must_use]
    pub fn abs(self) -> Self {
        Self::from_scaled(self.scaled().abs()).expect("the range is symmetric")
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn signum(self) -> i64 {
        i64::try_from(self.scaled().signum()).expect("it is -1, 0 or 1")
    }
}

impl std::ops::Neg for Numeric {
    type Output = Self;

    fn neg(self) -> Self {
        Self::from_scaled(-self.scaled()).expect("the range is symmetric")
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        let scaled = i128::from(value) * Self::ONE_SCALED;
        Self::from_scaled(scaled).expect("every INT64 fits into a NUMERIC")
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = self.scaled();
        let digits = scaled.unsigned_abs().to_string();
        formatter.write_str(&decimal::text(scaled < 0, &digits, Self::SCALE as usize))
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

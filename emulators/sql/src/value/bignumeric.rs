//! `BIGNUMERIC`: a decimal with 38 digits after the point, as a scaled integer of 256 bits at most.
//! Arithmetic answers `None` where the result is out of range; the callers word the error.

use std::fmt;
use std::sync::LazyLock;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Numeric;
use super::decimal::{self, Rounding};

/// A `BIGNUMERIC`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BigNumeric(BigInt);

/// The largest absolute value, scaled: 2^255 - 1, since the type is a 256-bit integer underneath.
static MAX_SCALED: LazyLock<BigInt> = LazyLock::new(|| (BigInt::from(1) << 255) - 1);
static MIN_SCALED: LazyLock<BigInt> = LazyLock::new(|| -(&*MAX_SCALED) - 1);
static ONE_SCALED: LazyLock<BigInt> = LazyLock::new(|| decimal::power_of_ten(BigNumeric::SCALE));
/// What a `NUMERIC` lacks in scale.
static NUMERIC_FACTOR: LazyLock<BigInt> =
    LazyLock::new(|| decimal::power_of_ten(BigNumeric::SCALE - Numeric::SCALE));

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

    /// Reads a decimal; digits that do not fit are rounded, a half away from zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_scaled(decimal::parse(text, Self::SCALE, Rounding::HalfAwayFromZero)?)
    }

    /// Reads a decimal that needs no rounding.
    #[must_use]
    pub fn parse_exact(text: &str) -> Option<Self> {
        Self::from_scaled(decimal::parse(text, Self::SCALE, Rounding::Refuse)?)
    }

    /// The nearest `BIGNUMERIC` to a double; `None` when it is not finite or out of range.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        // Above this nothing is in range, and the big integer stays small.
        (value.abs() < 1e40)
            .then(|| decimal::from_f64(value, Self::SCALE))
            .and_then(Self::from_scaled)
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().expect("decimal text is a double's text")
    }

    /// The nearest integer, a half away from zero; `None` when it is no `INT64`.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        decimal::divide(&self.0, &ONE_SCALED, Rounding::HalfAwayFromZero).to_i64()
    }

    /// The nearest `NUMERIC`, a half away from zero; `None` when out of its range.
    #[must_use]
    pub fn to_numeric(&self) -> Option<Numeric> {
        Numeric::from_big(&decimal::divide(&self.0, &NUMERIC_FACTOR, Rounding::HalfAwayFromZero))
    }

    /// The sum.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Self::from_scaled(&self.0 + &other.0)
    }

    /// The difference.
    #[must_use]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        Self::from_scaled(&self.0 - &other.0)
    }

    /// The product, rounded half away from zero.
    #[must_use]
    pub fn checked_mul(&self, other: &Self) -> Option<Self> {
        let product = &self.0 * &other.0;
        Self::from_scaled(decimal::divide(&product, &ONE_SCALED, Rounding::HalfAwayFromZero))
    }

    /// The quotient, rounded half away from zero; `None` for a divisor of zero too.
    #[must_use]
    pub fn checked_div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let dividend = &self.0 * &*ONE_SCALED;
        Self::from_scaled(decimal::divide(&dividend, &other.0, Rounding::HalfAwayFromZero))
    }

    /// The integer part of the quotient; `None` for a divisor of zero too.
    #[must_use]
    pub fn checked_integer_div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        Self::from_scaled((&self.0 / &other.0) * &*ONE_SCALED)
    }

    /// The rest of the integer division, with the sign of the dividend; `None` for a divisor of zero.
    #[must_use]
    pub fn checked_rem(&self, other: &Self) -> Option<Self> {
        (!other.is_zero()).then(|| Self(&self.0 % &other.0))
    }

    /// The opposite; `None` for the lowest value.
    #[must_use]
    pub fn checked_neg(&self) -> Option<Self> {
        Self::from_scaled(-&self.0)
    }

    /// The absolute value; `None` for the lowest value.
    #[must_use]
    pub fn checked_abs(&self) -> Option<Self> {
        Self::from_scaled(self.0.abs())
    }

    /// Rounded to so many digits after the point, which may be negative; `None` when out of range.
    #[must_use]
    pub(crate) fn round(&self, digits: i64, rounding: Rounding) -> Option<Self> {
        Self::from_scaled(decimal::round(&self.0, Self::SCALE, digits, rounding))
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn signum(&self) -> i64 {
        self.0.signum().to_i64().expect("it is -1, 0 or 1")
    }
}

impl From<i64> for BigNumeric {
    fn from(value: i64) -> Self {
        Self(BigInt::from(value) * &*ONE_SCALED)
    }
}

impl From<Numeric> for BigNumeric {
    fn from(value: Numeric) -> Self {
        Self(BigInt::from(value.scaled()) * &*NUMERIC_FACTOR)
    }
}

impl fmt::Display for BigNumeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.magnitude().to_string();
        formatter.write_str(&decimal::text(self.0.is_negative(), &digits, Self::SCALE as usize))
    }
}

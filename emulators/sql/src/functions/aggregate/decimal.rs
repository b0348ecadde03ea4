//! Exact sums of decimals: of `NUMERIC` without allocation for a row, in two words that cannot
//! overflow. Division rounds half away from zero, as GoogleSQL's decimals do.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::value::{BigNumeric, Numeric};

/// The sum of scaled integers of 128 bits: the upper and the lower halves are added up apart, so
/// that 2^63 of them fit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WideSum {
    high: i128,
    low: u128,
}

impl WideSum {
    /// Adds a value.
    pub(super) fn add(&mut self, value: i128) {
        self.high += value >> 64;
        self.low += value.cast_unsigned() & u128::from(u64::MAX);
    }

    /// The sum, when 128 bits hold it.
    pub(super) fn to_i128(self) -> Option<i128> {
        let high = self.high + (self.low >> 64).cast_signed();
        let high = i64::try_from(high).ok()?;
        let low = self.low & u128::from(u64::MAX);
        Some((i128::from(high) << 64) | low.cast_signed())
    }

    /// The sum.
    pub(super) fn to_big(self) -> BigInt {
        (BigInt::from(self.high) << 64u32) + BigInt::from(self.low)
    }

    /// The sum as a `NUMERIC`; `None` when it does not fit.
    pub(super) fn to_numeric(self) -> Option<Numeric> {
        self.to_i128().and_then(Numeric::from_scaled)
    }

    /// The sum divided by a count, as a `NUMERIC`.
    pub(super) fn to_average(self, count: i64) -> Option<Numeric> {
        match self.to_i128() {
            Some(sum) => Numeric::from_scaled(divide(sum, i128::from(count))),
            None => numeric_from_big(&divide_big(&self.to_big(), &BigInt::from(count))),
        }
    }
}

/// A quotient by a positive divisor, rounded half away from zero.
fn divide(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    if rest.unsigned_abs() >= (divisor - rest.abs()).unsigned_abs() {
        quotient + dividend.signum()
    } else {
        quotient
    }
}

/// A quotient by a positive divisor, rounded half away from zero.
pub(in crate::functions) fn divide_big(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = dividend / divisor;
    let rest = dividend - &quotient * divisor;
    let twice = BigInt::from_biguint(Sign::Plus, rest.magnitude() << 1u32);
    match (twice.cmp(divisor), dividend.sign()) {
        (Ordering::Less, _) => quotient,
        (_, Sign::Minus) => quotient - 1,
        _ => quotient + 1,
    }
}

/// A `NUMERIC` of a scaled integer.
pub(in crate::functions) fn numeric_from_big(scaled: &BigInt) -> Option<Numeric> {
    i128::try_from(scaled).ok().and_then(Numeric::from_scaled)
}

/// A sum of `BIGNUMERIC`s divided by a count.
pub(super) fn big_average(sum: &BigInt, count: i64) -> Option<BigNumeric> {
    BigNumeric::from_scaled(divide_big(sum, &BigInt::from(count)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        for (dividend, divisor, expected) in
            [(5, 2, 3), (-5, 2, -3), (4, 3, 1), (-4, 3, -1), (5, 3, 2), (0, 7, 0), (7, 1, 7)]
        {
            assert_eq!(divide(dividend, divisor), expected, "{dividend} / {divisor}");
            let big = divide_big(&BigInt::from(dividend), &BigInt::from(divisor));
            assert_eq!(big, BigInt::from(expected), "{dividend} / {divisor}");
        }
    }

    proptest! {
        #[test]
        fn a_wide_sum_is_the_sum(values in prop::collection::vec(any::<i128>(), 0..40)) {
            let mut wide = WideSum::default();
            values.iter().for_each(|value| wide.add(*value));
            let exact: BigInt = values.iter().map(|value| BigInt::from(*value)).sum();
            prop_assert_eq!(&wide.to_big(), &exact);
            prop_assert_eq!(wide.to_i128(), i128::try_from(&exact).ok());
        }
    }
}

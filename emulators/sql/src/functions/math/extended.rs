//! Numbers with 64 bits of mantissa, as the x87 calculates: BigQuery rounds doubles to decimal digits in this
//! precision, and the last digit of ROUND depends on it. Only what rounding needs; no subnormals, since the
//! exponents of doubles are far from the ends here.

use crate::value::decimal::decompose;

/// A non-negative number: `mantissa * 2^exponent`, with the top bit of the mantissa set unless it is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extended {
    mantissa: u64,
    exponent: i32,
}

impl Extended {
    pub(super) const ONE: Self = Self { mantissa: 1 << 63, exponent: -63 };
    const TEN: Self = Self { mantissa: 10 << 60, exponent: -60 };

    /// The absolute value of a finite double.
    pub(super) fn from_f64(value: f64) -> Self {
        let (mantissa, exponent) = decompose(value);
        Self::nearest(u128::from(mantissa.unsigned_abs()), exponent)
    }

    /// The nearest such number to `value * 2^exponent`, ties to even.
    fn nearest(value: u128, exponent: i32) -> Self {
        if value == 0 {
            return Self { mantissa: 0, exponent: 0 };
        }
        let shift = 64 - i32::try_from(value.leading_zeros()).expect("at most 128");
        if shift <= 0 {
            let mantissa = u64::try_from(value << shift.unsigned_abs()).expect("64 bits are left");
            return Self { mantissa, exponent: exponent + shift };
        }
        let mantissa = u64::try_from(value >> shift).expect("64 bits are left");
        let rest = value & ((1 << shift) - 1);
        let half = 1_u128 << (shift - 1);
        let up = rest > half || (rest == half && mantissa & 1 == 1);
        match mantissa.checked_add(u64::from(up)) {
            Some(mantissa) => Self { mantissa, exponent: exponent + shift },
            None => Self { mantissa: 1 << 63, exponent: exponent + shift + 1 },
        }
    }

    pub(super) fn multiply(self, other: Self) -> Self {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa);
        Self::nearest(product, self.exponent + other.exponent)
    }

    /// The quotient; the divisor is not zero.
    pub(super) fn divide(self, other: Self) -> Self {
        let divisor = u128::from(other.mantissa);
        let dividend = u128::from(self.mantissa) << 64;
        let (high, rest) = (dividend / divisor, dividend % divisor);
        // Two more bits make room for rounding when the quotient has 64 bits.
        let low = (rest << 2) / divisor;
        let sticky = !(rest << 2).is_multiple_of(divisor);
        let quotient = (high << 2) | low;
        let exponent = self.exponent - other.exponent - 66;
        // A bit below the last makes no tie of what is none.
        Self::nearest((quotient << 1) | u128::from(sticky), exponent - 1)
    }

    /// A power of ten by repeated multiplication or division, as a table of them is built.
    pub(super) fn power_of_ten(exponent: i32) -> Self {
        let mut power = Self::ONE;
        for _ in 0..exponent.unsigned_abs() {
            power = if exponent > 0 { power.multiply(Self::TEN) } else { power.divide(Self::TEN) };
        }
        power
    }

    /// The integer part, and whether the rest is a half or more.
    fn integer_part(self) -> (Self, bool) {
        if self.exponent >= 0 || self.mantissa == 0 {
            return (self, false);
        }
        let bits = self.exponent.unsigned_abs();
        let half_or_more = bits <= 64 && (self.mantissa >> (bits - 1)) & 1 == 1;
        let whole = self.mantissa.checked_shr(bits).unwrap_or(0);
        (Self::nearest(u128::from(whole), 0), half_or_more)
    }

    pub(super) fn truncate(self) -> Self {
        self.integer_part().0
    }

    /// Rounded to an integer, a half up.
    pub(super) fn round(self) -> Self {
        let (whole, up) = self.integer_part();
        if !up {
            return whole;
        }
        // An integer with a fraction below it has at most 63 bits.
        let bits = whole.exponent.unsigned_abs();
        let integer = if whole.mantissa == 0 { 0 } else { whole.mantissa >> bits };
        Self::nearest(u128::from(integer) + 1, 0)
    }

    /// The nearest double, ties to even; infinite when out of range.
    pub(super) fn to_f64(self) -> f64 {
        if self.mantissa == 0 {
            return 0.0;
        }
        // The lowest exponent that the last of 53 bits can have.
        let dropped = (-1074 - self.exponent).max(11);
        if dropped > 64 {
            return 0.0;
        }
        let kept = self.mantissa.checked_shr(dropped.unsigned_abs()).unwrap_or(0);
        let rest = u128::from(self.mantissa) & ((1_u128 << dropped) - 1);
        let half = 1_u128 << (dropped - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        let mantissa = kept + u64::from(up);
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let value = mantissa as f64;
        scale(value, self.exponent + dropped)
    }
}

/// `value * 2^exponent`, exact where the result is a double.
fn scale(mut value: f64, mut exponent: i32) -> f64 {
    while exponent > 0 {
        let step = exponent.min(1000);
        value *= 2_f64.powi(step);
        exponent -= step;
    }
    while exponent < 0 {
        let step = (-exponent).min(1000);
        value /= 2_f64.powi(step);
        exponent += step;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn doubles_survive(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(Extended::from_f64(value).to_f64(), value.abs());
        }

        #[test]
        fn products_and_quotients_are_as_good_as_those_of_doubles(
            left in 1e-100..1e100_f64,
            right in 1e-100..1e100_f64,
        ) {
            let (a, b) = (Extended::from_f64(left), Extended::from_f64(right));
            let near = |value: f64, exact: f64| (value - exact).abs() <= exact * f64::EPSILON;
            prop_assert!(near(a.multiply(b).to_f64(), left * right));
            prop_assert!(near(a.divide(b).to_f64(), left / right));
        }

        #[test]
        fn integers_are_those_of_doubles(value in 0.0..1e18_f64) {
            prop_assert_eq!(Extended::from_f64(value).round().to_f64(), value.round());
            prop_assert_eq!(Extended::from_f64(value).truncate().to_f64(), value.trunc());
        }
    }
}

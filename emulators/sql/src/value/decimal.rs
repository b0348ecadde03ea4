//! What both decimal types share: reading and writing digits, and rounding of scaled integers. A decimal is
//! an integer and a scale, the count of its digits after the point. Knows no range: the types check theirs.

mod transcendental;

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{One, Pow, Signed, Zero};

pub(crate) use transcendental::{cbrt, exp, ln, log, pow, sqrt};

/// What to do with digits that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// A half goes away from zero.
    HalfAwayFromZero,
    /// A half goes to the even neighbour.
    HalfEven,
    /// Toward zero.
    Truncate,
    /// Toward negative infinity.
    Floor,
    /// Toward positive infinity.
    Ceiling,
    /// Digits other than zeros are an error.
    Refuse,
}

/// No number of more integer digits than this is in range of any type.
const INTEGER_DIGITS_MAX: i64 = 80;

/// Decimal text of a scaled integer: its digits, the point, no zeros at the end.
pub(crate) fn text(negative: bool, digits: &str, scale: usize) -> String {
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if negative { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Reads a decimal, with an exponent or without, as the integer of the given scale.
/// `None` when it is no number, is far out of range, or has digits that `rounding` refuses.
pub(crate) fn parse(text: &str, scale: u32, rounding: Rounding) -> Option<BigInt> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.rfind(['e', 'E']) {
        Some(place) => (&text[..place], parse_exponent(&text[place + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = [whole, fraction].concat();
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = &digits[leading..];
    if digits.is_empty() {
        return Some(BigInt::zero());
    }
    // The point stands after this many of the digits.
    let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    let point = point.saturating_add(exponent);
    if point > INTEGER_DIGITS_MAX {
        return None;
    }
    scale_digits(negative, digits, point.saturating_add(i64::from(scale)), rounding)
}

/// The first `kept` of the digits as an integer, rounded by the rest.
fn scale_digits(negative: bool, digits: &str, kept: i64, rounding: Rounding) -> Option<BigInt> {
    let length = i64::try_from(digits.len()).ok()?;
    if kept >= length {
        let missing = u32::try_from(kept - length).ok()?;
        let value: BigInt = digits.parse().ok()?;
        return Some(signed(negative, value * power_of_ten(missing)));
    }
    if kept < 0 {
        return (rounding != Rounding::Refuse).then(BigInt::zero);
    }
    let (head, tail) = digits.split_at(usize::try_from(kept).ok()?);
    let mut value: BigInt = if head.is_empty() { BigInt::zero() } else { head.parse().ok()? };
    if rounding == Rounding::Refuse {
        return tail.bytes().all(|byte| byte == b'0').then(|| signed(negative, value));
    }
    let halves = match tail.as_bytes() {
        [b'5', rest @ ..] if rest.iter().all(|byte| *byte == b'0') => Ordering::Equal,
        [first, ..] if *first >= b'5' => Ordering::Greater,
        _ => Ordering::Less,
    };
    let exact = tail.bytes().all(|byte| byte == b'0');
    if rounds_up(rounding, halves, exact, negative, value.bit(0)) {
        value += 1;
    }
    Some(signed(negative, value))
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Beyond this the number is out of range or zero, whatever its digits are.
    let exponent = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -exponent } else { exponent })
}

fn signed(negative: bool, value: BigInt) -> BigInt {
    if negative { -value } else { value }
}

/// Whether the absolute value grows by one, given how the rest compares with a half.
fn rounds_up(
    rounding: Rounding,
    halves: Ordering,
    exact: bool,
    negative: bool,
    is_odd: bool,
) -> bool {
    match rounding {
        Rounding::HalfAwayFromZero => halves != Ordering::Less,
        Rounding::HalfEven => halves == Ordering::Greater || (halves == Ordering::Equal && is_odd),
        Rounding::Truncate | Rounding::Refuse => false,
        Rounding::Floor => negative && !exact,
        Rounding::Ceiling => !negative && !exact,
    }
}

/// A power of ten.
pub(crate) fn power_of_ten(exponent: u32) -> BigInt {
    Pow::pow(BigInt::from(10), exponent)
}

/// A quotient as an integer; the divisor is not zero.
pub(crate) fn divide(dividend: &BigInt, divisor: &BigInt, rounding: Rounding) -> BigInt {
    let negative = dividend.is_negative() != divisor.is_negative();
    let (dividend, divisor) = (dividend.magnitude(), divisor.magnitude());
    let mut quotient = dividend / divisor;
    let rest = dividend - &quotient * divisor;
    let halves = (&rest * 2_u32).cmp(divisor);
    if rounds_up(rounding, halves, rest.is_zero(), negative, quotient.bit(0)) {
        quotient += BigUint::one();
    }
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, quotient)
}

/// Rounds a scaled integer to so many digits after the point, which may be negative. `digits_max` is more
/// than the integer digits of the type: rounding farther than that gives zero.
pub(crate) fn round(value: &BigInt, scale: u32, digits: i64, rounding: Rounding) -> BigInt {
    if digits >= i64::from(scale) {
        return value.clone();
    }
    if digits < -INTEGER_DIGITS_MAX {
        return BigInt::zero();
    }
    let dropped = u32::try_from(i64::from(scale) - digits).expect("between zero and the digits");
    let unit = power_of_ten(dropped);
    divide(value, &unit, rounding) * unit
}

/// A double times a power of ten, as an integer, rounded half away from zero; of a finite double.
pub(crate) fn from_f64(value: f64, scale: u32) -> BigInt {
    let (mantissa, exponent) = decompose(value);
    let scaled = BigInt::from(mantissa) * power_of_ten(scale);
    if exponent >= 0 {
        scaled << exponent.unsigned_abs()
    } else {
        divide(&scaled, &(BigInt::one() << exponent.unsigned_abs()), Rounding::HalfAwayFromZero)
    }
}

/// The integer and the power of two that a finite double is the product of.
pub(crate) fn decompose(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let fraction = i64::try_from(bits & ((1 << 52) - 1)).expect("52 bits");
    let biased = i32::try_from((bits >> 52) & 0x7ff).expect("11 bits");
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | (1 << 52), biased - 1075) };
    (if value.is_sign_negative() { -mantissa } else { mantissa }, exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{BigNumeric, Numeric};

    #[test]
    fn text_is_read_and_rounded() {
        let check = |input: &str, expected: Option<&str>| {
            let numeric = Numeric::parse(input).map(|numeric| numeric.to_string());
            assert_eq!(numeric.as_deref(), expected, "{input}");
        };
        check("123.456", Some("123.456"));
        check("0.0000000005", Some("0.000000001"));
        check("-0.0000000005", Some("-0.000000001"));
        check("0.00000000049", Some("0"));
        check(
            "99999999999999999999999999999.999999999",
            Some("99999999999999999999999999999.999999999"),
        );
        check("99999999999999999999999999999.9999999995", None);
        check("1e28", Some("10000000000000000000000000000"));
        check("1e29", None);
        check("1e-99999999999999999999999", Some("0"));
        check("1e99999999999999999999999", None);
        check("0e99999999999999999999999", Some("0"));
        for bad in
            ["", " ", ".", "-", "1e", "e1", "1e+", "1 2", "0x1", "nan", "inf", "1.2.3", "--1", "１"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn rounding_has_modes() {
        let check = |input: &str, digits, rounding, expected: &str| {
            let numeric = Numeric::parse(input).unwrap().round(digits, rounding).unwrap();
            assert_eq!(numeric.to_string(), expected);
            let big = BigNumeric::parse(input).unwrap().round(digits, rounding).unwrap();
            assert_eq!(big.to_string(), expected);
        };
        check("2.5", 0, Rounding::HalfAwayFromZero, "3");
        check("-2.5", 0, Rounding::HalfAwayFromZero, "-3");
        check("2.5", 0, Rounding::HalfEven, "2");
        check("3.5", 0, Rounding::HalfEven, "4");
        check("-2.5", 0, Rounding::HalfEven, "-2");
        check("2.9", 0, Rounding::Truncate, "2");
        check("-2.1", 0, Rounding::Floor, "-3");
        check("-2.9", 0, Rounding::Ceiling, "-2");
        check("2.1", 0, Rounding::Ceiling, "3");
        check("1250", -2, Rounding::HalfAwayFromZero, "1300");
        check("1250", -2, Rounding::HalfEven, "1200");
        check("1250", -200, Rounding::HalfAwayFromZero, "0");
        check("1250", i64::MIN, Rounding::HalfAwayFromZero, "0");
        check("1.25", i64::MAX, Rounding::HalfAwayFromZero, "1.25");
        check("1.25", 1, Rounding::HalfEven, "1.2");
    }

    #[test]
    fn the_ends_of_the_range_calculate() {
        let most = Numeric::from_scaled(Numeric::MAX_SCALED).unwrap();
        let big = BigNumeric::from_scaled(-(BigInt::from(1) << 255_u32)).unwrap();
        for (left, right) in [(most, most), (most, -most), (-most, -most), (-most, most)] {
            assert_eq!(left.checked_add(right).is_some(), left == -right);
            assert_eq!(left.checked_sub(right).is_some(), left == right);
            assert_eq!(left.checked_mul(right), None);
            assert!(left.checked_div(right).is_some());
            assert_eq!(left.checked_rem(right), Some(Numeric::ZERO));
        }
        assert_eq!((most.to_i64(), big.to_i64()), (None, None));
        assert_eq!(big.to_numeric(), None);
        assert_eq!((big.checked_neg(), big.checked_abs()), (None, None));
        assert_eq!(big.checked_add(&big), None);
        let tenth = BigNumeric::parse("0.1").unwrap();
        assert_eq!((big.checked_integer_div(&tenth), big.checked_div(&tenth)), (None, None));
        assert!(big.checked_rem(&big).is_some_and(|rest| rest.is_zero()));
        assert_eq!(big.round(0, Rounding::Floor), None);
    }

    fn numerics() -> impl Strategy<Value = Numeric> {
        (-Numeric::MAX_SCALED..=Numeric::MAX_SCALED, 0_u32..38)
            .prop_map(|(scaled, drop)| Numeric::from_scaled(scaled / 10_i128.pow(drop)).unwrap())
    }

    proptest! {
        #[test]
        fn text_reads_back(numeric in numerics()) {
            prop_assert_eq!(Numeric::parse(&numeric.to_string()), Some(numeric));
            let big = BigNumeric::from(numeric);
            prop_assert_eq!(BigNumeric::parse(&big.to_string()), Some(big.clone()));
            prop_assert_eq!(big.to_numeric(), Some(numeric));
        }

        #[test]
        fn doubles_are_the_nearest(numeric in numerics()) {
            let exact: f64 = numeric.to_string().parse().unwrap();
            prop_assert_eq!(numeric.to_f64(), exact);
            prop_assert_eq!(BigNumeric::from(numeric).to_f64(), exact);
        }

        #[test]
        fn both_types_calculate_alike(left in numerics(), right in numerics()) {
            let (big_left, big_right) = (BigNumeric::from(left), BigNumeric::from(right));
            let check = |small: Option<Numeric>, big: Option<BigNumeric>| {
                // A result that both can hold is the same but for the digits that NUMERIC lacks.
                if let Some(small) = small {
                    assert_eq!(big.and_then(|big| big.to_numeric()), Some(small));
                }
            };
            check(left.checked_add(right), big_left.checked_add(&big_right));
            check(left.checked_sub(right), big_left.checked_sub(&big_right));
            check(left.checked_rem(right), big_left.checked_rem(&big_right));
            check(left.checked_integer_div(right), big_left.checked_integer_div(&big_right));
        }

        #[test]
        fn products_and_quotients_are_the_nearest(left in numerics(), right in numerics()) {
            let one = BigInt::from(Numeric::ONE_SCALED);
            let (a, b) = (BigInt::from(left.scaled()), BigInt::from(right.scaled()));
            if let Some(product) = left.checked_mul(right) {
                let error = BigInt::from(product.scaled()) * &one - &a * &b;
                prop_assert!(error.abs() * 2 <= one);
            }
            if let Some(quotient) = left.checked_div(right) {
                let error = BigInt::from(quotient.scaled()) * &b - &a * &one;
                prop_assert!(error.abs() * 2 <= b.abs());
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC*", digits in any::<i64>(), value in any::<f64>()) {
            let _ = (Numeric::parse(&text), BigNumeric::parse(&text));
            for numeric in [Numeric::from_f64(value), Numeric::from_scaled(Numeric::MAX_SCALED)] {
                let _ = numeric.and_then(|numeric| numeric.round(digits, Rounding::HalfEven));
            }
            let _ = BigNumeric::from_f64(value).and_then(|big| big.round(digits, Rounding::Floor));
        }
    }
}

//! Roots, exponentials, logarithms and powers of decimals. They are calculated in binary fixed point with far
//! more bits than the result keeps, so that its last digit is right.

use std::sync::LazyLock;

use num_bigint::{BigInt, BigUint};
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Rounding, divide, power_of_ten};

/// Bits after the point. A BIGNUMERIC has 127 of them and as many before it, and a power multiplies an
/// error by its exponent, which has as many again.
const BITS: u32 = 512;
/// Halvings of the argument before the series of the exponential.
const HALVINGS: u32 = 12;
/// No result outside of e to the power of this is in range of any type, or differs from zero.
const EXPONENT_MAX: i64 = 400;
/// Integer powers up to this are exact products.
const EXACT_POWER_MAX: u32 = 128;

static LN_2: LazyLock<BigInt> = LazyLock::new(|| {
    let one = BigInt::one() << BITS;
    twice_inverse_tangent(&(&one / 3))
});

/// The square root of a scaled integer that is not negative, at the same scale.
pub(crate) fn sqrt(value: &BigInt, scale: u32) -> Option<BigInt> {
    // Twice the root as an integer tells the half.
    let square = value.to_biguint()? * power_of_ten(scale).to_biguint()? * 4_u32;
    Some(divide(&square.sqrt().into(), &BigInt::from(2), Rounding::HalfAwayFromZero))
}

/// The cube root of a scaled integer, at the same scale.
pub(crate) fn cbrt(value: &BigInt, scale: u32) -> Option<BigInt> {
    let unit = power_of_ten(2 * scale).to_biguint()?;
    let cube: BigUint = value.magnitude() * unit * 8_u32;
    let root = divide(&cube.cbrt().into(), &BigInt::from(2), Rounding::HalfAwayFromZero);
    Some(if value.is_negative() { -root } else { root })
}

/// The exponential of a scaled integer; `None` when it is out of range of every type.
pub(crate) fn exp(value: &BigInt, scale: u32) -> Option<BigInt> {
    exp_fixed(&to_fixed(value, scale), scale)
}

/// The natural logarithm of a positive scaled integer.
pub(crate) fn ln(value: &BigInt, scale: u32) -> Option<BigInt> {
    Some(from_fixed(&ln_fixed(&to_fixed(value, scale)), scale))
}

/// The logarithm of a positive scaled integer to a positive base other than one, scaled too.
pub(crate) fn log(value: &BigInt, base: &BigInt, scale: u32) -> Option<BigInt> {
    let (value, base) = (ln_fixed(&to_fixed(value, scale)), ln_fixed(&to_fixed(base, scale)));
    if base.is_zero() {
        return None;
    }
    let dividend = value * power_of_ten(scale);
    Some(divide(&dividend, &base, Rounding::HalfAwayFromZero))
}

/// A scaled integer to the power of another. A negative base needs an integer exponent, a base of zero one
/// that is not negative. `None` when the result is out of range of every type.
pub(crate) fn pow(base: &BigInt, exponent: &BigInt, scale: u32) -> Option<BigInt> {
    let one = power_of_ten(scale);
    if exponent.is_zero() {
        return Some(one);
    }
    if base.is_zero() {
        return Some(BigInt::zero());
    }
    let (whole, rest) = (exponent / &one, exponent % &one);
    let magnitude: BigInt = base.magnitude().clone().into();
    let exact = whole.magnitude().to_u32().filter(|power| *power <= EXACT_POWER_MAX);
    let result = match exact {
        Some(power) if rest.is_zero() => {
            let numerator = num_traits::pow(magnitude, power as usize);
            let denominator = num_traits::pow(one.clone(), power as usize);
            let (numerator, denominator) = if exponent.is_negative() {
                (denominator, numerator)
            } else {
                (numerator, denominator)
            };
            divide(&(numerator * one), &denominator, Rounding::HalfAwayFromZero)
        }
        _ => {
            let logarithm = ln_fixed(&to_fixed(&magnitude, scale));
            let product = divide(&(logarithm * exponent), &one, Rounding::HalfAwayFromZero);
            exp_fixed(&product, scale)?
        }
    };
    Some(if base.is_negative() && whole.bit(0) { -result } else { result })
}

fn to_fixed(value: &BigInt, scale: u32) -> BigInt {
    divide(&(value << BITS), &power_of_ten(scale), Rounding::HalfAwayFromZero)
}

fn from_fixed(value: &BigInt, scale: u32) -> BigInt {
    divide(&(value * power_of_ten(scale)), &(BigInt::one() << BITS), Rounding::HalfAwayFromZero)
}

fn multiply(left: &BigInt, right: &BigInt) -> BigInt {
    (left * right) >> BITS
}

fn exp_fixed(value: &BigInt, scale: u32) -> Option<BigInt> {
    let integer = (value >> BITS).to_i64();
    match integer {
        Some(integer) if integer < -EXPONENT_MAX => return Some(BigInt::zero()),
        Some(integer) if integer <= EXPONENT_MAX => {}
        _ if value.is_negative() => return Some(BigInt::zero()),
        _ => return None,
    }
    // value = doublings * ln 2 + rest, with a rest of half of ln 2 at most.
    let doublings = divide(value, &LN_2, Rounding::HalfAwayFromZero).to_i64()?;
    let rest: BigInt = (value - &*LN_2 * doublings) >> HALVINGS;
    let one = BigInt::one() << BITS;
    let (mut sum, mut term, mut index) = (one.clone(), one, 1_u32);
    while !term.is_zero() && index < BITS {
        term = multiply(&term, &rest) / index;
        sum += &term;
        index += 1;
    }
    for _ in 0..HALVINGS {
        sum = multiply(&sum, &sum);
    }
    let shift = doublings.unsigned_abs();
    if doublings >= 0 {
        return Some(from_fixed(&(sum << shift), scale));
    }
    let divisor = BigInt::one() << (u64::from(BITS) + shift);
    Some(divide(&(sum * power_of_ten(scale)), &divisor, Rounding::HalfAwayFromZero))
}

/// The natural logarithm of a positive number.
fn ln_fixed(value: &BigInt) -> BigInt {
    let one = BigInt::one() << BITS;
    // value = mantissa * 2^doublings, with a mantissa from 1 to 2.
    let doublings = i64::try_from(value.bits()).unwrap_or(i64::MAX) - i64::from(BITS) - 1;
    let mantissa =
        if doublings >= 0 { value >> doublings } else { value << doublings.unsigned_abs() };
    let ratio = ((&mantissa - &one) << BITS) / (&mantissa + &one);
    twice_inverse_tangent(&ratio) + &*LN_2 * doublings
}

/// Twice the inverse hyperbolic tangent of a number of a third at most.
fn twice_inverse_tangent(ratio: &BigInt) -> BigInt {
    let square = multiply(ratio, ratio);
    let (mut sum, mut power, mut index) = (ratio.clone(), ratio.clone(), 1_u32);
    while !power.is_zero() && index < BITS {
        power = multiply(&power, &square);
        index += 2;
        sum += &power / index;
    }
    sum * 2
}

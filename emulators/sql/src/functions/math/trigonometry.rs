//! Inverse hyperbolic functions in the forms that the C library computes them in, since those of Rust's
//! standard library differ in the last digits, and ATAN2.

use std::f64::consts::LN_2;

use super::super::Call;
use super::{float, floating_point_error, short};
use crate::error::Result;
use crate::value::Value;

/// Above this a square loses the one that is added to it.
const LARGE: f64 = 268_435_456.0;

pub(super) fn asinh(value: f64) -> f64 {
    let size = value.abs();
    if !value.is_finite() || size < 1.0 / LARGE {
        return value;
    }
    let result = if size > LARGE {
        size.ln() + LN_2
    } else if size > 2.0 {
        (2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size)).ln()
    } else {
        let square = size * size;
        (size + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    };
    result.copysign(value)
}

pub(super) fn acosh(value: f64) -> f64 {
    if value < 1.0 {
        return f64::NAN;
    }
    if value > LARGE {
        return value.ln() + LN_2;
    }
    if value > 2.0 {
        return (2.0 * value - 1.0 / (value + (value * value - 1.0).sqrt())).ln();
    }
    let above = value - 1.0;
    (above + (2.0 * above + above * above).sqrt()).ln_1p()
}

pub(super) fn atanh(value: f64) -> f64 {
    let size = value.abs();
    if size > 1.0 {
        return f64::NAN;
    }
    let result = if size < 0.5 {
        let twice = size + size;
        0.5 * (twice + twice * size / (1.0 - size)).ln_1p()
    } else {
        0.5 * ((size + size) / (1.0 - size)).ln_1p()
    };
    result.copysign(value)
}

pub(super) fn atan2(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (y, x) = (float(&args[0])?, float(&args[1])?);
    let angle = y.atan2(x);
    if angle.is_finite() || !y.is_finite() || !x.is_finite() {
        return Ok(angle.into());
    }
    Err(floating_point_error(&format!("ATAN2({}, {})", short(y), short(x))))
}

//! Bounds of `RANGE` frames with an offset: the rows whose key lies no further than the offset from
//! the current row's. Sums that overflow are compared as they are, in wider words. NULL and NaN are
//! at no distance from anything: such a row's bound is that of its peers.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::{OrderKey, Side, negative_offset, null_offset};
use crate::error::{Result, SqlError};
use crate::value::Value;

/// On which side of the current row the bound lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Preceding,
    Following,
}

/// A key or an offset as a number that can be added without overflow.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Number {
    /// INT64, or NUMERIC scaled.
    Whole(i128),
    Big(BigInt),
    Double(f64),
}

impl Number {
    /// `None` for NULL and NaN, and for what has no distance.
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Int64(value) => Self::Whole(i128::from(*value)),
            Value::Numeric(value) => Self::Whole(value.scaled()),
            Value::BigNumeric(value) => Self::Big(value.scaled().clone()),
            Value::Float64(value) if !value.is_nan() => Self::Double(*value),
            _ => return None,
        })
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::Whole(value) => *value < 0,
            Self::Big(value) => value.sign() == Sign::Minus,
            Self::Double(value) => *value < 0.0,
        }
    }

    fn moved(&self, offset: &Self, upwards: bool) -> Option<Self> {
        Some(match (self, offset) {
            // Keys and offsets stay below 10^38; saturation is still beyond every key.
            (Self::Whole(key), Self::Whole(offset)) if upwards => {
                Self::Whole(key.saturating_add(*offset))
            }
            (Self::Whole(key), Self::Whole(offset)) => Self::Whole(key.saturating_sub(*offset)),
            (Self::Big(key), Self::Big(offset)) if upwards => Self::Big(key + offset),
            (Self::Big(key), Self::Big(offset)) => Self::Big(key - offset),
            (Self::Double(key), Self::Double(offset)) => {
                let moved = if upwards { key + offset } else { key - offset };
                if moved.is_nan() {
                    return None;
                }
                Self::Double(moved)
            }
            _ => return None,
        })
    }
}

/// For each row its bound.
pub(super) fn bounds(
    offset: &Value,
    direction: Direction,
    side: Side,
    peers: &[(usize, usize)],
    order_keys: &[OrderKey<'_>],
) -> Result<Vec<usize>> {
    let [key] = order_keys else {
        let message = "A RANGE window frame with an offset needs exactly one ORDER BY expression";
        return Err(SqlError::evaluation(message));
    };
    let offset = checked_offset(offset)?;
    let numbers: Vec<Option<Number>> = key.values.iter().map(Number::of).collect();
    // NULL and NaN stand at the ends of an order, so that the numbers are one stretch.
    let first = numbers.iter().position(Option::is_some).unwrap_or(numbers.len());
    let length = numbers[first..].iter().take_while(|number| number.is_some()).count();
    let stretch = &numbers[first..first + length];
    // Backwards in the order is downwards in numbers, unless they descend.
    let upwards = (direction == Direction::Following) != key.descending;
    let bound = |row: usize| {
        let Some(number) = &numbers[row] else {
            let (first, past_last) = peers[row];
            return Ok(if side == Side::Start { first } else { past_last });
        };
        let target = number.moved(&offset, upwards).ok_or_else(infinite)?;
        let before = |other: &Option<Number>| {
            let order = other.as_ref().and_then(|other| other.partial_cmp(&target));
            let order = order.unwrap_or(Ordering::Equal);
            let order = if key.descending { order.reverse() } else { order };
            order.is_lt() || (side == Side::End && order.is_eq())
        };
        Ok(first + stretch.partition_point(before))
    };
    (0..peers.len()).map(bound).collect()
}

fn checked_offset(offset: &Value) -> Result<Number> {
    let number = match offset {
        Value::Null => return Err(null_offset()),
        Value::Float64(value) if value.is_nan() => return Err(negative_offset(value)),
        offset => Number::of(offset),
    };
    let Some(number) = number else {
        return Err(SqlError::not_implemented("a RANGE offset that is not a number"));
    };
    if number.is_negative() {
        return Err(match offset {
            Value::Int64(value) => negative_offset(value),
            Value::Float64(value) => negative_offset(value),
            _ => negative_offset(&"negative"),
        });
    }
    Ok(number)
}

/// An infinite offset from an infinite key.
fn infinite() -> SqlError {
    SqlError::evaluation(
        "Offset value cannot be positive infinity when there exists an infinite order key",
    )
}

//! Bits of INT64 and BYTES: `~ & | ^ << >>` and BIT_COUNT. Shifts are logical, and shifting by the width or
//! more gives zero.

use super::arithmetic::{mismatch, strict};
use super::{Call, ScalarFunction};
use crate::error::{Result, SqlError};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("$bitwise_not", &["(INT64) -> INT64", "(BYTES) -> BYTES"], bitwise_not),
    strict("$bitwise_and", BINARY, |_, args| bitwise(args, |a, b| a & b, |a, b| a & b)),
    strict("$bitwise_or", BINARY, |_, args| bitwise(args, |a, b| a | b, |a, b| a | b)),
    strict("$bitwise_xor", BINARY, |_, args| bitwise(args, |a, b| a ^ b, |a, b| a ^ b)),
    strict("$shift_left", SHIFT, |_, args| shift(args, Direction::Left)),
    strict("$shift_right", SHIFT, |_, args| shift(args, Direction::Right)),
    strict("BIT_COUNT", &["(INT64) -> INT64", "(BYTES) -> INT64"], bit_count),
];

const BINARY: &[&str] = &["(INT64, INT64) -> INT64", "(BYTES, BYTES) -> BYTES"];
const SHIFT: &[&str] = &["(INT64, INT64) -> INT64", "(BYTES, INT64) -> BYTES"];

fn bitwise_not(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Int64(value) => Ok(Value::Int64(!value)),
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes.iter().map(|byte| !byte).collect())),
        _ => Err(mismatch()),
    }
}

fn bitwise(
    args: &[Value],
    integers: fn(i64, i64) -> i64,
    bytes: fn(u8, u8) -> u8,
) -> Result<Value> {
    match args {
        [Value::Int64(left), Value::Int64(right)] => Ok(Value::Int64(integers(*left, *right))),
        [Value::Bytes(left), Value::Bytes(right)] if left.len() == right.len() => {
            let pairs = left.iter().zip(right.iter());
            Ok(Value::Bytes(pairs.map(|(left, right)| bytes(*left, *right)).collect()))
        }
        [Value::Bytes(left), Value::Bytes(right)] => Err(SqlError::evaluation(format!(
            "Bitwise binary operator for BYTES requires equal length of the inputs. Got {} bytes on \
             the left hand side and {} bytes on the right hand side.",
            left.len(),
            right.len(),
        ))),
        _ => Err(mismatch()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

fn shift(args: &[Value], direction: Direction) -> Result<Value> {
    let Value::Int64(offset) = args[1] else { return Err(mismatch()) };
    let Ok(offset) = u64::try_from(offset) else {
        return Err(SqlError::evaluation("Bitwise shift by negative offset."));
    };
    match &args[0] {
        Value::Int64(value) => {
            let bits = value.cast_unsigned();
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let shifted = match direction {
                Direction::Left => bits.checked_shl(offset),
                Direction::Right => bits.checked_shr(offset),
            };
            Ok(Value::Int64(shifted.unwrap_or(0).cast_signed()))
        }
        Value::Bytes(bytes) => Ok(Value::Bytes(shift_bytes(bytes, offset, direction).into())),
        _ => Err(mismatch()),
    }
}

fn shift_bytes(bytes: &[u8], offset: u64, direction: Direction) -> Vec<u8> {
    let whole = usize::try_from(offset / 8).unwrap_or(usize::MAX);
    let bits = offset % 8;
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied().unwrap_or(0);
    let shifted = (0..bytes.len()).map(|index| {
        // The byte takes its bits from two neighbours: the nearer one, and the one farther off.
        let (high, low) = match direction {
            Direction::Left => {
                let near = index.checked_add(whole);
                (at(near), at(near.and_then(|near| near.checked_add(1))))
            }
            Direction::Right => {
                let near = index.checked_sub(whole);
                (at(near.and_then(|near| near.checked_sub(1))), at(near))
            }
        };
        let pair = u16::from_be_bytes([high, low]);
        let [high, low] = match direction {
            Direction::Left => (pair << bits).to_be_bytes(),
            Direction::Right => (pair >> bits).to_be_bytes(),
        };
        if direction == Direction::Left { high } else { low }
    });
    shifted.collect()
}

fn bit_count(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Int64(value) => Ok(Value::Int64(i64::from(value.count_ones()))),
        Value::Bytes(bytes) => {
            Ok(Value::Int64(bytes.iter().map(|byte| i64::from(byte.count_ones())).sum()))
        }
        _ => Err(mismatch()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::functions::arithmetic::tests::{call, outcome};

    #[test]
    fn bits_of_both_types() {
        let check = |name, args: &[Value], expected: Result<Value, &str>| {
            assert_eq!(outcome(name, args), expected.map_err(str::to_owned), "{name}");
        };
        check("$bitwise_not", &[5.into()], Ok((-6).into()));
        check("$bitwise_and", &[12.into(), 10.into()], Ok(8.into()));
        check("$bitwise_or", &[12.into(), 10.into()], Ok(14.into()));
        check("$bitwise_xor", &[12.into(), 10.into()], Ok(6.into()));
        check("$shift_left", &[1.into(), 63.into()], Ok(i64::MIN.into()));
        check("$shift_left", &[1.into(), 64.into()], Ok(0.into()));
        check("$shift_right", &[(-1).into(), 60.into()], Ok(15.into()));
        check("$shift_right", &[(-1).into(), i64::MAX.into()], Ok(0.into()));
        check("$shift_left", &[1.into(), (-1).into()], Err("Bitwise shift by negative offset."));
        check("BIT_COUNT", &[(-1).into()], Ok(64.into()));
        check("BIT_COUNT", &[Value::bytes([0xff, 1])], Ok(9.into()));
        let bytes = |bytes: &[u8]| Value::bytes(bytes);
        check("$bitwise_not", &[bytes(&[0xf0])], Ok(bytes(&[0x0f])));
        check("$bitwise_xor", &[bytes(&[1, 2]), bytes(&[3, 3])], Ok(bytes(&[2, 1])));
        check(
            "$shift_left",
            &[bytes(&[0x12, 0x34, 0x56]), 4.into()],
            Ok(bytes(&[0x23, 0x45, 0x60])),
        );
        check("$shift_right", &[bytes(&[0x12, 0x34, 0x56]), 12.into()], Ok(bytes(&[0, 1, 0x23])));
        check("$shift_right", &[bytes(&[0x12]), 8.into()], Ok(bytes(&[0])));
        check(
            "$bitwise_and",
            &[bytes(&[1]), bytes(&[1, 2])],
            Err(
                "Bitwise binary operator for BYTES requires equal length of the inputs. Got 1 bytes \
                 on the left hand side and 2 bytes on the right hand side.",
            ),
        );
    }

    proptest! {
        #[test]
        fn bytes_shift_as_an_integer_does(value in any::<u64>(), offset in 0_i64..80) {
            for name in ["$shift_left", "$shift_right"] {
                let number = call(name, &[value.cast_signed().into(), offset.into()]).unwrap();
                let big_endian = Value::bytes(value.to_be_bytes());
                let bytes = call(name, &[big_endian, offset.into()]).unwrap();
                let expected = number.as_int64().unwrap().to_be_bytes();
                prop_assert_eq!(bytes.as_bytes(), Some(&expected[..]));
            }
        }
    }
}

//! What of a value goes into a sketch: a type and a hash. Values that `GROUP BY` holds for equal
//! hash alike.

use super::fingerprint::fingerprint;
use crate::value::Value;

/// A value, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::functions::aggregate) struct Hashed {
    /// The number of the type in a sketch.
    pub(super) value_type: u64,
    pub(in crate::functions::aggregate) hash: u64,
}

/// Numbers of types as they stand in sketches: unsigned integers of 64 bits, bytes or text, and two
/// of our own above 1,000, where custom types belong.
const INTEGER: u64 = 8;
const BYTES_OR_TEXT: u64 = 11;
const NUMERIC: u64 = 1001;
const BIG_NUMERIC: u64 = 1002;
/// Of types that cannot be made into a sketch that leaves this crate.
const OTHER: u64 = 0;

impl Hashed {
    /// Hashes a value; the scratch space is there so that no row allocates.
    pub(in crate::functions::aggregate) fn of(value: &Value, scratch: &mut Vec<u8>) -> Self {
        let (value_type, hash) = match value {
            Value::Int64(value) => (INTEGER, fingerprint(&value.to_le_bytes())),
            Value::String(value) => (BYTES_OR_TEXT, fingerprint(value.as_bytes())),
            Value::Bytes(value) => (BYTES_OR_TEXT, fingerprint(value)),
            Value::Numeric(value) => (NUMERIC, fingerprint(&value.scaled().to_le_bytes())),
            Value::BigNumeric(value) => {
                (BIG_NUMERIC, fingerprint(&value.scaled().to_signed_bytes_le()))
            }
            other => {
                scratch.clear();
                append(other, scratch);
                (OTHER, fingerprint(scratch))
            }
        };
        Self { value_type, hash }
    }
}

/// Appends bytes that tell a value from every other of its type.
fn append(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Geography(_) => bytes.push(0),
        Value::Bool(value) => bytes.push(u8::from(*value)),
        Value::Int64(value)
        | Value::Time(value)
        | Value::Datetime(value)
        | Value::Timestamp(value) => bytes.extend_from_slice(&value.to_le_bytes()),
        Value::Date(value) => bytes.extend_from_slice(&value.to_le_bytes()),
        Value::Float64(value) => {
            // Both zeros are one value, and so are all NaNs.
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            bytes.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Value::Numeric(value) => bytes.extend_from_slice(&value.scaled().to_le_bytes()),
        Value::BigNumeric(value) => {
            append_sized(&value.scaled().to_signed_bytes_le(), bytes);
        }
        Value::String(value) => append_sized(value.as_bytes(), bytes),
        Value::Bytes(value) => append_sized(value, bytes),
        Value::Interval(value) => bytes.extend_from_slice(&value.comparable_nanos().to_le_bytes()),
        Value::Json(value) => append_sized(value.to_string().as_bytes(), bytes),
        Value::Range(ends) => append_all(&ends[..], bytes),
        Value::Array(values) | Value::Struct(values) => append_all(values, bytes),
    }
}

fn append_all(values: &[Value], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&values.len().to_le_bytes());
    for value in values {
        bytes.push(u8::from(!value.is_null()));
        append(value, bytes);
    }
}

fn append_sized(content: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&content.len().to_le_bytes());
    bytes.extend_from_slice(content);
}

//! Values of GoogleSQL. A value does not know its type; the expression that it came from does. Copies are
//! cheap: whatever is larger than two words is shared. Invariant: 24 bytes a value.

mod bignumeric;
mod compare;
pub(crate) mod decimal;
mod interval;
mod numeric;
pub(crate) mod text;

use std::sync::Arc;

pub use bignumeric::BigNumeric;
pub(crate) use compare::hash_group;
pub use compare::{GroupKey, compare, equals};
pub use interval::Interval;
pub use numeric::Numeric;
pub(crate) use text::{display, float_text, general, literal, string_literal};

use crate::geography::Geography;

/// A value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// NULL of any type.
    #[default]
    Null,
    /// `BOOL`.
    Bool(bool),
    /// `INT64`.
    Int64(i64),
    /// `FLOAT64`.
    Float64(f64),
    /// `NUMERIC`.
    Numeric(Numeric),
    /// `BIGNUMERIC`.
    BigNumeric(Arc<BigNumeric>),
    /// `STRING`.
    String(Arc<str>),
    /// `BYTES`.
    Bytes(Arc<[u8]>),
    /// `DATE`: days since 1970-01-01.
    Date(i32),
    /// `TIME`: microseconds since midnight.
    Time(i64),
    /// `DATETIME`: microseconds since 1970-01-01 00:00:00 of the civil calendar.
    Datetime(i64),
    /// `TIMESTAMP`: microseconds since the epoch, UTC.
    Timestamp(i64),
    /// `INTERVAL`.
    Interval(Arc<Interval>),
    /// `JSON`; keys of objects are in order.
    Json(Arc<serde_json::Value>),
    /// `GEOGRAPHY`.
    Geography(Arc<Geography>),
    /// `RANGE`: start and end, either of which may be NULL, which means unbounded.
    Range(Arc<[Value; 2]>),
    /// `ARRAY`.
    Array(Arc<[Value]>),
    /// `STRUCT`.
    Struct(Arc<[Value]>),
}

const _: () = assert!(size_of::<Value>() == 24, "a value is three words");

impl Value {
    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A string.
    #[must_use]
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(Arc::from(bytes.as_ref()))
    }

    /// An array.
    #[must_use]
    pub fn array(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(elements.into_iter().collect())
    }

    /// A struct.
    #[must_use]
    pub fn structure(fields: impl IntoIterator<Item = Self>) -> Self {
        Self::Struct(fields.into_iter().collect())
    }

    /// A JSON value.
    #[must_use]
    pub fn json(value: serde_json::Value) -> Self {
        Self::Json(Arc::new(value))
    }

    /// An interval.
    #[must_use]
    pub fn interval(interval: Interval) -> Self {
        Self::Interval(Arc::new(interval))
    }

    /// A `BIGNUMERIC`.
    #[must_use]
    pub fn big_numeric(number: BigNumeric) -> Self {
        Self::BigNumeric(Arc::new(number))
    }

    /// TRUE, as a condition sees it: NULL is not.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The bool, of a `BOOL` that is not NULL.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, of an `INT64` that is not NULL.
    #[must_use]
    pub fn as_int64(&self) -> Option<i64> {
        match self {
            Self::Int64(value) => Some(*value),
            _ => None,
        }
    }

    /// The double, of a `FLOAT64` that is not NULL.
    #[must_use]
    pub fn as_float64(&self) -> Option<f64> {
        match self {
            Self::Float64(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, of a `STRING` that is not NULL.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes, of `BYTES` that are not NULL.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, of an `ARRAY` that is not NULL.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The fields, of a `STRUCT` that is not NULL.
    #[must_use]
    pub fn as_struct(&self) -> Option<&[Self]> {
        match self {
            Self::Struct(fields) => Some(fields),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int64(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

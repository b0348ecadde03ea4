//! GoogleSQL's types. Invariant: a type says everything about the shape of a value; names of struct
//! fields compare without case, and an anonymous field has an empty name.

use std::fmt;
use std::sync::Arc;

/// A type of GoogleSQL, without type parameters: those belong to columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// `BOOL`.
    Bool,
    /// `INT64`.
    Int64,
    /// `FLOAT64`.
    Float64,
    /// `NUMERIC`: 38 digits, 9 of them after the point.
    Numeric,
    /// `BIGNUMERIC`: 76 digits, 38 of them after the point.
    BigNumeric,
    /// `STRING`.
    String,
    /// `BYTES`.
    Bytes,
    /// `DATE`.
    Date,
    /// `TIME`.
    Time,
    /// `DATETIME`.
    Datetime,
    /// `TIMESTAMP`.
    Timestamp,
    /// `INTERVAL`.
    Interval,
    /// `JSON`.
    Json,
    /// `GEOGRAPHY`.
    Geography,
    /// `RANGE<T>` of dates, datetimes or timestamps.
    Range(Arc<Type>),
    /// `ARRAY<T>`.
    Array(Arc<Type>),
    /// `STRUCT<…>`.
    Struct(Arc<[StructField]>),
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// Its name; empty when it has none.
    pub name: Arc<str>,
    /// Its type.
    pub field_type: Type,
}

impl StructField {
    /// A field.
    #[must_use]
    pub fn new(name: &str, field_type: Type) -> Self {
        Self { name: name.into(), field_type }
    }
}

impl Type {
    /// `ARRAY<self>`.
    #[must_use]
    pub fn array_of(element: Self) -> Self {
        Self::Array(Arc::new(element))
    }

    /// A struct of named fields.
    #[must_use]
    pub fn struct_of(fields: impl IntoIterator<Item = StructField>) -> Self {
        Self::Struct(fields.into_iter().collect())
    }

    /// The type of the elements, of an array.
    #[must_use]
    pub fn element(&self) -> Option<&Self> {
        match self {
            Self::Array(element) => Some(element),
            _ => None,
        }
    }

    /// The fields, of a struct.
    #[must_use]
    pub fn fields(&self) -> Option<&[StructField]> {
        match self {
            Self::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// Whether it is `INT64`, `NUMERIC`, `BIGNUMERIC` or `FLOAT64`.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Int64 | Self::Float64 | Self::Numeric | Self::BigNumeric)
    }

    /// Whether values can be compared with `=` and grouped: not JSON, geography, and not what holds them.
    #[must_use]
    pub fn is_groupable(&self) -> bool {
        match self {
            Self::Json | Self::Geography => false,
            Self::Array(element) => element.is_groupable(),
            Self::Struct(fields) => fields.iter().all(|field| field.field_type.is_groupable()),
            _ => true,
        }
    }

    /// Whether values can be compared with `=`: what can be grouped, arrays apart.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        match self {
            Self::Json | Self::Geography => false,
            Self::Array(element) => element.is_comparable(),
            Self::Struct(fields) => fields.iter().all(|field| field.field_type.is_comparable()),
            _ => true,
        }
    }

    /// Whether values have an order for `<` and `ORDER BY`.
    #[must_use]
    pub fn is_orderable(&self) -> bool {
        !matches!(self, Self::Json | Self::Geography | Self::Array(_) | Self::Struct(_))
    }

    /// A type by its name in SQL, without parameters and elements; aliases count.
    #[must_use]
    pub fn simple(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "BOOL" | "BOOLEAN" => Self::Bool,
            "INT64" | "INT" | "SMALLINT" | "INTEGER" | "BIGINT" | "TINYINT" | "BYTEINT" => {
                Self::Int64
            }
            "FLOAT64" => Self::Float64,
            "NUMERIC" | "DECIMAL" => Self::Numeric,
            "BIGNUMERIC" | "BIGDECIMAL" => Self::BigNumeric,
            "STRING" => Self::String,
            "BYTES" => Self::Bytes,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "DATETIME" => Self::Datetime,
            "TIMESTAMP" => Self::Timestamp,
            "INTERVAL" => Self::Interval,
            "JSON" => Self::Json,
            "GEOGRAPHY" => Self::Geography,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bool => "BOOL",
            Self::Int64 => "INT64",
            Self::Float64 => "FLOAT64",
            Self::Numeric => "NUMERIC",
            Self::BigNumeric => "BIGNUMERIC",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Datetime => "DATETIME",
            Self::Timestamp => "TIMESTAMP",
            Self::Interval => "INTERVAL",
            Self::Json => "JSON",
            Self::Geography => "GEOGRAPHY",
            Self::Range(element) => return write!(formatter, "RANGE<{element}>"),
            Self::Array(element) => return write!(formatter, "ARRAY<{element}>"),
            Self::Struct(fields) => {
                formatter.write_str("STRUCT<")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        formatter.write_str(", ")?;
                    }
                    if !field.name.is_empty() {
                        write!(formatter, "{} ", field.name)?;
                    }
                    write!(formatter, "{}", field.field_type)?;
                }
                return formatter.write_str(">");
            }
        };
        formatter.write_str(name)
    }
}

//! BigQuery's table schemas and their Arrow types. Invariant: every Arrow field carries its BigQuery type
//! in the metadata `bigquery.type`, so that nothing is guessed back from Arrow.
//!
//! NUMERIC and BIGNUMERIC are decimals of 128 and 256 bits, RANGE is a struct of `start` and `end`, and
//! INTERVAL and GEOGRAPHY are texts (the canonical form, and WKT): no Arrow type holds an INTERVAL's whole
//! range.

mod json;
pub(crate) mod proto;
mod select;
mod sql;
mod update;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Map, Value};

pub use update::{SchemaUpdate, Updates};

/// The metadata key that names the BigQuery type of an Arrow field.
pub const TYPE_KEY: &str = "bigquery.type";
/// Digits of a NUMERIC, and how many of them stand after the point.
pub const NUMERIC_DIGITS: (u8, i8) = (38, 9);
/// Digits of a BIGNUMERIC, and how many of them stand after the point.
pub const BIGNUMERIC_DIGITS: (u8, i8) = (76, 38);

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// UTF-8 text.
    String,
    /// Bytes; base64 in JSON.
    Bytes,
    /// 64-bit integer; text in JSON.
    Int64,
    /// Double.
    Float64,
    /// 38 digits, 9 of them after the point.
    Numeric,
    /// 76 digits, 38 of them after the point.
    BigNumeric,
    /// Boolean.
    Bool,
    /// Microseconds since the epoch, UTC.
    Timestamp,
    /// Days since the epoch.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01 00:00:00 of the civil calendar.
    Datetime,
    /// Months, days and a time, kept as canonical text.
    Interval,
    /// JSON, kept as text.
    Json,
    /// A geography, kept as WKT.
    Geography,
    /// Start and end.
    Range(RangeElement),
    /// A record with fields of its own.
    Record(Vec<Field>),
}

/// What a RANGE ranges over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeElement {
    /// Days.
    Date,
    /// Civil times.
    Datetime,
    /// Instants.
    Timestamp,
}

/// Whether a field may be null or repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// May be null.
    Nullable,
    /// Must be there.
    Required,
    /// An array.
    Repeated,
}

/// The parameters of a type: `STRING(10)`, `NUMERIC(10, 2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeParameters {
    /// Characters of a STRING or bytes of BYTES at most.
    pub length_max: Option<u64>,
    /// Digits of a decimal.
    pub precision: Option<u32>,
    /// Digits after the point of a decimal.
    pub scale: Option<u32>,
}

/// A column, or a field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in the case in which it was made.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Its mode.
    pub mode: Mode,
    /// A person's words about it.
    pub description: Option<String>,
    /// The type's parameters.
    pub parameters: TypeParameters,
    /// `defaultValueExpression`: SQL for rows that do not name the column.
    pub default_value: Option<String>,
    /// Collation, policy tags and the like, as they were given.
    pub kept: Map<String, Value>,
}

/// A table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// In order.
    pub fields: Vec<Field>,
}

/// Why a schema is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// It asks for a type that this emulator does not have.
    #[error("Column type {0} is not implemented by this emulator")]
    Unimplemented(String),
}

impl RangeElement {
    /// The element as a column's type.
    #[must_use]
    pub fn field_type(self) -> FieldType {
        match self {
            Self::Date => FieldType::Date,
            Self::Datetime => FieldType::Datetime,
            Self::Timestamp => FieldType::Timestamp,
        }
    }

    /// `start` and `end`, as a record has them.
    #[must_use]
    pub fn bounds(self) -> [Field; 2] {
        ["start", "end"].map(|name| Field::new(name, self.field_type()))
    }
}

impl FieldType {
    /// The name in REST's JSON (the legacy spelling, as the service answers).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Int64 => "INTEGER",
            Self::Float64 => "FLOAT",
            Self::Numeric => "NUMERIC",
            Self::BigNumeric => "BIGNUMERIC",
            Self::Bool => "BOOLEAN",
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Datetime => "DATETIME",
            Self::Interval => "INTERVAL",
            Self::Json => "JSON",
            Self::Geography => "GEOGRAPHY",
            Self::Range(_) => "RANGE",
            Self::Record(_) => "RECORD",
        }
    }

    fn to_arrow(&self) -> DataType {
        let of_fields =
            |fields: &[Field]| DataType::Struct(fields.iter().map(Field::to_arrow).collect());
        match self {
            Self::String | Self::Json | Self::Interval | Self::Geography => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Numeric => DataType::Decimal128(NUMERIC_DIGITS.0, NUMERIC_DIGITS.1),
            Self::BigNumeric => DataType::Decimal256(BIGNUMERIC_DIGITS.0, BIGNUMERIC_DIGITS.1),
            Self::Bool => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Datetime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Range(element) => of_fields(&element.bounds()),
            Self::Record(fields) => of_fields(fields),
        }
    }
}

impl Field {
    /// A nullable field without parameters.
    #[must_use]
    pub fn new(name: &str, field_type: FieldType) -> Self {
        Self {
            name: name.to_owned(),
            field_type,
            mode: Mode::Nullable,
            description: None,
            parameters: TypeParameters::default(),
            default_value: None,
            kept: Map::new(),
        }
    }

    /// The same field with another mode.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The Arrow field; a repeated one is a list that is never null.
    #[must_use]
    pub fn to_arrow(&self) -> ArrowField {
        let metadata = HashMap::from([(TYPE_KEY.to_owned(), self.field_type.name().to_owned())]);
        let data_type = self.field_type.to_arrow();
        let field = match self.mode {
            Mode::Nullable => ArrowField::new(&self.name, data_type, true),
            Mode::Required => ArrowField::new(&self.name, data_type, false),
            Mode::Repeated => {
                let item = ArrowField::new("item", data_type, true).with_metadata(metadata.clone());
                ArrowField::new(&self.name, DataType::List(Arc::new(item)), false)
            }
        };
        field.with_metadata(metadata)
    }
}

impl TableSchema {
    /// The Arrow schema.
    #[must_use]
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.iter().map(Field::to_arrow).collect::<Fields>()))
    }

    /// Where a column is; names compare without case.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        index_of(&self.fields, name)
    }
}

/// Where a field is in a record; names compare without case.
#[must_use]
pub fn index_of(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
}

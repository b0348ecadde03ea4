//! One value on its way into a column, borrowed where it can be, and the columns that take it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, Float64Builder, Int64Builder, ListArray, NullBufferBuilder, RecordBatch,
    StringBuilder, StructArray, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field as ArrowField, Fields, SchemaRef, i256};

use super::decimal::{fit_big_numeric, fit_numeric};
use crate::schema::{BIGNUMERIC_DIGITS, Field, FieldType, Mode, NUMERIC_DIGITS, TableSchema};

/// A value of a column, already of the column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// BOOL.
    Bool(bool),
    /// INT64, DATE (days), and microseconds of TIMESTAMP, DATETIME and TIME.
    Int(i64),
    /// FLOAT64.
    Float(f64),
    /// NUMERIC, times 10^9.
    Decimal(i128),
    /// BIGNUMERIC, times 10^38.
    BigDecimal(i256),
    /// STRING, JSON, INTERVAL and GEOGRAPHY.
    Text(Cow<'a, str>),
    /// BYTES.
    Bytes(Cow<'a, [u8]>),
    /// RECORD: one cell for each field. RANGE: start and end.
    Record(Vec<Cell<'a>>),
    /// REPEATED.
    List(Vec<Cell<'a>>),
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// A REQUIRED field is null or missing.
    #[error("Missing required field: {0}.")]
    MissingRequired(String),
    /// The row has a field that the table has not.
    #[error("no such field: {0}.")]
    UnknownField(String),
    /// A value is not of its column's type.
    #[error("Cannot convert value to {of} (bad value): {value}")]
    BadValue {
        /// The column.
        field: String,
        /// Its type, in lower case.
        of: String,
        /// The value.
        value: String,
    },
    /// A value does not fit its column.
    #[error("{0}")]
    Invalid(String),
}

/// Checks that a cell may stand in a field, by mode and type parameters, and rounds a decimal to its scale.
pub(crate) fn fit<'a>(field: &Field, mut cell: Cell<'a>) -> Result<Cell<'a>, CellError> {
    fit_in_place(field, &mut cell)?;
    Ok(cell)
}

/// As [`fit`], without moving the cell.
pub(super) fn fit_in_place(field: &Field, cell: &mut Cell<'_>) -> Result<(), CellError> {
    match cell {
        Cell::Null if field.mode == Mode::Required => {
            return Err(CellError::MissingRequired(field.name.clone()));
        }
        Cell::Record(cells) => {
            if let FieldType::Record(fields) = &field.field_type {
                for (field, cell) in fields.iter().zip(cells) {
                    fit_in_place(field, cell)?;
                }
            }
        }
        Cell::List(cells) => {
            if cells.contains(&Cell::Null) {
                let text =
                    format!("Only optional fields can be set to NULL. Field: {}", field.name);
                return Err(CellError::Invalid(text));
            }
            for cell in cells {
                fit_in_place(field, cell)?;
            }
        }
        Cell::Text(text) => {
            if let Some(max) = field.parameters.length_max {
                check_length(field, max, text.chars().count())?;
            }
        }
        Cell::Bytes(bytes) => {
            if let Some(max) = field.parameters.length_max {
                check_length(field, max, bytes.len())?;
            }
        }
        Cell::Decimal(scaled) => *scaled = fit_numeric(field, *scaled)?,
        Cell::BigDecimal(scaled) => *scaled = fit_big_numeric(field, *scaled)?,
        _ => {}
    }
    Ok(())
}

fn check_length(field: &Field, max: u64, length: usize) -> Result<(), CellError> {
    if length as u64 <= max {
        return Ok(());
    }
    let of = field.field_type.name();
    Err(CellError::Invalid(format!(
        "Field {}: {of}({max}) has maximum length {max} but got a value with length {length}",
        field.name
    )))
}

/// Rows that a batch has room for at the start, where nobody knows how many will come.
const ROWS: usize = 64;
/// Bytes of a text for which there is room at the start.
const TEXT_BYTES: usize = 16;

/// Columns that grow row by row.
#[derive(Debug)]
pub struct BatchBuilder {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl BatchBuilder {
    /// Empty columns of a table.
    #[must_use]
    pub fn new(schema: &TableSchema) -> Self {
        Self::sized(&schema.fields, &schema.to_arrow(), ROWS)
    }

    /// Empty columns with room for so many rows; `arrow` is the fields' schema.
    pub(super) fn sized(fields: &[Field], arrow: &SchemaRef, rows: usize) -> Self {
        let columns = fields.iter().zip(arrow.fields());
        let columns = columns.map(|(field, arrow)| Column::of_field(field, arrow, rows)).collect();
        Self { schema: Arc::clone(arrow), columns, rows: 0 }
    }

    /// Adds a row: one cell for each column, which fit (they come from this crate's decoders, which
    /// check modes and types before).
    pub fn push(&mut self, row: &[Cell<'_>]) {
        debug_assert_eq!(row.len(), self.columns.len());
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
        self.rows += 1;
    }

    /// Ends the batch.
    ///
    /// # Errors
    /// When a required column holds a null, which the decoders keep from happening.
    pub fn finish(mut self) -> Result<RecordBatch, CellError> {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(self.schema, columns, &options)
            .map_err(|error| CellError::Invalid(error.to_string()))
    }
}

#[derive(Debug)]
enum Column {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    BigDecimal(Decimal256Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    /// TIMESTAMP and DATETIME: the zone is the builder's.
    Instant(TimestampMicrosecondBuilder),
    Time(Time64MicrosecondBuilder),
    Date(Date32Builder),
    Record {
        fields: Fields,
        columns: Vec<Column>,
        present: NullBufferBuilder,
    },
    List {
        item: Arc<ArrowField>,
        values: Box<Column>,
        lengths: Vec<usize>,
    },
}

impl Column {
    fn of_field(field: &Field, arrow: &ArrowField, rows: usize) -> Self {
        let (item, of) = match (field.mode, arrow.data_type()) {
            (Mode::Repeated, DataType::List(item)) => (Some(item), item.data_type()),
            (_, of) => (None, of),
        };
        let values = match &field.field_type {
            FieldType::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            FieldType::Int64 => Self::Int(Int64Builder::with_capacity(rows)),
            FieldType::Float64 => Self::Float(Float64Builder::with_capacity(rows)),
            FieldType::Numeric => {
                let of = DataType::Decimal128(NUMERIC_DIGITS.0, NUMERIC_DIGITS.1);
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(of))
            }
            FieldType::BigNumeric => {
                let of = DataType::Decimal256(BIGNUMERIC_DIGITS.0, BIGNUMERIC_DIGITS.1);
                Self::BigDecimal(Decimal256Builder::with_capacity(rows).with_data_type(of))
            }
            FieldType::String | FieldType::Json | FieldType::Interval | FieldType::Geography => {
                Self::Text(StringBuilder::with_capacity(rows, rows * TEXT_BYTES))
            }
            FieldType::Bytes => Self::Bytes(BinaryBuilder::with_capacity(rows, rows * TEXT_BYTES)),
            FieldType::Timestamp => {
                let column = TimestampMicrosecondBuilder::with_capacity(rows);
                Self::Instant(column.with_timezone("UTC"))
            }
            FieldType::Datetime => Self::Instant(TimestampMicrosecondBuilder::with_capacity(rows)),
            FieldType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            FieldType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            FieldType::Range(element) => Self::of_fields(&element.bounds(), of, rows),
            FieldType::Record(inner) => Self::of_fields(inner, of, rows),
        };
        match item {
            Some(item) => {
                Self::List { item: Arc::clone(item), values: Box::new(values), lengths: Vec::new() }
            }
            None => values,
        }
    }

    fn of_fields(fields: &[Field], of: &DataType, rows: usize) -> Self {
        let arrow = match of {
            DataType::Struct(arrow) => arrow.clone(),
            _ => fields.iter().map(Field::to_arrow).collect(),
        };
        let columns = fields.iter().zip(&arrow);
        let columns = columns.map(|(field, arrow)| Self::of_field(field, arrow, rows)).collect();
        Self::Record { columns, present: NullBufferBuilder::new(rows), fields: arrow }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Bool(column), Cell::Bool(value)) => column.append_value(*value),
            (Self::Bool(column), _) => column.append_null(),
            (Self::Int(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Int(column), _) => column.append_null(),
            (Self::Float(column), Cell::Float(value)) => column.append_value(*value),
            (Self::Float(column), _) => column.append_null(),
            (Self::Decimal(column), Cell::Decimal(value)) => column.append_value(*value),
            (Self::Decimal(column), _) => column.append_null(),
            (Self::BigDecimal(column), Cell::BigDecimal(value)) => column.append_value(*value),
            (Self::BigDecimal(column), _) => column.append_null(),
            (Self::Text(column), Cell::Text(value)) => column.append_value(value),
            (Self::Text(column), _) => column.append_null(),
            (Self::Bytes(column), Cell::Bytes(value)) => column.append_value(value),
            (Self::Bytes(column), _) => column.append_null(),
            (Self::Instant(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Instant(column), _) => column.append_null(),
            (Self::Time(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Time(column), _) => column.append_null(),
            (Self::Date(column), Cell::Int(value)) => {
                column.append_option(i32::try_from(*value).ok());
            }
            (Self::Date(column), _) => column.append_null(),
            (Self::Record { columns, present, .. }, Cell::Record(cells)) => {
                columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
                present.append_non_null();
            }
            (Self::Record { columns, present, .. }, _) => {
                columns.iter_mut().for_each(|column| column.push(&Cell::Null));
                present.append_null();
            }
            (Self::List { values, lengths, .. }, Cell::List(cells)) => {
                cells.iter().for_each(|cell| values.push(cell));
                lengths.push(cells.len());
            }
            (Self::List { lengths, .. }, _) => lengths.push(0),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(column) => ArrayBuilder::finish(column),
            Self::Int(column) => ArrayBuilder::finish(column),
            Self::Float(column) => ArrayBuilder::finish(column),
            Self::Text(column) => ArrayBuilder::finish(column),
            Self::Bytes(column) => ArrayBuilder::finish(column),
            Self::Decimal(column) => ArrayBuilder::finish(column),
            Self::BigDecimal(column) => ArrayBuilder::finish(column),
            Self::Instant(column) => ArrayBuilder::finish(column),
            Self::Time(column) => ArrayBuilder::finish(column),
            Self::Date(column) => ArrayBuilder::finish(column),
            Self::Record { fields, columns, present } => {
                let rows = present.len();
                let nulls = present.finish();
                let columns = columns.iter_mut().map(Self::finish).collect();
                Arc::new(
                    StructArray::try_new_with_length(fields.clone(), columns, nulls, rows)
                        .expect("columns were built from the fields, row by row"),
                )
            }
            Self::List { item, values, lengths } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let list = ListArray::try_new(Arc::clone(item), offsets, values.finish(), None);
                Arc::new(list.expect("values were built from the item, row by row"))
            }
        }
    }
}

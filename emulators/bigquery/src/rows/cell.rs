//! One value on its way into a column, borrowed where it can be, and the columns that take it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder,
    Int64Builder, ListArray, NullBufferBuilder, RecordBatch, StringBuilder, StructArray,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field as ArrowField, Fields, SchemaRef};

use crate::schema::{Field, FieldType, Mode, TableSchema};

/// A value of a column, already of the column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// BOOL.
    Bool(bool),
    /// INT64, TIMESTAMP (microseconds) and DATE (days).
    Int(i64),
    /// FLOAT64.
    Float(f64),
    /// STRING and JSON.
    Text(Cow<'a, str>),
    /// BYTES.
    Bytes(Cow<'a, [u8]>),
    /// RECORD: one cell for each field.
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
    /// A value does not fit its column.
    #[error("{0}")]
    Invalid(String),
}

/// Checks that a cell may stand in a field, by mode.
pub(super) fn check(field: &Field, cell: &Cell<'_>) -> Result<(), CellError> {
    match cell {
        Cell::Null if field.mode == Mode::Required => {
            Err(CellError::MissingRequired(field.name.clone()))
        }
        Cell::Record(cells) => {
            let FieldType::Record(fields) = &field.field_type else { return Ok(()) };
            fields.iter().zip(cells).try_for_each(|(field, cell)| check(field, cell))
        }
        Cell::List(cells) => {
            if cells.contains(&Cell::Null) {
                let text =
                    format!("Only optional fields can be set to NULL. Field: {}", field.name);
                return Err(CellError::Invalid(text));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

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
        let columns = schema.fields.iter().map(Column::of_field).collect();
        Self { schema: schema.to_arrow(), columns, rows: 0 }
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
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Record { fields: Fields, columns: Vec<Column>, present: NullBufferBuilder },
    List { item: Arc<ArrowField>, values: Box<Column>, lengths: Vec<usize> },
}

impl Column {
    fn of_field(field: &Field) -> Self {
        let values = match &field.field_type {
            FieldType::Bool => Self::Bool(BooleanBuilder::new()),
            FieldType::Int64 => Self::Int(Int64Builder::new()),
            FieldType::Float64 => Self::Float(Float64Builder::new()),
            FieldType::String | FieldType::Json => Self::Text(StringBuilder::new()),
            FieldType::Bytes => Self::Bytes(BinaryBuilder::new()),
            FieldType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            FieldType::Date => Self::Date(Date32Builder::new()),
            FieldType::Record(inner) => Self::Record {
                fields: inner.iter().map(Field::to_arrow).collect(),
                columns: inner.iter().map(Self::of_field).collect(),
                present: NullBufferBuilder::new(64),
            },
        };
        match (field.mode, field.to_arrow().data_type()) {
            (Mode::Repeated, DataType::List(item)) => {
                Self::List { item: Arc::clone(item), values: Box::new(values), lengths: Vec::new() }
            }
            _ => values,
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Bool(column), Cell::Bool(value)) => column.append_value(*value),
            (Self::Bool(column), _) => column.append_null(),
            (Self::Int(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Int(column), _) => column.append_null(),
            (Self::Float(column), Cell::Float(value)) => column.append_value(*value),
            (Self::Float(column), _) => column.append_null(),
            (Self::Text(column), Cell::Text(value)) => column.append_value(value),
            (Self::Text(column), _) => column.append_null(),
            (Self::Bytes(column), Cell::Bytes(value)) => column.append_value(value),
            (Self::Bytes(column), _) => column.append_null(),
            (Self::Timestamp(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Timestamp(column), _) => column.append_null(),
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
            Self::Timestamp(column) => ArrayBuilder::finish(column),
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

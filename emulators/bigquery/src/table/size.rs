//! Bytes of rows as BigQuery counts them ("Data size calculation" of its pricing page): what a query is
//! billed for and what a table reports. NULL is nothing.

use arrow::array::{Array, AsArray, RecordBatch};

use crate::schema::{Field, FieldType, Mode, TableSchema};

/// Bytes of all columns of a batch.
pub(crate) fn logical_bytes(schema: &TableSchema, batch: &RecordBatch) -> u64 {
    let columns = schema.fields.iter().zip(batch.columns());
    columns.map(|(field, column)| column_bytes(field, column)).sum()
}

/// Bytes of one column.
pub(crate) fn column_bytes(field: &Field, column: &dyn Array) -> u64 {
    if field.mode == Mode::Repeated {
        let lists = column.as_list::<i32>();
        let offsets = lists.offsets();
        let (first, last) = match (offsets.first(), offsets.last()) {
            (Some(first), Some(last)) => (*first as usize, *last as usize),
            _ => return 0,
        };
        return scalar_bytes(&field.field_type, &*lists.values().slice(first, last - first));
    }
    scalar_bytes(&field.field_type, column)
}

fn scalar_bytes(of: &FieldType, column: &dyn Array) -> u64 {
    let present = (column.len() - column.null_count()) as u64;
    match of {
        FieldType::Bool => present,
        FieldType::Int64
        | FieldType::Float64
        | FieldType::Date
        | FieldType::Time
        | FieldType::Datetime
        | FieldType::Timestamp => 8 * present,
        FieldType::Numeric | FieldType::Interval | FieldType::Range(_) => 16 * present,
        FieldType::BigNumeric => 32 * present,
        FieldType::String | FieldType::Json => {
            2 * present + text_bytes(column.as_string::<i32>().value_offsets())
        }
        FieldType::Bytes => 2 * present + text_bytes(column.as_binary::<i32>().value_offsets()),
        FieldType::Geography => {
            let texts = column.as_string::<i32>();
            let vertices = |text: &str| text.matches(',').count() as u64 + 1;
            texts.iter().flatten().map(|text| 16 + 24 * vertices(text)).sum()
        }
        FieldType::Record(fields) => {
            let columns = column.as_struct();
            let pairs = fields.iter().zip(columns.columns());
            pairs.map(|(field, column)| column_bytes(field, column)).sum()
        }
    }
}

/// Bytes between the first and the last offset: NULL takes none in the arrays of this crate.
fn text_bytes(offsets: &[i32]) -> u64 {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => u64::try_from(last - first).unwrap_or_default(),
        _ => 0,
    }
}

//! Rows of one schema as rows of another: columns are matched by name, what is missing becomes NULL or an
//! empty list. Invariant: the result has the wanted schema; columns that cannot be had are NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
    new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, SchemaRef};

/// The rows with the columns of `wanted`; without a copy where the schemas are equal.
pub(crate) fn adapt(batch: &RecordBatch, wanted: &SchemaRef) -> RecordBatch {
    if batch.schema_ref() == wanted {
        return batch.clone();
    }
    let rows = batch.num_rows();
    let columns = wanted.fields().iter().map(|field| {
        let source = batch.schema_ref().fields().iter().position(|it| same_name(it, field));
        column(source.map(|index| batch.column(index)), field, rows)
    });
    let columns = columns.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::clone(wanted)))
}

fn same_name(a: &Field, b: &Field) -> bool {
    a.name().eq_ignore_ascii_case(b.name())
}

fn column(source: Option<&ArrayRef>, wanted: &Field, rows: usize) -> ArrayRef {
    let Some(source) = source else { return missing_column(wanted, rows) };
    if source.data_type() == wanted.data_type() {
        return Arc::clone(source);
    }
    match (source.data_type(), wanted.data_type()) {
        (DataType::Struct(from), DataType::Struct(to)) => {
            let source = source.as_struct();
            let columns = to.iter().map(|field| {
                let place = from.iter().position(|it| same_name(it, field));
                column(place.map(|index| source.column(index)), field, rows)
            });
            let nulls = source.nulls().cloned();
            let columns = columns.collect();
            match StructArray::try_new_with_length(to.clone(), columns, nulls, rows) {
                Ok(array) => Arc::new(array),
                Err(_) => missing_column(wanted, rows),
            }
        }
        (DataType::List(_), DataType::List(to)) => {
            let source = source.as_list::<i32>();
            let values = column(Some(source.values()), to, source.values().len());
            let offsets = source.offsets().clone();
            match ListArray::try_new(Arc::clone(to), offsets, values, source.nulls().cloned()) {
                Ok(array) => Arc::new(array),
                Err(_) => missing_column(wanted, rows),
            }
        }
        _ => arrow::compute::cast(source, wanted.data_type())
            .unwrap_or_else(|_| missing_column(wanted, rows)),
    }
}

/// A column that is nowhere: NULL, or empty lists.
pub(crate) fn missing_column(wanted: &Field, rows: usize) -> ArrayRef {
    match wanted.data_type() {
        DataType::List(item) => {
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
            let values = new_empty_array(item.data_type());
            let list = ListArray::try_new(Arc::clone(item), offsets, values, None);
            Arc::new(list.expect("empty lists of the wanted type"))
        }
        of => new_null_array(of, rows),
    }
}

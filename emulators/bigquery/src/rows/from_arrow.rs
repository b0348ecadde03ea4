//! Foreign Arrow rows (Parquet files, Arrow rows of the Storage Write API) as a table's: types that hold the
//! same values are converted, others are refused. No value becomes NULL on the way.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field as ArrowField, Fields, TimestampMicrosecondType};

use super::from_json::{text_cell, wrong};
use super::{Cell, CellError};
use crate::schema::{Field, FieldType, Mode, TableSchema};
use crate::table::missing_column;

fn invalid(text: impl Into<String>) -> CellError {
    CellError::Invalid(text.into())
}

fn broken(error: impl std::fmt::Display) -> CellError {
    invalid(error.to_string())
}

/// The rows with a table's columns, by name; a column that is not there is NULL.
///
/// # Errors
/// A column of another type, or NULL where the table has none.
pub(crate) fn fitted(batch: &RecordBatch, schema: &TableSchema) -> Result<RecordBatch, CellError> {
    let count = batch.num_rows();
    let names: Vec<&str> =
        batch.schema_ref().fields().iter().map(|it| it.name().as_str()).collect();
    let columns = columns(&names, batch.columns(), &schema.fields, count, None)?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(schema.to_arrow(), columns, &options).map_err(broken)
}

/// A required column is NULL only where its record is.
fn check_required(
    source: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<(), CellError> {
    let Some(nulls) = source.logical_nulls().filter(|_| field.mode == Mode::Required) else {
        return Ok(());
    };
    let is_missing = |row: usize| nulls.is_null(row) && absent.is_none_or(|it| it.is_valid(row));
    if (0..source.len()).any(is_missing) {
        return Err(invalid(format!("Required field {} cannot be null", field.name)));
    }
    Ok(())
}

/// The columns of a record, by name; one that the file has not is NULL. `absent` says where the record is.
fn columns(
    names: &[&str],
    columns: &[ArrayRef],
    wanted: &[Field],
    count: usize,
    absent: Option<&NullBuffer>,
) -> Result<Vec<ArrayRef>, CellError> {
    let find = |field: &Field| names.iter().position(|name| name.eq_ignore_ascii_case(&field.name));
    let fitted = wanted.iter().map(|field| match find(field) {
        Some(index) => {
            check_required(&columns[index], field, absent)?;
            fit_column(&columns[index], field, absent)
        }
        None if field.mode == Mode::Required => {
            Err(invalid(format!("Required field {} is missing", field.name)))
        }
        None => Ok(missing_column(&field.to_arrow(), count)),
    });
    fitted.collect()
}

fn fit_column(
    source: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<ArrayRef, CellError> {
    match (item_of(source.data_type()), field.mode) {
        (Some(_), Mode::Repeated) => {
            let list = as_list(source, field)?;
            let values = fit_scalar(list.values(), field, None)?;
            if values.null_count() > 0 {
                let text =
                    format!("Only optional fields can be set to NULL. Field: {}", field.name);
                return Err(invalid(text));
            }
            list_of(field, lengths(&list), values)
        }
        (Some(_), _) => list_as_record(source, field),
        (None, Mode::Repeated) => Err(mismatch(source, field)),
        (None, _) => fit_scalar(source, field, absent),
    }
}

fn as_list(source: &ArrayRef, field: &Field) -> Result<ListArray, CellError> {
    if let Some(map) = source.as_map_opt() {
        return Ok(ListArray::from(map.clone()));
    }
    let Some(item) = item_of(source.data_type()) else { return Err(mismatch(source, field)) };
    let of = DataType::List(Arc::new(item.clone()));
    Ok(strict_cast(source, &of, field)?.as_list::<i32>().clone())
}

/// How long each list is; one that is NULL is empty.
fn lengths(list: &ListArray) -> Vec<usize> {
    let length = |row: usize| if list.is_null(row) { 0 } else { list.value_length(row) as usize };
    (0..list.len()).map(length).collect()
}

fn list_of(field: &Field, lengths: Vec<usize>, values: ArrayRef) -> Result<ArrayRef, CellError> {
    let DataType::List(item) = field.to_arrow().data_type().clone() else {
        return Err(broken("no list"));
    };
    let total: usize = lengths.iter().sum();
    let values = if values.len() == total { values } else { values.slice(0, total) };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, values, None).map_err(broken)?))
}

/// A list as the record that it is when lists are not inferred: `list` of records with one field.
fn list_as_record(source: &ArrayRef, field: &Field) -> Result<ArrayRef, CellError> {
    let refused = || mismatch(source, field);
    let FieldType::Record(outer) = &field.field_type else { return Err(refused()) };
    let [list] = &outer[..] else { return Err(refused()) };
    let FieldType::Record(inner) = &list.field_type else { return Err(refused()) };
    let [element] = &inner[..] else { return Err(refused()) };
    let lists = as_list(source, field)?;
    let values = fit_column(lists.values(), element, None)?;
    let fields: Fields = [element.to_arrow()].into_iter().collect();
    let elements = StructArray::try_new(fields, vec![values], None).map_err(broken)?;
    let list_array = list_of(list, lengths(&lists), Arc::new(elements))?;
    let fields: Fields = [list.to_arrow()].into_iter().collect();
    let nulls = source.logical_nulls();
    Ok(Arc::new(StructArray::try_new(fields, vec![list_array], nulls).map_err(broken)?))
}

fn fit_scalar(
    source: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<ArrayRef, CellError> {
    let bounds;
    let inner = match &field.field_type {
        FieldType::Record(inner) => &inner[..],
        FieldType::Range(element) => {
            bounds = element.bounds();
            &bounds
        }
        _ => return fit_leaf(source, field, absent),
    };
    let Some(record) = source.as_struct_opt() else { return Err(mismatch(source, field)) };
    let names = record.column_names();
    // A record inside one that is absent is absent, too, whatever the file says of it.
    let nulls = NullBuffer::union(record.nulls(), absent);
    let columns = columns(&names, record.columns(), inner, record.len(), nulls.as_ref())?;
    let fields: Fields = inner.iter().map(Field::to_arrow).collect();
    let made = StructArray::try_new_with_length(fields, columns, nulls, record.len());
    Ok(Arc::new(made.map_err(broken)?))
}

fn fit_leaf(
    source: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<ArrayRef, CellError> {
    let item = Field { mode: Mode::Nullable, ..field.clone() };
    let wanted = item.to_arrow().data_type().clone();
    let is_checked =
        matches!(field.field_type, FieldType::Json | FieldType::Geography | FieldType::Interval);
    if *source.data_type() == wanted && !is_checked {
        return Ok(Arc::clone(source));
    }
    let found = column_of(&ArrowField::new("", source.data_type().clone(), true), true)?;
    let fits = match (&found.field_type, &field.field_type) {
        (a, b) if a == b => true,
        (FieldType::Int64, of) => {
            matches!(of, FieldType::Float64 | FieldType::Numeric | FieldType::BigNumeric)
        }
        (FieldType::Numeric | FieldType::BigNumeric, of) => {
            matches!(of, FieldType::Numeric | FieldType::BigNumeric | FieldType::Float64)
        }
        (FieldType::Timestamp | FieldType::Datetime, of) => {
            matches!(of, FieldType::Timestamp | FieldType::Datetime)
        }
        (FieldType::String, of) => {
            matches!(of, FieldType::Json | FieldType::Geography | FieldType::Interval)
        }
        (FieldType::Bytes, of) => matches!(of, FieldType::String | FieldType::Json),
        _ => false,
    };
    if !fits {
        return Err(mismatch(source, field));
    }
    let cast = strict_cast(source, &wanted, field)?;
    if is_checked { checked_texts(&cast, field, absent) } else { Ok(cast) }
}

/// A cast in which no value becomes NULL.
fn strict_cast(source: &ArrayRef, to: &DataType, field: &Field) -> Result<ArrayRef, CellError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |to: &DataType| {
        cast_with_options(source, to, &options)
            .map_err(|error| invalid(format!("Invalid value in Column '{}': {error}", field.name)))
    };
    match (source.data_type(), to) {
        // The unit changes and the zone is only a name: a civil time is the instant at which UTC shows it.
        (DataType::Timestamp(_, from), DataType::Timestamp(unit, zone)) => {
            let micros = cast(&DataType::Timestamp(*unit, from.clone()))?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
            Ok(Arc::new(micros.with_timezone_opt(zone.clone())))
        }
        _ => cast(to),
    }
}

/// Texts that must be of the column's type, in the form in which it holds them.
fn checked_texts(
    texts: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<ArrayRef, CellError> {
    let checked = texts.as_string::<i32>().iter().enumerate().map(|(row, text)| {
        // Inside of a record that is absent there may be anything.
        let text = text.filter(|_| absent.is_none_or(|absent| absent.is_valid(row)));
        let Some(text) = text else { return Ok(None) };
        match text_cell(&field.field_type, text) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            _ => Err(wrong(field, text)),
        }
    });
    Ok(Arc::new(checked.collect::<Result<StringArray, _>>()?))
}

fn mismatch(source: &ArrayRef, field: &Field) -> CellError {
    invalid(format!(
        "Column '{}' has type {} which does not match the target type {}",
        field.name,
        source.data_type(),
        field.sql_text()
    ))
}

/// An Arrow column as a table's. With `lists` a list is a repeated column, otherwise it is what Parquet
/// makes of it: a record with a repeated record `list`.
///
/// # Errors
/// A type that no column can have.
pub(crate) fn column_of(field: &ArrowField, lists: bool) -> Result<Field, CellError> {
    let mode = if field.is_nullable() { Mode::Nullable } else { Mode::Required };
    if let Some(item) = item_of(field.data_type()) {
        let item = column_of(item, lists)?;
        if lists && item.mode != Mode::Repeated {
            return Ok(Field::new(field.name(), item.field_type).with_mode(Mode::Repeated));
        }
        let list = FieldType::Record(vec![
            Field::new("element", item.field_type.clone()).with_mode(item.mode),
        ]);
        let list = Field::new("list", list).with_mode(Mode::Repeated);
        return Ok(Field::new(field.name(), FieldType::Record(vec![list])).with_mode(mode));
    }
    let of = match field.data_type() {
        DataType::Boolean => FieldType::Bool,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => FieldType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => FieldType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => FieldType::String,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => FieldType::Bytes,
        DataType::Date32 | DataType::Date64 => FieldType::Date,
        DataType::Time32(_) | DataType::Time64(_) => FieldType::Time,
        DataType::Timestamp(_, Some(_)) => FieldType::Timestamp,
        DataType::Timestamp(_, None) => FieldType::Datetime,
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            decimal(*precision, *scale)
        }
        DataType::Dictionary(_, values) => {
            let plain = ArrowField::new(field.name(), (**values).clone(), field.is_nullable());
            return column_of(&plain, lists);
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| column_of(field, lists));
            FieldType::Record(fields.collect::<Result<_, _>>()?)
        }
        other => {
            let text = format!("Column '{}' has unsupported type {other}", field.name());
            return Err(invalid(text));
        }
    };
    Ok(Field::new(field.name(), of).with_mode(mode))
}

fn decimal(precision: u8, scale: i8) -> FieldType {
    let whole = i16::from(precision) - i16::from(scale);
    if scale <= 9 && whole <= 29 { FieldType::Numeric } else { FieldType::BigNumeric }
}

fn item_of(of: &DataType) -> Option<&ArrowField> {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(item)
        }
        DataType::Map(entries, _) => Some(entries),
        _ => None,
    }
}

//! Parquet files, through Arrow: their columns as a table's, their rows, and files of a table's rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, TimestampMicrosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{FileError, Rows, Source};
use crate::schema::{Field, FieldType, Mode, TableSchema};
use crate::table::{adapt, missing_column};

fn broken(what: impl std::fmt::Display) -> FileError {
    FileError(format!("Read less values than expected or broken Parquet file: {what}"))
}

/// The columns of a file. With `lists` a list is a repeated column, otherwise it is what Parquet makes of
/// it: a record with a repeated record `list` (as the service has it unless it is told to infer).
///
/// # Errors
/// It is no Parquet file, or has types that no column can have.
pub(crate) fn read_columns(source: &Source, lists: bool) -> Result<TableSchema, FileError> {
    let metadata =
        ArrowReaderMetadata::load(&source.content, Default::default()).map_err(broken)?;
    let fields = metadata.schema().fields().iter().map(|field| column(field, lists));
    Ok(TableSchema { fields: fields.collect::<Result<_, _>>()? })
}

fn column(field: &ArrowField, lists: bool) -> Result<Field, FileError> {
    let mode = if field.is_nullable() { Mode::Nullable } else { Mode::Required };
    if let Some(item) = item_of(field.data_type()) {
        let item = column(item, lists)?;
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
            return column(&plain, lists);
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| column(field, lists));
            FieldType::Record(fields.collect::<Result<_, _>>()?)
        }
        other => {
            let text = format!("Parquet column '{}' has unsupported type {other}", field.name());
            return Err(FileError(text));
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

/// Reads files into batches of a table's columns.
///
/// # Errors
/// A file that is no Parquet file or is broken, or has a column of another type than the table.
pub(crate) fn read_rows(sources: &[Source], schema: &TableSchema) -> Result<Rows, FileError> {
    let mut rows = Rows::default();
    for source in sources {
        let builder = ParquetRecordBatchReaderBuilder::try_new(source.content.clone());
        let reader = builder.and_then(|builder| builder.with_batch_size(8_192).build());
        for batch in reader.map_err(broken)? {
            let batch = batch.map_err(broken)?;
            rows.records += batch.num_rows();
            rows.batches.push(fitted(&batch, schema)?);
        }
    }
    Ok(rows)
}

fn fitted(batch: &RecordBatch, schema: &TableSchema) -> Result<RecordBatch, FileError> {
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
) -> Result<(), FileError> {
    let Some(nulls) = source.logical_nulls().filter(|_| field.mode == Mode::Required) else {
        return Ok(());
    };
    let is_missing = |row: usize| nulls.is_null(row) && absent.is_none_or(|it| it.is_valid(row));
    if (0..source.len()).any(is_missing) {
        return Err(FileError(format!("Required field {} cannot be null", field.name)));
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
) -> Result<Vec<ArrayRef>, FileError> {
    let find = |field: &Field| names.iter().position(|name| name.eq_ignore_ascii_case(&field.name));
    let fitted = wanted.iter().map(|field| match find(field) {
        Some(index) => {
            check_required(&columns[index], field, absent)?;
            fit_column(&columns[index], field, absent)
        }
        None if field.mode == Mode::Required => {
            Err(FileError(format!("Required field {} is missing", field.name)))
        }
        None => Ok(missing_column(&field.to_arrow(), count)),
    });
    fitted.collect()
}

fn fit_column(
    source: &ArrayRef,
    field: &Field,
    absent: Option<&NullBuffer>,
) -> Result<ArrayRef, FileError> {
    match (item_of(source.data_type()), field.mode) {
        (Some(_), Mode::Repeated) => {
            let list = as_list(source, field)?;
            let values = fit_scalar(list.values(), field, None)?;
            if values.null_count() > 0 {
                let text =
                    format!("Only optional fields can be set to NULL. Field: {}", field.name);
                return Err(FileError(text));
            }
            list_of(field, lengths(&list), values)
        }
        (Some(_), _) => list_as_record(source, field),
        (None, Mode::Repeated) => Err(mismatch(source, field)),
        (None, _) => fit_scalar(source, field, absent),
    }
}

fn as_list(source: &ArrayRef, field: &Field) -> Result<ListArray, FileError> {
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

fn list_of(field: &Field, lengths: Vec<usize>, values: ArrayRef) -> Result<ArrayRef, FileError> {
    let DataType::List(item) = field.to_arrow().data_type().clone() else {
        return Err(broken("no list"));
    };
    let total: usize = lengths.iter().sum();
    let values = if values.len() == total { values } else { values.slice(0, total) };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, values, None).map_err(broken)?))
}

/// A list as the record that it is when lists are not inferred: `list` of records with one field.
fn list_as_record(source: &ArrayRef, field: &Field) -> Result<ArrayRef, FileError> {
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
) -> Result<ArrayRef, FileError> {
    let bounds;
    let inner = match &field.field_type {
        FieldType::Record(inner) => &inner[..],
        FieldType::Range(element) => {
            bounds = element.bounds();
            &bounds
        }
        _ => return fit_leaf(source, field),
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

fn fit_leaf(source: &ArrayRef, field: &Field) -> Result<ArrayRef, FileError> {
    let item = Field { mode: Mode::Nullable, ..field.clone() };
    let wanted = item.to_arrow().data_type().clone();
    if *source.data_type() == wanted {
        return Ok(Arc::clone(source));
    }
    let found = column(&ArrowField::new("", source.data_type().clone(), true), true)?;
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
    strict_cast(source, &wanted, field)
}

/// A cast in which no value becomes NULL.
fn strict_cast(source: &ArrayRef, to: &DataType, field: &Field) -> Result<ArrayRef, FileError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |to: &DataType| {
        cast_with_options(source, to, &options).map_err(|error| {
            FileError(format!("Invalid value in Parquet column '{}': {error}", field.name))
        })
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

fn mismatch(source: &ArrayRef, field: &Field) -> FileError {
    FileError(format!(
        "Parquet column '{}' has type {} which does not match the target type {}",
        field.name,
        source.data_type(),
        field.sql_text()
    ))
}

/// How pages are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Snappy,
    Gzip,
    Zstd,
}

/// Writes batches as a file.
///
/// # Errors
/// A column that Parquet cannot hold.
pub(crate) fn write(
    schema: &TableSchema,
    batches: &[RecordBatch],
    packing: Packing,
) -> Result<Vec<u8>, FileError> {
    let compression = match packing {
        Packing::None => Compression::UNCOMPRESSED,
        Packing::Snappy => Compression::SNAPPY,
        Packing::Gzip => Compression::GZIP(GzipLevel::default()),
        Packing::Zstd => Compression::ZSTD(ZstdLevel::default()),
    };
    let properties = WriterProperties::builder().set_compression(compression).build();
    let arrow = Arc::new(Schema::new(
        schema.fields.iter().map(|field| plain(&field.to_arrow())).collect::<Fields>(),
    ));
    let mut out = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut out, Arc::clone(&arrow), Some(properties)).map_err(broken)?;
    for batch in batches {
        writer.write(&adapt(batch, &arrow)).map_err(broken)?;
    }
    writer.close().map_err(broken)?;
    Ok(out)
}

/// The field without our metadata, its lists with items named as the service names them.
fn plain(field: &ArrowField) -> ArrowField {
    let of = match field.data_type() {
        DataType::List(item) => {
            DataType::List(Arc::new(plain(item).with_name("element").with_nullable(false)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|it| plain(it)).collect()),
        of => of.clone(),
    };
    ArrowField::new(field.name(), of, field.is_nullable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::values::batch_of_rows;
    use crate::rows::values::strategies::table;
    use arrow::array::{Int32Array, StringArray, TimestampNanosecondArray};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            (schema, rows) in table(),
            packing in proptest::sample::select(
                &[Packing::None, Packing::Snappy, Packing::Gzip, Packing::Zstd][..]),
        ) {
            let batch = batch_of_rows(&schema, &rows).unwrap();
            let content = write(&schema, &[batch.clone()], packing).unwrap();
            let source = Source { uri: None, content: content.into() };
            let back = read_rows(std::slice::from_ref(&source), &schema).unwrap();
            let back = arrow::compute::concat_batches(&batch.schema(), &back.batches).unwrap();
            prop_assert_eq!(back, batch);
            let columns = read_columns(&source, true).unwrap();
            prop_assert_eq!(columns.fields.len(), schema.fields.len());
        }

        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut content = b"PAR1".to_vec();
            content.extend_from_slice(&bytes);
            content.extend_from_slice(b"PAR1");
            let source = Source { uri: None, content: content.into() };
            prop_assert!(read_columns(&source, true).is_err());
        }
    }

    fn file(columns: Vec<(&str, ArrayRef)>) -> Source {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        Source { uri: None, content: out.into() }
    }

    #[test]
    fn foreign_files_fit_a_table() {
        let source = file(vec![
            ("n", Arc::new(Int32Array::from(vec![Some(1), None]))),
            ("s", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("t", Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_999]))),
        ]);
        let found = read_columns(&source, true).unwrap();
        let texts: Vec<String> = found.fields.iter().map(Field::sql_text).collect();
        assert_eq!(texts, ["INT64", "STRING", "DATETIME"]);
        let wanted = TableSchema {
            fields: vec![
                Field::new("T", FieldType::Timestamp),
                Field::new("n", FieldType::Numeric),
                Field::new("tags", FieldType::String).with_mode(Mode::Repeated),
            ],
        };
        let rows = read_rows(std::slice::from_ref(&source), &wanted).unwrap();
        let shown: Vec<serde_json::Value> = (0..2)
            .map(|row| {
                crate::rows::to_json::row_to_json(&rows.batches[0], &wanted.fields, row, true)
            })
            .collect();
        let expected = serde_json::json!([
            { "f": [{ "v": "1" }, { "v": "1" }, { "v": [] }] },
            { "f": [{ "v": "2" }, { "v": null }, { "v": [] }] },
        ]);
        assert_eq!(serde_json::Value::Array(shown), expected);
        let wrong = TableSchema { fields: vec![Field::new("s", FieldType::Int64)] };
        assert!(read_rows(std::slice::from_ref(&source), &wrong).is_err());
        let required = Field::new("n", FieldType::Int64).with_mode(Mode::Required);
        let wrong = TableSchema { fields: vec![required] };
        assert!(read_rows(&[source], &wrong).is_err());
    }

    #[test]
    fn a_list_is_a_record_unless_lists_are_inferred() {
        let lists =
            arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
                Some(vec![Some(1), Some(2)]),
                None,
            ]);
        let source = file(vec![("a", Arc::new(lists))]);
        let inferred = read_columns(&source, true).unwrap();
        assert_eq!(inferred.fields[0].sql_text(), "ARRAY<INT64>");
        let raw = read_columns(&source, false).unwrap();
        assert_eq!(raw.fields[0].sql_text(), "STRUCT<list ARRAY<STRUCT<element INT64>>>");
        for schema in [inferred, raw] {
            assert_eq!(read_rows(std::slice::from_ref(&source), &schema).unwrap().records, 2);
        }
    }
}

//! Parquet files, through Arrow: their columns as a table's, their rows, and files of a table's rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{FileError, Rows, Source};
use crate::rows::from_arrow::{column_of, fitted};
use crate::schema::TableSchema;
use crate::table::adapt;

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
    let fields = metadata.schema().fields().iter().map(|field| column_of(field, lists));
    let fields = fields.collect::<Result<_, _>>().map_err(|error| FileError(error.to_string()))?;
    Ok(TableSchema { fields })
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
            let fitted = fitted(&batch, schema).map_err(|error| FileError(error.to_string()))?;
            rows.batches.push(fitted);
        }
    }
    Ok(rows)
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
    use crate::schema::{Field, FieldType, Mode};
    use arrow::array::{ArrayRef, Int32Array, StringArray, TimestampNanosecondArray};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            (schema, rows) in table(),
            packing in proptest::sample::select(
                &[Packing::None, Packing::Snappy, Packing::Gzip, Packing::Zstd][..]),
        ) {
            let batch = batch_of_rows(&schema, &rows).unwrap();
            let content = write(&schema, std::slice::from_ref(&batch), packing).unwrap();
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

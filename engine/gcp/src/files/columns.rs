//! Formats with columns: each row becomes the JSON object of an event. A column is a field of its own name;
//! a dot in the name, or the name of one of the events' properties, puts it into a record.

use std::io::{BufRead, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::writer::LineDelimited;
use arrow::json::{Writer, WriterBuilder};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Number, Value};
use windtunnel_model::schema::events_table;

use super::format::{ReadError, Take};

/// The fields of `properties`, and which of them are numbers.
static PROPERTIES: LazyLock<Vec<(String, bool)>> = LazyLock::new(|| {
    let table = events_table();
    let fields = table["schema"]["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties = fields.iter().find(|field| field["name"] == "properties");
    let nested = properties.and_then(|field| field["fields"].as_array());
    let named = |field: &Value| {
        let name = field["name"].as_str().unwrap_or_default().to_owned();
        (name, field["type"] == "FLOAT")
    };
    nested.map(|fields| fields.iter().map(named).collect()).unwrap_or_default()
});

/// Where a column's values go.
pub(super) struct Column {
    record: Option<String>,
    field: String,
    is_number: bool,
}

impl Column {
    pub(super) fn of(name: &str) -> Self {
        let (record, field) = match name.split_once('.') {
            Some((record, field)) => (Some(record), field),
            None if PROPERTIES.iter().any(|(property, _)| property == name) => {
                (Some("properties"), name)
            }
            None => (None, name),
        };
        let is_number = record == Some("properties")
            && PROPERTIES.iter().any(|(property, is_number)| property == field && *is_number);
        Self { record: record.map(str::to_owned), field: field.to_owned(), is_number }
    }

    pub(super) fn put(&self, value: Value, into: &mut Map<String, Value>) {
        let Some(record) = &self.record else {
            into.insert(self.field.clone(), value);
            return;
        };
        let record = into.entry(record.clone()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(record) = record {
            record.insert(self.field.clone(), value);
        }
    }
}

/// Rows of CSV. Empty cells are left out; numbers are read where the events have numbers, and what is none
/// stays a text, for validation to refuse.
pub(super) fn csv(input: impl BufRead, take: Take<'_>) -> Result<(), ReadError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let failed = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        ReadError::Columns(format!("line {line}: {error}"))
    };
    let header = reader.byte_headers().map_err(failed)?.clone();
    let columns: Vec<Column> = header
        .iter()
        .map(|name| Column::of(String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim()))
        .collect();
    let mut row = csv::ByteRecord::new();
    let mut number = 0;
    while reader.read_byte_record(&mut row).map_err(failed)? {
        number += 1;
        let mut event = Map::new();
        for (index, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let text = String::from_utf8_lossy(cell);
            match columns.get(index) {
                Some(column) => {
                    let as_number = || serde_json::from_str::<Number>(&text).map(Value::Number);
                    let value = column.is_number.then(as_number).and_then(Result::ok);
                    column
                        .put(value.unwrap_or_else(|| Value::String(text.into_owned())), &mut event);
                }
                // A cell without a name is kept, so that the dead letter shows it.
                None => {
                    event.insert(format!("column {}", index + 1), Value::String(text.into_owned()));
                }
            }
        }
        take(number, Value::Object(event).to_string().into())?;
    }
    Ok(())
}

/// Rows of a Parquet file, which is read from its end: it goes to a temporary file first.
pub(super) fn parquet(mut input: impl BufRead, take: Take<'_>) -> Result<(), ReadError> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(&mut input, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    let open = || ParquetRecordBatchReaderBuilder::try_new(file)?.build();
    batches(guarded(open)?.map_err(wrong)?, take)
}

fn wrong(error: impl std::fmt::Display) -> ReadError {
    ReadError::Columns(error.to_string())
}

fn batches(
    mut reader: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    take: Take<'_>,
) -> Result<(), ReadError> {
    let mut number = 0;
    while let Some(batch) = guarded(|| reader.next())? {
        rows(&batch.map_err(wrong)?, &mut number, take)?;
    }
    Ok(())
}

/// The reader of Parquet panics on some files that are corrupt; that is an error like any other. What it
/// leaves behind is not used again.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| wrong("the file is corrupt"))
}

/// The rows of a batch as JSON, with their columns where events have them.
fn rows(batch: &RecordBatch, number: &mut u64, take: Take<'_>) -> Result<(), ReadError> {
    let mut writer: Writer<_, LineDelimited> = WriterBuilder::new().build(Vec::new());
    let written = writer.write(batch).and_then(|()| writer.finish());
    written.map_err(wrong)?;
    let fields = batch.schema();
    let names: Vec<Column> = fields.fields().iter().map(|field| Column::of(field.name())).collect();
    let is_plain = names.iter().all(|column| column.record.is_none());
    for line in writer.into_inner().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        *number += 1;
        let record = if is_plain { Bytes::copy_from_slice(line) } else { nested(line)? };
        take(*number, record)?;
    }
    Ok(())
}

fn nested(line: &[u8]) -> Result<Bytes, ReadError> {
    let row: Map<String, Value> = serde_json::from_slice(line).map_err(wrong)?;
    let mut event = Map::new();
    for (name, value) in row {
        Column::of(&name).put(value, &mut event);
    }
    Ok(Value::Object(event).to_string().into())
}

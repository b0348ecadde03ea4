//! Newline-delimited JSON as BigQuery reads and writes it: 64-bit integers and decimals are texts, NULL is
//! left out.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use serde_json::{Value, json};

use super::{BadRecord, FileError, Rows, Source, unpacked};
use crate::rows::from_json::row_cells;
use crate::rows::to_json::scalar_text;
use crate::rows::{BatchBuilder, CellError};
use crate::schema::{Field, FieldType, Mode, TableSchema};

/// The lines of a file that are not empty, with their positions.
pub(crate) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    let lines = content.split(|byte| *byte == b'\n').map(move |line| {
        let position = at;
        at += line.len() + 1;
        (position, line)
    });
    lines.filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// Reads files into batches of a table's columns.
///
/// # Errors
/// A broken file; wrong rows are in the answer.
pub(crate) fn read(
    sources: &[Source],
    schema: &TableSchema,
    ignore_unknown: bool,
) -> Result<Rows, FileError> {
    let mut rows = Rows::default();
    for source in sources {
        let content = unpacked(&source.content)?;
        let mut batch = BatchBuilder::new(schema);
        for (position, line) in lines(&content) {
            rows.records += 1;
            let refuse = |error: String| BadRecord {
                uri: source.uri.clone(),
                message: format!(
                    "JSON parsing error in row starting at position {position}: {error}"
                ),
            };
            match serde_json::from_slice::<Value>(line) {
                Ok(Value::Object(row)) => match row_cells(&schema.fields, &row, ignore_unknown) {
                    Ok(cells) => batch.push(&cells),
                    Err(CellError::BadValue { field, of, value }) => {
                        let text = format!(
                            "Could not convert value to {of}. Field: {field}; Value: {value}"
                        );
                        rows.bad.push(refuse(text));
                    }
                    Err(error) => rows.bad.push(refuse(error.to_string())),
                },
                Ok(_) => rows.bad.push(refuse("Start of object expected.".to_owned())),
                Err(error) => rows.bad.push(refuse(format!("Parser terminated: {error}"))),
            }
        }
        rows.batches.push(batch.finish().map_err(|error| FileError(error.to_string()))?);
    }
    Ok(rows)
}

/// Writes batches.
pub(crate) fn write(schema: &TableSchema, batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            record(&mut out, &schema.fields, batch.columns(), row);
            out.push(b'\n');
        }
    }
    out
}

/// A record; its fields stand in the schema's order, NULL is left out.
fn record(out: &mut Vec<u8>, fields: &[Field], columns: &[ArrayRef], row: usize) {
    out.push(b'{');
    let mut is_first = true;
    for (field, column) in fields.iter().zip(columns) {
        if field.mode != Mode::Repeated && column.is_null(row) {
            continue;
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        push(out, &json!(field.name));
        out.push(b':');
        if field.mode != Mode::Repeated {
            scalar(out, &field.field_type, column, row);
            continue;
        }
        let items = column.as_list::<i32>().value(row);
        out.push(b'[');
        for index in 0..items.len() {
            if index > 0 {
                out.push(b',');
            }
            scalar(out, &field.field_type, &*items, index);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn push(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn scalar(out: &mut Vec<u8>, of: &FieldType, column: &dyn Array, row: usize) {
    match of {
        FieldType::Bool => push(out, &json!(column.as_boolean().value(row))),
        FieldType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            // What JSON has no number for is a text.
            let text = || json!(scalar_text(of, column, row));
            push(out, &if value.is_finite() { json!(value) } else { text() });
        }
        FieldType::Json => {
            let text = scalar_text(of, column, row);
            push(out, &serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        FieldType::Record(fields) => record(out, fields, column.as_struct().columns(), row),
        of => push(out, &json!(scalar_text(of, column, row))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_written() {
        let schema = json!({ "fields": [
            { "name": "n", "type": "INTEGER" },
            { "name": "j", "type": "JSON" },
            { "name": "r", "type": "RECORD", "mode": "REPEATED", "fields": [
                { "name": "x", "type": "FLOAT" }, { "name": "y", "type": "NUMERIC" } ] },
        ] });
        let schema = TableSchema::from_json(&schema).unwrap();
        let text = concat!(
            r#"{"n":"9007199254740993","j":{"a":[1]},"r":[{"x":1.5,"y":"2.5"},{"x":"NaN"}]}"#,
            "\n",
            r#"{"r":[]}"#,
            "\n"
        );
        let source = Source { uri: None, content: text.into() };
        let rows = read(&[source], &schema, false).unwrap();
        assert_eq!((rows.records, rows.bad.len()), (2, 0));
        assert_eq!(String::from_utf8(write(&schema, &rows.batches)).unwrap(), text);
    }

    #[test]
    fn wrong_rows_are_named_by_position() {
        let schema = TableSchema { fields: vec![Field::new("n", FieldType::Int64)] };
        let source = Source { uri: None, content: "{\"n\":1}\n\n[]\n{\"m\":1}\n{".into() };
        let rows = read(std::slice::from_ref(&source), &schema, false).unwrap();
        let messages: Vec<&str> = rows.bad.iter().map(|bad| bad.message.as_str()).collect();
        let at =
            |position: usize| format!("JSON parsing error in row starting at position {position}:");
        assert!(messages[0].starts_with(&at(9)), "{messages:?}");
        assert_eq!(messages[1], format!("{} no such field: m.", at(12)));
        assert!(messages[2].starts_with(&at(20)), "{messages:?}");
        assert_eq!(read(&[source], &schema, true).unwrap().bad.len(), 2);
    }
}

//! Arrow rows as REST's `{"f": [{"v": …}]}`: every scalar is a text, timestamps are seconds with six
//! decimals or microseconds, bytes are base64.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::schema::{Field, FieldType, Mode};

/// One row; `fields` are those of the batch's columns. With `int64_timestamps` a timestamp is its
/// microseconds, otherwise seconds.
#[must_use]
pub fn row_to_json(
    batch: &RecordBatch,
    fields: &[Field],
    row: usize,
    int64_timestamps: bool,
) -> Value {
    let cells: Vec<Value> = fields
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| json!({ "v": value(field, column, row, int64_timestamps) }))
        .collect();
    json!({ "f": cells })
}

fn value(field: &Field, column: &dyn Array, row: usize, int64_timestamps: bool) -> Value {
    if field.mode == Mode::Repeated {
        let items = column.as_list::<i32>().value(row);
        let item = Field { mode: Mode::Nullable, ..field.clone() };
        return (0..items.len())
            .map(|index| json!({ "v": value(&item, &*items, index, int64_timestamps) }))
            .collect();
    }
    if column.is_null(row) {
        return Value::Null;
    }
    match &field.field_type {
        FieldType::String | FieldType::Json => json!(column.as_string::<i32>().value(row)),
        FieldType::Bytes => json!(STANDARD.encode(column.as_binary::<i32>().value(row))),
        FieldType::Int64 => json!(column.as_primitive::<Int64Type>().value(row).to_string()),
        FieldType::Float64 => json!(float(column.as_primitive::<Float64Type>().value(row))),
        FieldType::Bool => json!(column.as_boolean().value(row).to_string()),
        FieldType::Timestamp => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            json!(if int64_timestamps { micros.to_string() } else { seconds(micros) })
        }
        FieldType::Date => {
            let days = column.as_primitive::<Date32Type>().value(row);
            let date = chrono::DateTime::from_timestamp(i64::from(days) * 86_400, 0);
            json!(date.map(|date| date.format("%Y-%m-%d").to_string()))
        }
        FieldType::Record(fields) => {
            let columns = column.as_struct();
            let cells: Vec<Value> = fields
                .iter()
                .zip(columns.columns())
                .map(|(field, column)| json!({ "v": value(field, column, row, int64_timestamps) }))
                .collect();
            json!({ "f": cells })
        }
    }
}

/// As the service writes doubles: the shortest text that reads back the same, whole numbers with `.0`.
fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        format!("{value:?}")
    }
}

/// `1704110400.123456`.
fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

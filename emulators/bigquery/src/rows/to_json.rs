//! Arrow rows as REST's `{"f": [{"v": …}]}`: every scalar is a text, timestamps are seconds with six
//! decimals or microseconds, bytes are base64.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::decimal::format_scaled;
use super::text::{format_date, format_datetime, format_time, format_timestamp};
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
    json!({ "f": cells(fields, batch.columns(), row, int64_timestamps) })
}

fn cells(fields: &[Field], columns: &[ArrayRef], row: usize, int64_timestamps: bool) -> Vec<Value> {
    let pairs = fields.iter().zip(columns);
    pairs
        .map(|(field, column)| json!({ "v": value(field, column, row, int64_timestamps) }))
        .collect()
}

fn value(field: &Field, column: &dyn Array, row: usize, int64_timestamps: bool) -> Value {
    if field.mode == Mode::Repeated {
        let items = column.as_list::<i32>().value(row);
        return (0..items.len())
            .map(
                |index| json!({ "v": scalar(&field.field_type, &*items, index, int64_timestamps) }),
            )
            .collect();
    }
    scalar(&field.field_type, column, row, int64_timestamps)
}

fn scalar(of: &FieldType, column: &dyn Array, row: usize, int64_timestamps: bool) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match of {
        FieldType::Timestamp => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            json!(if int64_timestamps { micros.to_string() } else { seconds(micros) })
        }
        FieldType::Record(fields) => {
            json!({ "f": cells(fields, column.as_struct().columns(), row, int64_timestamps) })
        }
        FieldType::Range(element) => {
            let bounds = column.as_struct();
            let of = element.field_type();
            let bound =
                |index: usize| match scalar(&of, bounds.column(index), row, int64_timestamps) {
                    Value::String(text) => text,
                    _ => "UNBOUNDED".to_owned(),
                };
            json!(format!("[{}, {})", bound(0), bound(1)))
        }
        of => json!(scalar_text(of, column, row)),
    }
}

/// A value that is not NULL and no record, as text: a timestamp as `2024-01-31 12:34:56 UTC`.
pub(crate) fn scalar_text(of: &FieldType, column: &dyn Array, row: usize) -> String {
    match of {
        FieldType::String | FieldType::Json | FieldType::Interval | FieldType::Geography => {
            column.as_string::<i32>().value(row).to_owned()
        }
        FieldType::Bytes => STANDARD.encode(column.as_binary::<i32>().value(row)),
        FieldType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        FieldType::Float64 => float(column.as_primitive::<Float64Type>().value(row)),
        FieldType::Numeric => {
            let scaled = column.as_primitive::<Decimal128Type>().value(row);
            format_scaled(&scaled.to_string(), 9)
        }
        FieldType::BigNumeric => {
            let scaled = column.as_primitive::<Decimal256Type>().value(row);
            format_scaled(&scaled.to_string(), 38)
        }
        FieldType::Bool => column.as_boolean().value(row).to_string(),
        FieldType::Timestamp => {
            format_timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        FieldType::Date => format_date(column.as_primitive::<Date32Type>().value(row)),
        FieldType::Time => format_time(column.as_primitive::<Time64MicrosecondType>().value(row)),
        FieldType::Datetime => {
            format_datetime(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        FieldType::Range(element) => {
            let bounds = column.as_struct();
            let of = element.field_type();
            let bound = |index: usize| match bounds.column(index) {
                column if column.is_null(row) => "UNBOUNDED".to_owned(),
                column => scalar_text(&of, column, row),
            };
            format!("[{}, {})", bound(0), bound(1))
        }
        FieldType::Record(_) => String::new(),
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

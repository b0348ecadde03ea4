//! Rows between Arrow and GoogleSQL's values. Invariant: a value that goes into a column and comes out
//! again is the same value, but for NULL arrays, which tables hold as empty ones.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use windtunnel_sql::{BigNumeric, Numeric, Value};

use super::cell::fit;
use super::decimal::{from_i256, to_i256};
use super::from_json::text_cell;
use super::geography::geography_of_text;
use super::text::{format_interval, parse_interval};
use super::{BatchBuilder, Cell, CellError};
use crate::schema::{Field, FieldType, Mode, TableSchema};

/// The value of a column in a row.
///
/// # Errors
/// The column holds what no value is, which this crate's own writers do not let in.
pub fn value_at(array: &dyn Array, row: usize, field: &Field) -> Result<Value, CellError> {
    if field.mode != Mode::Repeated {
        return scalar_at(array, row, &field.field_type);
    }
    let items = array.as_list::<i32>().value(row);
    let values = (0..items.len()).map(|index| scalar_at(&*items, index, &field.field_type));
    Ok(Value::Array(values.collect::<Result<_, _>>()?))
}

/// The rows of a batch, with the columns whose places are named, in that order.
///
/// # Errors
/// As [`value_at`].
pub fn rows_of(
    batch: &RecordBatch,
    schema: &TableSchema,
    columns: &[usize],
) -> Result<Vec<Vec<Value>>, CellError> {
    let row = |row: usize| {
        let cell = |&index: &usize| value_at(batch.column(index), row, &schema.fields[index]);
        columns.iter().map(cell).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A batch of rows: one value for each column of the schema. REQUIRED and the parameters of types are
/// checked; decimals are rounded to their column's scale.
///
/// # Errors
/// A row that does not fit.
pub fn batch_of_rows<R: AsRef<[Value]>>(
    schema: &TableSchema,
    rows: impl IntoIterator<Item = R>,
) -> Result<RecordBatch, CellError> {
    let mut batch = BatchBuilder::new(schema);
    for row in rows {
        let row = row.as_ref();
        if row.len() != schema.fields.len() {
            let (wanted, found) = (schema.fields.len(), row.len());
            let text = format!("Row has {found} values for {wanted} columns");
            return Err(CellError::Invalid(text));
        }
        let cells = schema.fields.iter().zip(row).map(|(field, value)| cell_of(field, value));
        batch.push(&cells.collect::<Result<Vec<_>, _>>()?);
    }
    batch.finish()
}

/// A text as a value of a column's type; nothing when it is none, or the type is a record.
pub(crate) fn value_of_text(of: &FieldType, text: &str) -> Option<Value> {
    Some(match (of, text_cell(of, text)?) {
        (FieldType::Int64, Cell::Int(value)) => Value::Int64(value),
        (FieldType::Timestamp, Cell::Int(value)) => Value::Timestamp(value),
        (FieldType::Datetime, Cell::Int(value)) => Value::Datetime(value),
        (FieldType::Time, Cell::Int(value)) => Value::Time(value),
        (FieldType::Date, Cell::Int(value)) => Value::Date(i32::try_from(value).ok()?),
        (_, Cell::Bool(value)) => Value::Bool(value),
        (_, Cell::Float(value)) => Value::Float64(value),
        (_, Cell::Decimal(scaled)) => Value::Numeric(Numeric::from_scaled(scaled)?),
        (_, Cell::BigDecimal(scaled)) => {
            Value::big_numeric(BigNumeric::from_scaled(from_i256(scaled))?)
        }
        (_, Cell::Bytes(bytes)) => Value::bytes(bytes),
        (FieldType::Interval, Cell::Text(text)) => Value::interval(parse_interval(&text)?),
        (FieldType::Json, Cell::Text(text)) => Value::json(serde_json::from_str(&text).ok()?),
        (FieldType::Geography, Cell::Text(text)) => {
            Value::Geography(Arc::new(geography_of_text(&text).ok()?))
        }
        (_, Cell::Text(text)) => Value::string(text),
        _ => return None,
    })
}

fn scalar_at(array: &dyn Array, row: usize, of: &FieldType) -> Result<Value, CellError> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let text = || array.as_string::<i32>().value(row);
    let micros = || array.as_primitive::<TimestampMicrosecondType>().value(row);
    Ok(match of {
        FieldType::String => Value::string(text()),
        FieldType::Bytes => Value::bytes(array.as_binary::<i32>().value(row)),
        FieldType::Int64 => Value::Int64(array.as_primitive::<Int64Type>().value(row)),
        FieldType::Float64 => Value::Float64(array.as_primitive::<Float64Type>().value(row)),
        FieldType::Numeric => {
            let scaled = array.as_primitive::<Decimal128Type>().value(row);
            Value::Numeric(Numeric::from_scaled(scaled).ok_or_else(|| corrupt("NUMERIC"))?)
        }
        FieldType::BigNumeric => {
            let scaled = from_i256(array.as_primitive::<Decimal256Type>().value(row));
            let number = BigNumeric::from_scaled(scaled).ok_or_else(|| corrupt("BIGNUMERIC"))?;
            Value::big_numeric(number)
        }
        FieldType::Bool => Value::Bool(array.as_boolean().value(row)),
        FieldType::Timestamp => Value::Timestamp(micros()),
        FieldType::Date => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        FieldType::Time => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        FieldType::Datetime => Value::Datetime(micros()),
        FieldType::Interval => {
            Value::interval(parse_interval(text()).ok_or_else(|| corrupt("INTERVAL"))?)
        }
        FieldType::Json => Value::json(serde_json::from_str(text()).map_err(|_| corrupt("JSON"))?),
        FieldType::Geography => Value::Geography(Arc::new(geography_of_text(text())?)),
        FieldType::Range(element) => {
            let bounds = array.as_struct();
            let of = element.field_type();
            let bound = |index: usize| scalar_at(bounds.column(index), row, &of);
            Value::Range(Arc::new([bound(0)?, bound(1)?]))
        }
        FieldType::Record(fields) => {
            let columns = array.as_struct();
            let values = fields.iter().zip(columns.columns());
            let values = values.map(|(field, column)| value_at(column, row, field));
            Value::Struct(values.collect::<Result<_, _>>()?)
        }
    })
}

/// What a column holds was checked on its way in.
fn corrupt(of: &str) -> CellError {
    CellError::Invalid(format!("A stored value is no {of}"))
}

/// A value as a cell of a column.
///
/// # Errors
/// It does not fit the column.
pub fn cell_of<'a>(field: &Field, value: &'a Value) -> Result<Cell<'a>, CellError> {
    let cell = match (field.mode, value) {
        (Mode::Repeated, Value::Null) => Cell::List(Vec::new()),
        (Mode::Repeated, Value::Array(items)) => {
            let cells = items.iter().map(|item| match item {
                Value::Null => Err(CellError::Invalid(format!(
                    "Array cannot have a null element; error in writing field {}",
                    field.name
                ))),
                item => scalar_cell(field, &field.field_type, item),
            });
            Cell::List(cells.collect::<Result<_, _>>()?)
        }
        (Mode::Repeated, _) => return Err(misplaced(field)),
        (Mode::Required, Value::Null) => {
            let text = format!("Required field {} cannot be null", field.name);
            return Err(CellError::Invalid(text));
        }
        (_, value) => scalar_cell(field, &field.field_type, value)?,
    };
    fit(field, cell)
}

fn scalar_cell<'a>(field: &Field, of: &FieldType, value: &'a Value) -> Result<Cell<'a>, CellError> {
    Ok(match (of, value) {
        (_, Value::Null) => Cell::Null,
        (FieldType::String, Value::String(text)) => Cell::Text(Cow::Borrowed(text)),
        (FieldType::Bytes, Value::Bytes(bytes)) => Cell::Bytes(Cow::Borrowed(bytes)),
        (FieldType::Int64, Value::Int64(number)) => Cell::Int(*number),
        (FieldType::Float64, Value::Float64(number)) => Cell::Float(*number),
        (FieldType::Numeric, Value::Numeric(number)) => Cell::Decimal(number.scaled()),
        (FieldType::BigNumeric, Value::BigNumeric(number)) => {
            Cell::BigDecimal(to_i256(number.scaled()).ok_or_else(|| misplaced(field))?)
        }
        (FieldType::Bool, Value::Bool(flag)) => Cell::Bool(*flag),
        (FieldType::Timestamp, Value::Timestamp(micros))
        | (FieldType::Datetime, Value::Datetime(micros))
        | (FieldType::Time, Value::Time(micros)) => Cell::Int(*micros),
        (FieldType::Date, Value::Date(days)) => Cell::Int(i64::from(*days)),
        (FieldType::Interval, Value::Interval(interval)) => {
            Cell::Text(Cow::Owned(format_interval(interval)))
        }
        (FieldType::Json, Value::Json(json)) => Cell::Text(Cow::Owned(json.to_string())),
        (FieldType::Geography, Value::Geography(geography)) => {
            Cell::Text(Cow::Owned(geography.to_string()))
        }
        (FieldType::Range(element), Value::Range(bounds)) => {
            let of = element.field_type();
            let cells = bounds.iter().map(|bound| scalar_cell(field, &of, bound));
            Cell::Record(cells.collect::<Result<_, _>>()?)
        }
        (FieldType::Record(fields), Value::Struct(values)) if fields.len() == values.len() => {
            let cells = fields.iter().zip(values.iter());
            let cells = cells.map(|(field, value)| cell_of(field, value));
            Cell::Record(cells.collect::<Result<_, _>>()?)
        }
        _ => return Err(misplaced(field)),
    })
}

fn misplaced(field: &Field) -> CellError {
    let of = field.sql_text();
    CellError::Invalid(format!("Value is not of type {of}; error in writing field {}", field.name))
}

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;

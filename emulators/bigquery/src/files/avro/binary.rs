//! Avro's binary encoding: rows into bytes and bytes into cells of a table's columns.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use num_bigint::BigInt;

use super::schema::{Avro, AvroField, Logical};
use crate::limits::NESTING_MAX;
use crate::rows::Cell;
use crate::rows::decimal::{self, from_i256};
use crate::rows::text::format_datetime;
use crate::rows::to_json::scalar_text;
use crate::schema::{Field, FieldType, Mode, index_of};

/// Rows of a batch one after the other, without a header.
pub(crate) fn rows_as_avro(fields: &[Field], batch: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        push_record(&mut out, fields, batch.columns(), row);
    }
    out
}

pub(super) fn push_record(out: &mut Vec<u8>, fields: &[Field], columns: &[ArrayRef], row: usize) {
    for (field, column) in fields.iter().zip(columns) {
        match field.mode {
            Mode::Repeated => {
                let items = column.as_list::<i32>().value(row);
                if !items.is_empty() {
                    push_long(out, items.len() as i64);
                    for index in 0..items.len() {
                        push_scalar(out, &field.field_type, &*items, index);
                    }
                }
                push_long(out, 0);
            }
            // The union is null first.
            Mode::Nullable if column.is_null(row) => push_long(out, 0),
            Mode::Nullable => {
                push_long(out, 1);
                push_scalar(out, &field.field_type, column, row);
            }
            Mode::Required => push_scalar(out, &field.field_type, column, row),
        }
    }
}

fn push_scalar(out: &mut Vec<u8>, of: &FieldType, column: &dyn Array, row: usize) {
    let big_endian = |number: BigInt| number.to_signed_bytes_be();
    match of {
        FieldType::Bool => out.push(u8::from(column.as_boolean().value(row))),
        FieldType::Int64 => push_long(out, column.as_primitive::<Int64Type>().value(row)),
        FieldType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            out.extend_from_slice(&value.to_le_bytes());
        }
        FieldType::Numeric => {
            let scaled = column.as_primitive::<Decimal128Type>().value(row);
            push_bytes(out, &big_endian(BigInt::from(scaled)));
        }
        FieldType::BigNumeric => {
            let scaled = column.as_primitive::<Decimal256Type>().value(row);
            push_bytes(out, &big_endian(from_i256(scaled)));
        }
        FieldType::Timestamp => {
            push_long(out, column.as_primitive::<TimestampMicrosecondType>().value(row));
        }
        FieldType::Date => {
            push_long(out, i64::from(column.as_primitive::<Date32Type>().value(row)));
        }
        FieldType::Time => {
            push_long(out, column.as_primitive::<Time64MicrosecondType>().value(row));
        }
        FieldType::Bytes => push_bytes(out, column.as_binary::<i32>().value(row)),
        FieldType::Datetime => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            push_bytes(out, format_datetime(micros).as_bytes());
        }
        FieldType::String | FieldType::Json | FieldType::Interval | FieldType::Geography => {
            push_bytes(out, scalar_text(of, column, row).as_bytes());
        }
        FieldType::Range(element) => {
            push_record(out, &element.bounds(), column.as_struct().columns(), row);
        }
        FieldType::Record(fields) => push_record(out, fields, column.as_struct().columns(), row),
    }
}

pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Zigzag and variable length.
pub(super) fn push_long(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

/// A value of a file.
#[derive(Debug, Clone, PartialEq)]
enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Symbol(&'a str),
    Array(Vec<Datum<'a>>),
    Map(Vec<(&'a str, Datum<'a>)>),
    /// With the type, which names the fields.
    Record(&'a AvroField, Vec<Datum<'a>>),
    /// A logical type's value.
    Logical(Logical, Box<Datum<'a>>),
}

/// Bytes under way.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

const ENDED: &str = "Unexpected end of data";

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ENDED)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn long(&mut self) -> Result<i64, String> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(ENDED)?;
            self.0 = rest;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err("Invalid variable-length integer".to_owned())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = usize::try_from(self.long()?).map_err(|_| "Negative length".to_owned())?;
        self.take(length)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    fn text(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "Invalid UTF-8".to_owned())
    }

    /// The items of an array or map, block by block; a negative count is followed by the block's bytes.
    fn blocks<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut out = Vec::new();
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(out);
            }
            if count < 0 {
                self.long()?;
                count = count.checked_neg().ok_or("Invalid block")?;
            }
            for _ in 0..count {
                // Items may be empty, so that their number is not bound by the bytes.
                if out.len() > 10_000_000 {
                    return Err("Too many items".to_owned());
                }
                out.push(item(self)?);
            }
        }
    }

    fn datum(&mut self, field: &'a AvroField, depth: usize) -> Result<Datum<'a>, String> {
        if depth > 4 * NESTING_MAX {
            return Err("Data is nested too deeply".to_owned());
        }
        let datum = match &field.of {
            Avro::Null => Datum::Null,
            Avro::Bool => Datum::Bool(self.take(1)?[0] != 0),
            Avro::Int | Avro::Long => Datum::Int(self.long()?),
            Avro::Float => Datum::Float(f64::from(f32::from_le_bytes(self.fixed()?))),
            Avro::Double => Datum::Float(f64::from_le_bytes(self.fixed()?)),
            Avro::Bytes => Datum::Bytes(self.bytes()?),
            Avro::Text => Datum::Text(self.text()?),
            Avro::Fixed(size) => Datum::Bytes(self.take(*size)?),
            Avro::Enum(symbols) => {
                let index = usize::try_from(self.long()?).ok();
                let symbol = index.and_then(|index| symbols.get(index));
                Datum::Symbol(symbol.ok_or("Invalid enum")?)
            }
            Avro::Array(item) => Datum::Array(self.blocks(|it| it.datum(item, depth + 1))?),
            Avro::Map(values) => {
                Datum::Map(self.blocks(|it| Ok((it.text()?, it.datum(values, depth + 1)?)))?)
            }
            Avro::Union(variants) => {
                let index = usize::try_from(self.long()?).ok();
                let variant = index.and_then(|index| variants.get(index)).ok_or("Invalid union")?;
                return self.datum(variant, depth + 1);
            }
            Avro::Record(fields) => {
                let values = fields.iter().map(|(_, field)| self.datum(field, depth + 1));
                Datum::Record(field, values.collect::<Result<_, _>>()?)
            }
        };
        Ok(match field.logical {
            Logical::None => datum,
            logical => Datum::Logical(logical, Box::new(datum)),
        })
    }

    /// One row as cells of a table's columns, by name; columns that the file has not are NULL. The outer
    /// error is a broken file, the inner one a row that does not fit.
    pub(super) fn row(
        &mut self,
        root: &'a AvroField,
        columns: &[Field],
    ) -> Result<Result<Vec<Cell<'a>>, String>, String> {
        match self.datum(root, 0)? {
            Datum::Record(of, values) => Ok(record(of, values, columns)),
            _ => Err("The file does not hold records".to_owned()),
        }
    }
}

fn record<'a>(
    of: &'a AvroField,
    values: Vec<Datum<'a>>,
    columns: &[Field],
) -> Result<Vec<Cell<'a>>, String> {
    let Avro::Record(fields) = &of.of else { return Err("No record".to_owned()) };
    let mut cells: Vec<Option<Cell<'a>>> = vec![None; columns.len()];
    for ((name, _), value) in fields.iter().zip(values) {
        if let Some(index) = index_of(columns, name) {
            cells[index] = Some(cell(value, &columns[index])?);
        }
    }
    let cells = cells.into_iter().zip(columns).map(|(cell, column)| {
        let missing =
            if column.mode == Mode::Repeated { Cell::List(Vec::new()) } else { Cell::Null };
        crate::rows::fit(column, cell.unwrap_or(missing)).map_err(|error| error.to_string())
    });
    cells.collect()
}

fn cell<'a>(datum: Datum<'a>, column: &Field) -> Result<Cell<'a>, String> {
    match (datum, column.mode) {
        (Datum::Null, Mode::Repeated) => Ok(Cell::List(Vec::new())),
        (Datum::Array(items), Mode::Repeated) => {
            let cells = items.into_iter().map(|item| scalar(item, column));
            cells.collect::<Result<_, _>>().map(Cell::List)
        }
        (Datum::Map(entries), Mode::Repeated) => {
            let FieldType::Record(fields) = &column.field_type else {
                return Err(misplaced(column));
            };
            let [key, value] = &fields[..] else { return Err(misplaced(column)) };
            let cells = entries.into_iter().map(|(name, datum)| {
                let key = scalar(Datum::Text(name), key)?;
                Ok(Cell::Record(vec![key, cell(datum, value)?]))
            });
            cells.collect::<Result<_, String>>().map(Cell::List)
        }
        (_, Mode::Repeated) => Err(misplaced(column)),
        (datum, _) => scalar(datum, column),
    }
}

fn misplaced(column: &Field) -> String {
    let of = column.sql_text();
    format!("Field {} cannot be converted to {of}", column.name)
}

fn scalar<'a>(datum: Datum<'a>, column: &Field) -> Result<Cell<'a>, String> {
    let refused = || misplaced(column);
    let of = &column.field_type;
    let (logical, datum) = match datum {
        Datum::Logical(logical, datum) => (logical, *datum),
        datum => (Logical::None, datum),
    };
    let millis = |value: i64| value.checked_mul(1_000).map(Cell::Int).ok_or_else(refused);
    Ok(match (datum, of) {
        (Datum::Null, _) => Cell::Null,
        (Datum::Bool(flag), FieldType::Bool) => Cell::Bool(flag),
        (Datum::Int(value), FieldType::Time) if logical == Logical::TimeMillis => millis(value)?,
        (Datum::Int(value), FieldType::Timestamp) if logical == Logical::TimestampMillis => {
            millis(value)?
        }
        (Datum::Int(value), FieldType::Datetime) if logical == Logical::LocalMillis => {
            millis(value)?
        }
        (Datum::Int(value), FieldType::Date) => {
            let _in_range = i32::try_from(value).map_err(|_| refused())?;
            Cell::Int(value)
        }
        (
            Datum::Int(value),
            FieldType::Int64 | FieldType::Timestamp | FieldType::Datetime | FieldType::Time,
        ) => Cell::Int(value),
        (Datum::Int(value), FieldType::Float64) => Cell::Float(value as f64),
        (Datum::Int(value), FieldType::Numeric | FieldType::BigNumeric) => {
            decimal_cell(of, &BigInt::from(value), 0).ok_or_else(refused)?
        }
        (Datum::Float(value), FieldType::Float64) => Cell::Float(value),
        (Datum::Bytes(bytes), FieldType::Numeric | FieldType::BigNumeric) => {
            let Logical::Decimal { scale, .. } = logical else { return Err(refused()) };
            let number = BigInt::from_signed_bytes_be(bytes);
            decimal_cell(of, &number, scale).ok_or_else(refused)?
        }
        (Datum::Bytes(bytes), FieldType::Bytes) => Cell::Bytes(Cow::Borrowed(bytes)),
        (Datum::Text(text), FieldType::Bytes) => Cell::Bytes(Cow::Borrowed(text.as_bytes())),
        (Datum::Text(text) | Datum::Symbol(text), of) => {
            crate::rows::from_json::text_cell(of, text).ok_or_else(refused)?
        }
        (Datum::Record(of, values), FieldType::Record(fields)) => {
            Cell::Record(record(of, values, fields)?)
        }
        (Datum::Record(of, values), FieldType::Range(element)) => {
            Cell::Record(record(of, values, &element.bounds())?)
        }
        _ => return Err(refused()),
    })
}

/// A decimal of any scale as a column's.
fn decimal_cell(of: &FieldType, unscaled: &BigInt, scale: u32) -> Option<Cell<'static>> {
    let text =
        decimal::format_scaled(&unscaled.to_string(), usize::try_from(scale.min(1_000)).ok()?);
    match of {
        FieldType::Numeric => decimal::numeric(&text).map(Cell::Decimal),
        _ => decimal::big_numeric(&text).map(Cell::BigDecimal),
    }
}

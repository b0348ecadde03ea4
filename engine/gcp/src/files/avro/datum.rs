//! The bytes of Avro values as JSON. Instants become RFC 3339, dates and times of day ISO 8601, decimals
//! numbers in texts, bytes hexadecimal digits, and numbers that JSON has not are null, as in rows of Parquet.
//! Invariant: a block costs as many steps as it has bytes, times a constant, and a bounded number
//! besides; so does a record.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use windtunnel_model::EventTime;

use super::schema::{Schema, Shape};
use crate::limits::{AVRO_DEPTH_MAX, AVRO_VALUES_MAX};

/// Bytes of the longest number.
pub(super) const LONG_BYTES_MAX: usize = 10;
/// Bytes of the largest decimal that is read as one; wider ones stay bytes.
const DECIMAL_BYTES_MAX: usize = 16;

/// Why bytes are no value of their schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Torn {
    #[error("the block ends in it")]
    End,
    #[error("a number in it does not end")]
    Number,
    #[error("a length in it is negative")]
    Length,
    #[error("a text in it is not UTF-8")]
    Text,
    #[error("it has a boolean that is neither")]
    Boolean,
    #[error("it names a branch or a symbol that its schema has not")]
    Branch,
    #[error("it is nested too deep")]
    Depth,
    #[error("it has too many values")]
    Values,
}

/// Records of one block.
pub(super) struct Datum<'a> {
    schema: &'a Schema,
    bytes: &'a [u8],
    depth: usize,
    /// Values that the record may still have.
    values: u64,
    /// Values that the block may still have.
    block_values: u64,
}

impl<'a> Datum<'a> {
    pub(super) fn new(schema: &'a Schema, bytes: &'a [u8]) -> Self {
        // A byte ends as many values as are nested around it; those without bytes are few.
        let block_values = AVRO_VALUES_MAX + bytes.len() as u64 * AVRO_DEPTH_MAX as u64;
        Self { schema, bytes, depth: 0, values: 0, block_values }
    }

    /// Whether all bytes are read.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A record begins.
    pub(super) fn begin(&mut self) {
        self.depth = 0;
        self.values = AVRO_VALUES_MAX;
    }

    /// The next value, of a shape of the schema.
    pub(super) fn value(&mut self, at: usize) -> Result<Value, Torn> {
        self.values = self.values.checked_sub(1).ok_or(Torn::Values)?;
        self.block_values = self.block_values.checked_sub(1).ok_or(Torn::Values)?;
        if self.depth == AVRO_DEPTH_MAX {
            return Err(Torn::Depth);
        }
        self.depth += 1;
        let value = self.inner(at)?;
        self.depth -= 1;
        Ok(value)
    }

    fn inner(&mut self, at: usize) -> Result<Value, Torn> {
        let schema = self.schema;
        Ok(match schema.shape(at) {
            Shape::Null => Value::Null,
            Shape::Boolean => match self.take(1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(Torn::Boolean),
            },
            Shape::Long => self.long()?.into(),
            Shape::Float => float(f32::from_le_bytes(self.array()?)),
            Shape::Double => {
                Number::from_f64(f64::from_le_bytes(self.array()?)).map_or(Value::Null, Value::from)
            }
            Shape::Bytes => hexadecimal(self.prefixed()?),
            Shape::Text => self.text()?.into(),
            Shape::Fixed(size) => hexadecimal(self.take(*size)?),
            Shape::Enum(symbols) => self.branch(symbols)?.as_str().into(),
            Shape::Array(items) => self.items(*items)?,
            Shape::Map(values) => self.entries(*values)?,
            Shape::Union(branches) => {
                let branch = *self.branch(branches)?;
                self.value(branch)?
            }
            Shape::Record(fields) => {
                let mut record = Map::new();
                for (name, field) in fields {
                    match self.value(*field)? {
                        Value::Null => {}
                        value => drop(record.insert(name.clone(), value)),
                    }
                }
                Value::Object(record)
            }
            Shape::Date => date(self.long()?),
            Shape::Time(per_second) => time_of_day(self.long()?, *per_second),
            Shape::Timestamp(per_second, is_utc) => instant(self.long()?, *per_second, *is_utc),
            Shape::Decimal(scale, size) => {
                let bytes = match size {
                    Some(size) => self.take(*size)?,
                    None => self.prefixed()?,
                };
                decimal(bytes, *scale)
            }
        })
    }

    fn items(&mut self, shape: usize) -> Result<Value, Torn> {
        let mut items = Vec::new();
        self.blocks(|datum| {
            items.push(datum.value(shape)?);
            Ok(())
        })?;
        Ok(Value::Array(items))
    }

    fn entries(&mut self, shape: usize) -> Result<Value, Torn> {
        let mut entries = Map::new();
        self.blocks(|datum| {
            let key = datum.text()?.to_owned();
            let value = datum.value(shape)?;
            entries.insert(key, value);
            Ok(())
        })?;
        Ok(Value::Object(entries))
    }

    /// Runs of items, each with their number before it, up to one of none. A value is counted for every
    /// item, so that items without bytes end, too.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Torn>) -> Result<(), Torn> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The length of the run, which a reader that skips it would use.
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
        }
    }

    fn branch<'b, T>(&mut self, branches: &'b [T]) -> Result<&'b T, Torn> {
        let branch = usize::try_from(self.long()?).map_err(|_| Torn::Branch)?;
        branches.get(branch).ok_or(Torn::Branch)
    }

    fn long(&mut self) -> Result<i64, Torn> {
        long(&mut self.bytes)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Torn> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Torn::End)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Torn> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(Torn::End)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// Bytes with their length before them.
    fn prefixed(&mut self) -> Result<&'a [u8], Torn> {
        let length = usize::try_from(self.long()?).map_err(|_| Torn::Length)?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, Torn> {
        std::str::from_utf8(self.prefixed()?).map_err(|_| Torn::Text)
    }
}

/// A number of variable length, in which small ones of both signs are short.
pub(super) fn long(bytes: &mut &[u8]) -> Result<i64, Torn> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(LONG_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    Err(if bytes.len() < LONG_BYTES_MAX { Torn::End } else { Torn::Number })
}

/// With the digits that tell it from its neighbours, not those of the double that is nearest.
fn float(value: f32) -> Value {
    let wide = value.to_string().parse().ok().and_then(Number::from_f64);
    wide.map_or(Value::Null, Value::from)
}

fn hexadecimal(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text.into()
}

/// What lies before year 1 or after year 9999 has no date and stays a number.
fn is_dated(micros: i64) -> bool {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_10000: i64 = 253_402_300_800_000_000;
    (YEAR_1..YEAR_10000).contains(&micros)
}

fn date(days: i64) -> Value {
    match days.checked_mul(86_400_000_000).filter(|micros| is_dated(*micros)) {
        Some(micros) => EventTime(micros).to_string()[..10].into(),
        None => days.into(),
    }
}

fn micros(value: i64, per_second: i64) -> Option<i64> {
    match per_second {
        1_000_000_000 => Some(value.div_euclid(1_000)),
        _ => value.checked_mul(1_000_000 / per_second),
    }
}

fn time_of_day(value: i64, per_second: i64) -> Value {
    match micros(value, per_second).filter(|micros| (0..86_400_000_000).contains(micros)) {
        Some(micros) => EventTime(micros).to_string()[11..].trim_end_matches('Z').into(),
        None => value.into(),
    }
}

fn instant(value: i64, per_second: i64, is_utc: bool) -> Value {
    match micros(value, per_second).filter(|micros| is_dated(*micros)) {
        Some(micros) if is_utc => EventTime(micros).to_string().into(),
        Some(micros) => EventTime(micros).to_string().trim_end_matches('Z').into(),
        None => value.into(),
    }
}

/// Two's complement, the highest byte first.
fn decimal(bytes: &[u8], scale: u32) -> Value {
    if bytes.is_empty() || bytes.len() > DECIMAL_BYTES_MAX {
        return hexadecimal(bytes);
    }
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [sign; DECIMAL_BYTES_MAX];
    wide[DECIMAL_BYTES_MAX - bytes.len()..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(wide);
    let scale = scale as usize;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let minus = if value < 0 { "-" } else { "" };
    let point = if scale == 0 { "" } else { "." };
    format!("{minus}{whole}{point}{fraction}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(schema: &str, bytes: &[u8]) -> Result<Value, Torn> {
        let schema = Schema::parse(schema.as_bytes()).unwrap();
        let mut datum = Datum::new(&schema, bytes);
        datum.begin();
        let value = datum.value(schema.root())?;
        assert!(datum.is_empty(), "bytes are left");
        Ok(value)
    }

    #[test]
    fn every_type_has_its_json() {
        let logical = |kind: &str, of: &str| format!(r#"{{"type":"{kind}","logicalType":"{of}"}}"#);
        let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#;
        for (schema, bytes, expected) in [
            (r#""null""#.to_owned(), &b""[..], json!(null)),
            (r#""long""#.to_owned(), b"\x01", json!(-1)),
            (r#""int""#.to_owned(), b"\xac\x02", json!(150)),
            (r#""long""#.to_owned(), b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", json!(i64::MIN)),
            (r#""float""#.to_owned(), &1.1_f32.to_le_bytes(), json!(1.1)),
            (r#""double""#.to_owned(), &f64::NAN.to_le_bytes(), json!(null)),
            (r#""bytes""#.to_owned(), b"\x04\x00\xff", json!("00ff")),
            (r#"{"type":"map","values":"int"}"#.to_owned(), b"\x02\x02a\x04\x00", json!({"a": 2})),
            (
                r#"{"type":"array","items":"int"}"#.to_owned(),
                b"\x01\x02\x04\x02\x06\x00",
                json!([2, 3]),
            ),
            (r#"{"type":"enum","name":"e","symbols":["x","y"]}"#.to_owned(), b"\x02", json!("y")),
            (logical("int", "date"), b"\x02", json!("1970-01-02")),
            (logical("int", "time-millis"), b"\xd0\x0f", json!("00:00:01.000000")),
            (
                logical("long", "timestamp-millis"),
                b"\xd0\x0f",
                json!("1970-01-01T00:00:01.000000Z"),
            ),
            (
                logical("long", "local-timestamp-micros"),
                b"\x00",
                json!("1970-01-01T00:00:00.000000"),
            ),
            (decimal.to_owned(), b"\x02\xff", json!("-0.001")),
            (decimal.to_owned(), b"\x04\x30\x39", json!("12.345")),
        ] {
            assert_eq!(read(&schema, bytes), Ok(expected), "{schema} {bytes:?}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let nested = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"r"}]}"#;
        let nothings = r#"{"type":"array","items":"null"}"#;
        for (schema, bytes, expected) in [
            (r#""long""#, &b"\x80"[..], Torn::End),
            (r#""long""#, &[0x80; 11], Torn::Number),
            (r#""string""#, b"\x01", Torn::Length),
            (r#""string""#, b"\x02\xff", Torn::Text),
            (r#""string""#, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7fx", Torn::End),
            (r#""boolean""#, b"\x02", Torn::Boolean),
            (r#"["null"]"#, b"\x02", Torn::Branch),
            (nested, b"", Torn::Depth),
            (nothings, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", Torn::Values),
            (nothings, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", Torn::Values),
        ] {
            assert_eq!(read(schema, bytes), Err(expected), "{schema} {bytes:?}");
        }
    }
}

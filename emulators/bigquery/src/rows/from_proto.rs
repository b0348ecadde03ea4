//! Protobuf rows of the Storage Write API: a message type described by the client, decoded straight
//! into cells. Rules: the comments of `protobuf.proto` and "Data type conversions" of the Storage Write
//! API's documentation. Invariant: any bytes are decoded or refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::{Label, Type};

use super::cell::fit_in_place;
use super::decimal::{big_numeric_of_bytes, numeric_of_bytes};
use super::from_json::text_cell;
use super::{BatchBuilder, Cell, CellError};
use crate::limits::NESTING_MAX;
use crate::schema::{Field, FieldType, Mode, TableSchema, index_of};

/// A client's message type, matched with a table's columns.
#[derive(Debug)]
pub struct Decoder {
    /// By their numbers.
    fields: Vec<(u32, Target)>,
    columns: Vec<Field>,
}

#[derive(Debug)]
struct Target {
    column: usize,
    proto: Type,
    repeated: bool,
    nested: Option<Decoder>,
    /// Its values are the column's as they are.
    is_direct: bool,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Its place in the request.
    pub index: usize,
    /// What is wrong with it.
    pub error: CellError,
}

impl Decoder {
    /// Matches a message type with a table.
    ///
    /// # Errors
    /// A field that the table has not, or that has another shape or type there.
    pub fn new(descriptor: &DescriptorProto, schema: &TableSchema) -> Result<Self, CellError> {
        Self::of_message(descriptor, descriptor, &schema.fields, 1)
    }

    fn of_message(
        root: &DescriptorProto,
        message: &DescriptorProto,
        columns: &[Field],
        depth: usize,
    ) -> Result<Self, CellError> {
        if depth > NESTING_MAX {
            let text = format!("Records are nested more than {NESTING_MAX} levels deep");
            return Err(CellError::Invalid(text));
        }
        let mut fields = BTreeMap::new();
        for field in &message.field {
            let column = index_of(columns, field.name())
                .ok_or_else(|| CellError::UnknownField(field.name().to_owned()))?;
            let target = &columns[column];
            let repeated = field.label() == Label::Repeated;
            if repeated != (target.mode == Mode::Repeated) {
                let text =
                    format!("Proto field {} differs from the table in REPEATED", field.name());
                return Err(CellError::Invalid(text));
            }
            let nested = match (&target.field_type, field.r#type()) {
                (FieldType::Record(_) | FieldType::Range(_), Type::Message) => {
                    let bounds;
                    let inner = match &target.field_type {
                        FieldType::Range(element) => {
                            bounds = element.bounds();
                            &bounds[..]
                        }
                        FieldType::Record(inner) => inner,
                        _ => &[],
                    };
                    let type_name = field.type_name().rsplit('.').next().unwrap_or_default();
                    let find = |it: &&DescriptorProto| it.name() == type_name;
                    let nested = message.nested_type.iter().find(find);
                    let nested =
                        nested.or_else(|| root.nested_type.iter().find(find)).ok_or_else(|| {
                            CellError::Invalid(format!(
                                "Proto type {} is not described",
                                field.type_name()
                            ))
                        })?;
                    Some(Self::of_message(root, nested, inner, depth + 1)?)
                }
                (field_type, proto) if fits(field_type, proto) => None,
                (field_type, proto) => {
                    return Err(CellError::Invalid(format!(
                        "Proto field {} of type {} cannot be a column of type {}",
                        field.name(),
                        proto.as_str_name(),
                        field_type.name()
                    )));
                }
            };
            let number = u32::try_from(field.number())
                .map_err(|_| CellError::Invalid("field numbers are positive".to_owned()))?;
            let (proto, is_direct) =
                (field.r#type(), is_direct(&target.field_type, field.r#type()));
            fields.insert(number, Target { column, proto, repeated, nested, is_direct });
        }
        Ok(Self { fields: fields.into_iter().collect(), columns: columns.to_vec() })
    }

    /// Decodes rows into a batch; `arrow` is the table's schema as Arrow has it.
    ///
    /// # Errors
    /// All rows that are wrong; then no batch is made.
    pub fn decode(
        &self,
        arrow: &SchemaRef,
        rows: &[impl AsRef<[u8]>],
    ) -> Result<RecordBatch, Vec<RowError>> {
        let mut batch = BatchBuilder::sized(&self.columns, arrow, rows.len());
        let mut errors = Vec::new();
        let (mut cells, mut spare) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            match self.row(row.as_ref(), &mut cells, &mut spare) {
                Ok(()) => batch.push(&cells),
                Err(error) => errors.push(RowError { index, error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        batch.finish().map_err(|error| vec![RowError { index: 0, error }])
    }

    fn row<'a>(
        &self,
        bytes: &'a [u8],
        cells: &mut Vec<Cell<'a>>,
        spare: &mut Spare<'a>,
    ) -> Result<(), CellError> {
        self.message(bytes, cells, spare)?;
        for (field, cell) in self.columns.iter().zip(cells) {
            fit_in_place(field, cell)?;
        }
        Ok(())
    }

    fn message<'a>(
        &self,
        mut bytes: &'a [u8],
        cells: &mut Vec<Cell<'a>>,
        spare: &mut Spare<'a>,
    ) -> Result<(), CellError> {
        cells.drain(..).for_each(|cell| put_aside(cell, spare));
        cells.extend(self.columns.iter().map(|field| match field.mode {
            Mode::Repeated => Cell::List(spare.pop().unwrap_or_default()),
            Mode::Nullable | Mode::Required => Cell::Null,
        }));
        let mut place = 0;
        while !bytes.is_empty() {
            let (number, wire) = decode_key(&mut bytes).map_err(|_| malformed())?;
            let raw = take(&mut bytes, wire)?;
            let Some(target) = self.target(number, &mut place) else {
                return Err(CellError::UnknownField(format!("proto field number {number}")));
            };
            if let (true, Raw::Bytes(packed)) = (target.repeated, raw)
                && let Some(wire) = packable(target.proto)
            {
                let mut packed = packed;
                while !packed.is_empty() {
                    let raw = take(&mut packed, wire)?;
                    let value = self.value(target, raw, spare)?;
                    push_item(&mut cells[target.column], value);
                }
                continue;
            }
            let value = self.value(target, raw, spare)?;
            if target.repeated {
                push_item(&mut cells[target.column], value);
            } else {
                cells[target.column] = value;
            }
        }
        Ok(())
    }

    /// The field with a number. Clients write fields in the order of their numbers, so it is looked for from
    /// the place of the last one on.
    fn target(&self, number: u32, place: &mut usize) -> Option<&Target> {
        let is_wanted = |(known, _): &(u32, Target)| *known == number;
        let ahead = self.fields.get(*place..).and_then(|ahead| ahead.iter().position(is_wanted));
        *place = match ahead {
            Some(ahead) => *place + ahead,
            None => self.fields.binary_search_by_key(&number, |(known, _)| *known).ok()?,
        };
        Some(&self.fields[*place].1)
    }

    fn value<'a>(
        &self,
        target: &Target,
        raw: Raw<'a>,
        spare: &mut Spare<'a>,
    ) -> Result<Cell<'a>, CellError> {
        let field = &self.columns[target.column];
        let wrong = |what: &str| CellError::Invalid(format!("Field {}: {what}", field.name));
        let cell = match (target.proto, raw) {
            (Type::Message, Raw::Bytes(bytes)) => {
                let nested = target.nested.as_ref().ok_or_else(malformed)?;
                let mut cells = spare.pop().unwrap_or_default();
                return nested.message(bytes, &mut cells, spare).map(|()| Cell::Record(cells));
            }
            (Type::String, Raw::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8"))?;
                Cell::Text(Cow::Borrowed(text))
            }
            (Type::Bytes, Raw::Bytes(bytes)) => Cell::Bytes(Cow::Borrowed(bytes)),
            (Type::Bool, Raw::Varint(value)) => Cell::Bool(value != 0),
            (Type::Int32, Raw::Varint(value)) => Cell::Int(i64::from(value as u32 as i32)),
            (Type::Int64, Raw::Varint(value)) => Cell::Int(value as i64),
            (Type::Uint32, Raw::Varint(value)) => Cell::Int(i64::from(value as u32)),
            (Type::Sint32 | Type::Sint64, Raw::Varint(value)) => {
                Cell::Int((value >> 1) as i64 ^ -((value & 1) as i64))
            }
            (Type::Fixed32, Raw::Fixed32(value)) => Cell::Int(i64::from(value)),
            (Type::Sfixed32, Raw::Fixed32(value)) => Cell::Int(i64::from(value as i32)),
            (Type::Sfixed64, Raw::Fixed64(value)) => Cell::Int(value as i64),
            (Type::Float, Raw::Fixed32(value)) => Cell::Float(f64::from(f32::from_bits(value))),
            (Type::Double, Raw::Fixed64(value)) => Cell::Float(f64::from_bits(value)),
            _ => return Err(malformed()),
        };
        if target.is_direct {
            return Ok(cell);
        }
        of_type(&field.field_type, cell)
            .ok_or_else(|| wrong(&format!("cannot be converted to {}", field.field_type.name())))
    }
}

/// Lists of cells that the rows before have left: every row needs one for each record, and a list.
type Spare<'a> = Vec<Vec<Cell<'a>>>;

/// Keeps the lists of a cell that is not needed any more.
fn put_aside<'a>(cell: Cell<'a>, spare: &mut Spare<'a>) {
    if let Cell::Record(mut cells) | Cell::List(mut cells) = cell {
        cells.drain(..).for_each(|cell| put_aside(cell, spare));
        spare.push(cells);
    }
}

#[derive(Debug, Clone, Copy)]
enum Raw<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

fn take<'a>(bytes: &mut &'a [u8], wire: WireType) -> Result<Raw<'a>, CellError> {
    match wire {
        WireType::Varint => decode_varint(bytes).map(Raw::Varint).map_err(|_| malformed()),
        WireType::ThirtyTwoBit => {
            let (value, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
            *bytes = rest;
            Ok(Raw::Fixed32(u32::from_le_bytes(*value)))
        }
        WireType::SixtyFourBit => {
            let (value, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
            *bytes = rest;
            Ok(Raw::Fixed64(u64::from_le_bytes(*value)))
        }
        WireType::LengthDelimited => {
            let length = decode_varint(bytes).map_err(|_| malformed())?;
            let length = usize::try_from(length).map_err(|_| malformed())?;
            let (value, rest) = bytes.split_at_checked(length).ok_or_else(malformed)?;
            *bytes = rest;
            Ok(Raw::Bytes(value))
        }
        WireType::StartGroup | WireType::EndGroup => Err(malformed()),
    }
}

/// The wire type of a scalar inside a packed field; none for those that cannot be packed.
fn packable(proto: Type) -> Option<WireType> {
    match proto {
        Type::Bool | Type::Int32 | Type::Int64 | Type::Uint32 | Type::Sint32 | Type::Sint64 => {
            Some(WireType::Varint)
        }
        Type::Fixed32 | Type::Sfixed32 | Type::Float => Some(WireType::ThirtyTwoBit),
        Type::Sfixed64 | Type::Double => Some(WireType::SixtyFourBit),
        _ => None,
    }
}

fn push_item<'a>(list: &mut Cell<'a>, value: Cell<'a>) {
    if let Cell::List(items) = list {
        items.push(value);
    }
}

/// Whether [`of_type`] would change nothing, whatever the value.
fn is_direct(field_type: &FieldType, proto: Type) -> bool {
    match field_type {
        FieldType::String => proto == Type::String,
        FieldType::Float64 => matches!(proto, Type::Double | Type::Float),
        FieldType::Bool => proto == Type::Bool,
        FieldType::Int64 | FieldType::Timestamp => {
            matches!(proto, Type::Int64 | Type::Int32 | Type::Sint64)
        }
        _ => false,
    }
}

/// A decoded scalar as the column has it ("Data type conversions" of the documentation).
fn of_type<'a>(of: &FieldType, cell: Cell<'a>) -> Option<Cell<'a>> {
    Some(match (of, cell) {
        (FieldType::Float64, Cell::Int(value)) => Cell::Float(value as f64),
        (FieldType::Numeric, Cell::Bytes(bytes)) => Cell::Decimal(numeric_of_bytes(&bytes)?),
        (FieldType::BigNumeric, Cell::Bytes(bytes)) => {
            Cell::BigDecimal(big_numeric_of_bytes(&bytes)?)
        }
        (FieldType::Numeric | FieldType::BigNumeric, Cell::Int(value)) => {
            owned(text_cell(of, &value.to_string())?)
        }
        (FieldType::Numeric | FieldType::BigNumeric, Cell::Float(value)) => {
            owned(text_cell(of, &value.to_string())?)
        }
        (FieldType::Time, Cell::Int(packed)) => Cell::Int(unpack_time(packed)?),
        (FieldType::Datetime, Cell::Int(packed)) => Cell::Int(unpack_datetime(packed)?),
        (FieldType::String, cell) => cell,
        (of, Cell::Text(Cow::Borrowed(text))) => text_cell(of, text)?,
        (of, Cell::Text(Cow::Owned(text))) => owned(text_cell(of, &text)?),
        (_, cell) => cell,
    })
}

/// A cell that borrows nothing.
fn owned(cell: Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Null | Cell::Record(_) | Cell::List(_) => Cell::Null,
        Cell::Bool(flag) => Cell::Bool(flag),
        Cell::Int(value) => Cell::Int(value),
        Cell::Float(value) => Cell::Float(value),
        Cell::Decimal(value) => Cell::Decimal(value),
        Cell::BigDecimal(value) => Cell::BigDecimal(value),
        Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
        Cell::Bytes(bytes) => Cell::Bytes(Cow::Owned(bytes.into_owned())),
    }
}

/// A TIME packed into 64 bits: hour, minute, second and microseconds from bit 32, 26, 20 and 0 on
/// (ZetaSQL's `CivilTimeEncoder`).
fn unpack_time(packed: i64) -> Option<i64> {
    let packed = u64::try_from(packed).ok()?;
    let (hour, minute, second) = (packed >> 32, packed >> 26 & 0x3f, packed >> 20 & 0x3f);
    let micros = packed & 0xf_ffff;
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    i64::try_from(seconds * 1_000_000 + micros).ok()
}

/// A DATETIME packed into 64 bits: year, month and day from bit 46, 42 and 37 on, and the time below.
fn unpack_datetime(packed: i64) -> Option<i64> {
    let bits = u64::try_from(packed).ok()?;
    let (year, month, day) = (bits >> 46, bits >> 42 & 0xf, bits >> 37 & 0x1f);
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    let date = chrono::NaiveDate::from_ymd_opt(year, month as u32, day as u32)?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros();
    Some(midnight + unpack_time(packed & 0x1f_ffff_ffff)?)
}

fn fits(field_type: &FieldType, proto: Type) -> bool {
    let is_integer = matches!(
        proto,
        Type::Int32
            | Type::Int64
            | Type::Uint32
            | Type::Sint32
            | Type::Sint64
            | Type::Fixed32
            | Type::Sfixed32
            | Type::Sfixed64
    );
    let is_float = matches!(proto, Type::Double | Type::Float);
    let is_text = proto == Type::String;
    match field_type {
        FieldType::Bool => proto == Type::Bool,
        FieldType::Int64 => is_integer,
        FieldType::Float64 => is_float || is_integer,
        FieldType::Numeric | FieldType::BigNumeric => {
            is_text || is_integer || is_float || proto == Type::Bytes
        }
        FieldType::String | FieldType::Json | FieldType::Interval | FieldType::Geography => is_text,
        FieldType::Bytes => proto == Type::Bytes,
        FieldType::Timestamp | FieldType::Time | FieldType::Datetime => {
            is_text || proto == Type::Int64
        }
        FieldType::Date => is_text || matches!(proto, Type::Int32 | Type::Int64),
        FieldType::Range(_) | FieldType::Record(_) => false,
    }
}

fn malformed() -> CellError {
    CellError::Invalid("The row cannot be parsed as the described message".to_owned())
}

#[cfg(test)]
mod tests;

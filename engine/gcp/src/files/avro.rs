//! Avro object container files (specification 1.11): a header with the schema, then blocks of records, each
//! packed by itself. Every record becomes a JSON object as a row of Parquet does. A file is read as it comes,
//! block by block. Invariant: any bytes are read or refused with their place; what a file claims about its
//! lengths costs memory and time only as far as its bytes, and the bounds of this crate, bear it out.

mod datum;
mod schema;

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use super::columns::Column;
use super::format::{ReadError, Take, check_length};
use crate::limits::{AVRO_BLOCK_BYTES_MAX, AVRO_HEADER_BYTES_MAX};
use datum::{Datum, Torn};
use schema::{Schema, Shape};

/// The first bytes of a container file.
pub(super) const MAGIC: &[u8; 4] = b"Obj\x01";
/// The random bytes between blocks.
const MARKER_BYTES: usize = 16;

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    fn of(name: &[u8]) -> Result<Self, ReadError> {
        Ok(match name {
            b"" | b"null" => Self::Null,
            b"deflate" => Self::Deflate,
            b"snappy" => Self::Snappy,
            b"zstandard" => Self::Zstandard,
            other => {
                let name = String::from_utf8_lossy(other);
                return Err(header(format!(
                    "blocks packed as `{name}` are not read, only those of null, deflate, snappy and \
                     zstandard"
                )));
            }
        })
    }

    /// A block's records as they are without packing.
    fn unpack(self, packed: Vec<u8>) -> Result<Vec<u8>, String> {
        match self {
            Self::Null => Ok(packed),
            Self::Deflate => limited(flate2::read::DeflateDecoder::new(&packed[..])),
            Self::Snappy => snappy(&packed),
            Self::Zstandard => {
                limited(zstd::Decoder::with_buffer(&packed[..]).map_err(|it| it.to_string())?)
            }
        }
    }
}

fn header(reason: impl std::fmt::Display) -> ReadError {
    ReadError::Columns(format!("the header of the Avro file: {reason}"))
}

/// Unpacks, and stops where no block goes.
fn limited(unpacker: impl Read) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let most = AVRO_BLOCK_BYTES_MAX as u64 + 1;
    unpacker.take(most).read_to_end(&mut unpacked).map_err(|error| error.to_string())?;
    check_block(unpacked.len())?;
    Ok(unpacked)
}

/// Snappy without its framing, and the checksum of what was packed behind it.
fn snappy(packed: &[u8]) -> Result<Vec<u8>, String> {
    let Some((packed, sum)) = packed.split_last_chunk::<4>() else {
        return Err("it is shorter than its checksum".to_owned());
    };
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    check_block(length)?;
    let unpacked =
        snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| error.to_string())?;
    let mut crc = flate2::Crc::new();
    crc.update(&unpacked);
    match crc.sum() == u32::from_be_bytes(*sum) {
        true => Ok(unpacked),
        false => Err("its checksum does not match".to_owned()),
    }
}

fn check_block(bytes: usize) -> Result<(), String> {
    match bytes <= AVRO_BLOCK_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("it is longer than {} MB", AVRO_BLOCK_BYTES_MAX >> 20)),
    }
}

/// What the header says.
struct Header {
    schema: Schema,
    codec: Codec,
    marker: Vec<u8>,
}

/// Reads the records.
pub(super) fn read(mut input: impl BufRead, take: Take<'_>) -> Result<(), ReadError> {
    let Header { schema, codec, marker } = read_header(&mut input)?;
    let Shape::Record(fields) = schema.shape(schema.root()) else {
        return Err(header("its schema is not that of a record"));
    };
    let columns: Vec<Column> = fields.iter().map(|(name, _)| Column::of(name)).collect();
    let (mut number, mut block) = (0_u64, 0_u64);
    while !input.fill_buf()?.is_empty() {
        block += 1;
        let failed = |reason: String| {
            ReadError::Columns(format!("block {block}, after record {number}: {reason}"))
        };
        let (count, records) = read_block(&mut input, codec, &marker).map_err(failed)?;
        let mut datum = Datum::new(&schema, &records);
        // A record takes a byte at the least: a count that says otherwise would cost time without end.
        if count > records.len() as u64 {
            return Err(failed("it has fewer bytes than records".to_owned()));
        }
        for _ in 0..count {
            number += 1;
            let event = record(&mut datum, fields, &columns);
            let event = event
                .map_err(|torn| ReadError::Record { record: number, reason: torn.to_string() })?;
            let text = event.to_string();
            check_length(number, text.len())?;
            take(number, text.into())?;
        }
        if !datum.is_empty() {
            let reason = format!("block {block}, after record {number}: bytes are left over");
            return Err(ReadError::Columns(reason));
        }
    }
    Ok(())
}

/// The next record, with its fields where events have them. Fields without a value are left out.
fn record(
    datum: &mut Datum<'_>,
    fields: &[(String, usize)],
    columns: &[Column],
) -> Result<Value, Torn> {
    datum.begin();
    let mut event = Map::new();
    for ((_, node), column) in fields.iter().zip(columns) {
        match datum.value(*node)? {
            Value::Null => {}
            value => column.put(value, &mut event),
        }
    }
    Ok(Value::Object(event))
}

/// Number of records, their bytes; the marker after them is checked.
fn read_block(
    input: &mut impl BufRead,
    codec: Codec,
    marker: &[u8],
) -> Result<(u64, Vec<u8>), String> {
    let count = read_length(input)?;
    let bytes = read_length(input)?;
    if bytes > AVRO_BLOCK_BYTES_MAX as u64 {
        return Err(format!("it is longer than {} MB", AVRO_BLOCK_BYTES_MAX >> 20));
    }
    let packed = read_exactly(input, bytes)?;
    let found = read_exactly(input, MARKER_BYTES as u64)?;
    if found != marker {
        return Err("the marker at its end is not the file's".to_owned());
    }
    Ok((count, codec.unpack(packed)?))
}

/// As many bytes as are said; memory grows with those that are there.
fn read_exactly(input: &mut impl BufRead, bytes: u64) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    input.take(bytes).read_to_end(&mut content).map_err(|error| error.to_string())?;
    match content.len() as u64 == bytes {
        true => Ok(content),
        false => Err("the file ends in it".to_owned()),
    }
}

/// A length or count from the stream, which cannot be negative.
fn read_length(input: &mut impl BufRead) -> Result<u64, String> {
    u64::try_from(read_signed(input)?).map_err(|_| "a length is negative".to_owned())
}

fn read_signed(input: &mut impl BufRead) -> Result<i64, String> {
    let mut bytes = [0; datum::LONG_BYTES_MAX];
    for length in 1..=bytes.len() {
        bytes[length - 1] = read_exactly(input, 1)?[0];
        if bytes[length - 1] & 0x80 == 0 {
            return datum::long(&mut &bytes[..length]).map_err(|torn| torn.to_string());
        }
    }
    Err("a number does not end".to_owned())
}

fn read_header(input: &mut impl BufRead) -> Result<Header, ReadError> {
    let magic = read_exactly(input, MAGIC.len() as u64).map_err(header)?;
    if magic != MAGIC {
        return Err(header("it does not begin as Avro files do"));
    }
    let mut left = AVRO_HEADER_BYTES_MAX as u64;
    let mut bytes = |input: &mut _| -> Result<Vec<u8>, ReadError> {
        let length = read_length(input).map_err(header)?;
        left = left.checked_sub(length + 1).ok_or_else(|| header("it is too long"))?;
        read_exactly(input, length).map_err(header)
    };
    let (mut schema, mut codec) = (None, Codec::Null);
    loop {
        let count = match read_signed(input).map_err(header)? {
            0 => break,
            // A negative count is followed by the length of the entries.
            count if count < 0 => {
                read_length(input).map_err(header)?;
                count.unsigned_abs()
            }
            count => count.unsigned_abs(),
        };
        for _ in 0..count {
            let (key, value) = (bytes(input)?, bytes(input)?);
            match &key[..] {
                b"avro.schema" => schema = Some(value),
                b"avro.codec" => codec = Codec::of(&value)?,
                _ => {}
            }
        }
    }
    let schema = schema.ok_or_else(|| header("it has no schema"))?;
    let schema = Schema::parse(&schema).map_err(header)?;
    let marker = read_exactly(input, MARKER_BYTES as u64).map_err(header)?;
    Ok(Header { schema, codec, marker })
}

#[cfg(test)]
pub(super) mod tests;

//! Object container files: a header with the schema, then blocks of rows, packed or not.

use std::io::{Read, Write};

use arrow::array::RecordBatch;

use super::super::{BadRecord, FileError, Rows, Source};
use super::binary::{Reader, push_bytes, push_long, push_record};
use super::schema::{AvroField, Naming, columns, parse, schema_json};
use crate::limits::REQUEST_BYTES_MAX;
use crate::rows::BatchBuilder;
use crate::schema::TableSchema;

const MAGIC: &[u8] = b"Obj\x01";
/// Ends every block; any 16 bytes do.
const SYNC: [u8; 16] = *b"windtunnel-avro\n";
/// Rows of a block: large enough that packing pays.
const BLOCK_ROWS: usize = 4_096;
/// Unpacked bytes of a block at most.
const BLOCK_BYTES_MAX: u64 = REQUEST_BYTES_MAX as u64;

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Null,
    Deflate,
    Snappy,
}

struct Header<'a> {
    schema: AvroField,
    codec: Codec,
    sync: [u8; 16],
    blocks: &'a [u8],
}

fn broken(what: impl std::fmt::Display) -> FileError {
    FileError(format!(
        "The Apache Avro library failed to read data with the following error: {what}"
    ))
}

fn header(content: &[u8]) -> Result<Header<'_>, FileError> {
    let rest = content
        .strip_prefix(MAGIC)
        .ok_or_else(|| broken("Invalid data file. Magic does not match."))?;
    let mut reader = Reader(rest);
    let (mut schema, mut codec) = (None, Codec::Null);
    loop {
        let mut count = reader.long().map_err(broken)?;
        if count == 0 {
            break;
        }
        if count < 0 {
            reader.long().map_err(broken)?;
            count = count.checked_neg().ok_or_else(|| broken("Invalid block"))?;
        }
        for _ in 0..count {
            let key = reader.bytes().map_err(broken)?;
            let value = reader.bytes().map_err(broken)?;
            match key {
                b"avro.schema" => schema = Some(parse(value)?),
                b"avro.codec" => {
                    codec = match value {
                        b"null" | b"" => Codec::Null,
                        b"deflate" => Codec::Deflate,
                        b"snappy" => Codec::Snappy,
                        other => {
                            let name = String::from_utf8_lossy(other);
                            return Err(broken(format!("Unknown codec: {name}")));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let sync = reader.fixed().map_err(broken)?;
    let schema = schema.ok_or_else(|| broken("No schema in the header"))?;
    Ok(Header { schema, codec, sync, blocks: reader.0 })
}

/// The columns of a file.
///
/// # Errors
/// It is no Avro file, or has types that no column can have.
pub(crate) fn read_columns(content: &[u8], use_logical: bool) -> Result<TableSchema, FileError> {
    columns(&header(content)?.schema, use_logical)
}

/// Reads files into batches of a table's columns.
///
/// # Errors
/// A file that is no Avro file or is broken.
pub(crate) fn read_rows(sources: &[Source], schema: &TableSchema) -> Result<Rows, FileError> {
    let mut rows = Rows::default();
    for source in sources {
        let header = header(&source.content)?;
        let mut batch = BatchBuilder::new(schema);
        let mut reader = Reader(header.blocks);
        while !reader.0.is_empty() {
            let count = reader.long().map_err(broken)?;
            let packed = reader.bytes().map_err(broken)?;
            let block = unpack(packed, header.codec)?;
            if reader.fixed::<16>().map_err(broken)? != header.sync {
                return Err(broken("Sync mismatch"));
            }
            let mut of_block = Reader(&block);
            for _ in 0..count {
                // Every row takes a byte: a count beyond that is broken.
                if of_block.0.is_empty() {
                    return Err(broken("Unexpected end of data"));
                }
                rows.records += 1;
                match of_block.row(&header.schema, &schema.fields).map_err(broken)? {
                    Ok(cells) => batch.push(&cells),
                    Err(message) => {
                        rows.bad.push(BadRecord { uri: source.uri.clone(), message });
                    }
                }
            }
        }
        rows.batches.push(batch.finish().map_err(|error| FileError(error.to_string()))?);
    }
    Ok(rows)
}

fn unpack(packed: &[u8], codec: Codec) -> Result<Vec<u8>, FileError> {
    match codec {
        Codec::Null => Ok(packed.to_vec()),
        Codec::Deflate => {
            let mut plain = Vec::new();
            flate2::read::DeflateDecoder::new(packed)
                .take(BLOCK_BYTES_MAX)
                .read_to_end(&mut plain)
                .map_err(broken)?;
            Ok(plain)
        }
        Codec::Snappy => {
            // A checksum of four bytes follows the block.
            let length = packed.len().checked_sub(4).ok_or_else(|| broken("Block is too short"))?;
            let size = snap::raw::decompress_len(&packed[..length]).map_err(broken)?;
            if size as u64 > BLOCK_BYTES_MAX {
                return Err(broken("Block is too large"));
            }
            snap::raw::Decoder::new().decompress_vec(&packed[..length]).map_err(broken)
        }
    }
}

/// Writes batches as a file.
pub(crate) fn write(schema: &TableSchema, batches: &[RecordBatch], codec: Codec) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let described = schema_json(schema, Naming::Export).to_string();
    let name = match codec {
        Codec::Null => "null",
        Codec::Deflate => "deflate",
        Codec::Snappy => "snappy",
    };
    push_long(&mut out, 2);
    for (key, value) in [("avro.schema", described.as_str()), ("avro.codec", name)] {
        push_bytes(&mut out, key.as_bytes());
        push_bytes(&mut out, value.as_bytes());
    }
    push_long(&mut out, 0);
    out.extend_from_slice(&SYNC);
    for batch in batches {
        for from in (0..batch.num_rows()).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(batch.num_rows() - from);
            let mut block = Vec::new();
            for row in from..from + count {
                push_record(&mut block, &schema.fields, batch.columns(), row);
            }
            push_long(&mut out, count as i64);
            push_bytes(&mut out, &pack(&block, codec));
            out.extend_from_slice(&SYNC);
        }
    }
    out
}

fn pack(block: &[u8], codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Null => block.to_vec(),
        Codec::Deflate => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            let written = encoder.write_all(block).and_then(|()| encoder.finish());
            written.expect("writing into memory does not fail")
        }
        Codec::Snappy => {
            let packed = snap::raw::Encoder::new().compress_vec(block);
            let mut packed = packed.expect("a block is smaller than Snappy's limit");
            let mut checksum = flate2::Crc::new();
            checksum.update(block);
            packed.extend_from_slice(&checksum.sum().to_be_bytes());
            packed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::values::strategies::table;
    use crate::rows::values::{batch_of_rows, rows_of};
    use crate::schema::Mode;
    use proptest::prelude::*;
    use serde_json::json;
    use windtunnel_sql::Value;

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            (schema, rows) in table(),
            codec in proptest::sample::select(&[Codec::Null, Codec::Deflate, Codec::Snappy][..]),
        ) {
            let batch = batch_of_rows(&schema, &rows).unwrap();
            let content = write(&schema, std::slice::from_ref(&batch), codec);
            let source = Source { uri: None, content: content.clone().into() };
            let back = read_rows(&[source], &schema).unwrap();
            prop_assert_eq!(&back.bad, &Vec::new());
            prop_assert_eq!(&back.batches, &[batch]);
            let columns = read_columns(&content, true).unwrap();
            prop_assert_eq!(columns.fields.len(), schema.fields.len());
        }

        #[test]
        fn any_bytes_have_an_answer(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0_usize..200
        ) {
            let schema = json!({ "fields": [{ "name": "n", "type": "INTEGER" }] });
            let schema = TableSchema::from_json(&schema).unwrap();
            let rows = [vec![Value::Int64(1)]];
            let batch = batch_of_rows(&schema, &rows).unwrap();
            let mut content = write(&schema, &[batch], Codec::Null);
            content.truncate(cut);
            content.extend_from_slice(&bytes);
            let source = Source { uri: None, content: content.into() };
            let _read_or_refused = read_rows(&[source], &schema);
        }
    }

    #[test]
    fn columns_of_foreign_files() {
        let schema = json!({ "type": "record", "name": "r", "fields": [
            { "name": "a", "type": ["null", { "type": "long", "logicalType": "timestamp-millis" }] },
            { "name": "m", "type": { "type": "map", "values": "int" } },
            { "name": "e", "type": { "type": "enum", "name": "e", "symbols": ["X", "Y"] } },
            { "name": "p", "type": { "type": "fixed", "name": "f", "size": 4,
                "logicalType": "decimal", "precision": 8, "scale": 2 } },
        ] });
        let mut content = MAGIC.to_vec();
        push_long(&mut content, 1);
        push_bytes(&mut content, b"avro.schema");
        push_bytes(&mut content, schema.to_string().as_bytes());
        push_long(&mut content, 0);
        content.extend_from_slice(&SYNC);
        let mut block = Vec::new();
        push_long(&mut block, 1);
        push_long(&mut block, 1_500);
        push_long(&mut block, 1);
        push_bytes(&mut block, b"k");
        push_long(&mut block, -7);
        push_long(&mut block, 0);
        push_long(&mut block, 1);
        block.extend_from_slice(&(-125_i32).to_be_bytes());
        push_long(&mut content, 1);
        push_bytes(&mut content, &block);
        content.extend_from_slice(&SYNC);
        let schema = read_columns(&content, true).unwrap();
        let texts: Vec<String> = schema.fields.iter().map(crate::schema::Field::sql_text).collect();
        let expected = ["TIMESTAMP", "ARRAY<STRUCT<key STRING, value INT64>>", "STRING", "NUMERIC"];
        assert_eq!(texts, expected);
        assert_eq!(schema.fields[2].mode, Mode::Required);
        let source = Source { uri: None, content: content.into() };
        let rows = read_rows(&[source], &schema).unwrap();
        let values = rows_of(&rows.batches[0], &schema, &[0, 1, 2, 3]).unwrap();
        let entry = Value::structure([Value::string("k"), Value::Int64(-7)]);
        let price = windtunnel_sql::Numeric::from_scaled(-1_250_000_000).unwrap();
        let expected = vec![
            Value::Timestamp(1_500_000),
            Value::array([entry]),
            Value::string("Y"),
            Value::Numeric(price),
        ];
        assert_eq!(values, [expected]);
    }

    #[test]
    fn other_files_are_refused() {
        let error = read_columns(b"id,name\n", false).err().unwrap().0;
        assert!(error.ends_with("Invalid data file. Magic does not match."), "{error}");
    }
}

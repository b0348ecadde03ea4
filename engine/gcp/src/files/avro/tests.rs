//! Files of every packing, those of another implementation (fastavro 1.13) among them, and files that lie.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::*;
use crate::files::format::count_records;

const SCHEMA: &str = r#"{"type":"record","name":"event","namespace":"test","fields":[
    {"name":"event_id","type":"string"},{"name":"device_id","type":"string"},
    {"name":"value","type":["null","double"]}]}"#;

/// Two blocks with the three records of the tests of formats, as fastavro writes them.
const OF_FASTAVRO: [&str; 3] = [
    "T2JqAQQUYXZyby5jb2RlYwhudWxsFmF2cm8uc2NoZW1hiAN7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiZXZlbnQi\
     LCAibmFtZXNwYWNlIjogInRlc3QiLCAiZmllbGRzIjogW3sibmFtZSI6ICJldmVudF9pZCIsICJ0eXBlIjogInN0cmlu\
     ZyJ9LCB7Im5hbWUiOiAiZGV2aWNlX2lkIiwgInR5cGUiOiAic3RyaW5nIn0sIHsibmFtZSI6ICJ2YWx1ZSIsICJ0eXBl\
     IjogWyJudWxsIiwgImRvdWJsZSJdfV19AAABAgMEBQYHCAkKCwwNDg8EPAhhLAoxAmQCAAAAAAAA+D8CMhRkICJxdW90\
     ZWQiAAABAgMEBQYHCAkKCwwNDg8CHgZjXX0CZAIAAAAAAAAIwAABAgMEBQYHCAkKCwwNDg8=",
    "T2JqAQQUYXZyby5jb2RlYw5kZWZsYXRlFmF2cm8uc2NoZW1hiAN7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiZXZl\
     bnQiLCAibmFtZXNwYWNlIjogInRlc3QiLCAiZmllbGRzIjogW3sibmFtZSI6ICJldmVudF9pZCIsICJ0eXBlIjogInN0\
     cmluZyJ9LCB7Im5hbWUiOiAiZGV2aWNlX2lkIiwgInR5cGUiOiAic3RyaW5nIn0sIHsibmFtZSI6ICJ2YWx1ZSIsICJ0\
     eXBlIjogWyJudWxsIiwgImRvdWJsZSJdfV19AAABAgMEBQYHCAkKCwwNDg8EPuNI1OEyZEphYgCDH/ZMRiIpCkqFpfkl\
     qSlKDABMxQYAAQIDBAUGBwgJCgsMDQ4PAiBjS46tZUphYgADjgMAFUgCAAECAwQFBgcICQoLDA0ODw==",
    "T2JqAQQUYXZyby5jb2RlYwxzbmFwcHkWYXZyby5zY2hlbWGIA3sidHlwZSI6ICJyZWNvcmQiLCAibmFtZSI6ICJldmVu\
     dCIsICJuYW1lc3BhY2UiOiAidGVzdCIsICJmaWVsZHMiOiBbeyJuYW1lIjogImV2ZW50X2lkIiwgInR5cGUiOiAic3Ry\
     aW5nIn0sIHsibmFtZSI6ICJkZXZpY2VfaWQiLCAidHlwZSI6ICJzdHJpbmcifSwgeyJuYW1lIjogInZhbHVlIiwgInR5\
     cGUiOiBbIm51bGwiLCAiZG91YmxlIl19XX0AAAECAwQFBgcICQoLDA0ODwREHiAIYSwKMQJkAgAFATz4PwIyFGQgInF1\
     b3RlZCIA+nS0RgABAgMEBQYHCAkKCwwNDg8CKg84BmNdfQJkAgAAAAAAAAjADP3XBwABAgMEBQYHCAkKCwwNDg8=",
];

/// A number as Avro has it.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

fn pack(codec: &str, bytes: &[u8]) -> Vec<u8> {
    match codec {
        "deflate" => {
            let mut packed =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(bytes).unwrap();
            packed.finish().unwrap()
        }
        "snappy" => {
            let mut packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            packed.extend_from_slice(&crc.sum().to_be_bytes());
            packed
        }
        "zstandard" => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

/// A file of blocks, each with its number of records and their bytes.
fn container(schema: &str, codec: &str, blocks: &[(i64, &[u8])]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    long(2, &mut file);
    for (key, value) in [("avro.schema", schema), ("avro.codec", codec)] {
        prefixed(key.as_bytes(), &mut file);
        prefixed(value.as_bytes(), &mut file);
    }
    file.push(0);
    file.extend_from_slice(&[7; MARKER_BYTES]);
    for (count, records) in blocks {
        long(*count, &mut file);
        prefixed(&pack(codec, records), &mut file);
        file.extend_from_slice(&[7; MARKER_BYTES]);
    }
    file
}

/// The three records of the tests of formats.
pub(crate) fn file(codec: &str) -> Vec<u8> {
    let mut blocks = [Vec::new(), Vec::new()];
    for (block, id, device, value) in [
        (0, "a,\n1", "d", Some(1.5_f64)),
        (0, "2", "d \"quoted\"", None),
        (1, "c]}", "d", Some(-3.0)),
    ] {
        prefixed(id.as_bytes(), &mut blocks[block]);
        prefixed(device.as_bytes(), &mut blocks[block]);
        blocks[block].push(if value.is_some() { 2 } else { 0 });
        blocks[block].extend(value.iter().flat_map(|value| value.to_le_bytes()));
    }
    container(SCHEMA, codec, &[(2, &blocks[0]), (1, &blocks[1])])
}

fn texts(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let read = read(Cursor::new(bytes), &mut |number, data| {
        assert_eq!(number, found.len() as u64 + 1);
        found.push(String::from_utf8(data.to_vec()).unwrap());
        Ok(())
    });
    read.map(|()| found).map_err(|error| error.to_string())
}

#[test]
fn every_packing_and_another_implementations_files_give_the_same_records() {
    let expected = [
        r#"{"device_id":"d","event_id":"a,\n1","properties":{"value":1.5}}"#,
        r#"{"device_id":"d \"quoted\"","event_id":"2"}"#,
        r#"{"device_id":"d","event_id":"c]}","properties":{"value":-3.0}}"#,
    ];
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        assert_eq!(texts(&file(codec)).unwrap(), expected, "{codec}");
    }
    for foreign in OF_FASTAVRO {
        assert_eq!(texts(&BASE64_STANDARD.decode(foreign).unwrap()).unwrap(), expected);
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let whole = file("null");
    let nothing = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"null"}]}"#;
    let mut other_marker = whole.clone();
    *other_marker.last_mut().unwrap() = 8;
    let bomb = container(SCHEMA, "deflate", &[(1, &vec![0; AVRO_BLOCK_BYTES_MAX + 1])]);
    for (bytes, expected) in [
        (whole[..whole.len() - 20].to_vec(), "block 2, after record 2: the file ends in it"),
        (other_marker, "block 2, after record 2: the marker at its end is not the file's"),
        (container(SCHEMA, "null", &[(1, b"\x02a")]), "record 1: the block ends in it"),
        (container(SCHEMA, "null", &[(1, b"\0\0\0\0")]), "block 1, after record 1: bytes are left"),
        (container(nothing, "null", &[(1 << 60, b"")]), "it has fewer bytes than records"),
        (container(SCHEMA, "null", &[(-1, b"")]), "after record 0: a length is negative"),
        (container(SCHEMA, "snappy", &[]), ""),
        (container(SCHEMA, "xz", &[]), "blocks packed as `xz` are not read"),
        (container(r#""long""#, "null", &[]), "its schema is not that of a record"),
        (bomb, "block 1, after record 0: it is longer than 64 MB"),
        (b"Obj\x02".to_vec(), "it does not begin as Avro files do"),
        (b"Obj\x01\x00".to_vec(), "it has no schema"),
    ] {
        match texts(&bytes) {
            Ok(records) => assert_eq!((records.len(), expected), (0, "")),
            Err(error) => assert!(
                !expected.is_empty() && error.contains(expected),
                "{error}, expected {expected}"
            ),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    /// Goal: a corrupt file is refused or read, in bounded time and memory. Method: files of every packing
    /// with bytes changed, cut off, or both; what is read of a torn file is how the whole one begins.
    #[test]
    fn corrupt_files_are_refused(
        codec in prop::sample::select(vec!["null", "deflate", "snappy", "zstandard"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let whole = file(codec);
        let mut bytes = whole.clone();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Some(cut) = &cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let counted = count_records(&bytes, Some(crate::files::Format::Avro), "a");
        if bytes == whole {
            prop_assert_eq!(counted, Ok(3));
        } else if changes.is_empty() {
            // The end of a block is the end of a file that was never longer.
            prop_assert!(matches!(counted, Err(_) | Ok(0 | 2)), "{:?}", counted);
        }
    }

    /// Goal: as above, for shapes that nest, repeat and refer to themselves. Method: any bytes as a block.
    #[test]
    fn any_bytes_of_any_shape_are_read_or_refused(
        count in 1..50_i64,
        records in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let schema = r#"{"type":"record","name":"r","fields":[
            {"name":"a","type":{"type":"array","items":["null","r",{"type":"map","values":"null"}]}},
            {"name":"b","type":{"type":"fixed","name":"f","size":2}},
            {"name":"c","type":[{"type":"long","logicalType":"timestamp-micros"},
                {"type":"bytes","logicalType":"decimal","scale":2},{"type":"int","logicalType":"date"}]}]}"#;
        let _ = texts(&container(schema, "null", &[(count, &records)]));
    }
}

//! The same three records in every format, packed in every way, are the same messages.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn records(
    bytes: Vec<u8>,
    format: Option<Format>,
    name: &str,
) -> Result<Vec<(u64, String)>, String> {
    let mut records = Vec::new();
    let read = read(Box::new(Cursor::new(bytes)), format, name, &mut |number, data| {
        records.push((number, String::from_utf8_lossy(&data).into_owned()));
        Ok(())
    });
    read.map(|()| records).map_err(|error| error.to_string())
}

fn expected() -> Vec<Value> {
    vec![
        json!({ "event_id": "a,\n1", "device_id": "d", "properties": { "value": 1.5 } }),
        json!({ "event_id": "2", "device_id": "d \"quoted\"" }),
        json!({ "event_id": "c]}", "device_id": "d", "properties": { "value": -3.0 } }),
    ]
}

fn table() -> RecordBatch {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a,\n1", "2", "c]}"]));
    let devices: ArrayRef = Arc::new(StringArray::from(vec!["d", "d \"quoted\"", "d"]));
    let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-3.0)]));
    RecordBatch::try_from_iter_with_nullable([
        ("event_id", ids, false),
        ("device_id", devices, false),
        ("value", values, true),
    ])
    .unwrap()
}

fn every_format() -> Vec<(&'static str, Vec<u8>)> {
    let rows: Vec<String> = expected().iter().map(Value::to_string).collect();
    let mut parquet = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut parquet, table().schema(), None).unwrap();
    writer.write(&table()).unwrap();
    writer.close().unwrap();
    let csv = "event_id,device_id,properties.value\n\"a,\n1\",d,1.5\n2,\"d \"\"quoted\"\"\",\nc]},d,-3.0\n";
    vec![
        ("events.jsonl", format!("{}\n\n", rows.join("\r\n")).into_bytes()),
        ("events.json", format!(" [{} , {}\n,{}]\n", rows[0], rows[1], rows[2]).into_bytes()),
        ("events.csv", csv.as_bytes().to_vec()),
        ("events.parquet", parquet),
        ("events.avro", super::avro::tests::file("deflate")),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn every_format_in_every_packing_gives_the_same_records() {
    for (name, bytes) in every_format() {
        let packed = [
            (name.to_owned(), bytes.clone()),
            (format!("{name}.gz"), gzip(&bytes)),
            (format!("{name}.zst"), zstd::encode_all(&bytes[..], 1).unwrap()),
        ];
        for (name, bytes) in packed {
            let read = records(bytes, None, &name).unwrap();
            let numbers: Vec<u64> = read.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [1, 2, 3], "{name}");
            let read: Vec<Value> =
                read.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
            assert_eq!(read, expected(), "{name}");
        }
    }
}

#[test]
fn what_is_no_json_is_a_record_all_the_same() {
    for (text, expected) in [
        ("{\"a\":1}\n{\"b\n", vec![(1, "{\"a\":1}"), (2, "{\"b")]),
        ("\u{feff}{}\n", vec![(1, "{}")]),
        (
            "[{}, nonsense, \"]\", [1,[2]]]",
            vec![(1, "{}"), (2, "nonsense"), (3, "\"]\""), (4, "[1,[2]]")],
        ),
        ("[]", vec![]),
        ("", vec![]),
    ] {
        let read = records(text.as_bytes().to_vec(), None, "events").unwrap();
        let read: Vec<(u64, &str)> = read.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn a_torn_file_says_where_it_ends() {
    let text = "{}\n".repeat(100_000);
    let mut torn = gzip(text.as_bytes());
    torn.truncate(torn.len() / 2);
    assert!(records(torn, None, "a.gz").is_err());
    let error = records(b"[{}, {".to_vec(), None, "a").unwrap_err();
    assert_eq!(error, "record 2: the array has no end");
    let error = records(b"Obj\x01".to_vec(), None, "a").unwrap_err();
    assert_eq!(error, "the header of the Avro file: the file ends in it");
    for (name, bytes) in every_format().into_iter().skip(3) {
        assert!(records(bytes[..bytes.len() / 2].to_vec(), None, name).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    /// Goal: no file panics, whatever it holds. Method: any bytes as every format, and every format with
    /// bytes changed.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<usize>(),
        byte in any::<u8>(),
    ) {
        let formats =
            [Format::JsonLines, Format::JsonArray, Format::Csv, Format::Parquet, Format::Avro];
        for format in formats.map(Some).into_iter().chain([None]) {
            let _ = records(bytes.clone(), format, "events");
        }
        for (name, mut bytes) in every_format() {
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = records(bytes, None, name);
        }
    }
}

//! Files of rows: what load jobs read and extract jobs write. Each format reads bytes into batches of a
//! table's columns and writes batches as bytes; none knows where the bytes are.

pub(crate) mod autodetect;
pub(crate) mod avro;
pub(crate) mod csv;
pub(crate) mod json_lines;
pub(crate) mod parquet;

use std::io::Read;

use arrow::array::RecordBatch;
use bytes::Bytes;

use crate::limits::REQUEST_BYTES_MAX;

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
    Avro,
    Parquet,
}

impl Format {
    /// A format by its name in a job.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "CSV" => Self::Csv,
            "NEWLINE_DELIMITED_JSON" | "JSON" => Self::JsonLines,
            "AVRO" => Self::Avro,
            "PARQUET" => Self::Parquet,
            _ => return None,
        })
    }

    /// How errors name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON",
            Self::Avro => "Avro",
            Self::Parquet => "Parquet",
        }
    }
}

/// A file to read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its URI; nothing for an upload.
    pub(crate) uri: Option<String>,
    pub(crate) content: Bytes,
}

/// A record that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRecord {
    pub(crate) uri: Option<String>,
    pub(crate) message: String,
}

/// The rows of one or more files.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) bad: Vec<BadRecord>,
    /// How many records there were, bad ones too.
    pub(crate) records: usize,
}

/// A file that is not of its format at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FileError(pub(crate) String);

/// A text file's content, unpacked where it is gzip.
///
/// # Errors
/// The gzip stream is broken or too large.
pub(crate) fn unpacked(content: &Bytes) -> Result<Bytes, FileError> {
    if !content.starts_with(&[0x1f, 0x8b]) {
        return Ok(content.clone());
    }
    let limit = 10 * REQUEST_BYTES_MAX as u64;
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&content[..])
        .take(limit + 1)
        .read_to_end(&mut plain)
        .map_err(|error| FileError(format!("Failed to decompress gzip file: {error}")))?;
    if plain.len() as u64 > limit {
        return Err(FileError("The unpacked file is too large".to_owned()));
    }
    Ok(plain.into())
}

/// Packs a text file.
pub(crate) fn packed(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.expect("writing into memory does not fail")
}

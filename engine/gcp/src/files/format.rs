//! What a file holds and how it is packed, and its records one by one as JSON. Compression and all formats
//! but CSV are known by their first bytes, whatever the name says. Invariant: the same bytes give the same
//! records under the same numbers.

use std::io::{self, BufRead, BufReader, Read};

use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;

use super::{array, avro, columns};
use crate::limits::{FILE_BUFFER_BYTES, RECORD_BYTES_MAX};

/// How records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
    /// Comma-separated values, with the names of the columns in the first line.
    Csv,
    /// Parquet.
    Parquet,
    /// Avro, as object container files.
    Avro,
}

/// Nobody takes records any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupted;

/// Why a file is not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("nobody takes records any more")]
    Interrupted,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("record {record}: {reason}")]
    Record { record: u64, reason: String },
    #[error("{0}")]
    Columns(String),
}

impl From<Interrupted> for ReadError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// What takes a record: its number from 1, and its JSON.
pub(super) type Take<'a> = &'a mut dyn FnMut(u64, Bytes) -> Result<(), Interrupted>;

/// Reads all records of a file.
pub(super) fn read(
    input: Box<dyn Read + Send>,
    format: Option<Format>,
    name: &str,
    take: Take<'_>,
) -> Result<(), ReadError> {
    let mut packed = BufReader::with_capacity(FILE_BUFFER_BYTES, input);
    let head = packed.fill_buf()?;
    let mut unpacked: BufReader<Box<dyn Read + Send>> = if head.starts_with(&[0x1f, 0x8b]) {
        buffered(Box::new(MultiGzDecoder::new(packed)))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        buffered(Box::new(zstd::Decoder::with_buffer(packed)?))
    } else {
        buffered(Box::new(packed))
    };
    let head = unpacked.fill_buf()?;
    let format = format.unwrap_or_else(|| found(head, name));
    match format {
        Format::JsonLines => lines(unpacked, take),
        Format::JsonArray => array::read(unpacked, take),
        Format::Csv => columns::csv(unpacked, take),
        Format::Parquet => columns::parquet(unpacked, take),
        Format::Avro => avro::read(unpacked, take),
    }
}

/// Reads a file that is in memory, for whoever asks whether it can be read: the number of its records.
///
/// # Errors
/// Why it is not read to its end, and where.
pub fn count_records(content: &[u8], format: Option<Format>, name: &str) -> Result<u64, String> {
    let mut count = 0;
    let content = Bytes::copy_from_slice(content).reader();
    let read = read(Box::new(content), format, name, &mut |_, _| {
        count += 1;
        Ok(())
    });
    read.map(|()| count).map_err(|error| error.to_string())
}

fn buffered(input: Box<dyn Read + Send>) -> BufReader<Box<dyn Read + Send>> {
    BufReader::with_capacity(FILE_BUFFER_BYTES, input)
}

/// The format that a file's first bytes, and for CSV its name, show.
fn found(head: &[u8], name: &str) -> Format {
    let name = name.to_ascii_lowercase();
    let name = [".gz", ".gzip", ".zst", ".zstd"]
        .iter()
        .find_map(|packed| name.strip_suffix(packed))
        .unwrap_or(&name);
    if head.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    if head.starts_with(avro::MAGIC) {
        return Format::Avro;
    }
    if name.ends_with(".csv") {
        return Format::Csv;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Format::JsonArray,
        _ => Format::JsonLines,
    }
}

/// JSON lines: blank ones hold no record but count, so that a record's number is its line's.
fn lines(mut input: impl BufRead, take: Take<'_>) -> Result<(), ReadError> {
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = RECORD_BYTES_MAX as u64 + 1;
        let read = input.by_ref().take(most).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        check_length(number, line.len())?;
        let mut text = line.strip_suffix(b"\n").unwrap_or(&line);
        text = text.strip_suffix(b"\r").unwrap_or(text);
        if number == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if !text.iter().all(u8::is_ascii_whitespace) {
            take(number, Bytes::copy_from_slice(text))?;
        }
    }
}

pub(super) fn check_length(record: u64, bytes: usize) -> Result<(), ReadError> {
    if bytes <= RECORD_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("longer than {} MB", RECORD_BYTES_MAX >> 20);
    Err(ReadError::Record { record, reason })
}

#[cfg(test)]
mod tests;

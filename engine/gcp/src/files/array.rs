//! A JSON array, element by element: brackets, braces and strings are followed, nothing else is looked at, so
//! that an element which is no JSON still becomes a record, and a dead letter with its reason later.

use std::io::BufRead;

use bytes::Bytes;

use super::format::{ReadError, Take, check_length};

/// Where in the array a byte is.
#[derive(Debug, Default)]
struct Scan {
    /// Whether the array has begun.
    is_open: bool,
    /// Brackets and braces that are open within the element.
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    element: Vec<u8>,
    count: u64,
}

/// Reads the elements.
pub(super) fn read(mut input: impl BufRead, take: Take<'_>) -> Result<(), ReadError> {
    let mut scan = Scan::default();
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        for &byte in bytes {
            if scan.byte(byte, take)? {
                return Ok(());
            }
        }
        input.consume(length);
    }
    let reason = "the array has no end".to_owned();
    Err(ReadError::Record { record: scan.count + 1, reason })
}

impl Scan {
    /// Takes a byte; true at the end of the array.
    fn byte(&mut self, byte: u8, take: Take<'_>) -> Result<bool, ReadError> {
        if !self.is_open {
            // Before the bracket there are blanks and perhaps a byte order mark.
            self.is_open = byte == b'[';
            return Ok(false);
        }
        if self.is_in_string {
            self.is_in_string = self.is_escaped || byte != b'"';
            self.is_escaped = !self.is_escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b']' if self.depth == 0 => {
                    self.end(take)?;
                    return Ok(true);
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 0 => {
                    self.end(take)?;
                    return Ok(false);
                }
                _ => {}
            }
        }
        self.element.push(byte);
        check_length(self.count + 1, self.element.len())?;
        Ok(false)
    }

    fn end(&mut self, take: Take<'_>) -> Result<(), ReadError> {
        let element = self.element.trim_ascii();
        if !element.is_empty() {
            self.count += 1;
            take(self.count, Bytes::copy_from_slice(element))?;
        }
        self.element.clear();
        Ok(())
    }
}

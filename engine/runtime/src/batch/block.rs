//! Blocks of lines: a file is cut at multiples of the block size, and a line belongs to the block in which
//! it begins, so that every worker finds its lines without asking anybody.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BatchError, failed};

/// Bytes that are read beyond a block at a time, to finish its last line.
const TAIL_BYTES: usize = 4 << 10;

/// A text in a block: in the lines themselves, or in what transforms added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    length: u32,
}

/// A line's place in its block, without the line break.
pub type Line = Span;

/// The lines of one block, and texts that transforms added, for example because they were escaped.
#[derive(Debug, Default)]
pub struct Block {
    lines: String,
    /// Where the first line begins: what is before belongs to the block before.
    begin: u32,
    added: String,
    /// The bytes as they came, when some line was not UTF-8; such lines are blank in `lines`.
    raw: Option<Vec<u8>>,
}

impl Block {
    /// A block of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self::beginning_at(bytes, 0)
    }

    fn beginning_at(bytes: Vec<u8>, begin: u32) -> Self {
        match String::from_utf8(bytes) {
            Ok(lines) => Self { lines, begin, added: String::new(), raw: None },
            Err(error) => {
                let raw = error.into_bytes();
                let mut lines = String::with_capacity(raw.len());
                for line in raw.split_inclusive(|byte| *byte == b'\n') {
                    match std::str::from_utf8(line) {
                        Ok(line) => lines.push_str(line),
                        Err(_) => {
                            let is_broken = line.ends_with(b"\n");
                            lines.extend((0..line.len() - usize::from(is_broken)).map(|_| ' '));
                            lines.push_str(if is_broken { "\n" } else { "" });
                        }
                    }
                }
                Self { lines, begin, added: String::new(), raw: Some(raw) }
            }
        }
    }

    /// The places of the lines.
    pub fn lines(&self) -> impl Iterator<Item = Line> + use<> {
        let begin = self.begin as usize;
        let lines = self.lines.get(begin..).unwrap_or_default();
        let mut breaks = Vec::with_capacity(lines.len() / 64);
        breaks.extend(lines.match_indices('\n').map(|(at, _)| (begin + at) as u32));
        if !lines.is_empty() && !lines.ends_with('\n') {
            breaks.push(self.lines.len() as u32);
        }
        let mut start = self.begin;
        breaks.into_iter().map(move |end| {
            let line = Span { start, length: end - start };
            start = end + 1;
            line
        })
    }

    /// A line's text, and the place for texts that are not in it as they are.
    #[inline]
    pub fn line(&mut self, line: Line) -> (&str, Added<'_>) {
        let text = &self.lines[line.start as usize..][..line.length as usize];
        (text, Added { lines: &self.lines, added: &mut self.added })
    }

    /// The text of a span.
    #[inline]
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        text_in(&self.lines, &self.added, span)
    }

    /// The memory of the block, for the next one.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.lines.into_bytes()
    }

    /// A line's bytes as they came.
    #[must_use]
    pub fn bytes(&self, line: Line) -> &[u8] {
        let whole = self.raw.as_deref().unwrap_or(self.lines.as_bytes());
        &whole[line.start as usize..][..line.length as usize]
    }
}

#[inline]
fn text_in<'a>(lines: &'a str, added: &'a str, span: Span) -> &'a str {
    let start = span.start as usize;
    let (text, start) =
        if start < lines.len() { (lines, start) } else { (added, start - lines.len()) };
    &text[start..start + span.length as usize]
}

/// Gives out spans of texts.
#[derive(Debug)]
pub struct Added<'a> {
    lines: &'a str,
    added: &'a mut String,
}

impl Added<'_> {
    /// The span of a text: in place when it lies in the lines, else of a copy.
    #[inline]
    pub fn span(&mut self, text: &str) -> Span {
        let length = text.len() as u32;
        let offset = (text.as_ptr() as usize).wrapping_sub(self.lines.as_ptr() as usize);
        if offset < self.lines.len() && offset + text.len() <= self.lines.len() {
            return Span { start: offset as u32, length };
        }
        let start = (self.lines.len() + self.added.len()) as u32;
        self.added.push_str(text);
        Span { start, length }
    }
}

/// A file, cut into blocks.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    file: Arc<File>,
    path: PathBuf,
    input_bytes: u64,
    block_bytes: u64,
}

impl Blocks {
    pub(super) fn open(path: &Path, block_bytes: u64) -> Result<Self, BatchError> {
        let file = File::open(path).map_err(|source| failed("open", path, source))?;
        let metadata = file.metadata().map_err(|source| failed("measure", path, source))?;
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
            input_bytes: metadata.len(),
            block_bytes: block_bytes.min(super::block::BLOCK_BYTES_MAX),
        })
    }

    pub(super) fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    pub(super) fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// Reads a block's lines.
    pub(super) fn read(&self, block: u64, mut bytes: Vec<u8>) -> Result<Block, BatchError> {
        let start = block * self.block_bytes;
        let end = (start + self.block_bytes).min(self.input_bytes);
        // One byte before the block says whether a line begins with it.
        let from = start.saturating_sub(1);
        bytes.clear();
        bytes.resize((end - from) as usize, 0);
        self.read_exact(&mut bytes, from)?;
        let first = match start {
            0 => 0,
            _ => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(line_break) => line_break + 1,
                None => bytes.len(),
            },
        };
        if first == bytes.len() {
            bytes.clear();
            return Ok(Block::new(bytes));
        }
        let mut at = end;
        while bytes.last() != Some(&b'\n') && at < self.input_bytes {
            let length = bytes.len();
            let more = (self.input_bytes - at).min(TAIL_BYTES as u64) as usize;
            bytes.resize(length + more, 0);
            self.read_exact(&mut bytes[length..], at)?;
            at += more as u64;
            if let Some(line_break) = bytes[length..].iter().position(|byte| *byte == b'\n') {
                bytes.truncate(length + line_break + 1);
            }
        }
        Ok(Block::beginning_at(bytes, first as u32))
    }

    fn read_exact(&self, bytes: &mut [u8], at: u64) -> Result<(), BatchError> {
        self.file.read_exact_at(bytes, at).map_err(|source| failed("read", &self.path, source))
    }
}

/// Largest block: spans count in 32 bits, and a block may grow by what transforms add.
const BLOCK_BYTES_MAX: u64 = 1 << 28;

//! The output files of a shard. While the run is under way they end with `.part`; what lies beyond the
//! length in the last checkpoint is cut off by a restart. Invariant: a file without `.part` is whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BatchError, failed};

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 1 << 20;
const PART: &str = "part";

/// The outputs of a pipeline, as far as they go to files.
pub trait Outputs {
    /// Calls a function with each file's name and the bytes that go to its end.
    fn files(&mut self, visit: &mut dyn FnMut(&'static str, &mut Vec<u8>));
}

/// Before a run: cuts the files to the lengths of a checkpoint, and removes what it does not name.
pub(super) fn prepare(folder: &Path, lengths: &BTreeMap<String, u64>) -> Result<(), BatchError> {
    let entries = fs::read_dir(folder).map_err(|source| failed("list", folder, source))?;
    for entry in entries {
        let path = entry.map_err(|source| failed("list", folder, source))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if path.extension().is_none_or(|extension| extension != PART) {
            continue;
        }
        if !name.is_some_and(|name| lengths.contains_key(&name)) {
            fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

/// How long a file is in a checkpoint, and the file, to be synced before.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) file: Arc<File>,
}

/// One shard's files.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    shard: usize,
    outputs: BTreeMap<String, Output>,
}

impl Files {
    /// The files of a shard that a checkpoint names, cut to its lengths.
    pub(super) fn open(
        folder: &Path,
        shard: usize,
        lengths: &BTreeMap<String, u64>,
    ) -> Result<Self, BatchError> {
        let mut outputs = BTreeMap::new();
        let suffix = file_name("", shard);
        for (name, &length) in lengths.iter().filter(|(name, _)| name.ends_with(&suffix)) {
            outputs.insert(name.clone(), Output::open(folder.join(name), length)?);
        }
        Ok(Self { folder: folder.to_owned(), shard, outputs })
    }

    /// Writes what is due: everything, or what has come to some size.
    pub(super) fn write(
        &mut self,
        outputs: &mut impl Outputs,
        all: bool,
    ) -> Result<(), BatchError> {
        let mut result = Ok(());
        outputs.files(&mut |name, bytes| {
            let is_due = bytes.len() >= WRITE_BYTES || (all && !bytes.is_empty());
            if is_due && result.is_ok() {
                result = self.append(name, bytes);
                bytes.clear();
            }
        });
        result
    }

    /// The files with their lengths.
    pub(super) fn written(&self) -> Vec<Written> {
        let written = |(name, output): (&String, &Output)| Written {
            name: name.clone(),
            length: output.length,
            file: Arc::clone(&output.file),
        };
        self.outputs.iter().map(written).collect()
    }

    fn append(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), BatchError> {
        let name = file_name(name, self.shard);
        if !self.outputs.contains_key(&name) {
            let output = Output::open(self.folder.join(&name), 0)?;
            self.outputs.insert(name.clone(), output);
        }
        let Some(output) = self.outputs.get_mut(&name) else { return Ok(()) };
        (&*output.file).write_all(bytes).map_err(|source| failed("write", &output.path, source))?;
        output.length += bytes.len() as u64;
        Ok(())
    }
}

impl Output {
    fn open(path: PathBuf, length: u64) -> Result<Self, BatchError> {
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let prepared = opened.and_then(|mut file| {
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        });
        let file = prepared.map_err(|source| failed("prepare", &path, source))?;
        Ok(Self { path, file: Arc::new(file), length })
    }
}

fn file_name(name: &str, shard: usize) -> String {
    format!("{name}-{shard}.jsonl.{PART}")
}

/// Gives the files their final names. Done again after a crash in between, it does the rest.
pub(super) fn commit(folder: &Path) -> Result<(), BatchError> {
    let entries = fs::read_dir(folder).map_err(|source| failed("list", folder, source))?;
    for entry in entries {
        let path = entry.map_err(|source| failed("list", folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == PART) {
            fs::rename(&path, path.with_extension(""))
                .map_err(|source| failed("rename", &path, source))?;
        }
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| failed("sync", folder, source))
}

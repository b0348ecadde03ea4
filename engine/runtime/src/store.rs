//! The checkpoint store on disk: record files named by epoch and lease, and one small file `HEAD`
//! that says which of them count. A record exists once `HEAD` names it; `HEAD` is changed only under a
//! lock and only by the holder of the newest lease, so a writer that lost its lease (a zombie, a double
//! start) can leave a file behind but never change the log. Everything is synced before it is named.
//! What the store asks of a disk is [`Files`]: the system's, or a simulation's.
//!
//! Every file has a copy, for the case that its bytes rot: a file whose checksum is wrong is refused, and
//! its copy is read. A copy is no part of durability (it is not synced), and where both are gone nothing
//! older is taken in their place: what the last checkpoint covers may be acknowledged already.
//! [`BucketStore`] does the same in an object store.

mod bucket;
mod files;

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;
use xxhash_rust::xxh3::xxh3_64;

pub use bucket::{BucketStore, Objects};
pub use files::{Files, SystemFiles};

use crate::checkpoint::Checkpoint;

/// The first bytes of every file of the store: what it is, and the version of its frame.
const MAGIC: &[u8; 8] = b"wtckpt\0\x01";

/// Why the store cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk said no.
    #[error("checkpoint store: cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is torn, or none of ours.
    #[error(
        "checkpoint store: {path} is corrupt ({what}); nothing was changed: restore the folder from a \
         copy, or start a new job in another folder"
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process has taken the job over.
    #[error(
        "checkpoint store: lease {mine} of {path} was taken over by lease {current}: another process \
         runs this job, this one stops"
    )]
    Fenced {
        /// The folder.
        path: PathBuf,
        /// The lease of this writer.
        mine: u64,
        /// The newest lease.
        current: u64,
    },
}

/// The content of `HEAD`.
#[derive(Clone, PartialEq, prost::Message)]
struct Head {
    #[prost(uint64, tag = "1")]
    lease: u64,
    #[prost(string, tag = "2")]
    job: String,
    #[prost(message, repeated, tag = "3")]
    runs: Vec<Run>,
    /// Tells two takers of the same lease apart, where no lock does.
    #[prost(int64, tag = "4")]
    owner: i64,
}

impl Head {
    /// Adds a checkpoint of a lease to the log; a snapshot takes the place of all before it.
    fn add(&mut self, checkpoint: &Checkpoint, lease: u64) {
        if checkpoint.is_snapshot {
            self.runs.clear();
        }
        let epoch = checkpoint.epoch;
        match self.runs.last_mut() {
            Some(run) if run.lease == lease => run.last_epoch = epoch,
            _ => self.runs.push(Run { lease, first_epoch: epoch, last_epoch: epoch }),
        }
    }
}

/// Where a job's checkpoints become durable, held by one lease.
pub trait Checkpoints: std::fmt::Debug + Send + Sync {
    /// The name of the job, given when it was made.
    fn job(&self) -> &str;

    /// The lease of this writer; those after it have higher ones.
    fn lease(&self) -> u64;

    /// Makes a checkpoint durable and part of the log. It waits for disk or network.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another process has taken the job over; [`StoreError::Io`] when nobody
    /// knows whether the checkpoint is part of the log: the process ends, and the next one reads it.
    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
}

impl<F: Files + std::fmt::Debug + Send + Sync> Checkpoints for DiskStore<F> {
    fn job(&self) -> &str {
        DiskStore::job(self)
    }

    fn lease(&self) -> u64 {
        self.lease
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        DiskStore::save(self, checkpoint)
    }
}

/// Consecutive records that one lease wrote; the first record of the first run is a snapshot.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Run {
    #[prost(uint64, tag = "1")]
    lease: u64,
    #[prost(uint64, tag = "2")]
    first_epoch: u64,
    #[prost(uint64, tag = "3")]
    last_epoch: u64,
}

/// A job's checkpoints, held by one lease.
#[derive(Debug)]
pub struct DiskStore<F = SystemFiles> {
    files: F,
    folder: PathBuf,
    lease: u64,
    job: String,
}

impl DiskStore {
    /// [`DiskStore::acquire_on`] the system's files.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used or a file of the log is corrupt.
    pub fn acquire(folder: &Path, new_job: &str) -> Result<(Self, Vec<Bytes>), StoreError> {
        Self::acquire_on(SystemFiles, folder, new_job)
    }
}

impl<F: Files> DiskStore<F> {
    /// Takes the job in a folder over, making the folder and the job (named `new_job`) if there is
    /// none, and reads its log: a snapshot and the deltas after it. Whoever held the job is fenced from
    /// this moment.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be used or a file of the log is corrupt.
    pub fn acquire_on(
        files: F,
        folder: &Path,
        new_job: &str,
    ) -> Result<(Self, Vec<Bytes>), StoreError> {
        files.create_folder(folder).map_err(|source| failed("create", folder, source))?;
        let lock = lock(&files, folder)?;
        let mut head = read_head(&files, folder)?.unwrap_or_else(|| Head {
            lease: 0,
            job: new_job.to_owned(),
            runs: Vec::new(),
            owner: 0,
        });
        let mut log = Vec::new();
        for run in &head.runs {
            for epoch in run.first_epoch..=run.last_epoch {
                log.push(read_framed(&files, &record_path(folder, epoch, run.lease))?);
            }
        }
        head.lease += 1;
        write_head(&files, folder, &head)?;
        drop(lock);
        Ok((Self { files, folder: folder.to_owned(), lease: head.lease, job: head.job }, log))
    }

    /// The name of the job, given when it was made.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Makes a checkpoint durable and part of the log, or fails without having done so.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another process has taken the job over; [`StoreError::Io`].
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let path = record_path(&self.folder, checkpoint.epoch, self.lease);
        write_framed(&self.files, &path, &checkpoint.bytes)?;
        let lock = lock(&self.files, &self.folder)?;
        let mut head = read_head(&self.files, &self.folder)?.ok_or_else(|| {
            StoreError::Corrupt { path: self.folder.join("HEAD"), what: "the file has vanished" }
        })?;
        if head.lease != self.lease {
            return Err(StoreError::Fenced {
                path: self.folder.clone(),
                mine: self.lease,
                current: head.lease,
            });
        }
        let obsolete = if checkpoint.is_snapshot { head.runs.clone() } else { Vec::new() };
        head.add(checkpoint, self.lease);
        write_head(&self.files, &self.folder, &head)?;
        drop(lock);
        write_copy(&self.files, &path, &checkpoint.bytes);
        for run in obsolete {
            for epoch in run.first_epoch..=run.last_epoch {
                let path = record_path(&self.folder, epoch, run.lease);
                for path in [copy_path(&path), path] {
                    // A file that stays behind costs space and nothing else: no HEAD names it.
                    let _left_behind = self.files.remove(&path);
                }
            }
        }
        Ok(())
    }
}

fn record_path(folder: &Path, epoch: u64, lease: u64) -> PathBuf {
    folder.join(record_name(epoch, lease))
}

fn record_name(epoch: u64, lease: u64) -> String {
    format!("epoch-{epoch:012}-lease-{lease:06}")
}

/// Holds the folder's lock until it is dropped; the system lets go of it when the process dies.
fn lock<F: Files>(files: &F, folder: &Path) -> Result<F::Lock, StoreError> {
    let path = folder.join("LOCK");
    files.lock(&path).map_err(|source| failed("lock", &path, source))
}

fn read_head(files: &impl Files, folder: &Path) -> Result<Option<Head>, StoreError> {
    let path = folder.join("HEAD");
    match read_framed(files, &path) {
        Ok(bytes) => Head::decode(bytes)
            .map(Some)
            .map_err(|_| StoreError::Corrupt { path, what: "its content cannot be decoded" }),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The copy is written first, so that it is never behind: ahead of a `HEAD` that a crash kept from being
/// written it names a record that is on disk, which is what the crash may have looked like to the writer.
fn write_head(files: &impl Files, folder: &Path, head: &Head) -> Result<(), StoreError> {
    let (path, content) = (folder.join("HEAD"), head.encode_to_vec());
    write_copy(files, &path, &content);
    write_framed(files, &path, &content)
}

fn copy_path(path: &Path) -> PathBuf {
    path.with_extension("copy")
}

/// Writes the copy of a file. One that cannot be written is missing when it is needed, and only then.
fn write_copy(files: &impl Files, path: &Path, content: &[u8]) {
    let sum = xxh3_64(content).to_le_bytes();
    if let Err(error) = files.create(&copy_path(path), &[MAGIC, &sum, content]) {
        tracing::warn!(%error, "the copy of {} cannot be written", path.display());
    }
}

/// A file's content; that of its copy when the file is corrupt.
fn read_framed(files: &impl Files, path: &Path) -> Result<Bytes, StoreError> {
    let refused = match read_one(files, path) {
        Err(refused @ StoreError::Corrupt { .. }) => refused,
        answer => return answer,
    };
    match read_one(files, &copy_path(path)) {
        Ok(content) => {
            tracing::error!("{refused}; its copy is used");
            Ok(content)
        }
        Err(_) => Err(refused),
    }
}

fn read_one(files: &impl Files, path: &Path) -> Result<Bytes, StoreError> {
    let content = files.read(path).map_err(|source| failed("read", path, source))?;
    unframed(content.into()).map_err(|what| StoreError::Corrupt { path: path.to_owned(), what })
}

/// A framed file's content, or what is wrong with the frame.
fn unframed(content: Bytes) -> Result<Bytes, &'static str> {
    let frame = MAGIC.len() + size_of::<u64>();
    if content.len() < frame || content[..MAGIC.len()] != MAGIC[..] {
        return Err("it does not begin as a checkpoint file does");
    }
    let mut sum = [0; size_of::<u64>()];
    sum.copy_from_slice(&content[MAGIC.len()..frame]);
    if xxh3_64(&content[frame..]) != u64::from_le_bytes(sum) {
        return Err("its checksum does not match");
    }
    Ok(content.slice(frame..))
}

/// Writes beside, syncs, renames, syncs the folder: after a crash there is the old file or the new.
fn write_framed(files: &impl Files, path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let beside = path.with_extension("new");
    let written = (|| {
        let sum = xxh3_64(content).to_le_bytes();
        let file = files.create(&beside, &[MAGIC, &sum, content])?;
        files.sync(&file)?;
        files.rename(&beside, path)?;
        files.sync_folder(path.parent().unwrap_or(Path::new(".")))
    })();
    written.map_err(|source| failed("write", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn checkpoint(epoch: u64, is_snapshot: bool, content: &str) -> Checkpoint {
        Checkpoint { epoch, is_snapshot, bytes: Bytes::copy_from_slice(content.as_bytes()) }
    }

    fn texts(log: &[Bytes]) -> Vec<&str> {
        log.iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn a_log_is_the_last_snapshot_and_the_deltas_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, log) = DiskStore::acquire(folder.path(), "job").unwrap();
        assert_eq!(texts(&log), Vec::<&str>::new());
        store.save(&checkpoint(1, true, "s1")).unwrap();
        store.save(&checkpoint(2, false, "d2")).unwrap();
        let (store, log) = DiskStore::acquire(folder.path(), "other").unwrap();
        assert_eq!((store.job(), texts(&log)), ("job", vec!["s1", "d2"]));
        store.save(&checkpoint(3, false, "d3")).unwrap();
        store.save(&checkpoint(4, true, "s4")).unwrap();
        store.save(&checkpoint(5, false, "d5")).unwrap();
        let (_, log) = DiskStore::acquire(folder.path(), "job").unwrap();
        assert_eq!(texts(&log), ["s4", "d5"]);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 7, "LOCK, and HEAD and two records with their copies");
    }

    #[test]
    fn a_writer_whose_job_was_taken_over_is_fenced_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (zombie, _) = DiskStore::acquire(folder.path(), "job").unwrap();
        zombie.save(&checkpoint(1, true, "s1")).unwrap();
        let (owner, _) = DiskStore::acquire(folder.path(), "job").unwrap();
        let fenced = zombie.save(&checkpoint(2, false, "zombie"));
        assert!(matches!(fenced, Err(StoreError::Fenced { mine: 1, current: 2, .. })));
        owner.save(&checkpoint(2, false, "owner")).unwrap();
        let (_, log) = DiskStore::acquire(folder.path(), "job").unwrap();
        assert_eq!(texts(&log), ["s1", "owner"]);
    }

    fn damage(path: &Path, kind: usize) {
        let mut content = fs::read(path).unwrap();
        match kind {
            0 => *content.last_mut().unwrap() ^= 1,
            1 => content.truncate(content.len() - 3),
            _ => content.clear(),
        }
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_corrupt_file_is_refused_and_its_copy_is_used() {
        for kind in 0..3 {
            for name in
                ["HEAD", "epoch-000000000001-lease-000001", "epoch-000000000002-lease-000001"]
            {
                let folder = tempfile::tempdir().unwrap();
                let (store, _) = DiskStore::acquire(folder.path(), "job").unwrap();
                store.save(&checkpoint(1, true, "a snapshot")).unwrap();
                store.save(&checkpoint(2, false, "a delta")).unwrap();
                let path = folder.path().join(name);
                damage(&path, kind);
                let (_, log) = DiskStore::acquire(folder.path(), "job").unwrap();
                assert_eq!(texts(&log), ["a snapshot", "a delta"], "{name} {kind}");
                let fenced = store.save(&checkpoint(3, false, "zombie"));
                assert!(matches!(fenced, Err(StoreError::Fenced { mine: 1, current: 2, .. })));
                // What has no copy either is refused, and nothing is changed.
                damage(&path, 2);
                damage(&copy_path(&path), kind);
                let before = fs::read(folder.path().join("HEAD")).unwrap();
                let refused = DiskStore::acquire(folder.path(), "job");
                assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{name} {kind}");
                assert_eq!(fs::read(folder.path().join("HEAD")).unwrap(), before);
            }
        }
    }

    #[test]
    fn a_torn_copy_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = DiskStore::acquire(folder.path(), "job").unwrap();
        store.save(&checkpoint(1, true, "s1")).unwrap();
        damage(&folder.path().join("HEAD.copy"), 1);
        damage(&folder.path().join("epoch-000000000001-lease-000001.copy"), 2);
        let (_, log) = DiskStore::acquire(folder.path(), "job").unwrap();
        assert_eq!(texts(&log), ["s1"]);
    }
}

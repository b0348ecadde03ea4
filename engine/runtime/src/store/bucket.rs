//! The checkpoint store in a bucket of objects, which have generations and no locks: record objects as on
//! disk, and `HEAD`, that is only ever written over the generation that its writer last saw. Whoever takes the
//! job over writes `HEAD` and thereby fences the writer before. Before `HEAD` its copy is written in the
//! same way, so the copy is never behind; with `HEAD` corrupt, it is used.
//!
//! A write whose answer was lost is found refused when it is tried again, so a refusal is looked into: an
//! object that holds what was to be written was written. Contents differ between writers by `owner`, a
//! generation of the object `OWNER` that the service gave to one process alone.
//! Invariant: a checkpoint that was saved is in every log that is read later, or under a later snapshot.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use prost::Message as _;
use xxhash_rust::xxh3::xxh3_64;

use super::{Checkpoints, Head, MAGIC, StoreError, record_name, unframed};
use crate::checkpoint::Checkpoint;

/// How often a takeover begins again because `HEAD` changed under it: the job has then two takers who race,
/// or a writer that saves, and each of them ends the other's try.
const TRIES_MAX: usize = 16;

const HEAD: &str = "HEAD";
const OWNER: &str = "OWNER";
const RECORDS: &str = "epoch-";

/// An object store under one prefix, as far as checkpoints need one. Calls are tried again by those who
/// carry them out until their outcome is known, or they give up with an error.
pub trait Objects {
    /// An object's content and generation, if there is one.
    ///
    /// # Errors
    /// As the service says.
    fn read(&self, name: &str) -> io::Result<Option<(Bytes, i64)>>;
    /// Writes an object over a generation (0: where there is none), or whatever there is, and gives back
    /// the new generation; none when the object has another one. After a try whose answer was lost, that may
    /// be this write's own.
    ///
    /// # Errors
    /// As the service says; then nobody knows whether it was written, or will be.
    fn write(&self, name: &str, content: Bytes, over: Option<i64>) -> io::Result<Option<i64>>;
    /// The names that begin so, in their order.
    ///
    /// # Errors
    /// As the service says.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;
    /// Removes an object; one that is not there is fine.
    ///
    /// # Errors
    /// As the service says.
    fn delete(&self, name: &str) -> io::Result<()>;
}

/// A job's checkpoints in a bucket, held by one lease.
#[derive(Debug)]
pub struct BucketStore<O> {
    objects: O,
    /// The prefix, for messages.
    place: String,
    lease: u64,
    job: String,
    held: Mutex<Held>,
}

/// What this writer last wrote.
#[derive(Debug, Clone)]
struct Held {
    head: Head,
    /// Generations of `HEAD` and of its copy.
    generations: Generations,
}

#[derive(Debug, Clone, Copy)]
struct Generations {
    head: i64,
    copy: i64,
}

/// Why a try to take a job over does not take it.
enum Missed {
    /// Somebody wrote meanwhile: again.
    Changed,
    Failed(StoreError),
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl<O: Objects> BucketStore<O> {
    /// Takes the job under a prefix over, making the job (named `new_job`) if there is none, and reads its
    /// log: a snapshot and the deltas after it. Whoever held the job is fenced from this moment. `place`
    /// is what messages call the prefix.
    ///
    /// # Errors
    /// [`StoreError`] when the objects cannot be used or one of the log is corrupt.
    pub fn acquire(
        objects: O,
        place: &str,
        new_job: &str,
    ) -> Result<(Self, Vec<Bytes>), StoreError> {
        let there = Place { objects: &objects, place };
        let owner = there.write(OWNER, Bytes::from_static(b"wtckpt"), None)?;
        let owner = owner.ok_or_else(|| there.corrupt(OWNER, "it cannot be written"))?;
        for _ in 0..TRIES_MAX {
            match there.take_over(owner, new_job) {
                Ok((held, log)) => {
                    there.sweep(&held.head);
                    let (lease, job) = (held.head.lease, held.head.job.clone());
                    let held = Mutex::new(held);
                    return Ok((Self { objects, place: place.to_owned(), lease, job, held }, log));
                }
                Err(Missed::Changed) => {
                    tracing::warn!("{place} changed during the takeover, again")
                }
                Err(Missed::Failed(error)) => return Err(error),
            }
        }
        let current = there.read_head()?.0.map_or(0, |head| head.lease);
        Err(StoreError::Fenced { path: place.into(), mine: 0, current })
    }

    fn there(&self) -> Place<'_, O> {
        Place { objects: &self.objects, place: &self.place }
    }
}

impl<O: Objects + std::fmt::Debug + Send + Sync> Checkpoints for BucketStore<O> {
    fn job(&self) -> &str {
        &self.job
    }

    fn lease(&self) -> u64 {
        self.lease
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        // One who panicked in here left what it held as it was.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let there = self.there();
        let name = record_name(checkpoint.epoch, self.lease);
        let content = framed(&checkpoint.bytes);
        if there.write_over(&name, &content, 0)?.is_none() {
            return Err(there.corrupt(&name, "another object has its name"));
        }
        let mut next = held.clone();
        next.head.add(checkpoint, self.lease);
        match there.write_head(&next.head, held.generations)? {
            Some(generations) => next.generations = generations,
            None => {
                let current = there.read_head()?.0.map_or(0, |head| head.lease);
                let path = PathBuf::from(&self.place);
                return Err(StoreError::Fenced { path, mine: self.lease, current });
            }
        }
        *held = next;
        there.write_copy(&name, content);
        if checkpoint.is_snapshot {
            there.sweep(&held.head);
        }
        Ok(())
    }
}

/// The objects, with words for what goes wrong.
struct Place<'a, O> {
    objects: &'a O,
    place: &'a str,
}

impl<O: Objects> Place<'_, O> {
    fn path(&self, name: &str) -> PathBuf {
        format!("{}/{name}", self.place).into()
    }

    fn corrupt(&self, name: &str, what: &'static str) -> StoreError {
        StoreError::Corrupt { path: self.path(name), what }
    }

    fn failed(&self, action: &'static str, name: &str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.path(name);
        move |source| StoreError::Io { action, path, source }
    }

    fn read(&self, name: &str) -> Result<Option<(Bytes, i64)>, StoreError> {
        self.objects.read(name).map_err(self.failed("read", name))
    }

    fn write(
        &self,
        name: &str,
        content: Bytes,
        over: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        self.objects.write(name, content, over).map_err(self.failed("write", name))
    }

    /// Writes over a generation. One that is refused has been written all the same when the object holds
    /// what was to be written.
    fn write_over(
        &self,
        name: &str,
        content: &Bytes,
        over: i64,
    ) -> Result<Option<i64>, StoreError> {
        if let Some(generation) = self.write(name, content.clone(), Some(over))? {
            return Ok(Some(generation));
        }
        let found = self.read(name)?.filter(|(found, _)| found == content);
        Ok(found.map(|(_, generation)| generation))
    }

    /// Writes the copy of `HEAD` and `HEAD`, or neither, or the copy alone; none when somebody else wrote.
    fn write_head(
        &self,
        head: &Head,
        over: Generations,
    ) -> Result<Option<Generations>, StoreError> {
        let content = framed(&head.encode_to_vec());
        let Some(copy) = self.write_over(&copy_of(HEAD), &content, over.copy)? else {
            return Ok(None);
        };
        let written = self.write_over(HEAD, &content, over.head)?;
        Ok(written.map(|head| Generations { head, copy }))
    }

    /// What `HEAD` says, or, where it is corrupt or gone, what its copy says; none before the first job.
    fn read_head(&self) -> Result<(Option<Head>, Generations), StoreError> {
        let (found, copy) = (self.read(HEAD)?, self.read(&copy_of(HEAD))?);
        let generation = |of: &Option<(Bytes, i64)>| of.as_ref().map_or(0, |(_, it)| *it);
        let generations = Generations { head: generation(&found), copy: generation(&copy) };
        let decoded = |of: Option<(Bytes, i64)>| {
            of.map(|(content, _)| {
                let head = Head::decode(unframed(content)?);
                head.map_err(|_| "its content cannot be decoded")
            })
        };
        let head = match (decoded(found), decoded(copy)) {
            (Some(Ok(head)), _) => Some(head),
            (None, None) => None,
            (found, Some(Ok(copy))) => {
                let what = found.and_then(Result::err).unwrap_or("it is gone");
                tracing::error!("{}/HEAD: {what}; its copy is used", self.place);
                Some(copy)
            }
            (Some(Err(what)), _) | (None, Some(Err(what))) => {
                return Err(self.corrupt(HEAD, what));
            }
        };
        Ok((head, generations))
    }

    fn take_over(&self, owner: i64, new_job: &str) -> Result<(Held, Vec<Bytes>), Missed> {
        let (found, generations) = self.read_head()?;
        let mut head = found.unwrap_or_else(|| Head { job: new_job.to_owned(), ..Head::default() });
        let mut log = Vec::new();
        for run in &head.runs {
            for epoch in run.first_epoch..=run.last_epoch {
                match self.read_record(&record_name(epoch, run.lease))? {
                    Some(record) => log.push(record),
                    // Its writer is at work and has made it obsolete; or it is gone.
                    None if self.read(HEAD)?.map_or(0, |(_, it)| it) != generations.head => {
                        return Err(Missed::Changed);
                    }
                    None => {
                        let name = record_name(epoch, run.lease);
                        return Err(self.corrupt(&name, "the object has vanished").into());
                    }
                }
            }
        }
        head.lease = head
            .lease
            .checked_add(1)
            .ok_or_else(|| self.corrupt(HEAD, "its lease is the last that there is"))?;
        head.owner = owner;
        match self.write_head(&head, generations)? {
            Some(generations) => Ok((Held { head, generations }, log)),
            None => Err(Missed::Changed),
        }
    }

    /// A record's content, its copy's when the record is corrupt or gone.
    fn read_record(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let whole = |name: &str| -> Result<Option<Result<Bytes, &'static str>>, StoreError> {
            Ok(self.read(name)?.map(|(content, _)| unframed(content)))
        };
        let refused = match whole(name)? {
            Some(Ok(content)) => return Ok(Some(content)),
            Some(Err(what)) => Some(what),
            None => None,
        };
        if let Some(Ok(content)) = whole(&copy_of(name))? {
            let what = refused.unwrap_or("it is gone");
            tracing::error!("{}/{name}: {what}; its copy is used", self.place);
            return Ok(Some(content));
        }
        refused.map_or(Ok(None), |what| Err(self.corrupt(name, what)))
    }

    /// Writes the copy of a record. One that cannot be written is missing when it is needed, and only then.
    fn write_copy(&self, name: &str, content: Bytes) {
        let copy = copy_of(name);
        if let Err(error) = self.objects.write(&copy, content, None) {
            tracing::warn!(%error, "{}/{copy} cannot be written", self.place);
        }
    }

    /// Removes the records of this lease and earlier ones that a `HEAD` does not name: those under its
    /// snapshot, and those of writers that ended. Records of later leases are their writers', who may have
    /// taken over since.
    fn sweep(&self, head: &Head) {
        let swept = self.objects.list(RECORDS).and_then(|names| {
            names
                .iter()
                .filter(|name| is_obsolete(name, head))
                .try_for_each(|name| self.objects.delete(name))
        });
        if let Err(error) = swept {
            // What stays behind costs space until the next sweep, and nothing else.
            tracing::warn!(%error, "obsolete checkpoints in {} stay for now", self.place);
        }
    }
}

/// Whether a record or its copy is of no use to a log. Names that are none of ours are left alone.
fn is_obsolete(name: &str, head: &Head) -> bool {
    let record = name.strip_suffix(".copy").unwrap_or(name);
    let numbers = record.strip_prefix(RECORDS).and_then(|rest| rest.split_once("-lease-"));
    let Some((Ok(epoch), Ok(lease))) =
        numbers.map(|(epoch, lease)| (epoch.parse::<u64>(), lease.parse::<u64>()))
    else {
        return false;
    };
    let is_named = head
        .runs
        .iter()
        .any(|run| run.lease == lease && (run.first_epoch..=run.last_epoch).contains(&epoch));
    lease <= head.lease && !is_named
}

fn copy_of(name: &str) -> String {
    format!("{name}.copy")
}

fn framed(content: &[u8]) -> Bytes {
    let sum = xxh3_64(content).to_le_bytes();
    [&MAGIC[..], &sum, content].concat().into()
}

#[cfg(test)]
mod tests;

//! Files as a source: objects in Cloud Storage or files on disk, each record a message, in the order of the
//! files' names and of the records in each. What the checkpoints say was read is not read again, so a run
//! over the same files adds nothing, and a run that was cut off goes on. Invariant: a batch holds records of
//! one file, in order, and their numbers for acknowledgement grow.

mod array;
mod avro;
mod columns;
mod format;
mod list;
pub(crate) mod notified;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use google_cloud_storage::client::{Storage, StorageControl};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use windtunnel_model::{AckId, EventTime, Message, Origin};
use windtunnel_runtime::file_progress::{FileProgress, Progress};

pub use format::{Format, count_records};
pub use list::ListError;

use crate::limits::{BATCH_MESSAGES, FILE_CHUNKS_AHEAD};
use format::{Interrupted, ReadError};
use list::{InputFile, Place};

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct FilesConfig {
    /// `gs://bucket/name` and paths, with `*`, `?` and `**` for names; `@` before one makes it a manifest
    /// that has one of them in every line.
    pub inputs: Vec<String>,
    /// The format of all; none finds it out, file by file.
    pub format: Option<Format>,
    /// Looks for new files after so long, until the job is drained; none reads what is there and ends.
    pub watch: Option<Duration>,
    /// A subscription, by its name in the project, whose messages tell of objects that were written: they
    /// are read instead of what a listing shows, until the job is drained. `inputs` then says which.
    pub notifications: Option<String>,
}

/// Reads files into micro-batches, and numbers their messages over all of them.
pub(crate) struct FileReader {
    storage: Storage,
    format: Option<Format>,
    batches: mpsc::Sender<Vec<Message>>,
    last_ack: Arc<AtomicU64>,
}

/// Reads all files into micro-batches.
///
/// # Errors
/// The files that cannot be read to their end, with what is wrong with each; all others are read.
pub(crate) async fn run(
    reader: FileReader,
    control: StorageControl,
    config: FilesConfig,
    mut progress: FileProgress,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut failed = Vec::new();
    loop {
        let files = list::expand(&control, &reader.storage, &config.inputs).await;
        let files = files.map_err(|error| error.to_string())?;
        for file in files {
            let done = progress.of(&file.object, file.generation);
            if done.is_finished || stop.is_cancelled() {
                continue;
            }
            let (read, ended) = reader.read(&file, done).await;
            // What was handed over before a failure is not handed over again by this run.
            progress.set(&file.object, file.generation, read);
            match ended {
                Ok(()) => {}
                Err(ReadError::Interrupted) => return Ok(()),
                Err(error) => {
                    tracing::error!(%error, "{} cannot be read to its end", file.object);
                    failed.push(format!("{}: {error}", file.object));
                }
            }
        }
        let Some(pause) = config.watch else { break };
        tokio::select! {
            () = stop.cancelled() => break,
            () = reader.batches.closed() => break,
            () = sleep(pause) => failed.clear(),
        }
    }
    match failed.len() {
        0 => Ok(()),
        count => Err(format!(
            "{count} files cannot be read to their end; what came before stays, and a later run with the \
             same checkpoints tries them again: {}",
            failed.join("; ")
        )),
    }
}

impl FileReader {
    pub(crate) fn new(
        storage: Storage,
        format: Option<Format>,
        batches: mpsc::Sender<Vec<Message>>,
    ) -> Self {
        Self { storage, format, batches, last_ack: Arc::default() }
    }

    /// The number of the last message that was handed over.
    fn handed_over(&self) -> u64 {
        self.last_ack.load(Ordering::Acquire)
    }

    /// Reads one file on a blocking thread, after what is done of it: how far it was handed over, and why
    /// not to its end.
    async fn read(&self, file: &InputFile, done: Progress) -> (Progress, Result<(), ReadError>) {
        let reader = match open(&self.storage, file).await {
            Ok(reader) => reader,
            Err(error) => return (done, Err(error.into())),
        };
        let mut batcher = Batcher {
            object: Arc::clone(&file.object),
            generation: file.generation,
            created: file.created,
            done: done.records,
            held: None,
            batch: Vec::new(),
            batches: self.batches.clone(),
            last_ack: Arc::clone(&self.last_ack),
        };
        let (name, format) = (Arc::clone(&file.object), self.format);
        let read = tokio::task::spawn_blocking(move || {
            let read = format::read(reader, format, &name, &mut |at, data| batcher.take(at, data));
            batcher.end(read)
        });
        read.await.unwrap_or_else(|error| (done, Err(io::Error::other(error.to_string()).into())))
    }
}

async fn open(storage: &Storage, file: &InputFile) -> io::Result<Box<dyn Read + Send>> {
    match &file.place {
        Place::Disk(path) => Ok(Box::new(std::fs::File::open(path)?)),
        Place::Bucket { bucket, name } => {
            let opened = storage
                .read_object(format!("projects/_/buckets/{bucket}"), name)
                .set_generation(file.generation)
                .send()
                .await;
            let mut object = opened.map_err(|error| io::Error::other(error.to_string()))?;
            let (chunks, receiver) = mpsc::channel(FILE_CHUNKS_AHEAD);
            tokio::spawn(async move {
                while let Some(chunk) = object.next().await {
                    let chunk = chunk.map_err(|error| io::Error::other(error.to_string()));
                    if chunks.send(chunk).await.is_err() {
                        break;
                    }
                }
            });
            Ok(Box::new(Chunks { receiver, current: Bytes::new() }))
        }
    }
}

/// Puts records into batches. One record is held back, because the last of a file is marked.
struct Batcher {
    object: Arc<str>,
    generation: i64,
    created: EventTime,
    /// Records that an earlier run has done.
    done: u64,
    held: Option<Message>,
    batch: Vec<Message>,
    batches: mpsc::Sender<Vec<Message>>,
    last_ack: Arc<AtomicU64>,
}

impl Batcher {
    fn take(&mut self, record: u64, data: Bytes) -> Result<(), Interrupted> {
        if record <= self.done {
            return Ok(());
        }
        let origin = Origin::File {
            object: Arc::clone(&self.object),
            generation: self.generation,
            line: record,
            is_last: false,
        };
        let ack = AckId(self.last_ack.fetch_add(1, Ordering::AcqRel) + 1);
        let message = Message { ack, data, publish_time: self.created, origin };
        self.batch.extend(self.held.replace(message));
        if self.batch.len() >= BATCH_MESSAGES {
            return self.send();
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Interrupted> {
        let batch = std::mem::take(&mut self.batch);
        self.batches.blocking_send(batch).map_err(|_ended| Interrupted)
    }

    /// Hands over what is left. The last record is marked when the file was read to its end.
    fn end(mut self, read: Result<(), ReadError>) -> (Progress, Result<(), ReadError>) {
        let is_finished = read.is_ok();
        let Some(mut last) = self.held.take() else {
            return (Progress { records: self.done, is_finished }, read);
        };
        let mut records = self.done;
        if let Origin::File { is_last, line, .. } = &mut last.origin {
            *is_last = is_finished;
            records = *line;
        }
        self.batch.push(last);
        match self.send() {
            Ok(()) => (Progress { records, is_finished }, read),
            Err(interrupted) => (Progress::default(), Err(interrupted.into())),
        }
    }
}

/// An object's chunks as they come, to be read on a blocking thread.
struct Chunks {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.current.has_remaining() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.current = chunk?,
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of a record in its file, and whether it is the last.
    fn places(batch: &[Message]) -> Vec<(u64, bool)> {
        let place = |message: &Message| match &message.origin {
            Origin::File { line, is_last, .. } => (*line, *is_last),
            Origin::Pubsub { .. } => (0, false),
        };
        batch.iter().map(place).collect()
    }

    #[test]
    fn a_file_goes_on_after_what_is_done_and_its_last_record_is_marked() {
        for (done, expected) in
            [(0, vec![(1, false), (2, false), (3, true)]), (2, vec![(3, true)]), (3, vec![])]
        {
            let (batches, mut receiver) = mpsc::channel(4);
            let mut batcher = Batcher {
                object: "a".into(),
                generation: 1,
                created: EventTime(0),
                done,
                held: None,
                batch: Vec::new(),
                batches,
                last_ack: Arc::default(),
            };
            for record in 1..=3 {
                batcher.take(record, Bytes::from_static(b"{}")).unwrap();
            }
            let (progress, ended) = batcher.end(Ok(()));
            assert_eq!(progress, Progress { records: 3, is_finished: true });
            assert!(ended.is_ok());
            let batch = receiver.try_recv().unwrap_or_default();
            assert_eq!(places(&batch), expected, "{done} done");
        }
    }
}

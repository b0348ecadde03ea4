//! How far each file has been read, as a state of the pipeline: it goes into the same checkpoint as the rows
//! that the lines became, so that a line is either in both or in neither. That makes reading files
//! idempotent by name and generation, whatever the dedup index remembers. Invariant: the records of a file
//! are counted in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use windtunnel_model::{
    Message, Origin, ProcessingTime, Reader, Stored, Torn, store_text, store_varint,
};

use crate::flow::State;

/// The name of the state.
pub const FILES: &str = "files";

/// A file's name and generation.
type File = (Arc<str>, i64);

/// How far one file has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that are done with.
    pub records: u64,
    /// Whether there are no more.
    pub is_finished: bool,
}

/// How far the files of a job have been read.
#[derive(Debug, Clone, Default)]
pub struct FileProgress {
    files: BTreeMap<File, Progress>,
    changed: BTreeSet<File>,
}

impl FileProgress {
    /// How far a file has been read.
    #[must_use]
    pub fn of(&self, object: &Arc<str>, generation: i64) -> Progress {
        self.files.get(&(Arc::clone(object), generation)).copied().unwrap_or_default()
    }

    /// Says how far a file has been read; for a source that knows before its messages are through.
    pub fn set(&mut self, object: &Arc<str>, generation: i64, progress: Progress) {
        self.files.insert((Arc::clone(object), generation), progress);
    }

    /// Files that are read to their end.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.files.values().filter(|progress| progress.is_finished).count()
    }

    /// Notes the messages of a batch, which come in the order of their files' records.
    pub(crate) fn note(&mut self, messages: &[Message]) {
        let mut rest = messages.iter().filter_map(|message| match &message.origin {
            Origin::File { object, generation, line, is_last } => {
                Some((object, *generation, *line, *is_last))
            }
            Origin::Pubsub { .. } => None,
        });
        // The last record of each run of records of one file says all.
        let mut last = rest.next();
        while let Some((object, generation, line, is_last)) = last {
            last = rest.next();
            let same =
                |next: &(&Arc<str>, i64, u64, bool)| (next.0, next.1) == (object, generation);
            if last.as_ref().is_some_and(same) {
                continue;
            }
            let file = (Arc::clone(object), generation);
            let progress = self.files.entry(file.clone()).or_default();
            progress.records = progress.records.max(line);
            progress.is_finished |= is_last;
            self.changed.insert(file);
        }
    }

    fn store(&self, file: &File, out: &mut Vec<u8>) {
        let progress = self.files.get(file).copied().unwrap_or_default();
        store_text(&file.0, out);
        file.1.store(out);
        store_varint(progress.records, out);
        out.push(u8::from(progress.is_finished));
    }

    fn apply(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        while !from.is_empty() {
            let object = Arc::from(from.text()?);
            let generation = i64::load(from)?;
            let records = from.varint()?;
            let is_finished = match from.bytes(1)? {
                [0] => false,
                [1] => true,
                _ => return Err(Torn),
            };
            self.files.insert((object, generation), Progress { records, is_finished });
        }
        Ok(())
    }
}

impl State for FileProgress {
    fn name(&self) -> &'static str {
        FILES
    }

    fn schema(&self) -> String {
        "[(object:text,generation:i64,records:u64,is_finished:bool)]".to_owned()
    }

    fn take_delta(&mut self, _now: ProcessingTime, out: &mut Vec<u8>) {
        for file in std::mem::take(&mut self.changed) {
            self.store(&file, out);
        }
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        self.files.keys().for_each(|file| self.store(file, out));
    }

    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.apply(from)
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.files.clear();
        self.apply(from)
    }

    fn entries(&self) -> u64 {
        self.files.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use windtunnel_model::{AckId, EventTime};

    fn message(object: &str, line: u64, is_last: bool) -> Message {
        Message {
            ack: AckId(0),
            data: Bytes::new(),
            publish_time: EventTime(0),
            origin: Origin::File { object: object.into(), generation: 7, line, is_last },
        }
    }

    #[test]
    fn the_last_record_of_each_file_counts() {
        let mut progress = FileProgress::default();
        progress.note(&[message("a", 1, false), message("a", 2, true), message("b", 1, false)]);
        let of = |progress: &FileProgress, name: &str| progress.of(&name.into(), 7);
        assert_eq!(of(&progress, "a"), Progress { records: 2, is_finished: true });
        assert_eq!(of(&progress, "b"), Progress { records: 1, is_finished: false });
        assert_eq!(progress.of(&"a".into(), 8), Progress::default());
        let (mut delta, mut second) = (Vec::new(), Vec::new());
        progress.take_delta(ProcessingTime(0), &mut delta);
        progress.note(&[message("b", 9, true)]);
        progress.take_delta(ProcessingTime(0), &mut second);
        assert!(second.len() < delta.len());
        let mut restored = FileProgress::default();
        restored.restore(&mut Reader::new(&delta)).unwrap();
        restored.apply_delta(&mut Reader::new(&second)).unwrap();
        assert_eq!(restored.files, progress.files);
        assert_eq!(restored.finished(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_restored_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..60)
        ) {
            let _ = FileProgress::default().restore(&mut Reader::new(&bytes));
        }
    }
}

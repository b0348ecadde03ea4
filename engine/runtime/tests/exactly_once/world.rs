//! Everything outside the engine, in memory: write streams with exact offsets, an object store, a checkpoint
//! log. It asserts what must hold at every step: nothing flushed beyond its checkpoint, nothing acknowledged
//! before it is anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use windtunnel_model::{AckId, Message, Origin};
use windtunnel_runtime::command::{
    AppendError, ArchiveCommand, Command, Input, Rows, ScoreOutcome, SinkCommand, Visibility,
};

/// Ids of messages whose rows the table refuses.
const REFUSED: u64 = 13;
/// Ids of messages whose rows the table refuses from some append on: somebody has changed the table.
const REFUSED_LATER: u64 = 5;

#[derive(Default)]
pub(crate) struct Stream {
    rows: Vec<String>,
    visible: usize,
    finalized: bool,
}

/// Everything that survives a crash of the engine.
#[derive(Default)]
pub(crate) struct World {
    streams: BTreeMap<Arc<str>, Stream>,
    objects: BTreeMap<Arc<str>, Bytes>,
    pub(crate) log: Vec<Bytes>,
    checkpointed: BTreeMap<Arc<str>, u64>,
    pub(crate) acked: BTreeSet<u64>,
    /// By epoch: the ids of messages, and the names of rows.
    archive: BTreeMap<u64, (Vec<String>, Vec<String>)>,
    saved_epoch: u64,
    appends: usize,
    /// The append from which on the table refuses more.
    pub(crate) strict_from: Option<usize>,
    pub(crate) visibility: Visibility,
    /// PENDING streams that checkpoints name.
    pending: BTreeMap<Arc<str>, u64>,
}

impl World {
    pub(crate) fn visible(&self) -> Vec<String> {
        self.streams.values().flat_map(|stream| &stream.rows[..stream.visible]).cloned().collect()
    }

    pub(crate) fn dead_letters(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for content in self.objects.values() {
            for line in std::str::from_utf8(content).unwrap().lines() {
                let from = line.find("\"message_id\":\"").unwrap() + 14;
                ids.push(line[from..].split('"').next().unwrap().to_owned());
            }
        }
        ids
    }

    /// The ids of messages and the names of rows in the archive, each in order.
    pub(crate) fn archived(&self) -> (Vec<String>, Vec<String>) {
        let (mut raw, mut processed) = (Vec::new(), Vec::new());
        for (messages, rows) in self.archive.values() {
            raw.extend_from_slice(messages);
            processed.extend_from_slice(rows);
        }
        raw.sort();
        processed.sort();
        (raw, processed)
    }

    fn write_archive(&mut self, command: ArchiveCommand) -> Input {
        let (epoch, again, rows, rejects) = match command {
            ArchiveCommand::Prune { after } => {
                assert_eq!(after, self.saved_epoch);
                self.archive.retain(|epoch, _| *epoch <= after);
                return Input::ArchivePruned { result: Ok(()) };
            }
            ArchiveCommand::Write { epoch, again, rows, rejects } => (epoch, again, rows, rejects),
        };
        assert!(epoch > self.saved_epoch, "epoch {epoch} is archived after its checkpoint");
        let mut raw: Vec<String> = rejects.iter().map(|reject| id_of(&reject.message)).collect();
        for rows in &rows {
            match rows {
                Rows::Events(batch) => {
                    let message = |event| id_of(batch.message_of(event));
                    raw.extend(batch.events.iter().map(message));
                }
                Rows::Named(rows) => {
                    raw.extend((0..rows.len()).filter_map(|row| rows.message(row)).map(id_of));
                }
                Rows::Windows(_) => panic!("windows are not archived"),
            }
        }
        let processed = rows.iter().flat_map(names).collect();
        let before = self.archive.insert(epoch, (raw, processed));
        assert!(before.is_none() || again, "epoch {epoch} is archived twice");
        Input::Archived { epoch, result: Ok(()) }
    }

    /// Carries a command out; the answer is what the engine would hear.
    pub(crate) fn carry_out(&mut self, command: Command, misfortune: u8) -> Option<Input> {
        match command {
            Command::Sink(SinkCommand::Open { stream, table, visibility }) => {
                let name: Arc<str> = format!("{table:?}-{}", self.streams.len()).into();
                assert_eq!(visibility, self.visibility);
                self.streams.insert(Arc::clone(&name), Stream::default());
                Some(Input::StreamOpened { stream, result: Ok(name) })
            }
            Command::Sink(SinkCommand::Append { append, name, offset, rows, .. }) => {
                let result = self.append(&name, offset, &rows, misfortune);
                Some(Input::Appended { append, result })
            }
            Command::Sink(SinkCommand::Flush { name, rows }) => {
                let stream = self.streams.get_mut(&name).expect("a stream that was opened");
                assert!(rows as usize <= stream.rows.len(), "flush beyond the end of {name}");
                let promised = self.checkpointed.get(&name).copied().unwrap_or_default();
                assert!(rows <= promised, "flush of {name} beyond its checkpoint");
                stream.visible = stream.visible.max(rows as usize);
                Some(Input::Flushed { name, result: Ok(rows) })
            }
            Command::Sink(SinkCommand::Finalize { name }) => {
                self.streams.get_mut(&name).expect("a stream that was opened").finalized = true;
                None
            }
            Command::Sink(SinkCommand::Seal { name }) => {
                let stream = self.streams.get_mut(&name).expect("a stream that was opened");
                stream.finalized = true;
                let result = Ok(stream.rows.len() as u64);
                Some(Input::Sealed { name, result })
            }
            Command::Sink(SinkCommand::Commit { names }) => {
                for name in names {
                    let stream = self.streams.get_mut(&name).expect("a stream that was opened");
                    assert!(stream.finalized, "{name} is committed before it is sealed");
                    let promised = self.pending.get(&name).copied();
                    assert_eq!(promised, Some(stream.rows.len() as u64), "{name}: no checkpoint");
                    stream.visible = stream.rows.len();
                }
                Some(Input::Committed { result: Ok(()) })
            }
            Command::Score(command) => {
                let outcomes = command.batch.events.iter().map(|_| match misfortune {
                    1 => ScoreOutcome::Degraded,
                    _ => ScoreOutcome::Value(0.5),
                });
                let outcomes = outcomes.collect();
                Some(Input::Scored {
                    score: command.score,
                    outcomes,
                    model_version: "1".to_owned(),
                })
            }
            Command::Object(object) => {
                let before = self.objects.insert(Arc::clone(&object.name), object.content.clone());
                assert!(before.is_none_or(|before| before == object.content), "other bytes");
                Some(Input::ObjectWritten { name: object.name, result: Ok(()) })
            }
            Command::Archive(command) => Some(self.write_archive(command)),
            Command::SaveCheckpoint(checkpoint) => {
                self.saved_epoch = checkpoint.epoch;
                use prost::Message as _;
                let record =
                    windtunnel_runtime::checkpoint::Record::decode(checkpoint.bytes.clone())
                        .unwrap();
                for stream in record.pending {
                    self.pending.insert(stream.name.into(), stream.rows);
                }
                for stream in record.streams {
                    self.checkpointed.insert(stream.name.into(), stream.rows);
                }
                if checkpoint.is_snapshot {
                    self.log.clear();
                }
                self.log.push(checkpoint.bytes);
                Some(Input::CheckpointSaved { epoch: checkpoint.epoch, result: Ok(()) })
            }
            Command::Ack(ids) => {
                let mut rows: BTreeSet<_> = self.visible().into_iter().collect();
                for name in self.pending.keys() {
                    rows.extend(self.streams[name].rows.iter().cloned());
                }
                let letters: BTreeSet<_> = self.dead_letters().into_iter().collect();
                for AckId(id) in ids {
                    let placed =
                        rows.contains(&format!("e{id}")) || letters.contains(&id.to_string());
                    assert!(placed, "message {id} was acknowledged before it was anywhere");
                    self.acked.insert(id);
                }
                None
            }
        }
    }

    /// Misfortunes: 1 the request is lost, 2 the response is lost after the rows were taken.
    fn append(
        &mut self,
        name: &Arc<str>,
        offset: u64,
        rows: &Rows,
        misfortune: u8,
    ) -> Result<(), AppendError> {
        let stream = self.streams.get_mut(name).expect("a stream that was opened");
        let lost = |what: &str| Err(AppendError::StreamLost(what.to_owned()));
        if misfortune == 1 || stream.finalized {
            return lost("unavailable");
        }
        if offset != stream.rows.len() as u64 {
            return lost("the offset is not the end of the stream");
        }
        self.appends += 1;
        let is_strict = self.strict_from.is_some_and(|from| self.appends >= from);
        let texts = names(rows);
        let refused: Vec<_> = texts
            .iter()
            .enumerate()
            .filter(|(_, text)| is_refused(text) || is_strict && is_refused_later(text))
            .map(|(index, _)| (index as u32, "no such column".to_owned()))
            .collect();
        if !refused.is_empty() {
            return Err(AppendError::RowsRefused(refused));
        }
        stream.rows.extend(texts);
        if misfortune == 2 { lost("connection reset") } else { Ok(()) }
    }
}

/// What rows are known by.
fn names(rows: &Rows) -> Vec<String> {
    match rows {
        Rows::Events(batch) => {
            batch.events.iter().map(|event| batch.text(event.event_id).to_owned()).collect()
        }
        Rows::Windows(rows) => rows
            .iter()
            .map(|row| format!("w {} {} {}", row.start.0, row.device_id, row.aggregate.count))
            .collect(),
        Rows::Named(rows) => {
            let text = |row| std::str::from_utf8(row).unwrap().split('"').nth(3).unwrap();
            rows.iter().map(|row| text(row).to_owned()).collect()
        }
    }
}

fn id_of(message: &Message) -> String {
    match &message.origin {
        Origin::Pubsub { message_id, .. } => message_id.clone(),
        Origin::File { .. } => panic!("messages come from a subscription"),
    }
}

pub(crate) fn is_refused(event_id: &str) -> bool {
    number_of(event_id).is_some_and(|id| id.is_multiple_of(REFUSED))
}

pub(crate) fn is_refused_later(event_id: &str) -> bool {
    number_of(event_id).is_some_and(|id| id.is_multiple_of(REFUSED_LATER))
}

fn number_of(event_id: &str) -> Option<u64> {
    event_id.strip_prefix('e')?.parse().ok()
}

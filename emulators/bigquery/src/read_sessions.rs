//! Sessions of the Storage Read API: the rows of a table at one moment, divided among streams. Pure: time is
//! an argument. Invariant: the streams of a session hold each of its rows once, also after splits.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::limits::{READ_SESSION_MICROS, READ_SESSIONS_MAX, READ_STREAM_ROWS};
use crate::schema::TableSchema;

/// How rows are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataFormat {
    Arrow(Packing),
    Avro,
}

/// How Arrow's buffers are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Lz4,
    Zstd,
}

/// A session.
#[derive(Debug)]
pub(crate) struct ReadSession {
    /// `projects/P/locations/us/sessions/S`.
    pub(crate) name: String,
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) format: DataFormat,
    pub(crate) expires_at: i64,
    rows: Arc<[RecordBatch]>,
    /// Names and row ranges of the streams.
    streams: BTreeMap<String, (usize, usize)>,
}

/// What a stream reads.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) format: DataFormat,
    /// How many rows the stream has, whatever the offset.
    pub(crate) total: usize,
    /// The rows from the offset on.
    pub(crate) rows: Vec<RecordBatch>,
}

/// Why a call on a session is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("Requested entity was not found. Entity: {0}")]
    NotFound(String),
    #[error("Offset {offset} is beyond the end of the stream Entity: {name}")]
    BeyondEnd { name: String, offset: usize },
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct ReadSessions {
    sessions: BTreeMap<u64, ReadSession>,
    next: u64,
}

impl ReadSession {
    /// The names of the streams, in order.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(String::as_str)
    }
}

impl ReadSessions {
    /// Opens a session on rows. There is a stream for so many rows, but at most `streams_max` where that is
    /// not 0, and none for no rows.
    pub(crate) fn create(
        &mut self,
        project: &str,
        schema: TableSchema,
        format: DataFormat,
        rows: Vec<RecordBatch>,
        streams_max: usize,
        now: i64,
    ) -> &ReadSession {
        self.sessions.retain(|_, session| session.expires_at > now);
        while self.sessions.len() >= READ_SESSIONS_MAX {
            self.sessions.pop_first();
        }
        self.next += 1;
        let name = format!("projects/{project}/locations/us/sessions/r{:08x}", self.next);
        let total: usize = rows.iter().map(RecordBatch::num_rows).sum();
        let wanted = total.div_ceil(READ_STREAM_ROWS);
        let count = if streams_max == 0 { wanted } else { wanted.min(streams_max) };
        let streams = (0..count).map(|index| {
            let bounds = (total * index / count, total * (index + 1) / count);
            (format!("{name}/streams/s{index:04}"), bounds)
        });
        let session = ReadSession {
            streams: streams.collect(),
            name,
            schema: Arc::new(schema),
            format,
            expires_at: now.saturating_add(READ_SESSION_MICROS),
            rows: rows.into(),
        };
        self.sessions.entry(self.next).or_insert(session)
    }

    /// The rows of a stream from an offset on.
    pub(crate) fn read(&self, stream: &str, offset: usize, now: i64) -> Result<Reading, ReadError> {
        let (session, (from, to)) = self.find(stream, now)?;
        if offset > to - from {
            return Err(ReadError::BeyondEnd { name: stream.to_owned(), offset });
        }
        Ok(Reading {
            schema: Arc::clone(&session.schema),
            format: session.format,
            total: to - from,
            rows: slice(&session.rows, from + offset, to),
        })
    }

    /// Divides a stream: the first part has this fraction of its rows. Nothing is divided where a part
    /// would have no rows; the stream itself stays as it is.
    pub(crate) fn split(
        &mut self,
        stream: &str,
        fraction: f64,
        now: i64,
    ) -> Result<Option<(String, String)>, ReadError> {
        let (_, (from, to)) = self.find(stream, now)?;
        let fraction = if fraction > 0.0 && fraction < 1.0 { fraction } else { 0.5 };
        let middle = from + ((to - from) as f64 * fraction).round() as usize;
        if middle <= from || middle >= to {
            return Ok(None);
        }
        let (primary, remainder) = (format!("{stream}a"), format!("{stream}b"));
        for session in self.sessions.values_mut() {
            if session.streams.contains_key(stream) {
                session.streams.insert(primary.clone(), (from, middle));
                session.streams.insert(remainder.clone(), (middle, to));
            }
        }
        Ok(Some((primary, remainder)))
    }

    fn find(&self, stream: &str, now: i64) -> Result<(&ReadSession, (usize, usize)), ReadError> {
        let found = self.sessions.values().find_map(|session| {
            let bounds = session.streams.get(stream)?;
            (session.expires_at > now).then_some((session, *bounds))
        });
        found.ok_or_else(|| ReadError::NotFound(stream.to_owned()))
    }
}

fn slice(batches: &[RecordBatch], from: usize, to: usize) -> Vec<RecordBatch> {
    let mut out = Vec::new();
    let mut at = 0;
    for batch in batches {
        let (first, last) = (from.max(at), to.min(at + batch.num_rows()));
        if first < last {
            out.push(batch.slice(first - at, last - first));
        }
        at += batch.num_rows();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, FieldType};
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    fn session(sizes: &[usize], streams_max: usize) -> (ReadSessions, Vec<String>) {
        let schema = TableSchema { fields: vec![Field::new("n", FieldType::Int64)] };
        let mut next = 0;
        let batches = sizes.iter().map(|size| {
            let numbers = Int64Array::from_iter_values(next..next + *size as i64);
            next += *size as i64;
            RecordBatch::try_new(schema.to_arrow(), vec![Arc::new(numbers)]).unwrap()
        });
        let batches = batches.collect();
        let mut sessions = ReadSessions::default();
        let made = sessions.create("p", schema, DataFormat::Avro, batches, streams_max, 0);
        let names = made.streams().map(str::to_owned).collect();
        (sessions, names)
    }

    fn numbers(sessions: &ReadSessions, stream: &str, offset: usize) -> Vec<i64> {
        let reading = sessions.read(stream, offset, 1).unwrap();
        let values =
            |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        reading.rows.iter().flat_map(values).collect()
    }

    proptest! {
        #[test]
        fn streams_hold_every_row_once(
            sizes in proptest::collection::vec(0_usize..30_000, 0..5),
            streams_max in 0_usize..6, fraction in 0.0_f64..1.0,
        ) {
            let (mut sessions, mut names) = session(&sizes, streams_max);
            let total: usize = sizes.iter().sum();
            prop_assert_eq!(names.is_empty(), total == 0);
            if let Some(first) = names.first().cloned()
                && let Some((a, b)) = sessions.split(&first, fraction, 1).unwrap()
            {
                names.splice(0..1, [a, b]);
            }
            let all: Vec<i64> = names.iter().flat_map(|name| numbers(&sessions, name, 0)).collect();
            prop_assert_eq!(all, (0..total as i64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_stream_is_read_on_from_an_offset() {
        let (sessions, names) = session(&[3, 4], 1);
        assert_eq!(numbers(&sessions, &names[0], 2), [2, 3, 4, 5, 6]);
        assert_eq!(numbers(&sessions, &names[0], 7), Vec::<i64>::new());
        assert!(matches!(sessions.read(&names[0], 8, 1), Err(ReadError::BeyondEnd { .. })));
        assert!(matches!(sessions.read("none", 0, 1), Err(ReadError::NotFound(_))));
        let late = READ_SESSION_MICROS;
        assert!(matches!(sessions.read(&names[0], 0, late), Err(ReadError::NotFound(_))));
    }
}

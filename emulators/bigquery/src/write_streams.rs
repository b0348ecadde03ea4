//! The Storage Write API's streams, with the offset rules of `google/cloud/bigquery/storage/v1`
//! (comments of `storage.proto` and `stream.proto`): DEFAULT and COMMITTED rows are visible at once,
//! BUFFERED rows when they are flushed, PENDING rows when their finalized streams are committed
//! together. Pure: `&mut self`, time as an argument. Invariant: an offset is given to one row only.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::catalog::{Catalog, CatalogError};
use crate::table::{Table, TableId, TableKind};

/// When a stream's rows become visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// At once; every table has one such stream, without offsets.
    Default,
    /// At once.
    Committed,
    /// When they are flushed.
    Buffered,
    /// When the stream is committed.
    Pending,
}

/// Why a call on a stream is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The stream does not exist, or its table is gone.
    #[error("Requested entity was not found. Entity: {0}")]
    NotFound(String),
    /// Rows at the offset exist already.
    #[error(
        "The offset is within stream, expected offset {expected}, received {received}. Entity: {name}"
    )]
    AlreadyExists {
        /// The stream.
        name: String,
        /// The end of the stream.
        expected: u64,
        /// The request's offset.
        received: u64,
    },
    /// The offset is beyond the end of the stream.
    #[error(
        "The offset is beyond stream, expected offset {expected}, received {received}. Entity: {name}"
    )]
    OutOfRange {
        /// The stream.
        name: String,
        /// The end of the stream.
        expected: u64,
        /// The request's offset.
        received: u64,
    },
    /// A flush beyond the end of the stream.
    #[error("Offset {offset} is beyond the end of the stream Entity: {name}")]
    BeyondEnd {
        /// The stream.
        name: String,
        /// The request's offset.
        offset: u64,
    },
    /// The stream takes no more rows.
    #[error("Stream has been finalized and cannot be appended. Entity: {0}")]
    Finalized(String),
    /// The call is not for this kind of stream, or breaks a rule.
    #[error("{0}")]
    Invalid(String),
}

impl From<CatalogError> for StreamError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Invalid(text) => Self::Invalid(text),
            error => Self::NotFound(error.to_string()),
        }
    }
}

/// Why one stream cannot be committed with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitProblem {
    /// It does not exist.
    NotFound,
    /// It is no PENDING stream.
    InvalidType,
    /// It was committed before.
    AlreadyCommitted,
    /// It is not finalized.
    NotFinalized,
}

/// A stream that was created.
#[derive(Debug)]
pub struct WriteStream {
    /// Its resource name.
    pub name: String,
    /// Its table.
    pub table: TableId,
    /// When its rows become visible.
    pub kind: StreamKind,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was committed (PENDING).
    pub committed_at: Option<i64>,
    incarnation: u64,
    finalized: bool,
    /// Rows appended so far.
    rows: u64,
    /// Rows that are not visible, in order; those of BUFFERED streams begin at `flushed`.
    hidden: Vec<RecordBatch>,
    flushed: u64,
}

/// All streams.
#[derive(Debug, Default)]
pub struct WriteStreams {
    streams: BTreeMap<String, WriteStream>,
    next: u64,
}

/// `projects/P/datasets/D/tables/T`.
#[must_use]
pub fn table_path(id: &TableId) -> String {
    format!("projects/{}/datasets/{}/tables/{}", id.project, id.dataset, id.table)
}

/// The table and stream id of `projects/P/datasets/D/tables/T[/streams/S]`.
#[must_use]
pub fn parse_path(path: &str) -> Option<(TableId, Option<&str>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let (stream, table) = match parts[..] {
        ["projects", p, "datasets", d, "tables", t] => (None, (p, d, t)),
        ["projects", p, "datasets", d, "tables", t, "streams", s] => (Some(s), (p, d, t)),
        ["projects", p, "datasets", d, "tables", t, s @ "_default"] => (Some(s), (p, d, t)),
        _ => return None,
    };
    let (project, dataset, table) = (table.0.to_owned(), table.1.to_owned(), table.2.to_owned());
    Some((TableId { project, dataset, table }, stream))
}

/// A stream's table; one that is gone is named as the API names entities.
fn find<'a>(catalog: &'a Catalog, id: &TableId) -> Result<&'a Table, StreamError> {
    catalog.table(id).map_err(|_| StreamError::NotFound(table_path(id)))
}

impl WriteStreams {
    /// Creates a stream of a table.
    ///
    /// # Errors
    /// Unknown table, or a kind that cannot be created.
    pub fn create(
        &mut self,
        catalog: &Catalog,
        table: &TableId,
        kind: StreamKind,
        now: i64,
    ) -> Result<&WriteStream, StreamError> {
        if kind == StreamKind::Default {
            return Err(StreamError::Invalid("Invalid stream type: TYPE_UNSPECIFIED".to_owned()));
        }
        let found = find(catalog, table)?;
        if found.kind != TableKind::Table {
            let text = format!("Cannot write to a table of type {}.", found.kind.name());
            return Err(StreamError::Invalid(text));
        }
        let incarnation = found.incarnation;
        self.next += 1;
        let name = format!("{}/streams/s{:08x}", table_path(table), self.next);
        let stream = WriteStream {
            name: name.clone(),
            table: table.clone(),
            kind,
            created_at: now,
            // Rows of such a stream are committed as they come.
            committed_at: (kind == StreamKind::Committed).then_some(now),
            incarnation,
            finalized: false,
            rows: 0,
            hidden: Vec::new(),
            flushed: 0,
        };
        Ok(self.streams.entry(name).or_insert(stream))
    }

    /// A stream that was created.
    ///
    /// # Errors
    /// Not found.
    pub fn get(&self, name: &str) -> Result<&WriteStream, StreamError> {
        self.streams.get(name).ok_or_else(|| StreamError::NotFound(name.to_owned()))
    }

    /// Appends rows at an offset, or at the end without one. Answers the offset of the first row; the
    /// default stream has no offsets.
    ///
    /// # Errors
    /// As the offset rules say; then none of the rows is appended.
    pub fn append(
        &mut self,
        catalog: &mut Catalog,
        name: &str,
        offset: Option<u64>,
        batch: RecordBatch,
        now: i64,
    ) -> Result<Option<u64>, StreamError> {
        if let Some((table, Some("_default"))) = parse_path(name) {
            if offset.is_some() {
                let text = format!("Offset must not be set for the default stream. Entity: {name}");
                return Err(StreamError::Invalid(text));
            }
            catalog.append(&table, [batch], now)?;
            return Ok(None);
        }
        let stream =
            self.streams.get_mut(name).ok_or_else(|| StreamError::NotFound(name.to_owned()))?;
        if find(catalog, &stream.table)?.incarnation != stream.incarnation {
            return Err(StreamError::NotFound(name.to_owned()));
        }
        if stream.finalized {
            return Err(StreamError::Finalized(name.to_owned()));
        }
        let expected = stream.rows;
        match offset {
            Some(received) if received < expected => {
                return Err(StreamError::AlreadyExists {
                    name: name.to_owned(),
                    expected,
                    received,
                });
            }
            Some(received) if received > expected => {
                return Err(StreamError::OutOfRange { name: name.to_owned(), expected, received });
            }
            _ => {}
        }
        stream.rows += batch.num_rows() as u64;
        if stream.kind == StreamKind::Committed {
            catalog.append(&stream.table, [batch], now)?;
        } else {
            stream.hidden.push(batch);
        }
        Ok(Some(expected))
    }

    /// Makes a BUFFERED stream's rows visible up to and with the row at `offset`; rows that are visible
    /// already stay so, and the answer is the offset itself.
    ///
    /// # Errors
    /// Unknown stream, another kind, or an offset at which no row is.
    pub fn flush(
        &mut self,
        catalog: &mut Catalog,
        name: &str,
        offset: u64,
        now: i64,
    ) -> Result<u64, StreamError> {
        let stream =
            self.streams.get_mut(name).ok_or_else(|| StreamError::NotFound(name.to_owned()))?;
        if stream.kind != StreamKind::Buffered {
            let text = format!("Flush is only supported on BUFFERED streams. Entity: {name}");
            return Err(StreamError::Invalid(text));
        }
        if offset >= stream.rows {
            return Err(StreamError::BeyondEnd { name: name.to_owned(), offset });
        }
        if find(catalog, &stream.table)?.incarnation != stream.incarnation {
            return Err(StreamError::NotFound(name.to_owned()));
        }
        let mut wanted =
            usize::try_from((offset + 1).saturating_sub(stream.flushed)).unwrap_or(usize::MAX);
        stream.flushed = stream.flushed.max(offset + 1);
        let mut visible = Vec::new();
        let mut hidden = std::mem::take(&mut stream.hidden).into_iter();
        for batch in hidden.by_ref() {
            if wanted >= batch.num_rows() {
                wanted -= batch.num_rows();
                visible.push(batch);
                continue;
            }
            if wanted > 0 {
                visible.push(batch.slice(0, wanted));
            }
            stream.hidden.push(batch.slice(wanted, batch.num_rows() - wanted));
            break;
        }
        stream.hidden.extend(hidden);
        catalog.append(&stream.table, visible, now)?;
        Ok(offset)
    }

    /// Lets a stream take no more rows; answers how many it has. Again is without effect.
    ///
    /// # Errors
    /// Unknown stream.
    pub fn finalize(&mut self, name: &str) -> Result<u64, StreamError> {
        let stream =
            self.streams.get_mut(name).ok_or_else(|| StreamError::NotFound(name.to_owned()))?;
        stream.finalized = true;
        Ok(stream.rows)
    }

    /// Commits PENDING streams of one table together, or none of them.
    ///
    /// # Errors
    /// The table is unknown. Problems with streams are in the inner result, one for each stream that has
    /// one.
    pub fn commit(
        &mut self,
        catalog: &mut Catalog,
        table: &TableId,
        names: &[String],
        now: i64,
    ) -> Result<Result<(), Vec<(String, CommitProblem)>>, StreamError> {
        find(catalog, table)?;
        let problems: Vec<_> = names
            .iter()
            .filter_map(|name| {
                let problem = match self.streams.get(name) {
                    None => CommitProblem::NotFound,
                    Some(stream) if stream.table != *table => CommitProblem::NotFound,
                    Some(stream) if stream.kind != StreamKind::Pending => {
                        CommitProblem::InvalidType
                    }
                    Some(stream) if stream.committed_at.is_some() => {
                        CommitProblem::AlreadyCommitted
                    }
                    Some(stream) if !stream.finalized => CommitProblem::NotFinalized,
                    Some(_) => return None,
                };
                Some((name.clone(), problem))
            })
            .collect();
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let mut rows = Vec::new();
        for name in names {
            if let Some(stream) = self.streams.get_mut(name) {
                stream.committed_at = Some(now);
                rows.append(&mut stream.hidden);
            }
        }
        catalog.append(table, rows, now)?;
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests;

//! A table's rows as Arrow segments, now and in the past. Appending makes rows visible at once; small
//! neighbouring segments are merged, so that their number stays logarithmic in the number of appends.
//!
//! Appends leave a mark of two words (time, rows), so that the past of a table that only grows costs next to
//! nothing; replacing rows puts the old list of segments aside. Both are bounded, in number and in time.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::limits::{PAST_MARKS_MAX, PAST_REPLACEMENTS_MAX, SEGMENT_ROWS, TIME_TRAVEL_MICROS};
use crate::schema::TableSchema;

/// Segments that are merged into one, and the ratio between two orders of magnitude.
const MERGED: usize = 8;

/// Rows that became visible one after the other.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The rows.
    pub batch: RecordBatch,
    /// `_PARTITIONTIME` of all of them, of a table that is partitioned by ingestion time.
    pub partition_time: Option<i64>,
}

/// Rows as they were at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The columns at that moment.
    pub schema: Arc<TableSchema>,
    /// The segments; the last one may hold rows that came later.
    segments: Arc<[Segment]>,
    count: usize,
    generation: u64,
}

/// A table changed under a statement that rewrites it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Could not serialize access to table due to concurrent update")]
pub struct ReplaceError;

/// All rows of a table.
#[derive(Debug, Clone)]
pub struct Rows {
    now: Generation,
    past: VecDeque<Past>,
}

/// Rows between two replacements.
#[derive(Debug, Clone)]
struct Generation {
    number: u64,
    since: i64,
    segments: Vec<Segment>,
    count: usize,
    /// How many rows there were from a time on.
    marks: Vec<(i64, usize)>,
}

#[derive(Debug, Clone)]
struct Past {
    generation: Generation,
    schema: Arc<TableSchema>,
    until: i64,
}

impl Rows {
    pub(super) fn new(now: i64) -> Self {
        let now =
            Generation { number: 0, since: now, segments: Vec::new(), count: 0, marks: Vec::new() };
        Self { now, past: VecDeque::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.now.count
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.now.segments
    }

    pub(super) fn snapshot(&self, schema: &Arc<TableSchema>) -> Snapshot {
        self.now.snapshot(schema, self.now.count)
    }

    pub(super) fn snapshot_at(
        &self,
        schema: &Arc<TableSchema>,
        micros: i64,
    ) -> Result<Snapshot, i64> {
        if micros >= self.now.since {
            return Ok(self.now.snapshot(schema, self.now.count_at(micros)));
        }
        let past = self.past.iter().rev().find(|past| micros >= past.generation.since);
        match past {
            Some(past) => {
                let count = past.generation.count_at(micros);
                Ok(past.generation.snapshot(&past.schema, count))
            }
            None => Err(self.past.front().map_or(self.now.since, |past| past.generation.since)),
        }
    }

    pub(super) fn append(&mut self, arrow: &SchemaRef, segment: Segment, now: i64) {
        self.now.push(arrow, segment);
        self.now.mark(now);
    }

    pub(super) fn replace(
        &mut self,
        schema: &Arc<TableSchema>,
        seen: &Snapshot,
        segments: Vec<Segment>,
        now: i64,
    ) -> Result<(), ReplaceError> {
        if seen.generation != self.now.number {
            return Err(ReplaceError);
        }
        let later = self.snapshot(schema).range(seen.count, usize::MAX);
        let mut next = self.now.next(now);
        let arrow = schema.to_arrow();
        for segment in segments.into_iter().chain(later) {
            next.push(&arrow, segment);
        }
        next.mark(now);
        self.set_aside(next, schema, now);
        Ok(())
    }

    pub(super) fn set_schema(
        &mut self,
        before: &Arc<TableSchema>,
        now: i64,
        convert: impl Fn(&RecordBatch) -> RecordBatch,
    ) {
        let mut next = self.now.next(now);
        next.segments = self.now.segments.clone();
        for segment in &mut next.segments {
            segment.batch = convert(&segment.batch);
        }
        next.count = self.now.count;
        next.mark(now);
        self.set_aside(next, before, now);
    }

    fn set_aside(&mut self, next: Generation, schema: &Arc<TableSchema>, now: i64) {
        let generation = std::mem::replace(&mut self.now, next);
        self.past.push_back(Past { generation, schema: Arc::clone(schema), until: now });
        let oldest = now.saturating_sub(TIME_TRAVEL_MICROS);
        while self.past.len() > PAST_REPLACEMENTS_MAX
            || self.past.front().is_some_and(|past| past.until < oldest)
        {
            self.past.pop_front();
        }
    }
}

impl Generation {
    fn next(&self, now: i64) -> Self {
        // Two replacements within a microsecond still differ.
        let since = now.max(self.since.saturating_add(1));
        Self { number: self.number + 1, since, segments: Vec::new(), count: 0, marks: Vec::new() }
    }

    fn push(&mut self, arrow: &SchemaRef, segment: Segment) {
        if segment.batch.num_rows() == 0 {
            return;
        }
        self.count += segment.batch.num_rows();
        self.segments.push(segment);
        // Eight neighbours of one order of magnitude become one of the next: every row is copied at most
        // a logarithmic number of times, and there are at most seven segments of every order.
        while let Some(from) = self.mergeable() {
            let batches = self.segments[from..].iter().map(|segment| &segment.batch);
            let Ok(batch) = concat_batches(arrow, batches) else { break };
            let partition_time = self.segments[from].partition_time;
            self.segments.truncate(from);
            self.segments.push(Segment { batch, partition_time });
        }
    }

    /// Where the segments begin that are to be merged: those at the end that are of no higher order than
    /// the last one, once there are eight of them.
    fn mergeable(&self) -> Option<usize> {
        let order = |segment: &Segment| segment.batch.num_rows().max(1).ilog(MERGED);
        let last = self.segments.last()?;
        let mut rows = 0;
        let run = self.segments.iter().rev().take_while(|segment| {
            rows += segment.batch.num_rows();
            let is_near = segment.partition_time == last.partition_time;
            rows <= SEGMENT_ROWS && is_near && order(segment) <= order(last)
        });
        let run = run.count();
        (run >= MERGED).then(|| self.segments.len() - run)
    }

    fn mark(&mut self, now: i64) {
        match self.marks.last_mut() {
            // The clock may step back; a mark never does.
            Some((at, count)) if *at >= now => *count = self.count,
            _ => self.marks.push((now, self.count)),
        }
        if self.marks.len() > PAST_MARKS_MAX {
            // The past gets coarser: every second mark of its older half goes.
            let half = self.marks.len() / 2;
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index > half || index % 2 == 0
            });
        }
    }

    fn count_at(&self, micros: i64) -> usize {
        let after = self.marks.partition_point(|(at, _)| *at <= micros);
        after.checked_sub(1).map_or(0, |last| self.marks[last].1)
    }

    fn snapshot(&self, schema: &Arc<TableSchema>, count: usize) -> Snapshot {
        let segments = self.segments.iter().cloned().collect();
        Snapshot { schema: Arc::clone(schema), segments, count, generation: self.number }
    }
}

impl Snapshot {
    /// How many rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.count
    }

    /// All rows.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        self.range(0, self.count)
    }

    /// Up to `count` rows from a position on.
    #[must_use]
    pub fn range(&self, from: usize, count: usize) -> Vec<Segment> {
        let end = from.saturating_add(count).min(self.count);
        let (mut skip, mut left) = (from, end.saturating_sub(from));
        let mut slices = Vec::new();
        for segment in &*self.segments {
            if left == 0 {
                break;
            }
            let rows = segment.batch.num_rows();
            if skip >= rows {
                skip -= rows;
                continue;
            }
            let length = left.min(rows - skip);
            let batch = segment.batch.slice(skip, length);
            slices.push(Segment { batch, partition_time: segment.partition_time });
            left -= length;
            skip = 0;
        }
        slices
    }

    /// The same without the partition times.
    #[must_use]
    pub fn slice(&self, from: usize, count: usize) -> Vec<RecordBatch> {
        self.range(from, count).into_iter().map(|segment| segment.batch).collect()
    }
}

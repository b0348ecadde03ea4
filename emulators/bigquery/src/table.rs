//! A table: its resource, and its rows as Arrow segments. Appending makes rows visible at once; small
//! neighbouring segments are merged, so that their number stays logarithmic in the number of appends.
//! Invariant: rows keep the order in which they became visible.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use serde_json::Value;

use crate::limits::SEGMENT_ROWS;
use crate::schema::TableSchema;

/// A table's full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// The table.
    pub table: String,
}

impl std::fmt::Display for TableId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}.{}", self.project, self.dataset, self.table)
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub id: TableId,
    /// Its columns.
    pub schema: Arc<TableSchema>,
    /// The same as Arrow has them.
    pub arrow: SchemaRef,
    /// `timePartitioning`, `clustering`, labels and the like, as they were given.
    pub settings: serde_json::Map<String, Value>,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
    /// Which creation this is: a table that was dropped and made again has another.
    pub incarnation: u64,
    segments: Vec<RecordBatch>,
    rows: usize,
}

impl Table {
    pub(crate) fn new(
        id: TableId,
        schema: TableSchema,
        settings: serde_json::Map<String, Value>,
        incarnation: u64,
        now: i64,
    ) -> Self {
        let arrow = schema.to_arrow();
        Self {
            id,
            schema: Arc::new(schema),
            arrow,
            settings,
            created_at: now,
            modified_at: now,
            incarnation,
            segments: Vec::new(),
            rows: 0,
        }
    }

    /// How many rows are visible.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// The visible rows.
    #[must_use]
    pub fn segments(&self) -> &[RecordBatch] {
        &self.segments
    }

    /// Bytes that the rows take in memory.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.segments.iter().map(RecordBatch::get_array_memory_size).sum()
    }

    /// Makes rows visible.
    pub(crate) fn append(&mut self, batch: RecordBatch, now: i64) {
        self.rows += batch.num_rows();
        self.modified_at = now;
        self.segments.push(batch);
        // A segment is merged into its left neighbour while that one is not twice as large: every row is
        // copied at most a logarithmic number of times.
        while let [.., left, right] = &self.segments[..] {
            let merged_rows = left.num_rows() + right.num_rows();
            if merged_rows > SEGMENT_ROWS || left.num_rows() > 2 * right.num_rows() {
                break;
            }
            let Ok(merged) = concat_batches(&self.arrow, [left, right]) else { break };
            self.segments.truncate(self.segments.len() - 2);
            self.segments.push(merged);
        }
    }

    /// Up to `count` rows from a position on, as slices of the segments.
    #[must_use]
    pub fn slice(&self, from: usize, count: usize) -> Vec<RecordBatch> {
        let (mut skip, mut left) = (from, count);
        let mut slices = Vec::new();
        for segment in &self.segments {
            if left == 0 {
                break;
            }
            if skip >= segment.num_rows() {
                skip -= segment.num_rows();
                continue;
            }
            let length = left.min(segment.num_rows() - skip);
            slices.push(segment.slice(skip, length));
            left -= length;
            skip = 0;
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;
    use serde_json::json;

    fn table() -> Table {
        let schema = json!({ "fields": [{ "name": "n", "type": "INTEGER" }] });
        let id = TableId { project: "p".into(), dataset: "d".into(), table: "t".into() };
        let schema = TableSchema::from_json(&schema).unwrap();
        Table::new(id, schema, serde_json::Map::new(), 1, 0)
    }

    proptest! {
        /// Goal: merging loses and reorders nothing, and segments stay few. Method: appends of random
        /// sizes; every slice is compared with the sequence of numbers that went in.
        #[test]
        fn slices_are_those_of_the_sequence(
            sizes in proptest::collection::vec(0_i64..30, 0..60),
            from in 0_usize..900, count in 0_usize..900
        ) {
            let mut table = table();
            let mut next = 0;
            for size in &sizes {
                let numbers = Int64Array::from_iter_values(next..next + size);
                next += size;
                let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(numbers)];
                let batch = RecordBatch::try_new(Arc::clone(&table.arrow), columns).unwrap();
                table.append(batch, 0);
            }
            prop_assert!(table.segments().len() <= 12, "{} segments", table.segments().len());
            let slice: Vec<i64> = table
                .slice(from, count)
                .iter()
                .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
                .collect();
            let expected: Vec<i64> = (0..next).skip(from).take(count).collect();
            prop_assert_eq!(slice, expected);
        }
    }
}

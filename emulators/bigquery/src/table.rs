//! A table: its resource, its columns and its rows. Also views, whose rows are a query's, snapshots, which
//! do not change, and clones. Invariant: rows keep the order in which they became visible.

mod adapt;
mod decorator;
mod partition;
mod rows;
mod size;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::{Map, Value};

pub(crate) use adapt::{adapt, missing_column};
pub use decorator::Decorator;
pub use partition::{Granularity, PartitionKey, Partitioning};
pub use rows::{ReplaceError, Rows, Segment, Snapshot};
pub(crate) use size::logical_bytes;

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

impl TableId {
    /// A table's full name.
    #[must_use]
    pub fn new(project: &str, dataset: &str, table: &str) -> Self {
        Self { project: project.to_owned(), dataset: dataset.to_owned(), table: table.to_owned() }
    }
}

impl std::fmt::Display for TableId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}.{}", self.project, self.dataset, self.table)
    }
}

/// What kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// It holds rows.
    Table,
    /// Its rows are those of `view.query`.
    View,
    /// Its rows are those of `materializedView.query`.
    MaterializedView,
    /// Another table's rows as they were; it does not change.
    Snapshot,
}

impl TableKind {
    /// The name in REST's JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED_VIEW",
            Self::Snapshot => "SNAPSHOT",
        }
    }
}

/// Who may see which rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAccessPolicy {
    /// A condition in SQL.
    pub filter: String,
    /// `user:`, `group:`, `domain:`, `serviceAccount:`, `allUsers`, `allAuthenticatedUsers`.
    pub grantees: Vec<String>,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub id: TableId,
    /// What it is.
    pub kind: TableKind,
    /// Its columns.
    pub schema: Arc<TableSchema>,
    /// The same as Arrow has them.
    pub arrow: SchemaRef,
    /// How its rows are divided.
    pub partitioning: Partitioning,
    /// `timePartitioning`, `view`, labels and the like, as they were given.
    pub settings: Map<String, Value>,
    /// Its row access policies by name.
    pub policies: BTreeMap<String, RowAccessPolicy>,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
    /// Which creation this is: a table that was dropped and made again has another.
    pub incarnation: u64,
    /// Grows with every change of the table, of its rows too.
    pub version: u64,
    rows: Rows,
}

impl Table {
    pub(crate) fn new(
        id: TableId,
        kind: TableKind,
        schema: TableSchema,
        settings: Map<String, Value>,
        now: i64,
    ) -> Result<Self, String> {
        let partitioning = Partitioning::of(&settings, &schema)?;
        let arrow = schema.to_arrow();
        Ok(Self {
            id,
            kind,
            schema: Arc::new(schema),
            arrow,
            partitioning,
            settings,
            policies: BTreeMap::new(),
            created_at: now,
            modified_at: now,
            incarnation: 0,
            version: 0,
            rows: Rows::new(now),
        })
    }

    /// The query of a view or of a materialized view.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let definition = match self.kind {
            TableKind::View => "view",
            TableKind::MaterializedView => "materializedView",
            TableKind::Table | TableKind::Snapshot => return None,
        };
        self.settings.get(definition)?.get("query")?.as_str()
    }

    /// How many rows are visible.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.count()
    }

    /// The visible rows.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        self.rows.segments()
    }

    /// The rows as they are now, cheaply.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.rows.snapshot(&self.schema)
    }

    /// The rows as they were at a time (`FOR SYSTEM_TIME AS OF`).
    ///
    /// # Errors
    /// The time is before the first that is kept; the error is that time.
    pub fn snapshot_at(&self, micros: i64) -> Result<Snapshot, i64> {
        self.rows.snapshot_at(&self.schema, micros)
    }

    /// Bytes of the rows as the service counts them.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.segments().iter().map(|segment| logical_bytes(&self.schema, &segment.batch)).sum()
    }

    /// Makes rows visible, in a partition where the table is partitioned by ingestion time.
    pub(crate) fn append(&mut self, batch: RecordBatch, partition: Option<i64>, now: i64) {
        let batch = adapt(&batch, &self.arrow);
        let partition_time = self.partitioning.partition_time(partition, now);
        self.rows.append(&self.arrow, Segment { batch, partition_time }, now);
        self.touch(now);
    }

    /// Replaces the rows that a snapshot saw; rows that came after it stay.
    ///
    /// # Errors
    /// Rows that the snapshot saw were replaced since.
    pub(crate) fn replace(
        &mut self,
        seen: &Snapshot,
        segments: Vec<Segment>,
        now: i64,
    ) -> Result<(), ReplaceError> {
        let adapted = segments.into_iter().map(|segment| {
            let batch = adapt(&segment.batch, &self.arrow);
            let partition_time = self.partitioning.partition_time(segment.partition_time, now);
            Segment { batch, partition_time }
        });
        self.rows.replace(&self.schema, seen, adapted.collect(), now)?;
        self.touch(now);
        Ok(())
    }

    /// Gives the table other columns: rows keep the values of columns that stay, by name.
    pub(crate) fn set_schema(&mut self, schema: TableSchema, now: i64) -> Result<(), String> {
        self.partitioning = Partitioning::of(&self.settings, &schema)?;
        let arrow = schema.to_arrow();
        if arrow != self.arrow {
            self.rows.set_schema(&self.schema, now, |batch| adapt(batch, &arrow));
        }
        self.schema = Arc::new(schema);
        self.arrow = arrow;
        self.touch(now);
        Ok(())
    }

    /// Gives a column another name; its values stay.
    ///
    /// # Errors
    /// There is no such column.
    pub(crate) fn rename_column(&mut self, from: &str, to: &str, now: i64) -> Result<(), String> {
        let mut schema = TableSchema::clone(&self.schema);
        let index = schema.index_of(from).ok_or_else(|| format!("Column not found: {from}"))?;
        to.clone_into(&mut schema.fields[index].name);
        let arrow = schema.to_arrow();
        self.rows.set_schema(&self.schema, now, |batch| {
            RecordBatch::try_new(Arc::clone(&arrow), batch.columns().to_vec())
                .expect("only a name differs")
        });
        for key in ["timePartitioning", "rangePartitioning"] {
            if let Some(partitioning) = self.settings.get_mut(key)
                && partitioning["field"]
                    .as_str()
                    .is_some_and(|field| field.eq_ignore_ascii_case(from))
            {
                partitioning["field"] = Value::String(to.to_owned());
            }
        }
        self.schema = Arc::new(schema);
        self.arrow = arrow;
        self.touch(now);
        Ok(())
    }

    /// Counts a change of the resource.
    pub(crate) fn touch(&mut self, now: i64) {
        self.modified_at = self.modified_at.max(now);
        self.version += 1;
    }

    /// Changes when the resource changes.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("{:x}.{:x}", self.incarnation, self.version)
    }

    /// Up to `count` rows from a position on, as slices of the segments.
    #[must_use]
    pub fn slice(&self, from: usize, count: usize) -> Vec<RecordBatch> {
        self.snapshot().slice(from, count)
    }

    /// The partitions that hold rows, with their rows and bytes, in order.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<PartitionKey, (usize, u64)> {
        let mut out: BTreeMap<PartitionKey, (usize, u64)> = BTreeMap::new();
        for segment in self.segments() {
            for (key, batch) in self.partitioning.split(segment) {
                let (rows, bytes) = out.entry(key).or_default();
                *rows += batch.num_rows();
                *bytes += logical_bytes(&self.schema, &batch);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;

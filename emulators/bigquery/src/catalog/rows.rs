//! Rows that come into tables: appended by streams and statements, or written by a job with its
//! dispositions, all at once or not at all.

use arrow::array::RecordBatch;
use serde_json::{Map, Value};

use super::{Catalog, CatalogError};
use crate::schema::{SchemaUpdate, TableSchema, Updates};
use crate::table::{Decorator, PartitionKey, Partitioning, Segment, Snapshot, TableId, TableKind};

/// How a job writes its rows.
#[derive(Debug, Clone, Default)]
pub struct Disposition {
    /// `createDisposition` is not `CREATE_NEVER`.
    pub may_create: bool,
    /// `writeDisposition`.
    pub write: Write,
    /// `schemaUpdateOptions`.
    pub updates: Updates,
    /// `timePartitioning`, `clustering` and the like for a table that is made.
    pub settings: Map<String, Value>,
    /// Rows that have fewer columns than the table do not take the columns away (loads with a schema of
    /// their own replace it, queries too).
    pub keep_schema: bool,
}

/// `writeDisposition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Write {
    /// `WRITE_EMPTY`: only into a table without rows.
    Empty,
    /// `WRITE_APPEND`.
    #[default]
    Append,
    /// `WRITE_TRUNCATE`: instead of the rows that there are.
    Truncate,
}

impl Catalog {
    /// Makes rows visible, all at once.
    ///
    /// # Errors
    /// Unknown table.
    pub fn append(
        &mut self,
        id: &TableId,
        batches: impl IntoIterator<Item = RecordBatch>,
        now: i64,
    ) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        if table.kind != TableKind::Table {
            let text = format!("Cannot add rows to a table of type {}.", table.kind.name());
            return Err(CatalogError::Invalid(text));
        }
        batches.into_iter().for_each(|batch| table.append(batch, None, now));
        Ok(())
    }

    /// Appends segments as they are, each into its partition.
    ///
    /// # Errors
    /// Unknown table.
    pub(crate) fn append_segments(
        &mut self,
        id: &TableId,
        segments: Vec<Segment>,
        now: i64,
    ) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        for Segment { batch, partition_time } in segments {
            table.append(batch, partition_time, now);
        }
        Ok(())
    }

    /// Replaces the rows that a statement saw; rows that came later stay.
    ///
    /// # Errors
    /// Unknown table, or its rows were replaced since.
    pub fn rewrite(
        &mut self,
        id: &TableId,
        seen: &Snapshot,
        segments: Vec<Segment>,
        now: i64,
    ) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        table.replace(seen, segments, now).map_err(|_| {
            let text = format!("Could not serialize access to table {id} due to concurrent update");
            CatalogError::Invalid(text)
        })
    }

    /// Checks before a job runs that it may write where it wants to.
    ///
    /// # Errors
    /// As [`Catalog::write`], as far as rows do not matter.
    pub fn check_destination(
        &self,
        id: &TableId,
        decorator: &Decorator,
        disposition: &Disposition,
    ) -> Result<(), CatalogError> {
        match self.table(id) {
            Err(error @ CatalogError::TableNotFound(_)) if !disposition.may_create => Err(error),
            Err(CatalogError::TableNotFound(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(table) if table.kind != TableKind::Table => Err(CatalogError::Invalid(format!(
                "{id} is not allowed for this operation because it is currently a {}.",
                table.kind.name()
            ))),
            Ok(table) => {
                if disposition.write == Write::Empty && table.row_count() > 0 {
                    return Err(CatalogError::AlreadyExists(format!("Table {id}")));
                }
                decorator.key(table).map(drop).map_err(CatalogError::Invalid)
            }
        }
    }

    /// Writes a job's rows, with its table's columns where it makes one.
    ///
    /// # Errors
    /// The destination does not exist and may not be made, is not empty and must be, or has other columns.
    pub fn write(
        &mut self,
        id: &TableId,
        decorator: &Decorator,
        disposition: &Disposition,
        schema: &TableSchema,
        batches: Vec<RecordBatch>,
        now: i64,
    ) -> Result<(), CatalogError> {
        self.check_destination(id, decorator, disposition)?;
        if self.table(id).is_err() {
            self.create_table(id.clone(), schema.clone(), disposition.settings.clone(), now)?;
        }
        let table = self.table(id)?;
        let partition = decorator.key(table).map_err(CatalogError::Invalid)?;
        let truncates_all = disposition.write == Write::Truncate && partition.is_none();
        let changed = if truncates_all && !disposition.keep_schema {
            (*table.schema != *schema).then(|| schema.clone())
        } else {
            match table.schema.after_append(schema, disposition.updates) {
                Ok(SchemaUpdate::Unchanged) => None,
                Ok(SchemaUpdate::Changed(schema)) => Some(schema),
                Err(text) => return Err(CatalogError::Invalid(text)),
            }
        };
        if let Some(schema) = &changed {
            Partitioning::of(&table.settings, schema).map_err(CatalogError::Invalid)?;
        }
        let table = self.table_mut(id)?;
        if truncates_all {
            let seen = table.snapshot();
            let _nothing_came_between = table.replace(&seen, Vec::new(), now);
        }
        if let Some(schema) = changed {
            table.set_schema(schema, now).map_err(CatalogError::Invalid)?;
        }
        let partition_time = match partition {
            Some(PartitionKey::Time(micros)) => Some(micros),
            _ => None,
        };
        if let Some(key) = partition {
            let strangers = batches.iter().any(|batch| {
                let batch = crate::table::adapt(batch, &table.arrow);
                let segment = Segment { batch, partition_time };
                (0..segment.batch.num_rows())
                    .any(|row| table.partitioning.key(&segment, row) != key)
            });
            if strangers {
                return Err(CatalogError::Invalid(format!(
                    "Some rows belong to different partitions rather than destination partition {}",
                    table.partitioning.id(key)
                )));
            }
            if disposition.write == Write::Truncate {
                let seen = table.snapshot();
                let others = table.partitioning.filter(&seen.segments(), key, false);
                let _nothing_came_between = table.replace(&seen, others, now);
            }
        }
        batches.into_iter().for_each(|batch| table.append(batch, partition_time, now));
        Ok(())
    }

    /// The rows of a table that a job or a list reads: those of its partition and time, where one is named.
    ///
    /// # Errors
    /// Unknown table, or no such partition or time.
    pub fn read(
        &self,
        id: &TableId,
        decorator: &Decorator,
        now: i64,
    ) -> Result<(TableSchema, Vec<Segment>), CatalogError> {
        let table = self.table(id)?;
        if matches!(table.kind, TableKind::View) {
            let text = format!("Cannot list a table of type {}.", table.kind.name());
            return Err(CatalogError::Invalid(text));
        }
        let snapshot = match decorator.at(now) {
            None => table.snapshot(),
            Some(at) => table.snapshot_at(at).map_err(|first| too_early(id, at, first))?,
        };
        let mut segments = snapshot.segments();
        if let Some(key) = decorator.key(table).map_err(CatalogError::Invalid)? {
            segments = table.partitioning.filter(&segments, key, true);
        }
        Ok((TableSchema::clone(&snapshot.schema), segments))
    }
}

/// A time before a table's rows are known.
pub(crate) fn too_early(id: &TableId, at: i64, first: i64) -> CatalogError {
    let (at, first) = (at.div_euclid(1_000), first.div_euclid(1_000));
    CatalogError::Invalid(format!(
        "Invalid snapshot time {at} for table {id}@{at}. Cannot read before {first}."
    ))
}

//! Rows that DML appends, replaces and removes; transactions.

use std::collections::HashMap;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use windtunnel_sql::{Reason, Result, RowChange, SqlError, TableName, Value};

use super::{SqlDatabase, id_of, sql_error};
use crate::rows::values::batch_of_rows;
use crate::table::{Segment, Snapshot, TableId, TableKind};

impl SqlDatabase<'_> {
    pub(super) fn insert_rows(&mut self, table: &TableName, rows: Vec<Vec<Value>>) -> Result<()> {
        let id = id_of(table);
        self.check_writable(&id)?;
        if rows.is_empty() {
            return Ok(());
        }
        self.before_change(&id);
        let mut state = self.shared.state();
        let schema = std::sync::Arc::clone(&state.catalog.table(&id).map_err(sql_error)?.schema);
        let batch = batch_of_rows(&schema, &rows)
            .map_err(|error| SqlError::evaluation(error.to_string()))?;
        state.catalog.append(&id, [batch], self.now).map_err(sql_error)
    }

    /// Writes changes over the snapshot that they were computed from.
    pub(super) fn rewrite_rows(
        &mut self,
        table: &TableName,
        changes: Vec<(u64, RowChange)>,
        appended: Vec<Vec<Value>>,
    ) -> Result<()> {
        if changes.is_empty() {
            return self.insert_rows(table, appended);
        }
        let id = id_of(table);
        self.check_writable(&id)?;
        let Some(seen) = self.seen.borrow_mut().remove(&id) else {
            return Err(SqlError::evaluation(format!("Table {id} was changed but not read")));
        };
        let changes: HashMap<u64, RowChange> = changes.into_iter().collect();
        let mut segments = changed(&seen, changes)?;
        if !appended.is_empty() {
            let batch = batch_of_rows(&seen.schema, &appended)
                .map_err(|error| SqlError::evaluation(error.to_string()))?;
            segments.push(Segment { batch, partition_time: None });
        }
        self.before_change(&id);
        let mut state = self.shared.state();
        state.catalog.rewrite(&id, &seen, segments, self.now).map_err(sql_error)
    }

    pub(super) fn truncate_table(&mut self, table: &TableName) -> Result<u64> {
        let id = id_of(table);
        self.check_writable(&id)?;
        self.before_change(&id);
        let mut state = self.shared.state();
        let seen = state.catalog.table(&id).map_err(sql_error)?.snapshot();
        state.catalog.rewrite(&id, &seen, Vec::new(), self.now).map_err(sql_error)?;
        Ok(seen.row_count() as u64)
    }

    fn check_writable(&self, id: &TableId) -> Result<()> {
        let state = self.shared.state();
        let table = state.catalog.table(id).map_err(sql_error)?;
        match table.kind {
            TableKind::Table => Ok(()),
            kind => {
                let text = format!(
                    "{id} is not allowed for this operation because it is currently a {}.",
                    kind.name()
                );
                Err(SqlError::new(Reason::Invalid, text))
            }
        }
    }
}

/// The snapshot's rows with the changes: untouched segments stay as they are.
fn changed(seen: &Snapshot, mut changes: HashMap<u64, RowChange>) -> Result<Vec<Segment>> {
    let mut out = Vec::new();
    let mut first = 0_u64;
    for segment in seen.segments() {
        let rows = segment.batch.num_rows() as u64;
        let own: Vec<(u64, RowChange)> = match (rows as usize) < changes.len() {
            true => (first..first + rows).filter_map(|row| changes.remove_entry(&row)).collect(),
            false => {
                let mine: Vec<u64> = changes
                    .keys()
                    .copied()
                    .filter(|row| (first..first + rows).contains(row))
                    .collect();
                mine.into_iter().filter_map(|row| changes.remove_entry(&row)).collect()
            }
        };
        if own.is_empty() {
            out.push(segment);
        } else {
            out.extend(changed_segment(seen, &segment, first, own)?);
        }
        first += rows;
    }
    Ok(out)
}

/// The rows that stay, then the rows that replace others, in the order of those.
fn changed_segment(
    seen: &Snapshot,
    segment: &Segment,
    first: u64,
    mut own: Vec<(u64, RowChange)>,
) -> Result<Vec<Segment>> {
    own.sort_by_key(|(row, _)| *row);
    let mut stays = vec![true; segment.batch.num_rows()];
    let mut replaced: Vec<Vec<Value>> = Vec::new();
    for (row, change) in own {
        stays[(row - first) as usize] = false;
        if let RowChange::Replace(values) = change {
            replaced.push(values);
        }
    }
    let mask = BooleanArray::from(stays);
    let wrong = |error: String| SqlError::evaluation(error);
    let kept =
        filter_record_batch(&segment.batch, &mask).map_err(|error| wrong(error.to_string()))?;
    let mut batches: Vec<RecordBatch> = vec![kept];
    if !replaced.is_empty() {
        batches.push(
            batch_of_rows(&seen.schema, &replaced).map_err(|error| wrong(error.to_string()))?,
        );
    }
    let segments = batches.into_iter().filter(|batch| batch.num_rows() > 0);
    Ok(segments.map(|batch| Segment { batch, partition_time: segment.partition_time }).collect())
}

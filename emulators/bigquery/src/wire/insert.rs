//! `tabledata.insertAll`: rows as JSON, visible at once, deduplicated by `insertId` exactly for a minute.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, LazyLock};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use serde_json::{Map, Value, json};

use super::error::RestError;
use super::{Shared, State};
use crate::catalog::Disposition;
use crate::clock::now_micros;
use crate::defaults::{Defaults, has_defaults, lenient};
use crate::limits::INSERT_ID_MICROS;
use crate::rows::from_json::row_cells;
use crate::rows::{BatchBuilder, Cell, CellError};
use crate::schema::{Field, Mode, TableSchema};
use crate::table::{Decorator, TableId, TableKind};

/// The ids of one table, in the order in which they are forgotten.
#[derive(Debug, Default)]
pub(crate) struct InsertIds {
    /// Which table of this name they are of: one that is made anew knows none.
    incarnation: u64,
    until: VecDeque<(i64, String)>,
    known: HashMap<String, i64>,
}

impl InsertIds {
    /// Forgets the ids whose time is over.
    fn forget(&mut self, now: i64) {
        while let Some((until, id)) = self.until.front() {
            if *until > now {
                break;
            }
            if self.known.get(id) == Some(until) {
                self.known.remove(id);
            }
            self.until.pop_front();
        }
    }

    /// Remembers an id.
    fn remember(&mut self, id: &str, now: i64) {
        let until = now + INSERT_ID_MICROS;
        self.known.insert(id.to_owned(), until);
        self.until.push_back((until, id.to_owned()));
    }
}

pub(super) fn insert_all(
    shared: &Shared,
    id: &TableId,
    decorator: &Decorator,
    body: &Value,
) -> Result<Value, RestError> {
    let suffix = body.get("templateSuffix").and_then(Value::as_str).unwrap_or_default();
    let id = &from_template(shared, id, suffix)?;
    let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
    let (skip_invalid, ignore_unknown) = (flag("skipInvalidRows"), flag("ignoreUnknownValues"));
    let rows = match body.get("rows") {
        Some(Value::Array(rows)) if !rows.is_empty() => rows,
        _ => return Err(RestError::invalid("No rows present in the request.")),
    };
    // Rows are read without the lock; columns that change meanwhile are matched by name.
    let schema = {
        let state = shared.state();
        let table = state.catalog.table(id)?;
        if table.kind != TableKind::Table {
            let text = format!("Cannot add rows to a table of type {}.", table.kind.name());
            return Err(RestError::invalid(text));
        }
        Arc::clone(&table.schema)
    };
    let now = now_micros();
    let read_as = if has_defaults(&schema) { &lenient(&schema) } else { &*schema };
    let parsed: Vec<Result<Vec<Cell<'_>>, CellError>> =
        rows.iter().map(|row| parse_row(row, &schema, read_as, ignore_unknown)).collect();
    let errors = errors_of(&parsed, skip_invalid);
    let mut answer = json!({ "kind": "bigquery#tableDataInsertAllResponse" });
    if !errors.is_empty() {
        answer["insertErrors"] = Value::Array(errors);
        if !skip_invalid {
            return Ok(answer);
        }
    }
    let valid =
        rows.iter().zip(&parsed).filter_map(|(row, cells)| Some((row, cells.as_ref().ok()?)));
    let (rows, cells): (Vec<&Value>, Vec<&Vec<Cell<'_>>>) = valid.unzip();
    let mut batch = BatchBuilder::new(read_as);
    cells.into_iter().for_each(|cells| batch.push(cells));
    let mut batch = batch.finish().map_err(|error| RestError::invalid(error.to_string()))?;
    if has_defaults(&schema) {
        let defaults = Defaults { shared, project: &id.project, now };
        let is_missing = |field: &Field, row: usize| !names(rows[row], &field.name);
        batch = defaults.fill(&batch, &schema, is_missing)?;
    }
    write(shared, (id, decorator), &schema, (&rows, &batch), now)?;
    Ok(answer)
}

/// The table that a template and a suffix name; it is made where there is none.
fn from_template(shared: &Shared, id: &TableId, suffix: &str) -> Result<TableId, RestError> {
    if suffix.is_empty() {
        return Ok(id.clone());
    }
    let made = TableId { table: format!("{}{suffix}", id.table), ..id.clone() };
    let mut state = shared.state();
    if state.catalog.table(&made).is_err() {
        let template = state.catalog.table(id)?;
        let (schema, settings) = (TableSchema::clone(&template.schema), template.settings.clone());
        state.catalog.create_table(made.clone(), schema, settings, now_micros())?;
    }
    Ok(made)
}

fn fields_of(row: &Value) -> Option<&Map<String, Value>> {
    row.get("json").and_then(Value::as_object)
}

/// Whether a row names a column, be it with null.
fn names(row: &Value, column: &str) -> bool {
    fields_of(row).is_some_and(|fields| fields.keys().any(|key| key.eq_ignore_ascii_case(column)))
}

fn parse_row<'a>(
    row: &'a Value,
    schema: &TableSchema,
    read_as: &TableSchema,
    ignore_unknown: bool,
) -> Result<Vec<Cell<'a>>, CellError> {
    static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    let cells = row_cells(&read_as.fields, fields_of(row).unwrap_or(&EMPTY), ignore_unknown)?;
    let nulls = schema.fields.iter().zip(&cells).find(|(field, cell)| {
        // A default stands in for a column that is left out, not for one that is null.
        field.mode == Mode::Required && **cell == Cell::Null && names(row, &field.name)
    });
    match nulls {
        Some((field, _)) => Err(CellError::MissingRequired(field.name.clone())),
        None => Ok(cells),
    }
}

/// Makes rows visible but those whose ids are known; what is written is remembered.
fn write(
    shared: &Shared,
    (id, decorator): (&TableId, &Decorator),
    schema: &TableSchema,
    (rows, batch): (&[&Value], &RecordBatch),
    now: i64,
) -> Result<(), RestError> {
    let mut state = shared.state();
    let State { catalog, insert_ids, .. } = &mut *state;
    let incarnation = catalog.table(id)?.incarnation;
    let ids = insert_ids.entry(id.clone()).or_default();
    if ids.incarnation != incarnation {
        *ids = InsertIds { incarnation, ..InsertIds::default() };
    }
    ids.forget(now);
    let mut new_ids: HashSet<&str> = HashSet::new();
    let mask = rows.iter().map(|row| {
        let insert_id = row.get("insertId").and_then(Value::as_str);
        insert_id.is_none_or(|id| !ids.known.contains_key(id) && new_ids.insert(id))
    });
    let mask: Vec<bool> = mask.collect();
    let batch = if mask.contains(&false) {
        filter_record_batch(batch, &BooleanArray::from(mask))
            .map_err(|error| RestError::invalid(error.to_string()))?
    } else {
        batch.clone()
    };
    if batch.num_rows() > 0 {
        let append = Disposition::default();
        catalog.write(id, decorator, &append, schema, vec![batch], now)?;
        // Rows that were refused may come again.
        new_ids.into_iter().for_each(|new_id| ids.remember(new_id, now));
    }
    Ok(())
}

/// What is wrong with the rows; one wrong row stops all others unless the client says otherwise.
fn errors_of(parsed: &[Result<Vec<Cell<'_>>, CellError>], skip_invalid: bool) -> Vec<Value> {
    let any_wrong = parsed.iter().any(Result::is_err);
    let errors = parsed.iter().enumerate().filter_map(|(index, row)| match row {
        Err(error) => Some(row_error(index, "invalid", error)),
        Ok(_) if any_wrong && !skip_invalid => {
            let stopped =
                json!({ "reason": "stopped", "location": "", "debugInfo": "", "message": "" });
            Some(json!({ "index": index, "errors": [stopped] }))
        }
        Ok(_) => None,
    });
    errors.collect()
}

fn row_error(index: usize, reason: &str, error: &CellError) -> Value {
    let location = match error {
        CellError::UnknownField(name) | CellError::MissingRequired(name) => name.as_str(),
        CellError::BadValue { field, .. } => field.as_str(),
        CellError::Invalid(_) => "",
    };
    let detail = json!({
        "reason": reason, "location": location, "debugInfo": "", "message": error.to_string(),
    });
    json!({ "index": index, "errors": [detail] })
}

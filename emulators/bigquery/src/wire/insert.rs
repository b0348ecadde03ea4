//! `tabledata.insertAll`: rows as JSON, visible at once, deduplicated by `insertId` exactly for a minute.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::RestError;
use super::{Shared, State};
use crate::catalog::Disposition;
use crate::clock::now_micros;
use crate::limits::INSERT_ID_MICROS;
use crate::rows::from_json::row_cells;
use crate::rows::{BatchBuilder, Cell, CellError};
use crate::table::{Decorator, TableId, TableKind};

/// The ids of one table, in the order in which they are forgotten.
#[derive(Debug, Default)]
pub(crate) struct InsertIds {
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
    if body.get("templateSuffix").is_some_and(|suffix| !suffix.is_null()) {
        return Err(RestError::unimplemented("insertAll templateSuffix"));
    }
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
    let empty = Map::new();
    let parsed: Vec<Result<Vec<Cell<'_>>, CellError>> = rows
        .iter()
        .map(|row| {
            let fields = row.get("json").and_then(Value::as_object).unwrap_or(&empty);
            row_cells(&schema.fields, fields, ignore_unknown)
        })
        .collect();
    let errors = errors_of(&parsed, skip_invalid);
    let now = now_micros();
    let mut state = shared.state();
    let State { catalog, insert_ids, .. } = &mut *state;
    let ids = insert_ids.entry(id.clone()).or_default();
    ids.forget(now);
    let mut batch = BatchBuilder::new(&schema);
    let mut taken = 0_usize;
    let mut new_ids: HashSet<&str> = HashSet::new();
    let all_or_nothing = !errors.is_empty() && !skip_invalid;
    for (row, cells) in rows.iter().zip(&parsed) {
        let Ok(cells) = cells else { continue };
        let insert_id = row.get("insertId").and_then(Value::as_str);
        let is_new = |id: &str| !ids.known.contains_key(id);
        if !all_or_nothing && insert_id.is_none_or(|id| is_new(id) && new_ids.insert(id)) {
            batch.push(cells);
            taken += 1;
        }
    }
    if taken > 0 {
        let batch = batch.finish().map_err(|error| RestError::invalid(error.to_string()))?;
        let append = Disposition::default();
        catalog.write(id, decorator, &append, &schema, vec![batch], now)?;
        // Only what is written is remembered: rows that were refused may come again.
        new_ids.into_iter().for_each(|new_id| ids.remember(new_id, now));
    }
    let mut answer = json!({ "kind": "bigquery#tableDataInsertAllResponse" });
    if !errors.is_empty() {
        answer["insertErrors"] = Value::Array(errors);
    }
    Ok(answer)
}

/// What is wrong with the rows; one wrong row stops all others unless the client says otherwise.
fn errors_of(parsed: &[Result<Vec<Cell<'_>>, CellError>], skip_invalid: bool) -> Vec<Value> {
    let any_wrong = parsed.iter().any(Result::is_err);
    let errors = parsed.iter().enumerate().filter_map(|(index, row)| match row {
        Err(error) => Some(row_error(index, "invalid", error)),
        Ok(_) if any_wrong && !skip_invalid => {
            Some(json!({ "index": index, "errors": [{ "reason": "stopped" }] }))
        }
        Ok(_) => None,
    });
    errors.collect()
}

fn row_error(index: usize, reason: &str, error: &CellError) -> Value {
    let location = match error {
        CellError::UnknownField(name) | CellError::MissingRequired(name) => name.as_str(),
        CellError::Invalid(_) => "",
    };
    let detail = json!({
        "reason": reason, "location": location, "debugInfo": "", "message": error.to_string(),
    });
    json!({ "index": index, "errors": [detail] })
}

//! `tabledata.insertAll`: rows as JSON, visible at once, deduplicated by `insertId` exactly for a minute.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::Shared;
use super::error::RestError;
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
    /// Remembers an id; false when it is known.
    fn insert(&mut self, id: &str, now: i64) -> bool {
        while let Some((until, id)) = self.until.front() {
            if *until > now {
                break;
            }
            if self.known.get(id) == Some(until) {
                self.known.remove(id);
            }
            self.until.pop_front();
        }
        if self.known.contains_key(id) {
            return false;
        }
        let until = now + INSERT_ID_MICROS;
        self.known.insert(id.to_owned(), until);
        self.until.push_back((until, id.to_owned()));
        true
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
    let now = now_micros();
    let mut state = shared.state();
    let table = state.catalog.table(id)?;
    if table.kind != TableKind::Table {
        let text = format!("Cannot add rows to a table of type {}.", table.kind.name());
        return Err(RestError::invalid(text));
    }
    let schema = std::sync::Arc::clone(&table.schema);
    let empty = Map::new();
    let parsed: Vec<Result<Vec<Cell<'_>>, CellError>> = rows
        .iter()
        .map(|row| {
            let fields = row.get("json").and_then(Value::as_object).unwrap_or(&empty);
            row_cells(&schema.fields, fields, ignore_unknown)
        })
        .collect();
    let any_wrong = parsed.iter().any(Result::is_err);
    let mut errors = Vec::new();
    let mut batch = BatchBuilder::new(&schema);
    let mut taken = 0_usize;
    let ids = state.insert_ids.entry(id.clone()).or_default();
    for (index, (row, cells)) in rows.iter().zip(&parsed).enumerate() {
        match cells {
            Err(error) => errors.push(row_error(index, "invalid", error)),
            // One wrong row stops all others unless the client says otherwise.
            Ok(_) if any_wrong && !skip_invalid => {
                errors.push(json!({ "index": index, "errors": [{ "reason": "stopped" }] }));
            }
            Ok(cells) => {
                let insert_id = row.get("insertId").and_then(Value::as_str);
                if insert_id.is_none_or(|insert_id| ids.insert(insert_id, now)) {
                    batch.push(cells);
                    taken += 1;
                }
            }
        }
    }
    if taken > 0 {
        let batch = batch.finish().map_err(|error| RestError::invalid(error.to_string()))?;
        let append = Disposition::default();
        state.catalog.write(id, decorator, &append, &schema, vec![batch], now)?;
    }
    let mut answer = json!({ "kind": "bigquery#tableDataInsertAllResponse" });
    if !errors.is_empty() {
        answer["insertErrors"] = Value::Array(errors);
    }
    Ok(answer)
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

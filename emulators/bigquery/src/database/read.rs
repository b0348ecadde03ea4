//! Tables, views and wildcards as a query names them, and their rows.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use windtunnel_sql::{
    Bound, Catalog, ControlFlow, Reason, Result, Routine, RowSink, SqlError, TableColumn,
    TableDescription, TableKind, TableName, Type, Value,
};

use super::{SqlDatabase, id_of, information_schema, sql_error};
use crate::catalog::RoutineId;
use crate::rows::values::value_at;
use crate::schema::{Field, FieldType, Mode, TableSchema};
use crate::table::{self, Granularity, Partitioning, Segment, Snapshot, Table};

const DAY_MICROS: i64 = 86_400_000_000;

impl Catalog for SqlDatabase<'_> {
    fn table(&self, name: &TableName, at_micros: Option<i64>) -> Result<TableDescription> {
        let state = self.shared.state();
        if name.table.starts_with("INFORMATION_SCHEMA.") {
            return information_schema::describe(&state.catalog, name);
        }
        if name.table.ends_with('*') {
            let tables = wildcard(&state.catalog, name)?;
            let newest = tables.iter().max_by_key(|table| (table.created_at, table.incarnation));
            let Some(newest) = newest else { return Err(no_match(name)) };
            let mut columns = columns_of(&newest.schema, &Partitioning::None);
            columns.push(pseudo("_TABLE_SUFFIX", Type::String));
            return Ok(described(name.clone(), TableKind::Table, columns));
        }
        let table = state.catalog.table(&id_of(name)).map_err(sql_error)?;
        let kind = match table.query() {
            Some(query) => TableKind::View(query.to_owned()),
            None => TableKind::Table,
        };
        let snapshot = match at_micros {
            Some(at) if kind == TableKind::Table => Some(snapshot_at(table, at)?),
            _ => None,
        };
        let schema = snapshot.as_ref().map_or(&table.schema, |snapshot| &snapshot.schema);
        let mut description =
            described(name.clone(), kind, columns_of(schema, &table.partitioning));
        description.required_filter = required_filter(table, &description.columns);
        description.row_filters = self.row_filters(table);
        Ok(description)
    }

    fn routine(&self, path: &[String]) -> Result<Option<Routine>> {
        let [project, dataset, routine] = path else { return Ok(None) };
        let id = RoutineId {
            project: project.clone(),
            dataset: dataset.clone(),
            routine: routine.clone(),
        };
        let state = self.shared.state();
        match state.catalog.routine(&id) {
            Ok(found) => super::routines::routine_of(path, &found.resource).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn scan(
        &self,
        name: &TableName,
        at_micros: Option<i64>,
        columns: &[usize],
        bounds: &[Bound],
        sink: RowSink<'_>,
    ) -> Result<()> {
        if name.table.starts_with("INFORMATION_SCHEMA.") {
            let rows = information_schema::rows(&self.shared.state(), name)?;
            for (number, row) in rows.into_iter().enumerate() {
                let mut values: Vec<Value> = columns
                    .iter()
                    .map(|column| row.get(*column).cloned().unwrap_or_default())
                    .collect();
                if sink(number as u64, &mut values)?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        if name.table.ends_with('*') {
            return self.scan_wildcard(name, columns, bounds, sink);
        }
        let id = id_of(name);
        let (snapshot, partitioning) = {
            let state = self.shared.state();
            let table = state.catalog.table(&id).map_err(sql_error)?;
            let snapshot = match at_micros {
                Some(at) => snapshot_at(table, at)?,
                None => table.snapshot(),
            };
            (snapshot, table.partitioning.clone())
        };
        if at_micros.is_none() {
            self.seen.borrow_mut().insert(id, snapshot.clone());
        }
        let shape = Shape { schema: &snapshot.schema, partitioning: &partitioning, suffix: None };
        let mut number = 0;
        for segment in snapshot.segments() {
            if scan_segment(&segment, &shape, columns, bounds, &mut number, sink)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl SqlDatabase<'_> {
    fn scan_wildcard(
        &self,
        name: &TableName,
        columns: &[usize],
        bounds: &[Bound],
        sink: RowSink<'_>,
    ) -> Result<()> {
        let prefix = name.table.trim_end_matches('*');
        let (schema, snapshots): (TableSchema, Vec<(String, Snapshot)>) = {
            let state = self.shared.state();
            let tables = wildcard(&state.catalog, name)?;
            let newest = tables.iter().max_by_key(|table| (table.created_at, table.incarnation));
            let Some(newest) = newest else { return Err(no_match(name)) };
            let suffix = |table: &&Table| table.id.table[prefix.len()..].to_owned();
            let snapshots = tables.iter().map(|table| (suffix(table), table.snapshot())).collect();
            (TableSchema::clone(&newest.schema), snapshots)
        };
        let arrow = schema.to_arrow();
        let mut number = 0;
        for (suffix, snapshot) in snapshots {
            let shape =
                Shape { schema: &schema, partitioning: &Partitioning::None, suffix: Some(&suffix) };
            let is_outside = bounds.iter().any(|bound| {
                let value = Value::string(&suffix);
                bound.column == schema.fields.len()
                    && (bound
                        .low
                        .as_ref()
                        .is_some_and(|low| windtunnel_sql::compare(&value, low).is_lt())
                        || bound
                            .high
                            .as_ref()
                            .is_some_and(|high| windtunnel_sql::compare(&value, high).is_gt()))
            });
            if is_outside {
                continue;
            }
            for segment in snapshot.segments() {
                let batch = table::adapt(&segment.batch, &arrow);
                let segment = Segment { batch, partition_time: segment.partition_time };
                if scan_segment(&segment, &shape, columns, bounds, &mut number, sink)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The conditions under which the caller sees a row; `None` where the table has no policies.
    fn row_filters(&self, table: &Table) -> Option<Vec<String>> {
        if table.policies.is_empty() {
            return None;
        }
        let granted = table.policies.values().filter(|policy| {
            policy.grantees.iter().any(|grantee| {
                grantee == "allAuthenticatedUsers"
                    || grantee == "allUsers"
                    || grantee.eq_ignore_ascii_case(&self.caller.principal)
                    || self.caller.groups.iter().any(|group| grantee.eq_ignore_ascii_case(group))
                    || grantee.strip_prefix("domain:").is_some_and(|domain| {
                        self.caller
                            .email()
                            .rsplit_once('@')
                            .is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain))
                    })
            })
        });
        Some(granted.map(|policy| policy.filter.clone()).collect())
    }
}

/// What a row is read with.
struct Shape<'a> {
    schema: &'a TableSchema,
    partitioning: &'a Partitioning,
    suffix: Option<&'a str>,
}

fn scan_segment(
    segment: &Segment,
    shape: &Shape<'_>,
    columns: &[usize],
    bounds: &[Bound],
    number: &mut u64,
    sink: RowSink<'_>,
) -> Result<ControlFlow<()>> {
    let rows = segment.batch.num_rows();
    let kept = within(segment, shape, bounds);
    let fields = &shape.schema.fields;
    let pseudo: Vec<Option<Value>> = columns
        .iter()
        .map(|column| {
            (*column >= fields.len()).then(|| pseudo_value(segment, shape, *column - fields.len()))
        })
        .collect();
    let mut values = vec![Value::Null; columns.len()];
    for row in 0..rows {
        let is_kept = kept.as_ref().is_none_or(|kept| kept[row]);
        if is_kept {
            for ((slot, column), pseudo) in values.iter_mut().zip(columns).zip(&pseudo) {
                *slot = match pseudo {
                    Some(value) => value.clone(),
                    None => value_at(segment.batch.column(*column), row, &fields[*column])
                        .map_err(|error| SqlError::evaluation(error.to_string()))?,
                };
            }
            if sink(*number, &mut values)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        *number += 1;
    }
    Ok(ControlFlow::Continue(()))
}

fn pseudo_value(segment: &Segment, shape: &Shape<'_>, index: usize) -> Value {
    if let Some(suffix) = shape.suffix {
        return Value::string(suffix);
    }
    match (segment.partition_time, index) {
        (None, _) => Value::Null,
        (Some(micros), 0) => Value::Timestamp(micros),
        (Some(micros), _) => {
            i32::try_from(micros.div_euclid(DAY_MICROS)).map_or(Value::Null, Value::Date)
        }
    }
}

/// Which rows lie within the bounds, where that can be told without making values; `None`: all may.
fn within(segment: &Segment, shape: &Shape<'_>, bounds: &[Bound]) -> Option<Vec<bool>> {
    let mut kept: Option<Vec<bool>> = None;
    for bound in bounds {
        let number = |value: &Option<Value>| match value {
            Some(Value::Int64(value) | Value::Timestamp(value) | Value::Datetime(value)) => {
                Some(*value)
            }
            Some(Value::Date(days)) => Some(i64::from(*days)),
            _ => None,
        };
        let (low, high) = (number(&bound.low), number(&bound.high));
        if low.is_none() && high.is_none() {
            continue;
        }
        let inside = |value: i64| {
            low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high)
        };
        let fields = &shape.schema.fields;
        if bound.column >= fields.len() {
            // A partition that lies outside is not read at all.
            if let (Some(micros), Partitioning::Ingestion(_)) =
                (segment.partition_time, shape.partitioning)
            {
                let value = if bound.column == fields.len() {
                    micros
                } else {
                    micros.div_euclid(DAY_MICROS)
                };
                if !inside(value) {
                    return Some(vec![false; segment.batch.num_rows()]);
                }
            }
            continue;
        }
        if fields[bound.column].mode == Mode::Repeated {
            continue;
        }
        let array = segment.batch.column(bound.column);
        let mask = kept.get_or_insert_with(|| vec![true; segment.batch.num_rows()]);
        let mut apply = |value: &dyn Fn(usize) -> i64| {
            for (row, keep) in mask.iter_mut().enumerate() {
                *keep &= array.is_valid(row) && inside(value(row));
            }
        };
        match fields[bound.column].field_type {
            FieldType::Int64 => {
                let values = array.as_primitive::<Int64Type>();
                apply(&|row| values.value(row));
            }
            FieldType::Timestamp | FieldType::Datetime => {
                let values = array.as_primitive::<TimestampMicrosecondType>();
                apply(&|row| values.value(row));
            }
            FieldType::Date => {
                let values = array.as_primitive::<Date32Type>();
                apply(&|row| i64::from(values.value(row)));
            }
            _ => {}
        }
    }
    kept
}

/// A table's columns in SQL, pseudo-columns last.
pub(super) fn columns_of(schema: &TableSchema, partitioning: &Partitioning) -> Vec<TableColumn> {
    let mut columns: Vec<TableColumn> = schema.fields.iter().map(column_of).collect();
    if let Partitioning::Ingestion(granularity) = partitioning {
        columns.push(pseudo("_PARTITIONTIME", Type::Timestamp));
        if *granularity == Granularity::Day {
            columns.push(pseudo("_PARTITIONDATE", Type::Date));
        }
    }
    columns
}

fn column_of(field: &Field) -> TableColumn {
    let parameters = &field.parameters;
    let number = |value: Option<u32>| value.map(i64::from);
    let parameters =
        match (parameters.length_max, number(parameters.precision), number(parameters.scale)) {
            (Some(length), _, _) => vec![i64::try_from(length).unwrap_or(i64::MAX)],
            (None, Some(precision), Some(scale)) => vec![precision, scale],
            (None, Some(precision), None) => vec![precision],
            (None, None, _) => Vec::new(),
        };
    TableColumn {
        required: field.mode == Mode::Required,
        parameters,
        default: field.default_value.clone(),
        ..TableColumn::new(&field.name, field.sql_type())
    }
}

fn pseudo(name: &str, column_type: Type) -> TableColumn {
    TableColumn { pseudo: true, ..TableColumn::new(name, column_type) }
}

pub(super) fn described(
    name: TableName,
    kind: TableKind,
    columns: Vec<TableColumn>,
) -> TableDescription {
    TableDescription { name, kind, columns, required_filter: Vec::new(), row_filters: None }
}

/// The columns of which a filter must name one.
fn required_filter(table: &Table, columns: &[TableColumn]) -> Vec<usize> {
    let in_partitioning = table
        .settings
        .get("timePartitioning")
        .and_then(|it| it["requirePartitionFilter"].as_bool());
    let required =
        table.settings.get("requirePartitionFilter").and_then(serde_json::Value::as_bool);
    if !required.or(in_partitioning).unwrap_or(false) {
        return Vec::new();
    }
    match &table.partitioning {
        Partitioning::None => Vec::new(),
        Partitioning::Time { column, .. } | Partitioning::Range { column, .. } => vec![*column],
        Partitioning::Ingestion(_) => {
            let pseudo = columns.iter().enumerate().filter(|(_, column)| column.pseudo);
            pseudo.map(|(index, _)| index).collect()
        }
    }
}

fn snapshot_at(table: &Table, at: i64) -> Result<Snapshot> {
    table
        .snapshot_at(at)
        .map_err(|first| sql_error(crate::catalog::too_early(&table.id, at, first)))
}

fn wildcard<'c>(catalog: &'c crate::catalog::Catalog, name: &TableName) -> Result<Vec<&'c Table>> {
    let prefix = name.table.trim_end_matches('*');
    let tables = catalog.tables(&name.project, &name.dataset).map_err(sql_error)?;
    Ok(tables
        .filter(|table| table.id.table.starts_with(prefix) && table.query().is_none())
        .collect())
}

fn no_match(name: &TableName) -> SqlError {
    let text = format!("{name} does not match any table.");
    SqlError::new(Reason::NotFound, text)
}

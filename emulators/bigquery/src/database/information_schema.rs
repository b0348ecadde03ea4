//! `INFORMATION_SCHEMA`: the catalog as tables. Views that are not here do not exist, as in BigQuery a
//! name that is none.

use serde_json::Value as Json;
use windtunnel_sql::{
    Reason, Result, SqlError, TableColumn, TableDescription, TableKind, TableName, Type, Value,
};

use super::read::described;
use super::sql_error;
use crate::catalog::{Catalog, Dataset};
use crate::schema::{Field, FieldType, Mode};
use crate::table::{Table, TableKind as Kind};
use crate::wire::State;

type Columns = &'static [(&'static str, Type)];

const SCHEMATA: Columns = &[
    ("catalog_name", Type::String),
    ("schema_name", Type::String),
    ("schema_owner", Type::String),
    ("creation_time", Type::Timestamp),
    ("last_modified_time", Type::Timestamp),
    ("location", Type::String),
    ("ddl", Type::String),
    ("default_collation_name", Type::String),
];
const TABLES: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("table_type", Type::String),
    ("managed_table_type", Type::String),
    ("is_insertable_into", Type::String),
    ("is_fine_grained_mutations_enabled", Type::String),
    ("is_typed", Type::String),
    ("is_change_history_enabled", Type::String),
    ("creation_time", Type::Timestamp),
    ("base_table_catalog", Type::String),
    ("base_table_schema", Type::String),
    ("base_table_name", Type::String),
    ("snapshot_time_ms", Type::Timestamp),
    ("default_collation_name", Type::String),
];
const COLUMNS: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("column_name", Type::String),
    ("ordinal_position", Type::Int64),
    ("is_nullable", Type::String),
    ("data_type", Type::String),
    ("is_generated", Type::String),
    ("generation_expression", Type::String),
    ("is_stored", Type::String),
    ("is_hidden", Type::String),
    ("is_updatable", Type::String),
    ("is_system_defined", Type::String),
    ("is_partitioning_column", Type::String),
    ("clustering_ordinal_position", Type::Int64),
    ("collation_name", Type::String),
    ("column_default", Type::String),
    ("rounding_mode", Type::String),
];
const COLUMN_FIELD_PATHS: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("column_name", Type::String),
    ("field_path", Type::String),
    ("data_type", Type::String),
    ("description", Type::String),
    ("collation_name", Type::String),
    ("rounding_mode", Type::String),
];
const VIEWS: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("view_definition", Type::String),
    ("check_option", Type::String),
    ("use_standard_sql", Type::String),
];
const ROUTINES: Columns = &[
    ("specific_catalog", Type::String),
    ("specific_schema", Type::String),
    ("specific_name", Type::String),
    ("routine_catalog", Type::String),
    ("routine_schema", Type::String),
    ("routine_name", Type::String),
    ("routine_type", Type::String),
    ("data_type", Type::String),
    ("routine_body", Type::String),
    ("routine_definition", Type::String),
    ("external_language", Type::String),
    ("is_deterministic", Type::String),
    ("security_type", Type::String),
    ("created", Type::Timestamp),
    ("last_altered", Type::Timestamp),
];
const PARTITIONS: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("partition_id", Type::String),
    ("total_rows", Type::Int64),
    ("total_logical_bytes", Type::Int64),
    ("last_modified_time", Type::Timestamp),
    ("storage_tier", Type::String),
];
const TABLE_OPTIONS: Columns = &[
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("option_name", Type::String),
    ("option_type", Type::String),
    ("option_value", Type::String),
];
const KEY_COLUMN_USAGE: Columns = &[
    ("constraint_catalog", Type::String),
    ("constraint_schema", Type::String),
    ("constraint_name", Type::String),
    ("table_catalog", Type::String),
    ("table_schema", Type::String),
    ("table_name", Type::String),
    ("column_name", Type::String),
    ("ordinal_position", Type::Int64),
    ("position_in_unique_constraint", Type::Int64),
];

fn columns_of(name: &TableName) -> Result<Columns> {
    let view = name.table.trim_start_matches("INFORMATION_SCHEMA.");
    Ok(match view {
        "SCHEMATA" => SCHEMATA,
        "TABLES" => TABLES,
        "COLUMNS" => COLUMNS,
        "COLUMN_FIELD_PATHS" => COLUMN_FIELD_PATHS,
        "VIEWS" => VIEWS,
        "ROUTINES" => ROUTINES,
        "PARTITIONS" => PARTITIONS,
        "TABLE_OPTIONS" => TABLE_OPTIONS,
        "KEY_COLUMN_USAGE" => KEY_COLUMN_USAGE,
        _ => {
            let text = format!("Not found: Table {name} was not found in location US");
            return Err(SqlError::new(Reason::NotFound, text));
        }
    })
}

/// A view's columns.
pub(super) fn describe(catalog: &Catalog, name: &TableName) -> Result<TableDescription> {
    let columns = columns_of(name)?;
    if !is_region(&name.dataset) && !name.dataset.is_empty() {
        catalog.dataset(&name.project, &name.dataset).map_err(sql_error)?;
    }
    let columns = columns
        .iter()
        .map(|(name, column_type)| TableColumn::new(name, column_type.clone()))
        .collect();
    Ok(described(name.clone(), TableKind::Table, columns))
}

/// A view's rows.
pub(super) fn rows(state: &State, name: &TableName) -> Result<Vec<Vec<Value>>> {
    let columns = columns_of(name)?;
    let catalog = &state.catalog;
    let everywhere = is_region(&name.dataset) || name.dataset.is_empty();
    let datasets: Vec<(&str, &Dataset)> = catalog
        .datasets(&name.project)
        .filter(|(id, _)| !id.starts_with('_') && (everywhere || *id == name.dataset))
        .collect();
    let mut out = Vec::new();
    for (id, dataset) in datasets {
        let place = [Value::string(&name.project), Value::string(id)];
        if columns.len() == SCHEMATA.len() && std::ptr::eq(columns, SCHEMATA) {
            out.push(schema_row(&place, dataset));
            continue;
        }
        if std::ptr::eq(columns, ROUTINES) {
            for (routine, found) in catalog.routines(&name.project, id).map_err(sql_error)? {
                out.push(routine_row(
                    &place,
                    routine,
                    &found.resource,
                    (found.created_at, found.modified_at),
                ));
            }
            continue;
        }
        for table in catalog.tables(&name.project, id).map_err(sql_error)? {
            table_rows(columns, &place, table, &mut out);
        }
    }
    Ok(out)
}

fn is_region(dataset: &str) -> bool {
    dataset.to_ascii_lowercase().starts_with("region-")
}

fn yes(flag: bool) -> Value {
    Value::string(if flag { "YES" } else { "NO" })
}

fn int(number: usize) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

fn schema_row(place: &[Value; 2], dataset: &Dataset) -> Vec<Value> {
    let [project, id] = place.clone();
    vec![
        project,
        id,
        Value::Null,
        Value::Timestamp(dataset.created_at),
        Value::Timestamp(dataset.modified_at),
        Value::string(&dataset.location),
        Value::Null,
        Value::Null,
    ]
}

fn routine_row(
    place: &[Value; 2],
    name: &str,
    resource: &Json,
    (created, modified): (i64, i64),
) -> Vec<Value> {
    let [project, dataset] = place.clone();
    let text = |key: &str| resource[key].as_str().map_or(Value::Null, Value::string);
    let routine_type = match resource["routineType"].as_str() {
        Some("PROCEDURE") => "PROCEDURE",
        Some("TABLE_VALUED_FUNCTION") => "TABLE FUNCTION",
        Some("AGGREGATE_FUNCTION") => "AGGREGATE FUNCTION",
        _ => "FUNCTION",
    };
    let is_sql = resource["language"].as_str().is_none_or(|language| language == "SQL");
    vec![
        project.clone(),
        dataset.clone(),
        Value::string(name),
        project,
        dataset,
        Value::string(name),
        Value::string(routine_type),
        resource["returnType"]["typeKind"].as_str().map_or(Value::Null, Value::string),
        Value::string(if is_sql { "SQL" } else { "EXTERNAL" }),
        text("definitionBody"),
        if is_sql { Value::Null } else { text("language") },
        Value::Null,
        Value::Null,
        Value::Timestamp(created),
        Value::Timestamp(modified),
    ]
}

fn table_rows(columns: Columns, place: &[Value; 2], table: &Table, out: &mut Vec<Vec<Value>>) {
    let start = || {
        let mut row = place.to_vec();
        row.push(Value::string(&table.id.table));
        row
    };
    if std::ptr::eq(columns, TABLES) {
        out.push([start(), table_row(table)].concat());
    } else if std::ptr::eq(columns, COLUMNS) {
        for (index, field) in table.schema.fields.iter().enumerate() {
            out.push([start(), column_row(table, field, index)].concat());
        }
    } else if std::ptr::eq(columns, COLUMN_FIELD_PATHS) {
        for field in &table.schema.fields {
            let mut paths = Vec::new();
            field_paths(field, &field.name, &mut paths);
            for row in paths {
                out.push([start(), vec![Value::string(&field.name)], row].concat());
            }
        }
    } else if std::ptr::eq(columns, VIEWS) {
        if let (Some(query), Kind::View) = (table.query(), table.kind) {
            out.push([start(), vec![Value::string(query), Value::Null, yes(true)]].concat());
        }
    } else if std::ptr::eq(columns, PARTITIONS) {
        if table.query().is_none() {
            for (key, (rows, bytes)) in table.partitions() {
                let id = match table.partitioning {
                    crate::table::Partitioning::None => Value::Null,
                    _ => Value::String(table.partitioning.id(key).into()),
                };
                let bytes = Value::Int64(i64::try_from(bytes).unwrap_or(i64::MAX));
                let rest = vec![
                    id,
                    int(rows),
                    bytes,
                    Value::Timestamp(table.modified_at),
                    Value::string("ACTIVE"),
                ];
                out.push([start(), rest].concat());
            }
        }
    } else if std::ptr::eq(columns, TABLE_OPTIONS) {
        for row in option_rows(table) {
            out.push([start(), row].concat());
        }
    } else if std::ptr::eq(columns, KEY_COLUMN_USAGE) {
        key_rows(place, table, out);
    }
}

fn table_row(table: &Table) -> Vec<Value> {
    let base = ["snapshotDefinition", "cloneDefinition"]
        .iter()
        .find_map(|key| table.settings.get(*key))
        .map(|definition| &definition["baseTableReference"]);
    let of_base =
        |key: &str| base.and_then(|base| base[key].as_str()).map_or(Value::Null, Value::string);
    let table_type = match table.kind {
        Kind::Table if table.settings.contains_key("cloneDefinition") => "CLONE",
        Kind::Table => "BASE TABLE",
        Kind::View => "VIEW",
        Kind::MaterializedView => "MATERIALIZED VIEW",
        Kind::Snapshot => "SNAPSHOT",
    };
    vec![
        Value::string(table_type),
        Value::Null,
        yes(table.kind == Kind::Table),
        yes(false),
        yes(false),
        yes(false),
        Value::Timestamp(table.created_at),
        of_base("projectId"),
        of_base("datasetId"),
        of_base("tableId"),
        Value::Null,
        Value::Null,
    ]
}

fn column_row(table: &Table, field: &Field, index: usize) -> Vec<Value> {
    let is_partitioning = match table.partitioning {
        crate::table::Partitioning::Time { column, .. }
        | crate::table::Partitioning::Range { column, .. } => column == index,
        _ => false,
    };
    let clustered =
        table.settings.get("clustering").and_then(|it| it["fields"].as_array()).and_then(
            |fields| {
                fields.iter().position(|name| {
                    name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(&field.name))
                })
            },
        );
    let kept =
        |key: &str| field.kept.get(key).and_then(Json::as_str).map_or(Value::Null, Value::string);
    vec![
        Value::string(&field.name),
        int(index + 1),
        yes(field.mode != Mode::Required),
        Value::string(field.sql_text()),
        Value::string("NEVER"),
        Value::Null,
        Value::Null,
        yes(false),
        Value::Null,
        yes(false),
        yes(is_partitioning),
        clustered.map_or(Value::Null, |place| int(place + 1)),
        match kept("collation") {
            Value::Null => Value::string("NULL"),
            collation => collation,
        },
        field.default_value.as_deref().map_or(Value::string("NULL"), Value::string),
        kept("roundingMode"),
    ]
}

fn field_paths(field: &Field, path: &str, out: &mut Vec<Vec<Value>>) {
    let description = field.description.as_deref().map_or(Value::Null, Value::string);
    let sql = Value::string(field.sql_text());
    out.push(vec![Value::string(path), sql, description, Value::string("NULL"), Value::Null]);
    if let FieldType::Record(fields) = &field.field_type {
        for inner in fields {
            field_paths(inner, &format!("{path}.{}", inner.name), out);
        }
    }
}

fn option_rows(table: &Table) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    let mut push = |name: &str, of: &str, value: String| {
        out.push(vec![Value::string(name), Value::string(of), Value::String(value.into())]);
    };
    let quoted = |text: &str| Json::from(text).to_string();
    for (key, name) in [("description", "description"), ("friendlyName", "friendly_name")] {
        if let Some(text) = table.settings.get(key).and_then(Json::as_str) {
            push(name, "STRING", quoted(text));
        }
    }
    if let Some(Json::Object(labels)) = table.settings.get("labels") {
        let pairs: Vec<String> = labels
            .iter()
            .map(|(key, value)| {
                format!("STRUCT({}, {})", quoted(key), quoted(value.as_str().unwrap_or_default()))
            })
            .collect();
        push("labels", "ARRAY<STRUCT<STRING, STRING>>", format!("[{}]", pairs.join(", ")));
    }
    if let Some(required) = table.settings.get("requirePartitionFilter").and_then(Json::as_bool) {
        push("require_partition_filter", "BOOL", required.to_string());
    }
    let expiration =
        table.settings.get("timePartitioning").and_then(|it| it["expirationMs"].as_str());
    if let Some(days) =
        expiration.and_then(|millis| millis.parse::<f64>().ok()).map(|millis| millis / 86_400_000.0)
    {
        push("partition_expiration_days", "FLOAT64", format!("{days:?}"));
    }
    out
}

fn key_rows(place: &[Value; 2], table: &Table, out: &mut Vec<Vec<Value>>) {
    let Some(constraints) = table.settings.get("tableConstraints") else { return };
    let [project, dataset] = place;
    let mut push = |name: String, column: &Json, index: usize, unique: Value| {
        let column = column.as_str().unwrap_or_default();
        out.push(vec![
            project.clone(),
            dataset.clone(),
            Value::String(name.into()),
            project.clone(),
            dataset.clone(),
            Value::string(&table.id.table),
            Value::string(column),
            int(index + 1),
            unique,
        ]);
    };
    for (index, column) in
        constraints["primaryKey"]["columns"].as_array().into_iter().flatten().enumerate()
    {
        push(format!("{}.pk$", table.id.table), column, index, Value::Null);
    }
    for key in constraints["foreignKeys"].as_array().into_iter().flatten() {
        let name = key["name"].as_str().unwrap_or_default();
        for (index, pair) in key["columnReferences"].as_array().into_iter().flatten().enumerate() {
            let name = format!("{}.{name}", table.id.table);
            push(name, &pair["referencingColumn"], index, int(index + 1));
        }
    }
}

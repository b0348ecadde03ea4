//! `OPTIONS(…)` of DDL as settings of REST's resources, and columns as fields.

use serde_json::{Map, Value as Json, json};
use windtunnel_sql::{ColumnSpec, ConstraintSpec, Partitioning, Reason, Result, SqlError, Value};

use crate::schema::{Field, FieldType, Mode, TableSchema, TypeParameters};

const DAY_MILLIS: f64 = 86_400_000.0;

/// The fields of a table's columns.
pub(super) fn schema_of(columns: &[ColumnSpec]) -> Result<TableSchema> {
    let fields = columns.iter().map(field_of).collect::<Result<_>>()?;
    Ok(TableSchema { fields })
}

/// A column's field.
pub(super) fn field_of(spec: &ColumnSpec) -> Result<Field> {
    let column = &spec.column;
    let mut field = Field::of_sql_type(&column.name, &column.column_type)
        .map_err(|error| SqlError::evaluation(error.to_string()))?;
    if column.required && field.mode == Mode::Nullable {
        field.mode = Mode::Required;
    }
    field.parameters = parameters_of(&field.field_type, &column.parameters);
    field.default_value.clone_from(&column.default);
    for path in &spec.required_fields {
        require(&mut field.field_type, &path.split('.').collect::<Vec<_>>());
    }
    if let Some(collation) = &spec.collation {
        field.kept.insert("collation".to_owned(), json!(collation));
    }
    for (name, value) in &spec.options {
        set_column_option(&mut field, name, value)?;
    }
    Ok(field)
}

fn require(of: &mut FieldType, path: &[&str]) {
    let (FieldType::Record(fields), [first, rest @ ..]) = (of, path) else { return };
    for field in fields.iter_mut().filter(|field| field.name.eq_ignore_ascii_case(first)) {
        match rest {
            [] => field.mode = Mode::Required,
            rest => require(&mut field.field_type, rest),
        }
    }
}

/// `STRING(10)`, `NUMERIC(10, 2)`.
pub(super) fn parameters_of(of: &FieldType, parameters: &[i64]) -> TypeParameters {
    let narrow = |value: &i64| u32::try_from(*value).ok();
    match (of, parameters) {
        (FieldType::String | FieldType::Bytes, [length]) => {
            TypeParameters { length_max: u64::try_from(*length).ok(), ..TypeParameters::default() }
        }
        (_, [precision]) => {
            TypeParameters { precision: narrow(precision), ..TypeParameters::default() }
        }
        (_, [precision, scale]) => TypeParameters {
            precision: narrow(precision),
            scale: narrow(scale),
            ..TypeParameters::default()
        },
        _ => TypeParameters::default(),
    }
}

/// `OPTIONS` of a column.
pub(super) fn set_column_option(field: &mut Field, name: &str, value: &Value) -> Result<()> {
    match (name, value) {
        ("description", value) => field.description = value.as_str().map(str::to_owned),
        ("rounding_mode", Value::String(mode)) => {
            field.kept.insert("roundingMode".to_owned(), json!(&**mode));
        }
        (other, _) => return Err(unknown(other)),
    }
    Ok(())
}

/// Sets the options of a table, a view or a dataset in its settings; NULL takes one away.
pub(super) fn set_options(
    settings: &mut Map<String, Json>,
    options: &[(String, Value)],
) -> Result<()> {
    for (name, value) in options {
        let (key, written) = setting(name, value)?;
        match (key, written) {
            ("timePartitioning.expirationMs", written) => {
                if let Some(Json::Object(partitioning)) = settings.get_mut("timePartitioning") {
                    partitioning.insert("expirationMs".to_owned(), written);
                }
            }
            (key, Json::Null) => drop(settings.remove(key)),
            (key, written) => drop(settings.insert(key.to_owned(), written)),
        }
    }
    Ok(())
}

fn setting(name: &str, value: &Value) -> Result<(&'static str, Json)> {
    let text = || value.as_str().map_or(Json::Null, |text| json!(text));
    let flag = || value.as_bool().map_or(Json::Null, |flag| json!(flag));
    let days = |value: &Value| match value {
        Value::Float64(days) => Some(*days),
        #[expect(clippy::cast_precision_loss, reason = "numbers of days are small")]
        Value::Int64(days) => Some(*days as f64),
        _ => None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of days fit")]
    let millis =
        || days(value).map_or(Json::Null, |days| json!(((days * DAY_MILLIS) as i64).to_string()));
    Ok(match name {
        "description" => ("description", text()),
        "friendly_name" => ("friendlyName", text()),
        "location" => ("location", Json::Null),
        "expiration_timestamp" => match value {
            Value::Timestamp(micros) => ("expirationTime", json!((micros / 1_000).to_string())),
            _ => ("expirationTime", Json::Null),
        },
        "labels" => ("labels", labels(value)),
        "require_partition_filter" => ("requirePartitionFilter", flag()),
        "partition_expiration_days" => ("timePartitioning.expirationMs", millis()),
        "default_table_expiration_days" => ("defaultTableExpirationMs", millis()),
        "default_partition_expiration_days" => ("defaultPartitionExpirationMs", millis()),
        "default_collation" => ("defaultCollation", text()),
        "default_rounding_mode" => ("defaultRoundingMode", text()),
        "is_case_insensitive" => ("isCaseInsensitive", flag()),
        "max_time_travel_hours" => match value {
            Value::Int64(hours) => ("maxTimeTravelHours", json!(hours.to_string())),
            _ => ("maxTimeTravelHours", Json::Null),
        },
        "storage_billing_model" => ("storageBillingModel", text()),
        "kms_key_name" => match value.as_str() {
            Some(key) => ("encryptionConfiguration", json!({ "kmsKeyName": key })),
            None => ("encryptionConfiguration", Json::Null),
        },
        "max_staleness" => ("maxStaleness", Json::Null),
        // Of materialized views, which are computed when they are read.
        "enable_refresh"
        | "refresh_interval_minutes"
        | "allow_non_incremental_definition"
        | "enable_change_history"
        | "enable_fine_grained_mutations" => ("resourceTags", Json::Null),
        other => return Err(unknown(other)),
    })
}

fn labels(value: &Value) -> Json {
    let pairs = value.as_array().unwrap_or_default().iter().filter_map(|pair| {
        let [Value::String(key), Value::String(value)] = pair.as_struct()? else { return None };
        Some((key.to_string(), json!(&**value)))
    });
    Json::Object(pairs.collect())
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(Reason::InvalidQuery, format!("Unknown option: {name}"))
}

/// `PARTITION BY` and `CLUSTER BY` as settings.
pub(super) fn set_layout(
    settings: &mut Map<String, Json>,
    partitioning: Option<&Partitioning>,
    clustering: &[String],
) {
    match partitioning {
        None => {}
        Some(Partitioning::Column { column, granularity }) => {
            settings.insert(
                "timePartitioning".to_owned(),
                json!({ "type": granularity, "field": column }),
            );
        }
        Some(Partitioning::Ingestion { granularity }) => {
            settings.insert("timePartitioning".to_owned(), json!({ "type": granularity }));
        }
        Some(Partitioning::Range { column, start, end, interval }) => {
            let range = json!({
                "start": start.to_string(), "end": end.to_string(), "interval": interval.to_string(),
            });
            settings
                .insert("rangePartitioning".to_owned(), json!({ "field": column, "range": range }));
        }
    }
    if !clustering.is_empty() {
        settings.insert("clustering".to_owned(), json!({ "fields": clustering }));
    }
}

/// Adds a key to `tableConstraints`.
pub(super) fn add_constraint(settings: &mut Map<String, Json>, constraint: &ConstraintSpec) {
    let kept = settings.entry("tableConstraints").or_insert_with(|| json!({}));
    match constraint {
        ConstraintSpec::PrimaryKey(columns) => kept["primaryKey"] = json!({ "columns": columns }),
        ConstraintSpec::ForeignKey { name, columns, references, referenced } => {
            let pairs: Vec<Json> = columns
                .iter()
                .zip(referenced)
                .map(|(column, other)| json!({ "referencingColumn": column, "referencedColumn": other }))
                .collect();
            let number = kept["foreignKeys"].as_array().map_or(0, Vec::len) + 1;
            let key = json!({
                "name": name.clone().unwrap_or_else(|| format!("fk${number}")),
                "referencedTable": {
                    "projectId": references.project, "datasetId": references.dataset, "tableId": references.table,
                },
                "columnReferences": pairs,
            });
            match kept["foreignKeys"].as_array_mut() {
                Some(keys) => keys.push(key),
                None => kept["foreignKeys"] = json!([key]),
            }
        }
    }
}

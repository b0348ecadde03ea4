//! `ALTER TABLE` on columns and settings, one action at a time; the table itself is changed once, by the
//! caller.

use serde_json::{Map, json};
use windtunnel_sql::{AlterSpec, Exists, Result, SqlError, Type};

use super::options::{add_constraint, field_of, parameters_of, set_column_option, set_options};
use crate::schema::{Field, Mode, TableSchema};

/// A column's place; `None` where it is missing and that is fine.
pub(super) fn column(schema: &TableSchema, name: &str, exists: Exists) -> Result<Option<usize>> {
    match (schema.index_of(name), exists) {
        (Some(index), _) => Ok(Some(index)),
        (None, Exists::Skip) => Ok(None),
        (None, _) => Err(SqlError::evaluation(format!("Column not found: {name}"))),
    }
}

/// One action on columns and settings.
pub(super) fn alter(
    schema: &mut TableSchema,
    settings: &mut Map<String, serde_json::Value>,
    action: AlterSpec,
) -> Result<()> {
    match action {
        AlterSpec::SetOptions(options) => set_options(settings, &options)?,
        AlterSpec::AddColumn(exists, spec) => {
            let name = &spec.column.name;
            if schema.index_of(name).is_some() {
                return match exists {
                    Exists::Skip => Ok(()),
                    _ => Err(SqlError::evaluation(format!("Column already exists: {name}"))),
                };
            }
            if spec.column.required {
                let text = format!("Cannot add REQUIRED column {name} to an existing table");
                return Err(SqlError::evaluation(text));
            }
            schema.fields.push(field_of(&spec)?);
        }
        AlterSpec::DropColumn(exists, name) => {
            if let Some(index) = column(schema, &name, exists)? {
                check_unused(settings, &name)?;
                if schema.fields.len() == 1 {
                    return Err(SqlError::evaluation("Cannot drop the only column of a table"));
                }
                schema.fields.remove(index);
            }
        }
        AlterSpec::SetColumnOptions(exists, name, options) => {
            if let Some(index) = column(schema, &name, exists)? {
                for (option, value) in options {
                    set_column_option(&mut schema.fields[index], &option, &value)?;
                }
            }
        }
        AlterSpec::DropNotNull(exists, name) => {
            if let Some(index) = column(schema, &name, exists)? {
                let field = &mut schema.fields[index];
                if field.mode != Mode::Required {
                    let text = format!("Column {name} is already NULLABLE");
                    return Err(SqlError::evaluation(text));
                }
                field.mode = Mode::Nullable;
            }
        }
        AlterSpec::SetDataType(exists, name, to, parameters) => {
            if let Some(index) = column(schema, &name, exists)? {
                set_data_type(&mut schema.fields[index], &to, &parameters)?;
            }
        }
        AlterSpec::SetDefault(exists, name, default) => {
            if let Some(index) = column(schema, &name, exists)? {
                schema.fields[index].default_value = default;
            }
        }
        AlterSpec::AddConstraint(constraint) => add_constraint(settings, &constraint),
        AlterSpec::DropConstraint(_, None) => {
            if let Some(constraints) =
                settings.get_mut("tableConstraints").and_then(serde_json::Value::as_object_mut)
            {
                constraints.remove("primaryKey");
            }
        }
        AlterSpec::DropConstraint(exists, Some(name)) => {
            let keys = settings
                .get_mut("tableConstraints")
                .and_then(|it| it["foreignKeys"].as_array_mut());
            let before = keys.as_ref().map_or(0, |keys| keys.len());
            let left = keys.map_or(0, |keys| {
                keys.retain(|key| key["name"] != *name);
                keys.len()
            });
            if before == left && exists != Exists::Skip {
                return Err(SqlError::evaluation(format!("Constraint not found: {name}")));
            }
        }
        AlterSpec::SetDefaultCollation(collation) => {
            settings.insert("defaultCollation".to_owned(), json!(collation));
        }
        AlterSpec::RenameTo(_) | AlterSpec::RenameColumn(..) => {}
    }
    Ok(())
}

/// Columns that divide or order a table stay.
fn check_unused(settings: &Map<String, serde_json::Value>, name: &str) -> Result<()> {
    let is_it = |value: &serde_json::Value| {
        value.as_str().is_some_and(|used| used.eq_ignore_ascii_case(name))
    };
    let partitions = ["timePartitioning", "rangePartitioning"];
    let partitioned =
        partitions.iter().any(|key| settings.get(*key).is_some_and(|it| is_it(&it["field"])));
    let clustered = settings
        .get("clustering")
        .and_then(|it| it["fields"].as_array())
        .is_some_and(|fields| fields.iter().any(is_it));
    match partitioned || clustered {
        true => Err(SqlError::evaluation(format!(
            "Column {name} is used for partitioning or clustering and cannot be dropped"
        ))),
        false => Ok(()),
    }
}

/// `SET DATA TYPE`: to a wider type, or a longer one.
fn set_data_type(field: &mut Field, to: &Type, parameters: &[i64]) -> Result<()> {
    let from = field.sql_type();
    let widens = matches!(
        (&from, to),
        (Type::Int64, Type::Numeric | Type::BigNumeric | Type::Float64)
            | (Type::Numeric, Type::BigNumeric | Type::Float64)
    );
    if from != *to && !widens {
        let text = format!(
            "ALTER TABLE ALTER COLUMN SET DATA TYPE requires that the existing column type ({from}) is assignable to \
             the new type ({to})"
        );
        return Err(SqlError::evaluation(text));
    }
    if from != *to {
        let changed = Field::of_sql_type(&field.name, to)
            .map_err(|error| SqlError::evaluation(error.to_string()))?;
        field.field_type = changed.field_type;
    }
    field.parameters = parameters_of(&field.field_type, parameters);
    Ok(())
}

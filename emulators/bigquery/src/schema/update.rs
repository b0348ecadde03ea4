//! What may change in a table's schema: by `tables.patch` and `update`, and by jobs that append rows of
//! another schema with `schemaUpdateOptions`. Answers the schema to use, or why not in the service's words.

use super::{Field, FieldType, Mode, TableSchema, index_of};

/// What a job's `schemaUpdateOptions` allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Updates {
    /// `ALLOW_FIELD_ADDITION`.
    pub addition: bool,
    /// `ALLOW_FIELD_RELAXATION`.
    pub relaxation: bool,
}

/// The schema after a change; the outer words of an error are the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaUpdate {
    /// Rows fit as the table is.
    Unchanged,
    /// The table gets this schema.
    Changed(TableSchema),
}

impl TableSchema {
    /// The schema after rows of `incoming` are appended. Columns that the rows do not have stay.
    ///
    /// # Errors
    /// A field that is new, of another type or mode, and may not be.
    pub fn after_append(&self, incoming: &Self, allowed: Updates) -> Result<SchemaUpdate, String> {
        let fields = appended(&self.fields, &incoming.fields, allowed, "")?;
        if fields == self.fields {
            return Ok(SchemaUpdate::Unchanged);
        }
        Ok(SchemaUpdate::Changed(Self { fields }))
    }

    /// Checks that `tables.patch` or `update` may give the table the schema `wanted`: columns may be added
    /// and relaxed, and described otherwise. `table` is named in the error.
    ///
    /// # Errors
    /// Anything else is changed.
    pub fn check_replacement(&self, wanted: &Self, table: &str) -> Result<(), String> {
        replaced(&self.fields, &wanted.fields, "")
            .map_err(|error| format!("Provided Schema does not match Table {table}. {error}"))
    }
}

fn appended(
    existing: &[Field],
    incoming: &[Field],
    allowed: Updates,
    path: &str,
) -> Result<Vec<Field>, String> {
    let mut out = existing.to_vec();
    for field in incoming {
        let name = format!("{path}{}", field.name);
        let Some(index) = index_of(existing, &field.name) else {
            if !allowed.addition {
                return Err(format!("Invalid schema update. Cannot add fields (field: {name})"));
            }
            if field.mode == Mode::Required {
                return Err(format!(
                    "Cannot add required fields to an existing schema. (field: {name})"
                ));
            }
            out.push(field.clone());
            continue;
        };
        let target = &mut out[index];
        let refuse = |what: &str, from: &str, to: &str| {
            Err(format!(
                "Invalid schema update. Field {name} has changed {what} from {from} to {to}"
            ))
        };
        match (target.mode, field.mode) {
            (Mode::Repeated, Mode::Repeated) => {}
            (Mode::Repeated, _) | (_, Mode::Repeated) => {
                return refuse("mode", mode_name(target.mode), mode_name(field.mode));
            }
            (Mode::Required, Mode::Nullable) if allowed.relaxation => {
                target.mode = Mode::Nullable;
            }
            (Mode::Required | Mode::Nullable, _) => {}
        }
        match (&mut target.field_type, &field.field_type) {
            (FieldType::Record(inner), FieldType::Record(more)) => {
                *inner = appended(inner, more, allowed, &format!("{name}."))?;
            }
            (from, to) if from == to => {}
            (from, to) => return refuse("type", from.name(), to.name()),
        }
    }
    Ok(out)
}

fn replaced(existing: &[Field], wanted: &[Field], path: &str) -> Result<(), String> {
    for field in existing {
        let name = format!("{path}{}", field.name);
        let Some(index) = index_of(wanted, &field.name) else {
            return Err(format!("Field {name} is missing in new schema"));
        };
        let to = &wanted[index];
        let mode_fits =
            to.mode == field.mode || (field.mode == Mode::Required && to.mode == Mode::Nullable);
        if !mode_fits {
            let (from, to) = (mode_name(field.mode), mode_name(to.mode));
            return Err(format!("Field {name} has changed mode from {from} to {to}"));
        }
        match (&field.field_type, &to.field_type) {
            (FieldType::Record(inner), FieldType::Record(wanted)) => {
                replaced(inner, wanted, &format!("{name}."))?;
            }
            (from, to) if from == to => {}
            (from, to) => {
                let (from, to) = (from.name(), to.name());
                return Err(format!("Field {name} has changed type from {from} to {to}"));
            }
        }
    }
    let added = wanted.iter().filter(|field| index_of(existing, &field.name).is_none());
    for field in added {
        if field.mode == Mode::Required {
            let name = format!("{path}{}", field.name);
            return Err(format!(
                "Cannot add required fields to an existing schema. (field: {name})"
            ));
        }
    }
    Ok(())
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Nullable => "NULLABLE",
        Mode::Required => "REQUIRED",
        Mode::Repeated => "REPEATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, FieldType, Mode)]) -> TableSchema {
        let field = |(name, of, mode): &(&str, FieldType, Mode)| {
            Field::new(name, of.clone()).with_mode(*mode)
        };
        TableSchema { fields: fields.iter().map(field).collect() }
    }

    #[test]
    fn appends_of_another_schema() {
        let table = schema(&[
            ("a", FieldType::Int64, Mode::Required),
            ("b", FieldType::String, Mode::Nullable),
        ]);
        let check = |incoming: TableSchema, addition, relaxation, expected: Result<usize, &str>| {
            let update = table.after_append(&incoming, Updates { addition, relaxation });
            let fields = update.as_ref().map_err(String::as_str).map(|update| match update {
                SchemaUpdate::Unchanged => 0,
                SchemaUpdate::Changed(schema) => schema.fields.len(),
            });
            assert_eq!(fields, expected);
        };
        let same = schema(&[("A", FieldType::Int64, Mode::Nullable)]);
        check(same.clone(), false, false, Ok(0));
        check(same, false, true, Ok(2));
        let more = schema(&[("shape", FieldType::String, Mode::Nullable)]);
        let text = "Invalid schema update. Cannot add fields (field: shape)";
        check(more.clone(), false, false, Err(text));
        check(more, true, false, Ok(3));
        let other = schema(&[("b", FieldType::Int64, Mode::Nullable)]);
        let text = "Invalid schema update. Field b has changed type from STRING to INTEGER";
        check(other, true, true, Err(text));
    }

    #[test]
    fn replacements() {
        let table = schema(&[("a", FieldType::Int64, Mode::Required)]);
        let check = |wanted: TableSchema, fits: bool| {
            let checked = table.check_replacement(&wanted, "p:d.t");
            assert_eq!(checked.is_ok(), fits, "{checked:?}");
        };
        check(schema(&[("a", FieldType::Int64, Mode::Nullable)]), true);
        check(schema(&[("a", FieldType::String, Mode::Required)]), false);
        check(schema(&[]), false);
        let a = ("a", FieldType::Int64, Mode::Required);
        check(schema(&[a.clone(), ("b", FieldType::Date, Mode::Nullable)]), true);
        check(schema(&[a, ("b", FieldType::Date, Mode::Required)]), false);
    }
}

//! BigQuery's table schemas: read from and written to REST's JSON, and as Arrow types. Invariant: every
//! Arrow field carries its BigQuery type in the metadata `bigquery.type`, so that nothing is guessed
//! back from Arrow.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use crate::limits::NESTING_MAX;

/// The metadata key that names the BigQuery type of an Arrow field.
pub const TYPE_KEY: &str = "bigquery.type";

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// UTF-8 text.
    String,
    /// Bytes; base64 in JSON.
    Bytes,
    /// 64-bit integer; text in JSON.
    Int64,
    /// Double.
    Float64,
    /// Boolean.
    Bool,
    /// Microseconds since the epoch, UTC.
    Timestamp,
    /// Days since the epoch.
    Date,
    /// JSON, kept as text.
    Json,
    /// A record with fields of its own.
    Record(Vec<Field>),
}

/// Whether a field may be null or repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// May be null.
    Nullable,
    /// Must be there.
    Required,
    /// An array.
    Repeated,
}

/// A column, or a field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in the case in which it was made.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Its mode.
    pub mode: Mode,
    /// A person's words about it.
    pub description: Option<String>,
}

/// A table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// In order.
    pub fields: Vec<Field>,
}

/// Why a schema is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// It asks for a type that this emulator does not have.
    #[error("Column type {0} is not implemented by this emulator")]
    Unimplemented(String),
}

impl FieldType {
    /// The name in REST's JSON (the legacy spelling, as the service answers).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Int64 => "INTEGER",
            Self::Float64 => "FLOAT",
            Self::Bool => "BOOLEAN",
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Json => "JSON",
            Self::Record(_) => "RECORD",
        }
    }

    fn to_arrow(&self) -> DataType {
        match self {
            Self::String | Self::Json => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Record(fields) => {
                DataType::Struct(fields.iter().map(Field::to_arrow).collect::<Fields>())
            }
        }
    }
}

impl Field {
    /// The Arrow field; a repeated one is a list that is never null.
    #[must_use]
    pub fn to_arrow(&self) -> ArrowField {
        let metadata = HashMap::from([(TYPE_KEY.to_owned(), self.field_type.name().to_owned())]);
        let data_type = self.field_type.to_arrow();
        let field = match self.mode {
            Mode::Nullable => ArrowField::new(&self.name, data_type, true),
            Mode::Required => ArrowField::new(&self.name, data_type, false),
            Mode::Repeated => {
                let item = ArrowField::new("item", data_type, true).with_metadata(metadata.clone());
                ArrowField::new(&self.name, DataType::List(Arc::new(item)), false)
            }
        };
        field.with_metadata(metadata)
    }

    fn from_json(value: &Value, depth: usize) -> Result<Self, SchemaError> {
        if depth > NESTING_MAX {
            let text = format!("Records are nested more than {NESTING_MAX} levels deep");
            return Err(SchemaError::Invalid(text));
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        if !is_column_name(name) {
            let text = format!(
                "Invalid field name \"{name}\". Fields must contain the allowed characters, and be at \
                 most 300 characters long."
            );
            return Err(SchemaError::Invalid(text));
        }
        let field_type = match text("type").unwrap_or_default().to_ascii_uppercase().as_str() {
            "STRING" => FieldType::String,
            "BYTES" => FieldType::Bytes,
            "INTEGER" | "INT64" => FieldType::Int64,
            "FLOAT" | "FLOAT64" => FieldType::Float64,
            "BOOLEAN" | "BOOL" => FieldType::Bool,
            "TIMESTAMP" => FieldType::Timestamp,
            "DATE" => FieldType::Date,
            "JSON" => FieldType::Json,
            "RECORD" | "STRUCT" => FieldType::Record(fields_from_json(value, depth + 1)?),
            "" => return Err(SchemaError::Invalid(format!("Field {name} is missing type."))),
            other => return Err(SchemaError::Unimplemented(other.to_owned())),
        };
        let mode = match text("mode").unwrap_or("NULLABLE").to_ascii_uppercase().as_str() {
            "NULLABLE" | "" => Mode::Nullable,
            "REQUIRED" => Mode::Required,
            "REPEATED" => Mode::Repeated,
            other => {
                return Err(SchemaError::Invalid(format!("Invalid mode {other} of field {name}")));
            }
        };
        let description = text("description").map(str::to_owned);
        Ok(Self { name: name.to_owned(), field_type, mode, description })
    }

    fn to_json(&self) -> Value {
        let mode = match self.mode {
            Mode::Nullable => "NULLABLE",
            Mode::Required => "REQUIRED",
            Mode::Repeated => "REPEATED",
        };
        let mut out = json!({ "name": self.name, "type": self.field_type.name(), "mode": mode });
        if let FieldType::Record(fields) = &self.field_type {
            out["fields"] = fields.iter().map(Self::to_json).collect();
        }
        if let Some(description) = &self.description {
            out["description"] = json!(description);
        }
        out
    }
}

impl TableSchema {
    /// Reads `{"fields": […]}`.
    ///
    /// # Errors
    /// [`SchemaError`] with the field's name.
    pub fn from_json(value: &Value) -> Result<Self, SchemaError> {
        Ok(Self { fields: fields_from_json(value, 1)? })
    }

    /// Writes `{"fields": […]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "fields": self.fields.iter().map(Field::to_json).collect::<Vec<_>>() })
    }

    /// The Arrow schema.
    #[must_use]
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.iter().map(Field::to_arrow).collect::<Fields>()))
    }

    /// Where a column is; names compare without case.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        index_of(&self.fields, name)
    }
}

/// Where a field is in a record; names compare without case.
#[must_use]
pub fn index_of(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
}

fn fields_from_json(value: &Value, depth: usize) -> Result<Vec<Field>, SchemaError> {
    let fields = match value.get("fields") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(fields)) => fields,
        Some(_) => return Err(SchemaError::Invalid("fields must be an array".to_owned())),
    };
    let mut out: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields {
        let field = Field::from_json(field, depth)?;
        if index_of(&out, &field.name).is_some() {
            return Err(SchemaError::Invalid(format!("Duplicate field name: {}", field.name)));
        }
        out.push(field);
    }
    Ok(out)
}

fn is_column_name(name: &str) -> bool {
    (1..=300).contains(&name.chars().count())
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_read_and_written() {
        let schema = json!({ "fields": [
            { "name": "id", "type": "STRING", "mode": "REQUIRED" },
            { "name": "tags", "type": "INTEGER", "mode": "REPEATED" },
            { "name": "p", "type": "RECORD", "mode": "NULLABLE", "fields": [
                { "name": "v", "type": "FLOAT", "mode": "NULLABLE" } ] },
        ] });
        assert_eq!(TableSchema::from_json(&schema).unwrap().to_json(), schema);
    }

    #[test]
    fn wrong_schemas_are_refused() {
        let field = |name: &str, field_type: &str| json!({ "name": name, "type": field_type });
        for fields in [
            vec![field("a", "")],
            vec![field("", "STRING")],
            vec![field("a", "STRING"), field("A", "STRING")],
            vec![field("a", "HYPERCUBE")],
        ] {
            let schema = json!({ "fields": fields });
            assert!(TableSchema::from_json(&schema).is_err(), "{schema}");
        }
    }
}

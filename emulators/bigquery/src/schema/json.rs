//! Schemas in REST's JSON. What a field has beside its type (policy tags, collation) is kept as given;
//! what breaks a rule is refused in the service's words.

use serde_json::{Map, Value, json};

use super::{
    Field, FieldType, Mode, RangeElement, SchemaError, TableSchema, TypeParameters, index_of,
};
use crate::limits::NESTING_MAX;

/// Settings of a field that are given back and mean nothing here.
const KEPT: &[&str] = &["policyTags", "collation", "roundingMode", "categories", "dataPolicies"];

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
}

impl Field {
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
        let field_type = type_from_json(value, name, depth)?;
        let mode = match text("mode").unwrap_or("NULLABLE").to_ascii_uppercase().as_str() {
            "NULLABLE" | "" => Mode::Nullable,
            "REQUIRED" => Mode::Required,
            "REPEATED" => Mode::Repeated,
            other => {
                return Err(SchemaError::Invalid(format!("Invalid mode {other} of field {name}")));
            }
        };
        let kept = KEPT.iter().filter_map(|key| {
            let value = value.get(key).filter(|value| !value.is_null())?;
            Some(((*key).to_owned(), value.clone()))
        });
        let field = Self {
            name: name.to_owned(),
            parameters: TypeParameters::from_json(value, name)?,
            field_type,
            mode,
            description: text("description").map(str::to_owned),
            default_value: text("defaultValueExpression").map(str::to_owned),
            kept: kept.collect(),
        };
        field.check_parameters()?;
        Ok(field)
    }

    /// Writes a field as REST has it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mode = match self.mode {
            Mode::Nullable => "NULLABLE",
            Mode::Required => "REQUIRED",
            Mode::Repeated => "REPEATED",
        };
        let mut out = Map::from_iter(self.kept.clone());
        out.insert("name".to_owned(), json!(self.name));
        out.insert("type".to_owned(), json!(self.field_type.name()));
        out.insert("mode".to_owned(), json!(mode));
        let mut optional = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(key.to_owned(), value);
            }
        };
        let number = |value: Option<u64>| value.map(|value| json!(value.to_string()));
        optional("maxLength", number(self.parameters.length_max));
        optional("precision", number(self.parameters.precision.map(u64::from)));
        optional("scale", number(self.parameters.scale.map(u64::from)));
        optional("description", self.description.as_ref().map(|text| json!(text)));
        optional("defaultValueExpression", self.default_value.as_ref().map(|text| json!(text)));
        match &self.field_type {
            FieldType::Record(fields) => {
                optional("fields", Some(fields.iter().map(Self::to_json).collect()));
            }
            FieldType::Range(element) => {
                let element = json!({ "type": element.field_type().name() });
                optional("rangeElementType", Some(element));
            }
            _ => {}
        }
        Value::Object(out)
    }

    /// Type parameters must be of the type and within its digits.
    fn check_parameters(&self) -> Result<(), SchemaError> {
        let TypeParameters { length_max, precision, scale } = self.parameters;
        let refuse = |text: &str| Err(SchemaError::Invalid(format!("Field {}: {text}", self.name)));
        if length_max.is_some() && !matches!(self.field_type, FieldType::String | FieldType::Bytes)
        {
            return refuse("maxLength can only be set for STRING and BYTES");
        }
        if precision.is_none() && scale.is_none() {
            return Ok(());
        }
        let (whole, fraction) = match self.field_type {
            FieldType::Numeric => (29, 9),
            FieldType::BigNumeric => (38, 38),
            _ => return refuse("precision and scale can only be set for NUMERIC and BIGNUMERIC"),
        };
        let (Some(precision), scale) = (precision, scale.unwrap_or(0)) else {
            return refuse("scale cannot be set without precision");
        };
        if scale > fraction || precision < scale.max(1) || precision > whole + scale {
            return refuse("precision and scale are out of range");
        }
        Ok(())
    }
}

impl TypeParameters {
    fn from_json(value: &Value, name: &str) -> Result<Self, SchemaError> {
        let number = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_u64()),
            Some(Value::String(text)) => text.parse::<u64>().map(Some).map_err(|_| {
                SchemaError::Invalid(format!("Invalid {key} \"{text}\" of field {name}"))
            }),
            Some(_) => Err(SchemaError::Invalid(format!("Invalid {key} of field {name}"))),
        };
        let small =
            |value: Option<u64>| value.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        Ok(Self {
            length_max: number("maxLength")?.filter(|length| *length > 0),
            precision: small(number("precision")?.filter(|digits| *digits > 0)),
            scale: small(number("scale")?),
        })
    }
}

fn type_from_json(value: &Value, name: &str, depth: usize) -> Result<FieldType, SchemaError> {
    let text = value.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    Ok(match text.as_str() {
        "STRING" => FieldType::String,
        "BYTES" => FieldType::Bytes,
        "INTEGER" | "INT64" => FieldType::Int64,
        "FLOAT" | "FLOAT64" => FieldType::Float64,
        "NUMERIC" | "DECIMAL" => FieldType::Numeric,
        "BIGNUMERIC" | "BIGDECIMAL" => FieldType::BigNumeric,
        "BOOLEAN" | "BOOL" => FieldType::Bool,
        "TIMESTAMP" => FieldType::Timestamp,
        "DATE" => FieldType::Date,
        "TIME" => FieldType::Time,
        "DATETIME" => FieldType::Datetime,
        "INTERVAL" => FieldType::Interval,
        "JSON" => FieldType::Json,
        "GEOGRAPHY" => FieldType::Geography,
        "RANGE" => FieldType::Range(range_element(value, name)?),
        "RECORD" | "STRUCT" => {
            let fields = fields_from_json(value, depth + 1)?;
            if fields.is_empty() {
                let text = format!("Field {name} is type RECORD but has no schema");
                return Err(SchemaError::Invalid(text));
            }
            FieldType::Record(fields)
        }
        "" => return Err(SchemaError::Invalid(format!("Field {name} is missing type."))),
        other => return Err(SchemaError::Unimplemented(other.to_owned())),
    })
}

fn range_element(value: &Value, name: &str) -> Result<RangeElement, SchemaError> {
    let element = value.pointer("/rangeElementType/type").and_then(Value::as_str);
    match element.unwrap_or_default().to_ascii_uppercase().as_str() {
        "DATE" => Ok(RangeElement::Date),
        "DATETIME" => Ok(RangeElement::Datetime),
        "TIMESTAMP" => Ok(RangeElement::Timestamp),
        _ => Err(SchemaError::Invalid(format!(
            "Field {name} is type RANGE and needs a rangeElementType of DATE, DATETIME or TIMESTAMP"
        ))),
    }
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
            { "name": "id", "type": "STRING", "mode": "REQUIRED", "maxLength": "8" },
            { "name": "tags", "type": "INTEGER", "mode": "REPEATED" },
            { "name": "price", "type": "NUMERIC", "mode": "NULLABLE", "precision": "10",
              "scale": "2", "defaultValueExpression": "0", "policyTags": { "names": ["x"] } },
            { "name": "span", "type": "RANGE", "mode": "NULLABLE",
              "rangeElementType": { "type": "DATE" } },
            { "name": "p", "type": "RECORD", "mode": "NULLABLE", "fields": [
                { "name": "v", "type": "FLOAT", "mode": "NULLABLE", "description": "volts" } ] },
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
            vec![field("a", "RANGE")],
            vec![field("a", "RECORD")],
            vec![json!({ "name": "a", "type": "INTEGER", "maxLength": "3" })],
            vec![json!({ "name": "a", "type": "NUMERIC", "scale": "3" })],
            vec![json!({ "name": "a", "type": "NUMERIC", "precision": "40", "scale": "9" })],
        ] {
            let schema = json!({ "fields": fields });
            assert!(TableSchema::from_json(&schema).is_err(), "{schema}");
        }
    }
}

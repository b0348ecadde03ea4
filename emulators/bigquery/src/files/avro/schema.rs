//! Avro's schemas: read from a file's header as columns of a table, and written for a table's columns.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::FileError;
use crate::limits::NESTING_MAX;
use crate::schema::{Field, FieldType, Mode, RangeElement, TableSchema};

/// A type of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Avro {
    Null,
    Bool,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Arc<[String]>),
    Array(Box<AvroField>),
    /// Values by name.
    Map(Box<AvroField>),
    Union(Vec<AvroField>),
    Record(Arc<[(String, AvroField)]>),
}

/// A type with its logical type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AvroField {
    pub(super) of: Avro,
    pub(super) logical: Logical,
}

/// What a type means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    /// Civil time.
    LocalMillis,
    LocalMicros,
    /// Digits after the point, and before it.
    Decimal {
        precision: u32,
        scale: u32,
    },
    Datetime,
    Geography,
    Json,
    Interval,
    Range,
}

fn wrong(what: impl Into<String>) -> FileError {
    FileError(format!(
        "The Apache Avro library failed to parse the header with the following error: {}",
        what.into()
    ))
}

/// Reads a schema.
///
/// # Errors
/// What the specification does not allow, or types that refer to themselves.
pub(super) fn parse(text: &[u8]) -> Result<AvroField, FileError> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| wrong(format!("invalid schema: {error}")))?;
    field(&value, &mut HashMap::new(), 0)
}

fn field(
    value: &Value,
    named: &mut HashMap<String, AvroField>,
    depth: usize,
) -> Result<AvroField, FileError> {
    if depth > 4 * NESTING_MAX {
        return Err(wrong("types are nested too deeply"));
    }
    let plain = |of: Avro| Ok(AvroField { of, logical: Logical::None });
    match value {
        Value::String(name) => match primitive(name) {
            Some(of) => plain(of),
            // A named type is known once its definition is over: types that hold themselves are not.
            None => named.get(name).cloned().ok_or_else(|| wrong(format!("unknown type {name}"))),
        },
        Value::Array(variants) => {
            let variants = variants.iter().map(|variant| field(variant, named, depth + 1));
            plain(Avro::Union(variants.collect::<Result<_, _>>()?))
        }
        Value::Object(_) => {
            let of = complex(value, named, depth)?;
            let made = AvroField { logical: logical(value, &of), of };
            if let Some(name) = value["name"].as_str() {
                let full = match value["namespace"].as_str() {
                    Some(space) if !space.is_empty() => format!("{space}.{name}"),
                    _ => name.to_owned(),
                };
                named.insert(name.to_owned(), made.clone());
                named.insert(full, made.clone());
            }
            Ok(made)
        }
        other => Err(wrong(format!("no type: {other}"))),
    }
}

fn primitive(name: &str) -> Option<Avro> {
    Some(match name {
        "null" => Avro::Null,
        "boolean" => Avro::Bool,
        "int" => Avro::Int,
        "long" => Avro::Long,
        "float" => Avro::Float,
        "double" => Avro::Double,
        "bytes" => Avro::Bytes,
        "string" => Avro::Text,
        _ => return None,
    })
}

fn complex(
    value: &Value,
    named: &mut HashMap<String, AvroField>,
    depth: usize,
) -> Result<Avro, FileError> {
    let inner = |key: &str, named: &mut _| field(&value[key], named, depth + 1).map(Box::new);
    Ok(match value["type"].as_str() {
        Some("record") => {
            let fields =
                value["fields"].as_array().ok_or_else(|| wrong("a record has no fields"))?;
            let fields = fields.iter().map(|it| {
                let name = it["name"].as_str().ok_or_else(|| wrong("a field has no name"))?;
                Ok((name.to_owned(), field(&it["type"], named, depth + 1)?))
            });
            Avro::Record(fields.collect::<Result<_, FileError>>()?)
        }
        Some("array") => Avro::Array(inner("items", named)?),
        Some("map") => Avro::Map(inner("values", named)?),
        Some("enum") => {
            let symbols = value["symbols"].as_array().into_iter().flatten();
            Avro::Enum(symbols.filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some("fixed") => {
            let size = value["size"].as_u64().and_then(|size| usize::try_from(size).ok());
            Avro::Fixed(size.ok_or_else(|| wrong("a fixed type has no size"))?)
        }
        Some(name) => match primitive(name) {
            Some(of) => of,
            None => {
                named.get(name).cloned().ok_or_else(|| wrong(format!("unknown type {name}")))?.of
            }
        },
        None => field(&value["type"], named, depth + 1)?.of,
    })
}

fn logical(value: &Value, of: &Avro) -> Logical {
    let name = value["logicalType"].as_str().unwrap_or_default();
    let sql = value["sqlType"].as_str().unwrap_or_default();
    let number = |key: &str| value[key].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
    match (of, name, sql) {
        (Avro::Int, "date", _) => Logical::Date,
        (Avro::Int, "time-millis", _) => Logical::TimeMillis,
        (Avro::Long, "time-micros", _) => Logical::TimeMicros,
        (Avro::Long, "timestamp-millis", _) => Logical::TimestampMillis,
        (Avro::Long, "timestamp-micros", _) => Logical::TimestampMicros,
        (Avro::Long, "local-timestamp-millis", _) => Logical::LocalMillis,
        (Avro::Long, "local-timestamp-micros", _) => Logical::LocalMicros,
        (Avro::Bytes | Avro::Fixed(_), "decimal", _) => {
            Logical::Decimal { precision: number("precision"), scale: number("scale") }
        }
        (Avro::Text, "datetime", _) | (Avro::Text, _, "DATETIME") => Logical::Datetime,
        (Avro::Text, _, "GEOGRAPHY") => Logical::Geography,
        (Avro::Text, _, "JSON") => Logical::Json,
        (Avro::Text, _, "INTERVAL") => Logical::Interval,
        (Avro::Record(_), _, "RANGE") => Logical::Range,
        _ => Logical::None,
    }
}

/// The columns of a file, with logical types as they are meant or as their raw types.
///
/// # Errors
/// A type that no column can have.
pub(super) fn columns(root: &AvroField, use_logical: bool) -> Result<TableSchema, FileError> {
    let Avro::Record(fields) = &root.of else {
        return Err(wrong("the file does not hold records"));
    };
    let columns = fields.iter().map(|(name, field)| column(name, field, use_logical));
    Ok(TableSchema { fields: columns.collect::<Result<_, _>>()? })
}

fn column(name: &str, field: &AvroField, use_logical: bool) -> Result<Field, FileError> {
    let refused = || wrong(format!("field {name} has a type that no column can have"));
    match &field.of {
        Avro::Union(variants) => {
            let some: Vec<&AvroField> = variants.iter().filter(|it| it.of != Avro::Null).collect();
            let [one] = some[..] else { return Err(refused()) };
            let is_nullable = some.len() < variants.len();
            let column = column(name, one, use_logical)?;
            match column.mode {
                Mode::Required if is_nullable => Ok(column.with_mode(Mode::Nullable)),
                _ => Ok(column),
            }
        }
        Avro::Array(item) => {
            let column = column(name, item, use_logical)?;
            if column.mode == Mode::Repeated {
                return Err(refused());
            }
            Ok(column.with_mode(Mode::Repeated))
        }
        Avro::Map(values) => {
            let entries = vec![
                Field::new("key", FieldType::String).with_mode(Mode::Required),
                column("value", values, use_logical)?,
            ];
            Ok(Field::new(name, FieldType::Record(entries)).with_mode(Mode::Repeated))
        }
        Avro::Record(fields) if field.logical == Logical::Range => {
            let start = fields.first().ok_or_else(refused)?;
            let element = match column("start", &start.1, true)?.field_type {
                FieldType::Date => RangeElement::Date,
                FieldType::Datetime => RangeElement::Datetime,
                FieldType::Timestamp => RangeElement::Timestamp,
                _ => return Err(refused()),
            };
            Ok(Field::new(name, FieldType::Range(element)).with_mode(Mode::Required))
        }
        Avro::Record(fields) => {
            let fields = fields.iter().map(|(name, field)| column(name, field, use_logical));
            let of = FieldType::Record(fields.collect::<Result<_, _>>()?);
            Ok(Field::new(name, of).with_mode(Mode::Required))
        }
        Avro::Null => Err(refused()),
        _ => Ok(Field::new(name, scalar(field, use_logical)).with_mode(Mode::Required)),
    }
}

fn scalar(field: &AvroField, use_logical: bool) -> FieldType {
    match (field.logical, &field.of) {
        // These say what they are whether or not logical types are wanted.
        (Logical::Datetime, _) => FieldType::Datetime,
        (Logical::Geography, _) => FieldType::Geography,
        (Logical::Json, _) => FieldType::Json,
        (Logical::Interval, _) => FieldType::Interval,
        (Logical::Date, _) if use_logical => FieldType::Date,
        (Logical::TimeMillis | Logical::TimeMicros, _) if use_logical => FieldType::Time,
        (Logical::TimestampMillis | Logical::TimestampMicros, _) if use_logical => {
            FieldType::Timestamp
        }
        (Logical::LocalMillis | Logical::LocalMicros, _) if use_logical => FieldType::Datetime,
        (Logical::Decimal { precision, scale }, _) if use_logical => {
            let fits_numeric = scale <= 9 && precision.saturating_sub(scale) <= 29;
            if fits_numeric { FieldType::Numeric } else { FieldType::BigNumeric }
        }
        (_, Avro::Bool) => FieldType::Bool,
        (_, Avro::Int | Avro::Long) => FieldType::Int64,
        (_, Avro::Float | Avro::Double) => FieldType::Float64,
        (_, Avro::Text | Avro::Enum(_)) => FieldType::String,
        _ => FieldType::Bytes,
    }
}

/// How records are named, which tells exports from the Storage Read API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// `Root`, and the fields' own names.
    Export,
    /// `__root__`, and `__s_0`, `__s_1`, ….
    Read,
}

/// The schema of a table's rows.
pub(crate) fn schema_json(schema: &TableSchema, naming: Naming) -> Value {
    let mut count = 0;
    let root = if naming == Naming::Export { "Root" } else { "__root__" };
    json!({
        "type": "record",
        "name": root,
        "fields": fields_json(&schema.fields, naming, root, &mut count),
    })
}

fn fields_json(fields: &[Field], naming: Naming, path: &str, count: &mut usize) -> Vec<Value> {
    let described = fields.iter().map(|field| {
        let of = type_json(field, naming, path, count);
        let of = match field.mode {
            Mode::Nullable => json!(["null", of]),
            Mode::Required => of,
            Mode::Repeated => json!({ "type": "array", "items": of }),
        };
        let mut out = json!({ "name": field.name, "type": of });
        if let Some(description) = &field.description {
            out["doc"] = json!(description);
        }
        out
    });
    described.collect()
}

fn type_json(field: &Field, naming: Naming, path: &str, count: &mut usize) -> Value {
    let text = |of: &str| json!({ "type": "string", "sqlType": of });
    let record = |fields: &[Field], count: &mut usize| {
        let name = match naming {
            Naming::Export => format!("{path}_{}", field.name),
            Naming::Read => format!("__s_{count}"),
        };
        *count += 1;
        let fields = fields_json(fields, naming, &name, count);
        json!({ "type": "record", "name": name, "fields": fields })
    };
    match &field.field_type {
        FieldType::String => json!("string"),
        FieldType::Bytes => json!("bytes"),
        FieldType::Int64 => json!("long"),
        FieldType::Float64 => json!("double"),
        FieldType::Bool => json!("boolean"),
        FieldType::Numeric => json!({
            "type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9,
        }),
        FieldType::BigNumeric => json!({
            "type": "bytes", "logicalType": "decimal", "precision": 77, "scale": 38,
        }),
        FieldType::Timestamp => json!({ "type": "long", "logicalType": "timestamp-micros" }),
        FieldType::Date => json!({ "type": "int", "logicalType": "date" }),
        FieldType::Time => json!({ "type": "long", "logicalType": "time-micros" }),
        FieldType::Datetime => json!({
            "type": "string", "logicalType": "datetime", "sqlType": "DATETIME",
        }),
        FieldType::Interval => text("INTERVAL"),
        FieldType::Json => text("JSON"),
        FieldType::Geography => text("GEOGRAPHY"),
        FieldType::Range(element) => {
            let mut out = record(&element.bounds(), count);
            out["sqlType"] = json!("RANGE");
            out
        }
        FieldType::Record(fields) => record(fields, count),
    }
}

//! A table's schema as the Storage API's messages have it.

use windtunnel_protos::bigquery::table_field_schema::{FieldElementType, Mode as ProtoMode, Type};
use windtunnel_protos::bigquery::{TableFieldSchema, TableSchema as ProtoSchema};

use crate::schema::{Field, FieldType, Mode, TableSchema};

/// The schema of a table.
pub(crate) fn proto_schema(schema: &TableSchema) -> ProtoSchema {
    ProtoSchema { fields: schema.fields.iter().map(proto_field).collect() }
}

fn proto_field(field: &Field) -> TableFieldSchema {
    let mode = match field.mode {
        Mode::Nullable => ProtoMode::Nullable,
        Mode::Required => ProtoMode::Required,
        Mode::Repeated => ProtoMode::Repeated,
    };
    let (fields, element) = match &field.field_type {
        FieldType::Record(fields) => (fields.iter().map(proto_field).collect(), None),
        FieldType::Range(element) => (Vec::new(), Some(proto_type(&element.field_type()))),
        _ => (Vec::new(), None),
    };
    let number = |value: Option<u32>| value.map_or(0, i64::from);
    let parameters = &field.parameters;
    TableFieldSchema {
        name: field.name.clone(),
        r#type: proto_type(&field.field_type).into(),
        mode: mode.into(),
        fields,
        description: field.description.clone().unwrap_or_default(),
        max_length: parameters.length_max.and_then(|it| i64::try_from(it).ok()).unwrap_or(0),
        precision: number(parameters.precision),
        scale: number(parameters.scale),
        default_value_expression: field.default_value.clone().unwrap_or_default(),
        range_element_type: element.map(|of| FieldElementType { r#type: of.into() }),
        ..TableFieldSchema::default()
    }
}

fn proto_type(of: &FieldType) -> Type {
    match of {
        FieldType::String => Type::String,
        FieldType::Bytes => Type::Bytes,
        FieldType::Int64 => Type::Int64,
        FieldType::Float64 => Type::Double,
        FieldType::Numeric => Type::Numeric,
        FieldType::BigNumeric => Type::Bignumeric,
        FieldType::Bool => Type::Bool,
        FieldType::Timestamp => Type::Timestamp,
        FieldType::Date => Type::Date,
        FieldType::Time => Type::Time,
        FieldType::Datetime => Type::Datetime,
        FieldType::Interval => Type::Interval,
        FieldType::Json => Type::Json,
        FieldType::Geography => Type::Geography,
        FieldType::Range(_) => Type::Range,
        FieldType::Record(_) => Type::Struct,
    }
}

//! Columns as GoogleSQL has them: `TableSchema` to and from named types, and a column's type as text with
//! its parameters, as `INFORMATION_SCHEMA` shows it.

use std::fmt::Write;

use windtunnel_sql::{StructField, Type};

use super::{Field, FieldType, Mode, RangeElement, SchemaError, TableSchema};

impl TableSchema {
    /// Names and types of the columns, in order.
    #[must_use]
    pub fn sql_columns(&self) -> Vec<(String, Type)> {
        self.fields.iter().map(|field| (field.name.clone(), field.sql_type())).collect()
    }

    /// Nullable columns of the types, as a query's result has them.
    ///
    /// # Errors
    /// A type that no column can have: an array of arrays.
    pub fn of_sql_columns<'a>(
        columns: impl IntoIterator<Item = (&'a str, &'a Type)>,
    ) -> Result<Self, SchemaError> {
        let fields = columns.into_iter().map(|(name, of)| Field::of_sql_type(name, of));
        Ok(Self { fields: fields.collect::<Result<_, _>>()? })
    }
}

impl Field {
    /// The type of the column's values.
    #[must_use]
    pub fn sql_type(&self) -> Type {
        let of = self.field_type.sql_type();
        if self.mode == Mode::Repeated { Type::array_of(of) } else { of }
    }

    /// A nullable or repeated column of a type; fields of structs that have no name get one.
    ///
    /// # Errors
    /// An array of arrays.
    pub fn of_sql_type(name: &str, of: &Type) -> Result<Self, SchemaError> {
        let (element, mode) = match of {
            Type::Array(element) => (&**element, Mode::Repeated),
            of => (of, Mode::Nullable),
        };
        Ok(Self::new(name, FieldType::of_sql_type(element)?).with_mode(mode))
    }

    /// The type as DDL writes it: `ARRAY<STRUCT<a STRING(10), b NUMERIC(5, 2)>>`.
    #[must_use]
    pub fn sql_text(&self) -> String {
        let mut text = String::new();
        self.write_sql(&mut text);
        text
    }

    fn write_sql(&self, out: &mut String) {
        if self.mode == Mode::Repeated {
            out.push_str("ARRAY<");
        }
        match &self.field_type {
            FieldType::Record(fields) => {
                out.push_str("STRUCT<");
                for (index, field) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    out.push_str(&field.name);
                    out.push(' ');
                    field.write_sql(out);
                }
                out.push('>');
            }
            other => {
                let _infallible = write!(out, "{}", other.sql_type());
                self.write_parameters(out);
            }
        }
        if self.mode == Mode::Repeated {
            out.push('>');
        }
    }

    fn write_parameters(&self, out: &mut String) {
        let parameters = &self.parameters;
        let _infallible = match (parameters.length_max, parameters.precision, parameters.scale) {
            (Some(length), _, _) => write!(out, "({length})"),
            (_, Some(precision), None | Some(0)) => write!(out, "({precision})"),
            (_, Some(precision), Some(scale)) => write!(out, "({precision}, {scale})"),
            (None, None, _) => Ok(()),
        };
    }
}

impl FieldType {
    /// The type of one value.
    #[must_use]
    pub fn sql_type(&self) -> Type {
        match self {
            Self::String => Type::String,
            Self::Bytes => Type::Bytes,
            Self::Int64 => Type::Int64,
            Self::Float64 => Type::Float64,
            Self::Numeric => Type::Numeric,
            Self::BigNumeric => Type::BigNumeric,
            Self::Bool => Type::Bool,
            Self::Timestamp => Type::Timestamp,
            Self::Date => Type::Date,
            Self::Time => Type::Time,
            Self::Datetime => Type::Datetime,
            Self::Interval => Type::Interval,
            Self::Json => Type::Json,
            Self::Geography => Type::Geography,
            Self::Range(element) => Type::Range(element.field_type().sql_type().into()),
            Self::Record(fields) => Type::struct_of(
                fields.iter().map(|field| StructField::new(&field.name, field.sql_type())),
            ),
        }
    }

    fn of_sql_type(of: &Type) -> Result<Self, SchemaError> {
        Ok(match of {
            Type::String => Self::String,
            Type::Bytes => Self::Bytes,
            Type::Int64 => Self::Int64,
            Type::Float64 => Self::Float64,
            Type::Numeric => Self::Numeric,
            Type::BigNumeric => Self::BigNumeric,
            Type::Bool => Self::Bool,
            Type::Timestamp => Self::Timestamp,
            Type::Date => Self::Date,
            Type::Time => Self::Time,
            Type::Datetime => Self::Datetime,
            Type::Interval => Self::Interval,
            Type::Json => Self::Json,
            Type::Geography => Self::Geography,
            Type::Range(element) => Self::Range(match **element {
                Type::Date => RangeElement::Date,
                Type::Datetime => RangeElement::Datetime,
                Type::Timestamp => RangeElement::Timestamp,
                _ => return Err(SchemaError::Invalid(format!("{of} is no column type"))),
            }),
            Type::Struct(fields) => {
                let fields = fields.iter().enumerate().map(|(index, field)| {
                    if field.name.is_empty() {
                        // The service's own names for fields without one.
                        Field::of_sql_type(&format!("_field_{}", index + 1), &field.field_type)
                    } else {
                        Field::of_sql_type(&field.name, &field.field_type)
                    }
                });
                Self::Record(fields.collect::<Result<_, _>>()?)
            }
            Type::Array(_) => {
                let text = "Arrays of arrays are not supported".to_owned();
                return Err(SchemaError::Invalid(text));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_as_ddl_writes_them() {
        let schema = json!({ "fields": [
            { "name": "a", "type": "STRING", "maxLength": "10" },
            { "name": "b", "type": "RECORD", "mode": "REPEATED", "fields": [
                { "name": "x", "type": "NUMERIC", "precision": "5", "scale": "2" },
                { "name": "y", "type": "INTEGER", "mode": "REPEATED" } ] },
            { "name": "c", "type": "RANGE", "rangeElementType": { "type": "DATE" } },
        ] });
        let schema = TableSchema::from_json(&schema).unwrap();
        let texts: Vec<String> = schema.fields.iter().map(Field::sql_text).collect();
        let expected =
            ["STRING(10)", "ARRAY<STRUCT<x NUMERIC(5, 2), y ARRAY<INT64>>>", "RANGE<DATE>"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn types_go_to_columns_and_back() {
        let point = Type::struct_of([
            StructField::new("x", Type::Int64),
            StructField::new("tags", Type::array_of(Type::String)),
        ]);
        let columns = [("a", Type::Numeric), ("b", Type::array_of(point)), ("c", Type::Json)];
        let borrowed = columns.iter().map(|(name, of)| (*name, of));
        let schema = TableSchema::of_sql_columns(borrowed).unwrap();
        let back: Vec<(String, Type)> = schema.sql_columns();
        let expected = columns.map(|(name, of)| (name.to_owned(), of));
        assert_eq!(back, expected);
        let nested = Type::array_of(Type::array_of(Type::Int64));
        assert!(TableSchema::of_sql_columns([("a", &nested)]).is_err());
    }
}

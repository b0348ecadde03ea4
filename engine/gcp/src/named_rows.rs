//! Rows of tables that a pipeline names: JSON objects become protobuf rows of the table's own schema, as
//! the service tells it when a stream is made. What does not fit is refused here with its column, before
//! it costs a call. Invariant: a row is encoded whole or refused with a reason.

mod columns;
mod convert;

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use prost_types::field_descriptor_proto::{Label, Type as ProtoType};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Map, Value};
use windtunnel_model::TableRows;
use windtunnel_protos::bigquery::table_field_schema::{Mode, Type};
use windtunnel_protos::bigquery::{TableFieldSchema, TableSchema};

pub use columns::NewColumns;

use crate::destinations::UnknownFields;
use crate::rows::delimited;

/// Why rows are not sent as they are.
#[derive(Debug, PartialEq)]
pub enum Unfit {
    /// These rows do not fit their table: number, reason.
    Refused(Vec<(u32, String)>),
    /// The table must get these columns first.
    NewColumns(NewColumns),
}

/// What is wrong with one row.
#[derive(Debug, PartialEq)]
enum Problem {
    Refused(String),
    /// A field that the table does not have, and its value.
    Unknown(String, Value),
}

/// Encodes rows for one table.
#[derive(Debug)]
pub struct RowEncoder {
    record: Record,
    descriptor: DescriptorProto,
    unknown: UnknownFields,
}

/// The columns of a table, or the fields of a RECORD.
#[derive(Debug)]
struct Record {
    columns: Vec<Column>,
    /// By name in lower case: BigQuery's names have no case.
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Column {
    name: String,
    number: u32,
    kind: Kind,
    mode: Mode,
    has_default: bool,
}

#[derive(Debug)]
enum Kind {
    Text,
    /// Any JSON value, as text.
    Json,
    /// Digits, as text: NUMERIC and BIGNUMERIC.
    Decimal,
    Integer,
    Double,
    Bool,
    Bytes,
    Timestamp,
    Date,
    Record(Record),
}

impl RowEncoder {
    /// An encoder for a table.
    #[must_use]
    pub fn new(schema: &TableSchema, unknown: UnknownFields) -> Self {
        let (record, descriptor) = record("Row", &schema.fields);
        Self { record, descriptor, unknown }
    }

    /// The message type of the rows.
    #[must_use]
    pub fn descriptor(&self) -> DescriptorProto {
        self.descriptor.clone()
    }

    /// Encodes rows, all or none.
    ///
    /// # Errors
    /// [`Unfit`]: every row that is refused, or what the table lacks.
    pub fn encode(&self, rows: &TableRows) -> Result<Vec<Bytes>, Unfit> {
        let mut buffer = BytesMut::with_capacity(rows.iter().map(<[u8]>::len).sum());
        let mut encoded = Vec::with_capacity(rows.len());
        let (mut refused, mut missing) = (Vec::new(), NewColumns::default());
        for (index, row) in (0_u32..).zip(rows.iter()) {
            match self.encode_row(row, &mut buffer, &mut missing) {
                Ok(()) => encoded.push(buffer.split().freeze()),
                Err(reason) => {
                    buffer.clear();
                    refused.push((index, reason));
                }
            }
        }
        if !refused.is_empty() {
            return Err(Unfit::Refused(refused));
        }
        match missing.is_empty() {
            true => Ok(encoded),
            false => Err(Unfit::NewColumns(missing)),
        }
    }

    fn encode_row(
        &self,
        row: &[u8],
        out: &mut BytesMut,
        missing: &mut NewColumns,
    ) -> Result<(), String> {
        let fields = match serde_json::from_slice(row) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => return Err(format!("a row is an object, not {}", convert::kind(&other))),
            Err(error) => return Err(format!("a row is a JSON object: {error}")),
        };
        let mut unknown = |name: &str, value: &Value| match self.unknown {
            UnknownFields::Ignore => Ok(()),
            UnknownFields::Reject => Err(format!("no such field: {name}")),
            UnknownFields::Add => missing.add(name, value),
        };
        self.record.encode(&fields, "", out, &mut |problem| match problem {
            Problem::Refused(reason) => Err(reason),
            Problem::Unknown(name, value) => unknown(&name, &value),
        })
    }
}

type OnProblem<'a> = &'a mut dyn FnMut(Problem) -> Result<(), String>;

impl Record {
    fn encode(
        &self,
        fields: &Map<String, Value>,
        path: &str,
        out: &mut BytesMut,
        problem: OnProblem<'_>,
    ) -> Result<(), String> {
        let mut seen = vec![false; self.columns.len()];
        for (name, value) in fields {
            let place = self.by_name.get(name).copied();
            let place = place.or_else(|| self.by_name.get(&name.to_lowercase()).copied());
            let Some(place) = place else {
                problem(Problem::Unknown(format!("{path}{name}"), value.clone()))?;
                continue;
            };
            let column = &self.columns[place];
            if std::mem::replace(&mut seen[place], true) {
                problem(Problem::Refused(format!("{path}{name} is given twice")))?;
                continue;
            }
            column.encode(value, path, out, problem)?;
            seen[place] = !value.is_null();
        }
        for (column, seen) in self.columns.iter().zip(seen) {
            if column.mode == Mode::Required && !seen && !column.has_default {
                let reason = format!("{path}{} is REQUIRED and has no value", column.name);
                problem(Problem::Refused(reason))?;
            }
        }
        Ok(())
    }
}

impl Column {
    fn encode(
        &self,
        value: &Value,
        path: &str,
        out: &mut BytesMut,
        problem: OnProblem<'_>,
    ) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        if self.mode != Mode::Repeated {
            return self.encode_one(value, path, out, problem);
        }
        let Value::Array(elements) = value else {
            let reason =
                format!("{path}{}: expected an array, found {}", self.name, convert::kind(value));
            return problem(Problem::Refused(reason));
        };
        for element in elements {
            if element.is_null() {
                problem(Problem::Refused(format!("{path}{}: an element is null", self.name)))?;
            }
            self.encode_one(element, path, out, problem)?;
        }
        Ok(())
    }

    fn encode_one(
        &self,
        value: &Value,
        path: &str,
        out: &mut BytesMut,
        problem: OnProblem<'_>,
    ) -> Result<(), String> {
        let Kind::Record(record) = &self.kind else {
            let fits = convert::scalar(&self.kind, self.number, value, out);
            return fits.or_else(|expected| {
                let (name, found) = (&self.name, convert::kind(value));
                let reason = format!("{path}{name}: expected {expected}, found {found}");
                problem(Problem::Refused(reason))
            });
        };
        let Value::Object(fields) = value else {
            let (name, found) = (&self.name, convert::kind(value));
            let reason = format!("{path}{name}: expected an object, found {found}");
            return problem(Problem::Refused(reason));
        };
        let mut nested = BytesMut::new();
        record.encode(fields, &format!("{path}{}.", self.name), &mut nested, problem)?;
        delimited(self.number, &nested, out);
        Ok(())
    }
}

/// The columns of a record with the message type that they make.
fn record(name: &str, fields: &[TableFieldSchema]) -> (Record, DescriptorProto) {
    let mut descriptor =
        DescriptorProto { name: Some(name.to_owned()), ..DescriptorProto::default() };
    let (mut columns, mut by_name) = (Vec::new(), HashMap::new());
    for (number, field) in (1_u32..).zip(fields) {
        let mode = Mode::try_from(field.mode).unwrap_or(Mode::Nullable);
        let (kind, proto) = kind_of(field, number, &mut descriptor);
        let label = match mode {
            Mode::Repeated => Label::Repeated,
            _ => Label::Optional,
        };
        descriptor.field.push(FieldDescriptorProto {
            name: Some(field.name.clone()),
            number: i32::try_from(number).ok(),
            label: Some(label.into()),
            r#type: Some(proto.into()),
            type_name: matches!(kind, Kind::Record(_)).then(|| format!("Record{number}")),
            ..FieldDescriptorProto::default()
        });
        by_name.insert(field.name.to_lowercase(), columns.len());
        let (name, has_default) = (field.name.clone(), !field.default_value_expression.is_empty());
        columns.push(Column { name, number, kind, mode, has_default });
    }
    (Record { columns, by_name }, descriptor)
}

fn kind_of(
    field: &TableFieldSchema,
    number: u32,
    descriptor: &mut DescriptorProto,
) -> (Kind, ProtoType) {
    match Type::try_from(field.r#type).unwrap_or(Type::String) {
        Type::Int64 => (Kind::Integer, ProtoType::Int64),
        Type::Double => (Kind::Double, ProtoType::Double),
        Type::Bool => (Kind::Bool, ProtoType::Bool),
        Type::Bytes => (Kind::Bytes, ProtoType::Bytes),
        Type::Timestamp => (Kind::Timestamp, ProtoType::Int64),
        Type::Date => (Kind::Date, ProtoType::Int32),
        Type::Json => (Kind::Json, ProtoType::String),
        Type::Numeric | Type::Bignumeric => (Kind::Decimal, ProtoType::String),
        Type::Struct => {
            let (fields, nested) = record(&format!("Record{number}"), &field.fields);
            descriptor.nested_type.push(nested);
            (Kind::Record(fields), ProtoType::Message)
        }
        _ => (Kind::Text, ProtoType::String),
    }
}

#[cfg(test)]
mod tests;

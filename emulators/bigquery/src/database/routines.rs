//! Routines between REST's resource, in which they are kept, and SQL.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windtunnel_sql::{Result, Routine, RoutineKind, RoutineParameter, SqlError, StructField, Type};

/// The routine of a resource.
pub(super) fn routine_of(path: &[String], resource: &Json) -> Result<Routine> {
    let language = resource["language"].as_str().unwrap_or("SQL");
    let kind = match (resource["routineType"].as_str().unwrap_or("SCALAR_FUNCTION"), language) {
        ("PROCEDURE", _) => RoutineKind::Procedure,
        ("TABLE_VALUED_FUNCTION", _) => RoutineKind::TableFunction,
        ("AGGREGATE_FUNCTION", "SQL") => RoutineKind::SqlAggregate,
        (_, "SQL") => RoutineKind::SqlFunction,
        (_, other) => RoutineKind::ForeignFunction { language: other.to_ascii_lowercase() },
    };
    let parameters = resource["arguments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(parameter_of)
        .collect::<Result<_>>()?;
    let returns = match &resource["returnType"] {
        Json::Null => None,
        written => Some(type_of(written)?),
    };
    Ok(Routine {
        path: path.to_vec(),
        kind,
        parameters,
        returns,
        body: resource["definitionBody"].as_str().unwrap_or_default().to_owned(),
    })
}

fn parameter_of(argument: &Json) -> Result<RoutineParameter> {
    let mode = argument["mode"].as_str().unwrap_or("IN");
    let is_any = argument["argumentKind"].as_str() == Some("ANY_TYPE");
    let parameter_type = match &argument["dataType"] {
        Json::Null => None,
        _ if is_any => None,
        written => Some(type_of(written)?),
    };
    Ok(RoutineParameter {
        name: argument["name"].as_str().unwrap_or_default().to_owned(),
        parameter_type,
        table: None,
        is_output: mode != "IN",
        is_input: mode != "OUT",
        not_aggregate: argument["isAggregate"].as_bool() == Some(false),
    })
}

/// `StandardSqlDataType` of REST.
fn type_of(written: &Json) -> Result<Type> {
    let kind = written["typeKind"].as_str().unwrap_or_default();
    Ok(match kind {
        "ARRAY" => Type::array_of(type_of(&written["arrayElementType"])?),
        "RANGE" => Type::Range(Arc::new(type_of(&written["rangeElementType"])?)),
        "STRUCT" => {
            let fields = written["structType"]["fields"].as_array().into_iter().flatten();
            let fields = fields.map(|field| {
                let name = field["name"].as_str().unwrap_or_default();
                Ok(StructField::new(name, type_of(&field["type"])?))
            });
            Type::struct_of(fields.collect::<Result<Vec<_>>>()?)
        }
        simple => Type::simple(simple)
            .ok_or_else(|| SqlError::evaluation(format!("Invalid type of a routine: {simple}")))?,
    })
}

fn type_json(of: &Type) -> Json {
    match of {
        Type::Array(element) => {
            json!({ "typeKind": "ARRAY", "arrayElementType": type_json(element) })
        }
        Type::Range(element) => {
            json!({ "typeKind": "RANGE", "rangeElementType": type_json(element) })
        }
        Type::Struct(fields) => {
            let fields: Vec<Json> = fields
                .iter()
                .map(|field| json!({ "name": &*field.name, "type": type_json(&field.field_type) }))
                .collect();
            json!({ "typeKind": "STRUCT", "structType": { "fields": fields } })
        }
        simple => json!({ "typeKind": simple.to_string() }),
    }
}

/// The resource of a routine that SQL made.
pub(super) fn resource_of(routine: &Routine) -> Json {
    let (routine_type, language) = match &routine.kind {
        RoutineKind::Procedure => ("PROCEDURE", "SQL".to_owned()),
        RoutineKind::TableFunction => ("TABLE_VALUED_FUNCTION", "SQL".to_owned()),
        RoutineKind::SqlAggregate => ("AGGREGATE_FUNCTION", "SQL".to_owned()),
        RoutineKind::SqlFunction => ("SCALAR_FUNCTION", "SQL".to_owned()),
        RoutineKind::ForeignFunction { language } if language.eq_ignore_ascii_case("js") => {
            ("SCALAR_FUNCTION", "JAVASCRIPT".to_owned())
        }
        RoutineKind::ForeignFunction { language } => {
            ("SCALAR_FUNCTION", language.to_ascii_uppercase())
        }
    };
    let arguments: Vec<Json> = routine
        .parameters
        .iter()
        .map(|parameter| {
            let mut out = json!({ "name": parameter.name });
            match &parameter.parameter_type {
                Some(of) => out["dataType"] = type_json(of),
                None => out["argumentKind"] = json!("ANY_TYPE"),
            }
            if routine.kind == RoutineKind::Procedure {
                out["mode"] = json!(match (parameter.is_input, parameter.is_output) {
                    (true, true) => "INOUT",
                    (false, true) => "OUT",
                    _ => "IN",
                });
            }
            if parameter.not_aggregate {
                out["isAggregate"] = json!(false);
            }
            out
        })
        .collect();
    let mut out = json!({
        "routineType": routine_type,
        "language": language,
        "definitionBody": routine.body,
    });
    if !arguments.is_empty() {
        out["arguments"] = Json::Array(arguments);
    }
    if let Some(returns) = &routine.returns {
        out["returnType"] = type_json(returns);
    }
    out
}

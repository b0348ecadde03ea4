//! Query parameters: REST's typed forms as values of GoogleSQL, and as a job gives them back (texts, as the
//! service does, whatever the client wrote).

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use windtunnel_sql::{StructField, Type, Value};

use super::JobError;
use crate::limits::NESTING_MAX;
use crate::rows::values::value_of_text;
use crate::schema::FieldType;

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    /// Without the `@`; nothing for a `?`.
    pub(crate) name: Option<String>,
    pub(crate) of: Type,
    pub(crate) value: Value,
}

/// The parameters of `configuration.query`.
pub(super) fn parameters_of(query: &Json) -> Result<Vec<Parameter>, JobError> {
    let list = query["queryParameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let positional = query["parameterMode"].as_str().unwrap_or_default() == "POSITIONAL";
    let parameters: Vec<Parameter> =
        list.iter().map(|it| parameter(it, positional)).collect::<Result<_, _>>()?;
    let named = parameters.iter().filter(|parameter| parameter.name.is_some()).count();
    if named != 0 && named != parameters.len() {
        let text = "Named and positional parameters cannot be mixed";
        return Err(JobError::invalid(text));
    }
    for (index, parameter) in parameters.iter().enumerate() {
        let same = |other: &Parameter| match (&other.name, &parameter.name) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        };
        if parameters[..index].iter().any(same) {
            let name = parameter.name.as_deref().unwrap_or_default();
            return Err(JobError::invalid(format!("Duplicate query parameter name: {name}")));
        }
    }
    Ok(parameters)
}

fn parameter(parameter: &Json, positional: bool) -> Result<Parameter, JobError> {
    let name = parameter["name"].as_str().filter(|name| !name.is_empty() && !positional);
    let shown = name.unwrap_or("?");
    let of = type_of(&parameter["parameterType"], shown, 0)?;
    let value = value_of(&of, &parameter["parameterValue"], shown)?;
    Ok(Parameter { name: name.map(str::to_owned), of, value })
}

fn type_of(of: &Json, name: &str, depth: usize) -> Result<Type, JobError> {
    let invalid = |what: &str| JobError::invalid(format!("Query parameter '{name}': {what}"));
    if depth > NESTING_MAX {
        return Err(invalid("its type is nested too deeply"));
    }
    let text = of["type"].as_str().unwrap_or_default().to_ascii_uppercase();
    Ok(match text.as_str() {
        "ARRAY" => Type::array_of(type_of(&of["arrayType"], name, depth + 1)?),
        "STRUCT" | "RECORD" => {
            let fields = of["structTypes"].as_array().into_iter().flatten();
            let fields = fields.map(|field| {
                let of = type_of(&field["type"], name, depth + 1)?;
                Ok(StructField::new(field["name"].as_str().unwrap_or_default(), of))
            });
            Type::struct_of(fields.collect::<Result<Vec<_>, JobError>>()?)
        }
        "RANGE" => Type::Range(Arc::new(type_of(&of["rangeElementType"], name, depth + 1)?)),
        "" => return Err(invalid("it has no type")),
        "FLOAT" => Type::Float64,
        other => {
            Type::simple(other).ok_or_else(|| invalid(&format!("{other} is not a valid type")))?
        }
    })
}

fn value_of(of: &Type, value: &Json, name: &str) -> Result<Value, JobError> {
    let wrong = |shown: &str| {
        JobError::invalid(format!(
            "Invalid value for query parameter '{name}' of type {of}: {shown}"
        ))
    };
    match of {
        Type::Array(element) => match &value["arrayValues"] {
            // An array that is null is empty: parameters know no NULL array but by its whole value.
            Json::Null if value.get("value").is_some_and(Json::is_null) => Ok(Value::Null),
            Json::Null => Ok(Value::array([])),
            Json::Array(items) => {
                let items = items.iter().map(|item| value_of(element, item, name));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            other => Err(wrong(&other.to_string())),
        },
        Type::Struct(fields) => {
            let Some(values) = value["structValues"].as_object() else { return Ok(Value::Null) };
            let values = fields.iter().map(|field| {
                let found = values.iter().find(|(key, _)| key.eq_ignore_ascii_case(&field.name));
                value_of(&field.field_type, found.map_or(&Json::Null, |(_, it)| it), name)
            });
            Ok(Value::Struct(values.collect::<Result<_, _>>()?))
        }
        Type::Range(element) => {
            let range = &value["rangeValue"];
            if range.is_null() {
                return Ok(Value::Null);
            }
            let bound = |key: &str| value_of(element, &range[key], name);
            Ok(Value::Range(Arc::new([bound("start")?, bound("end")?])))
        }
        scalar => {
            let text = match &value["value"] {
                Json::Null => return Ok(Value::Null),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let of = scalar_column(scalar).ok_or_else(|| wrong(&text))?;
            value_of_text(&of, &text).ok_or_else(|| wrong(&text))
        }
    }
}

fn scalar_column(of: &Type) -> Option<FieldType> {
    crate::schema::Field::of_sql_type("v", of).ok().map(|field| field.field_type)
}

/// The parameters as a job's resource shows them.
pub(crate) fn given_back(parameters: &Json) -> Json {
    match parameters {
        Json::Array(items) => items.iter().map(given_back).collect(),
        Json::Object(fields) => {
            let shown = fields.iter().map(|(key, value)| match (key.as_str(), value) {
                ("value", Json::Null | Json::String(_)) => (key.clone(), value.clone()),
                ("value", other) => (key.clone(), json!(other.to_string())),
                (_, value) => (key.clone(), given_back(value)),
            });
            Json::Object(shown.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of: Json, value: Json, expected: Option<Value>) {
        let query = json!({ "queryParameters": [
            { "name": "p", "parameterType": of, "parameterValue": value },
        ] });
        let parameters = parameters_of(&query);
        assert_eq!(parameters.ok().map(|mut it| it.remove(0).value), expected, "{query}");
    }

    #[test]
    fn every_form_is_a_value() {
        check(json!({ "type": "INT64" }), json!({ "value": "42" }), Some(Value::Int64(42)));
        check(json!({ "type": "INT64" }), json!({ "value": 42 }), Some(Value::Int64(42)));
        check(json!({ "type": "INT64" }), json!({ "value": "x" }), None);
        check(json!({ "type": "STRING" }), json!({ "value": null }), Some(Value::Null));
        check(json!({ "type": "STRING" }), json!({}), Some(Value::Null));
        check(json!({ "type": "BYTES" }), json!({ "value": "aGk=" }), Some(Value::bytes("hi")));
        check(json!({ "type": "DATE" }), json!({ "value": "1970-01-03" }), Some(Value::Date(2)));
        check(json!({ "type": "FLOAT64" }), json!({ "value": "1.5" }), Some(Value::Float64(1.5)));
        check(json!({ "type": "HYPERCUBE" }), json!({ "value": "1" }), None);
        check(
            json!({ "type": "ARRAY", "arrayType": { "type": "INT64" } }),
            json!({ "arrayValues": [{ "value": "1" }, { "value": null }] }),
            Some(Value::array([Value::Int64(1), Value::Null])),
        );
        check(
            json!({ "type": "STRUCT", "structTypes": [
                { "name": "a", "type": { "type": "STRING" } },
                { "name": "b", "type": { "type": "BOOL" } } ] }),
            json!({ "structValues": { "b": { "value": "true" }, "a": { "value": "x" } } }),
            Some(Value::structure([Value::string("x"), Value::Bool(true)])),
        );
        check(
            json!({ "type": "RANGE", "rangeElementType": { "type": "DATE" } }),
            json!({ "rangeValue": { "start": { "value": "1970-01-01" } } }),
            Some(Value::Range(Arc::new([Value::Date(0), Value::Null]))),
        );
    }

    #[test]
    fn values_are_given_back_as_texts() {
        let given = json!([{ "name": "a", "parameterType": { "type": "INT64" },
            "parameterValue": { "arrayValues": [{ "value": 1 }, { "value": true }] } }]);
        let expected = json!([{ "name": "a", "parameterType": { "type": "INT64" },
            "parameterValue": { "arrayValues": [{ "value": "1" }, { "value": "true" }] } }]);
        assert_eq!(given_back(&given), expected);
    }
}

//! CONTAINS_SUBSTR: looks for text in a value of any type, without case and in normal form. In structs and
//! arrays it looks into each part: TRUE when one matches, else NULL when one is NULL.

use serde_json::Value as Json;

use super::arguments::{optional_text, passing_nulls};
use super::string::cast_text;
use super::unicode::collation_key;
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::json::number_text;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[passing_nulls(
    "CONTAINS_SUBSTR",
    &["(ANY, STRING, [json_scope => STRING]) -> BOOL"],
    contains_substr,
)];

/// What of JSON is looked into.
#[derive(Debug, Clone, Copy)]
struct Scope {
    keys: bool,
    values: bool,
}

/// What is looked for and where.
struct Search<'a> {
    needle: String,
    scope: Scope,
    session: &'a Session,
}

fn contains_substr(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let needle = args[1].as_str().ok_or_else(|| {
        SqlError::evaluation("The search value of CONTAINS_SUBSTR cannot be NULL")
    })?;
    let scope = match optional_text(args, 2).unwrap_or("JSON_VALUES") {
        "JSON_VALUES" => Scope { keys: false, values: true },
        "JSON_KEYS" => Scope { keys: true, values: false },
        "JSON_KEYS_AND_VALUES" => Scope { keys: true, values: true },
        other => {
            return Err(SqlError::evaluation(format!(
                "Invalid json_scope for CONTAINS_SUBSTR: {other}"
            )));
        }
    };
    let search = Search { needle: collation_key(needle), scope, session: call.session };
    Ok(Value::from(search.value(&args[0], &call.args[0])?))
}

impl Search<'_> {
    fn text(&self, text: &str) -> bool {
        collation_key(text).contains(&self.needle)
    }

    fn value(&self, value: &Value, value_type: &Type) -> Result<Option<bool>> {
        match (value, value_type) {
            (Value::Null, _) => Ok(None),
            (Value::Struct(values), Type::Struct(fields)) => {
                self.any(values.iter().zip(fields.iter().map(|field| &field.field_type)))
            }
            (Value::Array(elements), Type::Array(element_type)) => {
                self.any(elements.iter().map(|element| (element, &**element_type)))
            }
            (Value::Json(json), _) => Ok(Some(self.json(json))),
            (Value::Bytes(_) | Value::Geography(_) | Value::Range(_), _) => {
                Err(SqlError::not_implemented(format_args!("CONTAINS_SUBSTR of a {value_type}")))
            }
            _ => Ok(Some(self.text(&cast_text(value, value_type, self.session)))),
        }
    }

    fn any<'v>(&self, parts: impl Iterator<Item = (&'v Value, &'v Type)>) -> Result<Option<bool>> {
        let mut found = Some(false);
        for (part, part_type) in parts {
            match self.value(part, part_type)? {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => found = None,
            }
        }
        Ok(found)
    }

    fn json(&self, json: &Json) -> bool {
        match json {
            Json::Object(members) => members
                .iter()
                .any(|(key, member)| (self.scope.keys && self.text(key)) || self.json(member)),
            Json::Array(elements) => elements.iter().any(|element| self.json(element)),
            _ if !self.scope.values => false,
            Json::Null => self.text("null"),
            Json::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Json::Number(number) => self.text(&number_text(number)),
            Json::String(text) => self.text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::{call_typed, outcome, render, type_of};
    use super::*;
    use crate::sql_type::StructField;

    #[test]
    fn texts_and_parts() {
        let check = |value: Value, needle: &str, expected: &str| {
            let args = [value, Value::from(needle)];
            assert_eq!(outcome(FUNCTIONS, "CONTAINS_SUBSTR", &args), expected, "{needle}");
        };
        check(Value::from("the blue house"), "Blue house", "true");
        check(Value::from("the red house"), "blue", "false");
        check(Value::from("\u{2168}"), "IX", "true");
        check(Value::Int64(1234), "23", "true");
        check(Value::Null, "a", "NULL");
        check(Value::array([Value::from("red"), Value::Null]), "RED", "true");
        check(Value::array([Value::from("red"), Value::Null]), "blue", "NULL");
        let numbers = |middle: Value| {
            let field = |field_type| StructField::new("", field_type);
            let types = [Type::Int64, Type::Int64, Type::Int64].map(field);
            let value = Value::structure([Value::Int64(23), middle, Value::Int64(41)]);
            let args = [value, Value::from("35")];
            let types = [Type::struct_of(types), Type::String];
            let found = call_typed(FUNCTIONS, "CONTAINS_SUBSTR", &args, &types);
            render(&found.expect("it searches"))
        };
        assert_eq!(numbers(Value::Int64(351)), "true");
        assert_eq!(numbers(Value::Null), "NULL");
        assert_eq!(numbers(Value::Int64(3)), "false");
    }

    #[test]
    fn json_has_keys_and_values() {
        let check = |needle: &str, scope: Option<&str>, expected: &str| {
            let json = Value::json(serde_json::json!({"lunch": ["soup", 7]}));
            let mut args = vec![json, Value::from(needle)];
            args.extend(scope.map(Value::from));
            let types: Vec<Type> = args.iter().map(type_of).collect();
            let found = call_typed(FUNCTIONS, "CONTAINS_SUBSTR", &args, &types);
            assert_eq!(render(&found.expect("it searches")), expected);
        };
        check("lunch", None, "false");
        check("SOUP", None, "true");
        check("lunch", Some("JSON_KEYS"), "true");
        check("soup", Some("JSON_KEYS"), "false");
        check("7", Some("JSON_KEYS_AND_VALUES"), "true");
    }
}

//! Functions that make JSON of text and of SQL values, and change JSON: members and elements set, removed,
//! inserted. What a path does not lead to stays as it is.

use serde_json::{Map, Value as Json};

use super::arguments::{array, optional_bool, optional_text, passing_nulls, text};
use super::json_access::json;
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::json::{Step, WideNumbers, check_nesting, parse, steps, to_json_exact, to_json_string};
use crate::sql_type::Type;
use crate::value::Value;

/// Most elements of an array that a function grows.
const ARRAY_MAX: usize = 1_000_000;

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    passing_nulls("PARSE_JSON", &["(STRING, [wide_number_mode => STRING]) -> JSON"], parse_json),
    passing_nulls("TO_JSON", &["(ANY, [stringify_wide_numbers => BOOL]) -> JSON"], |call, args| {
        let stringify = optional_bool(args, 1).unwrap_or(false);
        to_json_exact(&args[0], &call.args[0], call.session, stringify).map(Value::json)
    }),
    passing_nulls("TO_JSON_STRING", &["(ANY, [BOOL]) -> STRING"], |call, args| {
        if args.get(1).is_some_and(Value::is_null) {
            return Ok(Value::Null);
        }
        let pretty = optional_bool(args, 1).unwrap_or(false);
        to_json_string(&args[0], &call.args[0], call.session, pretty).map(Value::from)
    }),
    passing_nulls("JSON_ARRAY", &["([ANY, ...]) -> JSON"], |call, args| {
        let elements: Result<Vec<Json>> =
            (0..args.len()).map(|index| encode(call, args, index, "JSON_ARRAY")).collect();
        nested(Json::Array(elements?))
    }),
    passing_nulls(
        "JSON_OBJECT",
        &["([STRING, ...], [ANY, ...]) -> JSON", "(ARRAY<STRING>, ARRAY<ANY>) -> JSON"],
        object,
    ),
    passing_nulls(
        "JSON_SET",
        &["(JSON, STRING, ANY, [STRING, ...], [ANY, ...], [create_if_missing => BOOL]) -> JSON"],
        set,
    ),
    passing_nulls("JSON_REMOVE", &["(JSON, STRING, [STRING, ...]) -> JSON"], remove),
    passing_nulls(
        "JSON_STRIP_NULLS",
        &["(JSON, [STRING], [include_arrays => BOOL], [remove_empty => BOOL]) -> JSON"],
        strip_nulls,
    ),
    passing_nulls(
        "JSON_ARRAY_APPEND",
        &["(JSON, STRING, ANY, [STRING, ...], [ANY, ...], [append_each_element => BOOL]) -> JSON"],
        |call, args| add(call, args, true),
    ),
    passing_nulls(
        "JSON_ARRAY_INSERT",
        &["(JSON, STRING, ANY, [STRING, ...], [ANY, ...], [insert_each_element => BOOL]) -> JSON"],
        |call, args| add(call, args, false),
    ),
];

fn parse_json(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let wide = match optional_text(args, 1).unwrap_or("exact") {
        "exact" => WideNumbers::Exact,
        "round" => WideNumbers::Round,
        other => {
            return Err(SqlError::evaluation(format!(
                "Invalid `wide_number_mode` specified for PARSE_JSON: {other}"
            )));
        }
    };
    parse(text(args, 0), wide).map(Value::json).map_err(|error| input_to("PARSE_JSON", &error))
}

fn input_to(name: &str, error: &SqlError) -> SqlError {
    SqlError::evaluation(format!("Invalid input to {name}: {}", error.message))
}

/// A JSON value whose levels are not too many.
fn nested(value: Json) -> Result<Value> {
    check_nesting(&value)?;
    Ok(Value::json(value))
}

fn encode(call: &Call<'_>, args: &[Value], index: usize, name: &str) -> Result<Json> {
    to_json_exact(&args[index], &call.args[index], call.session, false)
        .map_err(|error| input_to(name, &error))
}

fn object(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let refuse =
        |why: &str| Err(SqlError::evaluation(format!("Invalid input to JSON_OBJECT: {why}")));
    let mut members = Map::new();
    if let [Type::Array(_), Type::Array(element)] = call.args {
        if args[0].is_null() {
            return refuse("The keys array cannot be NULL");
        }
        if args[1].is_null() {
            return refuse("The values array cannot be NULL");
        }
        let (keys, values) = (array(args, 0), array(args, 1));
        if keys.len() != values.len() {
            return refuse("The number of keys and values must match");
        }
        for (key, value) in keys.iter().zip(values) {
            let Some(key) = key.as_str() else { return refuse("A key cannot be NULL") };
            let member = to_json_exact(value, element, call.session, false)
                .map_err(|error| input_to("JSON_OBJECT", &error))?;
            members.entry(key).or_insert(member);
        }
        return nested(Json::Object(members));
    }
    if !args.len().is_multiple_of(2) {
        return refuse("The number of keys and values must match");
    }
    for index in (0..args.len()).step_by(2) {
        let Some(key) = args[index].as_str() else { return refuse("A key cannot be NULL") };
        let member = encode(call, args, index + 1, "JSON_OBJECT")?;
        members.entry(key).or_insert(member);
    }
    nested(Json::Object(members))
}

/// A path and the index of the argument behind it.
type PathAndValue = (Option<Vec<Step>>, usize);

/// The pairs of paths and values behind the first argument, and the argument by name at the end. A NULL
/// path leads nowhere.
fn pairs(args: &[Value], prefix: &str) -> Result<(Vec<PathAndValue>, Option<bool>)> {
    let count = (args.len() - 1) / 2;
    let pairs: Result<Vec<PathAndValue>> = (0..count)
        .map(|pair| {
            let path = args[2 * pair + 1].as_str().map(steps).transpose();
            let path =
                path.map_err(|error| SqlError::evaluation(format!("{prefix}{}", error.message)))?;
            Ok((path, 2 * pair + 2))
        })
        .collect();
    let named =
        if args.len().is_multiple_of(2) { optional_bool(args, args.len() - 1) } else { None };
    Ok((pairs?, named))
}

/// The place that steps lead to.
fn follow<'j>(mut whole: &'j mut Json, steps: &[Step]) -> Option<&'j mut Json> {
    for step in steps {
        whole = match (step, whole) {
            (Step::Key(key), Json::Object(members)) => members.get_mut(key)?,
            (Step::Index(index), Json::Array(elements)) => elements.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(whole)
}

fn too_many() -> SqlError {
    SqlError::evaluation(format!("Exceeded maximum array size of {ARRAY_MAX}"))
}

fn set(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (pairs, create) = pairs(args, "Invalid input to JSON_SET: ")?;
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut whole = json(args, 0).clone();
    for (path, index) in pairs {
        let Some(path) = path else { continue };
        let value = encode(call, args, index, "JSON_SET")?;
        set_one(&mut whole, &path, value, create.unwrap_or(true))
            .map_err(|error| input_to("JSON_SET", &error))?;
    }
    nested(whole)
}

/// Sets a place; objects and arrays that lead to it are made where there is nothing or null.
fn set_one(mut whole: &mut Json, path: &[Step], value: Json, create: bool) -> Result<()> {
    let mut rest = path;
    while let Some((step, deeper)) = rest.split_first() {
        let missing = match (step, &*whole) {
            (Step::Key(key), Json::Object(members)) => !members.contains_key(key),
            (Step::Index(index), Json::Array(elements)) => *index >= elements.len(),
            (_, Json::Null) => true,
            _ => return Ok(()),
        };
        if missing {
            break;
        }
        whole = follow(whole, std::slice::from_ref(step)).expect("it is not missing");
        rest = deeper;
    }
    if !rest.is_empty() && !create {
        return Ok(());
    }
    if rest.iter().any(|step| matches!(step, Step::Index(index) if *index >= ARRAY_MAX)) {
        return Err(too_many());
    }
    for step in rest {
        if whole.is_null() {
            *whole = match step {
                Step::Key(_) => Json::Object(Map::new()),
                Step::Index(_) => Json::Array(Vec::new()),
            };
        }
        whole = match (step, whole) {
            (Step::Key(key), Json::Object(members)) => members.entry(key).or_insert(Json::Null),
            (Step::Index(index), Json::Array(elements)) => {
                if elements.len() <= *index {
                    elements.resize(index + 1, Json::Null);
                }
                &mut elements[*index]
            }
            _ => return Ok(()),
        };
    }
    *whole = value;
    Ok(())
}

fn remove(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let paths: Result<Vec<Vec<Step>>> = args[1..]
        .iter()
        .filter_map(Value::as_str)
        .map(|path| steps(path).map_err(|error| input_to("JSON_REMOVE", &error)))
        .collect();
    let paths = paths?;
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut whole = json(args, 0).clone();
    for path in paths {
        let Some((last, before)) = path.split_last() else {
            return Err(SqlError::evaluation("The JSONPath cannot be '$'"));
        };
        match (last, follow(&mut whole, before)) {
            (Step::Key(key), Some(Json::Object(members))) => {
                members.remove(key);
            }
            (Step::Index(index), Some(Json::Array(elements))) if *index < elements.len() => {
                elements.remove(*index);
            }
            _ => {}
        }
    }
    Ok(Value::json(whole))
}

fn strip_nulls(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let path = steps(optional_text(args, 1).unwrap_or("$"))
        .map_err(|error| input_to("JSON_STRIP_NULLS", &error))?;
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let include_arrays = optional_bool(args, 2).unwrap_or(true);
    let remove_empty = optional_bool(args, 3).unwrap_or(false);
    let mut whole = json(args, 0).clone();
    if let Some(place) = follow(&mut whole, &path) {
        strip(place, include_arrays, remove_empty);
        if remove_empty && is_empty(place, include_arrays) {
            *place = Json::Null;
        }
    }
    Ok(Value::json(whole))
}

/// Takes nulls out, from the inside outwards; with `remove_empty` what became empty goes too.
fn strip(value: &mut Json, arrays: bool, remove_empty: bool) {
    let goes = |value: &Json| value.is_null() || (remove_empty && is_empty(value, arrays));
    match value {
        Json::Object(members) => {
            members.values_mut().for_each(|member| strip(member, arrays, remove_empty));
            members.retain(|_, member| !goes(member));
        }
        Json::Array(elements) => {
            elements.iter_mut().for_each(|element| strip(element, arrays, remove_empty));
            if arrays {
                elements.retain(|element| !goes(element));
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Json, arrays: bool) -> bool {
    match value {
        Json::Object(members) => members.is_empty(),
        Json::Array(elements) => arrays && elements.is_empty(),
        _ => false,
    }
}

fn add(call: &Call<'_>, args: &[Value], append: bool) -> Result<Value> {
    let (pairs, each) = pairs(args, "")?;
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let each = each.unwrap_or(true);
    let mut whole = json(args, 0).clone();
    for (path, index) in pairs {
        let Some(path) = path else { continue };
        let new = match (&call.args[index], &args[index]) {
            (Type::Array(_), Value::Null) if each => continue,
            (Type::Array(element), Value::Array(values)) if each => values
                .iter()
                .map(|value| to_json_exact(value, element, call.session, false))
                .collect::<Result<Vec<Json>>>()?,
            (value_type, value) => {
                vec![to_json_exact(value, value_type, call.session, false)?]
            }
        };
        let (before, at) = match path.split_last() {
            _ if append => (path.as_slice(), None),
            Some((Step::Index(at), before)) => (before, Some(*at)),
            _ => continue,
        };
        if let Some(place) = follow(&mut whole, before) {
            add_elements(place, at, new)?;
        }
    }
    nested(whole)
}

/// Puts elements into an array at a place or at the end; null is an empty array.
fn add_elements(place: &mut Json, at: Option<usize>, new: Vec<Json>) -> Result<()> {
    let present = match place {
        Json::Array(elements) => elements.len(),
        Json::Null => 0,
        _ => return Ok(()),
    };
    let at = at.unwrap_or(present);
    if new.len() > ARRAY_MAX || at.max(present) > ARRAY_MAX - new.len() {
        return Err(too_many());
    }
    if place.is_null() {
        *place = Json::Array(Vec::new());
    }
    if let Json::Array(elements) = place {
        if at > elements.len() {
            elements.resize(at, Json::Null);
        }
        elements.splice(at..at, new);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::{call_typed, outcome, render, type_of};
    use super::*;

    fn value(text: &str) -> Value {
        Value::json(serde_json::from_str(text).expect("JSON"))
    }

    fn check(name: &str, args: &[Value], expected: &str) {
        assert_eq!(outcome(FUNCTIONS, name, args), expected, "{name}({args:?})");
    }

    #[test]
    fn making() {
        check("PARSE_JSON", &[Value::from(r#"{"b":1,"a":[1.0]}"#)], r#"{"a":[1.0],"b":1}"#);
        check(
            "PARSE_JSON",
            &[Value::from("{a")],
            "ERROR Invalid input to PARSE_JSON: syntax error while parsing object key - invalid \
             literal; last read: '{a'; expected string literal",
        );
        check(
            "PARSE_JSON",
            &[Value::from("123456789012345678901"), Value::from("round")],
            "1.2345678901234568e+20",
        );
        check(
            "PARSE_JSON",
            &[Value::from("1"), Value::from("x")],
            "ERROR Invalid `wide_number_mode` specified for PARSE_JSON: x",
        );
        check("TO_JSON", &[Value::Int64(1 << 60), Value::Bool(true)], "\"1152921504606846976\"");
        check("TO_JSON", &[Value::Null], "null");
        check("TO_JSON_STRING", &[Value::array([Value::Int64(1)]), Value::Bool(true)], "[\n  1\n]");
        check(
            "JSON_ARRAY",
            &[Value::Int64(1), Value::from("two"), Value::Bool(true)],
            r#"[1,"two",true]"#,
        );
        check("JSON_ARRAY", &[], "[]");
        check("JSON_OBJECT", &[], "{}");
        let pairs = [Value::from("k1"), Value::Int64(1), Value::from("k1"), Value::from("x")];
        check("JSON_OBJECT", &pairs, r#"{"k1":1}"#);
        check(
            "JSON_OBJECT",
            &[Value::Null, Value::Int64(1)],
            "ERROR Invalid input to JSON_OBJECT: A key cannot be NULL",
        );
        let keys = Value::array([Value::from("a"), Value::from("b")]);
        let values = Value::array([Value::Int64(10), Value::Null]);
        check("JSON_OBJECT", &[keys.clone(), values], r#"{"a":10,"b":null}"#);
        check(
            "JSON_OBJECT",
            &[keys, Value::array([Value::Int64(10)])],
            "ERROR Invalid input to JSON_OBJECT: The number of keys and values must match",
        );
    }

    #[test]
    fn setting() {
        let set = |text: &str, path: &str, new: Value, expected: &str| {
            check("JSON_SET", &[value(text), Value::from(path), new], expected);
        };
        set(r#"{"a":1}"#, "$", Value::Int64(2), "2");
        set(r#"{"a":1}"#, "$.b", Value::Int64(2), r#"{"a":1,"b":2}"#);
        set(r#"{"a":1}"#, "$.a.b", Value::Int64(2), r#"{"a":1}"#);
        set(r#"{"a":null}"#, "$.a.b[1]", Value::from("x"), r#"{"a":{"b":[null,"x"]}}"#);
        set(r#"{"a":[]}"#, "$.a[2]", Value::Null, r#"{"a":[null,null,null]}"#);
        set(
            r#"{"a":[]}"#,
            "$.a[1000000]",
            Value::Null,
            "ERROR Invalid input to JSON_SET: Exceeded maximum array size of 1000000",
        );
        let both =
            [value("{}"), Value::from("$.a"), Value::Int64(1), Value::from("$.b"), Value::Int64(2)];
        check("JSON_SET", &both, r#"{"a":1,"b":2}"#);
        let only_there = [value("{}"), Value::from("$.a"), Value::Int64(1), Value::Bool(false)];
        check("JSON_SET", &only_there, "{}");
        let bad = [value("{}"), Value::from("a"), Value::Int64(1)];
        check("JSON_SET", &bad, "ERROR Invalid input to JSON_SET: JSONPath must start with '$'");
    }

    #[test]
    fn removing() {
        let remove = |text: &str, path: &str, expected: &str| {
            check("JSON_REMOVE", &[value(text), Value::from(path)], expected);
        };
        remove(r#"{"a":1,"b":2}"#, "$.a", r#"{"b":2}"#);
        remove("[1,[2,3]]", "$[1][0]", "[1,[3]]");
        remove("[1]", "$[3]", "[1]");
        remove("1", "$.a.b", "1");
        remove("1", "$", "ERROR The JSONPath cannot be '$'");
        check(
            "JSON_STRIP_NULLS",
            &[value(r#"{"a":null,"b":[null,1],"c":{"d":null}}"#)],
            r#"{"b":[1],"c":{}}"#,
        );
        let options = |arrays: bool, empty: bool| {
            [
                value(r#"{"a":null,"b":[null],"c":{"d":null}}"#),
                Value::from("$"),
                Value::Bool(arrays),
                Value::Bool(empty),
            ]
        };
        check("JSON_STRIP_NULLS", &options(false, false), r#"{"b":[null],"c":{}}"#);
        check("JSON_STRIP_NULLS", &options(false, true), r#"{"b":[null]}"#);
        check("JSON_STRIP_NULLS", &options(true, true), "null");
    }

    #[test]
    fn growing_arrays() {
        let check_add = |name: &str, args: &[Value], expected: &str| check(name, args, expected);
        let path =
            |path: &str, new: Value| [value(r#"{"a":[1,2],"n":null}"#), Value::from(path), new];
        check_add("JSON_ARRAY_APPEND", &path("$.a", Value::Int64(3)), r#"{"a":[1,2,3],"n":null}"#);
        check_add("JSON_ARRAY_APPEND", &path("$.n", Value::Int64(3)), r#"{"a":[1,2],"n":[3]}"#);
        check_add("JSON_ARRAY_APPEND", &path("$.x", Value::Int64(3)), r#"{"a":[1,2],"n":null}"#);
        check_add(
            "JSON_ARRAY_INSERT",
            &path("$.a[0]", Value::Int64(3)),
            r#"{"a":[3,1,2],"n":null}"#,
        );
        check_add(
            "JSON_ARRAY_INSERT",
            &path("$.a[3]", Value::Int64(3)),
            r#"{"a":[1,2,null,3],"n":null}"#,
        );
        let each = || Value::array([Value::Int64(8), Value::Int64(9)]);
        check_add("JSON_ARRAY_INSERT", &path("$.a[1]", each()), r#"{"a":[1,8,9,2],"n":null}"#);
        let args = [value("[1]"), Value::from("$"), each(), Value::Bool(false)];
        let types: Vec<Type> = args.iter().map(type_of).collect();
        let one = call_typed(FUNCTIONS, "JSON_ARRAY_APPEND", &args, &types);
        assert_eq!(one.map(|value| render(&value)).as_deref(), Ok("[1,[8,9]]"));
    }
}

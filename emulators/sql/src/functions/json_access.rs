//! Functions that look into JSON, in a STRING or a JSON value: parts by path, kinds, keys, containment.
//! In a STRING what is no JSON has no parts; a JSON `null` that a path leads to is NULL there, but a JSON
//! `null` in a JSON value.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::arguments::{integer, optional_integer, optional_text, passing_nulls, strict, text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::json::{Dialect, LaxPath, Node, Step, compact, find, lax, tokens, write_string};
use crate::value::Value;

const PART: &[&str] = &["(STRING, STRING) -> STRING", "(JSON, STRING) -> JSON"];
const SCALAR: &[&str] = &["(STRING, [STRING]) -> STRING", "(JSON, [STRING]) -> STRING"];
const ARRAY: &[&str] = &["(STRING, [STRING]) -> ARRAY<STRING>", "(JSON, [STRING]) -> ARRAY<JSON>"];
const STRINGS: &[&str] =
    &["(STRING, [STRING]) -> ARRAY<STRING>", "(JSON, [STRING]) -> ARRAY<STRING>"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("JSON_EXTRACT", PART, |_, args| part(args, Dialect::Legacy)),
    strict("JSON_QUERY", PART, |_, args| part(args, Dialect::Standard)),
    strict("JSON_EXTRACT_SCALAR", SCALAR, |_, args| scalar(args, Dialect::Legacy)),
    strict("JSON_VALUE", SCALAR, |_, args| scalar(args, Dialect::Standard)),
    strict("JSON_EXTRACT_ARRAY", ARRAY, |_, args| array(args, Dialect::Legacy)),
    strict("JSON_QUERY_ARRAY", ARRAY, |_, args| array(args, Dialect::Standard)),
    strict("JSON_EXTRACT_STRING_ARRAY", STRINGS, |_, args| strings(args, Dialect::Legacy)),
    strict("JSON_VALUE_ARRAY", STRINGS, |_, args| strings(args, Dialect::Standard)),
    strict("$json_field", &["(JSON, STRING) -> JSON"], |_, args| {
        Ok(json(args, 0).get(text(args, 1)).cloned().map_or(Value::Null, Value::json))
    }),
    strict("$json_index", &["(JSON, INT64) -> JSON"], |_, args| {
        let index = usize::try_from(integer(args, 1)).ok();
        let element = index.and_then(|index| json(args, 0).get(index));
        Ok(element.cloned().map_or(Value::Null, Value::json))
    }),
    strict("JSON_TYPE", &["(JSON) -> STRING"], |_, args| Ok(Value::from(kind(json(args, 0))))),
    passing_nulls("JSON_KEYS", &["(JSON, [INT64], [mode => STRING]) -> ARRAY<STRING>"], keys),
    strict("JSON_FLATTEN", &["(JSON) -> ARRAY<JSON>"], |_, args| {
        let mut flat = Vec::new();
        flatten(json(args, 0), &mut flat);
        Ok(Value::array(flat))
    }),
    strict("JSON_CONTAINS", &["(JSON, JSON) -> BOOL"], |_, args| {
        Ok(Value::Bool(contains(json(args, 0), json(args, 1), true)))
    }),
];

/// A `JSON` argument that is there and not NULL.
pub(super) fn json(args: &[Value], index: usize) -> &Json {
    match &args[index] {
        Value::Json(json) => json,
        other => unreachable!("the analyzer made the argument a JSON, not {other:?}"),
    }
}

fn path(args: &[Value]) -> &str {
    optional_text(args, 1).unwrap_or("$")
}

/// The part of a JSON value that tokens lead to.
fn follow<'j>(mut whole: &'j Json, tokens: &[String]) -> Option<&'j Json> {
    for token in tokens {
        whole = match whole {
            Json::Object(members) => members.get(token)?,
            Json::Array(elements) => elements.get(token.trim().parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(whole)
}

fn part(args: &[Value], dialect: Dialect) -> Result<Value> {
    if let Value::Json(whole) = &args[0] {
        if dialect == Dialect::Standard
            && let Some(path) = lax(path(args))?
        {
            let mut found = Vec::new();
            follow_lax(whole, &path, &path.steps, &mut found);
            return Ok(Value::json(Json::Array(found)));
        }
        let found = follow(whole, &tokens(path(args), dialect)?);
        return Ok(found.cloned().map_or(Value::Null, Value::json));
    }
    let found = find(text(args, 0), &tokens(path(args), dialect)?)?;
    let found = found.filter(|node| *node != Node::Null);
    Ok(Value::from(found.map(|node| node.text())))
}

/// Goes into the elements of an array where a member is wanted, and takes what is no array for one of one
/// element where an element is wanted.
fn follow_lax(whole: &Json, path: &LaxPath, steps: &[Step], found: &mut Vec<Json>) {
    let Some((step, deeper)) = steps.split_first() else {
        found.push(whole.clone());
        return;
    };
    match (step, whole) {
        (Step::Key(key), Json::Object(members)) => {
            if let Some(member) = members.get(key) {
                follow_lax(member, path, deeper, found);
            }
        }
        (Step::Key(_), Json::Array(elements)) => {
            for element in elements {
                if element.is_object() || (path.recursive && element.is_array()) {
                    follow_lax(element, path, steps, found);
                }
            }
        }
        (Step::Index(index), Json::Array(elements)) => {
            if let Some(element) = elements.get(*index) {
                follow_lax(element, path, deeper, found);
            }
        }
        (Step::Index(0), scalar) => follow_lax(scalar, path, deeper, found),
        _ => {}
    }
}

/// The text of a scalar JSON value; `None` for null, arrays and objects.
fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::Null | Json::Array(_) | Json::Object(_) => None,
        Json::String(text) => Some(text.clone()),
        other => Some(compact(other)),
    }
}

fn scalar(args: &[Value], dialect: Dialect) -> Result<Value> {
    let tokens = tokens(path(args), dialect)?;
    Ok(Value::from(match &args[0] {
        Value::Json(whole) => follow(whole, &tokens).and_then(scalar_text),
        _ => find(text(args, 0), &tokens)?.and_then(|node| node.scalar()),
    }))
}

fn array(args: &[Value], dialect: Dialect) -> Result<Value> {
    let tokens = tokens(path(args), dialect)?;
    if let Value::Json(whole) = &args[0] {
        let Some(Json::Array(elements)) = follow(whole, &tokens) else { return Ok(Value::Null) };
        return Ok(Value::array(elements.iter().cloned().map(Value::json)));
    }
    let Some(Node::Array(elements)) = find(text(args, 0), &tokens)? else {
        return Ok(Value::Null);
    };
    Ok(Value::array(elements.iter().map(|node| Value::from(node.text()))))
}

fn strings(args: &[Value], dialect: Dialect) -> Result<Value> {
    let tokens = tokens(path(args), dialect)?;
    if let Value::Json(whole) = &args[0] {
        let Some(Json::Array(elements)) = follow(whole, &tokens) else { return Ok(Value::Null) };
        if elements.iter().any(|element| element.is_array() || element.is_object()) {
            return Ok(Value::Null);
        }
        return Ok(Value::array(elements.iter().map(|element| Value::from(scalar_text(element)))));
    }
    let Some(Node::Array(elements)) = find(text(args, 0), &tokens)? else {
        return Ok(Value::Null);
    };
    if elements.iter().any(|node| matches!(node, Node::Array(_) | Node::Object(_))) {
        return Ok(Value::Null);
    }
    Ok(Value::array(elements.iter().map(|node| Value::from(node.scalar()))))
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// How far JSON_KEYS goes through arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeysMode {
    Strict,
    Lax,
    LaxRecursive,
}

fn keys(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let depth = optional_integer(args, 1).unwrap_or(i64::MAX);
    if depth <= 0 {
        return Err(SqlError::evaluation("max_depth must be positive."));
    }
    let mode = match optional_text(args, 2).unwrap_or("strict").to_ascii_lowercase().as_str() {
        "strict" => KeysMode::Strict,
        "lax" => KeysMode::Lax,
        "lax recursive" => KeysMode::LaxRecursive,
        _ => return Err(SqlError::evaluation("Invalid JSON mode specified")),
    };
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut keys = BTreeSet::new();
    collect_keys(json(args, 0), "", depth, mode, &mut keys);
    Ok(Value::array(keys.into_iter().map(Value::from)))
}

fn collect_keys(
    value: &Json,
    prefix: &str,
    depth: i64,
    mode: KeysMode,
    keys: &mut BTreeSet<String>,
) {
    match value {
        Json::Object(members) => {
            for (key, member) in members {
                let mut name = prefix.to_owned();
                if !prefix.is_empty() {
                    name.push('.');
                }
                push_key(&mut name, key);
                if depth > 1 {
                    collect_keys(member, &name, depth - 1, mode, keys);
                }
                keys.insert(name);
            }
        }
        Json::Array(elements) if mode != KeysMode::Strict => {
            for element in elements {
                if element.is_object() || (element.is_array() && mode == KeysMode::LaxRecursive) {
                    collect_keys(element, prefix, depth, mode, keys);
                }
            }
        }
        _ => {}
    }
}

/// A key as a path has it: in quotes when it holds a point or what JSON escapes.
fn push_key(output: &mut String, key: &str) {
    let mut quoted = String::new();
    write_string(&mut quoted, key, true);
    let plain = quoted.len() == key.len() + 2 && !key.contains('.');
    output.push_str(if plain { key } else { &quoted });
}

fn flatten(value: &Json, flat: &mut Vec<Value>) {
    match value {
        Json::Array(elements) => elements.iter().for_each(|element| flatten(element, flat)),
        other => flat.push(Value::json(other.clone())),
    }
}

/// Whether JSON holds other JSON: members of an object each in a member, elements of an array each in some
/// element, a scalar equal, or, at the top, equal to some element.
fn contains(whole: &Json, wanted: &Json, top: bool) -> bool {
    match (whole, wanted) {
        (Json::Object(members), Json::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            members.get(key).is_some_and(|member| contains(member, wanted, false))
        }),
        (Json::Array(elements), Json::Array(wanted)) => wanted
            .iter()
            .all(|wanted| elements.iter().any(|element| contains(element, wanted, false))),
        (_, Json::Object(_) | Json::Array(_)) | (Json::Object(_), _) => false,
        (Json::Array(elements), scalar) => {
            top && elements.iter().any(|element| contains(element, scalar, false))
        }
        (whole, scalar) => scalars_equal(whole, scalar),
    }
}

/// Numbers are equal by value: 1 and 1.0 are.
fn scalars_equal(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) if one.is_f64() != other.is_f64() => {
            let (double, whole) = if one.is_f64() { (one, other) } else { (other, one) };
            let whole = whole.as_i64().map(i128::from).or_else(|| whole.as_u64().map(i128::from));
            double.as_f64().is_some_and(|double| {
                #[expect(clippy::cast_possible_truncation, reason = "a saturated value differs")]
                let truncated = double as i128;
                double.fract() == 0.0 && whole == Some(truncated)
            })
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::{outcome, strings};
    use super::*;

    fn check(name: &str, args: &[Value], expected: &str) {
        assert_eq!(outcome(FUNCTIONS, name, args), expected, "{name}({args:?})");
    }

    /// With the text as a STRING and as a JSON value.
    fn check_both(name: &str, document: &str, path: &str, of_text: &str, of_json: &str) {
        check(name, &strings(&[document, path]), of_text);
        let value = Value::json(serde_json::from_str(document).expect("JSON"));
        check(name, &[value, Value::from(path)], of_json);
    }

    const DOCUMENT: &str =
        r#"{"a": {"b": [1, "x", null, 2.5], "c": "é\n"}, "n": null, "a.b": {"$": true}}"#;

    #[test]
    fn parts() {
        check_both("JSON_QUERY", DOCUMENT, "$.a.b", r#"[1,"x",null,2.5]"#, r#"[1,"x",null,2.5]"#);
        check_both("JSON_QUERY", DOCUMENT, "$.a.c", r#""é\n""#, r#""é\n""#);
        check_both("JSON_QUERY", DOCUMENT, "$.n", "NULL", "null");
        check_both("JSON_QUERY", DOCUMENT, "$.x", "NULL", "NULL");
        check_both("JSON_QUERY", DOCUMENT, r#"$."a.b""#, r#"{"$":true}"#, r#"{"$":true}"#);
        check_both("JSON_EXTRACT", DOCUMENT, "$['a.b']", r#"{"$":true}"#, r#"{"$":true}"#);
        check_both("JSON_EXTRACT", DOCUMENT, "$.a.b[3]", "2.5", "2.5");
        check_both(
            "JSON_QUERY",
            DOCUMENT,
            "x",
            "ERROR JSONPath must start with '$'",
            "ERROR JSONPath must start with '$'",
        );
        check("JSON_EXTRACT", &strings(&["nonsense", "$"]), "NULL");
        let rows = r#"{"a": [{"b": 1}, {"b": [2, 3]}, [{"b": 4}]]}"#;
        let rows = Value::json(serde_json::from_str(rows).expect("JSON"));
        let lax = |path: &str| [rows.clone(), Value::from(path)];
        check("JSON_QUERY", &lax("lax $.a.b"), "[1,[2,3]]");
        check("JSON_QUERY", &lax("lax recursive $.a.b"), "[1,[2,3],4]");
        check("JSON_QUERY", &lax("lax $.a[0].b[0]"), "[1]");
    }

    #[test]
    fn scalars() {
        check_both("JSON_VALUE", DOCUMENT, "$.a.c", "é\n", "é\n");
        check_both("JSON_VALUE", DOCUMENT, "$.a.b[0]", "1", "1");
        check_both("JSON_VALUE", DOCUMENT, "$.a", "NULL", "NULL");
        check_both("JSON_VALUE", DOCUMENT, "$.n", "NULL", "NULL");
        check_both(
            "JSON_VALUE",
            DOCUMENT,
            r#"$."a.b".$"#,
            "ERROR Invalid token in JSONPath at: .$",
            "ERROR Invalid token in JSONPath at: .$",
        );
        check_both("JSON_EXTRACT_SCALAR", DOCUMENT, "$['a.b']['$']", "true", "true");
        check("JSON_VALUE", &strings(&["\"x\""]), "x");
    }

    #[test]
    fn arrays() {
        check_both(
            "JSON_QUERY_ARRAY",
            DOCUMENT,
            "$.a.b",
            r#"[1, "x", null, 2.5]"#,
            r#"[1, "x", null, 2.5]"#,
        );
        check_both("JSON_VALUE_ARRAY", DOCUMENT, "$.a.b", "[1, x, NULL, 2.5]", "[1, x, NULL, 2.5]");
        check_both("JSON_VALUE_ARRAY", "[1, [2]]", "$", "NULL", "NULL");
        check_both("JSON_EXTRACT_ARRAY", DOCUMENT, "$.a", "NULL", "NULL");
        check_both("JSON_EXTRACT_STRING_ARRAY", "[]", "$", "[]", "[]");
    }

    #[test]
    fn members_and_elements() {
        let value = || Value::json(serde_json::from_str(DOCUMENT).expect("JSON"));
        check("$json_field", &[value(), Value::from("n")], "null");
        check("$json_field", &[value(), Value::from("zzz")], "NULL");
        let list = Value::json(serde_json::json!([1, 2]));
        check("$json_index", &[list.clone(), Value::Int64(1)], "2");
        check("$json_index", &[list.clone(), Value::Int64(-1)], "NULL");
        check("$json_field", &[list, Value::from("0")], "NULL");
        check("JSON_TYPE", &[value()], "object");
        check("JSON_KEYS", &[value()], "[\"a.b\", \"a.b\".$, a, a.b, a.c, n]");
        check("JSON_KEYS", &[value(), Value::Int64(1)], "[\"a.b\", a, n]");
        check("JSON_KEYS", &[value(), Value::Int64(0)], "ERROR max_depth must be positive.");
        let rows = Value::json(serde_json::json!({"a": [{"b": 1}, [{"c": 2}]]}));
        let with_mode = |mode: &str| [rows.clone(), Value::Null, Value::from(mode)];
        check("JSON_KEYS", &with_mode("strict"), "[a]");
        check("JSON_KEYS", &with_mode("lax"), "[a, a.b]");
        check("JSON_KEYS", &with_mode("Lax Recursive"), "[a, a.b, a.c]");
        let nested = Value::json(serde_json::json!([1, [2, [], [3]], {"a": [4]}]));
        check("JSON_FLATTEN", &[nested], r#"[1, 2, 3, {"a":[4]}]"#);
    }

    #[test]
    fn containment() {
        let check_contains = |whole: &str, wanted: &str, expected: bool| {
            let args =
                [whole, wanted].map(|text| Value::json(serde_json::from_str(text).expect("JSON")));
            check("JSON_CONTAINS", &args, &expected.to_string());
        };
        check_contains(r#"{"a": {"b": 1, "c": 2}}"#, r#"{"a": {"b": 1.0}}"#, true);
        check_contains("[1, 2, [3]]", "2", true);
        check_contains("[1, 2, [3]]", "3", false);
        check_contains("[1, [2, 3]]", "[[3]]", true);
        check_contains("1", "[1]", false);
        check_contains("\"1\"", "1", false);
    }
}

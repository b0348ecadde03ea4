//! How functions over text declare themselves and read their arguments, and the bounds of what they make.
//! Invariant: the analyzer has coerced every argument to the type of the signature, so a wrong variant here
//! is a bug; only NULL can stand for any type.

use crate::error::{Result, SqlError};
use crate::functions::{Call, Nulls, ScalarFunction};
use crate::value::Value;

/// What most functions may make: BigQuery's own bound for LPAD, REPEAT, REPLACE, TRANSLATE and FORMAT.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// What a value of a row may hold at most: BigQuery's bound of a row.
pub(super) const VALUE_BYTES_MAX: usize = 100 << 20;

/// What a function computes.
pub(super) type Body = fn(&Call<'_>, &[Value]) -> Result<Value>;

/// A function that is NULL when an argument is.
pub(super) const fn strict(
    name: &'static str,
    signatures: &'static [&'static str],
    call: Body,
) -> ScalarFunction {
    ScalarFunction { name, signatures, nulls: Nulls::Propagate, call }
}

/// A function that sees NULL arguments.
pub(super) const fn passing_nulls(
    name: &'static str,
    signatures: &'static [&'static str],
    call: Body,
) -> ScalarFunction {
    ScalarFunction { name, signatures, nulls: Nulls::Passed, call }
}

/// A `STRING` argument that is there and not NULL.
pub(super) fn text(args: &[Value], index: usize) -> &str {
    args[index].as_str().expect("the analyzer made the argument a STRING")
}

/// A `STRING` argument; `None` when it was left out or is NULL.
pub(super) fn optional_text(args: &[Value], index: usize) -> Option<&str> {
    args.get(index).and_then(Value::as_str)
}

/// A `BYTES` argument that is there and not NULL.
pub(super) fn bytes(args: &[Value], index: usize) -> &[u8] {
    args[index].as_bytes().expect("the analyzer made the argument BYTES")
}

/// The bytes of a `STRING` or `BYTES` argument.
pub(super) fn octets(args: &[Value], index: usize) -> &[u8] {
    match &args[index] {
        Value::String(text) => text.as_bytes(),
        other => other.as_bytes().expect("the analyzer made the argument STRING or BYTES"),
    }
}

/// An `INT64` argument that is there and not NULL.
pub(super) fn integer(args: &[Value], index: usize) -> i64 {
    args[index].as_int64().expect("the analyzer made the argument an INT64")
}

/// An `INT64` argument; `None` when it was left out or is NULL.
pub(super) fn optional_integer(args: &[Value], index: usize) -> Option<i64> {
    args.get(index).and_then(Value::as_int64)
}

/// A `BOOL` argument; `None` when it was left out or is NULL.
pub(super) fn optional_bool(args: &[Value], index: usize) -> Option<bool> {
    args.get(index).and_then(Value::as_bool)
}

/// An `ARRAY` argument that is there and not NULL.
pub(super) fn array(args: &[Value], index: usize) -> &[Value] {
    args[index].as_array().expect("the analyzer made the argument an ARRAY")
}

/// A value of the same type as `like` from bytes; what was cut from a STRING at characters is UTF-8 still.
pub(super) fn same_type(like: &Value, octets: Vec<u8>) -> Value {
    match like {
        Value::String(_) => {
            let text = String::from_utf8(octets).expect("whole characters stay UTF-8");
            Value::from(text)
        }
        _ => Value::bytes(octets),
    }
}

/// Refuses what would become larger than a function may make.
pub(super) fn within(size: usize, max: usize, message: &str) -> Result<()> {
    if size > max { Err(SqlError::evaluation(message)) } else { Ok(()) }
}

#[cfg(test)]
pub(super) mod testing {
    //! Calls functions of a list by name, choosing the signature as little as a test needs.

    use super::{Nulls, Result, ScalarFunction, Value};
    use crate::functions::Call;
    use crate::session::Session;
    use crate::sql_type::Type;

    /// The type a value of a test would have; NULL is a STRING.
    pub(crate) fn type_of(value: &Value) -> Type {
        match value {
            Value::Bool(_) => Type::Bool,
            Value::Int64(_) => Type::Int64,
            Value::Float64(_) => Type::Float64,
            Value::Numeric(_) => Type::Numeric,
            Value::BigNumeric(_) => Type::BigNumeric,
            Value::Bytes(_) => Type::Bytes,
            Value::Date(_) => Type::Date,
            Value::Time(_) => Type::Time,
            Value::Datetime(_) => Type::Datetime,
            Value::Timestamp(_) => Type::Timestamp,
            Value::Json(_) => Type::Json,
            Value::Array(elements) => {
                Type::array_of(elements.first().map_or(Type::String, type_of))
            }
            _ => Type::String,
        }
    }

    /// Calls a function with values whose types are evident.
    pub(crate) fn call(list: &[ScalarFunction], name: &str, args: &[Value]) -> Result<Value> {
        let types: Vec<Type> = args.iter().map(type_of).collect();
        call_typed(list, name, args, &types)
    }

    /// Calls a function with the types of its arguments.
    pub(crate) fn call_typed(
        list: &[ScalarFunction],
        name: &str,
        args: &[Value],
        types: &[Type],
    ) -> Result<Value> {
        let function = list.iter().find(|function| function.name == name).expect("it is listed");
        if function.nulls == Nulls::Propagate && args.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        let session = Session::new("project", 0, 7);
        let call = Call { session: &session, args: types };
        (function.call)(&call, args)
    }

    /// Calls and renders for a table of tests: the value as a debug text, or the message of the error.
    pub(crate) fn outcome(list: &[ScalarFunction], name: &str, args: &[Value]) -> String {
        match call(list, name, args) {
            Ok(value) => render(&value),
            Err(error) => format!("ERROR {}", error.message),
        }
    }

    /// A short text of a value.
    pub(crate) fn render(value: &Value) -> String {
        match value {
            Value::Null => "NULL".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int64(value) => value.to_string(),
            Value::Float64(value) => format!("{value:?}"),
            Value::String(text) => text.to_string(),
            Value::Bytes(bytes) => format!("b{:?}", String::from_utf8_lossy(bytes)),
            Value::Json(json) => json.to_string(),
            Value::Array(elements) => {
                let inner: Vec<String> = elements.iter().map(render).collect();
                format!("[{}]", inner.join(", "))
            }
            other => format!("{other:?}"),
        }
    }

    /// STRING arguments.
    pub(crate) fn strings(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| Value::from(*text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::SCALAR;

    #[test]
    fn signatures_are_well_formed_and_unique() {
        for (name, functions) in SCALAR.iter() {
            let mut seen = Vec::new();
            for signature in functions.iter().flat_map(|function| function.signatures) {
                let halves = signature.split_once(") -> ");
                let (arguments, result) = halves.expect("arguments and a result");
                assert!(arguments.starts_with('('), "{name}{signature}");
                // Blanks are within `<…>` alone, between a field's name and its type.
                let outer = result.split('<').next().unwrap_or_default();
                assert!(!outer.contains(char::is_whitespace), "{name}{signature}");
                assert!(!seen.contains(&signature), "{name}{signature} stands twice");
                seen.push(signature);
            }
        }
    }
}

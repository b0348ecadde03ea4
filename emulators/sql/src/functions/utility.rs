//! Functions of the statement and its surroundings: UUIDs of the session's entropy, the caller, errors, the
//! names of types.

use std::fmt::Write;

use super::arguments::passing_nulls;
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::value::Value;

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    passing_nulls("GENERATE_UUID", &["() -> STRING"], generate_uuid),
    passing_nulls("SESSION_USER", &["() -> STRING"], |call, _| {
        Ok(Value::from(call.session.user.as_str()))
    }),
    passing_nulls("ERROR", &["(STRING) -> INT64"], |_, args| {
        let message = args[0].as_str().unwrap_or("ERROR function called with NULL value");
        Err(SqlError::evaluation(message))
    }),
    passing_nulls("TYPEOF", &["(ANY) -> STRING"], |call, _| {
        Ok(Value::from(call.args[0].to_string()))
    }),
];

/// A random UUID, version 4 of RFC 9562.
fn generate_uuid(call: &Call<'_>, _: &[Value]) -> Result<Value> {
    let bits = u128::from(call.session.random()) << 64 | u128::from(call.session.random());
    let version = bits & !(0xf << 76) | 0x4 << 76;
    let variant = version & !(0x3 << 62) | 0x2 << 62;
    let mut uuid = String::with_capacity(36);
    for (index, byte) in variant.to_be_bytes().iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        write!(uuid, "{byte:02x}").expect("a string takes whatever is written");
    }
    Ok(Value::from(uuid))
}

#[cfg(test)]
mod tests {
    use super::super::arguments::testing::{call, outcome};
    use super::*;

    #[test]
    fn surroundings() {
        let check = |name: &str, args: &[Value], expected: &str| {
            assert_eq!(outcome(FUNCTIONS, name, args), expected);
        };
        check("SESSION_USER", &[], "user@example.com");
        check("ERROR", &[Value::from("no")], "ERROR no");
        check("ERROR", &[Value::Null], "ERROR ERROR function called with NULL value");
        check("TYPEOF", &[Value::array([Value::Int64(1)])], "ARRAY<INT64>");
        check("TYPEOF", &[Value::Null], "STRING");
    }

    #[test]
    fn uuids_have_a_version_and_a_variant() {
        let uuid = call(FUNCTIONS, "GENERATE_UUID", &[]).expect("it has no arguments");
        let form = regex::Regex::new(
            "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        );
        assert!(form.expect("a pattern").is_match(uuid.as_str().expect("a STRING")));
    }
}

//! Aggregates that keep everything: `ARRAY_AGG`, `ARRAY_CONCAT_AGG` and `STRING_AGG`. Order,
//! distinctness and limits are the evaluator's. That an array of a result holds no NULL is checked
//! where it is written.

use crate::error::Result;
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::sql_type::Type;
use crate::value::Value;

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "ARRAY_AGG",
        signatures: &["(T1) -> ARRAY<T1>"],
        nulls: AggregateNulls::Counted,
        make: |_| Box::new(ArrayAgg(Vec::new())),
    },
    AggregateFunction {
        name: "ARRAY_CONCAT_AGG",
        signatures: &["(ARRAY<T1>) -> ARRAY<T1>"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(ArrayConcatAgg(None)),
    },
    AggregateFunction {
        name: "STRING_AGG",
        signatures: &[
            "(STRING) -> STRING",
            "(STRING, STRING) -> STRING",
            "(BYTES) -> BYTES",
            "(BYTES, BYTES) -> BYTES",
        ],
        nulls: AggregateNulls::Skipped,
        make: |call| match call.args.first() {
            Some(Type::Bytes) => Box::new(BytesAgg(None)),
            _ => Box::new(StringAgg(None)),
        },
    },
];

struct ArrayAgg(Vec<Value>);

impl Accumulator for ArrayAgg {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        self.0.extend(args.first().cloned());
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(if self.0.is_empty() { Value::Null } else { Value::Array(self.0.as_slice().into()) })
    }
}

struct ArrayConcatAgg(Option<Vec<Value>>);

impl Accumulator for ArrayConcatAgg {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(elements) = args.first().and_then(Value::as_array) {
            self.0.get_or_insert_default().extend_from_slice(elements);
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.0.as_deref().map_or(Value::Null, |elements| Value::Array(elements.into())))
    }
}

struct StringAgg(Option<String>);

impl Accumulator for StringAgg {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some(text) = args.first().and_then(Value::as_str) else { return Ok(()) };
        let delimiter = args.get(1).and_then(Value::as_str).unwrap_or(",");
        match &mut self.0 {
            None => self.0 = Some(text.to_owned()),
            Some(all) => {
                all.push_str(delimiter);
                all.push_str(text);
            }
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.0.as_deref().map_or(Value::Null, Value::string))
    }
}

struct BytesAgg(Option<Vec<u8>>);

impl Accumulator for BytesAgg {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some(bytes) = args.first().and_then(Value::as_bytes) else { return Ok(()) };
        let delimiter = args.get(1).and_then(Value::as_bytes).unwrap_or(b",");
        match &mut self.0 {
            None => self.0 = Some(bytes.to_owned()),
            Some(all) => {
                all.extend_from_slice(delimiter);
                all.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.0.as_deref().map_or(Value::Null, Value::bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs, rows};

    #[test]
    fn arrays() {
        let check = |name: &str, rows: &[Vec<Value>], expected: Value| {
            assert_eq!(aggregate(name, &[Type::Int64], rows), Ok(expected), "{name} {rows:?}");
        };
        let array = |values: &[i64]| Value::array(values.iter().map(|value| (*value).into()));
        check("ARRAY_AGG", &rows(&[2, 1]), array(&[2, 1]));
        check("ARRAY_AGG", &rows(&[Some(2), None]), Value::array([2.into(), Value::Null]));
        check("ARRAY_AGG", &[], Value::Null);
        let rows = [vec![array(&[1, 2])], vec![Value::Null], vec![array(&[])], vec![array(&[3])]];
        check("ARRAY_CONCAT_AGG", &rows, array(&[1, 2, 3]));
        check("ARRAY_CONCAT_AGG", &rows[1..2], Value::Null);
        check("ARRAY_CONCAT_AGG", &rows[2..3], array(&[]));
    }

    #[test]
    fn strings() {
        let check = |rows: &[Vec<Value>], expected: Value| {
            assert_eq!(aggregate("STRING_AGG", &[Type::String], rows), Ok(expected), "{rows:?}");
        };
        check(&rows(&[Some("a"), None, Some("b")]), "a,b".into());
        check(&pairs(&[("a", " & "), ("b", " & "), ("", " & ")]), "a & b & ".into());
        check(&pairs(&[("", "-"), ("a", "-")]), "-a".into());
        check(&pairs(&[("x", ""), ("y", "")]), "xy".into());
        check(&[], Value::Null);
        let bytes: Vec<_> = [b"a", b"b"].map(|bytes| vec![Value::bytes(bytes)]).into();
        assert_eq!(aggregate("STRING_AGG", &[Type::Bytes], &bytes), Ok(Value::bytes(b"a,b")));
    }
}

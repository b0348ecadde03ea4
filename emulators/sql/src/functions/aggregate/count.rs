//! Aggregates that fold a row into one word: `COUNT`, `COUNTIF`, `LOGICAL_AND`, `LOGICAL_OR` and
//! the bits. All but the counts are NULL when they saw no row.

use crate::error::Result;
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::value::Value;

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "COUNT",
        signatures: &["() -> INT64", "(T1) -> INT64"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Count { rows: 0, counts: |_| true }),
    },
    AggregateFunction {
        name: "COUNTIF",
        signatures: &["(BOOL) -> INT64"],
        nulls: AggregateNulls::Skipped,
        make: |_| {
            Box::new(Count { rows: 0, counts: |args| args.first().is_some_and(Value::is_true) })
        },
    },
    logical("LOGICAL_AND", |_| {
        Box::new(Logical { folded: None, fold: |left, right| left && right })
    }),
    logical("LOGICAL_OR", |_| {
        Box::new(Logical { folded: None, fold: |left, right| left || right })
    }),
    bits("BIT_AND", |_| Box::new(Bits { folded: None, fold: |left, right| left & right })),
    bits("BIT_OR", |_| Box::new(Bits { folded: None, fold: |left, right| left | right })),
    bits("BIT_XOR", |_| Box::new(Bits { folded: None, fold: |left, right| left ^ right })),
];

type Make = fn(&Call<'_>) -> Box<dyn Accumulator>;

const fn logical(name: &'static str, make: Make) -> AggregateFunction {
    AggregateFunction {
        name,
        signatures: &["(BOOL) -> BOOL"],
        nulls: AggregateNulls::Skipped,
        make,
    }
}

const fn bits(name: &'static str, make: Make) -> AggregateFunction {
    AggregateFunction {
        name,
        signatures: &["(INT64) -> INT64"],
        nulls: AggregateNulls::Skipped,
        make,
    }
}

struct Count {
    rows: i64,
    counts: fn(&[Value]) -> bool,
}

impl Accumulator for Count {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        self.rows += i64::from((self.counts)(args));
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(Value::Int64(self.rows))
    }
}

struct Logical {
    folded: Option<bool>,
    fold: fn(bool, bool) -> bool,
}

impl Accumulator for Logical {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(value) = args.first().and_then(Value::as_bool) {
            self.folded = Some(self.folded.map_or(value, |folded| (self.fold)(folded, value)));
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.folded.into())
    }
}

struct Bits {
    folded: Option<i64>,
    fold: fn(i64, i64) -> i64,
}

impl Accumulator for Bits {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(value) = args.first().and_then(Value::as_int64) {
            self.folded = Some(self.folded.map_or(value, |folded| (self.fold)(folded, value)));
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.folded.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::aggregate::fixture::aggregate;
    use crate::sql_type::Type;
    use crate::value::Value;

    #[test]
    fn counts() {
        assert_eq!(aggregate("COUNT", &[], &[vec![], vec![]]), Ok(Value::Int64(2)));
        let rows = [vec![Value::Int64(1)], vec![Value::Null]];
        assert_eq!(aggregate("COUNT", &[Type::Int64], &rows), Ok(Value::Int64(1)));
        assert_eq!(aggregate("COUNT", &[Type::Int64], &[]), Ok(Value::Int64(0)));
    }

    #[test]
    fn folds_of_bools() {
        let check = |name: &str, values: &[Option<bool>], expected: Value| {
            let rows: Vec<_> = values.iter().map(|value| vec![Value::from(*value)]).collect();
            assert_eq!(aggregate(name, &[Type::Bool], &rows), Ok(expected), "{name} {values:?}");
        };
        check("COUNTIF", &[Some(true), None, Some(false), Some(true)], Value::Int64(2));
        check("COUNTIF", &[], Value::Int64(0));
        check("LOGICAL_AND", &[Some(true), None, Some(true)], Value::Bool(true));
        check("LOGICAL_AND", &[Some(true), Some(false)], Value::Bool(false));
        check("LOGICAL_AND", &[None], Value::Null);
        check("LOGICAL_OR", &[Some(false), Some(true), None], Value::Bool(true));
        check("LOGICAL_OR", &[Some(false)], Value::Bool(false));
        check("LOGICAL_OR", &[], Value::Null);
    }

    #[test]
    fn folds_of_bits() {
        let check = |name: &str, values: &[Option<i64>], expected: Value| {
            let rows: Vec<_> = values.iter().map(|value| vec![Value::from(*value)]).collect();
            assert_eq!(aggregate(name, &[Type::Int64], &rows), Ok(expected), "{name} {values:?}");
        };
        check("BIT_AND", &[Some(0xF001), Some(0x00A1)], Value::Int64(1));
        check("BIT_OR", &[Some(0xF001), None, Some(0x00A1)], Value::Int64(0xF0A1));
        check("BIT_XOR", &[Some(5678), Some(1234)], Value::Int64(4860));
        check("BIT_XOR", &[Some(1234), Some(5678), Some(1234)], Value::Int64(5678));
        check("BIT_AND", &[None], Value::Null);
    }
}

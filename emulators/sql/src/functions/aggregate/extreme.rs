//! Aggregates that keep one row's value: `MIN`, `MAX`, `MIN_BY`, `MAX_BY` and `ANY_VALUE`. NaN is
//! both the smallest and the largest double: whoever meets it keeps it.

use std::cmp::Ordering;

use crate::error::Result;
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::value::{Value, compare};

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "MIN",
        signatures: &["(T1) -> T1"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Extreme { best: Value::Null, end: End::Least }),
    },
    AggregateFunction {
        name: "MAX",
        signatures: &["(T1) -> T1"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Extreme { best: Value::Null, end: End::Greatest }),
    },
    AggregateFunction {
        name: "MIN_BY",
        signatures: &["(T1, T2) -> T1"],
        nulls: AggregateNulls::Counted,
        make: |_| Box::new(ExtremeBy { value: Value::Null, best: Value::Null, end: End::Least }),
    },
    AggregateFunction {
        name: "MAX_BY",
        signatures: &["(T1, T2) -> T1"],
        nulls: AggregateNulls::Counted,
        make: |_| Box::new(ExtremeBy { value: Value::Null, best: Value::Null, end: End::Greatest }),
    },
    AggregateFunction {
        name: "ANY_VALUE",
        signatures: &["(T1) -> T1"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(AnyValue(Value::Null)),
    },
];

#[derive(Clone, Copy)]
enum End {
    Least,
    Greatest,
}

impl End {
    /// How a candidate stands to the best value so far: `Less` is better. Neither is NULL.
    fn rank(self, candidate: &Value, best: &Value) -> Ordering {
        let not_a_number = |value: &Value| value.as_float64().is_some_and(f64::is_nan);
        match self {
            Self::Least => compare(candidate, best),
            Self::Greatest => match (not_a_number(candidate), not_a_number(best)) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => compare(best, candidate),
            },
        }
    }
}

struct Extreme {
    best: Value,
    end: End,
}

impl Accumulator for Extreme {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(value) = args.first().filter(|value| !value.is_null())
            && (self.best.is_null() || self.end.rank(value, &self.best).is_lt())
        {
            self.best.clone_from(value);
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.best.clone())
    }
}

/// The first argument where the second is extreme. A NULL in the second counts only when there is
/// nothing else; of several extreme rows one whose first argument is not NULL is preferred, since
/// the function stands for `ANY_VALUE(… HAVING …)`.
struct ExtremeBy {
    value: Value,
    best: Value,
    end: End,
}

impl Accumulator for ExtremeBy {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let [value, by, ..] = args else { return Ok(()) };
        let rank = match (by.is_null(), self.best.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.end.rank(by, &self.best),
        };
        match rank {
            Ordering::Less => {
                self.best.clone_from(by);
                self.value.clone_from(value);
            }
            Ordering::Equal if self.value.is_null() => self.value.clone_from(value),
            _ => {}
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.value.clone())
    }
}

struct AnyValue(Value);

impl Accumulator for AnyValue {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(value) = args.first()
            && self.0.is_null()
        {
            self.0.clone_from(value);
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs, rows};
    use crate::sql_type::Type;

    #[test]
    fn extremes() {
        let check = |name: &str, rows: &[Vec<Value>], expected: Value| {
            assert_eq!(aggregate(name, &[Type::Int64], rows), Ok(expected), "{name} {rows:?}");
        };
        check("MIN", &rows(&[Some(3), None, Some(1)]), 1.into());
        check("MAX", &rows(&[Some(3), None, Some(1)]), 3.into());
        check("MIN", &rows(&["b", "a", "B"]), "B".into());
        check("MAX", &rows(&["b", "ab", "B"]), "b".into());
        check("MAX", &rows::<Option<i64>>(&[None]), Value::Null);
        check("MIN", &[], Value::Null);
        check("MIN", &rows(&[true, false]), false.into());
        check("ANY_VALUE", &rows(&[None, Some(5), Some(6)]), 5.into());
        check("ANY_VALUE", &[], Value::Null);
    }

    #[test]
    fn not_a_number_wins_at_both_ends() {
        for name in ["MIN", "MAX"] {
            for values in [[1.0, f64::NAN, 2.0], [f64::NAN, 1.0, f64::INFINITY]] {
                let result = aggregate(name, &[Type::Float64], &rows(&values)).unwrap();
                assert!(result.as_float64().unwrap().is_nan(), "{name} {values:?}");
            }
        }
    }

    #[test]
    fn a_value_where_another_is_extreme() {
        let check = |name: &str, rows: &[(Option<&str>, Option<i64>)], expected: Value| {
            let args = [Type::String, Type::Int64];
            assert_eq!(aggregate(name, &args, &pairs(rows)), Ok(expected), "{name} {rows:?}");
        };
        let fruit = [(Some("apple"), Some(3)), (Some("pear"), Some(9)), (Some("fig"), None)];
        check("MAX_BY", &fruit, "pear".into());
        check("MIN_BY", &fruit, "apple".into());
        check("MAX_BY", &[(Some("a"), Some(1)), (None, Some(2))], Value::Null);
        check("MAX_BY", &[(None, Some(2)), (Some("a"), Some(2))], "a".into());
        check("MIN_BY", &[(Some("a"), None)], "a".into());
        check("MIN_BY", &[], Value::Null);
    }
}

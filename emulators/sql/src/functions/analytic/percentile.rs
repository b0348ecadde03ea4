//! `PERCENTILE_CONT` and `PERCENTILE_DISC` over a whole partition. The place among the sorted
//! values is computed from the exact value of the share, be it a double or a decimal, so that no
//! rounding moves it by a row. NULLs are left out unless the call respects them; then they come
//! first.

use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

use crate::error::{Result, SqlError};
use crate::functions::aggregate::{divide_big, numeric_from_big};
use crate::functions::{AnalyticFunction, Partition};
use crate::value::{BigNumeric, Numeric, Value, compare};

pub(super) const FUNCTIONS: &[AnalyticFunction] = &[
    AnalyticFunction {
        name: "PERCENTILE_CONT",
        signatures: &[
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> NUMERIC",
            "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
        ],
        call: |_, partition| of_partition(partition, "PERCENTILE_CONT", continuous),
    },
    AnalyticFunction {
        name: "PERCENTILE_DISC",
        signatures: &["(T1, FLOAT64) -> T1", "(T1, NUMERIC) -> T1", "(T1, BIGNUMERIC) -> T1"],
        call: |_, partition| of_partition(partition, "PERCENTILE_DISC", discrete),
    },
];

/// A share between 0 and 1 as an exact fraction.
struct Share {
    numerator: BigInt,
    denominator: BigInt,
}

fn of_partition(
    partition: &Partition<'_>,
    name: &str,
    percentile: fn(&[Value], &Share) -> Value,
) -> Result<Vec<Value>> {
    let [values, shares, ..] = partition.args else { return Ok(Vec::new()) };
    let Some(share) = shares.first() else { return Ok(Vec::new()) };
    let share = Share::of(share, name)?;
    let counted = |value: &&Value| !(partition.ignore_nulls && value.is_null());
    let mut sorted: Vec<Value> = values.iter().filter(counted).cloned().collect();
    sorted.sort_by(compare);
    let result = if sorted.is_empty() { Value::Null } else { percentile(&sorted, &share) };
    Ok(vec![result; partition.rows])
}

impl Share {
    fn of(value: &Value, name: &str) -> Result<Self> {
        let share = match value {
            Value::Null => {
                let message = format!("Argument 2 to {name} must not be NULL");
                return Err(SqlError::evaluation(message));
            }
            Value::Float64(value) if value.is_finite() => Self::of_double(*value),
            Value::Numeric(value) => Some(Self {
                numerator: value.scaled().into(),
                denominator: Numeric::ONE_SCALED.into(),
            }),
            Value::BigNumeric(value) => Some(Self {
                numerator: value.scaled().clone(),
                denominator: BigInt::from(10).pow(BigNumeric::SCALE),
            }),
            _ => None,
        };
        share
            .filter(|share| {
                share.numerator.sign() != Sign::Minus && share.numerator <= share.denominator
            })
            .ok_or_else(|| {
                SqlError::evaluation(format!("Argument 2 to {name} must be between 0 and 1"))
            })
    }

    /// A double is a whole number over a power of two.
    fn of_double(value: f64) -> Option<Self> {
        const FRACTION_BITS: u32 = 52;
        if !(0.0..=1.0).contains(&value) {
            return None;
        }
        let bits = value.abs().to_bits();
        let exponent = u32::try_from(bits >> FRACTION_BITS).expect("twelve bits");
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        // Numbers too small for the leading one have exponent 0 and count like those of exponent 1.
        let leading = u64::from(exponent > 0) << FRACTION_BITS;
        let places = 1075 - exponent.max(1);
        Some(Self {
            numerator: (leading | fraction).into(),
            denominator: BigInt::from(1) << places,
        })
    }

    /// This share of a number: the whole part and what is left, over the denominator.
    fn times(&self, number: usize) -> (usize, BigInt) {
        let product = &self.numerator * BigInt::from(number);
        let whole = &product / &self.denominator;
        let rest = product - &whole * &self.denominator;
        (whole.to_usize().expect("a share of a number of rows is no greater"), rest)
    }
}

/// The first value whose share of rows up to it is at least as great.
fn discrete(sorted: &[Value], share: &Share) -> Value {
    let (index, rest) = share.times(sorted.len());
    let index = if rest == BigInt::ZERO { index.saturating_sub(1) } else { index };
    sorted[index].clone()
}

/// Between two values in proportion; between NULL and a value it is the value.
fn continuous(sorted: &[Value], share: &Share) -> Value {
    let (index, rest) = share.times(sorted.len() - 1);
    let left = &sorted[index];
    if rest == BigInt::ZERO {
        return left.clone();
    }
    match (left, &sorted[index + 1]) {
        (Value::Null, right) => right.clone(),
        (Value::Float64(left), Value::Float64(right)) => {
            // The smaller weight is computed from the fraction and the larger from it, as GoogleSQL
            // does.
            let weight = |part: &BigInt| ratio(part, &share.denominator);
            let other = &share.denominator - &rest;
            let (of_left, of_right) = if rest > other {
                (weight(&other), 1.0 - weight(&other))
            } else {
                (1.0 - weight(&rest), weight(&rest))
            };
            Value::Float64(left * of_left + right * of_right)
        }
        (Value::Numeric(left), Value::Numeric(right)) => {
            let between = between(&left.scaled().into(), &right.scaled().into(), &rest, share);
            let value = numeric_from_big(&between);
            Value::Numeric(value.expect("between two values that fit"))
        }
        (Value::BigNumeric(left), Value::BigNumeric(right)) => {
            let between = between(left.scaled(), right.scaled(), &rest, share);
            let value = BigNumeric::from_scaled(between);
            Value::big_numeric(value.expect("between two values that fit"))
        }
        (left, _) => left.clone(),
    }
}

fn between(left: &BigInt, right: &BigInt, rest: &BigInt, share: &Share) -> BigInt {
    let weighted = left * (&share.denominator - rest) + right * rest;
    divide_big(&weighted, &share.denominator)
}

/// A proper fraction as a double. The denominator may be a power of two beyond the range of
/// doubles.
fn ratio(part: &BigInt, whole: &BigInt) -> f64 {
    let excess = whole.bits().saturating_sub(1000);
    let whole: BigInt = whole >> excess;
    let excess = i32::try_from(excess).expect("denominators have at most 1075 bits");
    part.to_f64().unwrap_or(0.0) / whole.to_f64().unwrap_or(1.0) * 0.5f64.powi(excess)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::analytic::fixture::analytic;

    fn percentile(
        name: &str,
        ignore_nulls: bool,
        values: Vec<Value>,
        share: Value,
    ) -> Result<Value> {
        let rows = values.len();
        let args = [values, vec![share; rows]];
        let result = analytic(name, ignore_nulls, &vec![0; rows], &args)?;
        assert!(result.iter().all(|value| *value == result[0]));
        Ok(result[0].clone())
    }

    fn doubles(values: &[Option<f64>]) -> Vec<Value> {
        values.iter().map(|value| (*value).into()).collect()
    }

    #[test]
    fn continuous_percentiles() {
        let values = doubles(&[Some(0.0), Some(3.0), None, Some(1.0), Some(2.0)]);
        let check = |ignore_nulls: bool, share: f64, expected: Option<f64>| {
            let found = percentile("PERCENTILE_CONT", ignore_nulls, values.clone(), share.into());
            assert_eq!(found, Ok(expected.into()), "{ignore_nulls} {share}");
        };
        check(true, 0.0, Some(0.0));
        check(true, 0.01, Some(0.03));
        check(true, 0.5, Some(1.5));
        check(true, 0.9, Some(2.7));
        check(true, 1.0, Some(3.0));
        check(true, f64::MIN_POSITIVE, Some(f64::MIN_POSITIVE * 3.0));
        check(false, 0.0, None);
        check(false, 0.01, Some(0.0));
        check(false, 0.5, Some(1.0));
        check(false, 0.9, Some(2.6));
        check(false, 1.0, Some(3.0));
        let nulls = percentile("PERCENTILE_CONT", false, doubles(&[None, None]), 0.3.into());
        assert_eq!(nulls, Ok(Value::Null));
        let nulls = percentile("PERCENTILE_CONT", true, doubles(&[None, None]), 0.3.into());
        assert_eq!(nulls, Ok(Value::Null));
        let ten: Vec<_> = (1..=10).map(|value| Value::Float64(f64::from(value))).collect();
        let found = percentile("PERCENTILE_CONT", true, ten, 0.95.into()).unwrap();
        assert!((found.as_float64().unwrap() - 9.55).abs() < 1e-12);
    }

    #[test]
    fn percentiles_of_decimals() {
        let numeric = |scaled| Value::Numeric(Numeric::from_scaled(scaled).unwrap());
        let share = numeric(Numeric::ONE_SCALED / 2);
        let found =
            percentile("PERCENTILE_CONT", true, vec![numeric(1), numeric(2)], share.clone());
        assert_eq!(found, Ok(numeric(2)));
        let max = Numeric::MAX_SCALED;
        let found = percentile("PERCENTILE_CONT", true, vec![numeric(max), numeric(-max)], share);
        assert_eq!(found, Ok(numeric(0)));
        let big = |scaled: BigInt| Value::big_numeric(BigNumeric::from_scaled(scaled).unwrap());
        let third = big(BigInt::from(10).pow(38) / 4);
        let values = vec![big(BigInt::from(-8)), big(BigInt::from(0))];
        let found = percentile("PERCENTILE_CONT", true, values, third);
        assert_eq!(found, Ok(big(BigInt::from(-6))));
    }

    #[test]
    fn discrete_percentiles() {
        let values = ["c", "b", "a"].map(Value::from);
        let with_null = [&values[..], &[Value::Null]].concat();
        let check = |ignore_nulls: bool, share: f64, expected: Value| {
            let found =
                percentile("PERCENTILE_DISC", ignore_nulls, with_null.clone(), share.into());
            assert_eq!(found, Ok(expected), "{ignore_nulls} {share}");
        };
        check(true, 0.0, "a".into());
        check(true, 0.5, "b".into());
        check(true, 1.0, "c".into());
        check(false, 0.0, Value::Null);
        check(false, 0.25, Value::Null);
        check(false, 0.5, "a".into());
        check(false, 0.51, "b".into());
        check(false, 1.0, "c".into());
    }

    #[test]
    fn shares_out_of_range() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = percentile("PERCENTILE_DISC", true, vec![1.into()], share.into());
            let expected = "Argument 2 to PERCENTILE_DISC must be between 0 and 1";
            assert_eq!(error.unwrap_err().message, expected, "{share}");
        }
        assert!(percentile("PERCENTILE_CONT", true, vec![1.0.into()], Value::Null).is_err());
    }
}

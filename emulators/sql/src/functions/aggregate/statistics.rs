//! Variance, deviation, covariance and correlation. Doubles go through running means and central
//! moments (Welford 1962), decimals through exact sums of squares that become a double at the very
//! end. NaN and infinities make NaN.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::error::Result;
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::sql_type::Type;
use crate::value::{BigNumeric, Numeric, Value};

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    of_one("STDDEV", |call| make(call, Statistic::StddevSamp)),
    of_one("STDDEV_SAMP", |call| make(call, Statistic::StddevSamp)),
    of_one("STDDEV_POP", |call| make(call, Statistic::StddevPop)),
    of_one("VARIANCE", |call| make(call, Statistic::VarSamp)),
    of_one("VAR_SAMP", |call| make(call, Statistic::VarSamp)),
    of_one("VAR_POP", |call| make(call, Statistic::VarPop)),
    of_two("COVAR_POP", |call| make(call, Statistic::CovarPop)),
    of_two("COVAR_SAMP", |call| make(call, Statistic::CovarSamp)),
    of_two("CORR", |call| make(call, Statistic::Corr)),
];

type Make = fn(&Call<'_>) -> Box<dyn Accumulator>;

const fn of_one(name: &'static str, make: Make) -> AggregateFunction {
    AggregateFunction {
        name,
        signatures: &["(FLOAT64) -> FLOAT64", "(NUMERIC) -> FLOAT64", "(BIGNUMERIC) -> FLOAT64"],
        nulls: AggregateNulls::Skipped,
        make,
    }
}

const fn of_two(name: &'static str, make: Make) -> AggregateFunction {
    AggregateFunction {
        name,
        signatures: &[
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> FLOAT64",
            "(BIGNUMERIC, BIGNUMERIC) -> FLOAT64",
        ],
        nulls: AggregateNulls::Skipped,
        make,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Statistic {
    StddevSamp,
    StddevPop,
    VarSamp,
    VarPop,
    CovarSamp,
    CovarPop,
    Corr,
}

impl Statistic {
    /// Fewer rows make NULL.
    fn rows_min(self) -> u64 {
        match self {
            Self::StddevPop | Self::VarPop | Self::CovarPop => 1,
            Self::StddevSamp | Self::VarSamp | Self::CovarSamp | Self::Corr => 2,
        }
    }

    /// From sums of squared and multiplied deviations, which are `spread.factor` times too large.
    fn of(self, rows: u64, spread: Spread) -> Value {
        if rows < self.rows_min() {
            return Value::Null;
        }
        let sample = (rows - 1) as f64 * spread.factor;
        let population = rows as f64 * spread.factor;
        Value::Float64(match self {
            Self::StddevSamp => (spread.x / sample).sqrt(),
            Self::StddevPop => (spread.x / population).sqrt(),
            Self::VarSamp => spread.x / sample,
            Self::VarPop => spread.x / population,
            Self::CovarSamp => spread.xy / sample,
            Self::CovarPop => spread.xy / population,
            Self::Corr => {
                let product = spread.x * spread.y;
                let root = if product.is_normal() {
                    product.sqrt()
                } else {
                    spread.x.sqrt() * spread.y.sqrt()
                };
                spread.xy / root
            }
        })
    }
}

/// Sums of squared deviations of x and of y from their means, and of the products of both.
#[derive(Clone, Copy)]
struct Spread {
    x: f64,
    y: f64,
    xy: f64,
    factor: f64,
}

fn make(call: &Call<'_>, statistic: Statistic) -> Box<dyn Accumulator> {
    match call.args.first() {
        Some(Type::Numeric | Type::BigNumeric) => {
            Box::new(DecimalMoments { statistic, ..DecimalMoments::default() })
        }
        _ => Box::new(Moments { statistic, rows: 0, mean: [0.0; 2], spread: Spread::ZERO }),
    }
}

impl Spread {
    const ZERO: Self = Self { x: 0.0, y: 0.0, xy: 0.0, factor: 1.0 };
}

struct Moments {
    statistic: Statistic,
    rows: u64,
    mean: [f64; 2],
    spread: Spread,
}

impl Accumulator for Moments {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some(x) = args.first().and_then(Value::as_float64) else { return Ok(()) };
        let y = args.get(1).and_then(Value::as_float64).unwrap_or(0.0);
        self.rows += 1;
        let rows = self.rows as f64;
        let before = [x - self.mean[0], y - self.mean[1]];
        self.mean[0] += before[0] / rows;
        self.mean[1] += before[1] / rows;
        let after = [x - self.mean[0], y - self.mean[1]];
        self.spread.x += before[0] * after[0];
        self.spread.y += before[1] * after[1];
        self.spread.xy += before[0] * after[1];
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.statistic.of(self.rows, self.spread))
    }
}

/// Exact sums over scaled integers.
struct DecimalMoments {
    statistic: Statistic,
    rows: u64,
    scale: u32,
    x: BigInt,
    y: BigInt,
    xx: BigInt,
    yy: BigInt,
    xy: BigInt,
}

impl Default for DecimalMoments {
    fn default() -> Self {
        Self {
            statistic: Statistic::VarPop,
            rows: 0,
            scale: 0,
            x: BigInt::ZERO,
            y: BigInt::ZERO,
            xx: BigInt::ZERO,
            yy: BigInt::ZERO,
            xy: BigInt::ZERO,
        }
    }
}

impl Accumulator for DecimalMoments {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some((x, scale)) = args.first().and_then(scaled) else { return Ok(()) };
        self.rows += 1;
        self.scale = scale;
        self.xx += &x * &x;
        if let Some((y, _)) = args.get(1).and_then(scaled) {
            self.yy += &y * &y;
            self.xy += &x * &y;
            self.y += y;
        }
        self.x += x;
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        let rows = BigInt::from(self.rows);
        let spread = |products: &BigInt, left: &BigInt, right: &BigInt| {
            let exact: BigInt = products * &rows - left * right;
            exact.to_f64().unwrap_or(f64::NAN)
        };
        let one = 10f64.powi(i32::try_from(self.scale).expect("9 or 38"));
        Ok(self.statistic.of(
            self.rows,
            Spread {
                x: spread(&self.xx, &self.x, &self.x),
                y: spread(&self.yy, &self.y, &self.y),
                xy: spread(&self.xy, &self.x, &self.y),
                factor: self.rows as f64 * one * one,
            },
        ))
    }
}

fn scaled(value: &Value) -> Option<(BigInt, u32)> {
    match value {
        Value::Numeric(value) => Some((BigInt::from(value.scaled()), Numeric::SCALE)),
        Value::BigNumeric(value) => Some((value.scaled().clone(), BigNumeric::SCALE)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs, rows};

    fn double(name: &str, rows: &[Vec<Value>]) -> Option<f64> {
        aggregate(name, &[Type::Float64, Type::Float64], rows).unwrap().as_float64()
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-6)
    }

    #[test]
    fn statistics_of_doubles() {
        let check = |name: &str, values: &[f64], expected: Option<f64>| {
            let found = double(name, &rows(values));
            let equal = match (found, expected) {
                (Some(found), Some(expected)) => close(found, expected),
                (found, expected) => found == expected,
            };
            assert!(equal, "{name} {values:?} = {found:?}, not {expected:?}");
        };
        check("STDDEV", &[10.0, 14.0, 18.0], Some(4.0));
        check("STDDEV_POP", &[10.0, 14.0, 18.0], Some((32.0f64 / 3.0).sqrt()));
        check("VARIANCE", &[10.0, 14.0, 18.0], Some(16.0));
        check("VAR_POP", &[10.0, 14.0, 18.0], Some(32.0 / 3.0));
        check("VAR_SAMP", &[1.0], None);
        check("STDDEV_SAMP", &[1.0], None);
        check("VAR_POP", &[1.0], Some(0.0));
        check("STDDEV_POP", &[], None);
        check("VAR_POP", &[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0], Some(2.0 / 3.0));
        for value in [f64::NAN, f64::INFINITY] {
            assert!(double("VAR_POP", &rows(&[value, 1.0])).unwrap().is_nan());
        }
        assert!(double("STDDEV_POP", &rows(&[f64::INFINITY])).unwrap().is_nan());
    }

    #[test]
    fn statistics_of_pairs() {
        let points = [(1.0, 5.0), (3.0, 9.0), (4.0, 7.0)];
        assert!(close(double("CORR", &pairs(&points)).unwrap(), 0.654_653_670_707_977_2));
        assert!(close(double("COVAR_POP", &pairs(&points)).unwrap(), 4.0 / 3.0));
        assert!(close(double("COVAR_SAMP", &pairs(&points)).unwrap(), 2.0));
        assert_eq!(double("CORR", &pairs(&points[..1])), None);
        assert_eq!(double("COVAR_SAMP", &pairs(&points[..1])), None);
        assert_eq!(double("COVAR_POP", &pairs(&points[..1])), Some(0.0));
        assert!(double("CORR", &pairs(&[(0.0, 0.0), (0.0, 0.0)])).unwrap().is_nan());
        let with_null = pairs(&[(Some(1.0), Some(5.0)), (Some(3.0), Some(9.0)), (Some(4.0), None)]);
        assert_eq!(double("CORR", &with_null), Some(1.0));
    }

    #[test]
    fn statistics_of_decimals() {
        let numeric = |scaled| Value::Numeric(Numeric::from_scaled(scaled).unwrap());
        let args = [Type::Numeric, Type::Numeric];
        let values: Vec<_> = [1, 2, 4].map(|value| vec![numeric(value * 1_000_000_000)]).into();
        let variance = aggregate("VAR_SAMP", &args[..1], &values).unwrap();
        assert!(close(variance.as_float64().unwrap(), 7.0 / 3.0));
        let points: Vec<_> =
            [(1, 5), (3, 9), (4, 7)].map(|(x, y)| vec![numeric(x), numeric(y)]).into();
        let correlation = aggregate("CORR", &args, &points).unwrap();
        assert!(close(correlation.as_float64().unwrap(), 0.654_653_670_707_977_2));
    }

    proptest! {
        #[test]
        fn one_pass_agrees_with_two(
            values in prop::collection::vec((-1e6..1e6, -1e6..1e6), 2..50),
        ) {
            let count = values.len() as f64;
            let mean_x = values.iter().map(|(x, _)| x).sum::<f64>() / count;
            let mean_y = values.iter().map(|(_, y)| y).sum::<f64>() / count;
            let variance = values.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>() / count;
            let covariance =
                values.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / count;
            let rows = pairs(&values);
            prop_assert!(close(double("VAR_POP", &rows).unwrap(), variance));
            let found = double("COVAR_POP", &rows).unwrap();
            // Products are as large as 10^12, of which doubles keep 15 digits.
            prop_assert!((found - covariance).abs() <= 0.1);
        }
    }
}

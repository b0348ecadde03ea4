//! `SUM` and `AVG`. Integers and decimals are added up exactly and checked at the end, so that an
//! order of rows whose partial sums overflow is no error; doubles are added in the order of the
//! rows.

use num_bigint::BigInt;

use super::decimal::{WideSum, big_average};
use crate::error::{Result, SqlError};
use crate::functions::{Accumulator, AggregateFunction, AggregateNulls, Call};
use crate::sql_type::Type;
use crate::value::{BigNumeric, Interval, Value};

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "SUM",
        signatures: &[
            "(INT64) -> INT64",
            "(FLOAT64) -> FLOAT64",
            "(NUMERIC) -> NUMERIC",
            "(BIGNUMERIC) -> BIGNUMERIC",
            "(INTERVAL) -> INTERVAL",
        ],
        nulls: AggregateNulls::Skipped,
        make: |call| make(call, Outcome::Sum),
    },
    AggregateFunction {
        name: "AVG",
        signatures: &[
            "(INT64) -> FLOAT64",
            "(FLOAT64) -> FLOAT64",
            "(NUMERIC) -> NUMERIC",
            "(BIGNUMERIC) -> BIGNUMERIC",
            "(INTERVAL) -> INTERVAL",
        ],
        nulls: AggregateNulls::Skipped,
        make: |call| make(call, Outcome::Average),
    },
];

/// What is made of the sum.
#[derive(Clone, Copy)]
enum Outcome {
    Sum,
    Average,
}

fn make(call: &Call<'_>, outcome: Outcome) -> Box<dyn Accumulator> {
    match call.args.first() {
        Some(Type::Float64) => Box::new(FloatSum { outcome, rows: 0, sum: 0.0, all_finite: true }),
        Some(Type::Numeric) => Box::new(NumericSum { outcome, rows: 0, sum: WideSum::default() }),
        Some(Type::BigNumeric) => Box::new(BigNumericSum { outcome, rows: 0, sum: BigInt::ZERO }),
        Some(Type::Interval) => Box::new(IntervalSum { outcome, rows: 0, sum: Parts::default() }),
        _ => Box::new(IntegerSum { outcome, rows: 0, sum: 0 }),
    }
}

struct IntegerSum {
    outcome: Outcome,
    rows: i64,
    sum: i128,
}

impl Accumulator for IntegerSum {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(Value::Int64(value)) = args.first() {
            self.rows += 1;
            self.sum += i128::from(*value);
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        match self.outcome {
            _ if self.rows == 0 => Ok(Value::Null),
            Outcome::Sum => i64::try_from(self.sum)
                .map(Value::Int64)
                .map_err(|_| SqlError::evaluation("Error in SUM aggregation: integer overflow")),
            Outcome::Average => Ok(Value::Float64(self.sum as f64 / self.rows as f64)),
        }
    }
}

struct FloatSum {
    outcome: Outcome,
    rows: i64,
    sum: f64,
    all_finite: bool,
}

impl Accumulator for FloatSum {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(Value::Float64(value)) = args.first() {
            self.rows += 1;
            self.sum += value;
            self.all_finite &= value.is_finite();
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        match self.outcome {
            _ if self.rows == 0 => Ok(Value::Null),
            Outcome::Sum if self.all_finite && !self.sum.is_finite() => {
                Err(SqlError::evaluation("double overflow"))
            }
            Outcome::Sum => Ok(Value::Float64(self.sum)),
            Outcome::Average => Ok(Value::Float64(self.sum / self.rows as f64)),
        }
    }
}

struct NumericSum {
    outcome: Outcome,
    rows: i64,
    sum: WideSum,
}

impl Accumulator for NumericSum {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(Value::Numeric(value)) = args.first() {
            self.rows += 1;
            self.sum.add(value.scaled());
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        let (value, name) = match self.outcome {
            _ if self.rows == 0 => return Ok(Value::Null),
            Outcome::Sum => (self.sum.to_numeric(), "SUM"),
            Outcome::Average => (self.sum.to_average(self.rows), "AVG"),
        };
        let overflow = || SqlError::evaluation(format!("numeric overflow: {name}"));
        value.map(Value::Numeric).ok_or_else(overflow)
    }
}

struct BigNumericSum {
    outcome: Outcome,
    rows: i64,
    sum: BigInt,
}

impl Accumulator for BigNumericSum {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(Value::BigNumeric(value)) = args.first() {
            self.rows += 1;
            self.sum += value.scaled();
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        let (value, name) = match self.outcome {
            _ if self.rows == 0 => return Ok(Value::Null),
            Outcome::Sum => (BigNumeric::from_scaled(self.sum.clone()), "SUM"),
            Outcome::Average => (big_average(&self.sum, self.rows), "AVG"),
        };
        let overflow = || SqlError::evaluation(format!("BIGNUMERIC overflow: {name}"));
        value.map(Value::big_numeric).ok_or_else(overflow)
    }
}

/// The parts of intervals, each added up for itself.
#[derive(Clone, Copy, Default)]
struct Parts {
    months: i128,
    days: i128,
    nanos: i128,
}

impl Parts {
    const DAYS_OF_MONTH: i128 = 30;
    const NANOS_OF_DAY: i128 = 86_400_000_000_000;
    const NANOS_OF_MICRO: i128 = 1000;
    // 10,000 years, in months, days of 366 to a year, and hours of 24 to such a day.
    const MONTHS_MAX: i128 = 120_000;
    const DAYS_MAX: i128 = 3_660_000;
    const NANOS_MAX: i128 = Self::DAYS_MAX * Self::NANOS_OF_DAY;

    fn add(&mut self, interval: &Interval) -> Option<()> {
        self.months = self.months.checked_add(i128::from(interval.months))?;
        self.days = self.days.checked_add(i128::from(interval.days))?;
        self.nanos = self.nanos.checked_add(interval.nanos)?;
        Some(())
    }

    /// Divided by a count: what is left of months goes on as days, what is left of days as time,
    /// and time is cut off at microseconds.
    fn divided_by(self, count: i128) -> Option<Self> {
        let days = self.days.checked_add(self.months % count * Self::DAYS_OF_MONTH)?;
        let nanos = self.nanos.checked_add((days % count).checked_mul(Self::NANOS_OF_DAY)?)?;
        let micros = nanos / count / Self::NANOS_OF_MICRO;
        Some(Self {
            months: self.months / count,
            days: days / count,
            nanos: micros * Self::NANOS_OF_MICRO,
        })
    }

    fn to_interval(self) -> Result<Interval> {
        let within = |field: &str, value: i128, max: i128| {
            if value.unsigned_abs() <= max.unsigned_abs() {
                return Ok(value);
            }
            let message =
                format!("Interval field {field} '{value}' is out of range {} to {max}", -max);
            Err(SqlError::evaluation(message))
        };
        let months = within("months", self.months, Self::MONTHS_MAX)?;
        let days = within("days", self.days, Self::DAYS_MAX)?;
        let nanos = within("nanoseconds", self.nanos, Self::NANOS_MAX)?;
        Ok(Interval {
            months: i64::try_from(months).expect("within the range of months"),
            days: i64::try_from(days).expect("within the range of days"),
            nanos,
        })
    }
}

struct IntervalSum {
    outcome: Outcome,
    rows: i64,
    sum: Parts,
}

fn interval_overflow() -> SqlError {
    SqlError::evaluation("Interval overflow during Sum operation")
}

impl Accumulator for IntervalSum {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        if let Some(Value::Interval(value)) = args.first() {
            self.rows += 1;
            self.sum.add(value).ok_or_else(interval_overflow)?;
        }
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        let parts = match self.outcome {
            _ if self.rows == 0 => return Ok(Value::Null),
            Outcome::Sum => self.sum,
            Outcome::Average => {
                self.sum.divided_by(i128::from(self.rows)).ok_or_else(interval_overflow)?
            }
        };
        Ok(Value::interval(parts.to_interval()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, rows};
    use crate::value::Numeric;

    fn numeric(scaled: i128) -> Value {
        Value::Numeric(Numeric::from_scaled(scaled).unwrap())
    }

    fn big(scaled: i64) -> Value {
        Value::big_numeric(BigNumeric::from_scaled(BigInt::from(scaled)).unwrap())
    }

    #[test]
    fn sums_and_averages_of_integers() {
        let check = |values: &[Option<i64>], sum: Value, average: Value| {
            let rows = rows(values);
            assert_eq!(aggregate("SUM", &[Type::Int64], &rows), Ok(sum), "{values:?}");
            assert_eq!(aggregate("AVG", &[Type::Int64], &rows), Ok(average), "{values:?}");
        };
        check(&[Some(1), None, Some(2)], Value::Int64(3), Value::Float64(1.5));
        check(&[None], Value::Null, Value::Null);
        check(&[], Value::Null, Value::Null);
        // Partial sums may overflow.
        check(&[Some(i64::MAX), Some(1), Some(-1)], Value::Int64(i64::MAX), {
            Value::Float64(i64::MAX as f64 / 3.0)
        });
        let overflow = aggregate("SUM", &[Type::Int64], &rows(&[i64::MAX, 1]));
        assert_eq!(overflow.unwrap_err().message, "Error in SUM aggregation: integer overflow");
        let large = aggregate("AVG", &[Type::Int64], &rows(&[i64::MAX, i64::MAX]));
        assert_eq!(large, Ok(Value::Float64(i64::MAX as f64)));
    }

    #[test]
    fn sums_and_averages_of_doubles() {
        let check = |values: &[f64], sum: f64, average: f64| {
            let rows = rows(values);
            assert_eq!(aggregate("SUM", &[Type::Float64], &rows), Ok(sum.into()), "{values:?}");
            assert_eq!(aggregate("AVG", &[Type::Float64], &rows), Ok(average.into()), "{values:?}");
        };
        check(&[1.5, 2.5], 4.0, 2.0);
        check(&[f64::INFINITY, 1.0], f64::INFINITY, f64::INFINITY);
        let nan = aggregate("SUM", &[Type::Float64], &rows(&[f64::INFINITY, f64::NEG_INFINITY]));
        assert!(nan.unwrap().as_float64().unwrap().is_nan());
        let overflow = aggregate("SUM", &[Type::Float64], &rows(&[f64::MAX, f64::MAX]));
        assert_eq!(overflow.unwrap_err().message, "double overflow");
    }

    #[test]
    fn sums_and_averages_of_decimals() {
        let check = |values: &[i128], sum: i128, average: i128| {
            let rows: Vec<_> = values.iter().map(|value| vec![numeric(*value)]).collect();
            assert_eq!(aggregate("SUM", &[Type::Numeric], &rows), Ok(numeric(sum)));
            assert_eq!(aggregate("AVG", &[Type::Numeric], &rows), Ok(numeric(average)));
        };
        check(&[1, 2], 3, 2);
        check(&[-1, -2], -3, -2);
        let max = Numeric::MAX_SCALED;
        check(&[max, max, -max], max, max / 3);
        let rows = [vec![numeric(max)], vec![numeric(max)]];
        let overflow = aggregate("SUM", &[Type::Numeric], &rows);
        assert_eq!(overflow.unwrap_err().message, "numeric overflow: SUM");
        assert_eq!(aggregate("AVG", &[Type::Numeric], &rows), Ok(numeric(max)));
        let rows = [vec![big(-7)], vec![big(-2)], vec![Value::Null]];
        assert_eq!(aggregate("SUM", &[Type::BigNumeric], &rows), Ok(big(-9)));
        assert_eq!(aggregate("AVG", &[Type::BigNumeric], &rows), Ok(big(-5)));
    }

    #[test]
    fn sums_and_averages_of_intervals() {
        let interval = |months, days, nanos| Value::interval(Interval { months, days, nanos });
        let rows = [vec![interval(1, 0, 0)], vec![interval(2, 1, 5000)], vec![Value::Null]];
        assert_eq!(aggregate("SUM", &[Type::Interval], &rows), Ok(interval(3, 1, 5000)));
        // Three months and a day: one month, half of 31 days, half a day and a half of five
        // microseconds.
        let half = 43_200_000_002_000;
        assert_eq!(aggregate("AVG", &[Type::Interval], &rows), Ok(interval(1, 15, half)));
        let rows = [vec![interval(120_000, 0, 0)], vec![interval(1, 0, 0)]];
        let overflow = aggregate("SUM", &[Type::Interval], &rows).unwrap_err();
        let expected = "Interval field months '120001' is out of range -120000 to 120000";
        assert_eq!(overflow.message, expected);
    }
}

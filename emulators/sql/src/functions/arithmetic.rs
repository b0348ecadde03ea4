//! The operators `+ - * /` and unary minus and plus on numbers, with BigQuery's words where a result is out
//! of range, and the `SAFE_` functions, which answer NULL there. Dates and intervals have theirs elsewhere.

use super::{Call, Nulls, ScalarFunction};
use crate::error::{Reason, Result, SqlError};
use crate::value::{BigNumeric, Numeric, Value, general};

type Body = fn(&Call<'_>, &[Value]) -> Result<Value>;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict(
        "$add",
        &[
            "(INT64, INT64) -> INT64",
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> NUMERIC",
            "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
        ],
        add,
    ),
    strict("$subtract", SUBTRACT, subtract),
    strict(
        "$multiply",
        &[
            "(INT64, INT64) -> INT64",
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> NUMERIC",
            "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
        ],
        multiply,
    ),
    strict("$divide", DIVIDE, divide),
    strict("$unary_minus", UNARY, negate),
    strict("$unary_plus", UNARY, |_, args| Ok(args[0].clone())),
    strict(
        "SAFE_ADD",
        &[
            "(INT64, INT64) -> INT64",
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> NUMERIC",
            "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
        ],
        |call, args| Ok(add(call, args).unwrap_or_default()),
    ),
    strict("SAFE_SUBTRACT", SUBTRACT, |call, args| Ok(subtract(call, args).unwrap_or_default())),
    strict(
        "SAFE_MULTIPLY",
        &[
            "(INT64, INT64) -> INT64",
            "(FLOAT64, FLOAT64) -> FLOAT64",
            "(NUMERIC, NUMERIC) -> NUMERIC",
            "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
        ],
        |call, args| Ok(multiply(call, args).unwrap_or_default()),
    ),
    strict("SAFE_DIVIDE", DIVIDE, |call, args| Ok(divide(call, args).unwrap_or_default())),
    strict("SAFE_NEGATE", UNARY, |call, args| Ok(negate(call, args).unwrap_or_default())),
    strict("IEEE_DIVIDE", &["(FLOAT64, FLOAT64) -> FLOAT64"], ieee_divide),
    strict("DIV", INTEGER_DIVISION, integer_divide),
    strict("MOD", INTEGER_DIVISION, modulo),
];

const SUBTRACT: &[&str] = &[
    "(INT64, INT64) -> INT64",
    "(NUMERIC, NUMERIC) -> NUMERIC",
    "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
    "(FLOAT64, FLOAT64) -> FLOAT64",
];

const DIVIDE: &[&str] = &[
    "(FLOAT64, FLOAT64) -> FLOAT64",
    "(NUMERIC, NUMERIC) -> NUMERIC",
    "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
];

const UNARY: &[&str] = &[
    "(INT64) -> INT64",
    "(FLOAT64) -> FLOAT64",
    "(NUMERIC) -> NUMERIC",
    "(BIGNUMERIC) -> BIGNUMERIC",
];

const INTEGER_DIVISION: &[&str] = &[
    "(INT64, INT64) -> INT64",
    "(NUMERIC, NUMERIC) -> NUMERIC",
    "(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC",
];

/// A function that NULL passes through.
pub(crate) const fn strict(
    name: &'static str,
    signatures: &'static [&'static str],
    call: Body,
) -> ScalarFunction {
    ScalarFunction { name, signatures, nulls: Nulls::Propagate, call }
}

/// Values that no signature of the function lets through.
pub(crate) fn mismatch() -> SqlError {
    SqlError::new(Reason::Invalid, "the arguments are not those of the signature")
}

/// A double in an error: six digits.
pub(crate) fn short(value: f64) -> String {
    general(value, Some(6))
}

fn add(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let operation = Operation {
        symbol: "+",
        int64: i64::checked_add,
        float64: |left, right| left + right,
        numeric: Numeric::checked_add,
        big_numeric: BigNumeric::checked_add,
    };
    operation.call(args)
}

fn subtract(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let operation = Operation {
        symbol: "-",
        int64: i64::checked_sub,
        float64: |left, right| left - right,
        numeric: Numeric::checked_sub,
        big_numeric: BigNumeric::checked_sub,
    };
    operation.call(args)
}

fn multiply(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let operation = Operation {
        symbol: "*",
        int64: i64::checked_mul,
        float64: |left, right| left * right,
        numeric: Numeric::checked_mul,
        big_numeric: BigNumeric::checked_mul,
    };
    operation.call(args)
}

fn divide(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let is_zero = match &args[1] {
        Value::Float64(divisor) => *divisor == 0.0,
        Value::Numeric(divisor) => divisor.is_zero(),
        Value::BigNumeric(divisor) => divisor.is_zero(),
        _ => return Err(mismatch()),
    };
    if is_zero {
        let [left, right] = [error_text(&args[0]), error_text(&args[1])];
        return Err(SqlError::evaluation(format!("division by zero: {left} / {right}")));
    }
    let operation = Operation {
        symbol: "/",
        int64: i64::checked_div,
        float64: |left, right| left / right,
        numeric: Numeric::checked_div,
        big_numeric: BigNumeric::checked_div,
    };
    operation.call(args)
}

/// An operator in each of the types.
struct Operation {
    symbol: &'static str,
    int64: fn(i64, i64) -> Option<i64>,
    float64: fn(f64, f64) -> f64,
    numeric: fn(Numeric, Numeric) -> Option<Numeric>,
    big_numeric: fn(&BigNumeric, &BigNumeric) -> Option<BigNumeric>,
}

impl Operation {
    fn call(&self, args: &[Value]) -> Result<Value> {
        let (type_name, result) = match args {
            [Value::Int64(left), Value::Int64(right)] => {
                ("int64", (self.int64)(*left, *right).map(Value::Int64))
            }
            [Value::Float64(left), Value::Float64(right)] => {
                let result = (self.float64)(*left, *right);
                let fits = result.is_finite() || !left.is_finite() || !right.is_finite();
                ("double", fits.then_some(Value::Float64(result)))
            }
            [Value::Numeric(left), Value::Numeric(right)] => {
                ("numeric", (self.numeric)(*left, *right).map(Value::Numeric))
            }
            [Value::BigNumeric(left), Value::BigNumeric(right)] => {
                ("BIGNUMERIC", (self.big_numeric)(left, right).map(Value::big_numeric))
            }
            _ => return Err(mismatch()),
        };
        result.ok_or_else(|| {
            let [left, right] = [error_text(&args[0]), error_text(&args[1])];
            SqlError::evaluation(format!("{type_name} overflow: {left} {} {right}", self.symbol))
        })
    }
}

/// A number in an error.
pub(crate) fn error_text(value: &Value) -> String {
    match value {
        Value::Int64(value) => value.to_string(),
        Value::Float64(value) => short(*value),
        Value::Numeric(value) => value.to_string(),
        Value::BigNumeric(value) => value.to_string(),
        _ => String::new(),
    }
}

pub(crate) fn negate(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match &args[0] {
        Value::Int64(value) => value
            .checked_neg()
            .map(Value::Int64)
            .ok_or_else(|| SqlError::evaluation(format!("int64 overflow: -{value}"))),
        Value::Float64(value) => Ok(Value::Float64(-value)),
        Value::Numeric(value) => Ok(Value::Numeric(-*value)),
        Value::BigNumeric(value) => value
            .checked_neg()
            .map(Value::big_numeric)
            .ok_or_else(|| SqlError::evaluation(format!("BIGNUMERIC overflow: -({value})"))),
        _ => Err(mismatch()),
    }
}

fn ieee_divide(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [Value::Float64(left), Value::Float64(right)] = args else { return Err(mismatch()) };
    Ok(Value::Float64(left / right))
}

fn integer_divide(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [left, right] = [error_text(&args[0]), error_text(&args[1])];
    let zero = |text: String| SqlError::evaluation(format!("division by zero: {text}"));
    match args {
        [Value::Int64(_), Value::Int64(0)] => Err(zero(format!("{left} / {right}"))),
        [Value::Int64(dividend), Value::Int64(divisor)] => dividend
            .checked_div(*divisor)
            .map(Value::Int64)
            .ok_or_else(|| SqlError::evaluation(format!("int64 overflow: -{left}"))),
        [Value::Numeric(dividend), Value::Numeric(divisor)] => {
            if divisor.is_zero() {
                return Err(zero(format!("DIV({left}, {right})")));
            }
            dividend.checked_integer_div(*divisor).map(Value::Numeric).ok_or_else(|| {
                SqlError::evaluation(format!("numeric overflow: DIV({left}, {right})"))
            })
        }
        [Value::BigNumeric(dividend), Value::BigNumeric(divisor)] => {
            if divisor.is_zero() {
                return Err(zero(format!("DIV({left}, {right})")));
            }
            dividend.checked_integer_div(divisor).map(Value::big_numeric).ok_or_else(|| {
                SqlError::evaluation(format!("BIGNUMERIC overflow: DIV({left}, {right})"))
            })
        }
        _ => Err(mismatch()),
    }
}

fn modulo(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let rest = match args {
        [Value::Int64(_), Value::Int64(0)] => None,
        [Value::Int64(dividend), Value::Int64(divisor)] => {
            Some(Value::Int64(dividend.wrapping_rem(*divisor)))
        }
        [Value::Numeric(dividend), Value::Numeric(divisor)] => {
            dividend.checked_rem(*divisor).map(Value::Numeric)
        }
        [Value::BigNumeric(dividend), Value::BigNumeric(divisor)] => {
            dividend.checked_rem(divisor).map(Value::big_numeric)
        }
        _ => return Err(mismatch()),
    };
    rest.ok_or_else(|| {
        let [left, right] = [error_text(&args[0]), error_text(&args[1])];
        SqlError::evaluation(format!("division by zero: MOD({left}, {right})"))
    })
}

#[cfg(test)]
pub(crate) mod tests;

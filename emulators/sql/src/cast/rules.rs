//! Which types convert to which: by CAST, by themselves, by themselves when written as a literal, and the
//! type that several of them have in common. Source: BigQuery's page on conversion rules.

use crate::sql_type::Type;

/// Whether `CAST(from AS to)` exists.
pub(crate) fn is_castable(from: &Type, to: &Type) -> bool {
    use Type::{
        BigNumeric, Bool, Bytes, Date, Datetime, Float64, Int64, Interval, Numeric, Range, String,
        Time, Timestamp,
    };
    if is_coercible(from, to) {
        return true;
    }
    match (from, to) {
        (Type::Struct(from), Type::Struct(to)) => {
            let pairs = || from.iter().zip(to.iter());
            from.len() == to.len()
                && pairs().all(|(from, to)| is_castable(&from.field_type, &to.field_type))
        }
        (Type::Array(from), Type::Array(to)) => {
            is_coercible(from, to) || is_literal_coercible(from, to)
        }
        (String, Range(_)) | (Range(_), String) => true,
        (Bool, Int64 | String)
        | (Int64, Bool | String)
        | (Float64, Int64 | Numeric | BigNumeric | String)
        | (Numeric, Int64 | String)
        | (BigNumeric, Int64 | Numeric | String)
        | (
            String,
            Bool | Int64 | Float64 | Numeric | BigNumeric | Bytes | Date | Time | Datetime
            | Timestamp | Interval,
        )
        | (Bytes | Time | Interval, String)
        | (Date, String | Timestamp)
        | (Datetime, String | Date | Time | Timestamp)
        | (Timestamp, String | Date | Time | Datetime) => true,
        _ => false,
    }
}

/// Whether an expression of a type becomes another type where that is asked for.
pub(crate) fn is_coercible(from: &Type, to: &Type) -> bool {
    use Type::{BigNumeric, Date, Datetime, Float64, Int64, Numeric};
    match (from, to) {
        (Int64, Numeric | BigNumeric | Float64)
        | (Numeric, BigNumeric | Float64)
        | (BigNumeric, Float64)
        | (Date, Datetime) => true,
        (Type::Struct(from), Type::Struct(to)) => {
            let mut pairs = from.iter().zip(to.iter());
            from.len() == to.len()
                && pairs.all(|(from, to)| is_coercible(&from.field_type, &to.field_type))
        }
        (Type::Array(from), Type::Array(to)) => is_same_shape(from, to),
        _ => from == to,
    }
}

/// Whether a literal of a type, or an array or struct of literals, becomes another type where that is asked
/// for.
pub(crate) fn is_literal_coercible(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (
            Type::String,
            Type::Date | Type::Time | Type::Datetime | Type::Timestamp | Type::Bytes,
        )
        | (Type::Float64, Type::Numeric | Type::BigNumeric) => true,
        (Type::Struct(from), Type::Struct(to)) => {
            let mut pairs = from.iter().zip(to.iter());
            from.len() == to.len()
                && pairs.all(|(from, to)| is_literal_coercible(&from.field_type, &to.field_type))
        }
        (Type::Array(from), Type::Array(to)) => is_literal_coercible(from, to),
        _ => is_coercible(from, to),
    }
}

/// Equality of types that does not ask for names of fields.
fn is_same_shape(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Struct(left), Type::Struct(right)) => {
            let mut pairs = left.iter().zip(right.iter());
            left.len() == right.len()
                && pairs.all(|(left, right)| is_same_shape(&left.field_type, &right.field_type))
        }
        (Type::Array(left), Type::Array(right)) => is_same_shape(left, right),
        _ => left == right,
    }
}

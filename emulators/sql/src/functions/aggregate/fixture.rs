//! How the tests of this folder call an aggregate: as the evaluator does, without SQL around it.
//! NULLs are skipped for functions that say so.

use crate::error::Result;
use crate::functions::{AggregateNulls, Call};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// The result of an aggregate over rows. The first function of the name is taken.
pub(crate) fn aggregate(name: &str, args: &[Type], rows: &[Vec<Value>]) -> Result<Value> {
    let session = Session::new("project", 0, 0);
    let call = Call { session: &session, args };
    let function = crate::functions::aggregate(name)[0];
    let mut accumulator = (function.make)(&call);
    for row in rows {
        let skipped = function.nulls == AggregateNulls::Skipped;
        if !(skipped && row.iter().any(Value::is_null)) {
            accumulator.add(&call, row)?;
        }
    }
    accumulator.result(&call)
}

/// Rows of one argument.
pub(crate) fn rows<T: Into<Value> + Clone>(values: &[T]) -> Vec<Vec<Value>> {
    values.iter().map(|value| vec![value.clone().into()]).collect()
}

/// Rows of two arguments.
pub(crate) fn pairs<A, B>(values: &[(A, B)]) -> Vec<Vec<Value>>
where
    A: Into<Value> + Clone,
    B: Into<Value> + Clone,
{
    values.iter().map(|(left, right)| vec![left.clone().into(), right.clone().into()]).collect()
}

//! The functions of GoogleSQL: names, signatures as BigQuery's own error texts write them, and what they
//! compute. Operators are functions whose names begin with `$`. A name may stand in several lists: its
//! overloads add up, in the order of the lists.

mod aggregate;
mod analytic;
mod arguments;
mod arithmetic;
mod array;
mod bits;
mod calendar_arguments;
mod calendar_arithmetic;
mod calendar_extract;
mod calendar_format;
mod calendar_operator;
mod date;
mod datetime;
mod encoding;
mod format;
mod geography;
mod hash;
mod interval;
mod json_access;
mod json_build;
mod json_convert;
mod math;
mod net;
mod pattern;
mod position;
mod range;
mod search;
mod string;
mod time;
mod timestamp;
mod unicode;
mod utility;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use analytic::{WindowOrder, window_rules};
pub(crate) use encoding::to_base64;
pub(crate) use pattern::like;

use crate::error::Result;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// What a function may know of its call.
pub(crate) struct Call<'a> {
    pub(crate) session: &'a Session,
    /// Types of the arguments after coercion, one for each value.
    pub(crate) args: &'a [Type],
}

/// A function of one row.
///
/// A signature reads `(STRING, INT64, [INT64]) -> STRING`: optional arguments stand in brackets,
/// `[STRING, ...]` repeats, `T1`, `T2` are any types (equal where the name is), `ARRAY<T1>`, `ANY` is any
/// type without relation, `name => TYPE` is an argument that can be given by name, `DATE_PART` is a word
/// such as `DAY` or `WEEK(MONDAY)` (a STRING in upper case at run time).
pub(crate) struct ScalarFunction {
    pub(crate) name: &'static str,
    pub(crate) signatures: &'static [&'static str],
    /// What a NULL argument does.
    pub(crate) nulls: Nulls,
    pub(crate) call: fn(&Call<'_>, &[Value]) -> Result<Value>,
}

/// What a NULL argument does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// The result is NULL and the function is not called.
    Propagate,
    /// The function is called.
    Passed,
}

/// An aggregate function. Rows whose first argument is NULL are skipped unless `nulls` says otherwise.
pub(crate) struct AggregateFunction {
    pub(crate) name: &'static str,
    pub(crate) signatures: &'static [&'static str],
    pub(crate) nulls: AggregateNulls,
    /// Whether `OVER` may have a frame and an order.
    pub(crate) make: fn(&Call<'_>) -> Box<dyn Accumulator>,
}

/// What rows with NULL do to an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateNulls {
    /// They are skipped: any NULL among the arguments.
    Skipped,
    /// They count; `IGNORE NULLS` in the call skips them.
    Counted,
}

/// An aggregate under way. The evaluator does `DISTINCT`, `ORDER BY`, `LIMIT`, `HAVING MAX` and
/// `IGNORE NULLS` before it.
pub(crate) trait Accumulator {
    /// Takes one row's arguments in.
    fn add(&mut self, call: &Call<'_>, args: &[Value]) -> Result<()>;
    /// The result so far; more rows may follow (a window's frame grows).
    fn result(&self, call: &Call<'_>) -> Result<Value>;
}

/// A function that needs `OVER`, of a whole ordered partition at once.
pub(crate) struct AnalyticFunction {
    pub(crate) name: &'static str,
    pub(crate) signatures: &'static [&'static str],
    /// One value for each row.
    pub(crate) call: fn(&Call<'_>, &Partition<'_>) -> Result<Vec<Value>>,
}

/// A partition, in the order of the window.
pub(crate) struct Partition<'a> {
    pub(crate) rows: usize,
    /// Arguments by argument and row.
    pub(crate) args: &'a [Vec<Value>],
    /// For each row its peers: first and one past the last row that are equal to it in the window's order.
    pub(crate) peers: &'a [(usize, usize)],
    /// For each row its frame: first and one past the last row; empty when they are equal.
    pub(crate) frames: &'a [(usize, usize)],
    /// `IGNORE NULLS`.
    pub(crate) ignore_nulls: bool,
}

static SCALAR: LazyLock<HashMap<&'static str, Vec<&'static ScalarFunction>>> =
    LazyLock::new(|| {
        let lists: &[&'static [ScalarFunction]] = &[
            aggregate::SCALAR,
            arithmetic::FUNCTIONS,
            array::FUNCTIONS,
            bits::FUNCTIONS,
            calendar_arithmetic::FUNCTIONS,
            calendar_extract::FUNCTIONS,
            calendar_format::FUNCTIONS,
            calendar_operator::FUNCTIONS,
            date::FUNCTIONS,
            datetime::FUNCTIONS,
            encoding::FUNCTIONS,
            format::FUNCTIONS,
            geography::FUNCTIONS,
            hash::FUNCTIONS,
            interval::FUNCTIONS,
            json_access::FUNCTIONS,
            json_build::FUNCTIONS,
            json_convert::FUNCTIONS,
            math::FUNCTIONS,
            net::FUNCTIONS,
            pattern::FUNCTIONS,
            position::FUNCTIONS,
            range::FUNCTIONS,
            search::FUNCTIONS,
            string::FUNCTIONS,
            time::FUNCTIONS,
            timestamp::FUNCTIONS,
            unicode::FUNCTIONS,
            utility::FUNCTIONS,
        ];
        by_name(lists, |function| function.name)
    });

static AGGREGATE: LazyLock<HashMap<&'static str, Vec<&'static AggregateFunction>>> =
    LazyLock::new(|| {
        let lists = [aggregate::LISTS, &[geography::AGGREGATES]].concat();
        by_name(&lists, |function| function.name)
    });

static ANALYTIC: LazyLock<HashMap<&'static str, Vec<&'static AnalyticFunction>>> =
    LazyLock::new(|| by_name(analytic::LISTS, |function| function.name));

/// The scalar functions of a name in upper case; none when there is no such name.
pub(crate) fn scalar(name: &str) -> &'static [&'static ScalarFunction] {
    SCALAR.get(name).map_or(&[], Vec::as_slice)
}

/// The aggregate functions of a name in upper case.
pub(crate) fn aggregate(name: &str) -> &'static [&'static AggregateFunction] {
    AGGREGATE.get(name).map_or(&[], Vec::as_slice)
}

/// The functions of a name in upper case that need `OVER`.
pub(crate) fn analytic(name: &str) -> &'static [&'static AnalyticFunction] {
    ANALYTIC.get(name).map_or(&[], Vec::as_slice)
}

/// Whether a name is that of an aggregate function.
pub(crate) fn is_aggregate(name: &str) -> bool {
    AGGREGATE.contains_key(name)
}

/// Whether a name is that of a function that needs `OVER` and is no aggregate.
pub(crate) fn is_analytic_only(name: &str) -> bool {
    ANALYTIC.contains_key(name) && !AGGREGATE.contains_key(name)
}

/// Every name that a query may call.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let names = SCALAR.keys().chain(AGGREGATE.keys()).chain(ANALYTIC.keys());
    names.copied().filter(|name| !name.starts_with('$'))
}

fn by_name<F>(
    lists: &[&'static [F]],
    name: fn(&'static F) -> &'static str,
) -> HashMap<&'static str, Vec<&'static F>> {
    let mut by_name: HashMap<&'static str, Vec<&'static F>> = HashMap::new();
    for function in lists.iter().flat_map(|list| list.iter()) {
        by_name.entry(name(function)).or_default().push(function);
    }
    by_name
}

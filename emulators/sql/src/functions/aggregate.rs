//! The aggregate functions, by what they keep of the rows: a few words (counts, sums, extremes,
//! moments), all values (arrays, strings, quantiles) or a sketch. `GROUPING` is the evaluator's
//! own. Invariant: an accumulator's result may be asked for at any time and more rows may follow.

mod approximate;
mod collect;
mod count;
mod decimal;
mod extreme;
#[cfg(test)]
pub(super) mod fixture;
mod quantile;
mod sketch;
mod statistics;
mod sum;

pub(super) use decimal::{divide_big, numeric_from_big};

use super::{AggregateFunction, ScalarFunction};

/// The functions, a list for each module.
pub(super) const LISTS: &[&[AggregateFunction]] = &[
    count::FUNCTIONS,
    sum::FUNCTIONS,
    extreme::FUNCTIONS,
    collect::FUNCTIONS,
    statistics::FUNCTIONS,
    quantile::FUNCTIONS,
    approximate::FUNCTIONS,
    sketch::FUNCTIONS,
];

/// Functions of one row that belong to an aggregate.
pub(super) const SCALAR: &[ScalarFunction] = sketch::SCALAR;

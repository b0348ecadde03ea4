//! Every bound of this crate, with its reason.

/// How deep views and SQL functions may stand within each other: BigQuery allows 16 levels of views.
pub(crate) const VIEW_DEPTH_MAX: usize = 16;

/// Grouping sets of one query: what a cube of a dozen keys has.
pub(crate) const GROUPING_SETS_MAX: usize = 4096;

/// Results of correlated subqueries kept in memory, for rows with the same outer values: a few hundred
/// megabytes at most.
pub(crate) const REMEMBERED_SUBQUERIES_MAX: usize = 1_000_000;

/// Steps of a recursive common table, as BigQuery limits them.
pub(crate) const RECURSION_STEPS_MAX: usize = 500;

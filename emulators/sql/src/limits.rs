//! The bounds of this crate, each with the reason for its value. Text comes from outside: whatever grows
//! with it, the stack above all, is bounded here and answers an error.

/// How deep views and SQL functions may stand within each other: BigQuery allows 16 levels of views.
pub(crate) const VIEW_DEPTH_MAX: usize = 16;

/// Grouping sets of one query: what a cube of a dozen keys has.
pub(crate) const GROUPING_SETS_MAX: usize = 4096;

/// Results of correlated subqueries kept in memory, for rows with the same outer values: a few hundred
/// megabytes at most.
pub(crate) const REMEMBERED_SUBQUERIES_MAX: usize = 1_000_000;

/// Steps of a recursive common table, as BigQuery limits them.
pub(crate) const RECURSION_STEPS_MAX: usize = 500;

/// How deep expressions, queries, types and blocks may nest together. A level costs up to about 7
/// KiB of stack in a debug build, and threads of servers have 2 MiB; the analyzer recurses over the
/// same levels.
pub(crate) const NESTING_MAX: usize = 150;

/// How many operators of one precedence, fields or subscripts may follow one another without a
/// parenthesis: they lean left, and so the tree is as deep as they are many. `AND`, `OR`, `||` and
/// `UNION` are balanced and count less.
pub(crate) const CHAIN_MAX: usize = 400;

/// From this many operands on, chains of associative operators are balanced into a tree of
/// logarithmic depth.
pub(crate) const BALANCED_FROM: usize = 32;

/// The longest text of a query in bytes: the service's own bound.
pub(crate) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Statements that one script may run: a loop that never ends is stopped.
pub(crate) const SCRIPT_STEPS_MAX: u64 = 1_000_000;

/// Procedures and `EXECUTE IMMEDIATE` within each other: BigQuery allows 50 levels of calls; stacks here
/// are smaller.
pub(crate) const SCRIPT_DEPTH_MAX: usize = 20;

/// Memory of a statement's functions in JavaScript: enough for the documents that one row holds.
pub(crate) const JAVASCRIPT_MEMORY_BYTES_MAX: usize = 128 << 20;

/// The stack of a function in JavaScript: a fraction of a thread's, deep enough for recursion over a tree.
pub(crate) const JAVASCRIPT_STACK_BYTES_MAX: usize = 256 << 10;

/// How long one call of a function in JavaScript goes on, in interrupts of the engine, which come every ten
/// thousand steps: seconds, where BigQuery gives up after minutes.
pub(crate) const JAVASCRIPT_INTERRUPTS_MAX: u32 = 10_000;

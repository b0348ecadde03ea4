//! The bounds of this crate, each with the reason for its value. Text comes from outside: whatever
//! grows with it, the stack above all, is bounded here and answers an error.

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

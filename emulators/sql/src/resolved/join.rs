//! Relations that put rows of two sides together: joins, and arrays as relations.

use super::{ColumnId, Expr, Plan};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinType {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    pub(crate) join_type: JoinType,
    pub(crate) left: Plan,
    pub(crate) right: Plan,
    /// Pairs that must be equal: of the left, of the right.
    pub(crate) keys: Vec<(Expr, Expr)>,
    /// The rest of the condition.
    pub(crate) condition: Option<Expr>,
    /// Whether the right side reads the left side's columns.
    pub(crate) lateral: bool,
}

/// `UNNEST` of arrays side by side, for each row of the input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unnest {
    pub(crate) input: Plan,
    pub(crate) arrays: Vec<UnnestArray>,
    pub(crate) offset: Option<ColumnId>,
    /// `LEFT JOIN`: a row of NULLs where there is no element that fits.
    pub(crate) outer: bool,
    pub(crate) condition: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnnestArray {
    pub(crate) array: Expr,
    /// The element itself.
    pub(crate) element: ColumnId,
    /// Its fields, when it is a struct: field and id.
    pub(crate) fields: Vec<(usize, ColumnId)>,
}

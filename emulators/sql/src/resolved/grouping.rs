//! Grouping and windows: the nodes and the calls in them.

use super::{ColumnId, Expr, Frame, Plan, SortItem};
use crate::error::Offset;
use crate::functions::{AggregateFunction, AnalyticFunction};
use crate::sql_type::Type;
use std::fmt;
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) input: Plan,
    pub(crate) keys: Vec<(ColumnId, Expr)>,
    /// For each grouping set the keys that count in it; `None`: all keys, once.
    pub(crate) sets: Option<Vec<Vec<usize>>>,
    pub(crate) calls: Vec<AggregateCall>,
    /// `GROUPING(key)`: the id and the key.
    pub(crate) grouping: Vec<(ColumnId, usize)>,
}

#[derive(Clone)]
pub(crate) enum AggregateKind {
    BuiltIn { function: &'static AggregateFunction, signature: usize },
}

impl PartialEq for AggregateKind {
    fn eq(&self, other: &Self) -> bool {
        let (
            Self::BuiltIn { function, signature },
            Self::BuiltIn { function: other, signature: theirs },
        ) = (self, other);
        std::ptr::eq(*function, *other) && signature == theirs
    }
}

impl fmt::Debug for AggregateKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::BuiltIn { function, signature } = self;
        write!(formatter, "{}#{signature}", function.name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AggregateCall {
    pub(crate) column: ColumnId,
    pub(crate) kind: AggregateKind,
    pub(crate) result: Type,
    pub(crate) args: Vec<Expr>,
    pub(crate) distinct: bool,
    pub(crate) ignore_nulls: bool,
    /// `HAVING MAX` (true) or `HAVING MIN`.
    pub(crate) having: Option<(bool, Expr)>,
    pub(crate) order_by: Vec<SortItem>,
    pub(crate) limit: Option<usize>,
    /// Only rows for which it is true: one column of a pivot.
    pub(crate) filter: Option<Expr>,
    pub(crate) safe: bool,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) input: Plan,
    pub(crate) partition_by: Vec<Expr>,
    pub(crate) order_by: Vec<SortItem>,
    pub(crate) calls: Vec<WindowCall>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowCall {
    pub(crate) column: ColumnId,
    pub(crate) kind: WindowKind,
    pub(crate) result: Type,
    pub(crate) args: Vec<Expr>,
    pub(crate) frame: Frame,
    pub(crate) ignore_nulls: bool,
    pub(crate) respect_nulls: bool,
    pub(crate) distinct: bool,
    pub(crate) at: Offset,
}

#[derive(Clone)]
pub(crate) enum WindowKind {
    Aggregate(AggregateKind),
    Analytic { function: &'static AnalyticFunction, signature: usize },
}

impl PartialEq for WindowKind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Aggregate(left), Self::Aggregate(right)) => left == right,
            (
                Self::Analytic { function, signature },
                Self::Analytic { function: other, signature: theirs },
            ) => std::ptr::eq(*function, *other) && signature == theirs,
            _ => false,
        }
    }
}

impl fmt::Debug for WindowKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(kind) => kind.fmt(formatter),
            Self::Analytic { function, signature } => {
                write!(formatter, "{}#{signature}", function.name)
            }
        }
    }
}

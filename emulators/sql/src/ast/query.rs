//! Queries: standard and pipe syntax.

use super::{Arg, Call, Expr, Ident, Path, WindowSpec};
use crate::error::Offset;

/// A query with everything around its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) with: Option<With>,
    pub(crate) body: QueryBody,
    pub(crate) order_by: Vec<OrderItem>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
    /// `|> …`, in order.
    pub(crate) pipes: Vec<(PipeOperator, Offset)>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct With {
    pub(crate) recursive: bool,
    pub(crate) tables: Vec<CommonTable>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommonTable {
    pub(crate) name: Ident,
    pub(crate) query: Query,
    /// `WITH DEPTH [AS alias] [BETWEEN low AND high | MAX high]`
    pub(crate) depth: Option<(Option<Ident>, Option<Expr>, Option<Expr>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum QueryBody {
    Select(Box<Select>),
    SetOperation(Box<SetOperation>),
    /// `(query)`
    Parenthesised(Box<Query>),
    /// `FROM …`, the start of a pipe.
    From(Box<FromItem>),
}

/// `left OPERATOR right`; chains lean left, but long ones of `UNION` are balanced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SetOperation {
    pub(crate) operator: SetOperator,
    pub(crate) distinct: bool,
    pub(crate) left: QueryBody,
    pub(crate) right: QueryBody,
    /// `BY NAME`, `CORRESPONDING`: columns match by name. With a mode: inner (none), `FULL`, `LEFT`, `STRICT`;
    /// `BY NAME` without a word before it is `STRICT`.
    pub(crate) by_name: bool,
    pub(crate) mode: Option<String>,
    pub(crate) by_columns: Vec<Ident>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperator {
    Union,
    Intersect,
    Except,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) select_as: Option<SelectAs>,
    pub(crate) items: Vec<SelectItem>,
    pub(crate) from: Option<FromItem>,
    pub(crate) filter: Option<Expr>,
    /// The place of `WHERE`.
    pub(crate) filter_at: Offset,
    pub(crate) group_by: Option<GroupBy>,
    pub(crate) having: Option<Expr>,
    pub(crate) qualify: Option<Expr>,
    pub(crate) windows: Vec<(Ident, WindowSpec)>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SelectAs {
    Struct,
    Value,
    Type(Path),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SelectItem {
    /// `*`, `alias.*`, `expression.*`
    Star {
        of: Option<Expr>,
        except: Vec<Ident>,
        replace: Vec<(Expr, Ident)>,
        at: Offset,
    },
    Expr {
        value: Expr,
        alias: Option<Ident>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupBy {
    /// `GROUP BY ALL`
    pub(crate) all: bool,
    pub(crate) items: Vec<GroupingItem>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GroupingItem {
    /// In a pipe it may have an alias and an order.
    Expr {
        value: Expr,
        alias: Option<Ident>,
        order: Option<Box<OrderItem>>,
    },
    /// The empty grouping `()`.
    Empty,
    /// Each element is one or more expressions.
    Rollup(Vec<Vec<Expr>>),
    Cube(Vec<Vec<Expr>>),
    Sets(Vec<GroupingItem>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderItem {
    pub(crate) value: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls: Option<NullOrder>,
    pub(crate) collation: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullOrder {
    First,
    Last,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FromItem {
    pub(crate) kind: FromKind,
    pub(crate) alias: Option<Ident>,
    /// `PIVOT`, `UNPIVOT`, `TABLESAMPLE` in the order in which they stand.
    pub(crate) operators: Vec<TableOperator>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromKind {
    /// A table, a view, a common table, or an array by its path; `WITH OFFSET` makes it the latter.
    Table {
        path: Path,
        system_time: Option<Expr>,
        with_offset: Option<Option<Ident>>,
    },
    /// `UNNEST(array) [WITH OFFSET [AS alias]]`
    Unnest {
        arrays: Vec<Arg>,
        with_offset: Option<Option<Ident>>,
    },
    Subquery(Box<Query>),
    Join {
        kind: JoinKind,
        left: Box<FromItem>,
        right: Box<FromItem>,
        condition: JoinCondition,
    },
    /// `( … JOIN … )`
    Parenthesised(Box<FromItem>),
    /// A table function.
    Function {
        name: Path,
        args: Vec<TvfArg>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TvfArg {
    /// `TABLE name`
    Table(Path),
    /// `MODEL name`
    Model(Path),
    /// `(SELECT …)`
    Query(Box<Query>),
    Expr(Arg),
    /// `name => TABLE …`, `name => MODEL …`
    Named(Ident, Box<TvfArg>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    /// `CROSS JOIN` and the comma.
    Cross,
    Comma,
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JoinCondition {
    None,
    On(Expr),
    Using(Vec<Ident>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TableOperator {
    Pivot {
        aggregates: Vec<PivotAggregate>,
        input: Expr,
        columns: Vec<PivotColumn>,
        alias: Option<Ident>,
        at: Offset,
    },
    Unpivot {
        include_nulls: bool,
        /// One column of values, or several.
        values: Vec<Ident>,
        name: Ident,
        columns: Vec<UnpivotColumn>,
        alias: Option<Ident>,
        at: Offset,
    },
    /// `TABLESAMPLE SYSTEM (n PERCENT)`
    Sample { percent: Expr, at: Offset },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PivotAggregate {
    pub(crate) call: Call,
    pub(crate) at: Offset,
    pub(crate) alias: Option<Ident>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PivotColumn {
    pub(crate) value: Expr,
    pub(crate) alias: Option<Ident>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnpivotColumn {
    pub(crate) columns: UnpivotSource,
    /// `AS 'label'` or `AS 1`
    pub(crate) label: Option<Expr>,
}

pub(crate) type UnpivotSource = Vec<Path>;

/// An operator of the pipe syntax.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PipeOperator {
    Select(Box<Select>),
    Extend(Vec<SelectItem>),
    /// `EXTEND … WINDOW name AS (…)`
    ExtendWithWindows {
        items: Vec<SelectItem>,
        windows: Vec<(Ident, WindowSpec)>,
    },
    Set(Vec<(Path, Expr)>),
    Drop(Vec<Ident>),
    Rename(Vec<(Ident, Ident)>),
    As(Ident),
    Where(Expr),
    Limit {
        limit: Expr,
        offset: Option<Expr>,
    },
    Aggregate {
        items: Vec<SelectItem>,
        orders: Vec<Option<OrderItem>>,
        group_by: Option<GroupBy>,
        order_by_groups: bool,
    },
    Distinct,
    OrderBy(Vec<OrderItem>),
    /// The left side is the input; `right` is what is joined.
    Join {
        kind: JoinKind,
        right: FromItem,
        condition: JoinCondition,
    },
    SetOperation {
        operator: SetOperator,
        distinct: bool,
        by_name: bool,
        /// As in [`SetOperation`].
        mode: Option<String>,
        by_columns: Vec<Ident>,
        queries: Vec<Query>,
    },
    Call {
        name: Path,
        args: Vec<TvfArg>,
        alias: Option<Ident>,
    },
    Window(Vec<SelectItem>),
    Sample(Expr),
    Table(TableOperator),
    With(With),
    Assert {
        condition: Expr,
        payload: Vec<Expr>,
    },
}

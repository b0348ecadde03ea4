//! Expressions.

use super::{Ident, OptionItem, OrderItem, Path, Query};
use crate::error::Offset;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    /// Its first character; for a binary operator that of its left side.
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Null,
    Bool(bool),
    /// Digits as written, decimal or `0x…`.
    Integer(String),
    /// Digits as written.
    Float(String),
    String(String),
    Bytes(Vec<u8>),
    /// `DATE '…'` and its like.
    Literal {
        kind: LiteralKind,
        text: String,
    },
    /// `RANGE<DATE> '[…, …)'`
    RangeLiteral {
        element: TypeExpr,
        text: String,
    },
    /// `INTERVAL value part [TO part]`; parts in upper case.
    Interval {
        value: Box<Expr>,
        from: String,
        to: Option<String>,
    },
    /// A name: a column, an alias, a field of one, a variable.
    Path(Path),
    /// `@name`
    NamedParameter(String),
    /// `?`, counted from 0.
    PositionalParameter(usize),
    /// `@@a.b`, as written.
    SystemVariable(String),
    /// `expression.field`, of something that is not a path.
    Field {
        base: Box<Expr>,
        field: Ident,
    },
    /// `base[index]`, `base[OFFSET(index)]`: the latter is a `Call` within.
    Subscript {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    /// `operator_at` is the operator's own place.
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
        operator_at: Offset,
    },
    Like {
        not: bool,
        operand: Box<Expr>,
        quantifier: LikeQuantifier,
    },
    /// `operator_at` is the place of `IN` itself, as that of `BETWEEN` below.
    In {
        not: bool,
        operand: Box<Expr>,
        source: InSource,
        operator_at: Offset,
    },
    Between {
        not: bool,
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        operator_at: Offset,
    },
    Is {
        not: bool,
        operand: Box<Expr>,
        what: IsWhat,
    },
    /// `IS [NOT] DISTINCT FROM`
    IsDistinct {
        not: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<CaseBranch>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        safe: bool,
        operand: Box<Expr>,
        target: TypeExpr,
        format: Option<Box<Expr>>,
        zone: Option<Box<Expr>>,
    },
    /// `EXTRACT(part FROM operand [AT TIME ZONE zone])`; the part in upper case, with `WEEK(MONDAY)` written so.
    Extract {
        part: String,
        operand: Box<Expr>,
        zone: Option<Box<Expr>>,
    },
    Array {
        element: Option<TypeExpr>,
        elements: ArrayElements,
    },
    /// `STRUCT(…)`, `STRUCT<…>(…)`
    Struct {
        target: Option<TypeExpr>,
        items: Vec<StructItem>,
    },
    /// `(a, b)`
    Tuple(Vec<Expr>),
    Subquery {
        kind: SubqueryKind,
        query: Box<Query>,
    },
    Call(Box<Call>),
    /// `x -> …`, `(x, y) -> …`
    Lambda {
        parameters: Vec<Ident>,
        body: Box<Expr>,
    },
    /// `WITH(a AS …, b AS …, result)`
    With {
        bindings: Vec<(Ident, Expr)>,
        result: Box<Expr>,
    },
    /// `*`, the argument of `COUNT(*)` alone.
    Star,
    /// `DEFAULT`, in values of DML alone.
    Default,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LiteralKind {
    Date,
    Time,
    Datetime,
    Timestamp,
    Numeric,
    BigNumeric,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Minus,
    Plus,
    BitNot,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `||`
    Concat,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LikeQuantifier {
    /// `LIKE pattern`
    One(Box<Expr>),
    /// `LIKE ANY (…)`, `LIKE SOME (…)`
    Any(InSource),
    /// `LIKE ALL (…)`
    All(InSource),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InSource {
    List(Vec<Expr>),
    Subquery(Box<Query>),
    /// `IN UNNEST(array)`
    Unnest(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsWhat {
    Null,
    True,
    False,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CaseBranch {
    pub(crate) when: Expr,
    pub(crate) then: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ArrayElements {
    /// `[a, b]`; `ARRAY(SELECT …)` is a subquery.
    List(Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StructItem {
    pub(crate) value: Expr,
    pub(crate) alias: Option<Ident>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubqueryKind {
    Scalar,
    Array,
    Exists,
}

/// A call of a function, aggregate or not. `name` may begin with `SAFE`, `NET`, a dataset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: Path,
    pub(crate) args: Vec<Arg>,
    pub(crate) distinct: bool,
    pub(crate) nulls: Option<NullTreatment>,
    /// `HAVING MAX e` (true) or `HAVING MIN e` (false).
    pub(crate) having: Option<(bool, Expr)>,
    pub(crate) order_by: Vec<OrderItem>,
    pub(crate) limit: Option<Expr>,
    pub(crate) over: Option<WindowReference>,
}

/// An argument: plain, or `name => value`. `INTERVAL 1 DAY` is an expression; a date part such as `DAY`
/// or `WEEK(MONDAY)` arrives as a path or a call and is told apart by the function's signature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arg {
    pub(crate) name: Option<Ident>,
    pub(crate) value: Expr,
    /// `value AS alias`, which `STRUCT`-like functions and `TO_JSON` do not take, but some do.
    pub(crate) alias: Option<Ident>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullTreatment {
    Ignore,
    Respect,
}

/// `OVER name` or `OVER (…)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WindowReference {
    Named(Ident),
    Spec(WindowSpec),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowSpec {
    /// The named window that it goes on from.
    pub(crate) base: Option<Ident>,
    pub(crate) partition_by: Vec<Expr>,
    pub(crate) order_by: Vec<OrderItem>,
    pub(crate) frame: Option<WindowFrame>,
    pub(crate) at: Offset,
    /// Its first word, within the parentheses.
    pub(crate) inner_at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowFrame {
    pub(crate) unit: WindowFrameUnit,
    pub(crate) start: WindowFrameBound,
    /// `None`: up to the current row.
    pub(crate) end: Option<WindowFrameBound>,
    pub(crate) at: Offset,
    pub(crate) start_at: Offset,
    pub(crate) end_at: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowFrameUnit {
    Rows,
    Range,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WindowFrameBound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeExpr {
    pub(crate) kind: TypeExprKind,
    /// `STRING(10)`, `NUMERIC(10, 2)`; `MAX` is -1.
    pub(crate) parameters: Vec<i64>,
    pub(crate) at: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TypeExprKind {
    /// By name, in upper case. `ANY TYPE` is `ANY`.
    Simple(String),
    Array(Box<TypeExpr>),
    Struct(Vec<TypeField>),
    Range(Box<TypeExpr>),
    /// `TABLE<a INT64, …>`, of table functions.
    Table(Vec<TypeField>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeField {
    pub(crate) name: Option<Ident>,
    pub(crate) field_type: TypeExpr,
    /// `COLLATE '…'`, `NOT NULL`, `OPTIONS(…)`: in columns of tables alone.
    pub(crate) collation: Option<String>,
    pub(crate) not_null: bool,
    pub(crate) options: Vec<OptionItem>,
}

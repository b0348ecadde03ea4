//! The resolved tree: names, types, coercions and overloads are settled, and every column of every
//! relation has an id that is unique in the statement, so that nothing is ambiguous ever after. A row in
//! flight is a file of registers, one for each id: see `evaluate.rs`.

mod grouping;
mod join;
mod walk;

use std::fmt;
use std::sync::Arc;

pub(crate) use grouping::{
    Aggregate, AggregateCall, AggregateKind, Window, WindowCall, WindowKind,
};
pub(crate) use join::{Join, JoinType, Unnest, UnnestArray};
pub(crate) use walk::{visit_expr_mut, visit_plan_mut};

use crate::ast::SetOperator;
use crate::catalog::TableName;
use crate::error::Offset;
use crate::functions::ScalarFunction;
use crate::routine::ForeignFunction;
use crate::sql_type::Type;
use crate::value::Value;
pub(crate) use crate::window::{Frame, FrameBound, FrameUnit};

/// The id of a column: the number of its register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ColumnId(pub(crate) u32);

/// A column of a relation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) id: ColumnId,
    pub(crate) name: Arc<str>,
    pub(crate) column_type: Type,
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) expr_type: Type,
    pub(crate) at: Offset,
}

/// Positions do not count: `GROUP BY a + 1` is the same `a + 1` as in the select list.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.expr_type == other.expr_type && self.kind == other.kind
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Literal {
        value: Value,
        origin: Origin,
    },
    Column(ColumnId),
    /// `types` are those of the arguments.
    Call {
        function: Function,
        args: Vec<Expr>,
        types: Arc<[Type]>,
        safe: bool,
    },
    /// A function in another language.
    Foreign {
        function: Arc<ForeignFunction>,
        args: Vec<Expr>,
    },
    Cast {
        operand: Box<Expr>,
        safe: bool,
        parameters: Vec<i64>,
    },
    /// `CAST(… FORMAT …)`
    FormatCast {
        operand: Box<Expr>,
        safe: bool,
        format: Box<Expr>,
        zone: Option<Box<Expr>>,
    },
    Field {
        base: Box<Expr>,
        index: usize,
    },
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare {
        operator: Comparison,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    IsDistinct {
        not: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    IsNull(Box<Expr>),
    /// `IS TRUE`, `IS FALSE`.
    IsBool {
        operand: Box<Expr>,
        expected: bool,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Expr>,
    },
    /// `IN UNNEST(array)`
    InArray {
        operand: Box<Expr>,
        array: Box<Expr>,
    },
    /// `operand` is compared with the only column of the plan's rows.
    InSubquery {
        operand: Box<Expr>,
        subquery: Subquery,
    },
    /// `LIKE ANY` and `LIKE ALL`; patterns from a list, an array or a subquery.
    LikeMany {
        operand: Box<Expr>,
        patterns: Patterns,
        all: bool,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    NullIf {
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `NULLIFERROR`, `IFERROR`, `ISERROR`: what to give instead.
    IfError {
        operand: Box<Expr>,
        instead: Option<Box<Expr>>,
    },
    IsError(Box<Expr>),
    Struct(Vec<Expr>),
    Array(Vec<Expr>),
    ScalarSubquery(Subquery),
    ArraySubquery(Subquery),
    Exists(Subquery),
    /// Values for columns, then the body: `WITH(…)` and calls of SQL functions.
    Let {
        bindings: Vec<(ColumnId, Expr)>,
        body: Box<Expr>,
    },
    /// `ARRAY_FILTER`, `ARRAY_TRANSFORM` and their like: a body evaluated for each element.
    ArrayLambda {
        kind: ArrayLambda,
        array: Box<Expr>,
        element: ColumnId,
        offset: Option<ColumnId>,
        body: Box<Expr>,
    },
}

/// Where a literal comes from, which decides what it coerces to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Written without naming a type, or a parameter: coerces to more types than an expression does.
    Written,
    /// A decimal number as written: NUMERIC takes its digits, not those of the nearest FLOAT64.
    Decimal(Arc<str>),
    /// Its type was named (`DATE '…'`, a cast), or it is a variable's value: as firm as an expression.
    Firm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayLambda {
    Filter,
    Transform,
    Includes,
    Find,
    FindAll,
    Offset,
    OffsetsAll,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Patterns {
    List(Vec<Expr>),
    Array(Box<Expr>),
    Subquery(Subquery),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A function and which of its signatures a call matched.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) function: &'static ScalarFunction,
    pub(crate) signature: usize,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.function, other.function) && self.signature == other.signature
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.function.name, self.signature)
    }
}

/// A query within an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subquery {
    pub(crate) plan: Box<Plan>,
    /// What its rows give: one column, or several for `EXISTS`.
    pub(crate) columns: Vec<ColumnId>,
    /// The columns of the surrounding query that it reads: the same values give the same result.
    pub(crate) outer: Vec<ColumnId>,
    /// Its number in the statement, for the memory of results.
    pub(crate) number: usize,
}

/// A relation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// One row without columns: `SELECT` without `FROM`.
    OneRow,
    Scan(Scan),
    /// A common table, by its number; `columns` are this reference's ids for the table's columns.
    CommonTable {
        number: usize,
        columns: Vec<ColumnId>,
    },
    /// Defines common tables for `body`.
    With {
        tables: Vec<CommonTable>,
        body: Box<Plan>,
    },
    Filter {
        input: Box<Plan>,
        predicate: Expr,
    },
    Project {
        input: Box<Plan>,
        computed: Vec<(ColumnId, Expr)>,
    },
    Join(Box<Join>),
    Unnest(Box<Unnest>),
    Aggregate(Box<Aggregate>),
    Window(Box<Window>),
    Sort {
        input: Box<Plan>,
        items: Vec<SortItem>,
    },
    Limit {
        input: Box<Plan>,
        limit: Option<Expr>,
        offset: Option<Expr>,
    },
    Distinct {
        input: Box<Plan>,
        columns: Vec<ColumnId>,
    },
    SetOperation(Box<SetOperation>),
    Sample {
        input: Box<Plan>,
        percent: Expr,
    },
    /// `|> ASSERT`
    Assert {
        input: Box<Plan>,
        condition: Expr,
        payload: Vec<Expr>,
    },
    /// `RANGE_SESSIONIZE`
    Sessionize(Box<Sessionize>),
}

/// A table's rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scan {
    pub(crate) table: TableName,
    /// The table's column and the id that it goes to.
    pub(crate) columns: Vec<(usize, ColumnId)>,
    /// `FOR SYSTEM_TIME AS OF`, in microseconds.
    pub(crate) at_micros: Option<i64>,
    /// The row's number in the table, for DML.
    pub(crate) row_number: Option<ColumnId>,
    /// Bounds that every row which matters keeps; a table may skip what lies outside.
    pub(crate) bounds: Vec<Bound>,
}

/// `column operator value`, of a table's column.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The table's column.
    pub column: usize,
    /// The smallest value that matters.
    pub low: Option<Value>,
    /// The largest.
    pub high: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommonTable {
    pub(crate) number: usize,
    pub(crate) plan: Plan,
    /// The plan's columns, in the order in which references name them.
    pub(crate) columns: Vec<ColumnId>,
    /// The step of `WITH RECURSIVE`: reads the rows of the step before as common table `number`.
    pub(crate) recursion: Option<Recursion>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recursion {
    pub(crate) plan: Plan,
    pub(crate) columns: Vec<ColumnId>,
    pub(crate) distinct: bool,
    /// `WITH DEPTH`: lowest and highest depth that is kept; the depth is one more column of the table.
    pub(crate) depth: Option<(i64, Option<i64>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortItem {
    pub(crate) value: Expr,
    pub(crate) descending: bool,
    /// NULLs first; by default they are in ascending order.
    pub(crate) nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SetOperation {
    pub(crate) operator: SetOperator,
    pub(crate) distinct: bool,
    /// Each side with its columns in the order of `columns`.
    pub(crate) inputs: Vec<(Plan, Vec<ColumnId>)>,
    pub(crate) columns: Vec<ColumnId>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sessionize {
    pub(crate) input: Plan,
    /// The input's columns and this relation's ids for them.
    pub(crate) columns: Vec<(ColumnId, ColumnId)>,
    pub(crate) range: ColumnId,
    pub(crate) partition: Vec<ColumnId>,
    /// Whether ranges that only meet are one session.
    pub(crate) meets: bool,
    pub(crate) session: ColumnId,
}

/// A query, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResolvedQuery {
    pub(crate) plan: Plan,
    pub(crate) columns: Vec<Column>,
    /// `SELECT AS STRUCT` or `AS VALUE`: the only column is the row itself.
    pub(crate) is_value_table: bool,
}

impl Expr {
    pub(crate) fn literal(value: Value, expr_type: Type, at: Offset) -> Self {
        Self { kind: ExprKind::Literal { value, origin: Origin::Written }, expr_type, at }
    }

    /// A value that is as firm as an expression.
    pub(crate) fn firm(value: Value, expr_type: Type, at: Offset) -> Self {
        Self { kind: ExprKind::Literal { value, origin: Origin::Firm }, expr_type, at }
    }

    pub(crate) fn column(column: ColumnId, expr_type: Type, at: Offset) -> Self {
        Self { kind: ExprKind::Column(column), expr_type, at }
    }

    /// `ERROR(…)`: it never has a value, so that it can have any type.
    pub(crate) fn is_error_call(&self) -> bool {
        matches!(&self.kind, ExprKind::Call { function, .. } if function.function.name == "ERROR")
    }

    /// `NULL` without a type of its own: it fits everywhere.
    pub(crate) fn is_untyped_null(&self) -> bool {
        matches!(self.kind, ExprKind::Literal { value: Value::Null, origin: Origin::Written })
    }

    pub(crate) fn is_coercible_literal(&self) -> bool {
        matches!(self.kind, ExprKind::Literal { origin: Origin::Written | Origin::Decimal(_), .. })
    }

    pub(crate) fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Literal { value, .. } => Some(value),
            _ => None,
        }
    }
}

impl Plan {
    /// The columns whose registers this plan's rows fill.
    pub(crate) fn outputs(&self) -> Vec<ColumnId> {
        let mut out = Vec::new();
        self.add_outputs(&mut out);
        out
    }

    fn add_outputs(&self, out: &mut Vec<ColumnId>) {
        match self {
            Self::OneRow => {}
            Self::Scan(scan) => {
                out.extend(scan.columns.iter().map(|(_, id)| *id));
                out.extend(scan.row_number);
            }
            Self::CommonTable { columns, .. } => out.extend(columns),
            Self::With { body, .. } => body.add_outputs(out),
            Self::Filter { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::Assert { input, .. }
            | Self::Sample { input, .. } => input.add_outputs(out),
            Self::Distinct { columns, .. } => out.extend(columns),
            Self::Project { input, computed } => {
                input.add_outputs(out);
                out.extend(computed.iter().map(|(id, _)| *id));
            }
            Self::Join(join) => {
                join.left.add_outputs(out);
                join.right.add_outputs(out);
            }
            Self::Unnest(unnest) => {
                unnest.input.add_outputs(out);
                for array in &unnest.arrays {
                    out.push(array.element);
                    out.extend(array.fields.iter().map(|(_, id)| *id));
                }
                out.extend(unnest.offset);
            }
            Self::Aggregate(aggregate) => {
                out.extend(aggregate.keys.iter().map(|(id, _)| *id));
                out.extend(aggregate.calls.iter().map(|call| call.column));
                out.extend(aggregate.grouping.iter().map(|(id, _)| *id));
            }
            Self::Window(window) => {
                window.input.add_outputs(out);
                out.extend(window.calls.iter().map(|call| call.column));
            }
            Self::SetOperation(operation) => out.extend(&operation.columns),
            Self::Sessionize(sessionize) => {
                out.extend(
                    sessionize.columns.iter().map(|(_, id)| *id).chain([sessionize.session]),
                );
            }
        }
    }
}

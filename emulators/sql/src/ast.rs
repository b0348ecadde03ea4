//! The syntax tree: what was written, nothing resolved. Every node that an error can point at carries the
//! byte offset of its first character.

mod expression;
mod query;
mod statement;

pub(crate) use expression::{
    Arg, ArrayElements, BinaryOperator, Call, CaseBranch, Expr, ExprKind, InSource, IsWhat,
    LikeQuantifier, LiteralKind, NullTreatment, StructItem, SubqueryKind, TypeExpr, TypeExprKind,
    TypeField, UnaryOperator, WindowFrame, WindowFrameBound, WindowFrameUnit, WindowReference,
    WindowSpec,
};
pub(crate) use query::{
    CommonTable, FromItem, FromKind, GroupBy, GroupingItem, JoinCondition, JoinKind, NullOrder,
    OrderItem, PipeOperator, PivotAggregate, PivotColumn, Query, QueryBody, Select, SelectAs,
    SelectItem, SetOperation, SetOperator, TableOperator, TvfArg, UnpivotColumn, With,
};
pub(crate) use statement::{
    AlterAction, AlterColumnAction, AlterTarget, ColumnDefinition, ConditionalBlock,
    CreateFunction, CreateProcedure, CreateRowAccessPolicy, CreateSchema, CreateTable, CreateView,
    DefaultValue, DropKind, ExportData, FunctionBody, FunctionParameter, IfExists, Insert,
    InsertSource, LoadData, Merge, MergeAction, MergeMatch, MergeWhen, OptionItem, ParameterMode,
    PartitionBy, Script, Statement, StatementKind, TableConstraint, Update, UpdateItem,
};

use crate::error::Offset;

/// An identifier as written, without its backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ident {
    pub(crate) name: String,
    /// Whether it stood in backticks: then it is no keyword.
    pub(crate) quoted: bool,
    pub(crate) at: Offset,
}

/// A dotted name: `project.dataset.table`, `alias.column.field`. Dashes of a project are part of the
/// first identifier. One identifier in backticks that holds dots stays one identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<Ident>,
    pub(crate) at: Offset,
}

impl Path {
    /// All parts, with those in backticks that hold dots taken apart: how names of tables and routines are
    /// read.
    pub(crate) fn names(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.name.split('.').map(str::to_owned)).collect()
    }

    /// The path as it was written, without backticks.
    pub(crate) fn text(&self) -> String {
        self.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".")
    }
}

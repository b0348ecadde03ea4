//! Statements and scripts.

use super::{Expr, FromItem, Ident, Path, Query, TypeExpr};
use crate::error::Offset;

/// A script: statements one after another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Script {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) at: Offset,
    /// One past its last character, without the semicolon.
    pub(crate) end: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StatementKind {
    Query(Query),
    Insert(Insert),
    Update(Update),
    /// `DELETE [FROM] table [alias] WHERE …`
    Delete {
        table: Path,
        alias: Option<Ident>,
        filter: Expr,
    },
    Merge(Box<Merge>),
    Truncate(Path),
    CreateTable(Box<CreateTable>),
    CreateView(CreateView),
    CreateSchema(CreateSchema),
    CreateFunction(Box<CreateFunction>),
    CreateProcedure(CreateProcedure),
    CreateRowAccessPolicy(CreateRowAccessPolicy),
    Alter {
        target: AlterTarget,
        if_exists: IfExists,
        path: Path,
        actions: Vec<AlterAction>,
    },
    Drop {
        kind: DropKind,
        if_exists: IfExists,
        path: Path,
        cascade: bool,
        on_table: Option<Path>,
    },
    /// `DROP ALL ROW ACCESS POLICIES ON table`
    DropAllRowAccessPolicies(Path),
    /// `UNDROP SCHEMA …`
    Undrop {
        /// `IF NOT EXISTS`
        exists: IfExists,
        path: Path,
    },
    ExportData(ExportData),
    LoadData(LoadData),
    Declare {
        names: Vec<Ident>,
        declared: Option<TypeExpr>,
        default: Option<Expr>,
    },
    /// `SET a = …`, `SET (a, b) = …`, `SET @@x = …`; names as written.
    Set {
        names: Vec<Ident>,
        system: bool,
        value: Expr,
        grouped: bool,
    },
    If {
        branches: Vec<ConditionalBlock>,
        otherwise: Option<Vec<Statement>>,
    },
    /// `CASE [operand] WHEN … THEN statements … END CASE`
    Case {
        operand: Option<Expr>,
        branches: Vec<ConditionalBlock>,
        otherwise: Option<Vec<Statement>>,
    },
    Loop {
        label: Option<Ident>,
        body: Vec<Statement>,
    },
    While {
        label: Option<Ident>,
        condition: Expr,
        body: Vec<Statement>,
    },
    Repeat {
        label: Option<Ident>,
        body: Vec<Statement>,
        until: Expr,
    },
    /// `FOR name IN (query) DO … END FOR`
    For {
        label: Option<Ident>,
        name: Ident,
        query: Query,
        body: Vec<Statement>,
    },
    Begin {
        label: Option<Ident>,
        body: Vec<Statement>,
        exception: Option<Vec<Statement>>,
    },
    Break(Option<Ident>),
    Continue(Option<Ident>),
    Return,
    /// `RAISE [USING MESSAGE = …]`
    Raise(Option<Expr>),
    /// `CALL procedure(…)`
    Call {
        name: Path,
        args: Vec<Expr>,
    },
    ExecuteImmediate {
        sql: Expr,
        into: Vec<Ident>,
        using: Vec<(Expr, Option<Ident>)>,
    },
    BeginTransaction,
    CommitTransaction,
    RollbackTransaction,
    /// `ASSERT condition [AS 'description']`
    Assert {
        condition: Expr,
        description: Option<String>,
    },
    /// `GRANT roles ON kind path TO grantees`, `REVOKE … FROM …`
    Grant {
        revoke: bool,
        roles: Vec<String>,
        resource: String,
        path: Path,
        grantees: Vec<String>,
    },
    /// Known by its words, not carried out: `CREATE MODEL`, `CREATE SEARCH INDEX` and others.
    Other {
        what: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// Nothing was said.
    Plain,
    /// `IF EXISTS` or `IF NOT EXISTS`.
    Lenient,
    /// `OR REPLACE`.
    Replace,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OptionItem {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) table: Path,
    pub(crate) columns: Vec<Ident>,
    pub(crate) source: InsertSource,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InsertSource {
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
    /// `INSERT ROW`, in a merge.
    Row,
}

/// `UPDATE table [alias] SET … [FROM …] WHERE …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) table: Path,
    pub(crate) alias: Option<Ident>,
    pub(crate) items: Vec<UpdateItem>,
    pub(crate) from: Option<FromItem>,
    pub(crate) filter: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UpdateItem {
    /// A column, or a field of one.
    pub(crate) target: Path,
    pub(crate) value: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merge {
    pub(crate) table: Path,
    pub(crate) alias: Option<Ident>,
    pub(crate) source: FromItem,
    pub(crate) on: Expr,
    pub(crate) whens: Vec<MergeWhen>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MergeWhen {
    pub(crate) matched: MergeMatch,
    pub(crate) condition: Option<Expr>,
    pub(crate) action: MergeAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeMatch {
    Matched,
    NotMatchedByTarget,
    NotMatchedBySource,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MergeAction {
    Insert { columns: Vec<Ident>, source: InsertSource },
    Update(Vec<UpdateItem>),
    Delete,
}

/// `DEFAULT …`, and where it stands in the text: a column keeps its words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DefaultValue {
    pub(crate) value: Expr,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: Ident,
    /// Missing only in the column list of a view.
    pub(crate) column_type: Option<TypeExpr>,
    pub(crate) not_null: bool,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) collation: Option<String>,
    pub(crate) options: Vec<OptionItem>,
    /// `PRIMARY KEY`, `REFERENCES …` on the column itself.
    pub(crate) primary_key: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TableConstraint {
    PrimaryKey {
        name: Option<Ident>,
        columns: Vec<Ident>,
    },
    ForeignKey {
        name: Option<Ident>,
        columns: Vec<Ident>,
        references: Path,
        referenced: Vec<Ident>,
    },
}

/// `PARTITION BY …`: the expression tells the kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionBy {
    pub(crate) value: Expr,
}

/// `CREATE [OR REPLACE] [TEMP] [EXTERNAL | SNAPSHOT] TABLE`, with `LIKE`, `COPY`, `CLONE` and `AS`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTable {
    pub(crate) exists: IfExists,
    pub(crate) temporary: bool,
    pub(crate) external: bool,
    pub(crate) snapshot: bool,
    pub(crate) path: Path,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) constraints: Vec<TableConstraint>,
    pub(crate) like: Option<Path>,
    pub(crate) copy: Option<Path>,
    /// `CLONE source [FOR SYSTEM_TIME AS OF …]`
    pub(crate) clone: Option<(Path, Option<Expr>)>,
    pub(crate) default_collation: Option<String>,
    pub(crate) partition_by: Option<PartitionBy>,
    pub(crate) cluster_by: Vec<Path>,
    /// `WITH PARTITION COLUMNS [(…)]`, of external tables.
    pub(crate) partition_columns: Option<Vec<ColumnDefinition>>,
    /// `WITH CONNECTION …`
    pub(crate) connection: Option<Path>,
    pub(crate) options: Vec<OptionItem>,
    pub(crate) query: Option<Query>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateView {
    pub(crate) exists: IfExists,
    pub(crate) materialized: bool,
    pub(crate) path: Path,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) partition_by: Option<PartitionBy>,
    pub(crate) cluster_by: Vec<Path>,
    pub(crate) options: Vec<OptionItem>,
    pub(crate) query: Query,
    /// Where the query stands in the text: a view keeps its words.
    pub(crate) query_from: Offset,
    pub(crate) query_to: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateSchema {
    pub(crate) exists: IfExists,
    pub(crate) path: Path,
    pub(crate) default_collation: Option<String>,
    pub(crate) options: Vec<OptionItem>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateFunction {
    pub(crate) exists: IfExists,
    pub(crate) temporary: bool,
    pub(crate) aggregate: bool,
    /// `CREATE TABLE FUNCTION`
    pub(crate) table: bool,
    pub(crate) path: Path,
    pub(crate) parameters: Vec<FunctionParameter>,
    pub(crate) returns: Option<TypeExpr>,
    pub(crate) body: FunctionBody,
    /// Where the body stands in the text: a routine keeps its words.
    pub(crate) body_from: Offset,
    pub(crate) body_to: Offset,
    pub(crate) options: Vec<OptionItem>,
    /// `DETERMINISTIC`, `NOT DETERMINISTIC`
    pub(crate) deterministic: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FunctionBody {
    Expr(Expr),
    Query(Box<Query>),
    /// `LANGUAGE js AS "…"`
    Foreign {
        language: String,
        code: String,
    },
    /// `REMOTE WITH CONNECTION …`
    Remote,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunctionParameter {
    pub(crate) name: Ident,
    pub(crate) parameter_type: TypeExpr,
    pub(crate) mode: ParameterMode,
    /// `NOT AGGREGATE`
    pub(crate) not_aggregate: bool,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterMode {
    In,
    Out,
    InOut,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateProcedure {
    pub(crate) exists: IfExists,
    pub(crate) path: Path,
    pub(crate) parameters: Vec<FunctionParameter>,
    pub(crate) options: Vec<OptionItem>,
    pub(crate) body: Vec<Statement>,
    pub(crate) body_from: Offset,
    pub(crate) body_to: Offset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateRowAccessPolicy {
    pub(crate) exists: IfExists,
    pub(crate) name: Ident,
    pub(crate) table: Path,
    pub(crate) grantees: Vec<String>,
    pub(crate) filter: Expr,
    pub(crate) filter_from: Offset,
    pub(crate) filter_to: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlterTarget {
    Table,
    View,
    MaterializedView,
    Schema,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterAction {
    SetOptions(Vec<OptionItem>),
    AddColumn {
        exists: IfExists,
        column: ColumnDefinition,
    },
    DropColumn {
        exists: IfExists,
        name: Ident,
    },
    RenameColumn {
        exists: IfExists,
        from: Ident,
        to: Ident,
    },
    RenameTo(Path),
    /// `ALTER COLUMN name …`
    AlterColumn {
        exists: IfExists,
        name: Ident,
        action: Box<AlterColumnAction>,
    },
    AddConstraint(TableConstraint),
    DropConstraint {
        exists: IfExists,
        name: Option<Ident>,
        primary_key: bool,
    },
    SetDefaultCollation(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterColumnAction {
    SetOptions(Vec<OptionItem>),
    DropNotNull,
    SetDataType(TypeExpr),
    SetDefault(DefaultValue),
    DropDefault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropKind {
    Table,
    ExternalTable,
    SnapshotTable,
    View,
    MaterializedView,
    Schema,
    Function,
    TableFunction,
    Procedure,
    RowAccessPolicy,
}

/// `EXPORT DATA [WITH CONNECTION …] OPTIONS(…) AS query`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExportData {
    pub(crate) options: Vec<OptionItem>,
    pub(crate) query: Query,
}

/// `LOAD DATA {INTO | OVERWRITE} table … FROM FILES(…)`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoadData {
    pub(crate) overwrite: bool,
    /// `INTO TEMP TABLE`
    pub(crate) temporary: bool,
    pub(crate) path: Path,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) partition_by: Option<PartitionBy>,
    pub(crate) cluster_by: Vec<Path>,
    pub(crate) options: Vec<OptionItem>,
    pub(crate) files: Vec<OptionItem>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConditionalBlock {
    pub(crate) condition: Expr,
    pub(crate) body: Vec<Statement>,
}

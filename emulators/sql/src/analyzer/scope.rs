//! What names mean at a place in a query: range variables and their columns, and the scopes around it.

use std::sync::Arc;

use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Column, ColumnId, Expr, ExprKind};
use crate::sql_type::{StructField, Type};

/// A column that a name can reach.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScopeColumn {
    pub(super) column: Column,
    /// A pseudo-column: `*` leaves it out.
    pub(super) pseudo: bool,
}

/// A range variable: a table or what stands for one in `FROM`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RangeVariable {
    /// Its alias; empty when it has none.
    pub(super) name: Arc<str>,
    pub(super) columns: Vec<ScopeColumn>,
    /// A value table (`UNNEST`, `SELECT AS STRUCT`): the row is one value, and a struct's fields are `columns`.
    pub(super) value: Option<Column>,
}

/// The names of one level.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Names {
    pub(super) variables: Vec<RangeVariable>,
    /// Columns of `JOIN … USING`, which hide those of the same name, and everything that `*` gives then.
    pub(super) merged: Vec<ScopeColumn>,
    /// Select-list aliases, where they may be used; they go first.
    pub(super) aliases: Vec<(Arc<str>, Expr)>,
}

/// What a name was found to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    Column(Column),
    /// A whole row, as a struct or a value.
    Row(RangeVariable),
    Alias(Expr),
}

impl Names {
    /// One range variable without a name.
    pub(super) fn of_columns(columns: &[Column]) -> Self {
        let columns = columns
            .iter()
            .map(|column| ScopeColumn { column: column.clone(), pseudo: false })
            .collect();
        let variable = RangeVariable { name: "".into(), columns, value: None };
        Self { variables: vec![variable], ..Self::default() }
    }

    /// One range variable.
    pub(super) fn of_variable(variable: RangeVariable) -> Self {
        Self { variables: vec![variable], ..Self::default() }
    }

    /// What a first identifier means here: an alias, a column, or a range variable.
    pub(super) fn find(&self, name: &str, at: Offset) -> Result<Option<Found>> {
        let mut aliases = self.aliases.iter().filter(|(alias, _)| alias.eq_ignore_ascii_case(name));
        match (aliases.next(), aliases.next()) {
            (Some((_, value)), None) => return Ok(Some(Found::Alias(value.clone()))),
            (Some(_), Some(_)) => {
                return Err(SqlError::at(at, format!("Column name {name} is ambiguous")));
            }
            (None, _) => {}
        }
        let same = |column: &&ScopeColumn| column.column.name.eq_ignore_ascii_case(name);
        if let Some(column) = self.merged.iter().find(same) {
            return Ok(Some(Found::Column(column.column.clone())));
        }
        // An alias goes before the columns that it brings.
        if let Some(variable) = self.variable(name) {
            return Ok(Some(Found::Row(variable.clone())));
        }
        let mut found: Option<&Column> = None;
        let columns = self.variables.iter().flat_map(|variable| &variable.columns);
        for column in columns.filter(same) {
            if found.is_some_and(|other| other.id != column.column.id) {
                return Err(SqlError::at(at, format!("Column name {name} is ambiguous")));
            }
            found = Some(&column.column);
        }
        Ok(found.cloned().map(Found::Column))
    }

    /// A range variable by its alias.
    pub(super) fn variable(&self, name: &str) -> Option<&RangeVariable> {
        self.variables
            .iter()
            .find(|variable| !variable.name.is_empty() && variable.name.eq_ignore_ascii_case(name))
    }

    /// What `*` gives.
    pub(super) fn star(&self) -> Vec<Column> {
        let merged = self.merged.iter().map(|column| column.column.clone());
        let is_merged = |column: &&ScopeColumn| {
            !self
                .merged
                .iter()
                .any(|merged| merged.column.name.eq_ignore_ascii_case(&column.column.name))
        };
        merged
            .chain(self.variables.iter().flat_map(|variable| {
                let fields: Vec<Column> = variable
                    .columns
                    .iter()
                    .filter(|column| !column.pseudo)
                    .filter(is_merged)
                    .map(|column| column.column.clone())
                    .collect();
                match &variable.value {
                    Some(value) if variable.columns.is_empty() => vec![value.clone()],
                    _ => fields,
                }
            }))
            .collect()
    }
}

impl RangeVariable {
    /// A table's row as one expression.
    pub(super) fn row(&self, at: Offset) -> Expr {
        if let Some(value) = &self.value {
            return Expr::column(value.id, value.column_type.clone(), at);
        }
        let columns: Vec<&Column> = self
            .columns
            .iter()
            .filter(|column| !column.pseudo)
            .map(|column| &column.column)
            .collect();
        let fields =
            columns.iter().map(|column| StructField::new(&column.name, column.column_type.clone()));
        let expr_type = Type::struct_of(fields);
        let values = columns
            .iter()
            .map(|column| Expr::column(column.id, column.column_type.clone(), at))
            .collect();
        Expr { kind: ExprKind::Struct(values), expr_type, at }
    }

    /// The ids of its columns.
    pub(super) fn ids(&self) -> Vec<ColumnId> {
        let columns = self.columns.iter().map(|column| column.column.id);
        columns.chain(self.value.as_ref().map(|value| value.id)).collect()
    }
}

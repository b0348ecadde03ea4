//! What DML adds to queries: values that go into columns, and tables whose rows have numbers.

use super::Analyzer;
use super::coercion::{coerce_to, distance};
use super::scope::Names;
use crate::ast::{self, FromItem, JoinCondition, JoinKind};
use crate::catalog::{TableDescription, TableKind};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{ColumnId, Expr, Join, JoinType, Plan};
use crate::sql_type::Type;
use crate::value::Value;

/// The table that a statement changes.
pub(crate) struct Target {
    pub(crate) description: TableDescription,
    pub(crate) plan: Plan,
    pub(super) names: Names,
    pub(crate) row_number: ColumnId,
    /// One id for each column of the table, pseudo-columns too.
    pub(crate) columns: Vec<ColumnId>,
}

/// A merge's source beside its target.
pub(crate) struct MergeInput {
    pub(crate) plan: Plan,
    /// TRUE where there is a source row.
    pub(crate) marker: ColumnId,
    pub(super) both: Names,
    pub(super) source: Names,
    pub(super) target: Names,
}

/// Which rows the expressions of a merge's clause may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeSide {
    Both,
    Source,
    Target,
}

impl Analyzer<'_> {
    /// An expression that goes into a column or a variable.
    pub(crate) fn assigned(&mut self, value: Expr, to: &Type, what: &str) -> Result<Expr> {
        if distance(&value, to).is_none() {
            let text = format!(
                "{what} has type {} which cannot be assigned to type {to}",
                value.expr_type
            );
            return Err(SqlError::at(value.at, text));
        }
        coerce_to(self.session, value, to)
    }

    /// An expression that goes into a table's column.
    pub(crate) fn inserted(&mut self, expr: &ast::Expr, column: &str, to: &Type) -> Result<Expr> {
        let value = self.standalone(expr)?;
        self.as_column_value(value, column, to)
    }

    fn as_column_value(&mut self, value: Expr, column: &str, to: &Type) -> Result<Expr> {
        if distance(&value, to).is_none() {
            let text = format!(
                "Value has type {} which cannot be inserted into column {column}, which has type {to}",
                value.expr_type
            );
            return Err(SqlError::at(value.at, text));
        }
        coerce_to(self.session, value, to)
    }

    /// A query whose columns go into a table's columns.
    pub(crate) fn inserted_query(
        &mut self,
        query: &ast::Query,
        columns: &[(String, Type)],
    ) -> Result<(Plan, Vec<ColumnId>)> {
        let relation = self.resolve_query(query)?;
        let mut found = relation.columns;
        if relation.is_value_table
            && let [only] = &found[..]
            && let Type::Struct(fields) = &only.column_type
            && columns.len() == fields.len()
        {
            let fields = std::sync::Arc::clone(fields);
            let (id, struct_type) = (only.id, only.column_type.clone());
            let mut computed = Vec::new();
            found = fields
                .iter()
                .enumerate()
                .map(|(index, field)| {
                    let base = Box::new(Expr::column(id, struct_type.clone(), query.at));
                    let column = self.named_column(&field.name, field.field_type.clone());
                    let kind = crate::resolved::ExprKind::Field { base, index };
                    computed.push((
                        column.id,
                        Expr { kind, expr_type: field.field_type.clone(), at: query.at },
                    ));
                    column
                })
                .collect();
            let plan = Plan::Project { input: Box::new(relation.plan), computed };
            return self.fit_columns(plan, &found, columns, query.at);
        }
        self.fit_columns(relation.plan, &found, columns, query.at)
    }

    fn fit_columns(
        &mut self,
        plan: Plan,
        found: &[crate::resolved::Column],
        columns: &[(String, Type)],
        at: Offset,
    ) -> Result<(Plan, Vec<ColumnId>)> {
        if found.len() != columns.len() {
            let text = format!(
                "Inserted row has wrong column count; Has {}, expected {}",
                found.len(),
                columns.len()
            );
            return Err(SqlError::at(at, text));
        }
        let mut computed = Vec::new();
        let mut ids = Vec::with_capacity(columns.len());
        for (column, (name, to)) in found.iter().zip(columns) {
            if column.column_type == *to {
                ids.push(column.id);
                continue;
            }
            let value = super::set_operation::literal_of(&plan, column)
                .unwrap_or_else(|| Expr::column(column.id, column.column_type.clone(), at));
            let value = match distance(&value, to) {
                Some(_) => coerce_to(self.session, value, to)?,
                None => {
                    let text = format!(
                        "Query column {} has type {} which cannot be inserted into column {name}, which has type {to}",
                        ids.len() + 1,
                        column.column_type
                    );
                    return Err(SqlError::at(at, text));
                }
            };
            let id = self.new_column();
            computed.push((id, value));
            ids.push(id);
        }
        if computed.is_empty() {
            return Ok((plan, ids));
        }
        Ok((Plan::Project { input: Box::new(plan), computed }, ids))
    }

    /// The table of an `UPDATE`, `DELETE` or `MERGE`, its rows numbered.
    pub(crate) fn target(
        &mut self,
        path: &ast::Path,
        alias: Option<&ast::Ident>,
    ) -> Result<Target> {
        let names = path.names();
        let name = self.named_table(&names, path.at)?;
        let description = self.catalog.table(&name, None)?;
        if description.kind != TableKind::Table {
            let text = format!(
                "DML over views is not supported: {}.{}.{}",
                name.project, name.dataset, name.table
            );
            return Err(SqlError::at(path.at, text));
        }
        let alias =
            alias.map_or(names.last().map(String::as_str).unwrap_or_default(), |alias| &alias.name);
        let (mut plan, names) = self.scan_plan(&description, alias, None)?;
        let row_number = self.new_column();
        number_rows(&mut plan, row_number);
        let columns = names.variables[0].columns.iter().map(|column| column.column.id).collect();
        Ok(Target { description, plan, names, row_number, columns })
    }

    /// Joins the rows of an `UPDATE`'s `FROM` to its target.
    pub(crate) fn target_from(&mut self, target: Target, from: &FromItem) -> Result<Target> {
        let Target { description, plan, names, row_number, columns } = target;
        let (plan, names) =
            self.join_right(JoinKind::Cross, plan, names, from, &JoinCondition::None, from.at)?;
        Ok(Target { description, plan, names, row_number, columns })
    }

    /// A condition over a target's rows.
    pub(crate) fn target_condition(&mut self, target: &Target, filter: &ast::Expr) -> Result<Expr> {
        let names = target.names.clone();
        self.with_names(names, |this| {
            this.in_clause("WHERE clause", |this| this.condition(filter, "WHERE clause"))
        })
    }

    /// A value for a column of a target, over the target's rows.
    pub(crate) fn target_value(
        &mut self,
        target: &Target,
        value: &ast::Expr,
        column: &str,
        to: &Type,
    ) -> Result<Expr> {
        let names = target.names.clone();
        self.with_names(names, |this| {
            let value = this.resolve(value)?;
            this.as_column_value(value, column, to)
        })
    }

    /// Target and source of a merge, joined so that each row of both is there.
    pub(crate) fn merge_input(
        &mut self,
        target: &Target,
        source: &FromItem,
        on: &ast::Expr,
    ) -> Result<MergeInput> {
        let (source_plan, source) = self.resolve_from(source)?;
        let marker = self.new_column();
        let is_there = Expr::literal(Value::Bool(true), Type::Bool, on.at);
        let source_plan =
            Plan::Project { input: Box::new(source_plan), computed: vec![(marker, is_there)] };
        let mut both = target.names.clone();
        both.variables.extend(source.variables.iter().cloned());
        both.merged.extend(source.merged.iter().cloned());
        let condition = self.with_names(both.clone(), |this| {
            this.in_clause("MERGE ON clause", |this| this.condition(on, "MERGE ON clause"))
        })?;
        let plan = Plan::Join(Box::new(Join {
            join_type: JoinType::Full,
            left: target.plan.clone(),
            right: source_plan,
            keys: Vec::new(),
            condition: Some(condition),
            lateral: false,
        }));
        Ok(MergeInput { plan, marker, both, source, target: target.names.clone() })
    }

    /// A condition or value of a merge's clause.
    pub(crate) fn merge_condition(
        &mut self,
        input: &MergeInput,
        side: MergeSide,
        condition: &ast::Expr,
    ) -> Result<Expr> {
        self.with_names(input.names(side), |this| this.condition(condition, "MERGE condition"))
    }

    pub(crate) fn merge_value(
        &mut self,
        input: &MergeInput,
        side: MergeSide,
        value: &ast::Expr,
        column: &str,
        to: &Type,
    ) -> Result<Expr> {
        self.with_names(input.names(side), |this| {
            let value = this.resolve(value)?;
            this.as_column_value(value, column, to)
        })
    }

    /// The source's columns in order, for `INSERT ROW`.
    pub(crate) fn merge_row(&self, input: &MergeInput, at: Offset) -> Vec<Expr> {
        let columns = input.source.star().into_iter();
        columns.map(|column| Expr::column(column.id, column.column_type, at)).collect()
    }
}

impl MergeInput {
    fn names(&self, side: MergeSide) -> Names {
        match side {
            MergeSide::Both => self.both.clone(),
            MergeSide::Source => self.source.clone(),
            MergeSide::Target => self.target.clone(),
        }
    }
}

/// Lets the scan of a plan number its rows.
fn number_rows(plan: &mut Plan, id: ColumnId) {
    match plan {
        Plan::Scan(scan) => scan.row_number = Some(id),
        Plan::Filter { input, .. } => number_rows(input, id),
        _ => {}
    }
}

//! `PIVOT`, `UNPIVOT` and `TABLESAMPLE`: all become ordinary nodes of the plan.

use std::sync::Arc;

use super::Analyzer;
use super::coercion::{coerce_to, distance};
use super::scope::{Names, RangeVariable, ScopeColumn};
use super::window::as_column;
use crate::ast::{self, PivotAggregate, PivotColumn, TableOperator, UnpivotColumn};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{
    Aggregate, Column, ColumnId, Expr, ExprKind, Plan, Unnest, UnnestArray, visit_expr_mut,
};
use crate::sql_type::{StructField, Type};
use crate::value::Value;

impl Analyzer<'_> {
    pub(super) fn table_operator(
        &mut self,
        plan: Plan,
        names: Names,
        operator: &TableOperator,
    ) -> Result<(Plan, Names)> {
        match operator {
            TableOperator::Sample { percent, .. } => {
                let percent = self.resolve_as(percent, &Type::Float64, "TABLESAMPLE percent")?;
                Ok((Plan::Sample { input: Box::new(plan), percent }, names))
            }
            TableOperator::Pivot { aggregates, input, columns, alias, at } => {
                let alias = alias.as_ref().map_or("", |alias| &alias.name);
                self.pivot(plan, names, aggregates, input, columns, alias, *at)
            }
            TableOperator::Unpivot { include_nulls, values, name, columns, alias, at } => {
                let alias = alias.as_ref().map_or("", |alias| &alias.name);
                let shape =
                    UnpivotShape { include_nulls: *include_nulls, values, name, columns, alias };
                self.unpivot(plan, &names, &shape, *at)
            }
        }
    }

    /// Groups by every column that the aggregates and the input do not name; each pair of aggregate and
    /// value is one filtered aggregate.
    #[expect(clippy::too_many_arguments, reason = "the parts of one clause")]
    fn pivot(
        &mut self,
        plan: Plan,
        names: Names,
        aggregates: &[PivotAggregate],
        input: &ast::Expr,
        columns: &[PivotColumn],
        alias: &str,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        if let Some(nameless) = aggregates.iter().find(|aggregate| aggregate.alias.is_none())
            && aggregates.len() > 1
        {
            let text = "PIVOT expression must specify an alias unless it is the only pivot expression in the PIVOT clause";
            return Err(SqlError::at(nameless.at, text));
        }
        let visible = names.star();
        let mut used: Vec<ColumnId> = Vec::new();
        let mut note = |expr: &mut Expr| {
            visit_expr_mut(expr, &mut |part| {
                used.extend(as_column(part));
                true
            });
        };
        let (calls, values, mut outputs) = self.with_names(names, |this| {
            let mut operand = this.resolve(input)?;
            note(&mut operand);
            let mut values = Vec::with_capacity(columns.len());
            for column in columns {
                let value = this.resolve(&column.value)?;
                let label = match &column.alias {
                    Some(alias) => alias.name.clone(),
                    None => pivot_label(&column.value)?,
                };
                if distance(&value, &operand.expr_type).is_none() {
                    let text = format!(
                        "PIVOT IN list item must be type {} to match the PIVOT FOR expression; found {}",
                        operand.expr_type, value.expr_type
                    );
                    return Err(SqlError::at(value.at, text));
                }
                let value = coerce_to(this.session, value, &operand.expr_type)?;
                let kind = ExprKind::IsDistinct {
                    not: true,
                    left: Box::new(operand.clone()),
                    right: Box::new(value),
                };
                values.push((label, Expr { kind, expr_type: Type::Bool, at }));
            }
            let mut calls = Vec::new();
            let mut outputs = Vec::new();
            for (label, filter) in &values {
                for aggregate in aggregates {
                    let name = aggregate.call.name.text().to_ascii_uppercase();
                    this.collector.in_aggregate = true;
                    let resolved = this.aggregate(&name, &aggregate.call, false, aggregate.at);
                    this.collector.in_aggregate = false;
                    let mut call = resolved?;
                    call.args.iter_mut().for_each(&mut note);
                    call.order_by.iter_mut().for_each(|item| note(&mut item.value));
                    call.having.iter_mut().for_each(|(_, value)| note(value));
                    call.filter = Some(filter.clone());
                    let name = match &aggregate.alias {
                        Some(alias) => format!("{}_{label}", alias.name),
                        None => label.clone(),
                    };
                    outputs.push(Column {
                        id: call.column,
                        name: name.into(),
                        column_type: call.result.clone(),
                    });
                    calls.push(call);
                }
            }
            Ok((calls, values.len(), outputs))
        })?;
        debug_assert_eq!(outputs.len(), values * aggregates.len());
        let mut keys = Vec::new();
        let mut all = Vec::new();
        for column in visible.into_iter().filter(|column| !used.contains(&column.id)) {
            let key = self.named_column(&column.name, column.column_type.clone());
            keys.push((key.id, Expr::column(column.id, column.column_type, at)));
            all.push(key);
        }
        all.append(&mut outputs);
        let plan = Plan::Aggregate(Box::new(Aggregate {
            input: plan,
            keys,
            sets: None,
            calls,
            grouping: Vec::new(),
        }));
        Ok((plan, named(&all, alias)))
    }

    /// For each row an array of structs, one for each group of columns, unnested.
    fn unpivot(
        &mut self,
        plan: Plan,
        names: &Names,
        shape: &UnpivotShape<'_>,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        let UnpivotShape { include_nulls, values, name, columns, alias } = *shape;
        let mut used = Vec::new();
        let mut rows = Vec::with_capacity(columns.len());
        let mut label_type = Type::String;
        let mut labels = Vec::with_capacity(columns.len());
        for column in columns {
            let sources = self.with_names(names.clone(), |this| {
                column
                    .columns
                    .iter()
                    .map(|path| this.resolve_path(path))
                    .collect::<Result<Vec<_>>>()
            })?;
            if sources.len() != values.len() {
                return Err(SqlError::at(
                    at,
                    "All column groups in UNPIVOT IN clause must have the same number of columns",
                ));
            }
            used.extend(sources.iter().filter_map(as_column));
            let label = match &column.label {
                Some(label) => self.resolve(label)?,
                None => {
                    let text: Vec<&str> = column
                        .columns
                        .iter()
                        .filter_map(|path| path.parts.last().map(|part| part.name.as_str()))
                        .collect();
                    Expr::literal(Value::String(text.join("_").into()), Type::String, at)
                }
            };
            label_type = label.expr_type.clone();
            labels.push(label);
            rows.push(sources);
        }
        // Columns of one value column share a type.
        let mut fields = vec![StructField::new(&name.name, label_type)];
        for (index, value) in values.iter().enumerate() {
            let column: Vec<Expr> = rows.iter().map(|row| row[index].clone()).collect();
            let column_type = column[0].expr_type.clone();
            if let Some(other) = column.iter().find(|other| other.expr_type != column_type) {
                let text = format!(
                    "The datatype of column does not match with other datatypes in the IN clause. Expected {column_type}, Found {}",
                    other.expr_type
                );
                return Err(SqlError::at(other.at, text));
            }
            fields.push(StructField::new(&value.name, column_type));
        }
        let struct_type = Type::struct_of(fields.clone());
        let structs = rows
            .into_iter()
            .zip(labels)
            .map(|(row, label)| {
                let values = std::iter::once(label).chain(row).collect();
                Expr { kind: ExprKind::Struct(values), expr_type: struct_type.clone(), at }
            })
            .collect();
        let array =
            Expr { kind: ExprKind::Array(structs), expr_type: Type::array_of(struct_type), at };
        let element = self.new_column();
        let made: Vec<Column> = fields
            .iter()
            .map(|field| self.named_column(&field.name, field.field_type.clone()))
            .collect();
        let ids = made.iter().enumerate().map(|(index, column)| (index, column.id)).collect();
        let arrays = vec![UnnestArray { array, element, fields: ids }];
        let mut plan = Plan::Unnest(Box::new(Unnest {
            input: plan,
            arrays,
            offset: None,
            outer: false,
            condition: None,
        }));
        if !include_nulls {
            let is_there = |column: &Column| {
                let value = Expr::column(column.id, column.column_type.clone(), at);
                let is_null =
                    Expr { kind: ExprKind::IsNull(Box::new(value)), expr_type: Type::Bool, at };
                Expr { kind: ExprKind::Not(Box::new(is_null)), expr_type: Type::Bool, at }
            };
            // A row of NULLs alone is left out.
            let kind = ExprKind::Or(made[1..].iter().map(is_there).collect());
            let predicate = Expr { kind, expr_type: Type::Bool, at };
            plan = Plan::Filter { input: Box::new(plan), predicate };
        }
        let mut all: Vec<Column> =
            names.star().into_iter().filter(|column| !used.contains(&column.id)).collect();
        all.extend(made[1..].iter().cloned());
        all.push(made[0].clone());
        Ok((plan, named(&all, alias)))
    }
}

#[derive(Clone, Copy)]
struct UnpivotShape<'a> {
    include_nulls: bool,
    values: &'a [ast::Ident],
    name: &'a ast::Ident,
    columns: &'a [UnpivotColumn],
    alias: &'a str,
}

fn named(columns: &[Column], alias: &str) -> Names {
    let columns = columns
        .iter()
        .map(|column| ScopeColumn { column: column.clone(), pseudo: false })
        .collect();
    Names::of_variable(RangeVariable { name: Arc::from(alias), columns, value: None })
}

/// The name that a pivot value gives to its column.
fn pivot_label(value: &ast::Expr) -> Result<String> {
    Ok(match &value.kind {
        ast::ExprKind::String(text) => text.clone(),
        ast::ExprKind::Integer(text) => format!("_{text}"),
        ast::ExprKind::Float(text) => format!("_{}", text.replace('.', "_point_")),
        ast::ExprKind::Bool(value) => value.to_string(),
        ast::ExprKind::Null => "NULL".to_owned(),
        ast::ExprKind::Literal { text, .. } => {
            format!("_{}", text.replace(['-', ' ', ':', '.'], "_"))
        }
        ast::ExprKind::Unary { operator: ast::UnaryOperator::Minus, operand } => {
            format!("_minus{}", pivot_label(operand)?)
        }
        _ => {
            return Err(SqlError::at(value.at, "IN expression in PIVOT clause must be constant"));
        }
    })
}

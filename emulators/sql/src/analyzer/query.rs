//! Queries: common tables, set operations, order and limit around a body.

use std::sync::Arc;

use super::coercion::{coerce_to, distance};
use super::scope::Names;
use super::select::{Relation, ordinal, out_of_range};
use super::set_operation::{literal_of, place_of};
use super::{Analyzer, CommonName};
use crate::ast::{self, QueryBody, SetOperator};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Column, CommonTable, Expr, Plan, Recursion};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// A query; common tables are seen in it alone.
    pub(super) fn resolve_query(&mut self, query: &ast::Query) -> Result<Relation> {
        let visible = self.common.len();
        let tables = match &query.with {
            Some(with) => self.common_tables(with),
            None => Ok(Vec::new()),
        };
        let relation = tables.and_then(|tables| {
            let mut relation = self.query_tail(query)?;
            if !tables.is_empty() {
                relation.plan = Plan::With { tables, body: Box::new(relation.plan) };
            }
            Ok(relation)
        });
        self.common.truncate(visible);
        relation
    }

    fn query_tail(&mut self, query: &ast::Query) -> Result<Relation> {
        if let QueryBody::From(from) = &query.body {
            let (plan, names) = self.resolve_from(from)?;
            return self.resolve_pipes(plan, names, query);
        }
        let mut relation = match &query.body {
            QueryBody::Select(select) => self.resolve_select(select, &query.order_by)?,
            body => {
                let relation = self.resolve_body(body)?;
                self.order_relation(relation, &query.order_by)?
            }
        };
        relation.plan = self.limited(relation.plan, query.limit.as_ref(), query.offset.as_ref())?;
        if query.pipes.is_empty() {
            return Ok(relation);
        }
        let (plan, names) = self.names_of(relation, "");
        self.resolve_pipes(plan, names, query)
    }

    pub(super) fn resolve_body(&mut self, body: &QueryBody) -> Result<Relation> {
        match body {
            QueryBody::Select(select) => self.resolve_select(select, &[]),
            QueryBody::Parenthesised(query) => self.resolve_query(query),
            QueryBody::SetOperation(operation) => self.set_operation(operation),
            QueryBody::From(from) => {
                let (plan, names) = self.resolve_from(from)?;
                let columns = names.star();
                Ok(Relation { plan, columns, is_value_table: false })
            }
        }
    }

    /// `ORDER BY` over a relation whose columns have names.
    fn order_relation(
        &mut self,
        relation: Relation,
        order_by: &[ast::OrderItem],
    ) -> Result<Relation> {
        if order_by.is_empty() {
            return Ok(relation);
        }
        let Relation { plan, columns, is_value_table } = relation;
        let names = Names::of_columns(&columns);
        let items = self.with_names(names, |this| {
            order_by
                .iter()
                .map(|item| {
                    let value = match ordinal(&item.value) {
                        Some(ordinal) => nth_column(&columns, ordinal, item.value.at)?,
                        None => this.in_clause("ORDER BY clause after set operation", |this| {
                            this.resolve(&item.value)
                        })?,
                    };
                    this.sort_item(value, item)
                })
                .collect::<Result<Vec<_>>>()
        })?;
        let plan = Plan::Sort { input: Box::new(plan), items };
        Ok(Relation { plan, columns, is_value_table })
    }

    pub(super) fn limited(
        &mut self,
        plan: Plan,
        limit: Option<&ast::Expr>,
        offset: Option<&ast::Expr>,
    ) -> Result<Plan> {
        if limit.is_none() && offset.is_none() {
            return Ok(plan);
        }
        let mut count = |expr: &ast::Expr| {
            let value = self.in_clause("LIMIT OFFSET", |this| this.resolve(expr))?;
            if distance(&value, &Type::Int64).is_none() {
                let text = format!("LIMIT ... OFFSET ... expects INT64, got {}", value.expr_type);
                return Err(SqlError::at(expr.at, text));
            }
            coerce_to(self.session, value, &Type::Int64)
        };
        let limit = limit.map(&mut count).transpose()?;
        let offset = offset.map(&mut count).transpose()?;
        Ok(Plan::Limit { input: Box::new(plan), limit, offset })
    }

    fn common_tables(&mut self, with: &ast::With) -> Result<Vec<CommonTable>> {
        let mut tables = Vec::with_capacity(with.tables.len());
        for table in &with.tables {
            let same =
                |other: &&ast::CommonTable| other.name.name.eq_ignore_ascii_case(&table.name.name);
            let before = with.tables.iter().take_while(|other| !std::ptr::eq(*other, table));
            if before.into_iter().any(|other| same(&other)) {
                return Err(SqlError::at(
                    table.name.at,
                    format!("Duplicate alias {} for WITH subquery", table.name.name),
                ));
            }
            let recursive = match recursive_parts(with, table) {
                Some((base, step, distinct)) => {
                    self.recursive_table(table, base, step, distinct)?
                }
                None => None,
            };
            let resolved = match recursive {
                Some(recursive) => recursive,
                None => {
                    let relation =
                        self.with_fresh_collector(|this| this.resolve_query(&table.query))?;
                    let number = self.new_common(
                        &table.name.name,
                        &relation.columns,
                        relation.is_value_table,
                    );
                    let columns = relation.columns.iter().map(|column| column.id).collect();
                    CommonTable { number, plan: relation.plan, columns, recursion: None }
                }
            };
            tables.push(resolved);
        }
        Ok(tables)
    }

    /// A query that stands apart has no part in the aggregates of the one around it.
    pub(super) fn with_fresh_collector<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = std::mem::take(&mut self.collector);
        let result = body(self);
        self.collector = outer;
        result
    }

    fn new_common(&mut self, name: &str, columns: &[Column], is_value_table: bool) -> usize {
        let number = self.next_common;
        self.next_common += 1;
        let columns = columns
            .iter()
            .map(|column| (Arc::clone(&column.name), column.column_type.clone()))
            .collect();
        self.common.push(CommonName { name: name.to_owned(), number, columns, is_value_table });
        number
    }

    /// `base UNION step`; `None` when the step does not read the table itself.
    fn recursive_table(
        &mut self,
        table: &ast::CommonTable,
        base: &QueryBody,
        step: &QueryBody,
        distinct: bool,
    ) -> Result<Option<CommonTable>> {
        let first = self.with_fresh_collector(|this| this.resolve_body(base))?;
        let mut columns = first.columns.clone();
        let depth = match &table.depth {
            None => None,
            Some((alias, low, high)) => {
                let name = alias.as_ref().map_or("depth", |alias| &alias.name);
                columns.push(self.named_column(name, Type::Int64));
                Some((
                    self.depth_bound(low.as_ref())?.unwrap_or(0),
                    self.depth_bound(high.as_ref())?,
                ))
            }
        };
        let number = self.new_common(&table.name.name, &columns, first.is_value_table);
        let next = self.with_fresh_collector(|this| this.resolve_body(step))?;
        if !self.common_read.contains(&number) {
            self.common.pop();
            return Ok(None);
        }
        check_recursive_term(&first, &next, place_of(step))?;
        let types: Vec<Type> =
            first.columns.iter().map(|column| column.column_type.clone()).collect();
        let (next_plan, next_ids) = self.as_types(next, &types, table.query.at)?;
        Ok(Some(CommonTable {
            number,
            plan: first.plan,
            columns: first.columns.iter().map(|column| column.id).collect(),
            recursion: Some(Recursion { plan: next_plan, columns: next_ids, distinct, depth }),
        }))
    }

    fn depth_bound(&mut self, bound: Option<&ast::Expr>) -> Result<Option<i64>> {
        let Some(bound) = bound else { return Ok(None) };
        match self.resolve(bound)?.as_literal() {
            Some(Value::Int64(depth)) if *depth >= 0 => Ok(Some(*depth)),
            _ => Err(SqlError::at(bound.at, "Expected a non-negative integer for the depth")),
        }
    }

    /// A relation as a range variable.
    pub(super) fn names_of(&mut self, relation: Relation, alias: &str) -> (Plan, Names) {
        let Relation { plan, columns, is_value_table } = relation;
        if !is_value_table {
            let mut names = Names::of_columns(&columns);
            names.variables[0].name = alias.into();
            return (plan, names);
        }
        let [value] = &columns[..] else { unreachable!("a value table has one column") };
        self.value_names(plan, value.clone(), alias)
    }
}

fn nth_column(columns: &[Column], ordinal: i64, at: Offset) -> Result<Expr> {
    let index = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
    match index.and_then(|index| columns.get(index)) {
        Some(column) => Ok(Expr::column(column.id, column.column_type.clone(), at)),
        None => Err(out_of_range("ORDER BY", ordinal, at)),
    }
}

/// The columns of a recursive term go where those of the base are.
fn check_recursive_term(base: &Relation, step: &Relation, at: Offset) -> Result<()> {
    let (wanted, found) = (base.columns.len(), step.columns.len());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if wanted != found {
        let text = format!(
            "Queries in UNION ALL have mismatched column count; query 1 has {wanted} column{}, query 2 has {found} column{}",
            plural(wanted),
            plural(found)
        );
        return Err(SqlError::at(at, text));
    }
    for (index, (wanted, found)) in base.columns.iter().zip(&step.columns).enumerate() {
        let value = literal_of(&step.plan, found)
            .filter(|value| value.is_untyped_null() || value.expr_type.is_numeric())
            .unwrap_or_else(|| Expr::column(found.id, found.column_type.clone(), at));
        if distance(&value, &wanted.column_type).is_none() {
            let text = format!(
                "Cannot coerce type ({}) of column {} in the recursive term to type ({}) of column {} in non-recursive term",
                found.column_type,
                index + 1,
                wanted.column_type,
                index + 1
            );
            return Err(SqlError::at(at, text));
        }
    }
    Ok(())
}

/// The two sides of `base UNION step`, where the step names the table itself.
fn recursive_parts<'q>(
    with: &ast::With,
    table: &'q ast::CommonTable,
) -> Option<(&'q QueryBody, &'q QueryBody, bool)> {
    if !with.recursive {
        return None;
    }
    let QueryBody::SetOperation(operation) = &table.query.body else { return None };
    let is_union = operation.operator == SetOperator::Union && !operation.by_name;
    is_union.then_some((&operation.left, &operation.right, operation.distinct))
}

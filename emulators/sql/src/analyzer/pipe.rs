//! Pipe syntax: each operator turns a relation with names into the next one.

use std::sync::Arc;

use super::Analyzer;
use super::group::{Ungrouped, over_groups};
use super::scope::{Names, RangeVariable, ScopeColumn};
use super::select::{Relation, windows_over};
use super::window::window_exprs;
use crate::ast::{self, PipeOperator, SelectItem};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Aggregate, Column, ColumnId, Expr, Plan, SortItem};
use crate::sql_type::Type;

impl Analyzer<'_> {
    pub(super) fn resolve_pipes(
        &mut self,
        mut plan: Plan,
        mut names: Names,
        query: &ast::Query,
    ) -> Result<Relation> {
        for (operator, at) in &query.pipes {
            (plan, names) =
                self.with_fresh_collector(|this| this.pipe(plan, names, operator, *at))?;
        }
        let is_value_table = match &names.variables[..] {
            [variable] => variable.value.is_some() && variable.columns.is_empty(),
            _ => false,
        };
        Ok(Relation { plan, columns: names.star(), is_value_table })
    }

    fn pipe(
        &mut self,
        plan: Plan,
        names: Names,
        operator: &PipeOperator,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        match operator {
            PipeOperator::Where(filter) => {
                let predicate = self.with_names(names.clone(), |this| {
                    this.in_clause("WHERE clause", |this| this.condition(filter, "WHERE clause"))
                })?;
                Ok((Plan::Filter { input: Box::new(plan), predicate }, names))
            }
            PipeOperator::Select(select) => self.pipe_select(plan, names, select),
            PipeOperator::Extend(items) | PipeOperator::Window(items) => {
                self.extend(plan, names, items)
            }
            PipeOperator::ExtendWithWindows { items, windows } => {
                self.collector.named_windows =
                    windows.iter().map(|(name, spec)| (name.name.clone(), spec.clone())).collect();
                self.extend(plan, names, items)
            }
            PipeOperator::Set(items) => self.set_columns(plan, names, items),
            PipeOperator::Drop(columns) => drop_columns(plan, names, columns),
            PipeOperator::Rename(pairs) => rename_columns(plan, names, pairs),
            PipeOperator::As(alias) => {
                let columns =
                    names.star().into_iter().map(|column| ScopeColumn { column, pseudo: false });
                let variable = RangeVariable {
                    name: alias.name.as_str().into(),
                    columns: columns.collect(),
                    value: None,
                };
                Ok((plan, Names::of_variable(variable)))
            }
            PipeOperator::Limit { limit, offset } => {
                Ok((self.limited(plan, Some(limit), offset.as_ref())?, names))
            }
            PipeOperator::Aggregate { items, orders, group_by, order_by_groups } => {
                self.pipe_aggregate(plan, names, items, orders, group_by.as_ref(), *order_by_groups)
            }
            PipeOperator::Distinct => {
                let columns = names.star();
                let ids = columns.iter().map(|column| column.id).collect();
                Ok((
                    Plan::Distinct { input: Box::new(plan), columns: ids },
                    Names::of_columns(&columns),
                ))
            }
            PipeOperator::OrderBy(items) => {
                let items = self.with_names(names.clone(), |this| {
                    this.collector.no_aggregates = Some("ORDER BY clause");
                    this.sort_items(items)
                })?;
                Ok((Plan::Sort { input: Box::new(plan), items }, names))
            }
            PipeOperator::Join { kind, right, condition } => {
                self.join_right(*kind, plan, names, right, condition, at)
            }
            PipeOperator::SetOperation {
                operator,
                distinct,
                by_name,
                mode,
                by_columns,
                queries,
            } => {
                let first = Relation { plan, columns: names.star(), is_value_table: false };
                let mut relations = vec![first];
                let mut places = vec![at];
                for query in queries {
                    relations.push(self.resolve_query(query)?);
                    places.push(query.at);
                }
                if *by_name {
                    relations = self.match_by_name(relations, mode.as_deref(), by_columns, at)?;
                }
                let combined = self.combine(relations, *operator, *distinct, &places)?;
                Ok(self.names_of(combined, ""))
            }
            PipeOperator::Call { name, .. } => {
                Err(SqlError::not_implemented(format!("|> CALL {}", name.text())).or_at(at))
            }
            PipeOperator::Sample(percent) => {
                let percent = self.resolve_as(percent, &Type::Float64, "TABLESAMPLE percent")?;
                Ok((Plan::Sample { input: Box::new(plan), percent }, names))
            }
            PipeOperator::Table(operator) => self.table_operator(plan, names, operator),
            PipeOperator::With(_) => Err(SqlError::not_implemented("|> WITH").or_at(at)),
            PipeOperator::Assert { condition, payload } => {
                let (condition, payload) = self.with_names(names.clone(), |this| {
                    let condition = this.condition(condition, "ASSERT")?;
                    let payload = payload
                        .iter()
                        .map(|value| this.resolve(value))
                        .collect::<Result<Vec<_>>>()?;
                    Ok((condition, payload))
                })?;
                Ok((Plan::Assert { input: Box::new(plan), condition, payload }, names))
            }
        }
    }

    fn pipe_select(
        &mut self,
        plan: Plan,
        names: Names,
        select: &ast::Select,
    ) -> Result<(Plan, Names)> {
        let (items, windows) = self.with_names(names, |this| {
            this.collector.no_aggregates = Some("pipe SELECT");
            let items = this.select_items(&select.items, true)?;
            Ok((items, std::mem::take(&mut this.collector.windows)))
        })?;
        let plan = windows_over(plan, windows);
        let (mut plan, columns) = self.project(plan, &items);
        if select.distinct {
            let ids = columns.iter().map(|column| column.id).collect();
            plan = Plan::Distinct { input: Box::new(plan), columns: ids };
        }
        Ok((plan, Names::of_columns(&columns)))
    }

    fn extend(
        &mut self,
        plan: Plan,
        mut names: Names,
        items: &[SelectItem],
    ) -> Result<(Plan, Names)> {
        let (items, windows) = self.with_names(names.clone(), |this| {
            this.collector.no_aggregates = Some("pipe EXTEND");
            let items = this.select_items(items, true)?;
            Ok((items, std::mem::take(&mut this.collector.windows)))
        })?;
        let plan = windows_over(plan, windows);
        let (plan, columns) = self.project(plan, &items);
        let columns =
            columns.into_iter().map(|column| ScopeColumn { column, pseudo: false }).collect();
        names.variables.push(RangeVariable { name: "".into(), columns, value: None });
        Ok((plan, names))
    }

    fn set_columns(
        &mut self,
        plan: Plan,
        mut names: Names,
        items: &[(ast::Path, ast::Expr)],
    ) -> Result<(Plan, Names)> {
        let mut computed = Vec::with_capacity(items.len());
        for (target, value) in items {
            let [name] = &target.parts[..] else {
                return Err(SqlError::not_implemented("SET of a field in a pipe").or_at(target.at));
            };
            let value = self.with_names(names.clone(), |this| this.resolve(value))?;
            let column = self.named_column(&name.name, value.expr_type.clone());
            replace_column(&mut names, name, &column)?;
            computed.push((column.id, value));
        }
        Ok((Plan::Project { input: Box::new(plan), computed }, names))
    }

    fn pipe_aggregate(
        &mut self,
        plan: Plan,
        names: Names,
        items: &[SelectItem],
        orders: &[Option<ast::OrderItem>],
        group_by: Option<&ast::GroupBy>,
        order_by_groups: bool,
    ) -> Result<(Plan, Names)> {
        let mut keys = Vec::new();
        let resolved = self.with_names(names, |this| {
            let selected = this.select_items(items, true)?;
            let calls = std::mem::take(&mut this.collector.aggregates);
            let windows = std::mem::take(&mut this.collector.windows);
            this.collector.no_aggregates = Some("GROUP BY clause");
            let grouping = match group_by {
                None => super::group::Grouping::default(),
                Some(group_by) => {
                    for item in &group_by.items {
                        let ast::GroupingItem::Expr { value, alias, order } = item else {
                            continue;
                        };
                        let name = match alias {
                            Some(alias) => Some(alias.name.as_str()),
                            None => super::expression::implied_name(value),
                        };
                        keys.push((Arc::<str>::from(name.unwrap_or_default()), order.clone()));
                    }
                    this.grouping(group_by, &mut |this, expr| this.resolve(expr))?
                }
            };
            Ok((selected, grouping, windows, calls, this.visible_names()))
        })?;
        let (mut selected, grouping, mut windows, calls, visible) = resolved;
        let name_of = |id: &ColumnId| visible.get(id).cloned().unwrap_or_default();
        let ungrouped = Ungrouped {
            names: plan.outputs().into_iter().map(|id| (id, name_of(&id))).collect(),
            dotted: &self.dotted,
        };
        for item in &mut selected {
            over_groups(&mut item.value, &grouping.keys, &ungrouped, "Pipe AGGREGATE")?;
        }
        for window in &mut windows {
            for expr in window_exprs(window) {
                over_groups(expr, &grouping.keys, &ungrouped, "Pipe AGGREGATE")?;
            }
        }
        let mut columns: Vec<Column> = Vec::new();
        for (index, (id, key)) in grouping.keys.iter().enumerate() {
            let name = keys.get(index).map(|(name, _)| Arc::clone(name)).unwrap_or_default();
            columns.push(Column { id: *id, name, column_type: key.expr_type.clone() });
        }
        let plan = Plan::Aggregate(Box::new(Aggregate {
            input: plan,
            keys: grouping.keys,
            sets: grouping.sets,
            calls,
            grouping: Vec::new(),
        }));
        let (mut plan, computed) = self.project(windows_over(plan, windows), &selected);
        let mut sorts = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let order = keys.get(index).and_then(|(_, order)| order.clone());
            self.group_order(column, order.as_deref(), order_by_groups, &mut sorts)?;
        }
        for (column, order) in computed.iter().zip(orders) {
            self.group_order(column, order.as_ref(), false, &mut sorts)?;
        }
        columns.extend(computed);
        if !sorts.is_empty() {
            plan = Plan::Sort { input: Box::new(plan), items: sorts };
        }
        Ok((plan, Names::of_columns(&columns)))
    }

    fn group_order(
        &self,
        column: &Column,
        order: Option<&ast::OrderItem>,
        always: bool,
        sorts: &mut Vec<SortItem>,
    ) -> Result<()> {
        let value = Expr::column(column.id, column.column_type.clone(), 0);
        match order {
            Some(order) => sorts.push(self.sort_item(value, order)?),
            None if always => sorts.push(SortItem { value, descending: false, nulls_first: true }),
            None => {}
        }
        Ok(())
    }
}

fn replace_column(names: &mut Names, name: &ast::Ident, column: &Column) -> Result<()> {
    let columns = names.variables.iter_mut().flat_map(|variable| &mut variable.columns);
    let mut found = columns
        .chain(&mut names.merged)
        .filter(|known| known.column.name.eq_ignore_ascii_case(&name.name));
    match found.next() {
        Some(known) => {
            known.column = column.clone();
            Ok(())
        }
        None => {
            Err(SqlError::at(name.at, format!("Column {} in pipe SET does not exist", name.name)))
        }
    }
}

fn drop_columns(plan: Plan, mut names: Names, columns: &[ast::Ident]) -> Result<(Plan, Names)> {
    for name in columns {
        let same = |known: &ScopeColumn| known.column.name.eq_ignore_ascii_case(&name.name);
        let known = names.star().iter().any(|column| column.name.eq_ignore_ascii_case(&name.name));
        if !known {
            return Err(SqlError::at(
                name.at,
                format!("Column {} in pipe DROP does not exist", name.name),
            ));
        }
        names.merged.retain(|known| !same(known));
        names
            .variables
            .iter_mut()
            .for_each(|variable| variable.columns.retain(|known| !same(known)));
    }
    Ok((plan, names))
}

fn rename_columns(
    plan: Plan,
    mut names: Names,
    pairs: &[(ast::Ident, ast::Ident)],
) -> Result<(Plan, Names)> {
    for (from, to) in pairs {
        let columns = names.variables.iter_mut().flat_map(|variable| &mut variable.columns);
        let mut found = columns
            .chain(&mut names.merged)
            .filter(|known| known.column.name.eq_ignore_ascii_case(&from.name));
        match found.next() {
            Some(known) => known.column.name = to.name.as_str().into(),
            None => {
                let text = format!("Column {} in pipe RENAME does not exist", from.name);
                return Err(SqlError::at(from.at, text));
            }
        }
    }
    Ok((plan, names))
}

//! `SELECT`: from the select list, grouping, windows and order to one plan. Everything is resolved over the
//! rows of `FROM` first; what grouping changes is rewritten after (`group.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use super::group::{Grouping, Ungrouped, over_groups, replace_known};
use super::reads::{check_without_from, first_beside, is_constant, reads_any};
use super::scope::Names;
use super::window::{PendingWindow, as_column, window_columns};
use super::{Analyzer, Collector};
use crate::ast::{self, OrderItem, SelectAs};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{
    Aggregate, Column, ColumnId, Expr, ExprKind, Plan, SortItem, Window, WindowCall,
};
use crate::sql_type::{StructField, Type};

/// A resolved query on its way.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) plan: Plan,
    pub(super) columns: Vec<Column>,
    pub(super) is_value_table: bool,
}

/// A select item: its name and what it computes.
pub(super) struct Selected {
    pub(super) name: Arc<str>,
    pub(super) value: Expr,
    /// Whether a `*` gave it.
    pub(super) is_star: bool,
}

/// What is resolved of a `SELECT` before grouping rewrites it.
struct Parts {
    items: Vec<Selected>,
    grouping: Option<Grouping>,
    having: Option<Expr>,
    qualify: Option<Expr>,
    order_by: Vec<SortItem>,
    collector: Collector,
    /// Names of columns, for messages.
    names: HashMap<ColumnId, String>,
}

impl Analyzer<'_> {
    /// A `SELECT`, with the `ORDER BY` that follows it.
    pub(super) fn resolve_select(
        &mut self,
        select: &ast::Select,
        order_by: &[OrderItem],
    ) -> Result<Relation> {
        let (mut plan, names) = match &select.from {
            Some(from) => self.resolve_from(from)?,
            None => (Plan::OneRow, Names::default()),
        };
        let has_from = select.from.is_some();
        check_without_from(select, order_by)?;
        if let Some(filter) = &select.filter {
            let predicate = self.with_names(names.clone(), |this| {
                this.in_clause("WHERE clause", |this| this.condition(filter, "WHERE clause"))
            })?;
            plan = Plan::Filter { input: Box::new(plan), predicate };
        }
        let parts = self.with_names(names, |this| this.select_parts(select, order_by, has_from))?;
        self.assemble(select, plan, parts)
    }

    fn select_parts(
        &mut self,
        select: &ast::Select,
        order_by: &[OrderItem],
        has_from: bool,
    ) -> Result<Parts> {
        let named_windows =
            select.windows.iter().map(|(name, spec)| (name.name.clone(), spec.clone())).collect();
        let refused = (!has_from).then_some("SELECT without FROM clause");
        let fresh = Collector {
            named_windows,
            no_aggregates: refused,
            no_windows: refused,
            ..Collector::default()
        };
        let outer = std::mem::replace(&mut self.collector, fresh);
        let resolved = self.select_clauses(select, order_by, has_from);
        let collector = std::mem::replace(&mut self.collector, outer);
        let names = self.visible_names();
        resolved.map(|parts| Parts { collector, names, ..parts })
    }

    fn select_clauses(
        &mut self,
        select: &ast::Select,
        order_by: &[OrderItem],
        has_from: bool,
    ) -> Result<Parts> {
        let items = self.select_items(&select.items, has_from)?;
        let mut grouping = None;
        if let Some(group_by) = &select.group_by {
            grouping = Some(self.resolve_group_by(group_by, &items)?);
        }
        let is_grouped = grouping.is_some() || !self.collector.aggregates.is_empty();
        // From here on select-list aliases have names, too.
        let aliases = items
            .iter()
            .filter(|item| !item.name.is_empty())
            .map(|item| (Arc::clone(&item.name), item.value.clone()))
            .collect();
        let level = self.levels.len() - 1;
        self.levels[level].names.aliases = aliases;
        let having = select.having.as_ref().map(|having| self.having(having)).transpose()?;
        if let Some(having) = &select.having
            && !is_grouped
            && self.collector.aggregates.is_empty()
        {
            let text = "The HAVING clause requires GROUP BY or aggregation to be present";
            return Err(SqlError::at(having.at, text));
        }
        let qualify = select
            .qualify
            .as_ref()
            .map(|qualify| self.condition(qualify, "QUALIFY clause"))
            .transpose()?;
        if let Some(qualify) = &select.qualify
            && self.collector.windows.is_empty()
        {
            let text = "The QUALIFY clause requires analytic function to be present";
            return Err(SqlError::at(qualify.at, text));
        }
        let aggregates = self.collector.aggregates.len();
        let order_by = self.order_items(order_by, &items)?;
        if let Some(first) = order_by.first()
            && !is_grouped
            && select.having.is_none()
            && self.collector.aggregates.len() > aggregates
        {
            let text = "The ORDER BY clause only allows aggregation if GROUP BY or SELECT list aggregation is present";
            return Err(SqlError::at(first.value.at, text));
        }
        let (collector, names) = (Collector::default(), HashMap::new());
        Ok(Parts { items, grouping, having, qualify, order_by, collector, names })
    }

    fn having(&mut self, having: &ast::Expr) -> Result<Expr> {
        let windows = self.collector.no_windows.replace("HAVING clause");
        let condition = self.condition(having, "HAVING clause");
        self.collector.no_windows = windows;
        condition
    }

    /// `ORDER BY` items over select items: ordinals, aliases, expressions.
    fn order_items(&mut self, order_by: &[OrderItem], items: &[Selected]) -> Result<Vec<SortItem>> {
        order_by
            .iter()
            .map(|item| {
                let value = match ordinal(&item.value) {
                    Some(ordinal) => nth(items, ordinal, "ORDER BY", item.value.at)?,
                    None => self.resolve(&item.value)?,
                };
                self.sort_item(value, item)
            })
            .collect()
    }

    fn resolve_group_by(
        &mut self,
        group_by: &ast::GroupBy,
        items: &[Selected],
    ) -> Result<Grouping> {
        if group_by.all {
            let mut grouping = Grouping::default();
            for item in items {
                if !self.reads_aggregate(&item.value) && !is_constant(&item.value) {
                    let id = self.new_column();
                    grouping.keys.push((id, item.value.clone()));
                }
            }
            return Ok(grouping);
        }
        let aggregates = self.collector.no_aggregates.replace("GROUP BY");
        let windows = self.collector.no_windows.replace("GROUP BY");
        let grouping = self.grouping(group_by, &mut |this, expr| this.group_by_item(expr, items));
        self.collector.no_aggregates = aggregates;
        self.collector.no_windows = windows;
        grouping
    }

    /// An item of `GROUP BY`: the number or the alias of a select item, or an expression.
    fn group_by_item(&mut self, expr: &ast::Expr, items: &[Selected]) -> Result<Expr> {
        if let Some(ordinal) = ordinal(expr) {
            let value = nth(items, ordinal, "GROUP BY", expr.at)?;
            let is_window = self.reads_window(&value);
            if is_window || self.reads_aggregate(&value) {
                let what = if is_window { "analytic" } else { "aggregation" };
                let text = format!(
                    "Column {ordinal} contains an {what} function, which is not allowed in GROUP BY"
                );
                return Err(SqlError::at(expr.at, text));
            }
            return Ok(value);
        }
        if let ast::ExprKind::Path(path) = &expr.kind
            && let [name] = &path.parts[..]
        {
            let mut named = items.iter().filter(|item| item.name.eq_ignore_ascii_case(&name.name));
            match (named.next(), named.next()) {
                (Some(_), Some(_)) => {
                    let text = format!(
                        "Name {} in GROUP BY clause is ambiguous; it may refer to multiple columns in the SELECT-list",
                        name.name
                    );
                    return Err(SqlError::at(expr.at, text));
                }
                (Some(item), None) if !self.reads_aggregate(&item.value) => {
                    return Ok(Expr { at: expr.at, ..item.value.clone() });
                }
                _ => {}
            }
        }
        let value = self.resolve(expr)?;
        match value.is_coercible_literal() {
            true => Err(SqlError::at(expr.at, "Cannot GROUP BY literal values")),
            false => Ok(value),
        }
    }

    fn reads_window(&self, expr: &Expr) -> bool {
        let computed: Vec<ColumnId> = window_columns(&self.collector.windows).collect();
        reads_any(expr, &computed)
    }

    /// Whether an expression reads an aggregate or a window of this query.
    fn reads_aggregate(&self, expr: &Expr) -> bool {
        let computed: Vec<ColumnId> = self
            .collector
            .aggregates
            .iter()
            .map(|call| call.column)
            .chain(self.collector.grouping.iter().map(|(id, _)| *id))
            .chain(window_columns(&self.collector.windows))
            .collect();
        reads_any(expr, &computed)
    }

    fn assemble(
        &mut self,
        select: &ast::Select,
        mut plan: Plan,
        mut parts: Parts,
    ) -> Result<Relation> {
        let names = parts.names.clone();
        let is_grouped = parts.grouping.is_some()
            || !parts.collector.aggregates.is_empty()
            || !parts.collector.grouping.is_empty()
            || parts.having.is_some();
        if is_grouped {
            plan = self.group(plan, &mut parts, select.at)?;
        }
        if let Some(predicate) = parts.having.take() {
            plan = Plan::Filter { input: Box::new(plan), predicate };
        }
        plan = windows_over(plan, std::mem::take(&mut parts.collector.windows));
        if let Some(predicate) = parts.qualify.take() {
            plan = Plan::Filter { input: Box::new(plan), predicate };
        }
        let (plan, columns) = self.project(plan, &parts.items);
        let known: Vec<(ColumnId, Expr)> = columns
            .iter()
            .zip(&parts.items)
            .filter(|(column, item)| as_column(&item.value) != Some(column.id))
            .map(|(column, item)| (column.id, item.value.clone()))
            .collect();
        parts.order_by.iter_mut().for_each(|item| replace_known(&mut item.value, &known));
        let relation = self.select_as(select, plan, columns)?;
        self.finish(select, relation, parts.order_by, &names)
    }

    /// The `Aggregate` node, and everything above it rewritten over its columns.
    fn group(&mut self, plan: Plan, parts: &mut Parts, at: Offset) -> Result<Plan> {
        let grouping = parts.grouping.take().unwrap_or_default();
        let names = std::mem::take(&mut parts.names);
        let name_of = |id: &ColumnId| names.get(id).cloned().unwrap_or_default();
        let ungrouped = Ungrouped {
            names: plan.outputs().into_iter().map(|id| (id, name_of(&id))).collect(),
            dotted: &self.dotted,
        };
        let keys = &grouping.keys;
        for item in &mut parts.items {
            let place = if item.is_star { "Star expansion" } else { "SELECT list" };
            over_groups(&mut item.value, keys, &ungrouped, place)?;
        }
        if let Some(having) = &mut parts.having {
            over_groups(having, keys, &ungrouped, "HAVING clause")?;
        }
        if let Some(qualify) = &mut parts.qualify {
            over_groups(qualify, keys, &ungrouped, "QUALIFY clause")?;
        }
        for item in &mut parts.order_by {
            over_groups(&mut item.value, keys, &ungrouped, "ORDER BY clause")?;
        }
        for window in &mut parts.collector.windows {
            for expr in &mut window.partition_by {
                over_groups(expr, keys, &ungrouped, "PARTITION BY")?;
            }
            for item in &mut window.order_by {
                over_groups(&mut item.value, keys, &ungrouped, "Window ORDER BY")?;
            }
            for expr in &mut window.call.args {
                over_groups(expr, keys, &ungrouped, "SELECT list")?;
            }
        }
        let mut asked = Vec::new();
        for (id, expr) in &parts.collector.grouping {
            let Some(key) = keys.iter().position(|(_, key)| key == expr) else {
                return Err(SqlError::at(
                    at,
                    "GROUPING must have an argument that exists within the group-by expression list",
                ));
            };
            asked.push((*id, key));
        }
        Ok(Plan::Aggregate(Box::new(Aggregate {
            input: plan,
            keys: grouping.keys,
            sets: grouping.sets,
            calls: std::mem::take(&mut parts.collector.aggregates),
            grouping: asked,
        })))
    }

    /// Names of the columns that can be seen, for messages.
    pub(super) fn visible_names(&self) -> HashMap<ColumnId, String> {
        let variables = self.levels.iter().flat_map(|level| &level.names.variables);
        let columns = variables.flat_map(|variable| {
            let fields = variable.columns.iter().map(|column| &column.column);
            fields.chain(&variable.value)
        });
        let merged = self.levels.iter().flat_map(|level| &level.names.merged);
        columns
            .chain(merged.map(|column| &column.column))
            .map(|column| (column.id, column.name.to_string()))
            .collect()
    }

    /// Computes select items that are not columns already.
    pub(super) fn project(&mut self, plan: Plan, items: &[Selected]) -> (Plan, Vec<Column>) {
        let mut computed = Vec::new();
        let mut columns = Vec::with_capacity(items.len());
        for item in items {
            let id = match as_column(&item.value) {
                Some(id) => id,
                None => {
                    let id = self.new_column();
                    computed.push((id, item.value.clone()));
                    id
                }
            };
            let column_type = item.value.expr_type.clone();
            columns.push(Column { id, name: Arc::clone(&item.name), column_type });
        }
        if computed.is_empty() {
            return (plan, columns);
        }
        (Plan::Project { input: Box::new(plan), computed }, columns)
    }

    /// `SELECT AS STRUCT` and `SELECT AS VALUE`.
    fn select_as(
        &mut self,
        select: &ast::Select,
        plan: Plan,
        columns: Vec<Column>,
    ) -> Result<Relation> {
        match &select.select_as {
            None => Ok(Relation { plan, columns, is_value_table: false }),
            Some(SelectAs::Value) => {
                if columns.len() != 1 {
                    let text = "SELECT AS VALUE query must have exactly one column";
                    return Err(SqlError::at(select.at, text));
                }
                Ok(Relation { plan, columns, is_value_table: true })
            }
            Some(SelectAs::Struct) => {
                let fields = columns
                    .iter()
                    .map(|column| StructField::new(&column.name, column.column_type.clone()));
                let struct_type = Type::struct_of(fields);
                let values = columns
                    .iter()
                    .map(|column| Expr::column(column.id, column.column_type.clone(), select.at))
                    .collect();
                let id = self.new_column();
                let value = Expr {
                    kind: ExprKind::Struct(values),
                    expr_type: struct_type.clone(),
                    at: select.at,
                };
                let plan = Plan::Project { input: Box::new(plan), computed: vec![(id, value)] };
                let column = Column { id, name: "".into(), column_type: struct_type };
                Ok(Relation { plan, columns: vec![column], is_value_table: true })
            }
            Some(SelectAs::Type(path)) => {
                Err(SqlError::at(path.at, format!("Type not found: {}", path.text())))
            }
        }
    }

    /// `DISTINCT` and `ORDER BY`.
    fn finish(
        &mut self,
        select: &ast::Select,
        relation: Relation,
        order_by: Vec<SortItem>,
        names: &HashMap<ColumnId, String>,
    ) -> Result<Relation> {
        let Relation { mut plan, columns, is_value_table } = relation;
        if select.distinct {
            let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
            for column in &columns {
                if !column.column_type.is_groupable() {
                    let text = format!(
                        "Column {} of type {} cannot be used in SELECT DISTINCT",
                        column.name, column.column_type
                    );
                    return Err(SqlError::at(select.at, text));
                }
            }
            for item in &order_by {
                let hidden = first_beside(&item.value, &ids);
                if let Some((id, at)) = hidden {
                    let name = names.get(&id).map(String::as_str).unwrap_or_default();
                    let text = format!(
                        "ORDER BY clause expression references column {name} which is not visible after SELECT DISTINCT"
                    );
                    return Err(SqlError::at(at, text));
                }
            }
            plan = Plan::Distinct { input: Box::new(plan), columns: ids };
        }
        if !order_by.is_empty() {
            plan = Plan::Sort { input: Box::new(plan), items: order_by };
        }
        Ok(Relation { plan, columns, is_value_table })
    }
}

/// Calls over the same partitions and order share one node.
pub(super) fn windows_over(mut plan: Plan, windows: Vec<PendingWindow>) -> Plan {
    let mut groups: Vec<(Vec<Expr>, Vec<SortItem>, Vec<WindowCall>)> = Vec::new();
    for PendingWindow { partition_by, order_by, call } in windows {
        let same = |(partition, order, _): &&mut (Vec<Expr>, Vec<SortItem>, Vec<WindowCall>)| {
            *partition == partition_by && *order == order_by
        };
        match groups.iter_mut().find(same) {
            Some((_, _, calls)) => calls.push(call),
            None => groups.push((partition_by, order_by, vec![call])),
        }
    }
    for (partition_by, order_by, calls) in groups {
        plan = Plan::Window(Box::new(Window { input: plan, partition_by, order_by, calls }));
    }
    plan
}

/// An integer literal, which stands for a select item in `GROUP BY` and `ORDER BY`.
pub(super) fn ordinal(expr: &ast::Expr) -> Option<i64> {
    match &expr.kind {
        ast::ExprKind::Integer(text) => text.parse().ok(),
        _ => None,
    }
}

pub(super) fn nth(items: &[Selected], ordinal: i64, clause: &str, at: Offset) -> Result<Expr> {
    let index = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
    match index.and_then(|index| items.get(index)) {
        Some(item) => Ok(Expr { at, ..item.value.clone() }),
        None => Err(out_of_range(clause, ordinal, at)),
    }
}

/// `GROUP BY 7` of a shorter select list.
pub(super) fn out_of_range(clause: &str, ordinal: i64, at: Offset) -> SqlError {
    let text = match (clause, ordinal) {
        ("ORDER BY", ..=0) => format!(
            "ORDER BY column number item is out of range. Column numbers must be greater than or equal to one. Found : {ordinal}"
        ),
        _ => format!("{clause} is out of SELECT column number range: {ordinal}"),
    };
    SqlError::at(at, text)
}

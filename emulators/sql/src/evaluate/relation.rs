//! The nodes of a plan, apart from joins, grouping and windows.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::{Common, Evaluator, Registers, Row, Sink};
use crate::error::{Result, SqlError};
use crate::limits::RECURSION_STEPS_MAX;
use crate::resolved::{ColumnId, CommonTable, Expr, Plan, Recursion, Scan, SortItem, Unnest};
use crate::value::{GroupKey, Value, compare};

const GO_ON: Result<ControlFlow<()>> = Ok(ControlFlow::Continue(()));

impl<'p> Evaluator<'p> {
    /// Gives every row of a plan to the sink, until it has enough.
    pub(crate) fn run(
        &self,
        plan: &'p Plan,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        match plan {
            Plan::OneRow => sink(row),
            Plan::Scan(scan) => self.scan(scan, row, sink),
            Plan::CommonTable { number, columns } => {
                let rows = self.common_rows(*number, row)?;
                emit(&rows, columns, row, sink)
            }
            Plan::With { tables, body } => {
                for table in tables {
                    self.common.borrow_mut()[table.number] = Common::Pending(table);
                }
                self.run(body, row, sink)
            }
            Plan::Filter { input, predicate } => {
                self.run(input, row, &mut |row| match self.eval(predicate, row)?.is_true() {
                    true => sink(row),
                    false => GO_ON,
                })
            }
            Plan::Project { input, computed } => self.run(input, row, &mut |row| {
                for (id, value) in computed {
                    let value = self.eval(value, row)?;
                    row.set(*id, value);
                }
                sink(row)
            }),
            Plan::Join(join) => self.join(join, row, sink),
            Plan::Unnest(unnest) => {
                self.run(&unnest.input, row, &mut |row| self.unnest(unnest, row, sink))
            }
            Plan::Aggregate(aggregate) => self.aggregate(aggregate, row, sink),
            Plan::Window(window) => self.window(window, row, sink),
            Plan::Sort { input, items } => self.sort(input, items, None, row, sink),
            Plan::Limit { input, limit, offset } => {
                self.limit(input, limit.as_ref(), offset.as_ref(), row, sink)
            }
            Plan::Distinct { input, columns } => {
                let mut seen: HashSet<Vec<GroupKey>> = HashSet::new();
                self.run(input, row, &mut |row| match seen.insert(group_key(row, columns)) {
                    true => sink(row),
                    false => GO_ON,
                })
            }
            Plan::SetOperation(operation) => self.set_operation(operation, row, sink),
            Plan::Sample { input, percent } => self.sample(input, percent, row, sink),
            Plan::Assert { input, condition, payload } => self.run(input, row, &mut |row| {
                if self.eval(condition, row)?.is_true() {
                    return sink(row);
                }
                let mut text = "Assert failed".to_owned();
                for value in payload {
                    let shown = self.eval(value, row)?;
                    text += &format!(
                        ": {}",
                        crate::value::text::display(&shown, &value.expr_type, self.session)
                    );
                }
                Err(SqlError::evaluation(text))
            }),
            Plan::Sessionize(sessionize) => self.sessionize(sessionize, row, sink),
        }
    }

    fn scan(&self, scan: &'p Scan, row: &mut Registers, sink: Sink<'_>) -> Result<ControlFlow<()>> {
        let columns: Vec<usize> = scan.columns.iter().map(|(index, _)| *index).collect();
        let mut flow = ControlFlow::Continue(());
        self.catalog.scan(
            &scan.table,
            scan.at_micros,
            &columns,
            &scan.bounds,
            &mut |number, values| {
                self.session.go_on()?;
                for ((_, id), value) in scan.columns.iter().zip(values) {
                    row.set(*id, std::mem::take(value));
                }
                if let Some(id) = scan.row_number {
                    row.set(id, Value::Int64(i64::try_from(number).unwrap_or(i64::MAX)));
                }
                flow = sink(row)?;
                Ok(flow)
            },
        )?;
        Ok(flow)
    }

    // ---- common tables ----

    fn common_rows(&self, number: usize, row: &mut Registers) -> Result<Rc<Vec<Row>>> {
        let known = self.common.borrow()[number].clone();
        let table = match known {
            Common::Rows(rows) => return Ok(rows),
            Common::Pending(table) => table,
            Common::Unknown => {
                return Err(SqlError::evaluation("a common table was read before it was defined"));
            }
        };
        let rows = match &table.recursion {
            None => self.collect(&table.plan, row, &table.columns)?,
            Some(recursion) => self.recurse(table, recursion, row)?,
        };
        let rows = Rc::new(rows);
        self.common.borrow_mut()[number] = Common::Rows(Rc::clone(&rows));
        Ok(rows)
    }

    /// The base, then steps over what the step before gave, until one gives nothing.
    fn recurse(
        &self,
        table: &'p CommonTable,
        recursion: &'p Recursion,
        row: &mut Registers,
    ) -> Result<Vec<Row>> {
        let mut seen: HashSet<Vec<GroupKey>> = HashSet::new();
        let mut fresh = |rows: Vec<Row>| -> Vec<Row> {
            if !recursion.distinct {
                return rows;
            }
            rows.into_iter()
                .filter(|row| seen.insert(row.iter().cloned().map(GroupKey).collect()))
                .collect()
        };
        let with_depth = |rows: &[Row], depth: usize| -> Vec<Row> {
            match &recursion.depth {
                None => rows.to_vec(),
                Some((low, high)) => {
                    let depth = i64::try_from(depth).unwrap_or(i64::MAX);
                    if depth < *low || high.is_some_and(|high| depth > high) {
                        return Vec::new();
                    }
                    let extended = rows
                        .iter()
                        .map(|row| row.iter().cloned().chain([Value::Int64(depth)]).collect());
                    extended.collect()
                }
            }
        };
        let mut step = fresh(self.collect(&table.plan, row, &table.columns)?);
        let mut all = with_depth(&step, 0);
        for depth in 1.. {
            let is_deep_enough = recursion.depth.is_some_and(|(_, high)| {
                high.is_some_and(|high| i64::try_from(depth).is_ok_and(|depth| depth > high))
            });
            if step.is_empty() || is_deep_enough {
                break;
            }
            if depth > RECURSION_STEPS_MAX {
                let text = format!(
                    "A recursive CTE has reached the maximum number of iterations: {RECURSION_STEPS_MAX}"
                );
                return Err(SqlError::evaluation(text));
            }
            let visible = match recursion.depth {
                None => step,
                Some(_) => {
                    let before = i64::try_from(depth - 1).unwrap_or(i64::MAX);
                    step.iter()
                        .map(|row| row.iter().cloned().chain([Value::Int64(before)]).collect())
                        .collect()
                }
            };
            self.common.borrow_mut()[table.number] = Common::Rows(Rc::new(visible));
            // Subqueries remember nothing of the step before.
            self.remembered.borrow_mut().clear();
            step = fresh(self.collect(&recursion.plan, row, &recursion.columns)?);
            all.extend(with_depth(&step, depth));
        }
        Ok(all)
    }

    // ---- arrays ----

    pub(super) fn unnest(
        &self,
        unnest: &'p Unnest,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut arrays = Vec::with_capacity(unnest.arrays.len());
        for array in &unnest.arrays {
            arrays.push(self.eval(&array.array, row)?);
        }
        let length = arrays
            .iter()
            .map(|array| array.as_array().unwrap_or_default().len())
            .max()
            .unwrap_or(0);
        let mut matched = false;
        for index in 0..length {
            self.session.go_on()?;
            for (array, values) in unnest.arrays.iter().zip(&arrays) {
                let element = values
                    .as_array()
                    .and_then(|values| values.get(index))
                    .cloned()
                    .unwrap_or_default();
                set_element(row, array.element, &array.fields, element);
            }
            if let Some(offset) = unnest.offset {
                row.set(offset, Value::Int64(i64::try_from(index).unwrap_or(i64::MAX)));
            }
            if let Some(condition) = &unnest.condition
                && !self.eval(condition, row)?.is_true()
            {
                continue;
            }
            matched = true;
            if sink(row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if matched || !unnest.outer {
            return GO_ON;
        }
        for array in &unnest.arrays {
            set_element(row, array.element, &array.fields, Value::Null);
        }
        if let Some(offset) = unnest.offset {
            row.set(offset, Value::Null);
        }
        sink(row)
    }

    // ---- order ----

    fn sort(
        &self,
        input: &'p Plan,
        items: &'p [SortItem],
        at_most: Option<usize>,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let ids = input.outputs();
        let mut rows: Vec<(Row, Row)> = Vec::new();
        let by_keys = |left: &(Row, Row), right: &(Row, Row)| order(items, &left.0, &right.0);
        let _flow = self.run(input, row, &mut |row| {
            let keys =
                items.iter().map(|item| self.eval(&item.value, row)).collect::<Result<Row>>()?;
            rows.push((keys, row.keep(&ids)));
            // With a limit only the first rows are kept: a batch is sorted and cut when it has doubled.
            if let Some(at_most) = at_most
                && rows.len() >= (at_most * 2).max(1024)
            {
                rows.sort_by(by_keys);
                rows.truncate(at_most);
            }
            GO_ON
        })?;
        rows.sort_by(by_keys);
        for (_, kept) in &rows {
            row.restore(&ids, kept);
            if sink(row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        GO_ON
    }

    fn limit(
        &self,
        input: &'p Plan,
        limit: Option<&'p Expr>,
        offset: Option<&'p Expr>,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let count =
            |expr: Option<&'p Expr>, default: usize, row: &mut Registers| -> Result<usize> {
                match expr.map(|expr| self.eval(expr, row)).transpose()? {
                    None => Ok(default),
                    Some(Value::Int64(count)) if count >= 0 => {
                        Ok(usize::try_from(count).unwrap_or(usize::MAX))
                    }
                    Some(Value::Null) => {
                        Err(SqlError::evaluation("Limit requires non-null count and offset"))
                    }
                    Some(_) => {
                        Err(SqlError::evaluation("Limit requires non-negative count and offset"))
                    }
                }
            };
        let mut skip = count(offset, 0, row)?;
        let mut left = count(limit, usize::MAX, row)?;
        if left == 0 {
            return GO_ON;
        }
        let mut is_done_by_sink = false;
        let mut limited = |row: &mut Registers| {
            if skip > 0 {
                skip -= 1;
                return GO_ON;
            }
            left -= 1;
            if sink(row)?.is_break() {
                is_done_by_sink = true;
                return Ok(ControlFlow::Break(()));
            }
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let at_most = count(limit, usize::MAX, &mut Registers::default())
            .ok()
            .filter(|_| is_literal(limit) && is_literal(offset));
        let _flow = match (input, at_most) {
            (Plan::Sort { input, items }, Some(at_most)) if at_most < usize::MAX => {
                let skipped = count(offset, 0, row)?;
                self.sort(input, items, Some(at_most.saturating_add(skipped)), row, &mut limited)?
            }
            _ => self.run(input, row, &mut limited)?,
        };
        Ok(if is_done_by_sink { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

fn is_literal(expr: Option<&Expr>) -> bool {
    expr.is_none_or(|expr| expr.as_literal().is_some())
}

fn set_element(row: &mut Registers, element: ColumnId, fields: &[(usize, ColumnId)], value: Value) {
    for (index, id) in fields {
        let field =
            value.as_struct().and_then(|fields| fields.get(*index)).cloned().unwrap_or_default();
        row.set(*id, field);
    }
    row.set(element, value);
}

/// Gives kept rows to a sink.
pub(super) fn emit(
    rows: &[Row],
    ids: &[ColumnId],
    row: &mut Registers,
    sink: Sink<'_>,
) -> Result<ControlFlow<()>> {
    for kept in rows {
        row.restore(ids, kept);
        if sink(row)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    GO_ON
}

pub(super) fn group_key(row: &Registers, ids: &[ColumnId]) -> Vec<GroupKey> {
    ids.iter().map(|id| GroupKey(row.get(*id).clone())).collect()
}

/// The order of two rows by their keys.
pub(super) fn order(items: &[SortItem], left: &[Value], right: &[Value]) -> std::cmp::Ordering {
    for ((item, left), right) in items.iter().zip(left).zip(right) {
        let order = match (left.is_null(), right.is_null()) {
            (true, true) => continue,
            (true, false) if item.nulls_first => std::cmp::Ordering::Less,
            (true, false) => std::cmp::Ordering::Greater,
            (false, true) if item.nulls_first => std::cmp::Ordering::Greater,
            (false, true) => std::cmp::Ordering::Less,
            (false, false) if item.descending => compare(right, left),
            (false, false) => compare(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
    std::cmp::Ordering::Equal
}

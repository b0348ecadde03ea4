//! Set operations, samples and sessions of ranges.

use super::relation::{emit, group_key};
use super::{Evaluator, Registers, Row, Sink};
use crate::ast::SetOperator;
use crate::error::{Result, SqlError};
use crate::resolved::{ColumnId, Expr, Plan, Sessionize, SetOperation};
use crate::value::{GroupKey, Value, compare};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

const GO_ON: Result<ControlFlow<()>> = Ok(ControlFlow::Continue(()));

impl<'p> Evaluator<'p> {
    pub(super) fn set_operation(
        &self,
        operation: &'p SetOperation,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        if operation.operator == SetOperator::Union {
            let mut seen: HashSet<Vec<GroupKey>> = HashSet::new();
            for (input, ids) in &operation.inputs {
                let flow = self.run(input, row, &mut |row| {
                    let values = row.keep(ids);
                    row.restore(&operation.columns, &values);
                    if operation.distinct
                        && !seen.insert(values.into_iter().map(GroupKey).collect())
                    {
                        return GO_ON;
                    }
                    sink(row)
                })?;
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            return GO_ON;
        }
        // Rows of the left side in their order, with how often each is left over.
        let [(first, first_ids), rest @ ..] = &operation.inputs[..] else { return GO_ON };
        let mut rows: Vec<Row> = self.collect(first, row, first_ids)?;
        for (input, ids) in rest {
            let mut counts: HashMap<Vec<GroupKey>, usize> = HashMap::new();
            for other in self.collect(input, row, ids)? {
                *counts.entry(other.into_iter().map(GroupKey).collect()).or_default() += 1;
            }
            let mut given: HashSet<Vec<GroupKey>> = HashSet::new();
            rows.retain(|row| {
                let key: Vec<GroupKey> = row.iter().cloned().map(GroupKey).collect();
                let left = counts.get_mut(&key);
                let is_there = left.as_ref().is_some_and(|count| **count > 0);
                let keep = (operation.operator == SetOperator::Intersect) == is_there;
                if operation.distinct {
                    return keep && given.insert(key);
                }
                if let Some(count) = left {
                    *count = count.saturating_sub(1);
                }
                keep
            });
        }
        emit(&rows, &operation.columns, row, sink)
    }

    pub(super) fn sample(
        &self,
        input: &'p Plan,
        percent: &'p Expr,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let percent = self.eval(percent, row)?.as_float64().unwrap_or(0.0);
        if !(0.0..=100.0).contains(&percent) {
            return Err(SqlError::evaluation("TABLESAMPLE percent must be between 0 and 100"));
        }
        self.run(input, row, &mut |row| {
            #[expect(clippy::cast_precision_loss, reason = "53 bits of it")]
            let drawn = (self.session.random() >> 11) as f64 / (1_u64 << 53) as f64;
            match drawn * 100.0 < percent {
                true => sink(row),
                false => GO_ON,
            }
        })
    }

    /// Ranges of one partition that overlap or meet, in order of their starts, are one session.
    pub(super) fn sessionize(
        &self,
        sessionize: &'p Sessionize,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let ids: Vec<ColumnId> = sessionize.columns.iter().map(|(from, _)| *from).collect();
        let outputs: Vec<ColumnId> = sessionize.columns.iter().map(|(_, to)| *to).collect();
        let mut partitions: indexmap::IndexMap<Vec<GroupKey>, Vec<(Value, Row)>> =
            indexmap::IndexMap::new();
        let _flow = self.run(&sessionize.input, row, &mut |row| {
            let key = group_key(row, &sessionize.partition);
            partitions
                .entry(key)
                .or_default()
                .push((row.get(sessionize.range).clone(), row.keep(&ids)));
            GO_ON
        })?;
        for rows in partitions.values_mut() {
            rows.sort_by(|left, right| compare(&left.0, &right.0));
            let sessions = sessions(rows.iter().map(|(range, _)| range), sessionize.meets);
            for ((_, kept), session) in rows.iter().zip(sessions) {
                row.restore(&outputs, kept);
                row.set(sessionize.session, session);
                if sink(row)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        GO_ON
    }
}

/// For each of the ordered ranges the session that it falls into.
fn sessions<'v>(ranges: impl Iterator<Item = &'v Value>, meets: bool) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut first_of_session = 0;
    let mut open: Option<[Value; 2]> = None;
    let close = |out: &mut Vec<Value>, from: usize, open: &Option<[Value; 2]>| {
        if let Some(open) = open {
            let session = Value::Range(open.clone().into());
            out[from..].iter_mut().for_each(|slot| *slot = session.clone());
        }
    };
    for range in ranges {
        let Value::Range(ends) = range else {
            out.push(Value::Null);
            first_of_session = out.len();
            continue;
        };
        // NULL is unbounded: at the end larger, at the start smaller than everything.
        let joins = open.as_ref().is_some_and(|open| match (&open[1], &ends[0]) {
            (Value::Null, _) | (_, Value::Null) => true,
            (end, start) => {
                let order = compare(start, end);
                order.is_lt() || meets && order.is_eq()
            }
        });
        match (&mut open, joins) {
            (Some(open), true) => {
                let is_later = !open[1].is_null()
                    && (ends[1].is_null() || compare(&ends[1], &open[1]).is_gt());
                if is_later {
                    open[1] = ends[1].clone();
                }
            }
            _ => {
                close(&mut out, first_of_session, &open);
                first_of_session = out.len();
                open = Some([ends[0].clone(), ends[1].clone()]);
            }
        }
        out.push(Value::Null);
    }
    close(&mut out, first_of_session, &open);
    out
}

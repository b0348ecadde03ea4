//! Joins: the right side is kept, by its keys where there are any, and the left side goes past it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Evaluator, Registers, Row, Sink};
use crate::error::Result;
use crate::resolved::{Join, JoinType};
use crate::value::{GroupKey, Value};

impl<'p> Evaluator<'p> {
    pub(super) fn join(
        &self,
        join: &'p Join,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let left_ids = join.left.outputs();
        let right_ids = join.right.outputs();
        let mut right: Vec<Row> = Vec::new();
        let mut by_key: HashMap<Vec<GroupKey>, Vec<usize>> = HashMap::new();
        let _flow = self.run(&join.right, row, &mut |row| {
            if !join.keys.is_empty() {
                let mut key = Vec::with_capacity(join.keys.len());
                for (_, expr) in &join.keys {
                    key.push(GroupKey(self.eval(expr, row)?));
                }
                // A NULL equals nothing, nor does NaN; the row may still stand for itself in an outer join.
                if key.iter().all(|value| can_equal(&value.0)) {
                    by_key.entry(key).or_default().push(right.len());
                }
            }
            right.push(row.keep(&right_ids));
            Ok(ControlFlow::Continue(()))
        })?;
        let keeps_left = matches!(join.join_type, JoinType::Left | JoinType::Full);
        let keeps_right = matches!(join.join_type, JoinType::Right | JoinType::Full);
        if right.is_empty() && !keeps_left {
            return Ok(ControlFlow::Continue(()));
        }
        let mut matched = vec![false; if keeps_right { right.len() } else { 0 }];
        let everything: Vec<usize> = match join.keys.is_empty() {
            true => (0..right.len()).collect(),
            false => Vec::new(),
        };
        let flow = self.run(&join.left, row, &mut |row| {
            self.session.go_on()?;
            let candidates: &[usize] = if join.keys.is_empty() {
                &everything
            } else {
                let mut key = Vec::with_capacity(join.keys.len());
                for (expr, _) in &join.keys {
                    key.push(GroupKey(self.eval(expr, row)?));
                }
                by_key.get(&key).map(Vec::as_slice).unwrap_or_default()
            };
            let mut found = false;
            for &index in candidates {
                row.restore(&right_ids, &right[index]);
                if let Some(condition) = &join.condition
                    && !self.eval(condition, row)?.is_true()
                {
                    continue;
                }
                found = true;
                if keeps_right {
                    matched[index] = true;
                }
                if sink(row)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if !found && keeps_left {
                right_ids.iter().for_each(|id| row.set(*id, Value::Null));
                return sink(row);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if flow.is_break() || !keeps_right {
            return Ok(flow);
        }
        left_ids.iter().for_each(|id| row.set(*id, Value::Null));
        for (kept, _) in right.iter().zip(&matched).filter(|(_, matched)| !**matched) {
            row.restore(&right_ids, kept);
            if sink(row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn can_equal(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Float64(value) => !value.is_nan(),
        Value::Struct(fields) => fields.iter().all(can_equal),
        _ => true,
    }
}

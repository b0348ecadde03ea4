//! Analytic calls: the rows of all partitions, in the order of the window, and each call over them.

use std::ops::ControlFlow;

use super::relation::order;
use super::{Evaluator, Registers, Row, Sink};
use crate::ast::NullTreatment;
use crate::error::Result;
use crate::functions::{AggregateNulls, Call, Partition, window_rules};
use crate::resolved::{AggregateKind, Window, WindowCall, WindowKind};
use crate::sql_type::Type;
use crate::value::{Value, compare};
use crate::window::{FoldedRows, OrderKey, aggregate_over_frames, frames, peers};

/// A row with everything that the window needs of it.
struct Kept {
    partition: Row,
    keys: Row,
    /// Arguments by call.
    args: Vec<Row>,
    row: Row,
}

impl<'p> Evaluator<'p> {
    pub(super) fn window(
        &self,
        window: &'p Window,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let ids = window.input.outputs();
        let mut rows: Vec<Kept> = Vec::new();
        let _flow = self.run(&window.input, row, &mut |row| {
            let partition = window
                .partition_by
                .iter()
                .map(|value| self.eval(value, row))
                .collect::<Result<Row>>()?;
            let keys = window
                .order_by
                .iter()
                .map(|item| self.eval(&item.value, row))
                .collect::<Result<Row>>()?;
            let mut args = Vec::with_capacity(window.calls.len());
            for call in &window.calls {
                args.push(
                    call.args.iter().map(|arg| self.eval(arg, row)).collect::<Result<Row>>()?,
                );
            }
            rows.push(Kept { partition, keys, args, row: row.keep(&ids) });
            Ok(ControlFlow::Continue(()))
        })?;
        let by_partition = |left: &Kept, right: &Kept| {
            let mut pairs = left.partition.iter().zip(&right.partition);
            pairs
                .find_map(|(left, right)| Some(compare(left, right)).filter(|order| order.is_ne()))
                .unwrap_or(std::cmp::Ordering::Equal)
        };
        rows.sort_by(|left, right| {
            by_partition(left, right).then_with(|| order(&window.order_by, &left.keys, &right.keys))
        });
        for partition in rows.chunk_by(|left, right| by_partition(left, right).is_eq()) {
            let results = self.partition(window, partition)?;
            for (index, kept) in partition.iter().enumerate() {
                row.restore(&ids, &kept.row);
                for (call, values) in window.calls.iter().zip(&results) {
                    row.set(call.column, values[index].clone());
                }
                if sink(row)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The values of every call for the rows of one partition.
    fn partition(&self, window: &'p Window, rows: &[Kept]) -> Result<Vec<Vec<Value>>> {
        let keys: Vec<Vec<Value>> = (0..window.order_by.len())
            .map(|index| rows.iter().map(|kept| kept.keys[index].clone()).collect())
            .collect();
        let order_keys: Vec<OrderKey<'_>> = keys
            .iter()
            .zip(&window.order_by)
            .map(|(values, item)| OrderKey { values, descending: item.descending })
            .collect();
        let peers = peers(rows.len(), &keys);
        let mut results = Vec::with_capacity(window.calls.len());
        for (index, call) in window.calls.iter().enumerate() {
            let args: Vec<Vec<Value>> = (0..call.args.len())
                .map(|arg| rows.iter().map(|kept| kept.args[index][arg].clone()).collect())
                .collect();
            let frames = frames(&call.frame, &peers, &order_keys)?;
            results.push(self.window_values(call, rows.len(), &args, &peers, &frames)?);
        }
        Ok(results)
    }

    fn window_values(
        &self,
        call: &'p WindowCall,
        rows: usize,
        args: &[Vec<Value>],
        peers: &[(usize, usize)],
        frames: &[(usize, usize)],
    ) -> Result<Vec<Value>> {
        let types: Vec<Type> = call.args.iter().map(|arg| arg.expr_type.clone()).collect();
        let described = Call { session: self.session, args: &types };
        match &call.kind {
            WindowKind::Analytic { function, .. } => {
                let by_default = window_rules(function.name).nulls == Some(NullTreatment::Ignore);
                let ignore_nulls = call.ignore_nulls || !call.respect_nulls && by_default;
                let partition = Partition { rows, args, peers, frames, ignore_nulls };
                (function.call)(&described, &partition)
            }
            WindowKind::Aggregate(AggregateKind::BuiltIn { function, .. }) => {
                let skip_nulls = function.nulls == AggregateNulls::Skipped || call.ignore_nulls;
                let rows = FoldedRows { args, skip_nulls, distinct: call.distinct };
                aggregate_over_frames(function, &described, rows, frames)
            }
        }
    }
}

//! Aggregates over frames. Frames that grow at their end feed one accumulator row by row, equal
//! frames share a result, all others are added up anew.

use std::collections::HashSet;

use crate::error::Result;
use crate::functions::{Accumulator, AggregateFunction, Call};
use crate::value::{GroupKey, Value};

/// The rows that an aggregate over frames sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoldedRows<'a> {
    /// Arguments by argument and row.
    pub(crate) args: &'a [Vec<Value>],
    /// Rows with a NULL among the arguments are left out.
    pub(crate) skip_nulls: bool,
    /// Of rows with equal arguments in a frame only the first counts.
    pub(crate) distinct: bool,
}

/// The aggregate of each frame, in the order of the frames.
pub(crate) fn aggregate_over_frames(
    function: &AggregateFunction,
    call: &Call<'_>,
    rows: FoldedRows<'_>,
    frames: &[(usize, usize)],
) -> Result<Vec<Value>> {
    let begin = |first| Fold {
        rows,
        accumulator: (function.make)(call),
        seen: HashSet::new(),
        scratch: Vec::with_capacity(rows.args.len()),
        first,
        past_last: first,
    };
    let mut results = Vec::with_capacity(frames.len());
    let mut fold = begin(0);
    let mut last: Option<((usize, usize), Value)> = None;
    for (first, past_last) in frames.iter().copied() {
        // All empty frames are one, wherever they lie.
        let frame = if first < past_last { (first, past_last) } else { (0, 0) };
        let result = match &last {
            Some((same, result)) if *same == frame => result.clone(),
            _ if frame == (0, 0) => begin(0).accumulator.result(call)?,
            _ => {
                if fold.first != frame.0 || fold.past_last > frame.1 {
                    fold = begin(frame.0);
                }
                fold.grow(call, frame.1)?;
                fold.accumulator.result(call)?
            }
        };
        last = Some((frame, result.clone()));
        results.push(result);
    }
    Ok(results)
}

struct Fold<'a> {
    rows: FoldedRows<'a>,
    accumulator: Box<dyn Accumulator>,
    seen: HashSet<Vec<GroupKey>>,
    scratch: Vec<Value>,
    first: usize,
    past_last: usize,
}

impl Fold<'_> {
    fn grow(&mut self, call: &Call<'_>, past_last: usize) -> Result<()> {
        for row in self.past_last..past_last {
            self.scratch.clear();
            self.scratch.extend(self.rows.args.iter().map(|column| column[row].clone()));
            let skipped = self.rows.skip_nulls && self.scratch.iter().any(Value::is_null);
            if !skipped && self.is_new() {
                self.accumulator.add(call, &self.scratch)?;
            }
        }
        self.past_last = past_last;
        Ok(())
    }

    fn is_new(&mut self) -> bool {
        !self.rows.distinct || {
            self.seen.insert(self.scratch.iter().cloned().map(GroupKey).collect())
        }
    }
}

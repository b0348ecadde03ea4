//! Windows over a partition that is already in order: which rows are peers, which rows a row's
//! frame holds, and aggregates over frames. Rows are counted from 0; a range of rows is its first
//! and one past its last, and an empty one begins where it ends.

mod fold;
mod range;

pub(crate) use fold::{FoldedRows, aggregate_over_frames};

use std::cmp::Ordering;

use crate::error::{Result, SqlError};
use crate::value::{Value, compare};

/// A frame with its offsets evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) unit: FrameUnit,
    pub(crate) start: FrameBound,
    pub(crate) end: FrameBound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameUnit {
    /// Bounds count rows.
    Rows,
    /// Bounds are values of the order's key, and peers stay together.
    Range,
}

/// An end of a frame. Offsets are INT64 for rows and of the key's type for ranges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FrameBound {
    UnboundedPreceding,
    Preceding(Value),
    CurrentRow,
    Following(Value),
    UnboundedFollowing,
}

/// A key that the partition is ordered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderKey<'a> {
    /// By row, in the order of the window.
    pub(crate) values: &'a [Value],
    pub(crate) descending: bool,
}

/// For each row its peers, by the values of the order's keys by key and row. Without keys all rows
/// are.
pub(crate) fn peers(rows: usize, order_keys: &[Vec<Value>]) -> Vec<(usize, usize)> {
    let mut peers = Vec::with_capacity(rows);
    let mut first = 0;
    for row in 1..=rows {
        let same = row < rows
            && order_keys.iter().all(|key| compare(&key[first], &key[row]) == Ordering::Equal);
        if !same {
            peers.resize(row, (first, row));
            first = row;
        }
    }
    peers
}

/// For each row its frame, given its peers and the keys of the order.
pub(crate) fn frames(
    frame: &Frame,
    peers: &[(usize, usize)],
    order_keys: &[OrderKey<'_>],
) -> Result<Vec<(usize, usize)>> {
    let starts = bounds(frame.unit, &frame.start, Side::Start, peers, order_keys)?;
    let ends = bounds(frame.unit, &frame.end, Side::End, peers, order_keys)?;
    let ranges = starts.into_iter().zip(ends);
    Ok(ranges.map(|(start, end)| if start < end { (start, end) } else { (start, start) }).collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Start,
    End,
}

/// For each row the first row of its frame, or one past the last.
fn bounds(
    unit: FrameUnit,
    bound: &FrameBound,
    side: Side,
    peers: &[(usize, usize)],
    order_keys: &[OrderKey<'_>],
) -> Result<Vec<usize>> {
    let rows = peers.len();
    let past = usize::from(side == Side::End);
    let own = |(first, past_last): &(usize, usize)| match side {
        Side::Start => *first,
        Side::End => *past_last,
    };
    Ok(match (unit, bound) {
        (_, FrameBound::UnboundedPreceding) => vec![0; rows],
        (_, FrameBound::UnboundedFollowing) => vec![rows; rows],
        (FrameUnit::Rows, FrameBound::CurrentRow) => (past..rows + past).collect(),
        (FrameUnit::Rows, FrameBound::Preceding(offset)) => {
            let offset = count(offset)?;
            (0..rows).map(|row| (row + past).saturating_sub(offset)).collect()
        }
        (FrameUnit::Rows, FrameBound::Following(offset)) => {
            let offset = count(offset)?;
            (0..rows).map(|row| (row + past).saturating_add(offset).min(rows)).collect()
        }
        (FrameUnit::Range, FrameBound::CurrentRow) => peers.iter().map(own).collect(),
        (FrameUnit::Range, FrameBound::Preceding(offset)) => {
            range::bounds(offset, range::Direction::Preceding, side, peers, order_keys)?
        }
        (FrameUnit::Range, FrameBound::Following(offset)) => {
            range::bounds(offset, range::Direction::Following, side, peers, order_keys)?
        }
    })
}

/// An offset in rows.
fn count(offset: &Value) -> Result<usize> {
    match offset.as_int64() {
        None => Err(null_offset()),
        Some(offset) if offset < 0 => Err(negative_offset(&offset)),
        Some(offset) => Ok(usize::try_from(offset).unwrap_or(usize::MAX)),
    }
}

fn null_offset() -> SqlError {
    SqlError::evaluation("The boundary offset value cannot be null")
}

fn negative_offset(offset: &dyn std::fmt::Display) -> SqlError {
    SqlError::evaluation(format!(
        "Window frame offset for PRECEDING or FOLLOWING must be non-negative, but was {offset}"
    ))
}

#[cfg(test)]
mod tests;

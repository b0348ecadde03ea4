//! Frames of windows: which bounds go together and what an offset may be.

use super::Analyzer;
use super::coercion::{coerce_to, distance};
use crate::ast::{WindowFrame, WindowFrameBound, WindowFrameUnit};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Frame, FrameBound, FrameUnit, SortItem};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// The frame of a window; `at` is the window's place.
    pub(super) fn frame(
        &mut self,
        frame: Option<&WindowFrame>,
        order_by: &[SortItem],
        at: Offset,
    ) -> Result<Frame> {
        let Some(frame) = frame else {
            let end = match order_by.is_empty() {
                true => FrameBound::UnboundedFollowing,
                false => FrameBound::CurrentRow,
            };
            let start = FrameBound::UnboundedPreceding;
            return Ok(Frame { unit: FrameUnit::Range, start, end });
        };
        check_bounds(frame)?;
        let key = match frame.unit {
            WindowFrameUnit::Rows => None,
            WindowFrameUnit::Range => range_key(frame, order_by, at)?,
        };
        let start = self.bound(&frame.start, key.as_ref())?;
        let end = match &frame.end {
            Some(end) => self.bound(end, key.as_ref())?,
            None => FrameBound::CurrentRow,
        };
        let unit = match frame.unit {
            WindowFrameUnit::Rows => FrameUnit::Rows,
            WindowFrameUnit::Range => FrameUnit::Range,
        };
        Ok(Frame { unit, start, end })
    }

    /// `key` is the type of the only key of the order, of a range.
    fn bound(&mut self, bound: &WindowFrameBound, key: Option<&Type>) -> Result<FrameBound> {
        let (value, make): (_, fn(Value) -> FrameBound) = match bound {
            WindowFrameBound::UnboundedPreceding => return Ok(FrameBound::UnboundedPreceding),
            WindowFrameBound::CurrentRow => return Ok(FrameBound::CurrentRow),
            WindowFrameBound::UnboundedFollowing => return Ok(FrameBound::UnboundedFollowing),
            WindowFrameBound::Preceding(value) => (value, FrameBound::Preceding),
            WindowFrameBound::Following(value) => (value, FrameBound::Following),
        };
        let refused = |text: String| Err(SqlError::at(value.at, text));
        let offset = self.resolve(value)?;
        if offset.is_untyped_null() {
            return refused("Window framing expression cannot be NULL".to_owned());
        }
        let to = key.cloned().unwrap_or(Type::Int64);
        if distance(&offset, &to).is_none() {
            let found = &offset.expr_type;
            return refused(match key {
                None => format!(
                    "Window framing expression for ROWS can only be of integer type, but has type {found}"
                ),
                Some(key) => format!(
                    "Window framing expression has type {found} that cannot coerce to the type of the ORDER BY expression, which is {key}"
                ),
            });
        }
        let offset = coerce_to(self.session, offset, &to)?;
        let zero = match &to {
            Type::Float64 => Value::Float64(0.0),
            Type::Int64 => Value::Int64(0),
            other => crate::cast::cast(self.session, &Value::Int64(0), &Type::Int64, other)?,
        };
        match offset.as_literal() {
            None => refused("Window framing expression must be a literal or parameter".to_owned()),
            Some(Value::Null) => refused("Window framing expression cannot be NULL".to_owned()),
            Some(value) if crate::value::compare(value, &zero).is_lt() => {
                refused("Window framing expression cannot evaluate to a negative value".to_owned())
            }
            Some(value) => Ok(make(value.clone())),
        }
    }
}

fn is_offset(bound: &WindowFrameBound) -> bool {
    matches!(bound, WindowFrameBound::Preceding(_) | WindowFrameBound::Following(_))
}

/// Where a bound stands between the first and the last row.
fn rank(bound: &WindowFrameBound) -> (u8, &'static str) {
    match bound {
        WindowFrameBound::UnboundedPreceding => (0, "UNBOUNDED PRECEDING"),
        WindowFrameBound::Preceding(_) => (1, "OFFSET PRECEDING"),
        WindowFrameBound::CurrentRow => (2, "CURRENT ROW"),
        WindowFrameBound::Following(_) => (3, "OFFSET FOLLOWING"),
        WindowFrameBound::UnboundedFollowing => (4, "UNBOUNDED FOLLOWING"),
    }
}

/// A frame does not end before it starts.
fn check_bounds(frame: &WindowFrame) -> Result<()> {
    let refused = |text: String| Err(SqlError::at(frame.end_at, text));
    if matches!(frame.start, WindowFrameBound::UnboundedFollowing) {
        return Err(SqlError::at(
            frame.start_at,
            "Starting window framing expression cannot be UNBOUNDED FOLLOWING",
        ));
    }
    let Some(end) = &frame.end else {
        return match rank(&frame.start) {
            (3, name) => refused(format!(
                "Starting window framing expression cannot be {name} when the ending window framing expression is CURRENT ROW"
            )),
            _ => Ok(()),
        };
    };
    if matches!(end, WindowFrameBound::UnboundedPreceding) {
        return refused(
            "Ending window framing expression cannot be UNBOUNDED PRECEDING".to_owned(),
        );
    }
    let ((start_rank, start_name), (end_rank, end_name)) = (rank(&frame.start), rank(end));
    if start_rank <= end_rank {
        return Ok(());
    }
    refused(match start_rank {
        2 => format!(
            "Starting window framing expression cannot be {start_name} when the ending window framing expression is {end_name}"
        ),
        _ => format!(
            "Ending window framing expression cannot be {end_name} when the starting window framing expression is {start_name}"
        ),
    })
}

/// The type of the key that the offsets of a range are added to, if it has any.
fn range_key(frame: &WindowFrame, order_by: &[SortItem], at: Offset) -> Result<Option<Type>> {
    let has_offset = is_offset(&frame.start) || frame.end.as_ref().is_some_and(is_offset);
    let ends_here = |bound: &WindowFrameBound| matches!(bound, WindowFrameBound::CurrentRow);
    let text = match (has_offset, order_by) {
        (true, []) => "A RANGE-based window including an OFFSET PRECEDING or OFFSET FOLLOWING window frame boundary requires an ORDER BY".to_owned(),
        (true, [item]) if item.value.expr_type.is_numeric() => {
            return Ok(Some(item.value.expr_type.clone()));
        }
        (true, [item]) => format!(
            "ORDER BY key must be numeric in a RANGE-based window with OFFSET PRECEDING or OFFSET FOLLOWING boundaries, but has type {}",
            item.value.expr_type
        ),
        (true, _) => "A RANGE-based window with OFFSET PRECEDING or OFFSET FOLLOWING boundaries must have exactly one ORDER BY key".to_owned(),
        (false, []) if ends_here(&frame.start) || frame.end.as_ref().is_none_or(ends_here) => {
            "A RANGE-based window without ORDER BY cannot include a CURRENT ROW window frame boundary since all rows are included in the window frame. Remove the RANGE clause or use RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned()
        }
        _ => return Ok(None),
    };
    Err(SqlError::at(at, text))
}

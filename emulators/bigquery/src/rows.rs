//! Rows on their way in and out: cells from protobuf, JSON or SQL into Arrow columns, and Arrow columns as
//! REST's JSON or SQL's values. Invariant: a batch either has every row or is refused with the rows that are wrong.

mod cell;
pub(crate) mod decimal;
pub(crate) mod from_arrow;
pub mod from_json;
pub mod from_proto;
mod geography;
pub(crate) mod text;
pub mod to_json;
pub mod values;

pub(crate) use cell::fit;
pub use cell::{BatchBuilder, Cell, CellError};

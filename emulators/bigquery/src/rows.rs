//! Rows on their way in and out: cells from protobuf or JSON into Arrow columns, and Arrow columns as
//! REST's JSON. Invariant: a batch either has every row or is refused with the rows that are wrong.

mod cell;
pub mod from_json;
pub mod from_proto;
pub mod to_json;

pub use cell::{BatchBuilder, Cell, CellError};

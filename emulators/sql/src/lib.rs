//! GoogleSQL as BigQuery speaks it: lexer and parser, analyzer with a resolved tree in which every column
//! has an id, functions, and an evaluator over rows. Knows no server, no clock and no storage: tables come
//! in through a trait, time and entropy through the session.

#![allow(dead_code, unused_imports)]

mod ast;
mod calendar;
mod cast;
mod error;
mod functions;
mod geography;
mod json;
mod session;
mod sql_type;
mod value;
mod window;

pub use error::{Reason, Result, SqlError, line_and_column};
pub use geography::Geography;
pub use session::Session;
pub use sql_type::{StructField, Type};
pub use value::{BigNumeric, GroupKey, Interval, Numeric, Value, compare, equals};

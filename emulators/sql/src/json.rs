//! JSON: reading it strictly (the type JSON) and leniently (JSON text in a STRING), writing it, paths into
//! it, and the conversion of SQL values. Keys of a JSON value's objects are in order.

mod encode;
mod parse;
mod path;
mod read;
mod text;

pub(crate) use encode::{to_json_exact, to_json_string};
pub(crate) use parse::{WideNumbers, check_nesting, parse};
pub(crate) use path::{Dialect, LaxPath, Step, lax, steps, tokens};
pub(crate) use read::{Node, find};
pub(crate) use text::{compact, number_text, pretty, write_string};

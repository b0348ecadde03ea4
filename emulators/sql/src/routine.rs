//! Functions that are not built in.

use crate::error::{Result, SqlError};
use crate::resolved::Expr;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// A function in another language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForeignFunction {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) result: Type,
    pub(crate) code: String,
}

/// Calls a function in another language.
///
/// # Errors
/// There is no engine for the language.
pub(crate) fn call(
    function: &ForeignFunction,
    _values: &[Value],
    _args: &[Expr],
    _session: &Session,
) -> Result<Value> {
    Err(SqlError::not_implemented(format!("LANGUAGE {}", function.language)))
}

//! Functions that are not built in.

use crate::sql_type::Type;

/// A function in another language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForeignFunction {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) result: Type,
    pub(crate) code: String,
}

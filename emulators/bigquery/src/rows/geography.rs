//! GEOGRAPHY between the texts that columns hold and GoogleSQL's values. The values have no public text
//! form yet, so both ways are refused by name.

use windtunnel_sql::Geography;

use super::CellError;

/// A column's WKT as a value.
///
/// # Errors
/// Always, until values can be made from text.
pub(super) fn geography_of_text(_wkt: &str) -> Result<Geography, CellError> {
    Err(missing())
}

/// A value as WKT.
///
/// # Errors
/// Always, until values can be written as text.
pub(super) fn geography_to_text(_geography: &Geography) -> Result<String, CellError> {
    Err(missing())
}

fn missing() -> CellError {
    CellError::Invalid("GEOGRAPHY in SQL is not implemented by this emulator".to_owned())
}

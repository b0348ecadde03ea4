//! GEOGRAPHY between what clients write (WKT or GeoJSON), the WKT that columns hold and GoogleSQL's values.
//! Invariant: the WKT of a column is that of a value, so that it reads back as the same value.

use windtunnel_sql::Geography;

use super::CellError;

/// A client's text as a column holds it; nothing when it is no geography.
pub(super) fn normalized(text: &str) -> Option<String> {
    Geography::parse(text).ok().map(|geography| geography.to_string())
}

/// A column's WKT as a value.
///
/// # Errors
/// The column holds something else.
pub(super) fn geography_of_text(wkt: &str) -> Result<Geography, CellError> {
    Geography::restore(wkt).map_err(|error| CellError::Invalid(error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geographies_read_back() {
        for (text, expected) in [
            ("POINT(1 2)", Some("POINT(1 2)")),
            (" point (1.5  -2)", Some("POINT(1.5 -2)")),
            ("{\"type\":\"Point\",\"coordinates\":[1,2]}", Some("POINT(1 2)")),
            ("POINT(1)", None),
            ("{\"type\":\"Dot\"}", None),
            ("somewhere", None),
        ] {
            assert_eq!(normalized(text).as_deref(), expected, "{text}");
        }
        // Either way around is the same area, and it stays so.
        for ring in ["0 0, 2 0, 2 2, 0 0", "0 0, 2 2, 2 0, 0 0"] {
            let stored = normalized(&format!("POLYGON(({ring}))")).unwrap();
            let value = geography_of_text(&stored).unwrap();
            assert_eq!(value.to_string(), stored);
            assert_eq!(value, Geography::parse(&stored).unwrap());
        }
    }
}

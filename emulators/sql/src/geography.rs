//! `GEOGRAPHY` values.

/// A geography.
#[derive(Debug, Clone, PartialEq)]
pub struct Geography {
    /// Points of longitude and latitude, in degrees.
    pub points: Vec<(f64, f64)>,
}

//! `GEOGRAPHY` values: points, lines and polygons on the sphere, in degrees. A value is a set of shapes, and
//! its kind (`POINT`, `MULTIPOINT`, `GEOMETRYCOLLECTION` …) follows from what is in it.

mod wkt;

/// A place: longitude and latitude in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees to the east, from -180 to 180.
    pub longitude: f64,
    /// Degrees to the north, from -90 to 90.
    pub latitude: f64,
}

/// An area: rings of places, each with its first place at its end too. The first ring is the shell, which
/// goes around the area counterclockwise; the others are holes.
pub(crate) type Polygon = Vec<Vec<Point>>;

/// A geography.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geography {
    /// Its points.
    pub points: Vec<Point>,
    /// Its lines, of two or more places each.
    pub lines: Vec<Vec<Point>>,
    /// Its areas.
    pub polygons: Vec<Polygon>,
}

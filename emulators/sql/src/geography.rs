//! `GEOGRAPHY` values: points, lines and polygons on a sphere, in degrees; edges are shortest ways. A value is
//! a set of shapes, and its kind (`POINT`, `MULTIPOINT`, `GEOMETRYCOLLECTION` …) follows from what is in it.
//! Invariant: a shell goes counterclockwise around its area, a hole clockwise, and no ring repeats its first
//! place at its end.

mod buffer;
mod build;
mod cell;
mod geojson;
mod hull;
mod line;
mod measure;
mod overlay;
mod relate;
mod simplify;
mod tessellate;
mod vector;
mod wkb;
mod wkt;

pub(crate) use buffer::{Segments, buffer};
pub(crate) use build::{Reading, make_polygon};
pub(crate) use cell::{cell_id, geohash, point_of_geohash};
pub(crate) use geojson::{from_geojson, to_geojson};
pub(crate) use hull::convex_hull;
pub(crate) use line::{interpolate_line, locate_on_line, make_line, substring};
pub(crate) use measure::{
    Bounds, area, azimuth, bounds, centroid, closest_point, corner_angle, distance, intersects_box,
    length, max_distance, perimeter,
};
pub(crate) use overlay::{Operation, overlay, union_all};
pub(crate) use relate::Relation;
pub(crate) use simplify::{simplify, snap_to_grid};
pub(crate) use wkb::{from_wkb, to_wkb};
pub(crate) use wkt::from_wkt;

use crate::error::Result;

/// Meters from the middle of the sphere to its surface.
pub(crate) const EARTH_RADIUS_METERS: f64 = 6_371_010.0;

/// A place: longitude and latitude in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees to the east, from -180 to 180.
    pub longitude: f64,
    /// Degrees to the north, from -90 to 90.
    pub latitude: f64,
}

/// An area: its shell, then its holes.
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

impl Geography {
    /// One point.
    #[must_use]
    pub fn point(point: Point) -> Self {
        Self { points: vec![point], ..Self::default() }
    }

    /// Reads WKT or GeoJSON as a client writes it, who may write a ring either way around.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let function = "ST_GeogFromText";
        match text.trim_start().starts_with('{') {
            true => from_geojson(text, &Reading { function, oriented: false, planar: true }),
            false => from_wkt(text, &Reading { function, oriented: false, planar: false }),
        }
    }

    /// Reads what `to_string` wrote.
    ///
    /// # Errors
    /// It is something else.
    pub fn restore(text: &str) -> Result<Self> {
        from_wkt(text, &Reading { function: "ST_GeogFromText", oriented: true, planar: false })
    }

    /// One line.
    pub(crate) fn line(line: Vec<Point>) -> Self {
        Self { lines: vec![line], ..Self::default() }
    }

    /// One polygon.
    pub(crate) fn polygon(polygon: Polygon) -> Self {
        Self { polygons: vec![polygon], ..Self::default() }
    }

    /// Adds the shapes of another.
    pub(crate) fn append(&mut self, other: Self) {
        self.points.extend(other.points);
        self.lines.extend(other.lines);
        self.polygons.extend(other.polygons);
    }

    /// How many shapes there are.
    pub(crate) fn shape_count(&self) -> usize {
        self.points.len() + self.lines.len() + self.polygons.len()
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.shape_count() == 0
    }

    /// The dimension of the highest shape; -1 when empty.
    pub(crate) fn dimension(&self) -> i64 {
        match (self.polygons.is_empty(), self.lines.is_empty(), self.points.is_empty()) {
            (false, ..) => 2,
            (true, false, _) => 1,
            (true, true, false) => 0,
            (true, true, true) => -1,
        }
    }

    /// The only point of a geography that is one point.
    pub(crate) fn as_point(&self) -> Option<Point> {
        (self.shape_count() == 1).then(|| self.points.first().copied()).flatten()
    }

    /// The only line of a geography that is one line.
    pub(crate) fn as_line(&self) -> Option<&[Point]> {
        (self.shape_count() == 1).then(|| self.lines.first().map(Vec::as_slice)).flatten()
    }

    /// The only polygon of a geography that is one polygon.
    pub(crate) fn as_polygon(&self) -> Option<&Polygon> {
        (self.shape_count() == 1).then(|| self.polygons.first()).flatten()
    }

    /// The kind, as OGC names it.
    pub(crate) fn kind(&self) -> &'static str {
        let many = self.shape_count() > 1;
        match (self.points.is_empty(), self.lines.is_empty(), self.polygons.is_empty()) {
            (false, true, true) => {
                if many {
                    "MultiPoint"
                } else {
                    "Point"
                }
            }
            (true, false, true) => {
                if many {
                    "MultiLineString"
                } else {
                    "LineString"
                }
            }
            (true, true, false) => {
                if many {
                    "MultiPolygon"
                } else {
                    "Polygon"
                }
            }
            _ => "GeometryCollection",
        }
    }

    /// Each shape as a geography of its own.
    pub(crate) fn shapes(&self) -> Vec<Self> {
        let points = self.points.iter().copied().map(Self::point);
        let lines = self.lines.iter().cloned().map(Self::line);
        let polygons = self.polygons.iter().cloned().map(Self::polygon);
        points.chain(lines).chain(polygons).collect()
    }

    /// All places: points, and vertices in their order.
    pub(crate) fn vertices(&self) -> Vec<Point> {
        let rings = self.polygons.iter().flatten();
        let chains = self.lines.iter().chain(rings).flatten();
        self.points.iter().chain(chains).copied().collect()
    }
}

/// A ring with its first place at its end too.
pub(crate) fn closed(ring: &[Point]) -> Vec<Point> {
    ring.iter().chain(ring.first()).copied().collect()
}

#[cfg(test)]
mod tests;

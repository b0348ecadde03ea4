//! Geographies from places: what longitudes, latitudes, lines and rings must be, and which side of a ring is
//! its inside. All formats and constructors build through this.

use std::f64::consts::PI;

use super::tessellate::to_geodesics;
use super::vector::{Vector, normal, side, signed_area, vectors};
use super::{Geography, Point, Polygon};
use crate::error::{Result, SqlError};

/// How a text or bytes are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The function's name in errors.
    pub(crate) function: &'static str,
    /// Rings have their inside on the left; otherwise it is the smaller side.
    pub(crate) oriented: bool,
    /// Edges are straight on a map; otherwise they are shortest ways.
    pub(crate) planar: bool,
}

impl Reading {
    /// A place; longitudes go around, latitudes do not.
    pub(crate) fn point(&self, longitude: f64, latitude: f64) -> Result<Point> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(self.wrong(&format!(
                "Latitude must be between -90 and 90 degrees. Actual value was {latitude}"
            )));
        }
        if !longitude.is_finite() {
            return Err(
                self.wrong(&format!("Longitude must be finite. Actual value was {longitude}"))
            );
        }
        let longitude = if longitude.abs() <= 180.0 {
            longitude
        } else {
            longitude - (longitude / 360.0).round() * 360.0
        };
        // Adding a zero takes the sign off zeros.
        Ok(Point { longitude: longitude + 0.0, latitude: latitude + 0.0 })
    }

    /// A line; places that repeat count once, and a line of one place is a point.
    pub(crate) fn line(&self, places: Vec<Point>) -> Result<Geography> {
        if places.len() < 2 {
            return Err(self.wrong("A line must have at least two points"));
        }
        let mut places = if self.planar { to_geodesics(&places) } else { places };
        places.dedup();
        if let [place] = places[..] {
            return Ok(Geography::point(place));
        }
        self.check_edges(&vectors(&places))?;
        Ok(Geography::line(places))
    }

    /// A polygon of closed rings.
    pub(crate) fn polygon(&self, rings: Vec<Vec<Point>>) -> Result<Geography> {
        let mut polygon = Vec::new();
        for ring in rings {
            if ring.len() < 4 || ring.first() != ring.last() {
                return Err(self.wrong(
                    "Invalid polygon loop: A loop must have at least 3 different vertices, and its \
                     last vertex must be its first",
                ));
            }
            let mut ring = if self.planar { to_geodesics(&ring) } else { ring };
            ring.pop();
            polygon.push(ring);
        }
        polygon_of_rings(self, polygon).map(Geography::polygon)
    }

    /// The error of an input.
    pub(crate) fn wrong(&self, what: &str) -> SqlError {
        SqlError::evaluation(format!("{} failed: {what}", self.function))
    }

    fn check_edges(&self, chain: &[Vector]) -> Result<()> {
        for edge in chain.windows(2) {
            if (edge[0] + edge[1]).norm() < 1e-15 {
                return Err(self.wrong("An edge must span less than 180 degrees"));
            }
        }
        Ok(())
    }
}

/// A polygon of rings that do not repeat their first place.
pub(crate) fn polygon_of_rings(reading: &Reading, rings: Vec<Vec<Point>>) -> Result<Polygon> {
    let mut polygon = Vec::new();
    for (index, mut ring) in rings.into_iter().enumerate() {
        let loop_vectors = vectors(&ring);
        reading.check_edges(&loop_vectors)?;
        check_loop(reading, &loop_vectors)?;
        let area = signed_area(&loop_vectors);
        if reading.oriented && index == 0 && area < 0.0 {
            return Err(SqlError::not_implemented("a polygon larger than a hemisphere"));
        }
        if area < 0.0 {
            ring.reverse();
        }
        if index > 0 {
            ring.reverse();
        }
        polygon.push(ring);
    }
    Ok(polygon)
}

/// `ST_MAKEPOLYGON`: a shell and holes as lines, which are closed when they are not.
pub(crate) fn make_polygon(reading: &Reading, rings: &[&Geography]) -> Result<Geography> {
    let rings = rings.iter().map(|ring| {
        let Some(line) = ring.as_line() else {
            return Err(reading.wrong("Each input must be a single linestring"));
        };
        let open = if line.first() == line.last() { &line[..line.len() - 1] } else { line };
        if open.len() < 3 {
            return Err(reading
                .wrong("Invalid polygon loop: A loop must have at least 3 different vertices"));
        }
        Ok(open.to_vec())
    });
    let rings = rings.collect::<Result<Vec<_>>>()?;
    polygon_of_rings(reading, rings).map(Geography::polygon)
}

/// A ring must not repeat a place, nor cross itself.
fn check_loop(reading: &Reading, ring: &[Vector]) -> Result<()> {
    let wrong = |what: String| Err(reading.wrong(&format!("Invalid polygon loop: {what}")));
    let count = ring.len();
    let edge = |index: usize| (ring[index], ring[(index + 1) % count]);
    for first in 0..count {
        let (a, b) = edge(first);
        if a == b {
            return wrong(format!("Edge {first} is degenerate (duplicate vertex)"));
        }
        for second in first + 1..count {
            let (c, d) = edge(second);
            if a == c {
                return wrong(format!("Edge {first} has duplicate vertex with edge {second}"));
            }
            if crosses(a, b, c, d) {
                return wrong(format!("Edge {first} crosses edge {second}"));
            }
        }
    }
    if signed_area(ring).abs() > 2.0 * PI {
        return wrong("The loop is not simple".to_owned());
    }
    Ok(())
}

/// Whether two edges cross at a place that is inside of both.
pub(super) fn crosses(a: Vector, b: Vector, c: Vector, d: Vector) -> bool {
    if a == c || a == d || b == c || b == d {
        return false;
    }
    let (left, right) = (side(a, b, c), side(a, b, d));
    if left == 0 || right == 0 || left == right {
        return false;
    }
    let (below, above) = (side(c, d, a), side(c, d, b));
    // Great circles meet twice: the edges must meet on the same side of the sphere.
    below != 0 && above != 0 && below != above && crossing(a, b, c, d).dot(c + d) > 0.0
}

/// Where two edges that cross do so.
pub(super) fn crossing(a: Vector, b: Vector, c: Vector, d: Vector) -> Vector {
    let (first, second) = (normal(a, b), normal(c, d));
    let meeting = first.cross(second).normalize();
    if meeting.dot(a + b) < 0.0 { meeting.scale(-1.0) } else { meeting }
}

//! Edges that are straight on a map of longitudes and latitudes, and edges that are shortest ways: each as a
//! chain of the other with more places, until they are nowhere farther apart than the tolerance.

use super::vector::{chord2_of_angle, interpolate};
use super::{EARTH_RADIUS_METERS, Point};

/// How far apart the edges may be.
const TOLERANCE_METERS: f64 = 10.0;
/// The error of an edge is greatest near one of two fractions of it, or is in proportion to what it is there.
const FRACTION: f64 = 0.312_156_910_822_482_3;
/// That proportion.
const PROPORTION: f64 = 0.838_299_925_698_885_1;
/// Halving more often gains nothing.
const DEPTH_MAX: u32 = 24;

/// A chain with map edges as a chain of shortest ways.
pub(super) fn to_geodesics(chain: &[Point]) -> Vec<Point> {
    tessellate(chain, |a, b| wrap_into_range(middle(a, b, 0.5)))
}

/// A chain of shortest ways as a chain with map edges.
pub(super) fn to_map(chain: &[Point]) -> Vec<Point> {
    tessellate(chain, |a, b| (a.vector() + b.vector()).normalize().place())
}

fn tessellate(chain: &[Point], halve: impl Fn(Point, Point) -> Point) -> Vec<Point> {
    let mut result = chain.first().copied().into_iter().collect::<Vec<_>>();
    for edge in chain.windows(2) {
        add(edge[0], edge[1], &halve, DEPTH_MAX, &mut result);
    }
    result
}

fn add(
    a: Point,
    b: Point,
    halve: &impl Fn(Point, Point) -> Point,
    depth: u32,
    result: &mut Vec<Point>,
) {
    let tolerance = chord2_of_angle(PROPORTION * TOLERANCE_METERS / EARTH_RADIUS_METERS);
    if depth == 0 || a == b || error(a, b) <= tolerance {
        result.push(b);
        return;
    }
    let half = halve(a, b);
    add(a, half, halve, depth - 1, result);
    add(half, b, halve, depth - 1, result);
}

/// The squared chord between the two kinds of edges where they are farthest apart.
fn error(a: Point, b: Point) -> f64 {
    let (from, to) = (a.vector(), b.vector());
    if from.dot(to) < -1e-14 {
        return f64::INFINITY;
    }
    let at =
        |fraction: f64| interpolate(from, to, fraction).chord2(middle(a, b, fraction).vector());
    at(FRACTION).max(at(1.0 - FRACTION))
}

/// The place a fraction of the way on the map, the short way around.
fn middle(a: Point, b: Point, fraction: f64) -> Point {
    let mut east = b.longitude - a.longitude;
    if east.abs() > 180.0 {
        east -= (east / 360.0).round() * 360.0;
    }
    Point {
        longitude: a.longitude + fraction * east,
        latitude: a.latitude + fraction * (b.latitude - a.latitude),
    }
}

fn wrap_into_range(point: Point) -> Point {
    let longitude = point.longitude - (point.longitude / 360.0).round() * 360.0;
    if point.longitude.abs() <= 180.0 { point } else { Point { longitude, ..point } }
}

//! Lengths, areas, distances, angles, centers and bounds, in meters, radians and degrees.
//! Invariant: what is empty has no distance and no bounds, and nothing as its length.

use std::f64::consts::{PI, TAU};

use super::relate::{Relation, contains};
use super::vector::{
    Vector, angle_of_chord2, chord2_to_edge, interpolate, normal, project, signed_area, vectors,
};
use super::{EARTH_RADIUS_METERS, Geography, Point};

/// The length of the lines.
pub(crate) fn length(geography: &Geography) -> f64 {
    geography
        .lines
        .iter()
        .map(|line| chain_angle(&vectors(line)))
        .fold(0.0, |sum, angle| sum + angle)
        * EARTH_RADIUS_METERS
}

/// The length of the rings of the polygons.
pub(crate) fn perimeter(geography: &Geography) -> f64 {
    let rings = geography.polygons.iter().flatten();
    rings.map(|ring| chain_angle(&closed_vectors(ring))).fold(0.0, |sum, angle| sum + angle)
        * EARTH_RADIUS_METERS
}

/// The area of the polygons in square meters.
pub(crate) fn area(geography: &Geography) -> f64 {
    let rings = geography.polygons.iter().flatten();
    let area = rings.map(|ring| signed_area(&vectors(ring))).fold(0.0, |sum, area| sum + area);
    area * EARTH_RADIUS_METERS * EARTH_RADIUS_METERS
}

fn chain_angle(chain: &[Vector]) -> f64 {
    chain.windows(2).map(|edge| edge[0].angle(edge[1])).sum()
}

fn closed_vectors(ring: &[Point]) -> Vec<Vector> {
    vectors(&super::closed(ring))
}

/// All points and edges; a point is an edge from itself to itself.
fn edges(geography: &Geography) -> Vec<(Vector, Vector)> {
    let mut edges = Vec::new();
    edges.extend(geography.points.iter().map(|point| (point.vector(), point.vector())));
    let rings = geography.polygons.iter().flatten().map(|ring| closed_vectors(ring));
    for chain in geography.lines.iter().map(|line| vectors(line)).chain(rings) {
        edges.extend(chain.windows(2).map(|edge| (edge[0], edge[1])));
    }
    edges
}

/// The shortest distance; `None` when one is empty.
pub(crate) fn distance(left: &Geography, right: &Geography) -> Option<f64> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let only_points = left.dimension() == 0 && right.dimension() == 0;
    if !only_points && Relation::of(left, right).intersects {
        return Some(0.0);
    }
    let right_edges = edges(right);
    let pairs = edges(left).into_iter();
    let nearest = pairs
        .flat_map(|left| right_edges.iter().map(move |right| edge_chord2(left, *right)))
        .fold(4.0, f64::min);
    Some(angle_of_chord2(nearest) * EARTH_RADIUS_METERS)
}

/// The squared chord between edges that do not cross.
fn edge_chord2((a, b): (Vector, Vector), (c, d): (Vector, Vector)) -> f64 {
    if a == b && c == d {
        return a.chord2(c);
    }
    let to_first = chord2_to_edge(c, a, b).min(chord2_to_edge(d, a, b));
    to_first.min(chord2_to_edge(a, c, d)).min(chord2_to_edge(b, c, d))
}

/// The longest distance between vertices; `None` when one is empty.
pub(crate) fn max_distance(left: &Geography, right: &Geography) -> Option<f64> {
    let right = vectors(&right.vertices());
    let pairs = vectors(&left.vertices()).into_iter();
    let chords = pairs.flat_map(|left| right.iter().map(move |right| left.chord2(*right)));
    chords.reduce(f64::max).map(|chord2| angle_of_chord2(chord2) * EARTH_RADIUS_METERS)
}

/// The place of one geography that is nearest to another; `None` when one is empty.
pub(crate) fn closest_point(left: &Geography, right: &Geography) -> Option<Point> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if let Some(shared) = super::overlay::shared_place(left, right) {
        return Some(shared);
    }
    let right_edges = edges(right);
    let mut best = (f64::INFINITY, Vector::ZERO);
    for (a, b) in edges(left) {
        for (c, d) in &right_edges {
            for candidate in [project(*c, a, b), project(*d, a, b), a, b] {
                let chord2 = chord2_to_edge(candidate, *c, *d);
                if chord2 < best.0 {
                    best = (chord2, candidate);
                }
            }
        }
    }
    // A vertex is given back as it came.
    let vertex = left.vertices().into_iter().find(|vertex| vertex.vector() == best.1);
    Some(vertex.unwrap_or_else(|| best.1.place()))
}

/// The center of mass of the shapes of the highest dimension.
pub(crate) fn centroid(geography: &Geography) -> Option<Point> {
    let sum =
        |parts: &mut dyn Iterator<Item = Vector>| parts.fold(Vector::ZERO, |sum, part| sum + part);
    let center = match geography.dimension() {
        -1 => return None,
        0 => {
            if let [point] = geography.points[..] {
                return Some(point);
            }
            sum(&mut geography.points.iter().map(|point| point.vector()))
        }
        1 => sum(&mut geography.lines.iter().map(|line| chain_center(&vectors(line)))),
        _ => {
            let rings = geography.polygons.iter().flatten();
            sum(&mut rings.map(|ring| ring_center(&vectors(ring))))
        }
    };
    Some(center.normalize().place())
}

/// The center of a chain times its length.
fn chain_center(chain: &[Vector]) -> Vector {
    chain.windows(2).fold(Vector::ZERO, |sum, edge| {
        let (difference, middle) = (edge[0] - edge[1], edge[0] + edge[1]);
        let square = middle.dot(middle);
        if square == 0.0 {
            return sum;
        }
        sum + middle.scale((difference.dot(difference) / square).sqrt())
    })
}

/// The center of what is on the left of a ring times its area: triangles from the first place.
fn ring_center(ring: &[Vector]) -> Vector {
    let [first, rest @ ..] = ring else { return Vector::ZERO };
    let triangles = rest.windows(2).map(|edge| triangle_center(*first, edge[0], edge[1]));
    triangles.fold(Vector::ZERO, |sum, center| sum + center)
}

/// Half the sum of the sides' normals, each as long as its side: the integral of the place over a triangle.
fn triangle_center(a: Vector, b: Vector, c: Vector) -> Vector {
    let side = |from: Vector, to: Vector| {
        let angle = from.angle(to);
        let sine = angle.sin();
        from.cross(to).scale(if sine == 0.0 { 0.5 } else { 0.5 * angle / sine })
    };
    side(a, b) + side(b, c) + side(c, a)
}

/// Radians clockwise from the north, of the way from one point to another; `None` when any way is shortest.
pub(crate) fn azimuth(from: Point, to: Point) -> Option<f64> {
    let (a, b) = (from.vector(), to.vector());
    if a == b || (a + b).norm() < 1e-15 {
        return None;
    }
    let radians = PI / 180.0;
    let east = (to.longitude - from.longitude) * radians;
    let (here, there) = (from.latitude * radians, to.latitude * radians);
    let x = east.sin() * there.cos();
    let y = here.cos() * there.sin() - here.sin() * there.cos() * east.cos();
    Some(positive(x.atan2(y)))
}

/// Radians clockwise at the second point from the first to the third.
pub(crate) fn corner_angle(first: Point, corner: Point, third: Point) -> Option<f64> {
    let difference = azimuth(corner, third)? - azimuth(corner, first)?;
    Some(positive(difference))
}

fn positive(angle: f64) -> f64 {
    if angle < 0.0 { angle + TAU } else { angle + 0.0 }
}

/// A box of longitudes and latitudes; the east may be beyond 180.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) west: f64,
    pub(crate) south: f64,
    pub(crate) east: f64,
    pub(crate) north: f64,
}

/// The smallest box around a geography; `None` when empty.
pub(crate) fn bounds(geography: &Geography) -> Option<Bounds> {
    let vertices = geography.vertices();
    let latitudes = || vertices.iter().map(|vertex| vertex.latitude);
    let mut south = latitudes().reduce(f64::min)?;
    let mut north = latitudes().reduce(f64::max)?;
    for (a, b) in edges(geography) {
        for peak in peaks(a, b) {
            (south, north) = (south.min(peak), north.max(peak));
        }
    }
    let poles = [-1.0, 1.0].map(|z| contains(geography, Vector { x: 0.0, y: 0.0, z }));
    if poles[0] {
        south = -90.0;
    }
    if poles[1] {
        north = 90.0;
    }
    let around = poles[0] || poles[1];
    let (west, east) = if around { (-180.0, 180.0) } else { longitudes(geography) };
    Some(Bounds { west, south, east, north })
}

/// Latitudes of an edge's northernmost and southernmost places, where they are inside of it.
fn peaks(a: Vector, b: Vector) -> Vec<f64> {
    if a == b {
        return Vec::new();
    }
    let across = normal(a, b).normalize();
    let along = Vector { x: 0.0, y: 0.0, z: 1.0 }.cross(across);
    let top = across.cross(along).normalize();
    let candidates = [top, top.scale(-1.0)].into_iter();
    candidates
        .filter(|place| across.cross(a).dot(*place) > 0.0 && across.cross(b).dot(*place) < 0.0)
        .map(|place| place.place().latitude)
        .collect()
}

/// The shortest span of longitudes over all edges.
fn longitudes(geography: &Geography) -> (f64, f64) {
    let mut spans = geography.points.iter().map(|point| (point.longitude, 0.0)).collect::<Vec<_>>();
    let rings = geography.polygons.iter().flatten().map(|ring| super::closed(ring));
    for chain in geography.lines.iter().cloned().chain(rings) {
        for edge in chain.windows(2) {
            let (from, to) = (edge[0].longitude, edge[1].longitude);
            let east = (to - from).rem_euclid(360.0);
            // An edge takes the short way around.
            spans.push(if east <= 180.0 { (from, east) } else { (to, 360.0 - east) });
        }
    }
    spans.sort_by(|left, right| left.0.total_cmp(&right.0));
    let Some((first, _)) = spans.first().copied() else { return (-180.0, 180.0) };
    let mut reach = first;
    let mut widest = (0.0, first, first);
    // Once more around, so that the gap before the first span is seen too.
    let again = spans.iter().map(|(start, width)| (start + 360.0, *width));
    for (start, width) in spans.iter().copied().chain(again) {
        if start - reach > widest.0 {
            widest = (start - reach, start, reach);
        }
        reach = reach.max(start + width);
    }
    let (gap, after, before) = widest;
    if gap <= 0.0 {
        return (-180.0, 180.0);
    }
    let west = if after > 180.0 { after - 360.0 } else { after };
    let east = if before < west { before + 360.0 } else { before };
    (west, east)
}

/// Whether a geography meets a box, whose longitudes may go beyond 180.
pub(crate) fn intersects_box(geography: &Geography, bounds: &Bounds) -> bool {
    let width = bounds.east - bounds.west;
    let width = if width < 0.0 { width + 360.0 } else { width };
    let east_of = |longitude: f64| (longitude - bounds.west).rem_euclid(360.0);
    let inside = |point: &Point| {
        (bounds.south..=bounds.north).contains(&point.latitude)
            && (width >= 360.0 || east_of(point.longitude) <= width)
    };
    if geography.vertices().iter().any(inside) {
        return true;
    }
    // Places along the edges, closely spaced for the size of the box.
    let step = (width.min(bounds.north - bounds.south) / 4.0).clamp(0.01, 1.0) * PI / 180.0;
    for (a, b) in edges(geography).into_iter().filter(|(a, b)| a != b) {
        let count = (a.angle(b) / step).ceil();
        let mut index = 1.0;
        while index < count {
            if inside(&interpolate(a, b, index / count).place()) {
                return true;
            }
            index += 1.0;
        }
    }
    let corner = Point { longitude: bounds.west, latitude: bounds.south };
    contains(geography, corner.vector())
}

//! How two geographies lie to each other. Both are cut at the places where they meet; then one place of each
//! piece tells where the whole piece lies. A polygon's inside is told by places just left of its rings.

use std::f64::consts::TAU;

use super::build::{crosses, crossing};
use super::vector::{SAME, Vector, chord2_to_edge, normal, vectors};
use super::{Geography, Point};

/// Where a place lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Location {
    Exterior,
    Boundary,
    Interior,
}

/// What is known of two geographies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relation {
    /// A place is in both.
    pub(crate) intersects: bool,
    /// No place of the second is outside of the first.
    pub(crate) covers: bool,
    /// No place of the first is outside of the second.
    pub(crate) covered_by: bool,
    /// A place is in the interiors of both.
    pub(crate) interiors_intersect: bool,
}

impl Relation {
    /// The relation of the first to the second.
    pub(crate) fn of(first: &Geography, second: &Geography) -> Self {
        let (left, right) = (Shapes::of(first), Shapes::of(second));
        let left_pieces = located(&left, &right);
        let right_pieces = located(&right, &left);
        let all = || left_pieces.iter().chain(&right_pieces);
        let some = !left_pieces.is_empty() && !right_pieces.is_empty();
        let within = |pieces: &[Piece], container: &[Piece]| {
            some && pieces.iter().all(|piece| piece.location != Location::Exterior)
                // A ring of the container inside of a polygon has an outside there.
                && !container.iter().any(|piece| piece.on_ring && piece.in_polygon)
        };
        Self {
            intersects: all().any(|piece| piece.location != Location::Exterior),
            covers: within(&right_pieces, &left_pieces),
            covered_by: within(&left_pieces, &right_pieces),
            interiors_intersect: all()
                .any(|piece| piece.is_interior && piece.location == Location::Interior),
        }
    }
}

/// Whether a place is inside of a polygon of a geography.
pub(super) fn contains(geography: &Geography, place: Vector) -> bool {
    Shapes::of(geography).polygon_contains(place)
}

/// A geography's shapes as vectors.
pub(super) struct Shapes {
    pub(super) points: Vec<Vector>,
    pub(super) lines: Vec<Vec<Vector>>,
    /// Rings of each polygon, with their first place at their end too.
    pub(super) polygons: Vec<Vec<Vec<Vector>>>,
}

impl Shapes {
    pub(super) fn of(geography: &Geography) -> Self {
        let closed = |ring: &Vec<Point>| vectors(&super::closed(ring));
        Self {
            points: vectors(&geography.points),
            lines: geography.lines.iter().map(|line| vectors(line)).collect(),
            polygons: geography
                .polygons
                .iter()
                .map(|polygon| polygon.iter().map(closed).collect())
                .collect(),
        }
    }

    /// All edges, of lines and of rings.
    pub(super) fn edges(&self) -> Vec<(Vector, Vector)> {
        let chains = self.lines.iter().chain(self.polygons.iter().flatten());
        chains.flat_map(|chain| chain.windows(2).map(|edge| (edge[0], edge[1]))).collect()
    }

    fn vertices(&self) -> impl Iterator<Item = Vector> {
        let chains = self.lines.iter().chain(self.polygons.iter().flatten()).flatten();
        self.points.iter().chain(chains).copied()
    }

    /// Where a place lies; the inside of one shape wins over the edge of another.
    pub(super) fn locate(&self, place: Vector) -> Location {
        let points = self.points.iter().any(|point| is_same(*point, place));
        let point_location = if points { Location::Interior } else { Location::Exterior };
        let lines = self.lines.iter().map(|line| locate_on_line(line, place)).max();
        let polygons = self.polygons.iter().map(|rings| locate_in_rings(rings, place)).max();
        let highest = lines.max(polygons).unwrap_or(Location::Exterior);
        point_location.max(highest)
    }

    /// Whether a place is inside of a polygon, not on its rings.
    pub(super) fn polygon_contains(&self, place: Vector) -> bool {
        self.polygons.iter().any(|rings| locate_in_rings(rings, place) == Location::Interior)
    }
}

pub(super) fn is_same(left: Vector, right: Vector) -> bool {
    left.chord2(right) <= SAME * SAME
}

fn is_on_edge(place: Vector, a: Vector, b: Vector) -> bool {
    chord2_to_edge(place, a, b) <= SAME * SAME
}

fn locate_on_line(line: &[Vector], place: Vector) -> Location {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return Location::Exterior };
    if first != last && (is_same(*first, place) || is_same(*last, place)) {
        return Location::Boundary;
    }
    let on = line.windows(2).any(|edge| is_on_edge(place, edge[0], edge[1]));
    if on { Location::Interior } else { Location::Exterior }
}

fn locate_in_rings(rings: &[Vec<Vector>], place: Vector) -> Location {
    let mut turns = 0.0;
    for edge in rings.iter().flat_map(|ring| ring.windows(2)) {
        let (a, b) = (edge[0], edge[1]);
        if is_on_edge(place, a, b) {
            return Location::Boundary;
        }
        let turn = place.dot(a.cross(b));
        turns += turn.atan2(a.dot(b) - place.dot(a) * place.dot(b));
    }
    // Once around to the left: the shell has the place inside, and no hole has.
    if (turns / TAU).round() >= 1.0 { Location::Interior } else { Location::Exterior }
}

/// A piece of one geography and where it lies in the other.
struct Piece {
    location: Location,
    /// It is in the interior of its own geography.
    is_interior: bool,
    /// It is part of a ring.
    on_ring: bool,
    /// It is inside of a polygon of the other.
    in_polygon: bool,
}

fn located(own: &Shapes, other: &Shapes) -> Vec<Piece> {
    let piece = |place: Vector, is_interior: bool, on_ring: bool| Piece {
        location: other.locate(place),
        is_interior,
        on_ring,
        in_polygon: on_ring && other.polygon_contains(place),
    };
    let mut pieces = own.points.iter().map(|point| piece(*point, true, false)).collect::<Vec<_>>();
    let cutters = Cutters::of(other);
    for line in &own.lines {
        let closed = line.first() == line.last();
        for (index, place) in line.iter().enumerate() {
            let inner = closed || (index > 0 && index + 1 < line.len());
            pieces.push(piece(*place, inner, false));
        }
        for part in line.windows(2).flat_map(|edge| cutters.cut(edge[0], edge[1])) {
            pieces.push(piece((part.0 + part.1).normalize(), true, false));
            pieces.push(piece(part.1, false, false));
        }
    }
    for edge in own.polygons.iter().flatten().flat_map(|ring| ring.windows(2)) {
        for (from, to) in cutters.cut(edge[0], edge[1]) {
            pieces.push(piece(from, false, false));
            pieces.push(piece((from + to).normalize(), false, true));
            let inside = beside(from, to, 1.0);
            let mut inner = piece(inside, true, false);
            // Lines and points do not hold the inside of a polygon.
            if !other.polygon_contains(inside) {
                inner.location = Location::Exterior;
            }
            pieces.push(inner);
        }
    }
    pieces
}

/// A place just left (1) or right (-1) of the middle of an edge.
pub(super) fn beside(from: Vector, to: Vector, side: f64) -> Vector {
    const NEAR: f64 = 1e-9;
    let middle = (from + to).normalize();
    let step = NEAR.min(from.angle(to) * 0.01);
    (middle + normal(from, to).normalize().scale(step * side)).normalize()
}

/// What cuts edges: the edges and vertices of a geography.
pub(super) struct Cutters {
    edges: Vec<(Vector, Vector)>,
    vertices: Vec<Vector>,
}

impl Cutters {
    pub(super) fn of(shapes: &Shapes) -> Self {
        Self { edges: shapes.edges(), vertices: shapes.vertices().collect() }
    }

    /// The parts of an edge between the places where it is cut.
    pub(super) fn cut(&self, a: Vector, b: Vector) -> Vec<(Vector, Vector)> {
        let mut cuts = Vec::new();
        for vertex in &self.vertices {
            if !is_same(*vertex, a) && !is_same(*vertex, b) && is_on_edge(*vertex, a, b) {
                cuts.push(*vertex);
            }
        }
        for (c, d) in &self.edges {
            if crosses(a, b, *c, *d) {
                cuts.push(crossing_of(a, b, *c, *d));
            }
        }
        cuts.sort_by(|left, right| a.chord2(*left).total_cmp(&a.chord2(*right)));
        cuts.push(b);
        let mut parts = Vec::new();
        let mut from = a;
        for to in cuts {
            if !is_same(from, to) {
                parts.push((from, to));
                from = to;
            }
        }
        parts
    }
}

/// Where two edges cross, the same whichever of them is named first.
fn crossing_of(a: Vector, b: Vector, c: Vector, d: Vector) -> Vector {
    let key = |vector: &Vector| (vector.x, vector.y, vector.z);
    let order =
        |from: Vector, to: Vector| if key(&from) <= key(&to) { (from, to) } else { (to, from) };
    let (first, second) = (order(a, b), order(c, d));
    let (first, second) =
        if key(&first.0) <= key(&second.0) { (first, second) } else { (second, first) };
    crossing(first.0, first.1, second.0, second.1)
}

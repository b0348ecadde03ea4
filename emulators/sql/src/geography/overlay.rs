//! Union, intersection and difference. Edges are cut where they meet; an edge is part of the result's rings
//! when the result is on one side of it and not on the other. Rings are then walked with the inside on the
//! left, and begin and follow each other as those of the S2 library do.

mod assemble;

use assemble::{DirectedEdge, assemble};

use super::relate::{Cutters, Location, Relation, Shapes, beside, is_same};
use super::vector::Vector;
use super::{Geography, Point};

/// What is made of two geographies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// What is in either.
    Union,
    /// What is in both.
    Intersection,
    /// What is in the first and not in the second.
    Difference,
}

impl Operation {
    fn keeps(self, first: bool, second: bool) -> bool {
        match self {
            Self::Union => first || second,
            Self::Intersection => first && second,
            Self::Difference => first && !second,
        }
    }
}

/// The union of many.
pub(crate) fn union_all<'a>(geographies: impl IntoIterator<Item = &'a Geography>) -> Geography {
    let geographies = geographies.into_iter();
    geographies.fold(Geography::default(), |union, next| overlay(&union, next, Operation::Union))
}

/// Combines two geographies.
pub(crate) fn overlay(first: &Geography, second: &Geography, operation: Operation) -> Geography {
    let work = Work {
        shapes: [Shapes::of(first), Shapes::of(second)],
        originals: first.vertices().into_iter().chain(second.vertices()).collect(),
        operation,
    };
    let polygons = work.polygons();
    let area = Geography { polygons, ..Geography::default() };
    let lines = work.lines(&Shapes::of(&area));
    let so_far = Geography { lines, ..area };
    let points = work.points(&Shapes::of(&so_far));
    Geography { points, ..so_far }
}

/// A place that is in both, as the first has it.
pub(super) fn shared_place(first: &Geography, second: &Geography) -> Option<Point> {
    if !Relation::of(first, second).intersects {
        return None;
    }
    overlay(first, second, Operation::Intersection).vertices().first().copied()
}

struct Work {
    shapes: [Shapes; 2],
    /// Vertices as they came in, so that they come out the same.
    originals: Vec<Point>,
    operation: Operation,
}

impl Work {
    fn place(&self, vector: Vector) -> Point {
        let original = self.originals.iter().find(|point| is_same(point.vector(), vector));
        original.copied().unwrap_or_else(|| vector.place())
    }

    fn polygons(&self) -> Vec<Vec<Vec<Point>>> {
        let cutters = [Cutters::of(&self.shapes[0]), Cutters::of(&self.shapes[1])];
        let mut edges: Vec<DirectedEdge> = Vec::new();
        let mut input = 0;
        for (index, shapes) in self.shapes.iter().enumerate() {
            for edge in shapes.polygons.iter().flatten().flat_map(|ring| ring.windows(2)) {
                for (from, to) in cutters[1 - index].cut(edge[0], edge[1]) {
                    if !edges.iter().any(|known| known.joins(from, to)) {
                        edges.extend(self.directed(from, to, input));
                    }
                }
                input += 1;
            }
        }
        assemble(edges, |vector| self.place(vector))
    }

    /// The edge with the result on its left, when the result is on one side only.
    fn directed(&self, from: Vector, to: Vector, input: usize) -> Option<DirectedEdge> {
        let in_result = |place: Vector| {
            let [first, second] =
                [0, 1].map(|index: usize| self.shapes[index].polygon_contains(place));
            self.operation.keeps(first, second)
        };
        match (in_result(beside(from, to, 1.0)), in_result(beside(from, to, -1.0))) {
            (true, false) => Some(DirectedEdge { from, to, input }),
            (false, true) => Some(DirectedEdge { from: to, to: from, input }),
            _ => None,
        }
    }

    fn lines(&self, area: &Shapes) -> Vec<Vec<Point>> {
        let cutters = [Cutters::of(&self.shapes[0]), Cutters::of(&self.shapes[1])];
        let mut kept: Vec<(Vector, Vector)> = Vec::new();
        let mut lines: Vec<Vec<Vector>> = Vec::new();
        for (index, shapes) in self.shapes.iter().enumerate() {
            if index == 1 && self.operation == Operation::Difference {
                break;
            }
            // Where two areas touch along an edge, their intersection is a line.
            let rings = shapes.polygons.iter().flatten();
            let rings = rings.filter(|_| self.operation == Operation::Intersection);
            for chain in shapes.lines.iter().chain(rings) {
                let mut open = false;
                for (from, to) in
                    chain.windows(2).flat_map(|edge| cutters[1 - index].cut(edge[0], edge[1]))
                {
                    let keep = self.keeps_line((from + to).normalize(), index, area)
                        && !kept.iter().any(|known| joins(*known, from, to));
                    if keep {
                        kept.push((from, to));
                        match lines.last_mut() {
                            Some(line) if open => line.push(to),
                            _ => lines.push(vec![from, to]),
                        }
                    }
                    open = keep;
                }
            }
        }
        let place = |line: Vec<Vector>| line.into_iter().map(|vector| self.place(vector)).collect();
        lines.into_iter().map(place).collect()
    }

    fn keeps_line(&self, middle: Vector, own: usize, area: &Shapes) -> bool {
        if area.locate(middle) != Location::Exterior {
            return false;
        }
        let elsewhere = self.shapes[1 - own].locate(middle) != Location::Exterior;
        match self.operation {
            // What both have is not twice in it: the caller sees to that.
            Operation::Union => true,
            Operation::Intersection => elsewhere,
            Operation::Difference => !elsewhere,
        }
    }

    fn points(&self, result: &Shapes) -> Vec<Point> {
        let [first, second] = &self.shapes;
        let candidates: Vec<Vector> = match self.operation {
            Operation::Union => first.points.iter().chain(&second.points).copied().collect(),
            Operation::Difference => first.points.clone(),
            Operation::Intersection => {
                let cutters = Cutters::of(second);
                let edges = first.edges();
                let cuts = edges.iter().flat_map(|(a, b)| cutters.cut(*a, *b));
                let nodes = cuts.flat_map(|(from, to)| [from, to]);
                first.points.iter().chain(&second.points).copied().chain(nodes).collect()
            }
        };
        let mut points: Vec<Vector> = Vec::new();
        for place in candidates {
            let [in_first, in_second] =
                [first, second].map(|shapes| shapes.locate(place) != Location::Exterior);
            let new = !points.iter().any(|known| is_same(*known, place));
            if new
                && self.operation.keeps(in_first, in_second)
                && result.locate(place) == Location::Exterior
            {
                points.push(place);
            }
        }
        points.into_iter().map(|vector| self.place(vector)).collect()
    }
}

fn joins((a, b): (Vector, Vector), from: Vector, to: Vector) -> bool {
    (is_same(a, from) && is_same(b, to)) || (is_same(a, to) && is_same(b, from))
}

//! Rings and polygons from directed edges that have the inside on their left.
//! Invariant: a ring visits no place twice; a hole belongs to the smallest shell around it.

use super::super::relate::{Shapes, is_same};
use super::super::vector::{Vector, normal, signed_area};
use super::super::{Geography, Point};

/// An edge of a result.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectedEdge {
    pub(super) from: Vector,
    pub(super) to: Vector,
    /// The number of the edge that it is part of.
    pub(super) input: usize,
}

impl DirectedEdge {
    /// Whether it is between two places, in either direction.
    pub(super) fn joins(&self, from: Vector, to: Vector) -> bool {
        super::joins((self.from, self.to), from, to)
    }
}

/// Polygons in the order of their first edges.
pub(super) fn assemble(
    edges: Vec<DirectedEdge>,
    place: impl Fn(Vector) -> Point,
) -> Vec<Vec<Vec<Point>>> {
    let mut loops = walk(edges);
    loops.iter_mut().for_each(|edges| rotate(edges));
    loops.sort_by_key(|edges| edges.iter().map(|edge| edge.input).min());
    let rings = loops.iter().map(|edges| {
        let ring = edges.iter().map(|edge| edge.from).collect::<Vec<_>>();
        let area = signed_area(&ring);
        (ring, area)
    });
    let (shells, holes): (Vec<_>, Vec<_>) = rings.partition(|(_, area)| *area > 0.0);
    let to_places = |ring: &[Vector]| ring.iter().map(|vector| place(*vector)).collect::<Vec<_>>();
    let mut polygons =
        shells.iter().map(|(ring, _)| vec![to_places(ring)]).collect::<Vec<Vec<Vec<Point>>>>();
    for (hole, _) in &holes {
        let middle = (hole[0] + hole[1]).normalize();
        let around = shells.iter().enumerate().filter(|(_, (ring, _))| {
            let shell =
                Geography::polygon(vec![ring.iter().map(|vector| vector.place()).collect()]);
            Shapes::of(&shell).polygon_contains(middle)
        });
        let smallest = around.min_by(|left, right| left.1.1.total_cmp(&right.1.1));
        if let Some((index, _)) = smallest {
            polygons[index].push(to_places(hole));
        }
    }
    polygons
}

/// Loops that visit no place twice.
fn walk(mut edges: Vec<DirectedEdge>) -> Vec<Vec<DirectedEdge>> {
    let mut loops = Vec::new();
    while !edges.is_empty() {
        let mut path = vec![edges.remove(0)];
        while let Some(last) = path.last().copied() {
            if let Some(start) = path.iter().position(|edge| is_same(edge.from, last.to)) {
                loops.push(path.split_off(start));
                continue;
            }
            let next = edges
                .iter()
                .enumerate()
                .filter(|(_, edge)| is_same(edge.from, last.to))
                .min_by(|left, right| turn(&last, left.1).total_cmp(&turn(&last, right.1)));
            match next.map(|(index, _)| index) {
                Some(index) => path.push(edges.remove(index)),
                // An end that leads nowhere comes of rounding; it bounds no area.
                None => path.clear(),
            }
        }
    }
    loops.retain(|edges| edges.len() > 2);
    loops
}

/// The angle clockwise from the way back to the way on: the least is the sharpest turn to the left.
fn turn(last: &DirectedEdge, next: &DirectedEdge) -> f64 {
    let node = last.to;
    let back = normal(node, last.from).cross(node).normalize();
    let onward = normal(next.from, next.to).cross(node).normalize();
    let angle = node.dot(onward.cross(back)).atan2(back.dot(onward));
    if angle <= 0.0 { angle + std::f64::consts::TAU } else { angle }
}

/// The edge with the highest number goes to the end, and with it those beside it of the same number.
fn rotate(edges: &mut [DirectedEdge]) {
    let mut last = 0;
    let mut gap = false;
    for index in 1..edges.len() {
        match edges[index].input.cmp(&edges[last].input) {
            std::cmp::Ordering::Less => gap = true,
            std::cmp::Ordering::Greater => (last, gap) = (index, false),
            std::cmp::Ordering::Equal if !gap => last = index,
            std::cmp::Ordering::Equal => {}
        }
    }
    let count = edges.len();
    edges.rotate_left((last + 1) % count.max(1));
}

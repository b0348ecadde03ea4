//! Lines from parts, and places along lines.
//! Invariant: a fraction of a line is one of its length, and a place of it is on the line.

use super::build::Reading;
use super::vector::{at_distance, project, vectors};
use super::{Geography, Point};
use crate::error::Result;

/// `ST_MAKELINE`: the places of points and lines, one after the other.
pub(crate) fn make_line(reading: &Reading, parts: &[&Geography]) -> Result<Geography> {
    let mut places = Vec::new();
    for part in parts {
        match (part.as_point(), part.as_line()) {
            (Some(point), _) => places.push(point),
            (None, Some(line)) => places.extend_from_slice(line),
            (None, None) if part.is_empty() => {}
            _ => return Err(reading.wrong("Each input must be a single point or linestring")),
        }
    }
    match places[..] {
        [] => Ok(Geography::default()),
        [place] => Ok(Geography::point(place)),
        _ => reading.line(places),
    }
}

/// The angle from the start of a line to each of its places.
fn distances(line: &[Point]) -> Vec<f64> {
    let chain = vectors(line);
    let mut sum = 0.0;
    let mut distances = vec![0.0];
    for edge in chain.windows(2) {
        sum += edge[0].angle(edge[1]);
        distances.push(sum);
    }
    distances
}

/// The place a fraction of the way along a line.
pub(crate) fn interpolate_line(line: &[Point], fraction: f64) -> Point {
    let distances = distances(line);
    let (first, last) = (line[0], line[line.len() - 1]);
    let target = fraction * distances[distances.len() - 1];
    if fraction <= 0.0 {
        return first;
    }
    let after = distances.partition_point(|distance| *distance < target);
    if after >= line.len() || fraction >= 1.0 {
        return last;
    }
    if distances[after] == target {
        return line[after];
    }
    let (a, b) = (line[after - 1].vector(), line[after].vector());
    at_distance(a, b, target - distances[after - 1]).place()
}

/// The part of a line between two fractions of its length.
pub(crate) fn substring(line: &[Point], start: f64, end: f64) -> Geography {
    let distances = distances(line);
    let whole = distances[distances.len() - 1];
    let mut places = vec![interpolate_line(line, start)];
    for (place, distance) in line.iter().zip(&distances) {
        if *distance > start * whole && *distance < end * whole {
            places.push(*place);
        }
    }
    places.push(interpolate_line(line, end));
    places.dedup();
    if let [place] = places[..] { Geography::point(place) } else { Geography::line(places) }
}

/// The fraction of a line at which it is nearest to a place.
pub(crate) fn locate_on_line(line: &[Point], place: Point) -> f64 {
    let (chain, distances, place) = (vectors(line), distances(line), place.vector());
    let mut best = (f64::INFINITY, 0.0);
    for (index, edge) in chain.windows(2).enumerate() {
        let nearest = project(place, edge[0], edge[1]);
        let chord2 = nearest.chord2(place);
        if chord2 < best.0 {
            best = (chord2, distances[index] + edge[0].angle(nearest));
        }
    }
    (best.1 / distances[distances.len() - 1]).clamp(0.0, 1.0)
}

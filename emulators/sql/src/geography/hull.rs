//! The convex hull: places sorted around a far one, and the two chains of left turns among them. It starts
//! where that of the S2 library does.

use super::vector::{Vector, interpolate};
use super::{Geography, Point};
use crate::error::{Result, SqlError};

/// The convex hull; `None` of nothing.
pub(crate) fn convex_hull(geography: &Geography) -> Result<Option<Geography>> {
    let mut places = Vec::new();
    for vertex in geography.vertices() {
        let vector = vertex.vector();
        if !places.iter().any(|(known, _)| *known == vector) {
            places.push((vector, vertex));
        }
    }
    let center = places.iter().fold(Vector::ZERO, |sum, (vector, _)| sum + *vector).normalize();
    let place = |(vector, vertex): &(Vector, Point)| (*vector, *vertex);
    match places.as_slice() {
        [] => return Ok(None),
        [(vector, _)] => {
            // A ring of places too near to each other collapses to one beside the point.
            let beside = (*vector + vector.ortho().scale(1e-15)).normalize();
            return Ok(Some(Geography::point(beside.place())));
        }
        _ => {}
    }
    if places.iter().any(|(vector, _)| vector.dot(center) <= 1e-15) {
        return Err(SqlError::not_implemented("ST_CONVEXHULL of more than a hemisphere"));
    }
    let far = away_from(center);
    let up = far.cross(center);
    let turn = |(vector, _): &(Vector, Point)| vector.dot(up).atan2(vector.dot(center));
    places.sort_by(|left, right| turn(left).total_cmp(&turn(right)));
    let lower = chain(places.iter().map(place));
    let upper = chain(places.iter().rev().map(place));
    let mut ring = lower[..lower.len() - 1].to_vec();
    ring.extend_from_slice(&upper[..upper.len() - 1]);
    if ring.len() > 2 {
        let ring = ring.into_iter().map(|(_, vertex)| vertex).collect();
        return Ok(Some(Geography::polygon(vec![ring])));
    }
    let (first, last) = (places[0], places[places.len() - 1]);
    let middle = interpolate(first.0, last.0, 0.5).place();
    Ok(Some(Geography::line(vec![last.1, middle, first.1])))
}

/// A direction at right angles to another, along an axis as far as can be.
fn away_from(center: Vector) -> Vector {
    let (x, y, z) = (center.x.abs(), center.y.abs(), center.z.abs());
    let axis = if x > y && x > z {
        Vector { x: 0.0, y: 0.0, z: 1.0 }
    } else if y > z {
        Vector { x: 1.0, y: 0.0, z: 0.0 }
    } else {
        Vector { x: 0.0, y: 1.0, z: 0.0 }
    };
    center.cross(axis).normalize()
}

/// The places at which a chain through all of them turns left.
fn chain(places: impl Iterator<Item = (Vector, Point)>) -> Vec<(Vector, Point)> {
    let mut chain: Vec<(Vector, Point)> = Vec::new();
    for place in places {
        while let [.., before, last] = chain.as_slice() {
            let cross = (last.0 - before.0).cross(place.0 - before.0).dot(before.0);
            // What is straight but for rounding is no corner.
            if cross > 1e-15 {
                break;
            }
            chain.pop();
        }
        chain.push(place);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_far_from_its_place() {
        let place = Point { longitude: 10.0, latitude: 80.0 }.vector();
        assert!(away_from(place).dot(place).abs() < 1e-15);
    }
}

//! Buffers around points: regular polygons whose corners lie on the circle. Those around lines and areas are
//! not here.

use std::f64::consts::{FRAC_PI_2, PI};

use super::overlay::union_all;
use super::vector::{chord2_of_angle, on_ray};
use super::{EARTH_RADIUS_METERS, Geography, Point};
use crate::error::{Result, SqlError};

/// How finely a circle is approximated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Segments {
    /// Sides in a quarter of the circle.
    Quarter(f64),
    /// How far a side may be from the circle, in meters.
    Tolerance(f64),
}

/// No circle has more sides.
const SIDES_MAX: f64 = 1_570.796_8;
/// No side is farther from the circle than this part of the radius asks for.
const ERROR_FRACTION_MIN: f64 = 1e-6;

/// The buffer around a geography of points.
pub(crate) fn buffer(geography: &Geography, meters: f64, segments: Segments) -> Result<Geography> {
    if !meters.is_finite() {
        return Err(SqlError::evaluation("ST_Buffer failed: The radius must be finite"));
    }
    if geography.is_empty() || meters == 0.0 {
        return Ok(geography.clone());
    }
    if geography.dimension() > 0 {
        return Err(SqlError::not_implemented("ST_BUFFER of lines and polygons"));
    }
    if meters < 0.0 {
        return Ok(Geography::default());
    }
    let radius = meters / EARTH_RADIUS_METERS;
    if radius >= FRAC_PI_2 {
        return Err(SqlError::not_implemented("ST_BUFFER beyond a quarter of the globe"));
    }
    let error = match segments {
        Segments::Quarter(sides) => {
            let sides = (4.0 * sides).clamp(2.0, SIDES_MAX);
            let fraction = 1.0 - (PI / sides).cos() + 1e-15;
            fraction.max(ERROR_FRACTION_MIN) * radius
        }
        Segments::Tolerance(meters) => {
            let fraction = (meters / EARTH_RADIUS_METERS / radius).clamp(ERROR_FRACTION_MIN, 1.0);
            fraction * radius
        }
    };
    let disks = geography.points.iter().map(|point| disk(*point, radius, error));
    let disks = disks.collect::<Vec<_>>();
    Ok(if let [disk] = &disks[..] { disk.clone() } else { union_all(&disks) })
}

/// A regular polygon around a point; it starts where the point's orthogonal direction meets the circle.
fn disk(point: Point, radius: f64, error: f64) -> Geography {
    let widest = 2.0 * PI / 3.0 + 1e-15;
    let side = widest.min(2.0 * ((radius - error).tan() / radius.tan()).acos());
    let step = chord2_of_angle(2.0 * PI / (2.0 * PI / side).ceil() + 1e-15);
    let (center, radius) = (point.vector(), chord2_of_angle(radius));
    let mut start = center.ortho();
    let mut angle = 0.0;
    let mut ring = Vec::new();
    // Squared chords measure half a circle at most, so it is made of quarters.
    for _ in 0..4 {
        let next = center.cross(start).normalize();
        while angle < RIGHT {
            let direction = on_ray(start, next, angle);
            ring.push(on_ray(center, direction, radius).place());
            angle = add(angle, step);
        }
        angle = subtract(angle, RIGHT);
        start = next;
    }
    Geography::polygon(vec![ring])
}

/// The squared chord of a right angle.
const RIGHT: f64 = 2.0;

/// The sum of two angles as squared chords.
fn add(left: f64, right: f64) -> f64 {
    let (x, y) = (left * (1.0 - 0.25 * right), right * (1.0 - 0.25 * left));
    (x + y + 2.0 * (x * y).sqrt()).min(4.0)
}

/// The difference of two angles as squared chords.
fn subtract(left: f64, right: f64) -> f64 {
    let (x, y) = (left * (1.0 - 0.25 * right), right * (1.0 - 0.25 * left));
    let chord = (x.sqrt() - y.sqrt()).max(0.0);
    if left <= right { 0.0 } else { chord * chord }
}

//! Fewer or rounder vertices: chains simplified within a tolerance, vertices snapped to a grid.
//! Invariant: vertices that remain are vertices that were there, or their places on the grid.

use std::f64::consts::{FRAC_PI_2, PI};

use super::vector::{Vector, vectors};
use super::{EARTH_RADIUS_METERS, Geography, Point};
use crate::error::{Result, SqlError};

/// Angles beyond this are not snapped: about 7800 km.
const TOLERANCE_MAX: f64 = 70.0 * PI / 180.0;

/// A geography whose chains pass within a tolerance of the vertices that they lost.
pub(crate) fn simplify(geography: &Geography, meters: f64) -> Result<Geography> {
    let tolerance = meters / EARTH_RADIUS_METERS;
    if !(0.0..=TOLERANCE_MAX).contains(&tolerance) {
        return Err(SqlError::evaluation(format!(
            "ST_Simplify failed: Tolerance must be between 0 and {} meters",
            TOLERANCE_MAX * EARTH_RADIUS_METERS
        )));
    }
    if tolerance == 0.0 {
        return Ok(geography.clone());
    }
    let mut sites = Vec::new();
    let mut result = Geography::default();
    for point in snap(&geography.points, tolerance, &mut sites) {
        if !result.points.contains(&point) {
            result.points.push(point);
        }
    }
    for line in &geography.lines {
        let chain = thin(&snap(line, tolerance, &mut sites), tolerance);
        result.append(from_chain(chain));
    }
    for polygon in &geography.polygons {
        let mut rings = Vec::new();
        for (index, ring) in polygon.iter().enumerate() {
            let mut chain = thin(&snap(&super::closed(ring), tolerance, &mut sites), tolerance);
            if chain.len() > 3 {
                chain.pop();
                rings.push(chain);
            } else if index == 0 {
                // A shell that has no inside left is a line or a point.
                chain.truncate(2);
                chain.dedup();
                result.append(from_chain(chain));
                break;
            }
        }
        if !rings.is_empty() {
            result.polygons.push(rings);
        }
    }
    Ok(result)
}

fn from_chain(chain: Vec<Point>) -> Geography {
    match chain[..] {
        [] => Geography::default(),
        [point] => Geography::point(point),
        _ => Geography::line(chain),
    }
}

/// Each vertex at the site that is near enough, or as a new site.
fn snap(chain: &[Point], tolerance: f64, sites: &mut Vec<(Vector, Point)>) -> Vec<Point> {
    let mut snapped = Vec::new();
    for point in chain {
        let vector = point.vector();
        let near = sites
            .iter()
            .map(|(site, place)| (site.angle(vector), *place))
            .filter(|(angle, _)| *angle <= tolerance)
            .min_by(|left, right| left.0.total_cmp(&right.0));
        if near.is_none() {
            sites.push((vector, *point));
        }
        snapped.push(near.map_or(*point, |(_, place)| place));
    }
    snapped.dedup();
    snapped
}

/// A chain without the vertices that longer edges pass within the tolerance.
fn thin(chain: &[Point], tolerance: f64) -> Vec<Point> {
    let directions = vectors(chain);
    let mut kept = chain.first().copied().into_iter().collect::<Vec<_>>();
    let mut index = 0;
    while index + 1 < chain.len() {
        index = reach(&directions, index, tolerance);
        kept.push(chain[index]);
    }
    kept.dedup();
    kept
}

/// The last vertex that one edge from a vertex reaches: the wedge of directions that pass near enough to all
/// vertices on the way must not run out, and the vertices must go away from the start.
fn reach(chain: &[Vector], from: usize, tolerance: f64) -> usize {
    let origin = chain[from];
    let east = origin.ortho();
    let north = origin.cross(east);
    let mut wedge: Option<(f64, f64)> = None;
    let mut farthest = 0.0;
    let mut index = from + 1;
    while index < chain.len() {
        let distance = origin.angle(chain[index]);
        let too_long = distance > FRAC_PI_2 && farthest > 0.0;
        if too_long || (distance < farthest && farthest > tolerance) {
            break;
        }
        farthest = distance;
        if distance > tolerance {
            let angle = chain[index].dot(north).atan2(chain[index].dot(east));
            let half = (tolerance.sin() / distance.sin()).clamp(-1.0, 1.0).asin();
            wedge = match wedge {
                None => Some((angle, half)),
                Some(wedge) => match narrow(wedge, angle, half) {
                    None => break,
                    narrowed => narrowed,
                },
            };
        }
        index += 1;
    }
    (index - 1).max(from + 1)
}

/// The wedge around a direction that is in another; `None` when the direction is not in it.
fn narrow((center, half): (f64, f64), angle: f64, other_half: f64) -> Option<(f64, f64)> {
    let offset = (angle - center + PI).rem_euclid(2.0 * PI) - PI;
    if offset.abs() > half {
        return None;
    }
    let (low, high) = ((-half).max(offset - other_half), half.min(offset + other_half));
    Some((center + (low + high) / 2.0, (high - low) / 2.0))
}

/// A geography with its vertices on a grid of a power of ten of a degree.
pub(crate) fn snap_to_grid(geography: &Geography, grid: f64) -> Result<Geography> {
    if grid.is_nan() || grid <= 0.0 {
        return Err(SqlError::evaluation(
            "ST_SnapToGrid failed: The grid size must be greater than 0",
        ));
    }
    let exponent = grid.log10().round().clamp(-10.0, 0.0);
    let scale = 10_f64.powi(-(exponent as i32));
    let snap = |point: &Point| Point {
        longitude: (point.longitude * scale).round() / scale + 0.0,
        latitude: (point.latitude * scale).round() / scale + 0.0,
    };
    let chain = |places: &[Point]| {
        let mut chain = places.iter().map(snap).collect::<Vec<_>>();
        chain.dedup();
        chain
    };
    let mut result = Geography::default();
    for point in geography.points.iter().map(snap) {
        if !result.points.contains(&point) {
            result.points.push(point);
        }
    }
    for line in &geography.lines {
        result.append(from_chain(chain(line)));
    }
    for polygon in &geography.polygons {
        let rings = polygon.iter().map(|ring| {
            let mut ring = chain(&super::closed(ring));
            ring.pop();
            ring
        });
        let mut rings = rings.filter(|ring| ring.len() > 2).collect::<Vec<_>>();
        rings.retain(|ring| !ring.is_empty());
        if rings.is_empty() {
            let shell = polygon.first().map(|ring| chain(ring)).unwrap_or_default();
            result.append(from_chain(shell));
        } else {
            result.polygons.push(rings);
        }
    }
    Ok(result)
}

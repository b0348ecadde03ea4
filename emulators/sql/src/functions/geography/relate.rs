//! Predicates of two geographies.
//! Invariant: each follows from one relation of both, so that they never contradict each other.

use super::{Call, Result, Value, failed, geography, number};
use crate::geography::{self as shapes, Bounds, Relation};

pub(super) const OF_TWO: &[&str] = &["(GEOGRAPHY, GEOGRAPHY) -> BOOL"];
pub(super) const BOX: &[&str] = &["(GEOGRAPHY, FLOAT64, FLOAT64, FLOAT64, FLOAT64) -> BOOL"];

fn relation(args: &[Value]) -> Result<Relation> {
    Ok(Relation::of(geography(&args[0])?, geography(&args[1])?))
}

pub(super) fn intersects(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(relation(args)?.intersects.into())
}

pub(super) fn disjoint(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok((!relation(args)?.intersects).into())
}

pub(super) fn contains(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let relation = relation(args)?;
    Ok((relation.covers && relation.interiors_intersect).into())
}

pub(super) fn within(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let relation = relation(args)?;
    Ok((relation.covered_by && relation.interiors_intersect).into())
}

pub(super) fn covers(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(relation(args)?.covers.into())
}

pub(super) fn covered_by(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(relation(args)?.covered_by.into())
}

pub(super) fn equals(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [left, right] = [geography(&args[0])?, geography(&args[1])?];
    if left.is_empty() && right.is_empty() {
        return Ok(true.into());
    }
    let relation = Relation::of(left, right);
    Ok((relation.covers && relation.covered_by).into())
}

pub(super) fn touches(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let relation = relation(args)?;
    Ok((relation.intersects && !relation.interiors_intersect).into())
}

pub(super) fn is_near(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    super::measure::check_spheroid(args.get(3))?;
    let distance = shapes::distance(geography(&args[0])?, geography(&args[1])?);
    let limit = number(&args[2])?;
    Ok(distance.is_some_and(|distance| distance <= limit).into())
}

pub(super) fn intersects_box(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [west, south, east, north] = [1, 2, 3, 4].map(|index: usize| number(&args[index]));
    let bounds = Bounds { west: west?, south: south?, east: east?, north: north? };
    let latitude = -90.0..=90.0;
    if !latitude.contains(&bounds.south) || !latitude.contains(&bounds.north) {
        return Err(failed("ST_IntersectsBox", "Latitudes must be between -90 and 90 degrees"));
    }
    if !bounds.west.is_finite() || !bounds.east.is_finite() {
        return Err(failed("ST_IntersectsBox", "Longitudes must be finite"));
    }
    Ok(shapes::intersects_box(geography(&args[0])?, &bounds).into())
}

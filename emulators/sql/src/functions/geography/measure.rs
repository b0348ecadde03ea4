//! Distances, lengths, areas, angles and boxes.
//! All are on a sphere: no spheroid is known. Lengths are meters, angles radians.

use super::{Call, Result, Value, failed, geography, line, number, point};
use crate::error::SqlError;
use crate::geography::{self as shapes, Bounds, Geography};

pub(super) const OF_ONE: &[&str] = &["(GEOGRAPHY, [BOOL]) -> FLOAT64"];
pub(super) const OF_TWO: &[&str] = &["(GEOGRAPHY, GEOGRAPHY, [BOOL]) -> FLOAT64"];
pub(super) const BOX: &str =
    "(GEOGRAPHY) -> STRUCT<xmin FLOAT64, ymin FLOAT64, xmax FLOAT64, ymax FLOAT64>";
pub(super) const HAUSDORFF: &str = "(GEOGRAPHY, GEOGRAPHY, [directed => BOOL]) -> FLOAT64";
pub(super) const HAUSDORFF_WITHIN: &str =
    "(GEOGRAPHY, GEOGRAPHY, FLOAT64, [directed => BOOL]) -> BOOL";

/// The globe is a sphere here.
pub(super) fn check_spheroid(argument: Option<&Value>) -> Result<()> {
    if argument.is_some_and(Value::is_true) {
        return Err(SqlError::not_implemented("use_spheroid => TRUE"));
    }
    Ok(())
}

fn of_two(args: &[Value], measure: fn(&Geography, &Geography) -> Option<f64>) -> Result<Value> {
    check_spheroid(args.get(2))?;
    Ok(measure(geography(&args[0])?, geography(&args[1])?).into())
}

fn of_one(args: &[Value], measure: fn(&Geography) -> f64) -> Result<Value> {
    check_spheroid(args.get(1))?;
    Ok(measure(geography(&args[0])?).into())
}

pub(super) fn distance(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    of_two(args, shapes::distance)
}

pub(super) fn max_distance(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    of_two(args, shapes::max_distance)
}

pub(super) fn length(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    of_one(args, shapes::length)
}

pub(super) fn perimeter(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    of_one(args, shapes::perimeter)
}

pub(super) fn area(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    of_one(args, shapes::area)
}

pub(super) fn azimuth(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [from, to] = [point("ST_Azimuth", &args[0])?, point("ST_Azimuth", &args[1])?];
    Ok(shapes::azimuth(from, to).into())
}

pub(super) fn angle(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [first, corner, third] = [0, 1, 2].map(|index: usize| point("ST_Angle", &args[index]));
    Ok(shapes::corner_angle(first?, corner?, third?).into())
}

pub(super) fn locate_on_line(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    const NAME: &str = "ST_LineLocatePoint";
    let (line, point) = (line(NAME, &args[0])?, point(NAME, &args[1])?);
    Ok(shapes::locate_on_line(line, point).into())
}

pub(super) fn bounding_box(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(shapes::bounds(geography(&args[0])?).map_or(Value::Null, box_value))
}

pub(super) fn box_value(bounds: Bounds) -> Value {
    let Bounds { west, south, east, north } = bounds;
    Value::structure([west, south, east, north].map(Value::Float64))
}

/// The greatest of the distances from a vertex of one to the nearest place of the other.
fn directed_hausdorff(from: &Geography, to: &Geography) -> Option<f64> {
    let vertices = from.vertices().into_iter().map(Geography::point);
    let nearest = vertices.map(|vertex| shapes::distance(&vertex, to));
    nearest.collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)
}

fn hausdorff(args: &[Value], directed: bool) -> Result<Option<f64>> {
    let [left, right] = [geography(&args[0])?, geography(&args[1])?];
    let there = directed_hausdorff(left, right);
    if directed {
        return Ok(there);
    }
    let back = directed_hausdorff(right, left);
    Ok(there.zip(back).map(|(there, back)| there.max(back)))
}

pub(super) fn hausdorff_distance(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args.iter().take(2).any(Value::is_null) {
        return Ok(Value::Null);
    }
    Ok(hausdorff(args, args.get(2).is_some_and(Value::is_true))?.into())
}

pub(super) fn hausdorff_within(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args.iter().take(3).any(Value::is_null) {
        return Ok(Value::Null);
    }
    let limit = number(&args[2])?;
    if limit < 0.0 {
        return Err(failed("ST_HausdorffDWithin", "The distance must not be negative"));
    }
    let distance = hausdorff(args, args.get(3).is_some_and(Value::is_true))?;
    Ok(distance.is_some_and(|distance| distance <= limit).into())
}

//! Geographies from others: points, lines and polygons, overlays, buffers, hulls, fewer vertices.
//! Invariant: what comes out has its shells counterclockwise and no ring that crosses itself.

use super::{Call, Result, Value, failed, geographies, geography, line, mismatch, number, value};
use crate::geography::{self as shapes, Geography, Operation, Reading, Segments};

pub(super) const TWO: &[&str] = &["(GEOGRAPHY, GEOGRAPHY) -> GEOGRAPHY"];

pub(super) const TWO_OR_ARRAY: &[&str] =
    &["(GEOGRAPHY, GEOGRAPHY) -> GEOGRAPHY", "(ARRAY<GEOGRAPHY>) -> GEOGRAPHY"];

pub(super) const WITH_NUMBER: &[&str] = &["(GEOGRAPHY, FLOAT64) -> GEOGRAPHY"];

pub(super) const BUFFER: &str = "(GEOGRAPHY, FLOAT64, [num_seg_quarter_circle: FLOAT64], \
    [use_spheroid: BOOL], [endcap: STRING], [side: STRING]) -> GEOGRAPHY";

pub(super) const BUFFER_TOLERANCE: &str = "(GEOGRAPHY, FLOAT64, tolerance_meters: FLOAT64, \
    [use_spheroid: BOOL], [endcap: STRING], [side: STRING]) -> GEOGRAPHY";

pub(super) fn reading(function: &'static str) -> Reading {
    Reading { function, oriented: false, planar: false }
}

pub(super) fn point(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let point = reading("ST_GeogPoint").point(number(&args[0])?, number(&args[1])?)?;
    Ok(value(Geography::point(point)))
}

/// The geographies of two arguments, or of an array; `None` when one is NULL.
fn parts(args: &[Value]) -> Result<Option<Vec<&Geography>>> {
    let values = match args {
        [Value::Array(elements)] => &elements[..],
        args => args,
    };
    if values.iter().any(Value::is_null) {
        return Ok(None);
    }
    values.iter().map(geography).collect::<Result<_>>().map(Some)
}

pub(super) fn make_line(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Some(parts) = parts(args)? else { return Ok(Value::Null) };
    shapes::make_line(&reading("ST_MakeLine"), &parts).map(value)
}

pub(super) fn make_polygon(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut rings = vec![geography(&args[0])?];
    if let Some(holes) = args.get(1) {
        if holes.as_array().is_some_and(|holes| holes.iter().any(Value::is_null)) {
            return Ok(Value::Null);
        }
        rings.extend(geographies(holes)?);
    }
    shapes::make_polygon(&reading("ST_MakePolygon"), &rings).map(value)
}

pub(super) fn make_oriented(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Some(rings) = parts(args)? else { return Ok(Value::Null) };
    let reading = Reading { oriented: true, ..reading("ST_MakePolygonOriented") };
    shapes::make_polygon(&reading, &rings).map(value)
}

pub(super) fn union(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    // NULL elements of an array are passed over.
    let values = match args {
        [Value::Array(elements)] => &elements[..],
        args => args,
    };
    let parts = values.iter().filter(|value| !value.is_null()).map(geography);
    let parts = parts.collect::<Result<Vec<_>>>()?;
    Ok(value(shapes::union_all(parts)))
}

pub(super) fn intersection(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [first, second] = [geography(&args[0])?, geography(&args[1])?];
    Ok(value(shapes::overlay(first, second, Operation::Intersection)))
}

pub(super) fn difference(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let [first, second] = [geography(&args[0])?, geography(&args[1])?];
    Ok(value(shapes::overlay(first, second, Operation::Difference)))
}

/// Ends and sides matter for lines alone, which have no buffer here; their words are checked all the same.
fn check_words(function: &str, args: &[Value]) -> Result<()> {
    if args.get(3).is_some_and(Value::is_true) {
        return Err(crate::error::SqlError::not_implemented("use_spheroid => TRUE"));
    }
    let word = |index: usize, known: &[&str]| match args.get(index) {
        Some(Value::String(word)) => known.iter().any(|known| word.eq_ignore_ascii_case(known)),
        _ => true,
    };
    if !word(4, &["ROUND", "FLAT"]) {
        return Err(failed(function, "Endcap must be either ROUND or FLAT"));
    }
    if !word(5, &["BOTH", "LEFT", "RIGHT"]) {
        return Err(failed(function, "Side must be one of BOTH, LEFT and RIGHT"));
    }
    Ok(())
}

pub(super) fn buffer(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args[0].is_null() || args[1].is_null() {
        return Ok(Value::Null);
    }
    check_words("ST_Buffer", args)?;
    let sides = match args.get(2) {
        None | Some(Value::Null) => 8.0,
        Some(sides) => number(sides)?,
    };
    if sides.is_nan() || sides <= 0.0 {
        return Err(failed("ST_Buffer", "The number of segments must be positive"));
    }
    shapes::buffer(geography(&args[0])?, number(&args[1])?, Segments::Quarter(sides)).map(value)
}

pub(super) fn buffer_with_tolerance(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args.iter().take(3).any(Value::is_null) {
        return Ok(Value::Null);
    }
    check_words("ST_BufferWithTolerance", args)?;
    let tolerance = number(&args[2])?;
    if tolerance.is_nan() || tolerance <= 0.0 {
        return Err(failed("ST_BufferWithTolerance", "The tolerance must be positive"));
    }
    shapes::buffer(geography(&args[0])?, number(&args[1])?, Segments::Tolerance(tolerance))
        .map(value)
}

pub(super) fn centroid(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let center = shapes::centroid(geography(&args[0])?);
    Ok(value(center.map(Geography::point).unwrap_or_default()))
}

pub(super) fn convex_hull(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(shapes::convex_hull(geography(&args[0])?)?.map_or(Value::Null, value))
}

pub(super) fn simplify(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    shapes::simplify(geography(&args[0])?, number(&args[1])?).map(value)
}

pub(super) fn snap_to_grid(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    shapes::snap_to_grid(geography(&args[0])?, number(&args[1])?).map(value)
}

pub(super) fn closest_point(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    super::measure::check_spheroid(args.get(2))?;
    let nearest = shapes::closest_point(geography(&args[0])?, geography(&args[1])?);
    Ok(nearest.map_or(Value::Null, |point| value(Geography::point(point))))
}

fn fraction(function: &str, argument: &Value) -> Result<f64> {
    let fraction = number(argument)?;
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    Err(failed(function, "Fraction must be between 0 and 1"))
}

pub(super) fn interpolate(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    const NAME: &str = "ST_LineInterpolatePoint";
    if geography(&args[0])?.is_empty() {
        return Ok(args[0].clone());
    }
    let (line, fraction) = (line(NAME, &args[0])?, fraction(NAME, &args[1])?);
    Ok(value(Geography::point(shapes::interpolate_line(line, fraction))))
}

pub(super) fn substring(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    const NAME: &str = "ST_LineSubstring";
    let line = line(NAME, &args[0])?;
    let (start, end) = (fraction(NAME, &args[1])?, fraction(NAME, &args[2])?);
    if start > end {
        return Err(failed(NAME, "The end fraction must not be less than the start fraction"));
    }
    if line.is_empty() {
        return Err(mismatch());
    }
    Ok(value(shapes::substring(line, start, end)))
}

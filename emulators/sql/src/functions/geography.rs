//! Functions of `GEOGRAPHY`: what is registered and the simple ones about shapes; formats, measures, relations
//! and constructions have files of their own. An argument of the wrong kind is an error that names the
//! function as BigQuery does.

mod aggregate;
mod construct;
mod format;
mod measure;
mod relate;

use std::sync::Arc;

pub(crate) use aggregate::AGGREGATES;

use super::arithmetic::{mismatch, strict};
use super::{Call, Nulls, ScalarFunction};
use crate::error::{Result, SqlError};
use crate::geography::{Geography, Point, closed};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    // Formats.
    optional("ST_GEOGFROMTEXT", &[format::FROM_TEXT], format::from_text),
    optional(
        "ST_GEOGFROMGEOJSON",
        &["(STRING, [make_valid => BOOL]) -> GEOGRAPHY"],
        format::from_geojson,
    ),
    optional("ST_GEOGFROMWKB", format::FROM_WKB, format::from_wkb),
    strict("ST_GEOGFROM", &["(BYTES) -> GEOGRAPHY", "(STRING) -> GEOGRAPHY"], format::from_any),
    strict("ST_ASTEXT", &["(GEOGRAPHY) -> STRING"], format::to_text),
    strict("ST_ASGEOJSON", &["(GEOGRAPHY, [INT64]) -> STRING"], format::to_geojson),
    strict("ST_ASBINARY", &["(GEOGRAPHY) -> BYTES"], format::to_wkb),
    strict("ST_GEOHASH", &["(GEOGRAPHY, [INT64]) -> STRING"], format::geohash),
    strict("ST_GEOGPOINTFROMGEOHASH", &["(STRING) -> GEOGRAPHY"], format::from_geohash),
    optional("S2_CELLIDFROMPOINT", &["(GEOGRAPHY, [level => INT64]) -> INT64"], format::cell_id),
    // Shapes.
    strict("ST_X", TO_FLOAT, |_, args| coordinate("ST_X", &args[0], |point| point.longitude)),
    strict("ST_Y", TO_FLOAT, |_, args| coordinate("ST_Y", &args[0], |point| point.latitude)),
    strict("ST_GEOMETRYTYPE", &["(GEOGRAPHY) -> STRING"], |_, args| {
        Ok(format!("ST_{}", geography(&args[0])?.kind()).into())
    }),
    strict("ST_DIMENSION", TO_INT, |_, args| Ok(geography(&args[0])?.dimension().into())),
    strict("ST_NUMPOINTS", TO_INT, point_count),
    strict("ST_NPOINTS", TO_INT, point_count),
    strict("ST_NUMGEOMETRIES", TO_INT, |_, args| count(geography(&args[0])?.shape_count())),
    strict("ST_ISEMPTY", TO_BOOL, |_, args| Ok(geography(&args[0])?.is_empty().into())),
    strict("ST_ISCOLLECTION", TO_BOOL, |_, args| {
        Ok((geography(&args[0])?.shape_count() > 1).into())
    }),
    strict("ST_ISCLOSED", TO_BOOL, |_, args| Ok(is_closed(geography(&args[0])?).into())),
    strict("ST_ISRING", TO_BOOL, |_, args| Ok(is_ring(geography(&args[0])?).into())),
    strict("ST_POINTN", &["(GEOGRAPHY, INT64) -> GEOGRAPHY"], point_n),
    strict("ST_STARTPOINT", TO_GEOGRAPHY, |_, args| {
        end_point("ST_StartPoint", &args[0], <[Point]>::first)
    }),
    strict("ST_ENDPOINT", TO_GEOGRAPHY, |_, args| {
        end_point("ST_EndPoint", &args[0], <[Point]>::last)
    }),
    strict("ST_BOUNDARY", TO_GEOGRAPHY, |_, args| Ok(value(boundary(geography(&args[0])?)))),
    strict("ST_EXTERIORRING", TO_GEOGRAPHY, exterior_ring),
    strict("ST_INTERIORRINGS", TO_ARRAY, interior_rings),
    strict("ST_DUMP", &["(GEOGRAPHY, [INT64]) -> ARRAY<GEOGRAPHY>"], dump),
    strict("ST_DUMPPOINTS", TO_ARRAY, |_, args| {
        let vertices = geography(&args[0])?.vertices().into_iter();
        Ok(Value::array(vertices.map(|vertex| value(Geography::point(vertex)))))
    }),
    // Constructions.
    strict("ST_GEOGPOINT", &["(FLOAT64, FLOAT64) -> GEOGRAPHY"], construct::point),
    strict("ST_MAKELINE", construct::TWO_OR_ARRAY, construct::make_line),
    strict(
        "ST_MAKEPOLYGON",
        &["(GEOGRAPHY, [ARRAY<GEOGRAPHY>]) -> GEOGRAPHY"],
        construct::make_polygon,
    ),
    strict(
        "ST_MAKEPOLYGONORIENTED",
        &["(ARRAY<GEOGRAPHY>) -> GEOGRAPHY"],
        construct::make_oriented,
    ),
    strict("ST_UNION", construct::TWO_OR_ARRAY, construct::union),
    strict("ST_INTERSECTION", construct::TWO, construct::intersection),
    strict("ST_DIFFERENCE", construct::TWO, construct::difference),
    optional("ST_BUFFER", &[construct::BUFFER], construct::buffer),
    optional(
        "ST_BUFFERWITHTOLERANCE",
        &[construct::BUFFER_TOLERANCE],
        construct::buffer_with_tolerance,
    ),
    strict("ST_CENTROID", TO_GEOGRAPHY, construct::centroid),
    strict("ST_CONVEXHULL", TO_GEOGRAPHY, construct::convex_hull),
    strict("ST_SIMPLIFY", construct::WITH_NUMBER, construct::simplify),
    strict("ST_SNAPTOGRID", construct::WITH_NUMBER, construct::snap_to_grid),
    strict(
        "ST_CLOSESTPOINT",
        &["(GEOGRAPHY, GEOGRAPHY, [BOOL]) -> GEOGRAPHY"],
        construct::closest_point,
    ),
    strict("ST_LINEINTERPOLATEPOINT", construct::WITH_NUMBER, construct::interpolate),
    strict(
        "ST_LINESUBSTRING",
        &["(GEOGRAPHY, FLOAT64, FLOAT64) -> GEOGRAPHY"],
        construct::substring,
    ),
    // Measures.
    strict("ST_DISTANCE", measure::OF_TWO, measure::distance),
    strict("ST_MAXDISTANCE", measure::OF_TWO, measure::max_distance),
    strict("ST_LENGTH", measure::OF_ONE, measure::length),
    strict("ST_PERIMETER", measure::OF_ONE, measure::perimeter),
    strict("ST_AREA", measure::OF_ONE, measure::area),
    strict("ST_AZIMUTH", &["(GEOGRAPHY, GEOGRAPHY) -> FLOAT64"], measure::azimuth),
    strict("ST_ANGLE", &["(GEOGRAPHY, GEOGRAPHY, GEOGRAPHY) -> FLOAT64"], measure::angle),
    strict("ST_LINELOCATEPOINT", &["(GEOGRAPHY, GEOGRAPHY) -> FLOAT64"], measure::locate_on_line),
    strict("ST_BOUNDINGBOX", &[measure::BOX], measure::bounding_box),
    optional("ST_HAUSDORFFDISTANCE", &[measure::HAUSDORFF], measure::hausdorff_distance),
    optional("ST_HAUSDORFFDWITHIN", &[measure::HAUSDORFF_WITHIN], measure::hausdorff_within),
    // Relations.
    strict("ST_INTERSECTS", relate::OF_TWO, relate::intersects),
    strict("ST_DISJOINT", relate::OF_TWO, relate::disjoint),
    strict("ST_CONTAINS", relate::OF_TWO, relate::contains),
    strict("ST_WITHIN", relate::OF_TWO, relate::within),
    strict("ST_COVERS", relate::OF_TWO, relate::covers),
    strict("ST_COVEREDBY", relate::OF_TWO, relate::covered_by),
    strict("ST_EQUALS", relate::OF_TWO, relate::equals),
    strict("ST_TOUCHES", relate::OF_TWO, relate::touches),
    strict("ST_DWITHIN", &["(GEOGRAPHY, GEOGRAPHY, FLOAT64, [BOOL]) -> BOOL"], relate::is_near),
    strict("ST_INTERSECTSBOX", relate::BOX, relate::intersects_box),
];

const TO_FLOAT: &[&str] = &["(GEOGRAPHY) -> FLOAT64"];
const TO_INT: &[&str] = &["(GEOGRAPHY) -> INT64"];
const TO_BOOL: &[&str] = &["(GEOGRAPHY) -> BOOL"];
const TO_GEOGRAPHY: &[&str] = &["(GEOGRAPHY) -> GEOGRAPHY"];
const TO_ARRAY: &[&str] = &["(GEOGRAPHY) -> ARRAY<GEOGRAPHY>"];

/// A function with arguments by name: those that are not given are NULL or missing.
const fn optional(
    name: &'static str,
    signatures: &'static [&'static str],
    call: fn(&Call<'_>, &[Value]) -> Result<Value>,
) -> ScalarFunction {
    ScalarFunction { name, signatures, nulls: Nulls::Passed, call }
}

fn value(geography: Geography) -> Value {
    Value::Geography(Arc::new(geography))
}

fn geography(value: &Value) -> Result<&Geography> {
    match value {
        Value::Geography(geography) => Ok(geography),
        _ => Err(mismatch()),
    }
}

fn geographies(value: &Value) -> Result<Vec<&Geography>> {
    value.as_array().ok_or_else(mismatch)?.iter().map(geography).collect()
}

fn number(value: &Value) -> Result<f64> {
    value.as_float64().ok_or_else(mismatch)
}

fn failed(function: &str, what: &str) -> SqlError {
    SqlError::evaluation(format!("{function} failed: {what}"))
}

/// The point of an argument that must be one.
fn point(function: &str, argument: &Value) -> Result<Point> {
    geography(argument)?.as_point().ok_or_else(|| failed(function, "Input must be a single point"))
}

/// The line of an argument that must be one.
fn line<'a>(function: &str, argument: &'a Value) -> Result<&'a [Point]> {
    geography(argument)?
        .as_line()
        .ok_or_else(|| failed(function, "Input must be a single linestring"))
}

fn count(count: usize) -> Result<Value> {
    i64::try_from(count).map(Value::Int64).map_err(|_| mismatch())
}

fn coordinate(function: &str, argument: &Value, part: fn(Point) -> f64) -> Result<Value> {
    if geography(argument)?.is_empty() {
        return Ok(Value::Null);
    }
    Ok(part(point(function, argument)?).into())
}

fn point_count(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let geography = geography(&args[0])?;
    // A ring counts its first place again at its end.
    let rings = geography.polygons.iter().map(Vec::len).sum::<usize>();
    count(geography.vertices().len() + rings)
}

fn is_closed(geography: &Geography) -> bool {
    !geography.is_empty()
        && geography.polygons.is_empty()
        && geography.lines.iter().all(|line| line.first() == line.last())
}

fn is_ring(geography: &Geography) -> bool {
    let Some(line) = geography.as_line() else { return false };
    if line.first() != line.last() || line.len() < 4 {
        return false;
    }
    // A ring that passes a place twice makes no polygon.
    let reading = construct::reading("ST_IsRing");
    crate::geography::make_polygon(&reading, &[geography]).is_ok()
}

fn point_n(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let line = line("ST_PointN", &args[0])?;
    let index = args[1].as_int64().ok_or_else(mismatch)?;
    let length = i64::try_from(line.len()).map_err(|_| mismatch())?;
    let offset = if index < 0 { index.checked_add(length) } else { index.checked_sub(1) };
    let place = offset.and_then(|offset| usize::try_from(offset).ok());
    place.and_then(|place| line.get(place)).map(|point| value(Geography::point(*point))).ok_or_else(
        || {
            failed(
                "ST_PointN",
                &format!("Index {index} is out of range for a linestring of {length} points"),
            )
        },
    )
}

fn end_point(
    function: &str,
    argument: &Value,
    end: fn(&[Point]) -> Option<&Point>,
) -> Result<Value> {
    let point = end(line(function, argument)?).copied().ok_or_else(mismatch)?;
    Ok(value(Geography::point(point)))
}

fn boundary(geography: &Geography) -> Geography {
    let mut boundary = Geography::default();
    for line in &geography.lines {
        if let (Some(first), Some(last)) = (line.first(), line.last())
            && first != last
        {
            boundary.points.extend([*first, *last]);
        }
    }
    boundary.lines.extend(geography.polygons.iter().flatten().map(|ring| closed(ring)));
    boundary
}

fn exterior_ring(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let polygon = geography(&args[0])?.as_polygon();
    let shell = polygon.and_then(|polygon| polygon.first());
    let shell = shell.ok_or_else(|| failed("ST_ExteriorRing", "Input must be a single polygon"))?;
    Ok(value(Geography::line(closed(shell))))
}

fn interior_rings(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let polygon = geography(&args[0])?.as_polygon();
    let polygon =
        polygon.ok_or_else(|| failed("ST_InteriorRings", "Input must be a single polygon"))?;
    let rings = polygon.iter().skip(1).map(|ring| {
        let mut ring = ring.clone();
        ring.reverse();
        value(Geography::line(closed(&ring)))
    });
    Ok(Value::array(rings))
}

fn dump(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let dimension = args.get(1).map_or(Some(-1), Value::as_int64).ok_or_else(mismatch)?;
    if !(-1..=2).contains(&dimension) {
        return Err(failed("ST_Dump", "Dimension must be between -1 and 2"));
    }
    let shapes = geography(&args[0])?.shapes().into_iter();
    let shapes = shapes.filter(|shape| dimension == -1 || shape.dimension() == dimension);
    Ok(Value::array(shapes.map(value)))
}

#[cfg(test)]
mod tests;

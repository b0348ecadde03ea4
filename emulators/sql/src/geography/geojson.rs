//! GeoJSON (RFC 7946) of geographies. Its edges are straight on the map, so that chains get more places where
//! that differs by more than ten meters.

use serde_json::Value as Json;

use super::build::Reading;
use super::tessellate::to_map;
use super::{Geography, Point, closed};
use crate::error::{Result, SqlError};
use crate::value::general;

/// Collections within collections are no deeper than this.
const DEPTH_MAX: usize = 64;

/// The text of a geography, with BigQuery's blanks.
pub(crate) fn to_geojson(geography: &Geography) -> String {
    let mut parts = Vec::new();
    match geography.points[..] {
        [] => {}
        [point] => parts.push(("Point", position(point))),
        _ => {
            let positions = geography.points.iter().map(|point| position(*point));
            parts.push(("MultiPoint", array(positions)));
        }
    }
    let line = |line: &Vec<Point>| chain(&to_map(line));
    match &geography.lines[..] {
        [] => {}
        [only] => parts.push(("LineString", line(only))),
        lines => parts.push(("MultiLineString", array(lines.iter().map(line)))),
    }
    let polygon =
        |rings: &Vec<Vec<Point>>| array(rings.iter().map(|ring| chain(&to_map(&closed(ring)))));
    match &geography.polygons[..] {
        [] => {}
        [only] => parts.push(("Polygon", polygon(only))),
        polygons => parts.push(("MultiPolygon", array(polygons.iter().map(polygon)))),
    }
    let object = |kind: &str, member: &str, value: &str| {
        format!("{{ \"type\": \"{kind}\", \"{member}\": {value} }} ")
    };
    match &parts[..] {
        [(kind, coordinates)] => object(kind, "coordinates", coordinates),
        parts => {
            let members = parts.iter().map(|(kind, value)| object(kind, "coordinates", value));
            let members = members.map(|member| member.trim_end().to_owned()).collect::<Vec<_>>();
            object("GeometryCollection", "geometries", &array(members))
        }
    }
}

fn array(items: impl IntoIterator<Item = String>) -> String {
    let items = items.into_iter().collect::<Vec<_>>();
    if items.is_empty() { "[ ]".to_owned() } else { format!("[ {} ]", items.join(", ")) }
}

fn chain(places: &[Point]) -> String {
    array(places.iter().map(|place| position(*place)))
}

fn position(point: Point) -> String {
    format!("[{}, {}]", general(point.longitude, Some(15)), general(point.latitude, Some(15)))
}

/// Reads a geometry.
pub(crate) fn from_geojson(text: &str, reading: &Reading) -> Result<Geography> {
    let json = serde_json::from_str(text).map_err(|_| reading.wrong("Invalid GeoJSON"))?;
    geometry(&json, reading, 0)
}

fn geometry(json: &Json, reading: &Reading, depth: usize) -> Result<Geography> {
    let wrong = || reading.wrong("Invalid GeoJSON geometry");
    let kind = json.get("type").and_then(Json::as_str).ok_or_else(wrong)?;
    let mut result = Geography::default();
    if kind == "GeometryCollection" {
        let members = json.get("geometries").and_then(Json::as_array).ok_or_else(wrong)?;
        if depth > DEPTH_MAX {
            return Err(wrong());
        }
        for member in members {
            result.append(geometry(member, reading, depth + 1)?);
        }
        return Ok(result);
    }
    let coordinates = json.get("coordinates").and_then(Json::as_array).ok_or_else(wrong)?;
    if coordinates.is_empty() && kind != "Feature" {
        return Ok(result);
    }
    match kind {
        "Point" => result.points.push(read_position(coordinates, reading)?),
        "MultiPoint" => result.points = read_chain(coordinates, reading)?,
        "LineString" => result.append(reading.line(read_chain(coordinates, reading)?)?),
        "MultiLineString" => {
            for line in chains(coordinates, reading)? {
                result.append(reading.line(line)?);
            }
        }
        "Polygon" => result.append(reading.polygon(chains(coordinates, reading)?)?),
        "MultiPolygon" => {
            for polygon in coordinates {
                let rings = polygon.as_array().ok_or_else(wrong)?;
                result.append(reading.polygon(chains(rings, reading)?)?);
            }
        }
        _ => return Err(unsupported(kind, reading)),
    }
    Ok(result)
}

fn unsupported(kind: &str, reading: &Reading) -> SqlError {
    reading.wrong(&format!("Unsupported GeoJSON type: {kind}"))
}

fn chains(coordinates: &[Json], reading: &Reading) -> Result<Vec<Vec<Point>>> {
    let chain = |chain: &Json| {
        let places =
            chain.as_array().ok_or_else(|| reading.wrong("Invalid GeoJSON coordinates"))?;
        read_chain(places, reading)
    };
    coordinates.iter().map(chain).collect()
}

fn read_chain(coordinates: &[Json], reading: &Reading) -> Result<Vec<Point>> {
    let place = |place: &Json| {
        let numbers =
            place.as_array().ok_or_else(|| reading.wrong("Invalid GeoJSON coordinates"))?;
        read_position(numbers, reading)
    };
    coordinates.iter().map(place).collect()
}

fn read_position(numbers: &[Json], reading: &Reading) -> Result<Point> {
    let wrong = || reading.wrong("A GeoJSON position must have exactly two numbers");
    let [longitude, latitude] = numbers else { return Err(wrong()) };
    let (Some(longitude), Some(latitude)) = (longitude.as_f64(), latitude.as_f64()) else {
        return Err(wrong());
    };
    reading.point(longitude, latitude)
}

//! Geographies as text, JSON, bytes and names, and back.
//! Invariant: what is written reads back as the same geography, to fifteen digits.

use super::{Call, Point, Result, Value, failed, geography, mismatch, point, value};
use crate::error::SqlError;
use crate::geography::{Geography, Reading};

pub(super) const FROM_TEXT: &str =
    "(STRING, [oriented => BOOL], [planar => BOOL], [make_valid => BOOL]) -> GEOGRAPHY";

pub(super) const FROM_WKB: &[&str] = &[
    "(BYTES, [oriented => BOOL], [planar => BOOL], [make_valid => BOOL]) -> GEOGRAPHY",
    "(STRING, [oriented => BOOL], [planar => BOOL], [make_valid => BOOL]) -> GEOGRAPHY",
];

fn is_set(args: &[Value], index: usize) -> bool {
    args.get(index).is_some_and(Value::is_true)
}

/// How to read by the arguments after the first, and whether to repair.
fn reading(function: &'static str, args: &[Value]) -> Result<(Reading, bool)> {
    let (oriented, planar, repair) = (is_set(args, 1), is_set(args, 2), is_set(args, 3));
    if oriented && (planar || repair) {
        return Err(failed(function, "oriented cannot be combined with planar or make_valid"));
    }
    Ok((Reading { function, oriented, planar }, repair))
}

/// A repair of what is wrong is not done here.
fn repaired(result: Result<Geography>, repair: bool) -> Result<Value> {
    match result {
        Err(error) if repair && error.message.contains("Invalid polygon loop") => {
            Err(SqlError::not_implemented("make_valid of an invalid polygon"))
        }
        result => result.map(value),
    }
}

pub(super) fn from_text(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Value::String(text) = &args[0] else { return Ok(Value::Null) };
    let (reading, repair) = reading("ST_GeogFromText", args)?;
    repaired(crate::geography::from_wkt(text, &reading), repair)
}

pub(super) fn from_geojson(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Value::String(text) = &args[0] else { return Ok(Value::Null) };
    let reading = Reading { function: "ST_GeogFromGeoJSON", oriented: false, planar: true };
    repaired(crate::geography::from_geojson(text, &reading), is_set(args, 1))
}

pub(super) fn from_wkb(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (reading, repair) = reading("ST_GeogFromWKB", args)?;
    let result = match &args[0] {
        Value::Null => return Ok(Value::Null),
        Value::Bytes(bytes) => crate::geography::from_wkb(bytes, &reading),
        Value::String(text) => {
            let bytes =
                from_hex(text).ok_or_else(|| reading.wrong("Invalid hexadecimal string"))?;
            crate::geography::from_wkb(&bytes, &reading)
        }
        _ => return Err(mismatch()),
    };
    repaired(result, repair)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16));
    let digits = digits.collect::<Option<Vec<_>>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    pairs.collect()
}

/// Text in any of the formats.
pub(super) fn from_any(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Value::String(text) = &args[0] else { return from_wkb(call, args) };
    let text = text.trim();
    if text.starts_with('{') {
        return from_geojson(call, args);
    }
    let is_hex = text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { from_wkb(call, args) } else { from_text(call, args) }
}

pub(super) fn to_text(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(geography(&args[0])?.to_string().into())
}

pub(super) fn to_geojson(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(crate::geography::to_geojson(geography(&args[0])?).into())
}

pub(super) fn to_wkb(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(Value::bytes(crate::geography::to_wkb(geography(&args[0])?)))
}

pub(super) fn geohash(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if geography(&args[0])?.is_empty() {
        return Ok(Value::Null);
    }
    let characters = args.get(1).map_or(Some(0), Value::as_int64).ok_or_else(mismatch)?;
    Ok(crate::geography::geohash(point("ST_GeoHash", &args[0])?, characters).into())
}

pub(super) fn from_geohash(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let hash = args[0].as_str().ok_or_else(mismatch)?;
    let place: Option<Point> = crate::geography::point_of_geohash(hash);
    place
        .map(|place| value(Geography::point(place)))
        .ok_or_else(|| failed("ST_GeogPointFromGeoHash", &format!("Invalid GeoHash: {hash}")))
}

pub(super) fn cell_id(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let level = match args.get(1) {
        None | Some(Value::Null) => Some(30),
        Some(level) => level.as_int64().and_then(|level| u32::try_from(level).ok()),
    };
    let level = level.filter(|level| *level <= 30);
    let level =
        level.ok_or_else(|| failed("S2_CellIdFromPoint", "Level must be between 0 and 30"))?;
    Ok(crate::geography::cell_id(point("S2_CellIdFromPoint", &args[0])?, level).into())
}

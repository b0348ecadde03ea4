//! Well-known binary (OGC 06-103r4, section 8) of geographies: written in little-endian order, read in both.
//! Invariant: counts in the input are not believed before their bytes are there.

use super::build::Reading;
use super::{Geography, Point, Polygon, closed};
use crate::error::{Result, SqlError};

const POINT: u32 = 1;
const LINE: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_POINT: u32 = 4;
const MULTI_LINE: u32 = 5;
const MULTI_POLYGON: u32 = 6;
const COLLECTION: u32 = 7;

/// Collections within collections are no deeper than this.
const DEPTH_MAX: usize = 64;

/// The bytes of a geography.
pub(crate) fn to_wkb(geography: &Geography) -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts = [
        geography.points.len().min(1),
        geography.lines.len().min(1),
        geography.polygons.len().min(1),
    ];
    if parts.iter().sum::<usize>() != 1 {
        header(&mut bytes, COLLECTION);
        count(&mut bytes, parts.iter().sum());
    }
    write_points(&mut bytes, &geography.points);
    write_lines(&mut bytes, &geography.lines);
    write_polygons(&mut bytes, &geography.polygons);
    bytes
}

fn write_points(bytes: &mut Vec<u8>, points: &[Point]) {
    if points.len() > 1 {
        header(bytes, MULTI_POINT);
        count(bytes, points.len());
    }
    for point in points {
        header(bytes, POINT);
        place(bytes, *point);
    }
}

fn write_lines(bytes: &mut Vec<u8>, lines: &[Vec<Point>]) {
    if lines.len() > 1 {
        header(bytes, MULTI_LINE);
        count(bytes, lines.len());
    }
    for line in lines {
        header(bytes, LINE);
        chain(bytes, line);
    }
}

fn write_polygons(bytes: &mut Vec<u8>, polygons: &[Polygon]) {
    if polygons.len() > 1 {
        header(bytes, MULTI_POLYGON);
        count(bytes, polygons.len());
    }
    for polygon in polygons {
        header(bytes, POLYGON);
        count(bytes, polygon.len());
        polygon.iter().for_each(|ring| chain(bytes, &closed(ring)));
    }
}

fn header(bytes: &mut Vec<u8>, kind: u32) {
    bytes.push(1);
    bytes.extend_from_slice(&kind.to_le_bytes());
}

fn count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn place(bytes: &mut Vec<u8>, point: Point) {
    bytes.extend_from_slice(&point.longitude.to_le_bytes());
    bytes.extend_from_slice(&point.latitude.to_le_bytes());
}

fn chain(bytes: &mut Vec<u8>, points: &[Point]) {
    count(bytes, points.len());
    points.iter().for_each(|point| place(bytes, *point));
}

/// Reads a geography.
pub(crate) fn from_wkb(bytes: &[u8], reading: &Reading) -> Result<Geography> {
    let mut reader = Reader { rest: bytes, big_endian: false, reading };
    let geography = reader.geography(0)?;
    if reader.rest.is_empty() { Ok(geography) } else { Err(reader.wrong()) }
}

struct Reader<'a> {
    rest: &'a [u8],
    big_endian: bool,
    reading: &'a Reading,
}

impl Reader<'_> {
    fn geography(&mut self, depth: usize) -> Result<Geography> {
        let [order] = self.take::<1>()?;
        self.big_endian = match order {
            0 => true,
            1 => false,
            _ => return Err(self.wrong()),
        };
        let kind = self.integer()?;
        if depth > DEPTH_MAX {
            return Err(self.wrong());
        }
        match kind {
            POINT => {
                let (longitude, latitude) = (self.double()?, self.double()?);
                if longitude.is_nan() && latitude.is_nan() {
                    return Ok(Geography::default());
                }
                self.reading.point(longitude, latitude).map(Geography::point)
            }
            LINE => {
                let places = self.chain()?;
                if places.is_empty() {
                    return Ok(Geography::default());
                }
                self.reading.line(places)
            }
            POLYGON => {
                let rings = self.integer()?;
                let rings = (0..rings).map(|_| self.chain()).collect::<Result<Vec<_>>>()?;
                if rings.is_empty() {
                    return Ok(Geography::default());
                }
                self.reading.polygon(rings)
            }
            MULTI_POINT..=COLLECTION => {
                let mut whole = Geography::default();
                for _ in 0..self.integer()? {
                    whole.append(self.geography(depth + 1)?);
                }
                Ok(whole)
            }
            _ => Err(self.wrong()),
        }
    }

    fn chain(&mut self) -> Result<Vec<Point>> {
        let mut places = Vec::new();
        for _ in 0..self.integer()? {
            let (longitude, latitude) = (self.double()?, self.double()?);
            places.push(self.reading.point(longitude, latitude)?);
        }
        Ok(places)
    }

    fn integer(&mut self) -> Result<u32> {
        let bytes = self.take::<4>()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn double(&mut self) -> Result<f64> {
        let bytes = self.take::<8>()?;
        Ok(if self.big_endian { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn wrong(&self) -> SqlError {
        self.reading.wrong("Invalid WKB")
    }
}

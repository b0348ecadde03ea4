//! Well-known text (OGC 06-103r4, section 7) of geographies, with 15 digits as BigQuery prints it.

use std::fmt;

use super::{Geography, Point, Polygon};
use crate::value::general;

impl fmt::Display for Geography {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [self.points.is_empty(), self.lines.is_empty(), self.polygons.is_empty()];
        let shapes = self.points.len() + self.lines.len() + self.polygons.len();
        if shapes == 0 {
            return formatter.write_str("GEOMETRYCOLLECTION EMPTY");
        }
        let points = self.points.iter().map(|point| place(*point)).collect::<Vec<_>>();
        let lines = self.lines.iter().map(|line| places(line)).collect::<Vec<_>>();
        let polygons = self.polygons.iter().map(rings).collect::<Vec<_>>();
        if kinds.iter().filter(|is_empty| !**is_empty).count() > 1 {
            let points = points.iter().map(|text| format!("POINT({text})"));
            let lines = lines.iter().map(|text| format!("LINESTRING{text}"));
            let polygons = polygons.iter().map(|text| format!("POLYGON{text}"));
            let all = points.chain(lines).chain(polygons).collect::<Vec<_>>();
            return write!(formatter, "GEOMETRYCOLLECTION({})", all.join(", "));
        }
        let multi = if shapes > 1 { "MULTI" } else { "" };
        if !points.is_empty() {
            return write!(formatter, "{multi}POINT({})", points.join(", "));
        }
        let (name, texts) =
            if lines.is_empty() { ("POLYGON", polygons) } else { ("LINESTRING", lines) };
        let text = texts.join(", ");
        if shapes > 1 {
            write!(formatter, "MULTI{name}({text})")
        } else {
            write!(formatter, "{name}{text}")
        }
    }
}

fn place(point: Point) -> String {
    format!("{} {}", general(point.longitude, Some(15)), general(point.latitude, Some(15)))
}

fn places(line: &[Point]) -> String {
    let texts = line.iter().map(|point| place(*point)).collect::<Vec<_>>();
    format!("({})", texts.join(", "))
}

fn rings(polygon: &Polygon) -> String {
    let texts = polygon.iter().map(|ring| places(ring)).collect::<Vec<_>>();
    format!("({})", texts.join(", "))
}

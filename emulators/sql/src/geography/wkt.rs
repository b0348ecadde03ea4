//! Well-known text (OGC 06-103r4, section 7) of geographies: written with 15 digits as BigQuery prints it,
//! read without a third dimension.

use std::fmt;

use super::build::Reading;
use super::{Geography, Point, Polygon, closed};
use crate::error::Result;
use crate::value::general;

/// Collections within collections are no deeper than this.
const DEPTH_MAX: usize = 64;

impl fmt::Display for Geography {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts =
            [points_text(&self.points), lines_text(&self.lines), areas_text(&self.polygons)];
        let texts = texts.into_iter().flatten().collect::<Vec<_>>();
        match texts.as_slice() {
            [] => formatter.write_str("GEOMETRYCOLLECTION EMPTY"),
            [text] => formatter.write_str(text),
            texts => write!(formatter, "GEOMETRYCOLLECTION({})", texts.join(", ")),
        }
    }
}

fn points_text(points: &[Point]) -> Option<String> {
    match points {
        [] => None,
        [point] => Some(format!("POINT({})", place_text(*point))),
        points => Some(format!("MULTIPOINT{}", chain_text(points))),
    }
}

fn lines_text(lines: &[Vec<Point>]) -> Option<String> {
    match lines {
        [] => None,
        [line] => Some(format!("LINESTRING{}", chain_text(line))),
        lines => {
            let texts = lines.iter().map(|line| chain_text(line)).collect::<Vec<_>>();
            Some(format!("MULTILINESTRING({})", texts.join(", ")))
        }
    }
}

fn areas_text(polygons: &[Polygon]) -> Option<String> {
    let area = |polygon: &Polygon| {
        let rings = polygon.iter().map(|ring| chain_text(&closed(ring))).collect::<Vec<_>>();
        format!("({})", rings.join(", "))
    };
    match polygons {
        [] => None,
        [polygon] => Some(format!("POLYGON{}", area(polygon))),
        polygons => {
            let texts = polygons.iter().map(area).collect::<Vec<_>>();
            Some(format!("MULTIPOLYGON({})", texts.join(", ")))
        }
    }
}

fn place_text(point: Point) -> String {
    format!("{} {}", general(point.longitude, Some(15)), general(point.latitude, Some(15)))
}

fn chain_text(chain: &[Point]) -> String {
    let texts = chain.iter().map(|point| place_text(*point)).collect::<Vec<_>>();
    format!("({})", texts.join(", "))
}

/// Reads a geography.
pub(crate) fn from_wkt(text: &str, reading: &Reading) -> Result<Geography> {
    let mut reader = Reader { rest: text, reading };
    let geography = reader.geography(0)?;
    reader.skip_blanks();
    if !reader.rest.is_empty() {
        return Err(reader.wrong());
    }
    Ok(geography)
}

struct Reader<'a> {
    rest: &'a str,
    reading: &'a Reading,
}

impl Reader<'_> {
    fn geography(&mut self, depth: usize) -> Result<Geography> {
        let kind = self.word().to_ascii_uppercase();
        if depth > DEPTH_MAX {
            return Err(self.wrong());
        }
        let known = matches!(
            kind.as_str(),
            "POINT"
                | "MULTIPOINT"
                | "LINESTRING"
                | "MULTILINESTRING"
                | "POLYGON"
                | "MULTIPOLYGON"
                | "GEOMETRYCOLLECTION"
        );
        if !known {
            return Err(self.wrong());
        }
        if self.take_word("EMPTY") {
            return Ok(Geography::default());
        }
        let mut geography = Geography::default();
        match kind.as_str() {
            "POINT" => {
                self.expect('(')?;
                geography.points.push(self.point()?);
                self.expect(')')?;
            }
            "MULTIPOINT" => geography.points = self.list(Self::loose_point)?,
            "LINESTRING" => geography.append(self.line()?),
            "MULTILINESTRING" => {
                self.list(Self::line)?.into_iter().for_each(|line| geography.append(line));
            }
            "POLYGON" => geography.append(self.polygon()?),
            "MULTIPOLYGON" => {
                self.list(Self::polygon)?.into_iter().for_each(|polygon| geography.append(polygon));
            }
            _ => {
                let parts = self.list(|reader| reader.geography(depth + 1))?;
                parts.into_iter().for_each(|part| geography.append(part));
            }
        }
        Ok(geography)
    }

    fn line(&mut self) -> Result<Geography> {
        let places = self.list(Self::point)?;
        self.reading.line(places)
    }

    fn polygon(&mut self) -> Result<Geography> {
        let rings = self.list(|reader| reader.list(Self::point))?;
        self.reading.polygon(rings)
    }

    /// `(item, item, …)`
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect('(')?;
        let mut items = vec![item(self)?];
        while self.take(',') {
            items.push(item(self)?);
        }
        self.expect(')')?;
        Ok(items)
    }

    /// A point of a multipoint, in parentheses or without.
    fn loose_point(&mut self) -> Result<Point> {
        let inside = self.take('(');
        let point = self.point()?;
        if inside {
            self.expect(')')?;
        }
        Ok(point)
    }

    fn point(&mut self) -> Result<Point> {
        let (longitude, latitude) = (self.number()?, self.number()?);
        self.reading.point(longitude, latitude)
    }

    fn number(&mut self) -> Result<f64> {
        self.skip_blanks();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = self.rest.find(|c: char| !is_part(c)).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| self.wrong())?;
        self.rest = &self.rest[end..];
        Ok(number)
    }

    fn word(&mut self) -> String {
        self.skip_blanks();
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.rest = &self.rest[end..];
        word
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found =
            self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    fn take(&mut self, mark: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, mark: char) -> Result<()> {
        if self.take(mark) { Ok(()) } else { Err(self.wrong()) }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }

    fn wrong(&self) -> crate::error::SqlError {
        let shown = self.rest.chars().take(20).collect::<String>();
        self.reading.wrong(&format!("Invalid WKT near \"{shown}\""))
    }
}

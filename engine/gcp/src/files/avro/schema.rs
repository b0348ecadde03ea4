//! The schema of an Avro file, as far as reading needs it: shapes in one list that refer to one another by
//! their place, so that a record may hold itself. Defaults, aliases, orders and documentation are no part
//! of what is read. Invariant: every reference is to a shape of the list.

use std::collections::BTreeMap;

use serde_json::Value;

/// Shapes that a schema may have; the deepest table has a few thousand columns.
const SHAPES_MAX: usize = 100_000;

/// How a value lies in the bytes, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Null,
    Boolean,
    /// An int or a long.
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// The symbols.
    Enum(Vec<String>),
    /// An array of a shape.
    Array(usize),
    /// A map from texts to a shape.
    Map(usize),
    /// The branches.
    Union(Vec<usize>),
    /// The fields in their order, by name.
    Record(Vec<(String, usize)>),
    /// Days since 1970.
    Date,
    /// The time of a day in units of which a second has so many.
    Time(i64),
    /// An instant in units of which a second has so many, and whether it is one of the UTC clock.
    Timestamp(i64, bool),
    /// A number with so many decimal digits after the point, in bytes or, with a length, fixed.
    Decimal(u32, Option<usize>),
}

/// A parsed schema.
#[derive(Debug)]
pub(super) struct Schema {
    shapes: Vec<Shape>,
    root: usize,
}

impl Schema {
    /// Parses the JSON of a schema.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        // JSON that is nested deeper than 128 is refused, and so is the schema.
        let json: Value = serde_json::from_slice(json)
            .map_err(|error| format!("its schema is not JSON: {error}"))?;
        let mut parser = Parser { shapes: Vec::new(), names: BTreeMap::new() };
        let root = parser.shape(&json, "")?;
        Ok(Self { shapes: parser.shapes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    pub(super) fn shape(&self, at: usize) -> &Shape {
        &self.shapes[at]
    }
}

struct Parser {
    shapes: Vec<Shape>,
    /// Named shapes by their full names.
    names: BTreeMap<String, usize>,
}

impl Parser {
    fn add(&mut self, shape: Shape) -> Result<usize, String> {
        if self.shapes.len() == SHAPES_MAX {
            return Err(format!("its schema has more than {SHAPES_MAX} types"));
        }
        self.shapes.push(shape);
        Ok(self.shapes.len() - 1)
    }

    /// The place of a schema's shape; names without dots are those of `namespace`.
    fn shape(&mut self, json: &Value, namespace: &str) -> Result<usize, String> {
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches: Result<_, _> =
                    branches.iter().map(|branch| self.shape(branch, namespace)).collect();
                self.add(Shape::Union(branches?))
            }
            Value::Object(_) => match &json["type"] {
                Value::String(kind) => self.complex(kind, json, namespace),
                nested => self.shape(nested, namespace),
            },
            other => Err(format!("its schema has `{other}` where a type belongs")),
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Result<usize, String> {
        let primitive = match name {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "int" | "long" => Shape::Long,
            "float" => Shape::Float,
            "double" => Shape::Double,
            "bytes" => Shape::Bytes,
            "string" => Shape::Text,
            name => {
                let known = self.names.get(&full_name(name, namespace));
                let known = known.or_else(|| self.names.get(name)).copied();
                return known.ok_or_else(|| format!("its schema has the unknown type `{name}`"));
            }
        };
        self.add(primitive)
    }

    fn complex(&mut self, kind: &str, json: &Value, namespace: &str) -> Result<usize, String> {
        let logical = json["logicalType"].as_str().unwrap_or_default();
        match kind {
            "record" | "error" => self.record(json, namespace),
            "enum" => {
                let symbols = json["symbols"].as_array().map(Vec::as_slice).unwrap_or_default();
                let symbols = symbols.iter().filter_map(Value::as_str).map(str::to_owned);
                let at = self.add(Shape::Enum(symbols.collect()))?;
                self.name(json, namespace, at)?;
                Ok(at)
            }
            "fixed" => {
                let size = json["size"].as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("its schema has a `fixed` without a size")?;
                let at = self.add(match logical {
                    "decimal" => Shape::Decimal(scale(json)?, Some(size)),
                    _ => Shape::Fixed(size),
                })?;
                self.name(json, namespace, at)?;
                Ok(at)
            }
            "array" => {
                let items = self.shape(&json["items"], namespace)?;
                self.add(Shape::Array(items))
            }
            "map" => {
                let values = self.shape(&json["values"], namespace)?;
                self.add(Shape::Map(values))
            }
            "bytes" if logical == "decimal" => self.add(Shape::Decimal(scale(json)?, None)),
            "int" | "long" => self.add(integer(logical)),
            primitive => self.named(primitive, namespace),
        }
    }

    /// A record is named before its fields are looked at, because they may refer to it.
    fn record(&mut self, json: &Value, namespace: &str) -> Result<usize, String> {
        let at = self.add(Shape::Record(Vec::new()))?;
        let full = self.name(json, namespace, at)?;
        let within = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let mut fields = Vec::new();
        for field in json["fields"].as_array().ok_or("its schema has a record without fields")? {
            let name = field["name"].as_str().ok_or("its schema has a field without a name")?;
            fields.push((name.to_owned(), self.shape(&field["type"], within)?));
        }
        self.shapes[at] = Shape::Record(fields);
        Ok(at)
    }

    fn name(&mut self, json: &Value, namespace: &str, at: usize) -> Result<String, String> {
        let name = json["name"].as_str().ok_or("its schema has a type without a name")?;
        let namespace = json["namespace"].as_str().unwrap_or(namespace);
        let full = full_name(name, namespace);
        match self.names.insert(full.clone(), at) {
            None => Ok(full),
            Some(_) => Err(format!("its schema defines `{full}` twice")),
        }
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match namespace.is_empty() || name.contains('.') {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn scale(json: &Value) -> Result<u32, String> {
    let scale = json.get("scale").map_or(Some(0), Value::as_u64);
    scale
        .and_then(|scale| u32::try_from(scale).ok())
        .filter(|scale| *scale <= 1_000)
        .ok_or_else(|| "its schema has a decimal with a scale that is none".to_owned())
}

fn integer(logical: &str) -> Shape {
    match logical {
        "date" => Shape::Date,
        "time-millis" => Shape::Time(1_000),
        "time-micros" => Shape::Time(1_000_000),
        "timestamp-millis" => Shape::Timestamp(1_000, true),
        "timestamp-micros" => Shape::Timestamp(1_000_000, true),
        "timestamp-nanos" => Shape::Timestamp(1_000_000_000, true),
        "local-timestamp-millis" => Shape::Timestamp(1_000, false),
        "local-timestamp-micros" => Shape::Timestamp(1_000_000, false),
        "local-timestamp-nanos" => Shape::Timestamp(1_000_000_000, false),
        _ => Shape::Long,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_their_namespace_and_a_record_may_hold_itself() {
        let schema = Schema::parse(
            br#"{"type":"record","name":"node","namespace":"a.b","fields":[
                {"name":"kind","type":{"type":"enum","name":"kind","symbols":["x"]}},
                {"name":"again","type":"a.b.kind"},
                {"name":"next","type":["null","node"]}]}"#,
        )
        .unwrap();
        let Shape::Record(fields) = schema.shape(schema.root()) else { panic!("a record") };
        assert_eq!(fields[0].1, fields[1].1);
        let Shape::Union(branches) = schema.shape(fields[2].1) else { panic!("a union") };
        assert_eq!(branches[1], schema.root());
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for (json, reason) in [
            ("{", "not JSON"),
            ("7", "`7` where a type belongs"),
            (r#""thing""#, "unknown type `thing`"),
            (r#"{"type":"record","name":"r"}"#, "without fields"),
            (r#"{"type":"record","fields":[]}"#, "without a name"),
            (r#"{"type":"fixed","name":"f"}"#, "without a size"),
            (r#"{"type":"bytes","logicalType":"decimal","scale":-1}"#, "scale"),
            (
                r#"[{"type":"fixed","name":"f","size":1},{"type":"fixed","name":"f","size":1}]"#,
                "twice",
            ),
        ] {
            let error = Schema::parse(json.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}

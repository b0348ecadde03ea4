//! Schemas guessed from the rows of CSV and JSON files. Columns of a CSV file keep their order; fields of
//! JSON stand in the reverse order of their first appearance, at every level, as the service has them.

use serde::de::{MapAccess, SeqAccess, Visitor};

use super::csv::{CsvField, Dialect, records};
use super::json_lines::lines;
use crate::limits::{AUTODETECT_ROWS, NESTING_MAX};
use crate::rows::text::{parse_date, parse_time, parse_timestamp};
use crate::schema::{Field, FieldType, Mode, TableSchema};

/// What is known of a column's values.
#[derive(Debug, Clone, PartialEq, Default)]
enum Guess {
    /// Nothing but NULL.
    #[default]
    Unknown,
    Scalar(FieldType),
    Record(Vec<(String, Guess)>),
    Repeated(Box<Guess>),
}

/// The schema of a CSV file, and whether its first row holds the names.
pub(crate) fn of_csv(text: &str, dialect: &Dialect) -> (TableSchema, bool) {
    let rows: Vec<Vec<CsvField>> = records(text, dialect)
        .filter_map(|record| record.fields.ok())
        .take(dialect.skip_rows.saturating_add(AUTODETECT_ROWS))
        .collect();
    let skipped = dialect.skip_rows.min(rows.len());
    let (before, rows) = rows.split_at(skipped);
    let is_header = before.is_empty()
        && rows.len() > 1
        && rows[0].iter().all(|field| of_text(&field.text) == FieldType::String)
        && guesses(&rows[1..], dialect).iter().any(|guess| !is_string(guess));
    let (names, rows) = match (before.last(), is_header) {
        (Some(names), _) => (Some(names), rows),
        (None, true) => (rows.first(), &rows[1..]),
        (None, false) => (None, rows),
    };
    let guesses = guesses(rows, dialect);
    let fields = guesses.into_iter().enumerate().map(|(index, guess)| {
        let of = match guess {
            Guess::Scalar(of) => of,
            _ => FieldType::String,
        };
        let given = names.and_then(|names| names.get(index)).map(|field| column_name(&field.text));
        let name = given.filter(|name| !name.is_empty());
        Field::new(&name.unwrap_or_else(|| generated_name(&of, index)), of)
    });
    (TableSchema { fields: distinct(fields.collect()) }, is_header)
}

fn is_string(guess: &Guess) -> bool {
    matches!(guess, Guess::Unknown | Guess::Scalar(FieldType::String))
}

fn guesses(rows: &[Vec<CsvField>], dialect: &Dialect) -> Vec<Guess> {
    let mut guesses: Vec<Guess> = Vec::new();
    for row in rows {
        if guesses.len() < row.len() {
            guesses.resize(row.len(), Guess::Unknown);
        }
        for (guess, field) in guesses.iter_mut().zip(row) {
            if field.text.is_empty() || field.text == dialect.null_marker {
                continue;
            }
            merge(guess, Guess::Scalar(of_text(&field.text)));
        }
    }
    guesses
}

/// `int64_field_0`, as the service names columns without a name.
fn generated_name(of: &FieldType, index: usize) -> String {
    let of = match of {
        FieldType::Int64 => "int64",
        FieldType::Float64 => "double",
        FieldType::Bool => "bool",
        FieldType::Timestamp => "timestamp",
        FieldType::Date => "date",
        FieldType::Time => "time",
        _ => "string",
    };
    format!("{of}_field_{index}")
}

/// A header's text as a name: other characters become underscores.
fn column_name(text: &str) -> String {
    let name: String = text
        .trim()
        .chars()
        .map(|letter| if letter.is_alphanumeric() { letter } else { '_' })
        .collect();
    if name.starts_with(|letter: char| letter.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Names that differ: a second `a` is `a_1`.
fn distinct(fields: Vec<Field>) -> Vec<Field> {
    let mut out: Vec<Field> = Vec::with_capacity(fields.len());
    for mut field in fields {
        let base = field.name.clone();
        let mut count = 0;
        while out.iter().any(|other| other.name.eq_ignore_ascii_case(&field.name)) {
            count += 1;
            field.name = format!("{base}_{count}");
        }
        out.push(field);
    }
    out
}

/// The narrowest type of a text.
fn of_text(text: &str) -> FieldType {
    let text = text.trim();
    if text.parse::<i64>().is_ok() {
        FieldType::Int64
    } else if is_number(text) {
        FieldType::Float64
    } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        FieldType::Bool
    } else {
        of_moment(text)
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.'))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn of_moment(text: &str) -> FieldType {
    if parse_date(text).is_some() {
        FieldType::Date
    } else if text.contains(':') && parse_time(text).is_some() {
        FieldType::Time
    } else if parse_timestamp(text).is_some() {
        FieldType::Timestamp
    } else {
        FieldType::String
    }
}

/// The schema of newline-delimited JSON; lines that are no objects are passed over.
pub(crate) fn of_json(content: &[u8]) -> TableSchema {
    let mut all = Guess::Record(Vec::new());
    for (_, line) in lines(content).take(AUTODETECT_ROWS) {
        if let Ok(Node::Object(fields)) = serde_json::from_slice::<Node>(line) {
            merge(&mut all, of_node(Node::Object(fields), 0));
        }
    }
    match all {
        Guess::Record(fields) => TableSchema { fields: of_record(fields) },
        _ => TableSchema::default(),
    }
}

fn of_record(fields: Vec<(String, Guess)>) -> Vec<Field> {
    let fields = fields.into_iter().rev().map(|(name, guess)| {
        let (guess, mode) = match guess {
            Guess::Repeated(item) => (*item, Mode::Repeated),
            guess => (guess, Mode::Nullable),
        };
        let of = match guess {
            Guess::Scalar(of) => of,
            Guess::Record(fields) if !fields.is_empty() => FieldType::Record(of_record(fields)),
            _ => FieldType::String,
        };
        Field::new(&column_name(&name), of).with_mode(mode)
    });
    distinct(fields.collect())
}

fn of_node(node: Node, depth: usize) -> Guess {
    if depth > NESTING_MAX {
        return Guess::Scalar(FieldType::String);
    }
    match node {
        Node::Null => Guess::Unknown,
        Node::Bool => Guess::Scalar(FieldType::Bool),
        Node::Integer => Guess::Scalar(FieldType::Int64),
        Node::Float => Guess::Scalar(FieldType::Float64),
        Node::Text(text) => Guess::Scalar(of_moment(text.trim())),
        Node::Array(items) => {
            let mut item = Guess::Unknown;
            items.into_iter().for_each(|node| merge(&mut item, of_node(node, depth + 1)));
            Guess::Repeated(Box::new(item))
        }
        Node::Object(fields) => {
            let fields = fields.into_iter().map(|(name, node)| (name, of_node(node, depth + 1)));
            Guess::Record(fields.collect())
        }
    }
}

/// What both say.
fn merge(into: &mut Guess, other: Guess) {
    let merged = match (std::mem::take(into), other) {
        (Guess::Unknown, known) | (known, Guess::Unknown) => known,
        (Guess::Scalar(a), Guess::Scalar(b)) if a == b => Guess::Scalar(a),
        (Guess::Scalar(a), Guess::Scalar(b)) => Guess::Scalar(match (a, b) {
            (FieldType::Int64, FieldType::Float64) | (FieldType::Float64, FieldType::Int64) => {
                FieldType::Float64
            }
            (FieldType::Date, FieldType::Timestamp) | (FieldType::Timestamp, FieldType::Date) => {
                FieldType::Timestamp
            }
            _ => FieldType::String,
        }),
        (Guess::Record(mut fields), Guess::Record(more)) => {
            for (name, guess) in more {
                match fields.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    Some((_, known)) => merge(known, guess),
                    None => fields.push((name, guess)),
                }
            }
            Guess::Record(fields)
        }
        (Guess::Repeated(mut item), Guess::Repeated(more)) => {
            merge(&mut item, *more);
            Guess::Repeated(item)
        }
        // A value where another row has a list, and the like: the first stays, and wrong rows are bad.
        (known, _) => known,
    };
    *into = merged;
}

/// JSON with the order of its fields.
enum Node {
    Null,
    Bool,
    Integer,
    Float,
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> serde::Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Integer)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(if i64::try_from(value).is_ok() { Node::Integer } else { Node::Float })
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Node::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = fields.next_entry()? {
            out.push(entry);
        }
        Ok(Node::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(schema: &TableSchema) -> String {
        let fields = schema.fields.iter().map(|it| format!("{} {}", it.name, it.sql_text()));
        fields.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn csv_files() {
        let check = |text: &str, skip_rows: usize, expected: (&str, bool)| {
            let dialect = Dialect { skip_rows, ..Dialect::default() };
            let (schema, is_header) = of_csv(text, &dialect);
            assert_eq!((shown(&schema).as_str(), is_header), expected, "{text}");
        };
        check("id,name\n1,a\n2,b\n", 0, ("id INT64, name STRING", true));
        check(
            "1,a,2.5\n2,b,3\n",
            0,
            ("int64_field_0 INT64, string_field_1 STRING, double_field_2 FLOAT64", false),
        );
        check("a b,a b\ntrue,2024-01-01\n", 1, ("a_b BOOL, a_b_1 DATE", false));
        check("a,b\nc,d\n", 0, ("string_field_0 STRING, string_field_1 STRING", false));
        check("t\n2024-01-01 00:00:00\n2024-01-02\n", 1, ("t TIMESTAMP", false));
        check("", 0, ("", false));
    }

    #[test]
    fn json_files() {
        let check = |text: &str, expected: &str| {
            assert_eq!(shown(&of_json(text.as_bytes())), expected, "{text}");
        };
        check("{\"id\":1,\"name\":\"a\"}\n{\"id\":2.5}", "name STRING, id FLOAT64");
        check(
            "{\"a\":{\"x\":1,\"y\":[\"s\"]}}\n{\"a\":{\"z\":true}}",
            "a STRUCT<z BOOL, y ARRAY<STRING>, x INT64>",
        );
        check("{\"a\":[{\"x\":null}],\"b\":null}", "b STRING, a ARRAY<STRUCT<x STRING>>");
        check("[1]\n{\"at\":\"2024-01-01T00:00:00Z\"}", "at TIMESTAMP");
        check("{\"a\":1}\n{\"a\":\"x\"}", "a STRING");
    }
}

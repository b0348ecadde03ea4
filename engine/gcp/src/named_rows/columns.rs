//! Columns that rows have and their table has not: their types are read off the values, and they are added
//! as nullable columns by DDL, which may be said again without harm.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Longest name of a column: <https://cloud.google.com/bigquery/docs/schemas#column_names>.
const NAME_CHARACTERS_MAX: usize = 300;

/// Columns to add, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewColumns(BTreeMap<String, ColumnType>);

/// A type as a value shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ColumnType {
    /// An empty array, or an object without fields: nothing is known yet.
    Nothing,
    Bool,
    Integer,
    Float,
    Text,
    Array(Box<ColumnType>),
    Record(BTreeMap<String, ColumnType>),
}

impl NewColumns {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a field that the table does not have. One without a value needs no column.
    pub(super) fn add(&mut self, name: &str, value: &Value) -> Result<(), String> {
        if name.contains('.') {
            return Err(format!("no such field: {name}; only whole columns are added to a table"));
        }
        check_name(name)?;
        let found = ColumnType::of(value)?;
        if found != ColumnType::Nothing {
            let before = self.0.remove(name).unwrap_or(ColumnType::Nothing);
            self.0.insert(name.to_owned(), before.or(found));
        }
        Ok(())
    }

    /// The statement that adds them to a table, given as `project.dataset.table`.
    #[must_use]
    pub fn statement(&self, table: &str) -> String {
        let columns = self.0.iter().map(|(name, column)| {
            let mut text = format!("ADD COLUMN IF NOT EXISTS `{name}` ");
            column.write(&mut text);
            text
        });
        format!("ALTER TABLE `{table}` {}", columns.collect::<Vec<_>>().join(", "))
    }
}

/// Letters, digits and underscores, so that a name needs no quotes that could be broken out of.
fn check_name(name: &str) -> Result<(), String> {
    let is_fit = |character: char| character.is_alphanumeric() || character == '_';
    let begins = name.chars().next().is_some_and(|first| is_fit(first) && !first.is_numeric());
    let length = name.chars().count();
    if begins && name.chars().all(is_fit) && length <= NAME_CHARACTERS_MAX {
        return Ok(());
    }
    Err(format!("`{name}` cannot be the name of a column"))
}

impl ColumnType {
    fn of(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_f64() => Self::Float,
            Value::Number(number) if number.as_i64().is_none() => Self::Float,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::Text,
            Value::Array(elements) => {
                let mut all = Self::Nothing;
                for element in elements {
                    if element.is_array() {
                        return Err("an array of arrays has no type in BigQuery".to_owned());
                    }
                    all = all.or(Self::of(element)?);
                }
                if all == Self::Nothing { all } else { Self::Array(Box::new(all)) }
            }
            Value::Object(fields) => {
                let mut record = BTreeMap::new();
                for (name, value) in fields {
                    check_name(name)?;
                    let field = Self::of(value)?;
                    if field != Self::Nothing {
                        record.insert(name.clone(), field);
                    }
                }
                if record.is_empty() { Self::Nothing } else { Self::Record(record) }
            }
        })
    }

    /// The type that takes the values of both; values that have nothing in common are text, and then the
    /// rows that are none are refused.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) | (other, Self::Nothing) => other,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            (Self::Array(one), Self::Array(other)) => Self::Array(Box::new(one.or(*other))),
            (Self::Record(mut one), Self::Record(other)) => {
                for (name, field) in other {
                    let before = one.remove(&name).unwrap_or(Self::Nothing);
                    one.insert(name, before.or(field));
                }
                Self::Record(one)
            }
            (one, other) if one == other => one,
            _ => Self::Text,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Nothing | Self::Text => out.push_str("STRING"),
            Self::Bool => out.push_str("BOOL"),
            Self::Integer => out.push_str("INT64"),
            Self::Float => out.push_str("FLOAT64"),
            Self::Array(element) => {
                out.push_str("ARRAY<");
                element.write(out);
                out.push('>');
            }
            Self::Record(fields) => {
                out.push_str("STRUCT<");
                for (index, (name, field)) in fields.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}`{name}` ").expect("writing to a String cannot fail");
                    field.write(out);
                }
                out.push('>');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_read_off_values() {
        for (values, expected) in [
            (vec![json!(1)], "INT64"),
            (vec![json!(1), json!(1.5)], "FLOAT64"),
            (vec![json!(u64::MAX)], "FLOAT64"),
            (vec![json!(true)], "BOOL"),
            (vec![json!(true), json!(1)], "STRING"),
            (vec![json!([]), json!([1, null])], "ARRAY<INT64>"),
            (
                vec![json!({ "a": 1 }), json!({ "b": ["x"], "c": null })],
                "STRUCT<`a` INT64, `b` ARRAY<STRING>>",
            ),
        ] {
            let mut columns = NewColumns::default();
            for value in &values {
                columns.add("c", value).unwrap();
            }
            let expected = format!("ALTER TABLE `p.d.t` ADD COLUMN IF NOT EXISTS `c` {expected}");
            assert_eq!(columns.statement("p.d.t"), expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_column_is_refused() {
        let mut columns = NewColumns::default();
        for (name, value) in [
            ("a.b", json!(1)),
            ("a`b", json!(1)),
            ("1a", json!(1)),
            ("", json!(1)),
            ("a", json!([[1]])),
            ("a", json!({ "x y": 1 })),
        ] {
            assert!(columns.add(name, &value).is_err(), "{name}");
        }
        columns.add("nothing", &json!(null)).unwrap();
        columns.add("empty", &json!({})).unwrap();
        assert!(columns.is_empty());
    }
}

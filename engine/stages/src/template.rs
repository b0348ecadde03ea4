//! Names made of an event's own values: `events_{event_type}` is `events_click` for a click. Values are
//! made fit for a table's name, so that a name is always one that BigQuery takes. Invariant: the same
//! values give the same name.

use std::fmt::Write;

/// Longest table name, in bytes: <https://cloud.google.com/bigquery/docs/tables#table_naming>.
const NAME_BYTES_MAX: usize = 1_024;

/// A name with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without its partner.
    #[error("column {0}: a brace without its partner; write a value as `{{name}}`")]
    Brace(usize),
    /// Braces with nothing between them.
    #[error("column {0}: no name between the braces")]
    NoName(usize),
    /// A character that no table's name has.
    #[error("column {column}: `{found}` cannot stand in the name of a table")]
    Character {
        /// Where, from 1.
        column: usize,
        /// What stands there.
        found: char,
    },
    /// Nothing at all.
    #[error("an empty name")]
    Empty,
}

impl Template {
    /// Reads a template: letters, digits, `_`, `-`, one `.` between dataset and table, and values in braces.
    ///
    /// # Errors
    /// [`TemplateError`] with the column.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut characters = text.chars().enumerate();
        let mut plain = String::new();
        while let Some((index, character)) = characters.next() {
            let column = index + 1;
            match character {
                '{' => {
                    let mut name = String::new();
                    loop {
                        match characters.next() {
                            Some((_, '}')) => break,
                            Some((_, '{')) | None => return Err(TemplateError::Brace(column)),
                            Some((_, character)) => name.push(character),
                        }
                    }
                    if name.is_empty() {
                        return Err(TemplateError::NoName(column));
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Value(name));
                }
                '}' => return Err(TemplateError::Brace(column)),
                found if is_fit(found) || found == '.' => plain.push(found),
                found => return Err(TemplateError::Character { column, found }),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        if parts.is_empty() {
            return Err(TemplateError::Empty);
        }
        Ok(Self { parts })
    }

    /// The names of the values, in the order of their places.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Writes the name for the values that a function knows. A value that is not known is `unknown`; what
    /// cannot stand in a table's name becomes `_`; a name ends after 1,024 bytes.
    pub fn write<'a>(&self, value: impl Fn(&str) -> Option<&'a str>, out: &mut String) {
        let start = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(name) => {
                    let value = value(name).filter(|value| !value.is_empty());
                    for character in value.unwrap_or("unknown").chars() {
                        let fit = if is_fit(character) { character } else { '_' };
                        out.write_char(fit).expect("writing to a String cannot fail");
                    }
                }
            }
        }
        let mut end = (start + NAME_BYTES_MAX).min(out.len());
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
    }
}

/// Letters, marks and digits of any script, connectors and dashes.
fn is_fit(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_stand_in_their_places() {
        let template = Template::parse("lake.events_{event_type}_{region}").unwrap();
        assert_eq!(template.values().collect::<Vec<_>>(), ["event_type", "region"]);
        for (event_type, expected) in [
            (Some("click"), "lake.events_click_unknown"),
            (Some("a/b c.d"), "lake.events_a_b_c_d_unknown"),
            (Some(""), "lake.events_unknown_unknown"),
            (None, "lake.events_unknown_unknown"),
        ] {
            let mut name = String::new();
            template.write(|value| event_type.filter(|_| value == "event_type"), &mut name);
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_its_column() {
        for (text, expected) in [
            ("", TemplateError::Empty),
            ("a{b", TemplateError::Brace(2)),
            ("a}", TemplateError::Brace(2)),
            ("a{}", TemplateError::NoName(2)),
            ("a b", TemplateError::Character { column: 2, found: ' ' }),
        ] {
            assert_eq!(Template::parse(text), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_value_gives_a_fit_name(value in "\\PC{0,2000}") {
            let mut name = String::from("before");
            Template::parse("t_{v}").unwrap().write(|_| Some(&value), &mut name);
            let name = &name["before".len()..];
            prop_assert!(name.len() <= NAME_BYTES_MAX && name.chars().all(is_fit));
        }
    }
}

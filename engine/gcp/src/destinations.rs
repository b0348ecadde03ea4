//! What a job does with the tables that its pipeline names: how one that is missing is made, and what
//! becomes of fields that a table does not have.

use serde_json::Value;

/// What becomes of a field that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownFields {
    /// The row is a dead letter that names the field.
    #[default]
    Reject,
    /// The field is left out.
    Ignore,
    /// The table gets a nullable column of the value's type.
    Add,
}

/// How rows of a table are written.
#[derive(Debug, Clone, Default)]
pub struct TableSpec {
    /// The REST resource that a missing table is made from (`schema`, `timePartitioning`, `clustering`, …),
    /// without its reference; none leaves a missing table an error.
    pub resource: Option<Value>,
    /// What becomes of fields that the table does not have.
    pub unknown_fields: UnknownFields,
}

/// The tables of a job by name.
#[derive(Debug, Clone, Default)]
pub struct Destinations(Vec<(String, TableSpec)>);

impl Destinations {
    /// With a rule for a table, `TABLE` or `DATASET.TABLE`, or for all whose name begins with what stands
    /// before a `*`. The longest rule that fits a table holds.
    #[must_use]
    pub fn with(mut self, pattern: &str, spec: TableSpec) -> Self {
        self.0.push((pattern.to_owned(), spec));
        self
    }

    /// The rule of a table; without one a missing table is an error and an unknown field is refused.
    #[must_use]
    pub fn of(&self, table: &str) -> TableSpec {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => table.starts_with(prefix),
            None => pattern == table,
        };
        let fitting = self.0.iter().filter(|(pattern, _)| fits(pattern));
        let longest = fitting.max_by_key(|(pattern, _)| (!pattern.ends_with('*'), pattern.len()));
        longest.map(|(_, spec)| spec.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_holds() {
        let spec = |unknown_fields| TableSpec { resource: None, unknown_fields };
        let destinations = Destinations::default()
            .with("events_*", spec(UnknownFields::Ignore))
            .with("events_click", spec(UnknownFields::Add))
            .with("events_cl*", spec(UnknownFields::Reject));
        for (table, expected) in [
            ("events_view", UnknownFields::Ignore),
            ("events_click", UnknownFields::Add),
            ("events_clock", UnknownFields::Reject),
            ("other", UnknownFields::Reject),
        ] {
            assert_eq!(destinations.of(table).unknown_fields, expected, "{table}");
        }
    }
}

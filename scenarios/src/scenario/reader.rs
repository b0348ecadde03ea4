//! Reads TOML tables key by key, and remembers where each key stands, so that every problem can say
//! file, line and column. A key that nobody asked for is a problem that names the nearest valid one.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use windtunnel_model::EventTime;

use super::units;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    pub(super) fn at(file: &str, text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.to_owned(), line, column, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: error: {}", self.file, self.line, self.column, self.message)
    }
}

/// One table of a file.
pub(super) struct Reader<'a, 'p> {
    file: &'a str,
    text: &'a str,
    /// Where in the file this is, as `[[fleet]]`; empty at the top.
    path: String,
    table: &'a DeTable<'a>,
    /// Where the table begins.
    at: usize,
    known: BTreeSet<String>,
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Reader<'a, 'p> {
    pub(super) fn new(
        file: &'a str,
        text: &'a str,
        path: &str,
        table: &'a DeTable<'a>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        let known = BTreeSet::new();
        Self { file, text, path: path.to_owned(), table, at: 0, known, problems }
    }

    /// A problem of the table as a whole.
    pub(super) fn problem_here(&mut self, message: String) {
        self.problem(self.at, message);
    }

    /// Whether the table has a key, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    pub(super) fn problem(&mut self, offset: usize, message: String) {
        self.problems.push(Problem::at(self.file, self.text, offset, message));
    }

    fn take(&mut self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.insert(key.to_owned());
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(value)
    }

    fn wrong<T>(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Option<T> {
        self.problem(value.span().start, format!("{key}: {expected}"));
        None
    }

    pub(super) fn placed_text(&mut self, key: &str) -> Option<(String, usize)> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text.to_string(), value.span().start)),
            _ => self.wrong(key, value, "must be a string"),
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.placed_text(key).map(|(text, _)| text)
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong(key, value, "must be true or false"),
        }
    }

    pub(super) fn integer(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        let parsed = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match parsed {
            Some(number) => Some(number),
            None => self.wrong(key, value, "must be a whole number, not negative"),
        }
    }

    pub(super) fn number(&mut self, key: &str, least: f64, greatest: f64) -> Option<f64> {
        let value = self.take(key)?;
        let parsed = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        match parsed.filter(|number| (least..=greatest).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(key, value, &format!("must be a number from {least} to {greatest}")),
        }
    }

    fn unit<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Option<(T, usize)> {
        let value = self.take(key)?;
        let parsed = match value.get_ref() {
            DeValue::String(text) => parse(text),
            _ => None,
        };
        match parsed {
            Some(parsed) => Some((parsed, value.span().start)),
            None => self.wrong(key, value, expected),
        }
    }

    pub(super) fn placed_duration(&mut self, key: &str) -> Option<(Duration, usize)> {
        let expected = "must be a duration such as \"20s\", \"500ms\" or \"5m\"";
        self.unit(key, units::duration, expected)
    }

    pub(super) fn duration(&mut self, key: &str) -> Option<Duration> {
        self.placed_duration(key).map(|(duration, _)| duration)
    }

    pub(super) fn rate(&mut self, key: &str) -> Option<f64> {
        let expected = "must be a positive rate such as \"5000/s\" or \"30/m\"";
        self.unit(key, units::rate, expected).map(|(rate, _)| rate)
    }

    pub(super) fn time(&mut self, key: &str) -> Option<EventTime> {
        let expected = "must be a time such as \"2026-01-01T08:00:00Z\"";
        self.unit(key, |text| EventTime::parse(text).ok(), expected).map(|(time, _)| time)
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let expected = format!("must be one of {}", names.join(", "));
        let find = |text: &str| choices.iter().find(|(name, _)| *name == text).map(|(_, it)| *it);
        self.unit(key, find, &expected).map(|(choice, _)| choice)
    }

    pub(super) fn table<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Reader<'_, '_>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(key, value, "must be a table");
        };
        Some(self.inner(&format!("[{key}]"), table, value.span().start, read))
    }

    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Reader<'_, '_>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let _none: Option<()> =
                self.wrong(key, value, &format!("must be written as [[{key}]]"));
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let at = item.span().start;
                    out.push(self.inner(&format!("[[{key}]]"), table, at, &read));
                }
                _ => {
                    let _none: Option<()> = self.wrong(key, item, "must be a table");
                }
            }
        }
        out
    }

    fn inner<T>(
        &mut self,
        path: &str,
        table: &'a DeTable<'a>,
        at: usize,
        read: impl FnOnce(&mut Reader<'_, '_>) -> T,
    ) -> T {
        let mut reader = Reader::new(self.file, self.text, path, table, self.problems);
        reader.at = at;
        let read = read(&mut reader);
        reader.finish();
        read
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(mut self) {
        let place = if self.path.is_empty() {
            "at the top".to_owned()
        } else {
            format!("in {}", self.path)
        };
        let unknown: Vec<(usize, String)> = self
            .table
            .iter()
            .filter(|(key, _)| !self.known.contains(key.get_ref().as_ref()))
            .map(|(key, _)| (key.span().start, key.get_ref().to_string()))
            .collect();
        for (offset, key) in unknown {
            let nearest = self.known.iter().max_by(|a, b| {
                strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key))
            });
            let hint = nearest
                .map(|nearest| format!("; nearest valid key is \"{nearest}\""))
                .unwrap_or_default();
            self.problem(offset, format!("unknown key \"{key}\" {place}{hint}"));
        }
    }
}

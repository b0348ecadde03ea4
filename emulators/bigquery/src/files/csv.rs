//! CSV as BigQuery reads and writes it: quotes, a delimiter of one character, a marker of NULL, rows that
//! are too short, line breaks in quotes. Whether a field was quoted matters: `""` is an empty text, nothing
//! between two delimiters is NULL.

use std::borrow::Cow;

use arrow::array::{Array, RecordBatch};

use super::{BadRecord, FileError, Rows, Source, unpacked};
use crate::rows::from_json::text_cell;
use crate::rows::to_json::scalar_text;
use crate::rows::{BatchBuilder, Cell};
use crate::schema::{Field, FieldType, Mode, TableSchema};

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: char,
    /// Nothing where quotes mean nothing.
    pub(crate) quote: Option<char>,
    pub(crate) skip_rows: usize,
    pub(crate) quoted_newlines: bool,
    pub(crate) jagged_rows: bool,
    pub(crate) null_marker: String,
    pub(crate) ignore_unknown: bool,
    /// `ISO-8859-1` instead of UTF-8.
    pub(crate) latin1: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: ',',
            quote: Some('"'),
            skip_rows: 0,
            quoted_newlines: false,
            jagged_rows: false,
            null_marker: String::new(),
            ignore_unknown: false,
            latin1: false,
        }
    }
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvField {
    pub(crate) text: String,
    pub(crate) quoted: bool,
}

/// A record, and where it begins; or what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) position: usize,
    pub(crate) fields: Result<Vec<CsvField>, String>,
}

/// The text of a file.
///
/// # Errors
/// It is packed, and broken.
pub(crate) fn text_of(source: &Source, dialect: &Dialect) -> Result<String, FileError> {
    let content = unpacked(&source.content)?;
    if dialect.latin1 {
        return Ok(content.iter().map(|byte| char::from(*byte)).collect());
    }
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
    Ok(String::from_utf8_lossy(content).into_owned())
}

/// The records of a text; empty lines are none.
pub(crate) fn records<'a>(
    text: &'a str,
    dialect: &'a Dialect,
) -> impl Iterator<Item = Record> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let position = at;
            let (length, fields) = record(rest, dialect);
            at += length;
            let is_blank = matches!(rest.as_bytes()[0], b'\n' | b'\r')
                && rest[..length].trim_matches(['\r', '\n']).is_empty();
            if !is_blank {
                return Some(Record { position, fields });
            }
        }
    })
}

/// One record: how many bytes it takes with its line break, and its fields.
fn record(text: &str, dialect: &Dialect) -> (usize, Result<Vec<CsvField>, String>) {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (length, field) = match dialect.quote {
            Some(quote) if text[at..].starts_with(quote) => {
                quoted_field(&text[at..], quote, dialect)
            }
            _ => plain_field(&text[at..], dialect),
        };
        at += length;
        match field {
            Ok(field) => fields.push(field),
            Err(error) => {
                let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1);
                return (end, Err(error));
            }
        }
        let rest = &text[at..];
        if rest.starts_with(dialect.delimiter) {
            at += dialect.delimiter.len_utf8();
            continue;
        }
        let line_break = if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) };
        return (at + line_break, Ok(fields));
    }
}

fn plain_field(text: &str, dialect: &Dialect) -> (usize, Result<CsvField, String>) {
    let end = text.find([dialect.delimiter, '\n', '\r']).unwrap_or(text.len());
    (end, Ok(CsvField { text: text[..end].to_owned(), quoted: false }))
}

fn quoted_field(text: &str, quote: char, dialect: &Dialect) -> (usize, Result<CsvField, String>) {
    let width = quote.len_utf8();
    let mut content = String::new();
    let mut at = width;
    loop {
        let Some(next) = text[at..].find(quote) else {
            let error = format!("Missing close quote character ({quote}).");
            return (text.len(), Err(error));
        };
        let piece = &text[at..at + next];
        if !dialect.quoted_newlines && piece.contains(['\n', '\r']) {
            let error = format!("Missing close quote character ({quote}).");
            let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
            return (end, Err(error));
        }
        content.push_str(piece);
        at += next + width;
        if text[at..].starts_with(quote) {
            content.push(quote);
            at += width;
            continue;
        }
        let rest = &text[at..];
        if rest.is_empty() || rest.starts_with([dialect.delimiter, '\n', '\r']) {
            return (at, Ok(CsvField { text: content, quoted: true }));
        }
        let error = format!("Data between close quote character ({quote}) and field separator.");
        return (at, Err(error));
    }
}

/// Reads files into batches of a table's columns.
///
/// # Errors
/// A table that CSV cannot hold, or a broken file.
pub(crate) fn read(
    sources: &[Source],
    schema: &TableSchema,
    dialect: &Dialect,
) -> Result<Rows, FileError> {
    if let Some(nested) = nested(schema) {
        return Err(FileError(format!("CSV cannot hold nested or repeated data. Field: {nested}")));
    }
    let mut rows = Rows::default();
    for source in sources {
        let text = text_of(source, dialect)?;
        let mut batch = BatchBuilder::new(schema);
        for record in records(&text, dialect).skip(dialect.skip_rows) {
            rows.records += 1;
            let cells = record
                .fields
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|fields| cells(fields, schema, dialect));
            match cells {
                Ok(cells) => batch.push(&cells),
                Err(error) => rows.bad.push(BadRecord {
                    uri: source.uri.clone(),
                    message: format!("{error} Row starting at position {}", record.position),
                }),
            }
        }
        rows.batches.push(batch.finish().map_err(|error| FileError(error.to_string()))?);
    }
    Ok(rows)
}

fn nested(schema: &TableSchema) -> Option<&str> {
    let is_nested = |field: &&Field| {
        field.mode == Mode::Repeated || matches!(field.field_type, FieldType::Record(_))
    };
    schema.fields.iter().find(is_nested).map(|field| field.name.as_str())
}

fn cells<'a>(
    fields: &'a [CsvField],
    schema: &TableSchema,
    dialect: &Dialect,
) -> Result<Vec<Cell<'a>>, String> {
    let (found, wanted) = (fields.len(), schema.fields.len());
    if found > wanted && !dialect.ignore_unknown {
        return Err(format!(
            "Too many values in line. Found {found} column(s) while expected {wanted}."
        ));
    }
    if found < wanted && !dialect.jagged_rows {
        return Err(format!(
            "Too few values in line. Found {found} column(s) while expected {wanted}."
        ));
    }
    let columns = schema.fields.iter().enumerate();
    let cells = columns.map(|(index, column)| match fields.get(index) {
        Some(field) => cell(field, column, index, dialect),
        None => crate::rows::fit(column, Cell::Null).map_err(|error| error.to_string()),
    });
    cells.collect()
}

fn cell<'a>(
    field: &'a CsvField,
    column: &Field,
    index: usize,
    dialect: &Dialect,
) -> Result<Cell<'a>, String> {
    let is_text = matches!(column.field_type, FieldType::String | FieldType::Bytes);
    let is_null = field.text == dialect.null_marker && (!field.quoted || !is_text);
    let cell = if is_null {
        Cell::Null
    } else if field.text.is_empty() && column.field_type == FieldType::Bytes {
        Cell::Bytes(Cow::Borrowed(&[]))
    } else {
        text_cell(&column.field_type, &field.text).ok_or_else(|| {
            format!(
                "Could not parse '{}' as {} for field {} (position {index}).",
                field.text,
                column.field_type.sql_type(),
                column.name
            )
        })?
    };
    crate::rows::fit(column, cell).map_err(|error| error.to_string())
}

/// Writes batches, with a line of names before them where it is wanted.
///
/// # Errors
/// A column that CSV cannot hold.
pub(crate) fn write(
    schema: &TableSchema,
    batches: &[RecordBatch],
    delimiter: char,
    header: bool,
) -> Result<Vec<u8>, FileError> {
    if let Some(name) = nested(schema) {
        let text = format!("Operation cannot be performed on a nested schema. Field: {name}");
        return Err(FileError(text));
    }
    let mut out = String::new();
    let separator = |index: usize, out: &mut String| {
        if index > 0 {
            out.push(delimiter);
        }
    };
    if header {
        for (index, field) in schema.fields.iter().enumerate() {
            separator(index, &mut out);
            push_quoted(&mut out, &field.name, delimiter);
        }
        out.push('\n');
    }
    for batch in batches {
        for row in 0..batch.num_rows() {
            for (index, (field, column)) in schema.fields.iter().zip(batch.columns()).enumerate() {
                separator(index, &mut out);
                if !column.is_null(row) {
                    let text = scalar_text(&field.field_type, column, row);
                    push_quoted(&mut out, &text, delimiter);
                }
            }
            out.push('\n');
        }
    }
    Ok(out.into_bytes())
}

fn push_quoted(out: &mut String, text: &str, delimiter: char) {
    // An empty text is quoted, so that it is not NULL.
    if !text.is_empty() && !text.contains([delimiter, '"', '\n', '\r']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::values::{batch_of_rows, rows_of};
    use proptest::prelude::*;
    use windtunnel_sql::Value;

    fn shown(text: &str, dialect: &Dialect) -> Vec<Result<Vec<String>, String>> {
        let shown = |field: CsvField| {
            if field.quoted { format!("\"{}\"", field.text) } else { field.text }
        };
        records(text, dialect)
            .map(|record| record.fields.map(|fields| fields.into_iter().map(shown).collect()))
            .collect()
    }

    #[test]
    fn records_of_every_kind() {
        let check = |text: &str, dialect: &Dialect, expected: &[&[&str]]| {
            let found: Vec<Vec<String>> =
                shown(text, dialect).into_iter().map(Result::unwrap).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        let plain = Dialect::default();
        check("a,b\r\n\n1,\n,", &plain, &[&["a", "b"], &["1", ""], &["", ""]]);
        check("\"a,\"\"b\"\"\",c\n", &plain, &[&["\"a,\"b\"\"", "c"]]);
        check("\"\",x", &plain, &[&["\"\"", "x"]]);
        let tabs = Dialect { delimiter: '\t', quote: None, ..Dialect::default() };
        check("\"a\t1\n", &tabs, &[&["\"a", "1"]]);
        let newlines = Dialect { quoted_newlines: true, ..Dialect::default() };
        check("\"a\nb\",1\n2,3", &newlines, &[&["\"a\nb\"", "1"], &["2", "3"]]);
        let wrong = shown("\"a\nb\",1\n2,3\n\"x\"y,1\n4,5", &plain);
        assert!(wrong.iter().any(|record| record == &Ok(vec!["2".into(), "3".into()])));
        assert_eq!(wrong.last(), Some(&Ok(vec!["4".into(), "5".into()])));
        assert_eq!(wrong.iter().filter(|record| record.is_err()).count(), 2);
    }

    fn schema() -> TableSchema {
        TableSchema {
            fields: vec![
                Field::new("n", FieldType::Int64),
                Field::new("s", FieldType::String),
                Field::new("t", FieldType::Timestamp),
            ],
        }
    }

    fn read_text(text: &str, dialect: &Dialect) -> (Vec<Vec<Value>>, Vec<String>) {
        let source = Source { uri: None, content: text.to_owned().into() };
        let rows = read(&[source], &schema(), dialect).unwrap();
        let values = rows.batches.iter().flat_map(|it| rows_of(it, &schema(), &[0, 1, 2]).unwrap());
        (values.collect(), rows.bad.into_iter().map(|bad| bad.message).collect())
    }

    #[test]
    fn nulls_short_rows_and_wrong_rows() {
        let text = "n,s,t\n1,,\n,\"\",2024-01-01\nx,y,\n1,2\n1,2,,4\n";
        let dialect = Dialect { skip_rows: 1, ..Dialect::default() };
        let (rows, bad) = read_text(text, &dialect);
        let day = Value::Timestamp(1_704_067_200_000_000);
        let expected = [
            vec![Value::Int64(1), Value::Null, Value::Null],
            vec![Value::Null, Value::string(""), day],
        ];
        assert_eq!(rows, expected);
        assert!(
            bad[0].starts_with("Could not parse 'x' as INT64 for field n (position 0)"),
            "{bad:?}"
        );
        assert_eq!(bad.len(), 3);
        let lenient =
            Dialect { jagged_rows: true, ignore_unknown: true, null_marker: "x".into(), ..dialect };
        let (rows, bad) = read_text("\nn,s,t\nx,y\n1,x,x,4\n", &lenient);
        let expected = [
            vec![Value::Null, Value::string("y"), Value::Null],
            vec![Value::Int64(1), Value::Null, Value::Null],
        ];
        assert_eq!((rows.as_slice(), bad.len()), (&expected[..], 0));
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            rows in proptest::collection::vec(
                (any::<Option<i64>>(), proptest::option::of("[a,\"\n\r|é]{0,5}")), 0..6)
        ) {
            let rows: Vec<Vec<Value>> = rows
                .into_iter()
                .map(|(n, s)| vec![n.into(), s.into(), Value::Timestamp(5)])
                .collect();
            let batch = batch_of_rows(&schema(), &rows).unwrap();
            let text = write(&schema(), &[batch], '|', true).unwrap();
            let dialect = Dialect {
                delimiter: '|', skip_rows: 1, quoted_newlines: true, ..Dialect::default()
            };
            let (back, bad) = read_text(std::str::from_utf8(&text).unwrap(), &dialect);
            prop_assert_eq!(bad, Vec::<String>::new());
            prop_assert_eq!(back, rows);
        }

        #[test]
        fn any_text_has_an_answer(text in "[a,\"\n\r ]{0,20}") {
            let _records = shown(&text, &Dialect::default());
        }
    }
}

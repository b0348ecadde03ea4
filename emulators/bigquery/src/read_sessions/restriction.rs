//! `row_restriction`: comparisons of columns with literals, joined by AND. What is more than that needs SQL
//! and is refused by name.

use std::cmp::Ordering;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use windtunnel_sql::{Value, compare};

use crate::rows::values::{value_at, value_of_text};
use crate::schema::{FieldType, Mode, TableSchema};

/// Conditions that all hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restriction(Vec<Condition>);

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    column: usize,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    IsNull(bool),
    Compare(Operator, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a restriction is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RestrictionError {
    #[error("row filter error: {0}")]
    Invalid(String),
    #[error("row_restriction \"{0}\" is not implemented by this emulator")]
    Unimplemented(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Symbol(String),
}

impl Restriction {
    /// Reads a condition on a table's columns; an empty text holds for every row.
    pub(crate) fn parse(text: &str, schema: &TableSchema) -> Result<Self, RestrictionError> {
        let more = || RestrictionError::Unimplemented(text.to_owned());
        let tokens = tokens(text).ok_or_else(more)?;
        let mut rest = &tokens[..];
        let mut conditions = Vec::new();
        while !rest.is_empty() {
            if !conditions.is_empty() {
                rest = rest.split_first().filter(|(it, _)| is_word(it, "AND")).ok_or_else(more)?.1;
            }
            let (condition, after) = condition(rest, schema, text)?;
            conditions.push(condition);
            rest = after;
        }
        Ok(Self(conditions))
    }

    /// The rows for which it holds.
    pub(crate) fn filter(
        &self,
        batch: &RecordBatch,
        schema: &TableSchema,
    ) -> Result<RecordBatch, RestrictionError> {
        if self.0.is_empty() {
            return Ok(batch.clone());
        }
        let wrong = |error: String| RestrictionError::Invalid(error);
        let mut mask = vec![true; batch.num_rows()];
        for Condition { column, test } in &self.0 {
            let field = &schema.fields[*column];
            for (row, keep) in mask.iter_mut().enumerate() {
                let value = value_at(batch.column(*column), row, field);
                *keep = *keep && test.holds(&value.map_err(|error| wrong(error.to_string()))?);
            }
        }
        let mask = BooleanArray::from(mask);
        filter_record_batch(batch, &mask).map_err(|error| wrong(error.to_string()))
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::IsNull(wanted) => value.is_null() == *wanted,
            Self::Compare(_, other) if value.is_null() || other.is_null() => false,
            Self::Compare(operator, other) => {
                let is_nan = matches!(value, Value::Float64(number) if number.is_nan());
                let order = compare(value, other);
                match operator {
                    Operator::NotEqual => is_nan || order != Ordering::Equal,
                    // NaN compares with nothing.
                    _ if is_nan => false,
                    Operator::Equal => order == Ordering::Equal,
                    Operator::Less => order == Ordering::Less,
                    Operator::LessOrEqual => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    Operator::GreaterOrEqual => order != Ordering::Less,
                }
            }
        }
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word))
}

fn condition<'a>(
    tokens: &'a [Token],
    schema: &TableSchema,
    text: &str,
) -> Result<(Condition, &'a [Token]), RestrictionError> {
    let more = || RestrictionError::Unimplemented(text.to_owned());
    let (name, rest) = match tokens {
        [Token::Word(name) | Token::Quoted(name), rest @ ..] => (name, rest),
        _ => return Err(more()),
    };
    let Some(column) = schema.index_of(name) else {
        // A word that begins an expression, such as NOT or a function's name, is no missing column.
        let is_column = matches!(rest, [Token::Symbol(symbol), ..] if symbol != "(")
            || matches!(rest, [word, ..] if is_word(word, "IS"));
        let unknown = RestrictionError::Invalid(format!("Unrecognized name: {name}"));
        return Err(if is_column { unknown } else { more() });
    };
    let field = &schema.fields[column];
    match rest {
        [is, null, rest @ ..] if is_word(is, "IS") && is_word(null, "NULL") => {
            return Ok((Condition { column, test: Test::IsNull(true) }, rest));
        }
        [is, not, null, rest @ ..]
            if is_word(is, "IS") && is_word(not, "NOT") && is_word(null, "NULL") =>
        {
            return Ok((Condition { column, test: Test::IsNull(false) }, rest));
        }
        _ => {}
    }
    let [Token::Symbol(symbol), rest @ ..] = rest else { return Err(more()) };
    let operator = match symbol.as_str() {
        "=" => Operator::Equal,
        "!=" | "<>" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => return Err(more()),
    };
    if field.mode == Mode::Repeated {
        return Err(more());
    }
    let (literal, rest) = literal(rest, &field.field_type).ok_or_else(more)?;
    let value = value_of_text(&field.field_type, &literal).ok_or_else(more)?;
    Ok((Condition { column, test: Test::Compare(operator, value) }, rest))
}

/// A literal that is of the column's type as it stands.
fn literal<'a>(tokens: &'a [Token], of: &FieldType) -> Option<(String, &'a [Token])> {
    let typed = |word: &str, wanted: &FieldType| {
        wanted == of && matches!(tokens, [Token::Word(name), ..] if name.eq_ignore_ascii_case(word))
    };
    let is_typed = typed("DATE", &FieldType::Date)
        || typed("TIMESTAMP", &FieldType::Timestamp)
        || typed("DATETIME", &FieldType::Datetime)
        || typed("TIME", &FieldType::Time)
        || typed("NUMERIC", &FieldType::Numeric)
        || typed("BIGNUMERIC", &FieldType::BigNumeric);
    let moment = matches!(
        of,
        FieldType::Date | FieldType::Timestamp | FieldType::Datetime | FieldType::Time
    );
    let is_number = |text: &str| text.starts_with(|it: char| it.is_ascii_digit() || it == '.');
    let numeric = matches!(
        of,
        FieldType::Int64 | FieldType::Float64 | FieldType::Numeric | FieldType::BigNumeric
    );
    match tokens {
        [Token::Word(_), Token::Text(text), rest @ ..] if is_typed => Some((text.clone(), rest)),
        [Token::Text(text), rest @ ..] if moment || *of == FieldType::String => {
            Some((text.clone(), rest))
        }
        [Token::Word(word), rest @ ..] if numeric && is_number(word) => Some((word.clone(), rest)),
        [Token::Symbol(minus), Token::Word(word), rest @ ..]
            if numeric && minus == "-" && is_number(word) =>
        {
            Some((format!("-{word}"), rest))
        }
        [Token::Word(word), rest @ ..]
            if *of == FieldType::Bool
                && (word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false")) =>
        {
            Some((word.clone(), rest))
        }
        _ => None,
    }
}

/// The words, texts and symbols of a condition; nothing when a text does not end or has escapes.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => {
                let end = rest[1..].find(first)?;
                let inside = rest[1..=end].to_owned();
                if inside.contains('\\') {
                    return None;
                }
                tokens.push(if first == '`' { Token::Quoted(inside) } else { Token::Text(inside) });
                end + 2
            }
            letter if letter.is_alphanumeric() || matches!(letter, '_' | '.') => {
                let is_part =
                    |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
                let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            _ => {
                let two = rest.get(..2).filter(|two| matches!(*two, "<=" | ">=" | "!=" | "<>"));
                let symbol = two.unwrap_or(&rest[..first.len_utf8()]);
                tokens.push(Token::Symbol(symbol.to_owned()));
                symbol.len()
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::values::batch_of_rows;
    use crate::schema::Field;

    #[test]
    fn simple_conditions_choose_rows() {
        let schema = TableSchema {
            fields: vec![
                Field::new("id", FieldType::Int64),
                Field::new("s", FieldType::String),
                Field::new("day", FieldType::Date),
            ],
        };
        let rows = [
            vec![Value::Int64(1), Value::string("a"), Value::Date(0)],
            vec![Value::Int64(6), Value::Null, Value::Date(1)],
            vec![Value::Null, Value::string("it is"), Value::Null],
        ];
        let batch = batch_of_rows(&schema, &rows).unwrap();
        let check = |text: &str, expected: Result<usize, bool>| {
            let found = Restriction::parse(text, &schema)
                .map(|it| it.filter(&batch, &schema).unwrap().num_rows())
                .map_err(|error| matches!(error, RestrictionError::Unimplemented(_)));
            assert_eq!(found, expected, "{text}");
        };
        check("", Ok(3));
        check("id > 5", Ok(1));
        check("id >= 1 AND ID<=6", Ok(2));
        check("id != 1", Ok(1));
        check("id = -1", Ok(0));
        check("s = 'a'", Ok(1));
        check("s IS NULL", Ok(1));
        check("`s` is not null and s = \"it is\"", Ok(1));
        check("day = '1970-01-02'", Ok(1));
        check("day < DATE '1970-01-02'", Ok(1));
        check("nothing = 1", Err(false));
        check("id > 5 OR s = 'a'", Err(true));
        check("LENGTH(s) > 1", Err(true));
        check("NOT id = 1", Err(true));
        check("s = 'it\\'s'", Err(true));
        check("id = 'x'", Err(true));
    }
}

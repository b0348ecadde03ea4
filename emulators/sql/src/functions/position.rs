//! Functions of positions: parts of a text by number, and places of one text in another. Positions count
//! characters of a STRING and bytes of BYTES, from 1; negative ones count from the end.

use super::arguments::{integer, octets, strict};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::value::Value;

const PART: &[&str] = &["(STRING, INT64) -> STRING", "(BYTES, INT64) -> BYTES"];
const SUBSTR: &[&str] = &["(STRING, INT64, [INT64]) -> STRING", "(BYTES, INT64, [INT64]) -> BYTES"];
const AFFIX: &[&str] = &["(STRING, STRING) -> BOOL", "(BYTES, BYTES) -> BOOL"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("SUBSTR", SUBSTR, substr),
    strict("SUBSTRING", SUBSTR, substr),
    strict("LEFT", PART, left),
    strict("RIGHT", PART, right),
    strict("STARTS_WITH", AFFIX, |_, args| {
        Ok(Value::Bool(octets(args, 0).starts_with(octets(args, 1))))
    }),
    strict("ENDS_WITH", AFFIX, |_, args| {
        Ok(Value::Bool(octets(args, 0).ends_with(octets(args, 1))))
    }),
    strict("STRPOS", &["(STRING, STRING) -> INT64", "(BYTES, BYTES) -> INT64"], strpos),
    strict(
        "INSTR",
        &[
            "(STRING, STRING, [INT64], [INT64]) -> INT64",
            "(BYTES, BYTES, [INT64], [INT64]) -> INT64",
        ],
        instr,
    ),
];

/// A text as a row of units: characters of a STRING, bytes of BYTES.
#[derive(Debug, Clone, Copy)]
pub(super) enum Units<'a> {
    /// Characters.
    Characters(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> Units<'a> {
    /// The units of an argument.
    pub(super) fn of(args: &'a [Value], index: usize) -> Self {
        match &args[index] {
            Value::String(text) => Self::Characters(text),
            _ => Self::Bytes(octets(args, index)),
        }
    }

    /// How many.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Characters(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(self) -> bool {
        match self {
            Self::Characters(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }

    /// The byte offset of a unit; the end when there are not so many.
    pub(super) fn offset(self, unit: usize) -> usize {
        match self {
            Self::Characters(text) => {
                text.char_indices().nth(unit).map_or(text.len(), |(offset, _)| offset)
            }
            Self::Bytes(bytes) => unit.min(bytes.len()),
        }
    }

    /// How many units lie before a byte offset at a unit's border.
    pub(super) fn before(self, offset: usize) -> usize {
        match self {
            Self::Characters(text) => text[..offset].chars().count(),
            Self::Bytes(_) => offset,
        }
    }

    /// Everything as bytes.
    pub(super) fn whole(self) -> &'a [u8] {
        match self {
            Self::Characters(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The bytes of the units from one (inclusive) to another (exclusive).
    pub(super) fn octets(self, from: usize, to: usize) -> &'a [u8] {
        let (start, end) = (self.offset(from), self.offset(to));
        &self.whole()[start.min(end)..end]
    }

    /// The units from one to another, as a value.
    fn slice(self, from: usize, to: usize) -> Value {
        let (start, end) = (self.offset(from), self.offset(to));
        let start = start.min(end);
        match self {
            Self::Characters(text) => Value::string(&text[start..end]),
            Self::Bytes(bytes) => Value::bytes(&bytes[start..end]),
        }
    }
}

fn substr(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let whole = Units::of(args, 0);
    let length = args.get(2).map_or(i64::MAX, |_| integer(args, 2));
    let length = usize::try_from(length)
        .map_err(|_| SqlError::evaluation("Third argument in SUBSTR() cannot be negative"))?;
    let position = integer(args, 1);
    let from = if position < 0 {
        let back = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        whole.len().saturating_sub(back)
    } else {
        usize::try_from(position.saturating_sub(1).max(0)).unwrap_or(usize::MAX)
    };
    Ok(whole.slice(from, from.saturating_add(length)))
}

fn left(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let length = part_length(args, "LEFT")?;
    Ok(Units::of(args, 0).slice(0, length))
}

fn right(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let length = part_length(args, "RIGHT")?;
    let whole = Units::of(args, 0);
    let total = whole.len();
    Ok(whole.slice(total.saturating_sub(length), total))
}

fn part_length(args: &[Value], name: &str) -> Result<usize> {
    usize::try_from(integer(args, 1)).map_err(|_| {
        SqlError::evaluation(format!("Second argument in {name}() cannot be negative"))
    })
}

fn strpos(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (whole, needle) = (Units::of(args, 0), octets(args, 1));
    let at = if needle.is_empty() { Some(0) } else { super::string::find(whole.whole(), needle) };
    Ok(position(at.map(|offset| whole.before(offset))))
}

/// A place from 1, or 0 when there is none.
fn position(unit: Option<usize>) -> Value {
    Value::Int64(unit.map_or(0, |unit| i64::try_from(unit).unwrap_or(i64::MAX - 1) + 1))
}

fn instr(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let start = args.get(2).map_or(1, |_| integer(args, 2));
    let occurrence = args.get(3).map_or(1, |_| integer(args, 3));
    if occurrence < 1 {
        return Err(SqlError::evaluation("Occurrence must be positive"));
    }
    if start == 0 {
        return Err(SqlError::evaluation("Position must be non-zero"));
    }
    let skipped = usize::try_from(occurrence - 1).unwrap_or(usize::MAX);
    let (whole, needle) = (Units::of(args, 0), octets(args, 1));
    if start > 0 {
        let first = usize::try_from(start - 1).unwrap_or(usize::MAX);
        let place = Places::new(whole, needle).filter(|unit| *unit >= first).nth(skipped);
        return Ok(position(place));
    }
    // The last unit is -1; an empty needle can also stand behind it.
    let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let total = whole.len() + usize::from(needle.is_empty());
    let Some(last) = total.checked_sub(back) else { return Ok(position(None)) };
    let places: Vec<usize> = Places::new(whole, needle).take_while(|unit| *unit <= last).collect();
    Ok(position(places.into_iter().rev().nth(skipped)))
}

/// The units at which a needle stands, overlapping ones too, in order.
struct Places<'a> {
    whole: Units<'a>,
    needle: &'a [u8],
    offset: usize,
    unit: usize,
}

impl<'a> Places<'a> {
    fn new(whole: Units<'a>, needle: &'a [u8]) -> Self {
        Self { whole, needle, offset: 0, unit: 0 }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let octets = self.whole.whole();
        let rest = octets.get(self.offset..)?;
        let step = if self.needle.is_empty() { 0 } else { super::string::find(rest, self.needle)? };
        let found = self.offset + step;
        let place = self.unit
            + match self.whole {
                Units::Characters(text) => text[self.offset..found].chars().count(),
                Units::Bytes(_) => step,
            };
        let width = match self.whole {
            Units::Characters(text) => text[found..].chars().next().map_or(1, char::len_utf8),
            Units::Bytes(_) => 1,
        };
        self.offset = found + width;
        self.unit = place + 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{outcome, strings};
    use super::*;

    fn check(name: &str, texts: &[&str], numbers: &[i64], expected: &str) {
        let mut args = strings(texts);
        args.extend(numbers.iter().map(|number| Value::Int64(*number)));
        assert_eq!(outcome(FUNCTIONS, name, &args), expected, "{name}({args:?})");
    }

    #[test]
    fn parts() {
        check("SUBSTR", &["hello"], &[2], "ello");
        check("SUBSTR", &["hello"], &[2, 3], "ell");
        check("SUBSTR", &["hello"], &[0, 2], "he");
        check("SUBSTR", &["hello"], &[-3, 2], "ll");
        check("SUBSTR", &["hello"], &[-9, 2], "he");
        check("SUBSTR", &["hello"], &[9], "");
        check("SUBSTR", &["hello"], &[i64::MIN, i64::MAX], "hello");
        check("SUBSTR", &["שלום"], &[1, 2], "של");
        check(
            "SUBSTRING",
            &["hello"],
            &[1, -1],
            "ERROR Third argument in SUBSTR() cannot be negative",
        );
        check("LEFT", &["日本語"], &[2], "日本");
        check("RIGHT", &["日本語"], &[2], "本語");
        check("RIGHT", &["ab"], &[5], "ab");
        check("LEFT", &["ab"], &[-1], "ERROR Second argument in LEFT() cannot be negative");
        let bytes = [Value::bytes("日本"), Value::Int64(-3)];
        assert_eq!(outcome(FUNCTIONS, "SUBSTR", &bytes), "b\"本\"");
    }

    #[test]
    fn places() {
        check("STRPOS", &["foo@example.com", "@"], &[], "4");
        check("STRPOS", &["日本語", "語"], &[], "3");
        check("STRPOS", &["abc", "x"], &[], "0");
        check("STRPOS", &["abc", ""], &[], "1");
        check("INSTR", &["banana", "an"], &[], "2");
        check("INSTR", &["banana", "an"], &[1, 2], "4");
        check("INSTR", &["banana", "an"], &[1, 3], "0");
        check("INSTR", &["banana", "an"], &[3], "4");
        check("INSTR", &["banana", "an"], &[-1], "4");
        check("INSTR", &["banana", "an"], &[-3], "4");
        check("INSTR", &["banana", "an"], &[-4], "2");
        check("INSTR", &["banana", "an"], &[-1, 2], "2");
        check("INSTR", &["banana", "ann"], &[], "0");
        check("INSTR", &["helloooo", "oo"], &[1, 2], "6");
        check("INSTR", &["ab", ""], &[1, 3], "3");
        check("INSTR", &["ab", ""], &[1, 4], "0");
        check("INSTR", &["a", ""], &[-1], "2");
        check("INSTR", &["a", ""], &[-2], "1");
        check("INSTR", &["日本日", "日"], &[-1], "3");
        check("INSTR", &["a", "a"], &[0], "ERROR Position must be non-zero");
        check("INSTR", &["a", "a"], &[1, 0], "ERROR Occurrence must be positive");
        check("STARTS_WITH", &["日本語のテスト", "日本"], &[], "true");
        check("ENDS_WITH", &["foo", ""], &[], "true");
    }

    proptest! {
        #[test]
        fn instr_forwards_finds_what_a_scan_finds(
            whole in "[ab日]{0,10}", needle in "[ab日]{1,2}", start in 1i64..12,
        ) {
            let letters: Vec<char> = whole.chars().collect();
            let wanted: Vec<char> = needle.chars().collect();
            let first = usize::try_from(start - 1).expect("positive");
            let scan = (first..letters.len()).find(|at| letters[*at..].starts_with(&wanted));
            let expected = scan.map_or(0, |at| at + 1);
            let mut args = strings(&[&whole, &needle]);
            args.push(Value::Int64(start));
            prop_assert_eq!(outcome(FUNCTIONS, "INSTR", &args), expected.to_string());
        }

        #[test]
        fn left_and_the_rest_make_the_whole(whole in ".*", length in 0i64..20) {
            let left_args = [Value::from(whole.as_str()), Value::Int64(length)];
            let rest_args = [Value::from(whole.as_str()), Value::Int64(length + 1)];
            let left = outcome(FUNCTIONS, "LEFT", &left_args);
            let rest = outcome(FUNCTIONS, "SUBSTR", &rest_args);
            prop_assert_eq!(left + &rest, whole);
        }
    }
}

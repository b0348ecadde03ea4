//! Functions that make text from text: case, trimming, padding, concatenation, replacement, splitting.
//! A STRING is handled by characters (code points), BYTES by bytes; only ASCII letters of BYTES have a case.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::arguments::{
    OUTPUT_BYTES_MAX, VALUE_BYTES_MAX, bytes, integer, octets, passing_nulls, same_type, strict,
    text, within,
};
use super::position::Units;
use crate::calendar::{Zone, timestamp_text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::{Value, display, float_text, string_literal};

const TRIM: &[&str] = &["(STRING, [STRING]) -> STRING", "(BYTES, BYTES) -> BYTES"];
const PAD: &[&str] = &["(STRING, INT64, [STRING]) -> STRING", "(BYTES, INT64, [BYTES]) -> BYTES"];
const SAME: &[&str] = &["(STRING) -> STRING", "(BYTES) -> BYTES"];
const LENGTH: &[&str] = &["(STRING) -> INT64", "(BYTES) -> INT64"];
const THREE: &[&str] = &["(STRING, STRING, STRING) -> STRING", "(BYTES, BYTES, BYTES) -> BYTES"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("BYTE_LENGTH", LENGTH, byte_length),
    strict("OCTET_LENGTH", LENGTH, byte_length),
    strict("LENGTH", LENGTH, length),
    strict("CHAR_LENGTH", &["(STRING) -> INT64"], length),
    strict("CHARACTER_LENGTH", &["(STRING) -> INT64"], length),
    strict("LOWER", SAME, lower),
    strict("UPPER", SAME, upper),
    strict("INITCAP", &["(STRING, [STRING]) -> STRING"], initcap),
    strict("REVERSE", SAME, reverse),
    strict("TRIM", TRIM, |_, args| Ok(trim(args, true, true))),
    strict("LTRIM", TRIM, |_, args| Ok(trim(args, true, false))),
    strict("RTRIM", TRIM, |_, args| Ok(trim(args, false, true))),
    strict("LPAD", PAD, |_, args| pad(args, true)),
    strict("RPAD", PAD, |_, args| pad(args, false)),
    strict("REPEAT", &["(STRING, INT64) -> STRING", "(BYTES, INT64) -> BYTES"], repeat),
    strict("REPLACE", THREE, replace),
    strict("TRANSLATE", THREE, translate),
    strict(
        "SPLIT",
        &["(STRING, [STRING]) -> ARRAY<STRING>", "(BYTES, BYTES) -> ARRAY<BYTES>"],
        split,
    ),
    strict(
        "CONCAT",
        &["(PRINTABLE, [PRINTABLE, ...]) -> STRING", "(BYTES, [BYTES, ...]) -> BYTES"],
        concat,
    ),
    strict(
        "$concat",
        &[
            "(PRINTABLE, PRINTABLE) -> STRING",
            "(BYTES, BYTES) -> BYTES",
            "(ARRAY<T1>, ARRAY<T1>) -> ARRAY<T1>",
        ],
        concat,
    ),
    passing_nulls("COLLATE", &["(STRING, STRING) -> STRING"], collate),
];

fn byte_length(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(count(octets(args, 0).len()))
}

fn length(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(count(Units::of(args, 0).len()))
}

fn count(number: usize) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

fn lower(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(match &args[0] {
        Value::String(text) => Value::from(text.to_lowercase()),
        _ => Value::bytes(bytes(args, 0).to_ascii_lowercase()),
    })
}

fn upper(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(match &args[0] {
        Value::String(text) => Value::from(text.to_uppercase()),
        _ => Value::bytes(bytes(args, 0).to_ascii_uppercase()),
    })
}

/// Delimiters of INITCAP beside white space.
const WORD_DELIMITERS: &str = "[](){}/|\\<>!?@\"#$&~_,.:;*%+-^";

fn initcap(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let delimiters = args.get(1).map(|_| text(args, 1));
    let is_delimiter = |character: char| match delimiters {
        Some(delimiters) => delimiters.contains(character),
        None => character.is_whitespace() || WORD_DELIMITERS.contains(character),
    };
    let mut result = String::with_capacity(text(args, 0).len());
    let mut starts_word = true;
    for character in text(args, 0).chars() {
        if is_delimiter(character) {
            starts_word = true;
            result.push(character);
        } else if starts_word {
            starts_word = false;
            result.push(single(character, character.to_uppercase()));
        } else {
            result.push(single(character, character.to_lowercase()));
        }
    }
    Ok(Value::from(result))
}

/// The simple case mapping: what maps to several characters stays as it is.
fn single(original: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(character), None) => character,
        _ => original,
    }
}

fn reverse(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(match &args[0] {
        Value::String(text) => Value::from(text.chars().rev().collect::<String>()),
        _ => Value::bytes(bytes(args, 0).iter().rev().copied().collect::<Vec<u8>>()),
    })
}

fn trim(args: &[Value], start: bool, end: bool) -> Value {
    if let Value::String(whole) = &args[0] {
        let set = args.get(1).map(|_| text(args, 1));
        let strips = |character: char| match set {
            Some(set) => set.contains(character),
            None => character.is_whitespace(),
        };
        let mut rest: &str = whole;
        if start {
            rest = rest.trim_start_matches(strips);
        }
        if end {
            rest = rest.trim_end_matches(strips);
        }
        return Value::string(rest);
    }
    let (mut rest, set) = (bytes(args, 0), bytes(args, 1));
    while let [first, tail @ ..] = rest
        && start
        && set.contains(first)
    {
        rest = tail;
    }
    while let [head @ .., last] = rest
        && end
        && set.contains(last)
    {
        rest = head;
    }
    Value::bytes(rest)
}

fn pad(args: &[Value], left: bool) -> Result<Value> {
    const TOO_LARGE: &str = "Output of LPAD/RPAD exceeds max allowed output size of 1MB";
    let size = usize::try_from(integer(args, 1)).map_err(|_| {
        SqlError::evaluation("Second argument (output size) for LPAD/RPAD cannot be negative")
    })?;
    within(size, OUTPUT_BYTES_MAX, TOO_LARGE)?;
    let space =
        [if matches!(args[0], Value::String(_)) { Value::from(" ") } else { Value::bytes(b" ") }];
    let pattern = args.get(2).map_or_else(|| Units::of(&space, 0), |_| Units::of(args, 2));
    if pattern.is_empty() {
        return Err(SqlError::evaluation(
            "Third argument (pad pattern) for LPAD/RPAD cannot be empty",
        ));
    }
    let whole = Units::of(args, 0);
    let present = whole.len();
    if size <= present {
        let kept = whole.octets(0, size);
        within(kept.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
        return Ok(same_type(&args[0], kept.to_vec()));
    }
    let pattern_length = pattern.len();
    let (times, rest) = ((size - present) / pattern_length, (size - present) % pattern_length);
    let (unit, partial) = (pattern.octets(0, pattern_length), pattern.octets(0, rest));
    let total = times * unit.len() + partial.len() + octets(args, 0).len();
    within(total, OUTPUT_BYTES_MAX, TOO_LARGE)?;
    let mut padding = unit.repeat(times);
    padding.extend_from_slice(partial);
    let joined = if left {
        [padding.as_slice(), octets(args, 0)].concat()
    } else {
        [octets(args, 0), padding.as_slice()].concat()
    };
    Ok(same_type(&args[0], joined))
}

fn repeat(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let times = usize::try_from(integer(args, 1)).map_err(|_| {
        SqlError::evaluation("Second argument (repeat count) for REPEAT cannot be negative")
    })?;
    let unit = octets(args, 0);
    if unit.is_empty() {
        return Ok(args[0].clone());
    }
    let size = unit.len().saturating_mul(times);
    within(size, OUTPUT_BYTES_MAX, "Output of REPEAT exceeds max allowed output size of 1MB")?;
    Ok(same_type(&args[0], unit.repeat(times)))
}

fn replace(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    const TOO_LARGE: &str = "Output of REPLACE exceeds max allowed output size of 1MB";
    let (mut rest, old, new) = (octets(args, 0), octets(args, 1), octets(args, 2));
    if old.is_empty() {
        within(rest.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
        return Ok(args[0].clone());
    }
    let mut result = Vec::with_capacity(rest.len());
    while let Some(at) = find(rest, old) {
        within(result.len() + at + new.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    within(result.len() + rest.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
    result.extend_from_slice(rest);
    Ok(same_type(&args[0], result))
}

/// The first place of a needle that is not empty.
pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack.get(from..)?.iter().position(|byte| byte == first) {
        let at = from + step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn translate(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    const TOO_LARGE: &str = "Output of TRANSLATE exceeds max allowed output size of 1MB";
    if let Value::String(_) = args[0] {
        let mut target = text(args, 2).chars();
        let mut mapping: HashMap<char, Option<char>> = HashMap::new();
        for character in text(args, 1).chars() {
            match mapping.entry(character) {
                Entry::Vacant(free) => free.insert(target.next()),
                Entry::Occupied(_) => {
                    let literal = string_literal(&character.to_string());
                    return Err(SqlError::evaluation(format!(
                        "Duplicate character {literal} in TRANSLATE source characters"
                    )));
                }
            };
        }
        let mapped = text(args, 0)
            .chars()
            .filter_map(|character| mapping.get(&character).copied().unwrap_or(Some(character)));
        let result: String = mapped.collect();
        within(result.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
        return Ok(Value::from(result));
    }
    let mut mapping: [Option<Option<u8>>; 256] = [None; 256];
    let mut target = bytes(args, 2).iter().copied();
    for byte in bytes(args, 1) {
        let slot = &mut mapping[usize::from(*byte)];
        if slot.is_some() {
            return Err(SqlError::evaluation(format!(
                "Duplicate byte 0x{byte:02x} in TRANSLATE source bytes"
            )));
        }
        *slot = Some(target.next());
    }
    let mapped =
        bytes(args, 0).iter().filter_map(|byte| mapping[usize::from(*byte)].unwrap_or(Some(*byte)));
    let result: Vec<u8> = mapped.collect();
    within(result.len(), OUTPUT_BYTES_MAX, TOO_LARGE)?;
    Ok(Value::bytes(result))
}

fn split(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    if let Value::String(whole) = &args[0] {
        let delimiter = args.get(1).map_or(",", |_| text(args, 1));
        if delimiter.is_empty() && !whole.is_empty() {
            let letters = whole.chars().map(|letter| Value::from(letter.to_string()));
            return Ok(Value::array(letters));
        }
        if delimiter.is_empty() {
            return Ok(Value::array([Value::from("")]));
        }
        return Ok(Value::array(whole.split(delimiter).map(Value::from)));
    }
    let (mut rest, delimiter) = (bytes(args, 0), bytes(args, 1));
    if delimiter.is_empty() {
        if rest.is_empty() {
            return Ok(Value::array([Value::bytes([])]));
        }
        return Ok(Value::array(rest.iter().map(|byte| Value::bytes([*byte]))));
    }
    let mut parts = Vec::new();
    while let Some(at) = find(rest, delimiter) {
        parts.push(Value::bytes(&rest[..at]));
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(Value::bytes(rest));
    Ok(Value::array(parts))
}

fn concat(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    if let Some(Value::Array(_)) = args.first() {
        let all = args.iter().filter_map(Value::as_array).flatten().cloned();
        return Ok(Value::array(all));
    }
    let all_bytes = args.iter().all(|arg| matches!(arg, Value::Bytes(_)));
    let mut joined: Vec<u8> = Vec::new();
    for (arg, arg_type) in args.iter().zip(call.args) {
        match arg {
            Value::String(part) => joined.extend_from_slice(part.as_bytes()),
            Value::Bytes(part) if all_bytes => joined.extend_from_slice(part),
            _ => {
                let part = cast_text(arg, arg_type, call.session);
                joined.extend_from_slice(part.as_bytes());
            }
        }
        within(joined.len(), VALUE_BYTES_MAX, "CONCAT: exceeded maximum output length")?;
    }
    let like = if all_bytes && !args.is_empty() { &args[0] } else { &Value::from("") };
    Ok(same_type(like, joined))
}

/// The text that a cast to STRING gives.
pub(super) fn cast_text(value: &Value, value_type: &Type, session: &Session) -> String {
    match value {
        Value::Float64(number) => float_text(*number),
        Value::Timestamp(micros) => timestamp_text(*micros, &Zone::Iana(session.time_zone)),
        _ => display(value, value_type, session),
    }
}

/// Only checks the collation: to compare by it, the analyzer puts `$collation_key` around the operands.
fn collate(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    match args[1].as_str() {
        Some("" | "und:ci") => Ok(args[0].clone()),
        Some(other) => Err(SqlError::evaluation(format!(
            "Collation '{other}' in collate function is not supported."
        ))),
        None => {
            Err(SqlError::evaluation("The second argument of COLLATE() must be a string literal"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{call, outcome, render, strings};
    use super::*;

    fn check(name: &str, args: &[Value], expected: &str) {
        assert_eq!(outcome(FUNCTIONS, name, args), expected, "{name}({args:?})");
    }

    fn check_texts(name: &str, args: &[&str], expected: &str) {
        check(name, &strings(args), expected);
    }

    #[test]
    fn lengths_count_characters_or_bytes() {
        check_texts("LENGTH", &["日本語"], "3");
        check_texts("CHAR_LENGTH", &["a\u{301}"], "2");
        check_texts("BYTE_LENGTH", &["日本"], "6");
        check("LENGTH", &[Value::bytes("日本")], "6");
        check("LENGTH", &[Value::Null], "NULL");
    }

    #[test]
    fn case() {
        check_texts("UPPER", &["café straße"], "CAFÉ STRASSE");
        check_texts("LOWER", &["ΟΔΥΣΣΕΥΣ"], "οδυσσευς");
        check("UPPER", &[Value::bytes("aé")], "b\"Aé\"");
        check_texts("INITCAP", &["Hello WORLD-everyone! 3rd"], "Hello World-Everyone! 3rd");
        check_texts("INITCAP", &["apples1oranges2pears", "12"], "Apples1Oranges2Pears");
        check_texts("INITCAP", &["hello WORLD", ""], "Hello world");
    }

    #[test]
    fn trimming() {
        check_texts("TRIM", &["\u{3000} hi\t\n"], "hi");
        check_texts("TRIM", &["***apple***", "*"], "apple");
        check_texts("LTRIM", &["xyzxabcx", "xyz"], "abcx");
        check_texts("RTRIM", &["abc", ""], "abc");
        check("TRIM", &[Value::bytes("xxabx"), Value::bytes("x")], "b\"ab\"");
    }

    #[test]
    fn padding() {
        let pad = |text: &str, size: i64, pattern: &str| {
            vec![Value::from(text), Value::Int64(size), Value::from(pattern)]
        };
        check("LPAD", &pad("5", 3, "0"), "005");
        check("RPAD", &pad("例子", 5, "中文"), "例子中文中");
        check("LPAD", &pad("hello", 2, "x"), "he");
        check("LPAD", &[Value::from("a"), Value::Int64(3)], "  a");
        check(
            "LPAD",
            &pad("a", -1, "x"),
            "ERROR Second argument (output size) for LPAD/RPAD cannot be negative",
        );
        check(
            "RPAD",
            &pad("a", 9, ""),
            "ERROR Third argument (pad pattern) for LPAD/RPAD cannot be empty",
        );
        check(
            "RPAD",
            &pad("a", i64::MAX, "x"),
            "ERROR Output of LPAD/RPAD exceeds max allowed output size of 1MB",
        );
        let padded = [Value::bytes("ab"), Value::Int64(5), Value::bytes("123")];
        check("LPAD", &padded, "b\"123ab\"");
    }

    #[test]
    fn repetition_and_replacement() {
        check("REPEAT", &[Value::from("ab"), Value::Int64(3)], "ababab");
        check("REPEAT", &[Value::from(""), Value::Int64(i64::MAX)], "");
        check(
            "REPEAT",
            &[Value::from("ab"), Value::Int64(i64::MAX)],
            "ERROR Output of REPEAT exceeds max allowed output size of 1MB",
        );
        check(
            "REPEAT",
            &[Value::from("ab"), Value::Int64(-1)],
            "ERROR Second argument (repeat count) for REPEAT cannot be negative",
        );
        check_texts("REPLACE", &["aaa", "aa", "b"], "ba");
        check_texts("REPLACE", &["abc", "", "b"], "abc");
        check_texts("REVERSE", &["añb"], "bña");
        check_texts("TRANSLATE", &["This is a cookie", "sco", "zku"], "Thiz iz a kuukie");
        check_texts("TRANSLATE", &["abc", "bc", "x"], "ax");
        check_texts(
            "TRANSLATE",
            &["abc", "aa", "x"],
            "ERROR Duplicate character \"a\" in TRANSLATE source characters",
        );
    }

    #[test]
    fn splitting_and_joining() {
        check_texts("SPLIT", &["a,b,,c"], "[a, b, , c]");
        check_texts("SPLIT", &["日本", ""], "[日, 本]");
        check_texts("SPLIT", &["", ","], "[]");
        check_texts("SPLIT", &["a--b", "--"], "[a, b]");
        check("SPLIT", &[Value::bytes("a\0b"), Value::bytes("\0")], "[b\"a\", b\"b\"]");
        check_texts("CONCAT", &["a", "b", "c"], "abc");
        check("$concat", &[Value::bytes("a"), Value::bytes("b")], "b\"ab\"");
        check("CONCAT", &[Value::from("a"), Value::Int64(1), Value::Float64(2.0)], "a12");
        let (one, two) = (Value::array([Value::Int64(1)]), Value::array([Value::Int64(2)]));
        check("$concat", &[one, two], "[1, 2]");
    }

    #[test]
    fn collations() {
        check_texts("COLLATE", &["Apple", "und:ci"], "Apple");
        let message = "ERROR Collation 'binary' in collate function is not supported.";
        check_texts("COLLATE", &["Apple", "binary"], message);
    }

    proptest! {
        #[test]
        fn reversing_twice_changes_nothing(whole in ".*") {
            let once = call(FUNCTIONS, "REVERSE", &strings(&[&whole])).expect("it reverses");
            let twice = call(FUNCTIONS, "REVERSE", &[once]).expect("it reverses");
            prop_assert_eq!(twice, Value::from(whole.as_str()));
        }

        #[test]
        fn what_is_split_joins_again(whole in "[a-c]{0,12}", delimiter in "[a-c]{1,2}") {
            let parts = call(FUNCTIONS, "SPLIT", &strings(&[&whole, &delimiter]));
            let parts = parts.expect("it splits");
            let joined: Vec<String> =
                parts.as_array().expect("an array").iter().map(render).collect();
            prop_assert_eq!(joined.join(&delimiter), whole);
        }
    }
}

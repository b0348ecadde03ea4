//! Functions of code points: their numbers, normal forms, case folding, similarity of texts by sound and by
//! edits. Invariant: what is searched or compared without case goes through one folding.

use unicode_normalization::UnicodeNormalization;

use super::arguments::{array, bytes, integer, octets, strict, text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::value::Value;

const NORMALIZE: &[&str] = &["(STRING, [NORMALIZE_MODE]) -> STRING"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("ASCII", &["(STRING) -> INT64", "(BYTES) -> INT64"], ascii),
    strict("UNICODE", &["(STRING) -> INT64"], |_, args| {
        Ok(Value::Int64(text(args, 0).chars().next().map_or(0, code_point)))
    }),
    strict("CHR", &["(INT64) -> STRING"], |_, args| {
        Ok(Value::from(character(integer(args, 0))?.to_string()))
    }),
    strict(
        "TO_CODE_POINTS",
        &["(STRING) -> ARRAY<INT64>", "(BYTES) -> ARRAY<INT64>"],
        to_code_points,
    ),
    strict("CODE_POINTS_TO_STRING", &["(ARRAY<INT64>) -> STRING"], code_points_to_string),
    strict("CODE_POINTS_TO_BYTES", &["(ARRAY<INT64>) -> BYTES"], code_points_to_bytes),
    strict("NORMALIZE", NORMALIZE, |_, args| {
        Ok(Value::from(normalize(text(args, 0), mode(args)?)))
    }),
    strict("NORMALIZE_AND_CASEFOLD", NORMALIZE, |_, args| {
        let folded = fold_case(&normalize(text(args, 0), mode(args)?));
        Ok(Value::from(folded))
    }),
    strict("SAFE_CONVERT_BYTES_TO_STRING", &["(BYTES) -> STRING"], safe_convert),
    // What the analyzer puts around the operands of a comparison by the collation `und:ci`.
    strict("$collation_key", &["(STRING) -> STRING"], |_, args| {
        Ok(Value::from(collation_key(text(args, 0))))
    }),
    strict("SOUNDEX", &["(STRING) -> STRING"], soundex),
    strict(
        "EDIT_DISTANCE",
        &[
            "(STRING, STRING, [max_distance => INT64]) -> INT64",
            "(BYTES, BYTES, [max_distance => INT64]) -> INT64",
        ],
        edit_distance,
    ),
];

fn code_point(character: char) -> i64 {
    i64::from(u32::from(character))
}

fn character(number: i64) -> Result<char> {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .ok_or_else(|| SqlError::evaluation(format!("Invalid codepoint {number}")))
}

fn ascii(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let first = octets(args, 0).first().copied().unwrap_or(0);
    match &args[0] {
        Value::String(text) if !first.is_ascii() => Err(SqlError::evaluation(format!(
            "Argument to ASCII is not a structurally valid ASCII string: '{text}'"
        ))),
        _ => Ok(Value::Int64(i64::from(first))),
    }
}

fn to_code_points(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    Ok(match &args[0] {
        Value::String(text) => {
            Value::array(text.chars().map(|letter| Value::Int64(code_point(letter))))
        }
        _ => Value::array(bytes(args, 0).iter().map(|byte| Value::Int64(i64::from(*byte)))),
    })
}

fn code_points_to_string(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let numbers: Option<Vec<i64>> = array(args, 0).iter().map(Value::as_int64).collect();
    let Some(numbers) = numbers else { return Ok(Value::Null) };
    let letters: Result<String> = numbers.into_iter().map(character).collect();
    letters.map(Value::from)
}

fn code_points_to_bytes(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let numbers: Option<Vec<i64>> = array(args, 0).iter().map(Value::as_int64).collect();
    let Some(numbers) = numbers else { return Ok(Value::Null) };
    let bytes: Result<Vec<u8>> = numbers
        .into_iter()
        .map(|number| {
            u8::try_from(number)
                .map_err(|_| SqlError::evaluation(format!("Invalid ASCII value {number}")))
        })
        .collect();
    bytes.map(Value::bytes)
}

/// A normal form of Unicode.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

fn mode(args: &[Value]) -> Result<Mode> {
    let word = args.get(1).map_or("NFC", |_| text(args, 1));
    Ok(match word.to_ascii_uppercase().as_str() {
        "NFC" => Mode::Nfc,
        "NFD" => Mode::Nfd,
        "NFKC" => Mode::Nfkc,
        "NFKD" => Mode::Nfkd,
        _ => return Err(SqlError::evaluation("A valid normalize mode is required.")),
    })
}

fn normalize(whole: &str, mode: Mode) -> String {
    match mode {
        Mode::Nfc => whole.nfc().collect(),
        Mode::Nfd => whole.nfd().collect(),
        Mode::Nfkc => whole.nfkc().collect(),
        Mode::Nfkd => whole.nfkd().collect(),
    }
}

/// Unicode's full case folding. It is the lower case of the upper case, but for a dotless i, the capital
/// sharp s and Cherokee, whose folded letters are capitals.
pub(super) fn fold_case(whole: &str) -> String {
    let mut folded = String::with_capacity(whole.len());
    for character in whole.chars() {
        match character {
            '\u{131}' => folded.push(character),
            '\u{1e9e}' => folded.push_str("ss"),
            '\u{13a0}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => {
                folded.extend(character.to_uppercase());
            }
            _ => folded.extend(character.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    folded
}

/// By what texts of the collation `und:ci` compare; also what CONTAINS_SUBSTR compares.
pub(crate) fn collation_key(whole: &str) -> String {
    normalize(&fold_case(&normalize(whole, Mode::Nfkc)), Mode::Nfkc)
}

/// Every byte that is not part of a character becomes a replacement character.
fn safe_convert(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut result = String::with_capacity(bytes(args, 0).len());
    for chunk in bytes(args, 0).utf8_chunks() {
        result.push_str(chunk.valid());
        result.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(Value::from(result))
}

/// The code of a letter: 0 does not sound, `None` is no letter.
fn sound(letter: u8) -> Option<u8> {
    Some(match letter.to_ascii_uppercase() {
        b'A' | b'E' | b'I' | b'O' | b'U' | b'Y' | b'H' | b'W' => b'0',
        b'B' | b'F' | b'P' | b'V' => b'1',
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => b'2',
        b'D' | b'T' => b'3',
        b'L' => b'4',
        b'M' | b'N' => b'5',
        b'R' => b'6',
        _ => return None,
    })
}

fn soundex(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let mut letters = text(args, 0).bytes().filter_map(|byte| Some((byte, sound(byte)?)));
    let Some((first, mut previous)) = letters.next() else { return Ok(Value::from("")) };
    let mut code = String::from(char::from(first));
    for (_, sound) in letters {
        if sound != b'0' && sound != previous {
            code.push(char::from(sound));
            previous = sound;
        }
        if code.len() == 4 {
            break;
        }
    }
    while code.len() < 4 {
        code.push('0');
    }
    Ok(Value::from(code))
}

fn edit_distance(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let max = super::arguments::optional_integer(args, 2).unwrap_or(i64::MAX);
    let max = usize::try_from(max)
        .map_err(|_| SqlError::evaluation("Max distance must be non-negative"))?;
    let distance = if let Value::String(_) = args[0] {
        let letters = |index| text(args, index).chars().collect::<Vec<char>>();
        capped_distance(&letters(0), &letters(1), max)
    } else {
        capped_distance(bytes(args, 0), bytes(args, 1), max)
    };
    Ok(Value::Int64(i64::try_from(distance).unwrap_or(i64::MAX)))
}

/// The Levenshtein distance, or `max` when it is larger. One row of the table at a time, and of a row only
/// the stripe around the diagonal that can stay below `max`.
fn capped_distance<T: PartialEq>(one: &[T], other: &[T], max: usize) -> usize {
    let max = max.min(one.len().max(other.len()));
    if one.len().abs_diff(other.len()) >= max {
        return max;
    }
    let mut previous: Vec<usize> = (0..=other.len()).map(|column| column.min(max)).collect();
    let mut current = vec![max; other.len() + 1];
    for (row, letter) in one.iter().enumerate() {
        let (from, to) = ((row + 1).saturating_sub(max).max(1), (row + 1 + max).min(other.len()));
        current[from - 1] = if from == 1 { (row + 1).min(max) } else { max };
        for column in from..=to {
            let substituted = previous[column - 1] + usize::from(*letter != other[column - 1]);
            let deleted = previous[column].min(max) + 1;
            let inserted = current[column - 1] + 1;
            current[column] = substituted.min(deleted).min(inserted).min(max);
        }
        if to < other.len() {
            current[to + 1] = max;
        }
        std::mem::swap(&mut previous, &mut current);
    }
    previous[other.len()].min(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{outcome, strings};
    use super::*;

    fn check(name: &str, args: &[Value], expected: &str) {
        assert_eq!(outcome(FUNCTIONS, name, args), expected, "{name}({args:?})");
    }

    #[test]
    fn code_points() {
        check("ASCII", &[Value::from("A")], "65");
        check("ASCII", &[Value::from("")], "0");
        check("ASCII", &[Value::bytes([0xff])], "255");
        check(
            "ASCII",
            &[Value::from("é")],
            "ERROR Argument to ASCII is not a structurally valid ASCII string: 'é'",
        );
        check("UNICODE", &[Value::from("âbcd")], "226");
        check("CHR", &[Value::Int64(0x10ff)], "\u{10ff}");
        check("CHR", &[Value::Int64(0xd800)], "ERROR Invalid codepoint 55296");
        check("TO_CODE_POINTS", &[Value::from("AbC")], "[65, 98, 67]");
        check("TO_CODE_POINTS", &[Value::bytes([0, 255])], "[0, 255]");
        let points =
            |numbers: &[i64]| [Value::array(numbers.iter().map(|number| Value::Int64(*number)))];
        check("CODE_POINTS_TO_STRING", &points(&[65, 255, 513, 1024]), "AÿȁЀ");
        check("CODE_POINTS_TO_BYTES", &points(&[65, 98]), "b\"Ab\"");
        check("CODE_POINTS_TO_BYTES", &points(&[256]), "ERROR Invalid ASCII value 256");
        check("CODE_POINTS_TO_STRING", &[Value::array([Value::Null])], "NULL");
    }

    #[test]
    fn normal_forms() {
        check("NORMALIZE", &strings(&["e\u{301}"]), "é");
        check("NORMALIZE", &strings(&["é", "NFD"]), "e\u{301}");
        check("NORMALIZE", &strings(&["Raha\u{2004}Mahan", "NFKC"]), "Raha Mahan");
        check("NORMALIZE_AND_CASEFOLD", &strings(&["Straße", "NFC"]), "strasse");
        check("NORMALIZE_AND_CASEFOLD", &strings(&["The red barn"]), "the red barn");
        assert_eq!(fold_case("ΣςϹ\u{1e9e}İı\u{ab70}K"), "σσϲssi\u{307}ı\u{13a0}k");
        check("$collation_key", &strings(&["Ⅸ"]), "ix");
    }

    #[test]
    fn sounds_and_broken_bytes() {
        check("SOUNDEX", &[Value::from("Robert")], "R163");
        check("SOUNDEX", &[Value::from("Ashcraft")], "A261");
        check("SOUNDEX", &[Value::from("12")], "");
        check("SOUNDEX", &[Value::from("x")], "x000");
        check("SAFE_CONVERT_BYTES_TO_STRING", &[Value::bytes(b"h\xc2i\xf0\x9f")], "h�i��");
    }

    #[test]
    fn distances() {
        let check_max = |one: &str, other: &str, max: Option<i64>, expected: &str| {
            let mut args = strings(&[one, other]);
            args.extend(max.map(Value::Int64));
            check("EDIT_DISTANCE", &args, expected);
        };
        check_max("a", "b", None, "1");
        check_max("aa", "b", None, "2");
        check_max("kitten", "sitting", None, "3");
        check_max("abcdefg", "a", Some(2), "2");
        check_max("", "", None, "0");
        check_max("a", "b", Some(-1), "ERROR Max distance must be non-negative");
    }

    fn table_distance(one: &[char], other: &[char]) -> usize {
        let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
        for row in 0..=one.len() {
            for column in 0..=other.len() {
                table[row][column] = if row == 0 || column == 0 {
                    row + column
                } else {
                    let same = usize::from(one[row - 1] != other[column - 1]);
                    (table[row - 1][column - 1] + same)
                        .min(table[row - 1][column] + 1)
                        .min(table[row][column - 1] + 1)
                };
            }
        }
        table[one.len()][other.len()]
    }

    proptest! {
        #[test]
        fn distance_is_the_tables(one in "[abc]{0,9}", other in "[abc]{0,9}", max in 0usize..12) {
            let (one, other): (Vec<char>, Vec<char>) =
                (one.chars().collect(), other.chars().collect());
            let expected = table_distance(&one, &other).min(max);
            prop_assert_eq!(capped_distance(&one, &other, max), expected);
        }
    }
}

//! Bytes as text and back: base 32, base 64, hexadecimal. Encoding pads; decoding base 32 and base 64 takes
//! padding or leaves it, and what it refuses, it refuses with BigQuery's words.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::arguments::{bytes, strict, text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::value::Value;

const ENCODES: &[&str] = &["(BYTES) -> STRING"];
const DECODES: &[&str] = &["(STRING) -> BYTES"];

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("TO_BASE32", ENCODES, |_, args| Ok(Value::from(to_base32(bytes(args, 0))))),
    strict("FROM_BASE32", DECODES, from_base32),
    strict("TO_BASE64", ENCODES, |_, args| Ok(Value::from(to_base64(bytes(args, 0))))),
    strict("FROM_BASE64", DECODES, |_, args| {
        let decoded = from_base64(text(args, 0)).ok_or_else(|| invalid("base64"))?;
        Ok(Value::bytes(decoded))
    }),
    strict("TO_HEX", ENCODES, |_, args| Ok(Value::from(to_hex(bytes(args, 0))))),
    strict("FROM_HEX", DECODES, |_, args| Ok(Value::bytes(from_hex(text(args, 0))?))),
];

fn invalid(encoding: &str) -> SqlError {
    SqlError::evaluation(format!("Failed to decode invalid {encoding} string"))
}

/// Standard base 64 with padding.
pub(crate) fn to_base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Standard base 64: white space anywhere and missing padding are fine, wrong padding is not.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let whole: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digits = whole.iter().take_while(|byte| **byte != b'=').count();
    let (padding, needed) = (whole.len() - digits, (4 - digits % 4) % 4);
    let only_padding = whole[digits..].iter().all(|byte| *byte == b'=');
    if !only_padding || (padding != 0 && padding != needed) {
        return None;
    }
    let values: Option<Vec<u8>> = whole[..digits]
        .iter()
        .map(|byte| {
            digit(*byte, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        })
        .collect();
    if digits % 4 == 1 { None } else { Some(pack(&values?, 6)) }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn to_base32(octets: &[u8]) -> String {
    let mut encoded = String::with_capacity(octets.len().div_ceil(5) * 8);
    for group in octets.chunks(5) {
        let mut bits = [0u8; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        let digits = (group.len() * 8).div_ceil(5);
        for place in 0..8 {
            let value = usize::try_from((bits >> (35 - 5 * place)) & 31).expect("five bits");
            encoded.push(if place < digits { char::from(BASE32[value]) } else { '=' });
        }
    }
    encoded
}

fn from_base32(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let whole = text(args, 0).as_bytes();
    let digits = whole.iter().take_while(|byte| **byte != b'=').count();
    let (padding, needed) = (whole.len() - digits, (8 - digits % 8) % 8);
    let only_padding = whole[digits..].iter().all(|byte| *byte == b'=');
    let whole_bytes = matches!(digits % 8, 0 | 2 | 4 | 5 | 7);
    if !only_padding || !whole_bytes || (padding != 0 && padding != needed) {
        return Err(invalid("base32"));
    }
    let values: Option<Vec<u8>> = whole[..digits].iter().map(|byte| digit(*byte, BASE32)).collect();
    Ok(Value::bytes(pack(&values.ok_or_else(|| invalid("base32"))?, 5)))
}

fn digit(byte: u8, alphabet: &[u8]) -> Option<u8> {
    let place = alphabet.iter().position(|letter| *letter == byte)?;
    u8::try_from(place).ok()
}

/// Joins digits of some bits each to bytes; bits that do not fill a byte are dropped.
fn pack(digits: &[u8], width: u32) -> Vec<u8> {
    let mut packed = Vec::with_capacity(digits.len() * width as usize / 8);
    let (mut buffer, mut filled) = (0u32, 0u32);
    for digit in digits {
        buffer = (buffer << width) | u32::from(*digit);
        filled += width;
        if filled >= 8 {
            filled -= 8;
            packed.push(u8::try_from((buffer >> filled) & 0xff).expect("eight bits"));
        }
        buffer &= (1 << filled) - 1;
    }
    packed
}

/// Two lower case digits for each byte.
pub(crate) fn to_hex(octets: &[u8]) -> String {
    let mut encoded = String::with_capacity(octets.len() * 2);
    for byte in octets {
        write!(encoded, "{byte:02x}").expect("a string takes whatever is written");
    }
    encoded
}

/// Bytes of hexadecimal digits of either case; with an odd number of digits the first stands alone.
pub(crate) fn from_hex(whole: &str) -> Result<Vec<u8>> {
    if let Some(offset) = whole.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(SqlError::evaluation(format!(
            "Failed to decode invalid hexadecimal string due to character at offset {offset}: {whole}"
        )));
    }
    let value = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    };
    let (first, pairs) = whole.as_bytes().split_at(whole.len() % 2);
    let mut decoded: Vec<u8> = first.iter().copied().map(value).collect();
    decoded.extend(pairs.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{call, outcome};
    use super::*;

    #[test]
    fn encodings_round_trip() {
        let check = |kind: &str, octets: &str, encoded: &str| {
            let to = outcome(FUNCTIONS, &format!("TO_{kind}"), &[Value::bytes(octets)]);
            assert_eq!(to, encoded);
            let from = outcome(FUNCTIONS, &format!("FROM_{kind}"), &[Value::from(encoded)]);
            assert_eq!(from, format!("b{octets:?}"));
        };
        check("BASE32", "", "");
        check("BASE32", "1", "GE======");
        check("BASE32", "Hello", "JBSWY3DP");
        check("BASE32", "Hello world", "JBSWY3DPEB3W64TMMQ======");
        check("BASE64", " ", "IA==");
        check("BASE64", "abcABC", "YWJjQUJD");
        check("HEX", "abc", "616263");
    }

    #[test]
    fn decoding_is_lenient_where_bigquery_is() {
        let check = |name: &str, encoded: &str, expected: &str| {
            assert_eq!(outcome(FUNCTIONS, name, &[Value::from(encoded)]), expected, "{encoded}");
        };
        check("FROM_BASE64", "YW\nJj", "b\"abc\"");
        check("FROM_BASE64", "YQ", "b\"a\"");
        check("FROM_BASE64", "====", "ERROR Failed to decode invalid base64 string");
        check("FROM_BASE64", "Y===", "ERROR Failed to decode invalid base64 string");
        check("FROM_BASE64", "Y*==", "ERROR Failed to decode invalid base64 string");
        check("FROM_BASE32", "12", "ERROR Failed to decode invalid base32 string");
        check("FROM_BASE32", "GE0", "ERROR Failed to decode invalid base32 string");
        check("FROM_HEX", "0AF", "b\"\\0�\"");
        check(
            "FROM_HEX",
            "12g",
            "ERROR Failed to decode invalid hexadecimal string due to character at offset 2: 12g",
        );
    }

    proptest! {
        #[test]
        fn all_bytes_round_trip(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            for kind in ["BASE32", "BASE64", "HEX"] {
                let bytes = Value::bytes(&octets);
                let encoded = call(FUNCTIONS, &format!("TO_{kind}"), std::slice::from_ref(&bytes));
                let encoded = encoded.expect("it encodes");
                let decoded = call(FUNCTIONS, &format!("FROM_{kind}"), &[encoded]);
                prop_assert_eq!(decoded, Ok(bytes));
            }
        }

        #[test]
        fn decoding_never_panics(encoded in ".*") {
            for name in ["FROM_BASE32", "FROM_BASE64", "FROM_HEX"] {
                let _ = call(FUNCTIONS, name, &[Value::from(encoded.as_str())]);
            }
        }
    }
}

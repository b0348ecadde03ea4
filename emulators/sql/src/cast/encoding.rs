//! `CAST(bytes AS STRING FORMAT …)` and back: HEX, BASE2, BASE8, BASE16, BASE64, BASE64M, ASCII and UTF-8.
//! Invariant: what is encoded decodes to the same bytes, but for zeros that a text of odd length
//! lacks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use num_traits::Num as _;

use crate::error::{Result, SqlError};

/// Characters in a line of BASE64M.
const LINE: usize = 76;

pub(super) fn encode(bytes: &[u8], format: &str) -> Result<String> {
    match format.to_ascii_lowercase().as_str() {
        "hex" | "base16" => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        "base2" => Ok(bytes.iter().map(|byte| format!("{byte:08b}")).collect()),
        "base8" => Ok(encode_base8(bytes)),
        "base64" => Ok(STANDARD.encode(bytes)),
        "base64m" => {
            let text = STANDARD.encode(bytes).into_bytes();
            let lines = text.chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>();
            Ok(lines.join("\n"))
        }
        "ascii" => match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => Ok(text.to_owned()),
            _ => Err(bad("ASCII")),
        },
        "utf8" | "utf-8" => std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| SqlError::evaluation("A string is not valid UTF-8.")),
        _ => Err(invalid_format(format)),
    }
}

pub(super) fn decode(text: &str, format: &str) -> Result<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" | "base16" => decode_hex(text),
        "base2" => {
            let length = text.len().div_ceil(8);
            decode_bits(text, 2, length).ok_or_else(|| bad("base2"))
        }
        "base8" => {
            // Eight digits are three bytes, and digits that are missing are zeros in front.
            let rest = [0, 1, 1, 1, 2, 2, 2, 3][text.len() % 8];
            decode_bits(text, 8, text.len() / 8 * 3 + rest).ok_or_else(|| bad("base8"))
        }
        "base64" | "base64m" => {
            let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            STANDARD.decode(text).map_err(|_| bad("base64"))
        }
        "ascii" if text.is_ascii() => Ok(text.as_bytes().to_vec()),
        "ascii" => Err(bad("ASCII")),
        "utf8" | "utf-8" => Ok(text.as_bytes().to_vec()),
        _ => Err(invalid_format(format)),
    }
}

fn decode_hex(text: &str) -> Result<Vec<u8>> {
    let mut digits = if text.len().is_multiple_of(2) { Vec::new() } else { vec![0] };
    for (offset, byte) in text.bytes().enumerate() {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| {
            SqlError::evaluation(format!(
                "Failed to decode invalid hexadecimal string due to character at offset {offset}: \
                 {text}"
            ))
        })?);
    }
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect())
}

/// Octal digits of the bits, with as many digits as the bits need.
fn encode_base8(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let digits = BigUint::from_bytes_be(bytes).to_str_radix(8);
    format!("{digits:0>width$}", width = (bytes.len() * 8).div_ceil(3))
}

/// So many bytes, the last ones of the number that a text writes.
fn decode_bits(text: &str, radix: u32, length: usize) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| char::from(byte).is_digit(radix)) {
        return None;
    }
    let value = BigUint::from_str_radix(text, radix).unwrap_or_default().to_bytes_be();
    let mut bytes = vec![0; length.saturating_sub(value.len())];
    bytes.extend_from_slice(&value[value.len().saturating_sub(length)..]);
    Some(bytes)
}

fn bad(what: &str) -> SqlError {
    SqlError::evaluation(format!("Failed to decode invalid {what} string"))
}

fn invalid_format(format: &str) -> SqlError {
    SqlError::evaluation(format!("Invalid format '{format}'"))
}

//! Decimals between text, scaled integers and the byte strings of the Storage Write API. NUMERIC is an
//! integer of 128 bits times 10^-9, BIGNUMERIC one of 256 bits times 10^-38. Rounding is half away from
//! zero, as the service rounds what it stores.

use arrow::datatypes::i256;
use num_bigint::{BigInt, Sign};

use super::CellError;
use crate::schema::{Field, FieldType};

const NUMERIC_SCALE: u32 = 9;
const BIGNUMERIC_SCALE: u32 = 38;
/// Powers of ten beyond this are out of any decimal's range, and cost nothing to refuse.
const EXPONENT_MAX: i64 = 1_000;
/// Digits of a text at most; the rest cannot matter.
const TEXT_BYTES_MAX: usize = 2_000;

/// A text's value times `10^scale`, rounded; exponents are allowed.
pub(super) fn parse_scaled(text: &str, scale: u32) -> Option<BigInt> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = BigInt::parse_bytes(all.as_bytes(), 10)?;
    let fraction_digits = i64::try_from(fraction.len()).ok()?;
    let shift = exponent - fraction_digits + i64::from(scale);
    let power = BigInt::from(10).pow(u32::try_from(shift.unsigned_abs()).ok()?);
    let scaled = if shift >= 0 { number * power } else { divide_rounded(&number, &power) };
    Some(if negative { -scaled } else { scaled })
}

/// Half away from zero.
fn divide_rounded(number: &BigInt, by: &BigInt) -> BigInt {
    let twice = number * 2;
    let half_up = if number.sign() == Sign::Minus { twice - by } else { twice + by };
    half_up / (by * 2)
}

/// `123.45` of 12345 at two digits: no zeros at the end, no point without digits after it.
pub(crate) fn format_scaled(scaled: &str, scale: usize) -> String {
    let (sign, digits) = match scaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", scaled),
    };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A decimal column's text as a scaled integer that fits NUMERIC.
pub(crate) fn numeric(text: &str) -> Option<i128> {
    in_numeric(i128::try_from(parse_scaled(text, NUMERIC_SCALE)?).ok()?)
}

/// A decimal column's text as a scaled integer that fits BIGNUMERIC.
pub(crate) fn big_numeric(text: &str) -> Option<i256> {
    to_i256(&parse_scaled(text, BIGNUMERIC_SCALE)?)
}

/// A big integer in 256 bits.
pub(crate) fn to_i256(number: &BigInt) -> Option<i256> {
    let little = number.to_signed_bytes_le();
    from_little_endian(&little)
}

/// 256 bits as a big integer.
pub(crate) fn from_i256(number: i256) -> BigInt {
    BigInt::from_signed_bytes_le(&number.to_le_bytes())
}

fn from_little_endian(bytes: &[u8]) -> Option<i256> {
    if bytes.is_empty() || bytes.len() > 32 {
        return None;
    }
    let fill = if bytes[bytes.len() - 1] & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [fill; 32];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(i256::from_le_bytes(wide))
}

/// A NUMERIC's byte string in the Storage Write API: little-endian two's complement of the scaled value.
pub(super) fn numeric_of_bytes(bytes: &[u8]) -> Option<i128> {
    in_numeric(from_little_endian(bytes)?.to_i128()?)
}

/// The same of a BIGNUMERIC.
pub(super) fn big_numeric_of_bytes(bytes: &[u8]) -> Option<i256> {
    from_little_endian(bytes)
}

fn in_numeric(scaled: i128) -> Option<i128> {
    const MAX: i128 = 10_i128.pow(38) - 1;
    (-MAX..=MAX).contains(&scaled).then_some(scaled)
}

/// Rounds a scaled value to the column's scale and checks its precision.
///
/// # Errors
/// The value has more digits before the point than the column.
pub(super) fn fit_numeric(field: &Field, scaled: i128) -> Result<i128, CellError> {
    if field.parameters.precision.is_none() {
        return Ok(scaled);
    }
    let fitted = fit(field, &BigInt::from(scaled), NUMERIC_SCALE)?;
    Ok(i128::try_from(fitted).unwrap_or(scaled))
}

/// The same of a BIGNUMERIC.
///
/// # Errors
/// As [`fit_numeric`].
pub(super) fn fit_big_numeric(field: &Field, scaled: i256) -> Result<i256, CellError> {
    if field.parameters.precision.is_none() {
        return Ok(scaled);
    }
    let fitted = fit(field, &from_i256(scaled), BIGNUMERIC_SCALE)?;
    Ok(to_i256(&fitted).unwrap_or(scaled))
}

fn fit(field: &Field, scaled: &BigInt, digits: u32) -> Result<BigInt, CellError> {
    let precision = field.parameters.precision.unwrap_or(digits);
    let scale = field.parameters.scale.unwrap_or(0).min(digits);
    let power = BigInt::from(10).pow(digits - scale);
    let rounded = divide_rounded(scaled, &power);
    let max: BigInt = BigInt::from(10).pow(precision) - 1;
    if rounded > max || rounded < -&max {
        let bound = format_scaled(&max.to_string(), scale as usize);
        let name = field.sql_text();
        let kind = if field.field_type == FieldType::Numeric { "NUMERIC" } else { "BIGNUMERIC" };
        let scale_text = if scale == 0 { String::new() } else { format!(" and scale {scale}") };
        return Err(CellError::Invalid(format!(
            "{name} has precision {precision}{scale_text} but got a value that is not in range of \
             [-{bound}, {bound}] for {kind} field {}",
            field.name
        )));
    }
    Ok(rounded * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_rounded_half_away_from_zero() {
        let cases = [
            ("1", Some("1")),
            ("-1.5", Some("-1.5")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("1e3", Some("1000")),
            ("1.5E-3", Some("0.0015")),
            ("0.0000000005", Some("0.000000001")),
            ("-0.0000000005", Some("-0.000000001")),
            ("0.00000000049", Some("0")),
            (
                "99999999999999999999999999999.999999999",
                Some("99999999999999999999999999999.999999999"),
            ),
            ("100000000000000000000000000000", None),
            ("1e2000", None),
            ("", None),
            (".", None),
            ("1x", None),
            ("1.2.3", None),
        ];
        for (text, expected) in cases {
            let shown = numeric(text).map(|scaled| format_scaled(&scaled.to_string(), 9));
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn parameters_round_and_refuse() {
        let mut field = Field::new("n", FieldType::Numeric);
        field.parameters.precision = Some(3);
        field.parameters.scale = Some(1);
        assert_eq!(fit_numeric(&field, numeric("12.35").unwrap()), Ok(numeric("12.4").unwrap()));
        assert!(fit_numeric(&field, numeric("99.95").unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn numerics_survive_text_and_bytes(scaled in -(10_i128.pow(38) - 1)..10_i128.pow(38)) {
            let text = format_scaled(&scaled.to_string(), 9);
            prop_assert_eq!(numeric(&text), Some(scaled));
            let bytes = BigInt::from(scaled).to_signed_bytes_le();
            prop_assert_eq!(numeric_of_bytes(&bytes), Some(scaled));
            let wide = i256::from_i128(scaled);
            prop_assert_eq!(to_i256(&from_i256(wide)), Some(wide));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,12}") {
            let _read_or_refused = big_numeric(&text);
        }
    }
}

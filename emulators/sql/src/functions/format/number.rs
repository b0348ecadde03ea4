//! Numbers of FORMAT: integers in three bases, doubles and decimals in fixed, scientific and general form.
//! Doubles are rounded as IEEE 754 does (half to even of the exact value), decimals half away from zero.

use super::Layout;
use crate::value::Value;

/// An integer in decimal, as C writes it.
pub(super) fn integer(value: i64, _specifier: char, layout: &Layout) -> String {
    let digits = value.unsigned_abs().to_string();
    let zeros = layout.precision.unwrap_or(1).saturating_sub(digits.len());
    let body = format!("{}{digits}", "0".repeat(zeros));
    // A precision already says how many digits there are.
    let zero_padding = layout.flags.zero && layout.precision.is_none();
    assemble(value < 0, "", &body, body.len(), zero_padding, layout)
}

/// An integer in octal or hexadecimal, with a sign for negative ones, or in groups.
pub(super) fn grouped_integer(value: i64, specifier: char, layout: &Layout) -> String {
    let magnitude = value.unsigned_abs();
    let (digits, mut prefix, separator, size) = match specifier {
        'o' => (format!("{magnitude:o}"), "0", ',', 4),
        'x' => (format!("{magnitude:x}"), "0x", ':', 4),
        'X' => (format!("{magnitude:X}"), "0X", ':', 4),
        _ => (magnitude.to_string(), "", ',', 3),
    };
    let zeros = layout.precision.unwrap_or(0).saturating_sub(digits.len());
    if !layout.flags.alternative || (specifier == 'o' && zeros > 0) {
        prefix = "";
    }
    let digits = format!("{}{digits}", "0".repeat(zeros));
    let body = if layout.flags.grouping { group(&digits, separator, size) } else { digits };
    assemble(value < 0, prefix, &body, body.len(), layout.flags.zero, layout)
}

/// Digits in groups from the right.
fn group(digits: &str, separator: char, size: usize) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / size);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(size) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// Sign, prefix, padding and body in their order.
fn assemble(
    negative: bool,
    prefix: &str,
    body: &str,
    body_width: usize,
    zero_padding: bool,
    layout: &Layout,
) -> String {
    let sign = match (negative, layout.flags.plus, layout.flags.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    let missing = layout.width.saturating_sub(sign.len() + prefix.len() + body_width);
    if layout.flags.left {
        format!("{sign}{prefix}{body}{}", " ".repeat(missing))
    } else if zero_padding {
        format!("{sign}{prefix}{}{body}", "0".repeat(missing))
    } else {
        format!("{}{sign}{prefix}{body}", " ".repeat(missing))
    }
}

/// A number with a fraction.
pub(super) enum Number {
    /// A double.
    Double(f64),
    /// A decimal: its sign, and its digits before and after the point.
    Decimal(bool, String, String),
}

impl Number {
    /// The number of a value.
    pub(super) fn of(value: &Value) -> Self {
        let text = match value {
            Value::Float64(double) => return Self::Double(*double),
            Value::Numeric(number) => number.to_string(),
            Value::BigNumeric(number) => number.to_string(),
            _ => String::from("0"),
        };
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Self::Decimal(negative, whole.to_owned(), fraction.to_owned())
    }

    fn is_negative(&self) -> bool {
        match self {
            // Zero and NaN have no sign.
            Self::Double(double) => *double < 0.0,
            Self::Decimal(negative, ..) => *negative,
        }
    }

    /// The magnitude with some digits after the point.
    fn fixed(&self, precision: usize) -> String {
        match self {
            Self::Double(double) => format!("{:.precision$}", double.abs()),
            Self::Decimal(_, whole, fraction) => {
                let digits = rounded(&format!("0{whole}{fraction}"), 1 + whole.len() + precision);
                let (whole, fraction) = digits.split_at(digits.len() - precision);
                let whole = whole.trim_start_matches('0');
                let whole = if whole.is_empty() { "0" } else { whole };
                if precision == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") }
            }
        }
    }

    /// The magnitude as one digit, a point, some digits, and the exponent of ten.
    fn scientific(&self, precision: usize) -> (String, i32) {
        match self {
            Self::Double(double) => {
                let text = format!("{:.precision$e}", double.abs());
                let (mantissa, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
                (mantissa.to_owned(), exponent.parse().expect("an exponent is an integer"))
            }
            Self::Decimal(_, whole, fraction) => {
                let all = format!("{whole}{fraction}");
                let significant = all.trim_start_matches('0');
                let exponent = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
                let mut power = exponent(whole.len()) - 1 - exponent(all.len() - significant.len());
                if significant.is_empty() {
                    power = 0;
                }
                let mut digits = rounded(&format!("0{significant}"), precision + 2);
                if digits.starts_with('0') {
                    digits.remove(0);
                } else {
                    // All nines became a one and zeros.
                    digits.pop();
                    power += 1;
                }
                if precision > 0 {
                    digits.insert(1, '.');
                }
                (digits, power)
            }
        }
    }
}

/// Digits cut or filled to a length, rounded half away from zero. The first digit must be a zero, which takes
/// the carry.
fn rounded(digits: &str, length: usize) -> String {
    if digits.len() <= length {
        return format!("{digits}{}", "0".repeat(length - digits.len()));
    }
    let (kept, cut) = digits.split_at(length);
    let mut kept: Vec<u8> = kept.bytes().collect();
    if cut.as_bytes()[0] >= b'5' {
        for digit in kept.iter_mut().rev() {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                break;
            }
        }
    }
    kept.into_iter().map(char::from).collect()
}

/// A number by `f`, `e` or `g`; upper case specifiers write upper case letters.
pub(super) fn real(number: &Number, specifier: char, layout: &Layout) -> String {
    let negative = number.is_negative();
    let upper = specifier.is_ascii_uppercase();
    if let Number::Double(double) = number
        && !double.is_finite()
    {
        let word = if double.is_nan() { "nan" } else { "inf" };
        let word = if upper { word.to_uppercase() } else { word.to_owned() };
        return assemble(negative, "", &word, word.len(), false, layout);
    }
    let alternative = layout.flags.alternative;
    let mut body = match specifier.to_ascii_lowercase() {
        'f' => with_point(number.fixed(layout.precision.unwrap_or(6)), alternative),
        'e' => {
            let (mantissa, exponent) = number.scientific(layout.precision.unwrap_or(6));
            with_exponent(&with_point(mantissa, alternative), exponent)
        }
        _ => general(number, layout.precision.unwrap_or(6).max(1), alternative),
    };
    if upper {
        body.make_ascii_uppercase();
    }
    if layout.flags.grouping {
        let end = body.bytes().take_while(u8::is_ascii_digit).count();
        body = group(&body[..end], ',', 3) + &body[end..];
    }
    assemble(negative, "", &body, body.len(), layout.flags.zero, layout)
}

/// Fixed or scientific, whichever is shorter, with some significant digits; zeros at the end only in the
/// alternative form.
fn general(number: &Number, digits: usize, alternative: bool) -> String {
    let (mantissa, exponent) = number.scientific(digits - 1);
    let finish = |text: String| {
        if alternative {
            return with_point(text, true);
        }
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        text
    };
    let limit = i32::try_from(digits).unwrap_or(i32::MAX);
    if (-4..limit).contains(&exponent) {
        let precision = usize::try_from(limit - 1 - exponent).expect("the exponent is below it");
        return finish(number.fixed(precision));
    }
    with_exponent(&finish(mantissa), exponent)
}

fn with_point(text: String, alternative: bool) -> String {
    if alternative && !text.contains('.') { text + "." } else { text }
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

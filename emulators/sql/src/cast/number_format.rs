//! `CAST(number AS STRING FORMAT '…')`: digits, group separators, signs, currencies, exponents, hexadecimal
//! and Roman numerals. Source: BigQuery's page on format elements. Each element has a place, and a place
//! without a digit is a blank unless `FM` says otherwise.

mod elements;
mod number;

use elements::{Element, Layout, Sign};
use number::Parts;

use crate::error::{Result, SqlError};
use crate::value::Value;

/// What Roman numerals are padded to.
const ROMAN_WIDTH: usize = 15;

/// Formats a number that is not NULL.
pub(super) fn format_number(value: &Value, format: &str) -> Result<String> {
    let layout = Layout::parse(format)?;
    let text = if layout.is_text_minimal {
        return Err(SqlError::evaluation("Text minimal output is not supported yet"));
    } else if layout.roman.is_some() {
        roman(value, &layout)?
    } else if layout.is_hexadecimal {
        hexadecimal(value, &layout)?
    } else {
        decimal(value, &layout)?
    };
    Ok(if layout.compact { text.trim_matches(' ').to_owned() } else { text })
}

fn decimal(value: &Value, layout: &Layout) -> Result<String> {
    let mut parts = Parts::of(value, layout.scale, layout.has_exponent)?;
    if let Some(word) = parts.word {
        return Ok(not_finite(word, parts.negative, layout));
    }
    if layout.compact {
        parts.fraction.truncate(parts.fraction.trim_end_matches('0').len());
    }
    let blank = layout.blank_zero && parts.whole.is_empty();
    let fits = parts.whole.len() <= layout.whole_digits;
    let wanted = !parts.whole.is_empty()
        || layout.has_exponent
        || layout.first_zero.is_some_and(|place| place < layout.point)
        || parts.fraction.is_empty();
    let (padding, whole) = if layout.whole_digits > 0 && wanted {
        whole_part(&parts.whole, layout, fits, blank)
    } else {
        (layout.point, String::new())
    };
    let fraction = fraction_part(&parts, layout, fits, blank);
    let (prefix, suffix) = sign(parts.negative, blank, layout);
    let currency = layout
        .currency
        .map_or(String::new(), |text| if blank { " ".repeat(text.len()) } else { text.to_owned() });
    Ok(format!("{}{prefix}{currency}{whole}{fraction}{suffix}", " ".repeat(padding)))
}

/// The places before the point, and how many of them in front stay empty.
fn whole_part(whole: &str, layout: &Layout, fits: bool, blank: bool) -> (usize, String) {
    let mut digits = if whole.is_empty() { "0" } else { whole }.chars().rev();
    let mut next = digits.next();
    let mut text = Vec::new();
    let mut places = layout.point;
    while places > 0 {
        let place = places - 1;
        if next.is_none() && layout.first_zero.is_none_or(|first| place < first) {
            break;
        }
        match layout.elements[place] {
            Element::Group => text.push(if blank { ' ' } else { ',' }),
            _ => {
                let digit = next.unwrap_or('0');
                text.push(if !fits {
                    '#'
                } else if blank {
                    ' '
                } else {
                    digit
                });
                next = digits.next();
            }
        }
        places = place;
    }
    (places, text.iter().rev().collect())
}

/// The point and the places after it.
fn fraction_part(parts: &Parts, layout: &Layout, fits: bool, blank: bool) -> String {
    let mut text = String::new();
    let mut digits = parts.fraction.chars();
    for element in &layout.elements[layout.point..] {
        match element {
            Element::Point => text.push(if blank { ' ' } else { '.' }),
            Element::HiddenPoint | Element::Group => {}
            Element::Exponent(_) if !fits => text.push_str("####"),
            Element::Exponent(_) if blank => text.push_str("    "),
            Element::Exponent(letter) => {
                text.push(*letter);
                text.push_str(&parts.exponent);
            }
            _ if !fits => text.push('#'),
            // FM leaves places without digits out.
            _ => text.extend(digits.next().map(|digit| if blank { ' ' } else { digit })),
        }
    }
    text
}

/// What stands before and after the number for its sign.
fn sign(negative: bool, blank: bool, layout: &Layout) -> (&'static str, &'static str) {
    let pick = |minus: &'static str, plus: &'static str| match (blank, negative) {
        (true, _) => " ",
        (false, true) => minus,
        (false, false) => plus,
    };
    match layout.sign {
        None => (pick("-", " "), ""),
        Some(Sign::Front) => (pick("-", "+"), ""),
        Some(Sign::Back) => ("", pick("-", "+")),
        Some(Sign::Minus) => ("", pick("-", " ")),
        Some(Sign::Brackets) => (pick("<", " "), pick(">", " ")),
    }
}

/// `INF` or `NAN` in the places before the point, `#` where there is no room.
fn not_finite(word: &str, negative: bool, layout: &Layout) -> String {
    let (padding, text) = if layout.has_exponent {
        (layout.elements.len(), word.to_owned())
    } else {
        let room = layout.point >= word.len();
        let places = layout.elements[..layout.point].iter().rev().take(word.len());
        let whole = places.zip(word.chars().rev()).map(|(element, letter)| match element {
            _ if room => letter,
            Element::Group => ',',
            _ => '#',
        });
        let mut text = whole.collect::<Vec<_>>().into_iter().rev().collect::<String>();
        let padding = layout.point - text.len();
        for element in &layout.elements[layout.point..] {
            match element {
                Element::HiddenPoint => {}
                _ if room => text.push(' '),
                Element::Point => text.push('.'),
                _ => text.push('#'),
            }
        }
        (padding, text)
    };
    let (prefix, suffix) = sign(negative, word == "NAN", layout);
    let currency = layout.currency.unwrap_or_default();
    format!("{}{prefix}{currency}{text}{suffix}", " ".repeat(padding))
}

fn hexadecimal(value: &Value, layout: &Layout) -> Result<String> {
    let (negative, magnitude) = number::magnitude(value)?;
    let digits = magnitude.map(|magnitude| format!("{magnitude:x}"));
    let fits = digits.as_ref().is_some_and(|digits| digits.len() <= layout.elements.len());
    let mut digits = digits.unwrap_or_default().chars().rev().collect::<Vec<_>>().into_iter();
    let mut next = digits.next();
    let mut text = Vec::new();
    let mut places = layout.elements.len();
    while places > 0 {
        let place = places - 1;
        if fits && next.is_none() && layout.first_zero.is_none_or(|first| place < first) {
            break;
        }
        let digit = next.unwrap_or('0');
        text.push(match layout.elements[place] {
            _ if !fits => '#',
            Element::Hexadecimal { upper: true } => digit.to_ascii_uppercase(),
            _ => digit,
        });
        next = digits.next();
        places = place;
    }
    let (prefix, suffix) = sign(negative, false, layout);
    let text = text.iter().rev().collect::<String>();
    Ok(format!("{}{prefix}{text}{suffix}", " ".repeat(places)))
}

fn roman(value: &Value, layout: &Layout) -> Result<String> {
    const NUMERALS: [(u64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut rest = match number::magnitude(value)? {
        (false, Some(rest @ 1..=3999)) => rest,
        _ => return Ok("#".repeat(ROMAN_WIDTH)),
    };
    let mut text = String::new();
    for (size, numeral) in NUMERALS {
        while rest >= size {
            text.push_str(numeral);
            rest -= size;
        }
    }
    if layout.roman == Some(false) {
        text.make_ascii_lowercase();
    }
    Ok(format!("{text:>ROMAN_WIDTH$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Numeric;

    fn check(value: impl Into<Value>, format: &str, expected: Result<&str, &str>) {
        let outcome = format_number(&value.into(), format).map_err(|error| error.message);
        assert_eq!(outcome, expected.map(str::to_owned).map_err(str::to_owned), "{format}");
    }

    #[test]
    fn digits_and_separators() {
        check(12, "999", Ok("  12"));
        check(-12, "999", Ok(" -12"));
        check(1234, "999", Ok(" ###"));
        check(12, "0999", Ok(" 0012"));
        check(123.4, "999.999", Ok(" 123.400"));
        check(123.4, "9,9,9.99", Ok(" 1,2,3.40"));
        check(1_234_567, "9,999,999", Ok(" 1,234,567"));
        check(1234, "9,999,999", Ok("     1,234"));
        check(0.12, "9.99", Ok("  .12"));
        check(0.12, "0.99", Ok(" 0.12"));
        check(0, "9.99", Ok("  .00"));
        check(1.2, "9V99", Ok(" 120"));
        check(Value::Numeric(Numeric::parse("1.005").unwrap()), "9.99", Ok(" 1.01"));
    }

    #[test]
    fn flags_signs_and_currencies() {
        check(12, "FM999", Ok("12"));
        check(1.2, "FM9.999", Ok("1.2"));
        check(12, "S999", Ok(" +12"));
        check(-12, "999S", Ok(" 12-"));
        check(12, "999MI", Ok(" 12 "));
        check(-12, "999PR", Ok(" <12>"));
        check(1234.5, "$999,999.999", Ok("   $1,234.500"));
        check(12, "C999", Ok("  USD12"));
        check(0, "B999", Ok("    "));
    }

    #[test]
    fn exponents_and_others() {
        check(1234.5, "9.99EEEE", Ok(" 1.23E+03"));
        check(-20, "9.99eeee", Ok("-2.00e+01"));
        check(Value::Numeric(Numeric::parse("0.00995").unwrap()), "9.9EEEE", Ok(" 1.0E-02"));
        check(255, "XXX", Ok("  FF"));
        check(255, "0xxx", Ok(" 00ff"));
        check(255, "X", Ok(" #"));
        check(-255, "XX", Ok("-FF"));
        check(2024, "RN", Ok("         MMXXIV"));
        check(2024, "FMrn", Ok("mmxxiv"));
        check(4000, "RN", Ok("###############"));
        check(f64::INFINITY, "9999.9", Ok("  INF  "));
        check(f64::NAN, "99.9", Ok(" ##.#"));
    }

    #[test]
    fn formats_that_are_wrong() {
        let wrong = |format: &str, error: &str| {
            check(1, format, Err(&format!("Error in format string: {error}")));
        };
        wrong("99a", "Invalid format element 'a'");
        wrong("S", "Format string must contain at least one of 'X', '0' or '9'");
        wrong("9.9.9", "There can be at most one of '.', 'D', or 'V'");
        wrong("9X", "'X' cannot appear together with '9'");
        wrong("9.9,9", "',' or 'G' cannot appear after '.', 'D' or 'V'");
        wrong("9,9EEEE", "',' or 'G' cannot appear together with 'EEEE'");
        wrong("MI9", "'MI' can only appear after all digits and 'EEEE'");
        wrong("9S9", "'S' can only appear before or after all digits and 'EEEE'");
        wrong("S9S", "There can be at most one of 'S', 'MI', or 'PR'");
        wrong("FM9FM", "'FM' cannot be repeated");
        wrong("9TM", "'TM', 'TM9' or 'TME' cannot be combined with other format elements");
        wrong("RN9", "'RN' cannot appear together with '9'");
        check(1, "TM9", Err("Text minimal output is not supported yet"));
    }
}

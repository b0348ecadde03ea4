//! Doubles as text: the `%g` of C with the fewest of 15 or 17 digits that reads back as the same double.
//! Invariant: what is written without a count of digits reads back as the same double.

/// The text of `CAST(value AS STRING)`. Zero has no sign.
pub(crate) fn float_text(value: f64) -> String {
    // Adding a zero takes the sign off a zero and changes nothing else.
    general(value + 0.0, None)
}

/// `%.{digits}g`; without digits 15 of them, or 17 where 15 do not read back as the same double.
pub(crate) fn general(value: f64, digits: Option<usize>) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    match digits {
        Some(digits) => general_finite(value, digits.max(1)),
        None => {
            let text = general_finite(value, 15);
            if text.parse() == Ok(value) { text } else { general_finite(value, 17) }
        }
    }
}

fn general_finite(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.precision$e}", precision = digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific text has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let digits = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= digits {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.unsigned_abs());
    }
    let after_point = usize::try_from(digits - 1 - exponent).expect("the exponent is below it");
    trim(&format!("{value:.after_point$}")).to_owned()
}

/// Without zeros at the end of a fraction.
fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_are_written_as_c_writes_them() {
        let check = |value: f64, expected: &str| assert_eq!(float_text(value), expected);
        check(1.0, "1");
        check(-0.0, "0");
        check(0.1, "0.1");
        check(0.1 + 0.2, "0.30000000000000004");
        check(1e20, "1e+20");
        check(1e15, "1e+15");
        check(123_456_789_012_345.0, "123456789012345");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "nan");
        check(f64::MAX, "1.7976931348623157e+308");
        check(5e-324, "4.94065645841247e-324");
        check(1.0 / 3.0, "0.33333333333333331");
    }

    #[test]
    fn digits_can_be_given() {
        let check = |value, digits, expected: &str| {
            assert_eq!(general(value, Some(digits)), expected);
        };
        check(1_234_567.0, 6, "1.23457e+06");
        check(100_000.0, 6, "100000");
        check(4.766_330_087_142_16e-6, 15, "4.76633008714216e-06");
        check(-0.0, 15, "-0");
        check(999_999.5, 6, "1e+06");
    }

    proptest! {
        #[test]
        fn doubles_read_back_as_themselves(value in any::<f64>()) {
            let back: f64 = general(value, None).parse().unwrap();
            prop_assert!(back == value || (back.is_nan() && value.is_nan()));
        }
    }
}

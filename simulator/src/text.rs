//! Numbers and times as text, without the machinery of formatting: every event has one time and up to four
//! numbers. Invariant: the same text as `{:.2}` of the hundredths and as chrono's RFC 3339 with microseconds.

use chrono::{DateTime, Datelike};

/// Bytes of a decimal at the most: a sign, 19 digits and a point.
pub(crate) const DECIMAL_BYTES: usize = 24;

/// Hundredths with two decimals.
pub(crate) fn decimal(hundredths: i64, out: &mut [u8; DECIMAL_BYTES]) -> &str {
    let mut rest = hundredths.unsigned_abs();
    let mut at = DECIMAL_BYTES;
    let mut push = |byte: u8| {
        at -= 1;
        out[at] = byte;
    };
    let mut digits = 0;
    while rest > 0 || digits < 3 {
        if digits == 2 {
            push(b'.');
        }
        push(b'0' + (rest % 10) as u8);
        rest /= 10;
        digits += 1;
    }
    if hundredths < 0 {
        push(b'-');
    }
    std::str::from_utf8(&out[at..]).expect("digits, a sign and a point are ASCII")
}

/// A time as `2026-01-01T00:00:00.000000Z`.
#[derive(Debug)]
pub(crate) struct Rfc3339([u8; 27]);

impl Rfc3339 {
    /// Of microseconds since the epoch; what is outside of the years 0 to 9999 is the epoch.
    pub(crate) fn of(micros: i64) -> Self {
        let days = micros.div_euclid(86_400_000_000);
        let date = DateTime::from_timestamp(days.saturating_mul(86_400), 0);
        let date = date.filter(|date| (0..=9_999).contains(&date.year())).unwrap_or_default();
        let of_day = micros.rem_euclid(86_400_000_000);
        let (seconds, micros) = (of_day / 1_000_000, of_day % 1_000_000);
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |from: usize, to: usize, value: i64| {
            let mut rest = value;
            for at in (from..to).rev() {
                out[at] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        put(0, 4, i64::from(date.year()));
        put(5, 7, i64::from(date.month()));
        put(8, 10, i64::from(date.day()));
        put(11, 13, seconds / 3_600);
        put(14, 16, seconds / 60 % 60);
        put(17, 19, seconds % 60);
        put(20, 26, micros);
        Self(out)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and their separators are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    #[test]
    fn a_decimal_has_its_sign_and_two_decimals() {
        for (hundredths, expected) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (100, "1.00"),
            (-1_234, "-12.34"),
            (i64::MIN, "-92233720368547758.08"),
        ] {
            assert_eq!(decimal(hundredths, &mut [0; DECIMAL_BYTES]), expected);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_written_as_chrono_writes_it(
            micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000
        ) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let expected = time.to_rfc3339_opts(SecondsFormat::Micros, true);
            let text = Rfc3339::of(micros);
            prop_assert_eq!(text.as_str(), expected);
        }
    }
}

//! Texts with units: durations and rates.

use std::time::Duration;

/// `"500ms"`, `"20s"`, `"5m"`, `"2h"`; fractions allowed.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// `"5000/s"`, `"30/m"`, `"100/h"`; positive, in events a second.
pub(super) fn rate(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/')?;
    let number: f64 = number.trim().parse().ok()?;
    let rate = match unit.trim() {
        "s" => number,
        "m" => number / 60.0,
        "h" => number / 3_600.0,
        _ => return None,
    };
    (rate > 0.0 && rate.is_finite()).then_some(rate)
}

//! Goal: texts of intervals as BigQuery writes and reads them. Method: pairs of texts, and a round
//! trip.

use proptest::prelude::*;

use super::*;

#[test]
fn casts_from_text() {
    let check = |text: &str, expected: &str| {
        let found = parse_interval(text)
            .map_or_else(|error| error.message, |interval| interval_text(&interval));
        assert_eq!(found, expected, "{text}");
    };
    check("1-2 3 4:5:6.789", "1-2 3 4:5:6.789");
    check("-1-2 -3 -4:5:6.789001", "-1-2 -3 -4:5:6.789001");
    check("1-14", "2-2 0 0:0:0");
    check("1-2 3", "1-2 3 0:0:0");
    check("1-2 3 4", "1-2 3 4:0:0");
    check("1 2 3", "0-1 2 3:0:0");
    check("1 2 3:4", "0-1 2 3:4:0");
    check("1 2:3", "0-0 1 2:3:0");
    check("+1 -2:3:4", "0-0 1 -2:3:4");
    check("25:61:61", "0-0 0 26:2:1");
    check("P1Y2M3W4DT5H6M7.5S", "1-2 25 5:6:7.500");
    check("P-1YT-1S", "-1-0 0 -0:0:1");
    check("PT-0.5S", "0-0 0 -0:0:0.500");
    for text in ["", "1", "1 2", "1-2-3", "x", "1-2 3 4:5:6.1234567", "1-2  3"] {
        check(text, &format!("Invalid INTERVAL value '{text}'"));
    }
    let at_least = "At least one datetime part must be defined in the interval";
    check("P", &format!("Invalid INTERVAL value 'P': {at_least}"));
    check("P1H", "Invalid INTERVAL value 'P1H': Unexpected 'H' in the date portion of interval");
    check(
        "P1",
        "Invalid INTERVAL value 'P1': Unexpected end of input in the date portion of interval",
    );
    check(
        "P1.5D",
        "Invalid INTERVAL value 'P1.5D': Fractional values are only allowed for seconds part 'S', \
         but were used for 'D'",
    );
    check("10001-0", "Interval field months '120012' is out of range -120000 to 120000");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        months in -MONTHS_MAX..=MONTHS_MAX,
        days in -DAYS_MAX..=DAYS_MAX,
        micros in -316_224_000_000_000_000_i64..=316_224_000_000_000_000,
    ) {
        let interval = checked_interval(months, days, i128::from(micros) * 1_000).unwrap();
        prop_assert_eq!(parse_interval(&interval_text(&interval)), Ok(interval));
    }

    #[test]
    fn nothing_panics(text in "P?[-+0-9 YMWDTHS:.,é]{0,30}") {
        let _ = parse_interval(&text);
        let _ = parse_interval_seconds(&text);
    }
}

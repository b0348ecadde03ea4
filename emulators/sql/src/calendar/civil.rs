//! Days and fields: the proleptic Gregorian calendar by arithmetic alone (H. Hinnant,
//! "chrono-compatible low-level date algorithms"), weekdays and ISO 8601 weeks. Counts are days
//! since 1970-01-01 and microseconds since 1970-01-01 00:00:00. Invariant: no input overflows;
//! validity is asked for apart.

/// Microseconds of a second.
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of a day without leap seconds, which GoogleSQL does not know.
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 0001-01-01.
pub(crate) const DATE_MIN: i32 = -719_162;
/// 9999-12-31.
pub(crate) const DATE_MAX: i32 = 2_932_896;
/// 0001-01-01 00:00:00, of timestamps (in UTC) as of datetimes.
pub(crate) const DATETIME_MIN: i64 = DATE_MIN as i64 * MICROS_PER_DAY;
/// 9999-12-31 23:59:59.999999.
pub(crate) const DATETIME_MAX: i64 = (DATE_MAX as i64 + 1) * MICROS_PER_DAY - 1;

/// A day by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CivilDate {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
}

/// A time of day by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CivilTime {
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) micros: i64,
}

/// A date and a time of day by their fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Civil {
    pub(crate) date: CivilDate,
    pub(crate) time: CivilTime,
}

impl CivilDate {
    /// The day that is so many days after 1970-01-01.
    pub(crate) fn from_days(days: i64) -> Self {
        // Years begin in March here, so that the leap day is the last of a year.
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
        }
    }

    /// From 1.
    pub(crate) fn day_of_year(self) -> i64 {
        days_from_civil(self.year, self.month, self.day) - days_from_civil(self.year, 1, 1) + 1
    }

    /// From 1.
    pub(crate) fn quarter(self) -> i64 {
        (self.month - 1) / 3 + 1
    }
}

impl CivilTime {
    /// The time that is so many microseconds after midnight.
    pub(crate) fn from_micros(micros: i64) -> Self {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        Self {
            hour: seconds.div_euclid(3_600),
            minute: seconds.div_euclid(60).rem_euclid(60),
            second: seconds.rem_euclid(60),
            micros: micros.rem_euclid(MICROS_PER_SECOND),
        }
    }

    /// Microseconds since midnight; a second of 60 runs on into the next minute.
    pub(crate) fn micros_of_day(self) -> i64 {
        (self.hour * 3_600 + self.minute * 60 + self.second) * MICROS_PER_SECOND + self.micros
    }
}

impl Civil {
    /// The fields of a datetime.
    pub(crate) fn from_datetime(datetime: i64) -> Self {
        Self {
            date: CivilDate::from_days(datetime.div_euclid(MICROS_PER_DAY)),
            time: CivilTime::from_micros(datetime.rem_euclid(MICROS_PER_DAY)),
        }
    }

    /// The datetime, when it is in range.
    pub(crate) fn datetime(self) -> Option<i64> {
        let date = date_from_civil(self.date.year, self.date.month, self.date.day)?;
        let datetime = midnight(date.into()) + self.time.micros_of_day();
        is_valid_datetime(datetime).then_some(datetime)
    }

    /// Microseconds since 1970-01-01 00:00:00, for fields that exist, in range or not.
    pub(crate) fn micros(self) -> i64 {
        let CivilDate { year, month, day } = self.date;
        midnight(days_from_civil(year, month, day)).saturating_add(self.time.micros_of_day())
    }
}

/// Days since 1970-01-01 of a day of the calendar; the month must be 1 to 12, a day beyond the month's end
/// runs on. The year must be within a million years.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A date by its fields, when they name a day in range.
pub(crate) fn date_from_civil(year: i64, month: i64, day: i64) -> Option<i32> {
    if !(1..=9_999).contains(&year) || !is_valid_day(year, month, day) {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// Whether the calendar has such a day, in whatever year.
pub(crate) fn is_valid_day(year: i64, month: i64, day: i64) -> bool {
    (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day)
}

/// Whether a clock shows it; a leap second counts.
pub(crate) fn is_valid_time_of_day(hour: i64, minute: i64, second: i64) -> bool {
    (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second)
}

/// Days of a month; the month must be 1 to 12.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0
            && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) =>
        {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// Whether a `DATE` is in range.
pub(crate) fn is_valid_date(days: i64) -> bool {
    (i64::from(DATE_MIN)..=i64::from(DATE_MAX)).contains(&days)
}

/// Whether a `DATETIME` or a `TIMESTAMP` is in range.
pub(crate) fn is_valid_datetime(micros: i64) -> bool {
    (DATETIME_MIN..=DATETIME_MAX).contains(&micros)
}

/// The day of the week, 0 is Sunday.
pub(crate) fn weekday_from_sunday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (days.rem_euclid(7) + 4).rem_euclid(7)
}

/// The year and the week of ISO 8601 in which a day lies.
pub(crate) fn iso_year_and_week(days: i64) -> (i64, i64) {
    // A week belongs to the year of its Thursday.
    let thursday = days - (weekday_from_sunday(days) + 6).rem_euclid(7) + 3;
    let year = CivilDate::from_days(thursday).year;
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// The Monday with which a year of ISO 8601 begins.
pub(crate) fn iso_year_start(year: i64) -> i64 {
    // The fourth of January is always in the first week.
    let fourth = days_from_civil(year, 1, 4);
    fourth - (weekday_from_sunday(fourth) + 6).rem_euclid(7)
}

/// The first microsecond of a day; days beyond what 64 bits hold stop at the end of them.
pub(crate) fn midnight(days: i64) -> i64 {
    days.saturating_mul(MICROS_PER_DAY)
}

/// The date of a datetime in range.
pub(crate) fn date_of_datetime(datetime: i64) -> i32 {
    let days = datetime.div_euclid(MICROS_PER_DAY);
    i32::try_from(days).expect("microseconds of 64 bits are fewer than 2^31 days")
}

/// The time of day of a datetime.
pub(crate) fn time_of_datetime(datetime: i64) -> i64 {
    datetime.rem_euclid(MICROS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_range_of_validity_has_its_names() {
        let first = CivilDate { year: 1, month: 1, day: 1 };
        let last = CivilDate { year: 9_999, month: 12, day: 31 };
        assert_eq!(CivilDate::from_days(DATE_MIN.into()), first);
        assert_eq!(CivilDate::from_days(DATE_MAX.into()), last);
        assert_eq!(date_from_civil(1, 1, 1), Some(DATE_MIN));
        assert_eq!(date_from_civil(9_999, 12, 31), Some(DATE_MAX));
        assert_eq!(date_from_civil(0, 12, 31), None);
        assert_eq!(date_from_civil(2_023, 2, 29), None);
        assert_eq!(date_from_civil(i64::MAX, 1, 1), None);
    }

    #[test]
    fn weeks_of_iso_8601() {
        for (year, month, day, expected) in [
            (2024, 1, 1, (2024, 1)),
            (2024, 3, 15, (2024, 11)),
            (2015, 12, 31, (2015, 53)),
            (2016, 1, 3, (2015, 53)),
            (2021, 1, 3, (2020, 53)),
            (2018, 12, 31, (2019, 1)),
            (1, 1, 1, (1, 1)),
        ] {
            assert_eq!(iso_year_and_week(days_from_civil(year, month, day)), expected);
        }
        assert_eq!(iso_year_start(2016), days_from_civil(2016, 1, 4));
        assert_eq!(iso_year_start(2015), days_from_civil(2014, 12, 29));
    }

    proptest! {
        #[test]
        fn days_and_fields_are_inverse(days in any::<i32>()) {
            let civil = CivilDate::from_days(days.into());
            prop_assert_eq!(days_from_civil(civil.year, civil.month, civil.day), i64::from(days));
            prop_assert!(is_valid_day(civil.year, civil.month, civil.day));
            let next = CivilDate::from_days(i64::from(days) + 1);
            prop_assert!(civil < next);
        }

        #[test]
        fn fields_of_any_number(micros in any::<i64>()) {
            let civil = Civil::from_datetime(micros);
            let back = days_from_civil(civil.date.year, civil.date.month, civil.date.day);
            prop_assert_eq!(back, i64::from(date_of_datetime(micros)));
            prop_assert_eq!(civil.time.micros_of_day(), time_of_datetime(micros));
            if is_valid_datetime(micros) {
                prop_assert_eq!(civil.datetime(), Some(micros));
            }
        }
    }
}

//! Parts of dates and times as functions name them: `DAY`, `WEEK(MONDAY)`, `ISOYEAR`. Invariant: a
//! part has one name in SQL, under which it is read and shown.

use super::civil::{MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::error::{Result, SqlError};

/// A part of a date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    IsoYear,
    Quarter,
    Month,
    /// Weeks that begin on a day, 0 is Sunday.
    Week(u8),
    IsoWeek,
    Day,
    DayOfWeek,
    DayOfYear,
    Date,
    Time,
    Datetime,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

const NAMES: &[(&str, Part)] = &[
    ("YEAR", Part::Year),
    ("ISOYEAR", Part::IsoYear),
    ("QUARTER", Part::Quarter),
    ("MONTH", Part::Month),
    ("WEEK", Part::Week(0)),
    ("WEEK(SUNDAY)", Part::Week(0)),
    ("WEEK(MONDAY)", Part::Week(1)),
    ("WEEK(TUESDAY)", Part::Week(2)),
    ("WEEK(WEDNESDAY)", Part::Week(3)),
    ("WEEK(THURSDAY)", Part::Week(4)),
    ("WEEK(FRIDAY)", Part::Week(5)),
    ("WEEK(SATURDAY)", Part::Week(6)),
    ("ISOWEEK", Part::IsoWeek),
    ("DAY", Part::Day),
    ("DAYOFWEEK", Part::DayOfWeek),
    ("DAYOFYEAR", Part::DayOfYear),
    ("DATE", Part::Date),
    ("TIME", Part::Time),
    ("DATETIME", Part::Datetime),
    ("HOUR", Part::Hour),
    ("MINUTE", Part::Minute),
    ("SECOND", Part::Second),
    ("MILLISECOND", Part::Millisecond),
    ("MICROSECOND", Part::Microsecond),
    ("NANOSECOND", Part::Nanosecond),
];

impl Part {
    /// A part by its name in SQL.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, part)| *part).ok_or_else(|| {
            SqlError::evaluation(format!("A valid date part name is required but found {name}"))
        })
    }

    /// Its name in SQL.
    pub(crate) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, part)| *part == self);
        found.map(|(name, _)| *name).expect("every part has a name")
    }

    /// The day on which its weeks begin, 0 is Sunday.
    pub(crate) fn week_start(self) -> Option<i64> {
        match self {
            Self::Week(start) => Some(start.into()),
            Self::IsoWeek => Some(1),
            _ => None,
        }
    }

    /// Its length, when it is always the same and a clock shows it.
    pub(crate) fn clock_micros(self) -> Option<i64> {
        match self {
            Self::Hour => Some(3_600 * MICROS_PER_SECOND),
            Self::Minute => Some(60 * MICROS_PER_SECOND),
            Self::Second => Some(MICROS_PER_SECOND),
            Self::Millisecond => Some(1_000),
            Self::Microsecond => Some(1),
            _ => None,
        }
    }

    /// Its length, when a timestamp counts in it.
    pub(crate) fn fixed_micros(self) -> Option<i64> {
        if self == Self::Day { Some(MICROS_PER_DAY) } else { self.clock_micros() }
    }

    /// The error of a function that has no such part for a type.
    pub(crate) fn unsupported_for(self, function: &str, type_name: &str) -> SqlError {
        let message = self.unsupported(function).message;
        SqlError::evaluation(format!("{message} when the argument is {type_name} type"))
    }

    /// The error of a function that has no such part.
    pub(crate) fn unsupported(self, function: &str) -> SqlError {
        SqlError::evaluation(format!("{function} does not support the {} date part", self.name()))
    }
}

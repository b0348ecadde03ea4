//! GoogleSQL's calendar: the proleptic Gregorian calendar, zones, parts of dates, intervals and ranges, and
//! how all of them are written and read. Knows no session, no clock and no values' types beyond numbers.
//! Invariant: dates and instants that leave this module lie between 0001-01-01 and 9999-12-31 (23:59:59.999999).

mod civil;
mod interval;
mod range;
mod read;
mod text;
mod zone;

pub(crate) use civil::{
    Civil, CivilDate, CivilTime, DATE_MAX, DATE_MIN, DATETIME_MAX, DATETIME_MIN, MICROS_PER_DAY,
    MICROS_PER_SECOND, date_from_civil, date_of_datetime, days_from_civil, days_in_month,
    is_valid_date, is_valid_datetime, is_valid_day, is_valid_time_of_day, iso_year_and_week,
    iso_year_start, time_of_datetime, weekday_from_sunday,
};
pub(crate) use interval::{
    Field, NANOS_PER_DAY, checked_interval, interval_of_micros, interval_text, overflow,
    parse_interval, parse_interval_fields, parse_interval_seconds,
};
pub(crate) use range::{checked_range, parse_range, range_text};
pub(crate) use read::{
    parse_date, parse_datetime, parse_time, parse_timestamp, parse_timestamp_without_zone, shown,
};
pub(crate) use text::{date_text, datetime_text, time_text, timestamp_text};
pub(crate) use zone::{
    Zone, date_to_timestamp, datetime_to_timestamp, parse_zone, timestamp_to_date,
    timestamp_to_datetime, timestamp_to_time,
};

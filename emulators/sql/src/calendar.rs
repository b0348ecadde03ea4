//! GoogleSQL's calendar: the proleptic Gregorian calendar, zones, parts of dates, intervals and
//! ranges, and how all of them are written and read. Knows no session, no clock and no values'
//! types beyond numbers. Invariant: dates and instants that leave this module lie between
//! 0001-01-01 and 9999-12-31 (23:59:59.999999).

mod bucket;
mod civil;
mod difference;
mod extract;
mod format;
mod interval;
mod parse;
mod part;
mod range;
mod read;
mod shift;
mod template;
mod text;
mod truncate;
mod zone;

pub(crate) use bucket::{
    DEFAULT_ORIGIN as DEFAULT_BUCKET_ORIGIN, date_bucket, datetime_bucket, timestamp_bucket,
};
pub(crate) use civil::{
    Civil, CivilDate, CivilTime, MICROS_PER_DAY, MICROS_PER_SECOND, date_from_civil,
    date_of_datetime, is_valid_date, is_valid_datetime, is_valid_time_of_day, midnight,
    time_of_datetime,
};
#[cfg(test)]
pub(crate) use civil::{DATE_MAX, DATE_MIN, DATETIME_MAX, DATETIME_MIN};
pub(crate) use difference::{
    date_difference, datetime_difference, time_difference, timestamp_difference,
};
pub(crate) use extract::{
    extract_from_civil, extract_from_date, extract_from_datetime, extract_from_interval,
    extract_from_time,
};
pub(crate) use format::{Kind, Moment, format_moment};
pub(crate) use interval::{
    Field, NANOS_PER_DAY, checked_interval, interval_of_micros, interval_text, overflow,
    parse_interval, parse_interval_fields, parse_interval_seconds,
};
pub(crate) use parse::parse_moment;
pub(crate) use part::Part;
pub(crate) use range::{checked_range, parse_range, range_text};
pub(crate) use read::{
    parse_date, parse_datetime, parse_time, parse_timestamp, parse_timestamp_without_zone, shown,
};
pub(crate) use shift::{
    negated, part_beyond_dates, part_beyond_times, part_beyond_timestamps, shift_date,
    shift_datetime, shift_time, shift_timestamp,
};
pub(crate) use template::{format_cast, parse_cast};
pub(crate) use text::{date_text, datetime_text, time_text, timestamp_text};
pub(crate) use truncate::{
    last_day, truncate_date, truncate_datetime, truncate_time, truncate_timestamp,
};
pub(crate) use zone::{
    Zone, date_to_timestamp, datetime_to_timestamp, parse_zone, timestamp_to_date,
    timestamp_to_datetime, timestamp_to_time,
};

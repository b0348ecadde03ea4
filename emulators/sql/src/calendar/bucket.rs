//! Buckets: the start of the bucket of a width in which a value lies, where one bucket begins at an
//! origin. A width is months, or days, or (beside dates) days and time. Months clip to the end of
//! the month.

use super::civil::{
    CivilDate, MICROS_PER_DAY, days_from_civil, days_in_month, is_valid_date, is_valid_datetime,
};
use super::text::{date_text, datetime_text, timestamp_text};
use super::zone::Zone;
use crate::error::{Result, SqlError};
use crate::value::Interval;

/// 1950-01-01, where buckets begin unless an origin says otherwise.
pub(crate) const DEFAULT_ORIGIN: i32 = -7_305;

fn refused(what: &str) -> SqlError {
    SqlError::evaluation(what)
}

/// The bucket of a date.
pub(crate) fn date_bucket(date: i32, width: &Interval, origin: i32) -> Result<i32> {
    if width.nanos > 0 {
        return Err(refused("Only MONTH and DAY parts are allowed in bucket width INTERVAL"));
    }
    check_not_negative(width)?;
    if (width.months > 0) == (width.days > 0) {
        return Err(refused("Exactly one non-zero INTERVAL part in bucket width is required"));
    }
    let (date_days, origin_days) = (i64::from(date), i64::from(origin));
    let start = if width.months > 0 {
        month_bucket(date_days, 0, width.months, origin_days, 0)
    } else {
        origin_days + (date_days - origin_days).div_euclid(width.days) * width.days
    };
    i32::try_from(start).ok().filter(|_| is_valid_date(start)).ok_or_else(|| {
        SqlError::evaluation(format!("Bucket for {} is outside of date range", date_text(date)))
    })
}

/// The bucket of a datetime.
pub(crate) fn datetime_bucket(datetime: i64, width: &Interval, origin: i64) -> Result<i64> {
    check_not_negative(width)?;
    let parts = [width.months != 0, width.days != 0, width.nanos != 0];
    if parts.into_iter().filter(|part| *part).count() != 1 {
        return Err(refused("Exactly one non-zero INTERVAL part in bucket width is required"));
    }
    let start = if width.months > 0 {
        let days = |at: i64| at.div_euclid(MICROS_PER_DAY);
        let time = |at: i64| at.rem_euclid(MICROS_PER_DAY);
        let start =
            month_bucket(days(datetime), time(datetime), width.months, days(origin), time(origin));
        start.checked_mul(MICROS_PER_DAY).map(|start| start + time(origin))
    } else {
        fixed_bucket(datetime, width, origin)
    };
    start.filter(|start| is_valid_datetime(*start)).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Bucket for {} is outside of datetime range",
            datetime_text(datetime)
        ))
    })
}

/// The bucket of a timestamp.
pub(crate) fn timestamp_bucket(timestamp: i64, width: &Interval, origin: i64) -> Result<i64> {
    if width.months != 0 {
        return Err(refused("Bucket width INTERVAL with non-zero MONTH part is not allowed"));
    }
    check_not_negative(width)?;
    if width.days != 0 && width.nanos != 0 {
        return Err(refused(
            "Bucket width INTERVAL with mixed DAY and subsecond parts is not allowed",
        ));
    }
    if width.days == 0 && width.nanos == 0 {
        return Err(refused("Zero bucket width INTERVAL is not allowed"));
    }
    let start = fixed_bucket(timestamp, width, origin);
    start.filter(|start| is_valid_datetime(*start)).ok_or_else(|| {
        SqlError::evaluation(format!(
            "Bucket for {} is outside of timestamp range",
            timestamp_text(timestamp, &Zone::UTC)
        ))
    })
}

fn check_not_negative(width: &Interval) -> Result<()> {
    if width.months < 0 || width.days < 0 || width.nanos < 0 {
        return Err(refused("Negative bucket width INTERVAL is not allowed"));
    }
    Ok(())
}

fn fixed_bucket(micros: i64, width: &Interval, origin: i64) -> Option<i64> {
    let width = i128::from(width.days) * i128::from(MICROS_PER_DAY) + width.nanos / 1_000;
    if width <= 0 {
        return None;
    }
    let since = i128::from(micros) - i128::from(origin);
    i64::try_from(i128::from(origin) + since.div_euclid(width) * width).ok()
}

/// The first day of a bucket of months. Two last days of their months count as the same day.
fn month_bucket(days: i64, time: i64, width: i64, origin_days: i64, origin_time: i64) -> i64 {
    let (date, origin) = (CivilDate::from_days(days), CivilDate::from_days(origin_days));
    let month_index = |date: CivilDate| date.year * 12 + date.month - 1;
    let is_last = |date: CivilDate| date.day == days_in_month(date.year, date.month);
    let day = if is_last(origin) && is_last(date) { origin.day } else { date.day };
    let since = month_index(date) - month_index(origin);
    let mut start = month_index(date) - since.rem_euclid(width);
    if since.rem_euclid(width) == 0 && (day, time) < (origin.day, origin_time) {
        start -= width;
    }
    let (year, month) = (start.div_euclid(12), start.rem_euclid(12) + 1);
    days_from_civil(year, month, origin.day.min(days_in_month(year, month)))
}

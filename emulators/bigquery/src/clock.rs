//! The only module of this crate that reads the wall clock.

/// Now, in microseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub(crate) fn now_micros() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is set after 1970");
    i64::try_from(since.as_micros()).expect("the clock is set before the year 294247")
}

//! `INTERVAL`: months, days and a time part, each with a sign of its own.

/// An `INTERVAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Years and months, in months.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// The time part in nanoseconds.
    pub nanos: i128,
}

impl Interval {
    /// The length by which intervals compare and group: a month is 30 days, a day 24 hours.
    #[must_use]
    pub fn comparable_nanos(&self) -> i128 {
        const DAY_NANOS: i128 = 86_400_000_000_000;
        (i128::from(self.months) * 30 + i128::from(self.days)) * DAY_NANOS + self.nanos
    }
}

//! The trace: one line a happening, with its virtual time and its ordinal. A digest of all lines is
//! always kept; the lines themselves only when somebody wants to read them. Events that are watched tell
//! their life between the news that concern everybody; who watches changes no digest. Invariant: a line is
//! a function of the seed and the schedule.

use std::collections::BTreeSet;
use std::fmt::{self, Arguments, Write};

use windtunnel_model::EventTime;
use xxhash_rust::xxh3::Xxh3;

/// What to keep of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceOptions {
    /// Keep the lines.
    pub lines: bool,
    /// Events, by their ordinals, that tell what happens to them.
    pub watched: BTreeSet<u64>,
}

pub(super) struct Trace {
    options: TraceOptions,
    hash: Xxh3,
    ordinal: u64,
    line: String,
    text: String,
    life: String,
}

impl fmt::Debug for Trace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Trace").field("lines", &self.ordinal).finish()
    }
}

impl Trace {
    pub(super) fn new(options: TraceOptions) -> Self {
        Self {
            options,
            hash: Xxh3::new(),
            ordinal: 0,
            line: String::new(),
            text: String::new(),
            life: String::new(),
        }
    }

    pub(super) fn say(&mut self, now: i64, what: Arguments<'_>) {
        self.ordinal += 1;
        self.write(now, what);
        self.hash.update(self.line.as_bytes());
        if self.options.lines {
            self.text.push_str(&self.line);
        }
    }

    /// Says something that concerns every event: a fault, a life, a death, a checkpoint.
    pub(super) fn news(&mut self, now: i64, what: Arguments<'_>) {
        self.say(now, what);
        if self.watches() {
            self.life.push_str(&self.line);
        }
    }

    /// Says what happens to an event, if it is watched; `tell` is called only then. It is a part of the line
    /// before: it has no ordinal of its own.
    pub(super) fn event(&mut self, now: i64, ordinal: u64, tell: impl FnOnce() -> String) {
        if self.options.watched.contains(&ordinal) {
            let told = tell();
            self.write(now, format_args!("  event {ordinal} {told}"));
            self.life.push_str(&self.line);
            if self.options.lines {
                self.text.push_str(&self.line);
            }
        }
    }

    /// Whether any event is watched.
    pub(super) fn watches(&self) -> bool {
        !self.options.watched.is_empty()
    }

    fn write(&mut self, now: i64, what: Arguments<'_>) {
        self.line.clear();
        EventTime(now).write_rfc3339(&mut self.line);
        writeln!(self.line, " {:>7} {what}", self.ordinal).expect("a String takes text");
    }

    /// Lines so far.
    pub(super) fn len(&self) -> u64 {
        self.ordinal
    }

    /// The digest in hexadecimal, the lines, and the lives of the watched events.
    pub(super) fn finish(self) -> (String, String, String) {
        (format!("{:032x}", self.hash.digest128()), self.text, self.life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_changes_no_digest() {
        let digest = |options| {
            let mut trace = Trace::new(options);
            trace.say(1, format_args!("engine-1 > pull #1"));
            trace.event(1, 7, || "is pulled".to_owned());
            trace.news(2, format_args!("engine-1 is dead"));
            trace.finish()
        };
        let (alone, ..) = digest(TraceOptions::default());
        let watched = TraceOptions { lines: true, watched: BTreeSet::from([7]) };
        let (watched, lines, life) = digest(watched);
        assert_eq!(alone, watched);
        assert_eq!((lines.lines().count(), life.lines().count()), (3, 2));
        assert!(life.contains("      1   event 7 is pulled\n"), "{life}");
    }
}

//! Watermarks: how far event time has come, from what each source has delivered. A source's watermark
//! stays behind its newest event; the pipeline's is the least of its sources, and never goes back. A
//! source that is silent for too long holds nobody up, one that runs ahead of the others is held back,
//! and an event from the future moves nothing.

use windtunnel_model::{EventTime, ProcessingTime, Reader, Stored, Torn};

/// How watermarks follow events. All lengths are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkConfig {
    /// How far the watermark stays behind the newest event of a source: its usual disorder.
    pub bound_micros: i64,
    /// After how long without events, in processing time, a source is idle. None: never.
    pub idle_after_micros: Option<i64>,
    /// How far an event may be ahead of the time at which it was published and still move the
    /// watermark: beyond that, its clock is wrong.
    pub ahead_micros_max: i64,
    /// How far a source may be ahead of the slowest one that is not idle before it should pause. None:
    /// as far as it likes.
    pub alignment_micros: Option<i64>,
}

impl Default for WatermarkConfig {
    /// A minute of disorder, an idle source after a minute, clocks a day ahead at most.
    fn default() -> Self {
        Self {
            bound_micros: 60_000_000,
            idle_after_micros: Some(60_000_000),
            ahead_micros_max: 86_400_000_000,
            alignment_micros: None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Source {
    newest: EventTime,
    heard: Option<ProcessingTime>,
}

/// The watermarks of a pipeline's sources.
#[derive(Debug)]
pub struct Watermarks {
    config: WatermarkConfig,
    sources: Vec<Source>,
    watermark: EventTime,
    ahead: u64,
}

impl Watermarks {
    /// So many sources that have delivered nothing.
    #[must_use]
    pub fn new(config: WatermarkConfig, sources: usize) -> Self {
        let source = Source { newest: EventTime::MIN, heard: None };
        let sources = vec![source; sources.max(1)];
        Self { config, sources, watermark: EventTime::MIN, ahead: 0 }
    }

    /// No event before it is expected any more.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Events so far ahead of their publish time that they moved nothing.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// A source has delivered an event. `published` is when the message entered the service, which
    /// does not depend on the event's own clock; none where nobody knows.
    pub fn observe(&mut self, source: usize, time: EventTime, published: Option<EventTime>) {
        let Some(source) = self.sources.get_mut(source) else { return };
        if time <= source.newest {
            return;
        }
        let bound = published.map(|at| at.0.saturating_add(self.config.ahead_micros_max));
        if bound.is_some_and(|bound| time.0 > bound) {
            self.ahead += 1;
        } else {
            source.newest = time;
        }
    }

    /// A source has delivered something, or said that it is alive.
    pub fn hear(&mut self, source: usize, now: ProcessingTime) {
        if let Some(source) = self.sources.get_mut(source) {
            source.heard = source.heard.max(Some(now));
        }
    }

    /// The watermark at an instant: the least of the sources that are not idle; of all of them idle,
    /// the greatest, because nobody is left who could be behind it.
    pub fn advance(&mut self, now: ProcessingTime) -> EventTime {
        let behind = |source: &Source| source.newest.0.saturating_sub(self.config.bound_micros);
        let active = self.sources.iter().filter(|source| !self.is_idle(source, now)).map(behind);
        let least = active.min().or_else(|| self.sources.iter().map(behind).max());
        let least = EventTime(least.unwrap_or(i64::MIN));
        self.watermark = self.watermark.max(least);
        self.watermark
    }

    /// Whether a source may go on reading: alignment says no to one that is too far ahead.
    #[must_use]
    pub fn may_read(&self, source: usize, now: ProcessingTime) -> bool {
        let (Some(alignment), Some(mine)) =
            (self.config.alignment_micros, self.sources.get(source))
        else {
            return true;
        };
        let others = self.sources.iter().filter(|other| !self.is_idle(other, now));
        let slowest = others.map(|other| other.newest).min().unwrap_or(EventTime::MIN);
        mine.newest.0.saturating_sub(alignment) <= slowest.0
    }

    /// Adds what a restart has to know.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        self.watermark.store(out);
        self.sources.iter().map(|source| source.newest).collect::<Vec<_>>().store(out);
    }

    /// Goes on from a snapshot. Sources beyond those of the snapshot begin at its watermark.
    ///
    /// # Errors
    /// [`Torn`] when the bytes are no snapshot of watermarks.
    pub fn apply(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.watermark = EventTime::load(from)?;
        let newest = Vec::<EventTime>::load(from)?;
        for (position, source) in self.sources.iter_mut().enumerate() {
            source.newest = newest.get(position).copied().unwrap_or(self.watermark);
        }
        Ok(())
    }

    /// A source that was never heard of is not idle: what it will bring is not known.
    fn is_idle(&self, source: &Source, now: ProcessingTime) -> bool {
        let (Some(after), Some(heard)) = (self.config.idle_after_micros, source.heard) else {
            return false;
        };
        now.0.saturating_sub(heard.0) >= after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: WatermarkConfig = WatermarkConfig {
        bound_micros: 10,
        idle_after_micros: Some(100),
        ahead_micros_max: 1_000,
        alignment_micros: Some(50),
    };

    fn deliver(watermarks: &mut Watermarks, source: usize, time: i64, now: i64) {
        watermarks.observe(source, EventTime(time), Some(EventTime(now)));
        watermarks.hear(source, ProcessingTime(now));
    }

    #[test]
    fn the_slowest_source_holds_the_watermark_until_it_is_idle() {
        let mut watermarks = Watermarks::new(CONFIG, 2);
        deliver(&mut watermarks, 0, 500, 0);
        assert_eq!(watermarks.advance(ProcessingTime(0)), EventTime::MIN, "source 1 is unknown");
        deliver(&mut watermarks, 1, 100, 10);
        assert_eq!(watermarks.advance(ProcessingTime(10)), EventTime(90));
        deliver(&mut watermarks, 0, 600, 105);
        assert_eq!(watermarks.advance(ProcessingTime(110)), EventTime(590), "source 1 is idle");
        deliver(&mut watermarks, 1, 200, 120);
        assert_eq!(watermarks.advance(ProcessingTime(120)), EventTime(590), "never back");
        assert_eq!(watermarks.advance(ProcessingTime(900)), EventTime(590), "all are idle");
    }

    #[test]
    fn a_source_that_runs_ahead_is_held_back() {
        let mut watermarks = Watermarks::new(CONFIG, 2);
        deliver(&mut watermarks, 0, 151, 0);
        deliver(&mut watermarks, 1, 100, 50);
        let may = |watermarks: &Watermarks, now| {
            [0, 1].map(|source| watermarks.may_read(source, ProcessingTime(now)))
        };
        assert_eq!(may(&watermarks, 50), [false, true]);
        deliver(&mut watermarks, 1, 101, 50);
        assert_eq!(may(&watermarks, 50), [true, true]);
    }

    #[test]
    fn an_event_a_year_ahead_moves_nothing() {
        let mut watermarks = Watermarks::new(WatermarkConfig::default(), 1);
        let year = 365 * 86_400_000_000;
        for device in 0..1_000 {
            deliver(
                &mut watermarks,
                0,
                1_700_000_000_000_000 + year + device,
                1_700_000_000_000_000,
            );
        }
        assert_eq!(watermarks.advance(ProcessingTime(0)), EventTime::MIN);
        deliver(&mut watermarks, 0, 1_700_000_000_000_000, 1_700_000_000_000_000);
        assert_eq!(watermarks.advance(ProcessingTime(0)), EventTime(1_699_999_940_000_000));
        assert_eq!(watermarks.ahead(), 1_000);
    }

    proptest! {
        /// Goal: the watermark never goes back and survives a restart. Method: random deliveries.
        #[test]
        fn the_watermark_never_goes_back(
            deliveries in proptest::collection::vec((0_usize..3, 0_i64..5_000, 0_i64..60), 1..60)
        ) {
            let (mut watermarks, mut now) = (Watermarks::new(CONFIG, 3), 0);
            for (source, time, step) in deliveries {
                now += step;
                deliver(&mut watermarks, source, time, now);
                let before = watermarks.watermark();
                prop_assert!(watermarks.advance(ProcessingTime(now)) >= before);
                let mut bytes = Vec::new();
                watermarks.snapshot(&mut bytes);
                let mut restored = Watermarks::new(CONFIG, 3);
                prop_assert_eq!(restored.apply(&mut Reader::new(&bytes)), Ok(()));
                prop_assert_eq!(restored.watermark(), watermarks.watermark());
            }
        }
    }
}

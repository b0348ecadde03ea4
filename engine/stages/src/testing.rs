//! What a user tests windows and pipelines with: a stream whose watermark and time move only when the
//! test says so, in the manner of Beam's `TestStream`, and (feature `testing`) proptest strategies for
//! events, disorder and steps of time. Nothing here is used by a running pipeline.

#[cfg(any(feature = "testing", test))]
pub mod strategies;

use windtunnel_model::{EventTime, ProcessingTime, Reader};

use crate::windowing::{Aggregator, KeyedWindows, Pane, PaneInfo, Window, Windowing};

/// A pane that a test keeps.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub struct SeenPane<R> {
    /// The key.
    pub key: String,
    /// The window.
    pub window: Window,
    /// Its place in the window's life.
    pub info: PaneInfo,
    /// The aggregator's result.
    pub value: R,
}

/// An element that came too late for every window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LateElement {
    /// The key.
    pub key: String,
    /// The event time.
    pub time: EventTime,
}

/// Windows under test: elements, watermark and time come in by hand, panes are kept.
///
/// ```
/// use windtunnel_stages::testing::TestStream;
/// use windtunnel_stages::windowing::{Count, Timing, WindowFn, Windowing};
///
/// let mut stream = TestStream::new(Windowing::new(WindowFn::fixed(60)), Count);
/// stream.elements([("a", 1, ()), ("a", 59, ())]).advance_watermark(60);
/// let pane = &stream.take_panes()[0];
/// assert_eq!((pane.info.timing, pane.value), (Timing::OnTime, 2));
/// ```
#[derive(Debug)]
pub struct TestStream<A: Aggregator> {
    windows: KeyedWindows<A>,
    watermark: EventTime,
    now: ProcessingTime,
    panes: Vec<SeenPane<A::Output>>,
    late: Vec<LateElement>,
}

impl<A: Aggregator> TestStream<A>
where
    A::Input: Clone,
{
    /// A stream at the beginning of event time, and of processing time 0.
    pub fn new(windowing: Windowing, aggregator: A) -> Self {
        let mut windows = KeyedWindows::new(windowing, aggregator);
        windows.set_time(ProcessingTime(0));
        Self {
            windows,
            watermark: EventTime::MIN,
            now: ProcessingTime(0),
            panes: Vec::new(),
            late: Vec::new(),
        }
    }

    /// One batch of elements: key, event time in microseconds, input.
    pub fn elements<'k>(
        &mut self,
        elements: impl IntoIterator<Item = (&'k str, i64, A::Input)>,
    ) -> &mut Self {
        for (key, time, input) in elements {
            if !self.windows.add(key, EventTime(time), input) {
                self.late.push(LateElement { key: key.to_owned(), time: EventTime(time) });
            }
        }
        self.end_batch()
    }

    /// Moves the watermark, in microseconds of event time; never back.
    pub fn advance_watermark(&mut self, to: i64) -> &mut Self {
        self.watermark = self.watermark.max(EventTime(to));
        self.end_batch()
    }

    /// Moves the watermark past every event.
    pub fn advance_watermark_to_the_end(&mut self) -> &mut Self {
        self.advance_watermark(i64::MAX)
    }

    /// Moves processing time, in microseconds.
    pub fn advance_time(&mut self, by: i64) -> &mut Self {
        self.now = ProcessingTime(self.now.0.saturating_add(by.max(0)));
        self.end_batch()
    }

    /// What a crash and a restart from a snapshot leave: the same windows, as the test will see.
    ///
    /// # Panics
    /// When a snapshot cannot be read back, which is a bug in the aggregator's state.
    pub fn restart(&mut self, aggregator: A) -> &mut Self {
        let mut snapshot = Vec::new();
        self.windows.snapshot(&mut snapshot);
        self.windows = KeyedWindows::new(self.windows.windowing().clone(), aggregator);
        self.windows.set_time(self.now);
        self.windows.apply(&mut Reader::new(&snapshot)).expect("a snapshot is read back");
        self
    }

    /// The panes since the last call, in the order in which they came.
    pub fn take_panes(&mut self) -> Vec<SeenPane<A::Output>> {
        std::mem::take(&mut self.panes)
    }

    /// The elements that were too late since the last call.
    pub fn take_late(&mut self) -> Vec<LateElement> {
        std::mem::take(&mut self.late)
    }

    /// The windows themselves.
    pub fn windows(&mut self) -> &mut KeyedWindows<A> {
        &mut self.windows
    }

    fn end_batch(&mut self) -> &mut Self {
        let panes = &mut self.panes;
        self.windows.end_batch(self.watermark, self.now, &mut |pane: Pane<'_, A::Output>| {
            panes.push(SeenPane {
                key: pane.key.to_owned(),
                window: pane.window,
                info: pane.info,
                value: pane.value,
            });
        });
        self
    }
}

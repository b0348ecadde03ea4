//! A built pipeline and how it is run: one batch at a time on one thread ([`Pipeline::process`]), or its
//! reading half on some threads and its keyed half on the thread of each shard. [`Runs`] hides the
//! types where they cannot be named; it is called once a batch, not once an event.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use windtunnel_model::{EventTime, ProcessingTime, Reader, Torn};
use windtunnel_stages::watermark::{WatermarkConfig, Watermarks};

use super::{Stage, State, Transform};

/// When an event happened, for the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    /// The event time.
    pub time: EventTime,
    /// When it entered the source, where the source says so: an event far ahead of that has a wrong
    /// clock and moves no watermark.
    pub published: Option<EventTime>,
}

/// What a batch tells the watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrivals {
    /// The newest event time that counts.
    pub newest: EventTime,
    /// Events whose clock is too far ahead.
    pub ahead: u64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { newest: EventTime::MIN, ahead: 0 }
    }
}

/// The stateless half, with the functions that say which key an event has and when it happened.
#[derive(Debug, Clone, Copy)]
pub struct Reading<In, B, S, R, H> {
    transform: S,
    key: R,
    happened: H,
    ahead_micros_max: i64,
    types: PhantomData<fn(In, &mut B)>,
}

impl<In, B, S, R, H> Reading<In, B, S, R, H>
where
    S: Transform<In, B>,
    R: Fn(&S::Out, &B) -> u64,
    H: Fn(&S::Out, &B) -> Option<Happened>,
{
    /// The hash of an event's key, which says which shard it belongs to.
    pub fn key(&self, event: &S::Out, batch: &B) -> u64 {
        (self.key)(event, batch)
    }

    /// Transforms the inputs of a batch and gives each event to `take`.
    pub fn read(
        &self,
        inputs: impl IntoIterator<Item = In>,
        batch: &mut B,
        take: &mut impl FnMut(S::Out, &B),
    ) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for input in inputs {
            self.transform.apply(input, batch, &mut |event, batch: &mut B| {
                if let Some(Happened { time, published }) = (self.happened)(&event, batch)
                    && time > arrivals.newest
                {
                    let bound = |at: EventTime| at.0.saturating_add(self.ahead_micros_max);
                    if published.map(bound).is_some_and(|bound| time.0 > bound) {
                        arrivals.ahead += 1;
                    } else {
                        arrivals.newest = time;
                    }
                }
                take(event, batch);
            });
        }
        arrivals
    }
}

/// The keyed half for some of the keys: stages with their state, and the watermark.
#[derive(Debug)]
pub struct Shard<B, O, K> {
    stages: K,
    watermarks: Watermarks,
    ahead: u64,
    types: PhantomData<fn(&B, &mut O)>,
}

impl<B, O, K> Shard<B, O, K> {
    /// Moves the events of a batch through the stages.
    pub fn process<T>(
        &mut self,
        events: impl IntoIterator<Item = T>,
        arrivals: Arrivals,
        batch: &B,
        out: &mut O,
        now: ProcessingTime,
    ) where
        K: Stage<T, B, O, Out = ()>,
    {
        self.stages.begin_batch(now);
        for event in events {
            self.stages.push(event, batch, out, &mut |(), _| {});
        }
        self.ahead += arrivals.ahead;
        if arrivals.newest > EventTime::MIN {
            self.watermarks.observe(0, arrivals.newest, None);
            self.watermarks.hear(0, now);
        }
        let watermark = self.watermarks.advance(now);
        self.stages.end_batch(watermark, now, batch, out, &mut |(), _| {});
    }

    /// The source is drained for good: gives out everything that is held.
    pub fn drain<T>(&mut self, batch: &B, out: &mut O)
    where
        K: Stage<T, B, O, Out = ()>,
    {
        self.stages.drain(batch, out, &mut |(), _| {});
    }

    /// The watermark.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.watermarks.watermark()
    }

    /// Events whose clock was too far ahead.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// Visits the watermark and the stages' states.
    pub fn states<T>(&mut self, visit: &mut dyn FnMut(&mut dyn State))
    where
        K: Stage<T, B, O, Out = ()>,
    {
        visit(&mut self.watermarks);
        self.stages.states(visit);
    }
}

impl State for Watermarks {
    fn name(&self) -> &'static str {
        "watermark"
    }
    fn schema(&self) -> String {
        "(event_time,[event_time])".to_owned()
    }
    fn take_delta(&mut self, _now: ProcessingTime, out: &mut Vec<u8>) {
        Self::snapshot(self, out);
    }
    fn snapshot(&self, out: &mut Vec<u8>) {
        Self::snapshot(self, out);
    }
    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.apply(from)
    }
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.apply(from)
    }
    fn entries(&self) -> u64 {
        1
    }
}

/// A built pipeline: both halves, for one thread.
#[derive(Debug)]
pub struct Pipeline<In, B, O, S: Transform<In, B>, R, H, K> {
    /// The stateless half.
    pub reading: Reading<In, B, S, R, H>,
    /// The keyed half.
    pub shard: Shard<B, O, K>,
    events: Vec<S::Out>,
}

impl<In, B, O, S, R, H, K> Pipeline<In, B, O, S, R, H, K>
where
    S: Transform<In, B>,
    R: Fn(&S::Out, &B) -> u64,
    H: Fn(&S::Out, &B) -> Option<Happened>,
    K: Stage<S::Out, B, O, Out = ()>,
{
    pub(super) fn new(
        transform: S,
        (key, happened): (R, H),
        stages: K,
        watermark: WatermarkConfig,
    ) -> Self {
        let ahead_micros_max = watermark.ahead_micros_max;
        let watermarks = Watermarks::new(watermark, 1);
        let mut pipeline = Self {
            reading: Reading { transform, key, happened, ahead_micros_max, types: PhantomData },
            shard: Shard { stages, watermarks, ahead: 0, types: PhantomData },
            events: Vec::new(),
        };
        let mut names = BTreeSet::new();
        pipeline.shard.states::<S::Out>(&mut |state| {
            let is_new = names.insert(state.name().to_owned());
            assert!(is_new, "two stages have state under the name {}", state.name());
        });
        pipeline
    }

    /// Moves one batch of inputs through the pipeline at an instant.
    pub fn process(
        &mut self,
        inputs: impl IntoIterator<Item = In>,
        batch: &mut B,
        out: &mut O,
        now: ProcessingTime,
    ) {
        let mut events = std::mem::take(&mut self.events);
        let arrivals = self.reading.read(inputs, batch, &mut |event, _| events.push(event));
        self.shard.process(events.drain(..), arrivals, batch, out, now);
        self.events = events;
    }
}

/// A built pipeline behind a name that can be written down: `Box<dyn Runs<In, B, O>>`.
pub trait Runs<In, B, O>: Send {
    /// Moves one batch of inputs through the pipeline at an instant.
    fn process(
        &mut self,
        inputs: &mut dyn Iterator<Item = In>,
        batch: &mut B,
        out: &mut O,
        now: ProcessingTime,
    );
    /// The source is drained for good: gives out everything that is held.
    fn drain(&mut self, batch: &B, out: &mut O);
    /// The watermark.
    fn watermark(&self) -> EventTime;
    /// Events whose clock was too far ahead.
    fn ahead(&self) -> u64;
    /// Visits every state.
    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State));
}

impl<In, B, O, S, R, H, K> Runs<In, B, O> for Pipeline<In, B, O, S, R, H, K>
where
    S: Transform<In, B> + Send,
    S::Out: Send,
    R: Fn(&S::Out, &B) -> u64 + Send,
    H: Fn(&S::Out, &B) -> Option<Happened> + Send,
    K: Stage<S::Out, B, O, Out = ()> + Send,
{
    fn process(
        &mut self,
        inputs: &mut dyn Iterator<Item = In>,
        batch: &mut B,
        out: &mut O,
        now: ProcessingTime,
    ) {
        Self::process(self, inputs, batch, out, now);
    }
    fn drain(&mut self, batch: &B, out: &mut O) {
        self.shard.drain::<S::Out>(batch, out);
    }
    fn watermark(&self) -> EventTime {
        self.shard.watermark()
    }
    fn ahead(&self) -> u64 {
        self.shard.ahead()
    }
    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        self.shard.states::<S::Out>(visit);
    }
}

//! The keyed half of a pipeline: the trait of its stages, the builder that puts them one after the
//! other, and the stages without state. Those with state are in `keyed_stages`.

use std::marker::PhantomData;

use windtunnel_model::{EventKey, EventTime, ProcessingTime, Stored};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::stateful::{KeyState, Timer};
use windtunnel_stages::watermark::WatermarkConfig;
use windtunnel_stages::windowing::{Aggregator, Pane, Windowing};

use super::{
    Aggregate, Distinct, Entry, Happened, OwnedPane, PerKey, Pipeline, State, Transform, Window,
};

/// One stage of the keyed half. Events come in by `push`, in the order of their batch; `end_batch` moves
/// watermark and time, and gives out what they release.
pub trait Stage<In, B, O> {
    /// What goes on to the next stage.
    type Out;

    /// Handles one event.
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(Self::Out, &mut O));

    /// A batch begins at an instant.
    fn begin_batch(&mut self, _now: ProcessingTime) {}

    /// A batch ends.
    fn end_batch(
        &mut self,
        _watermark: EventTime,
        _now: ProcessingTime,
        _batch: &B,
        _out: &mut O,
        _emit: &mut impl FnMut(Self::Out, &mut O),
    ) {
    }

    /// The source is drained for good: gives out everything that is held.
    fn drain(&mut self, _batch: &B, _out: &mut O, _emit: &mut impl FnMut(Self::Out, &mut O)) {}

    /// Visits the stage's state.
    fn states(&mut self, _visit: &mut dyn FnMut(&mut dyn State)) {}
}

/// A pipeline under construction, from its keyed half on.
#[derive(Debug)]
pub struct Keyed<In, B, O, S, R, H, K> {
    transform: S,
    place: (R, H),
    stages: K,
    types: PhantomData<fn(In, &mut B, &mut O)>,
}

/// A pipeline under construction with one more stage.
pub type Next<In, B, O, S, R, H, K, Z> = Keyed<In, B, O, S, R, H, Then<K, Z>>;

impl<In, B, O, S: Transform<In, B>, R, H> Keyed<In, B, O, S, R, H, Begin> {
    pub(super) fn begin(transform: S, place: (R, H)) -> Self {
        Self { transform, place, stages: Begin, types: PhantomData }
    }
}

#[expect(clippy::type_complexity, reason = "a chain of stages has the type of the chain")]
impl<In, B, O, S, R, H, K> Keyed<In, B, O, S, R, H, K>
where
    S: Transform<In, B>,
    R: Fn(&S::Out, &B) -> u64,
    H: Fn(&S::Out, &B) -> Option<Happened>,
    K: Stage<S::Out, B, O>,
{
    /// Lets the first event of each identity pass, within the index's horizon; `duplicate` gets the others.
    pub fn distinct<F, D>(
        self,
        name: &'static str,
        config: DedupConfig,
        identity: F,
        duplicate: D,
    ) -> Next<In, B, O, S, R, H, K, Distinct<F, D>>
    where
        F: Fn(&K::Out, &B) -> EventKey,
        D: Fn(K::Out, &B, &mut O),
    {
        self.then(Distinct::new(name, config, identity, duplicate))
    }

    /// Lets pass what the function returns; the rest goes where the function puts it, which makes it the
    /// way to side outputs.
    pub fn filter_map<U, F: Fn(K::Out, &B, &mut O) -> Option<U>>(
        self,
        function: F,
    ) -> Next<In, B, O, S, R, H, K, FilterMap<F>> {
        self.then(FilterMap(function))
    }

    /// Windows beside the stream: `entry` says of an event its key, its time and what the aggregator
    /// takes; panes go to `pane`; events that are too late go to `late` with the watermark, and no
    /// further; all others go on.
    pub fn window<A, F, P, L>(
        self,
        name: &'static str,
        windowing: Windowing,
        aggregator: A,
        entry: F,
        pane: P,
        late: L,
    ) -> Next<In, B, O, S, R, H, K, Window<A, F, P, L>>
    where
        A: Aggregator,
        A::Input: Clone,
        F: for<'a> Fn(&'a K::Out, &'a B) -> Entry<'a, A::Input>,
        P: Fn(Pane<'_, A::Output>, &mut O),
        L: Fn(K::Out, EventTime, &B, &mut O),
    {
        self.then(Window::new(name, windowing, aggregator, entry, pane, late))
    }

    /// Windows that take the stream in: as [`Keyed::window`], but the panes go on instead of the events.
    pub fn aggregate<A, F, L>(
        self,
        name: &'static str,
        windowing: Windowing,
        aggregator: A,
        entry: F,
        late: L,
    ) -> Next<In, B, O, S, R, H, K, Aggregate<A, F, L>>
    where
        A: Aggregator,
        A::Input: Clone,
        F: for<'a> Fn(&'a K::Out, &'a B) -> Entry<'a, A::Input>,
        L: Fn(K::Out, EventTime, &B, &mut O),
    {
        self.then(Aggregate::new(name, windowing, aggregator, entry, late))
    }

    /// State of any type for every key, with timers: `event` works on the key's state for every event
    /// and says what goes on, `timer` does when a timer fires.
    pub fn per_key<V, U, F, E, T>(
        self,
        name: &'static str,
        key: F,
        event: E,
        timer: T,
    ) -> Next<In, B, O, S, R, H, K, PerKey<V, F, E, T>>
    where
        V: Stored + Default + std::fmt::Debug,
        F: for<'a> Fn(&'a K::Out, &'a B) -> &'a str,
        E: Fn(&K::Out, &mut KeyState<'_, V>, &B, &mut O) -> Option<U>,
        T: Fn(Timer, &mut KeyState<'_, V>, &mut O) -> Option<U>,
    {
        self.then(PerKey::new(name, key, event, timer))
    }

    /// The end of the main line: puts each event into the outputs.
    pub fn sink<F: Fn(K::Out, &B, &mut O)>(
        self,
        function: F,
    ) -> Next<In, B, O, S, R, H, K, Sink<F>> {
        self.then(Sink(function))
    }

    fn then<Z>(self, next: Z) -> Next<In, B, O, S, R, H, K, Z> {
        Keyed {
            transform: self.transform,
            place: self.place,
            stages: Then { first: self.stages, next },
            types: PhantomData,
        }
    }
}

impl<In, B, O, S, R, H, K> Keyed<In, B, O, S, R, H, K>
where
    S: Transform<In, B>,
    R: Fn(&S::Out, &B) -> u64,
    H: Fn(&S::Out, &B) -> Option<Happened>,
    K: Stage<S::Out, B, O, Out = ()>,
{
    /// The pipeline, with no state yet.
    ///
    /// # Panics
    /// When two stages have state under one name: a checkpoint could not tell them apart.
    pub fn build(self, watermark: WatermarkConfig) -> Pipeline<In, B, O, S, R, H, K> {
        Pipeline::new(self.transform, self.place, self.stages, watermark)
    }
}

/// The beginning of the keyed half: hands events on.
#[derive(Debug, Clone, Copy)]
pub struct Begin;

impl<In, B, O> Stage<In, B, O> for Begin {
    type Out = In;

    #[inline]
    fn push(&mut self, input: In, _batch: &B, out: &mut O, emit: &mut impl FnMut(In, &mut O)) {
        emit(input, out);
    }
}

/// Two stages, one after the other.
#[derive(Debug)]
pub struct Then<A, Z> {
    first: A,
    next: Z,
}

impl<In, B, O, A: Stage<In, B, O>, Z: Stage<A::Out, B, O>> Stage<In, B, O> for Then<A, Z> {
    type Out = Z::Out;

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(Z::Out, &mut O)) {
        let next = &mut self.next;
        self.first.push(input, batch, out, &mut |value, out: &mut O| {
            next.push(value, batch, out, emit);
        });
    }

    fn begin_batch(&mut self, now: ProcessingTime) {
        self.first.begin_batch(now);
        self.next.begin_batch(now);
    }

    fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        batch: &B,
        out: &mut O,
        emit: &mut impl FnMut(Z::Out, &mut O),
    ) {
        let next = &mut self.next;
        self.first.end_batch(watermark, now, batch, out, &mut |value, out: &mut O| {
            next.push(value, batch, out, emit);
        });
        self.next.end_batch(watermark, now, batch, out, emit);
    }

    fn drain(&mut self, batch: &B, out: &mut O, emit: &mut impl FnMut(Z::Out, &mut O)) {
        let next = &mut self.next;
        self.first.drain(batch, out, &mut |value, out: &mut O| {
            next.push(value, batch, out, emit);
        });
        self.next.drain(batch, out, emit);
    }

    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        self.first.states(visit);
        self.next.states(visit);
    }
}

/// See [`Keyed::filter_map`].
#[derive(Debug, Clone, Copy)]
pub struct FilterMap<F>(F);

impl<In, B, O, U, F: Fn(In, &B, &mut O) -> Option<U>> Stage<In, B, O> for FilterMap<F> {
    type Out = U;

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(U, &mut O)) {
        if let Some(value) = (self.0)(input, batch, out) {
            emit(value, out);
        }
    }
}

/// See [`Keyed::sink`].
#[derive(Debug, Clone, Copy)]
pub struct Sink<F>(F);

impl<In, B, O, F: Fn(In, &B, &mut O)> Stage<In, B, O> for Sink<F> {
    type Out = ();

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, _emit: &mut impl FnMut((), &mut O)) {
        (self.0)(input, batch, out);
    }
}

/// A pane that goes on to the next stage, with its own copy of the key.
impl<R> OwnedPane<R> {
    pub(super) fn of(pane: Pane<'_, R>) -> Self {
        Self { key: pane.key.to_owned(), window: pane.window, info: pane.info, value: pane.value }
    }
}

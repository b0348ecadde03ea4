//! The keyed stages with state: distinct, windows beside the stream, windows that take the stream in,
//! and state of any type with timers. Each names its state and its layout for checkpoints.

use std::fmt::Debug;

use windtunnel_model::{EventKey, EventTime, ProcessingTime, Reader, Stored, Torn, schema_of};
use windtunnel_stages::dedup::{DedupConfig, DedupIndex};
use windtunnel_stages::stateful::{KeyState, Stateful, Timer};
use windtunnel_stages::windowing::{Aggregator, KeyedWindows, Pane, PaneInfo, Windowing};

use super::{Stage, State};

/// Which key an event belongs to, when it happened, and what the aggregator takes of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a, I> {
    /// The key.
    pub key: &'a str,
    /// The event time.
    pub time: EventTime,
    /// The aggregator's input.
    pub input: I,
}

/// A pane that goes on to the next stage.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPane<R> {
    /// The key.
    pub key: String,
    /// The window.
    pub window: windtunnel_stages::windowing::Window,
    /// Its place in the window's life.
    pub info: PaneInfo,
    /// The aggregator's result.
    pub value: R,
}

/// See [`Keyed::distinct`](super::Keyed::distinct).
#[derive(Debug)]
pub struct Distinct<F, D> {
    name: &'static str,
    index: DedupIndex,
    now: ProcessingTime,
    identity: F,
    duplicate: D,
}

impl<F, D> Distinct<F, D> {
    pub(super) fn new(name: &'static str, config: DedupConfig, identity: F, duplicate: D) -> Self {
        let index = DedupIndex::new(config);
        Self { name, index, now: ProcessingTime(0), identity, duplicate }
    }
}

impl<In, B, O, F, D> Stage<In, B, O> for Distinct<F, D>
where
    F: Fn(&In, &B) -> EventKey,
    D: Fn(In, &B, &mut O),
{
    type Out = In;

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(In, &mut O)) {
        if self.index.insert((self.identity)(&input, batch), self.now) {
            emit(input, out);
        } else {
            (self.duplicate)(input, batch, out);
        }
    }

    fn begin_batch(&mut self, now: ProcessingTime) {
        self.now = now;
    }

    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        visit(self);
    }
}

impl<F, D> State for Distinct<F, D> {
    fn name(&self) -> &str {
        self.name
    }
    fn schema(&self) -> String {
        "distinct".to_owned()
    }
    fn take_delta(&mut self, now: ProcessingTime, out: &mut Vec<u8>) {
        self.index.take_delta(now, out);
    }
    fn snapshot(&self, out: &mut Vec<u8>) {
        self.index.snapshot(out);
    }
    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.index.apply(from)
    }
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.index = DedupIndex::restore(self.index.config(), from)?;
        Ok(())
    }
    fn entries(&self) -> u64 {
        self.index.len() as u64
    }
    fn lost(&self) -> u64 {
        self.index.forgotten_early()
    }
}

/// The state of windows, under a name.
#[derive(Debug)]
struct Named<A: Aggregator> {
    name: &'static str,
    windows: KeyedWindows<A>,
}

impl<A: Aggregator> State for Named<A> {
    fn name(&self) -> &str {
        self.name
    }
    fn schema(&self) -> String {
        format!("{} of {}", self.windows.windowing().layout(), schema_of::<A::State>())
    }
    fn take_delta(&mut self, _now: ProcessingTime, out: &mut Vec<u8>) {
        self.windows.take_delta(out);
    }
    fn snapshot(&self, out: &mut Vec<u8>) {
        self.windows.snapshot(out);
    }
    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.windows.apply(from)
    }
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.windows.apply(from)
    }
    fn entries(&self) -> u64 {
        self.windows.open() as u64
    }
    fn lost(&self) -> u64 {
        self.windows.refused()
    }
}

/// See [`Keyed::window`](super::Keyed::window).
#[derive(Debug)]
pub struct Window<A: Aggregator, F, P, L> {
    state: Named<A>,
    entry: F,
    pane: P,
    late: L,
}

impl<A: Aggregator, F, P, L> Window<A, F, P, L> {
    pub(super) fn new(
        name: &'static str,
        windowing: Windowing,
        aggregator: A,
        entry: F,
        pane: P,
        late: L,
    ) -> Self {
        let state = Named { name, windows: KeyedWindows::new(windowing, aggregator) };
        Self { state, entry, pane, late }
    }
}

impl<In, B, O, A, F, P, L> Stage<In, B, O> for Window<A, F, P, L>
where
    A: Aggregator,
    A::Input: Clone,
    F: for<'a> Fn(&'a In, &'a B) -> Entry<'a, A::Input>,
    P: Fn(Pane<'_, A::Output>, &mut O),
    L: Fn(In, EventTime, &B, &mut O),
{
    type Out = In;

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(In, &mut O)) {
        let Entry { key, time, input: value } = (self.entry)(&input, batch);
        if self.state.windows.add(key, time, value) {
            emit(input, out);
        } else {
            (self.late)(input, self.state.windows.watermark(), batch, out);
        }
    }

    fn begin_batch(&mut self, now: ProcessingTime) {
        self.state.windows.set_time(now);
    }

    fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        _batch: &B,
        out: &mut O,
        _emit: &mut impl FnMut(In, &mut O),
    ) {
        let give_out = &self.pane;
        self.state.windows.end_batch(watermark, now, &mut |pane| give_out(pane, out));
    }

    fn drain(&mut self, _batch: &B, out: &mut O, _emit: &mut impl FnMut(In, &mut O)) {
        let give_out = &self.pane;
        self.state.windows.close_all(&mut |pane| give_out(pane, out));
    }

    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        visit(&mut self.state);
    }
}

/// See [`Keyed::aggregate`](super::Keyed::aggregate).
#[derive(Debug)]
pub struct Aggregate<A: Aggregator, F, L> {
    state: Named<A>,
    entry: F,
    late: L,
}

impl<A: Aggregator, F, L> Aggregate<A, F, L> {
    pub(super) fn new(
        name: &'static str,
        windowing: Windowing,
        aggregator: A,
        entry: F,
        late: L,
    ) -> Self {
        let state = Named { name, windows: KeyedWindows::new(windowing, aggregator) };
        Self { state, entry, late }
    }
}

impl<In, B, O, A, F, L> Stage<In, B, O> for Aggregate<A, F, L>
where
    A: Aggregator,
    A::Input: Clone,
    F: for<'a> Fn(&'a In, &'a B) -> Entry<'a, A::Input>,
    L: Fn(In, EventTime, &B, &mut O),
{
    type Out = OwnedPane<A::Output>;

    #[inline]
    fn push(
        &mut self,
        input: In,
        batch: &B,
        out: &mut O,
        _emit: &mut impl FnMut(Self::Out, &mut O),
    ) {
        let Entry { key, time, input: value } = (self.entry)(&input, batch);
        if !self.state.windows.add(key, time, value) {
            (self.late)(input, self.state.windows.watermark(), batch, out);
        }
    }

    fn begin_batch(&mut self, now: ProcessingTime) {
        self.state.windows.set_time(now);
    }

    fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        _batch: &B,
        out: &mut O,
        emit: &mut impl FnMut(Self::Out, &mut O),
    ) {
        self.state.windows.end_batch(watermark, now, &mut |pane| emit(OwnedPane::of(pane), out));
    }

    fn drain(&mut self, _batch: &B, out: &mut O, emit: &mut impl FnMut(Self::Out, &mut O)) {
        self.state.windows.close_all(&mut |pane| emit(OwnedPane::of(pane), out));
    }

    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        visit(&mut self.state);
    }
}

/// See [`Keyed::per_key`](super::Keyed::per_key).
#[derive(Debug)]
pub struct PerKey<V, F, E, T> {
    name: &'static str,
    states: Stateful<V>,
    key: F,
    event: E,
    timer: T,
}

impl<V: Stored + Default + Debug, F, E, T> PerKey<V, F, E, T> {
    pub(super) fn new(name: &'static str, key: F, event: E, timer: T) -> Self {
        Self { name, states: Stateful::new(), key, event, timer }
    }
}

impl<In, B, O, V, U, F, E, T> Stage<In, B, O> for PerKey<V, F, E, T>
where
    V: Stored + Default + Debug,
    F: for<'a> Fn(&'a In, &'a B) -> &'a str,
    E: Fn(&In, &mut KeyState<'_, V>, &B, &mut O) -> Option<U>,
    T: Fn(Timer, &mut KeyState<'_, V>, &mut O) -> Option<U>,
{
    type Out = U;

    #[inline]
    fn push(&mut self, input: In, batch: &B, out: &mut O, emit: &mut impl FnMut(U, &mut O)) {
        let event = &self.event;
        let key = (self.key)(&input, batch);
        if let Some(value) = self.states.with(key, |state| event(&input, state, batch, out)) {
            emit(value, out);
        }
    }

    fn begin_batch(&mut self, now: ProcessingTime) {
        self.states.set_time(now);
    }

    fn end_batch(
        &mut self,
        watermark: EventTime,
        now: ProcessingTime,
        _batch: &B,
        out: &mut O,
        emit: &mut impl FnMut(U, &mut O),
    ) {
        let on_timer = &self.timer;
        self.states.end_batch(watermark, now, &mut |state, timer| {
            if let Some(value) = on_timer(timer, state, out) {
                emit(value, out);
            }
        });
    }

    fn drain(&mut self, _batch: &B, out: &mut O, emit: &mut impl FnMut(U, &mut O)) {
        let on_timer = &self.timer;
        self.states.close_all(&mut |state, timer| {
            if let Some(value) = on_timer(timer, state, out) {
                emit(value, out);
            }
        });
    }

    fn states(&mut self, visit: &mut dyn FnMut(&mut dyn State)) {
        visit(self);
    }
}

impl<V: Stored + Default + Debug, F, E, T> State for PerKey<V, F, E, T> {
    fn name(&self) -> &str {
        self.name
    }
    fn schema(&self) -> String {
        format!("per key {}", schema_of::<V>())
    }
    fn take_delta(&mut self, _now: ProcessingTime, out: &mut Vec<u8>) {
        self.states.take_delta(out);
    }
    fn snapshot(&self, out: &mut Vec<u8>) {
        self.states.snapshot(out);
    }
    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.states.apply(from)
    }
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.states.apply(from)
    }
    fn entries(&self) -> u64 {
        self.states.keys() as u64
    }
}

//! The stateless half of a pipeline: functions over one event and the batch that it came in. They may run
//! on any thread and in any order, because nothing is remembered from one event to the next.

use std::marker::PhantomData;

use super::{Begin, Happened, Keyed};

/// What turns an input into any number of outputs, and remembers nothing.
pub trait Transform<In, B> {
    /// What comes out.
    type Out;

    /// Handles one input and gives each output to `emit`.
    fn apply(&self, input: In, batch: &mut B, emit: &mut impl FnMut(Self::Out, &mut B));
}

/// A pipeline under construction, up to its stateless half.
#[derive(Debug, Clone, Copy)]
pub struct Flow<In, B, S> {
    transform: S,
    types: PhantomData<fn(In, &mut B)>,
}

/// Begins a pipeline whose source hands over `In`, in batches `B`.
#[must_use]
pub fn source<In, B>() -> Flow<In, B, Identity> {
    Flow { transform: Identity, types: PhantomData }
}

impl<In, B, S: Transform<In, B>> Flow<In, B, S> {
    /// One output for every input.
    pub fn map<U, F: Fn(S::Out, &mut B) -> U>(self, function: F) -> Flow<In, B, Map<S, F>> {
        Flow { transform: Map { first: self.transform, function }, types: PhantomData }
    }

    /// At most one output for every input: the rest goes where the function puts it in the batch.
    pub fn filter_map<U, F: Fn(S::Out, &mut B) -> Option<U>>(
        self,
        function: F,
    ) -> Flow<In, B, MaybeMap<S, F>> {
        Flow { transform: MaybeMap { first: self.transform, function }, types: PhantomData }
    }

    /// Any number of outputs for every input.
    pub fn flat_map<U, I, F>(self, function: F) -> Flow<In, B, FlatMap<S, F>>
    where
        I: IntoIterator<Item = U>,
        F: Fn(S::Out, &mut B) -> I,
    {
        Flow { transform: FlatMap { first: self.transform, function }, types: PhantomData }
    }

    /// Goes on with state for every key. `key` gives the hash of an event's key
    /// (`windtunnel_stages::hash_of`), so that all events of a key meet on one thread; `happened` says
    /// when an event happened, for the watermark, or nothing for what moves no watermark.
    pub fn keyed<O, R, H>(self, key: R, happened: H) -> Keyed<In, B, O, S, R, H, Begin>
    where
        R: Fn(&S::Out, &B) -> u64,
        H: Fn(&S::Out, &B) -> Option<Happened>,
    {
        Keyed::begin(self.transform, (key, happened))
    }
}

/// Hands the input on.
#[derive(Debug, Clone, Copy)]
pub struct Identity;

impl<In, B> Transform<In, B> for Identity {
    type Out = In;

    fn apply(&self, input: In, batch: &mut B, emit: &mut impl FnMut(In, &mut B)) {
        emit(input, batch);
    }
}

/// See [`Flow::map`].
#[derive(Debug, Clone, Copy)]
pub struct Map<S, F> {
    first: S,
    function: F,
}

impl<In, B, U, S: Transform<In, B>, F: Fn(S::Out, &mut B) -> U> Transform<In, B> for Map<S, F> {
    type Out = U;

    #[inline]
    fn apply(&self, input: In, batch: &mut B, emit: &mut impl FnMut(U, &mut B)) {
        self.first.apply(input, batch, &mut |value, batch: &mut B| {
            let value = (self.function)(value, batch);
            emit(value, batch);
        });
    }
}

/// See [`Flow::filter_map`].
#[derive(Debug, Clone, Copy)]
pub struct MaybeMap<S, F> {
    first: S,
    function: F,
}

impl<In, B, U, S: Transform<In, B>, F: Fn(S::Out, &mut B) -> Option<U>> Transform<In, B>
    for MaybeMap<S, F>
{
    type Out = U;

    #[inline]
    fn apply(&self, input: In, batch: &mut B, emit: &mut impl FnMut(U, &mut B)) {
        self.first.apply(input, batch, &mut |value, batch: &mut B| {
            if let Some(value) = (self.function)(value, batch) {
                emit(value, batch);
            }
        });
    }
}

/// See [`Flow::flat_map`].
#[derive(Debug, Clone, Copy)]
pub struct FlatMap<S, F> {
    first: S,
    function: F,
}

impl<In, B, U, I, S, F> Transform<In, B> for FlatMap<S, F>
where
    S: Transform<In, B>,
    I: IntoIterator<Item = U>,
    F: Fn(S::Out, &mut B) -> I,
{
    type Out = U;

    #[inline]
    fn apply(&self, input: In, batch: &mut B, emit: &mut impl FnMut(U, &mut B)) {
        self.first.apply(input, batch, &mut |value, batch: &mut B| {
            for value in (self.function)(value, batch) {
                emit(value, batch);
            }
        });
    }
}

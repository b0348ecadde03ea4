//! Aggregators: what a window keeps of its events instead of the events. An aggregator is four plain
//! functions over a state that can live in a checkpoint. Invariant that the property tests of users
//! should check: `merge` is associative and commutative, and adding then merging is merging then
//! adding.

use std::fmt::Debug;
use std::marker::PhantomData;

use windtunnel_model::{Aggregate, Stored};

/// Four functions over a state.
pub trait Aggregator {
    /// What is taken from an event.
    type Input;
    /// What is kept.
    type State: Stored + Clone + Debug;
    /// What a pane shows.
    type Output;

    /// The state of no events.
    fn init(&self) -> Self::State;
    /// Takes an event in.
    fn add(&self, state: &mut Self::State, input: Self::Input);
    /// Takes the state of another window in, when sessions grow together.
    fn merge(&self, state: &mut Self::State, other: &Self::State);
    /// What the state comes to.
    fn result(&self, state: &Self::State) -> Self::Output;
}

/// Events counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count;

impl Aggregator for Count {
    type Input = ();
    type State = u64;
    type Output = u64;

    fn init(&self) -> u64 {
        0
    }
    fn add(&self, state: &mut u64, (): ()) {
        *state += 1;
    }
    fn merge(&self, state: &mut u64, other: &u64) {
        *state += other;
    }
    fn result(&self, state: &u64) -> u64 {
        *state
    }
}

/// Count, sum, least and greatest of the values that events may carry: the aggregate of the
/// reference pipeline.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values;

impl Aggregator for Values {
    type Input = Option<f64>;
    type State = Aggregate;
    type Output = Aggregate;

    fn init(&self) -> Aggregate {
        Aggregate::default()
    }
    #[inline]
    fn add(&self, state: &mut Aggregate, value: Option<f64>) {
        state.add(value);
    }
    fn merge(&self, state: &mut Aggregate, other: &Aggregate) {
        state.merge(other);
    }
    fn result(&self, state: &Aggregate) -> Aggregate {
        *state
    }
}

/// Everything kept, in no particular order: for tests, and for windows of few events.
#[derive(Debug, Clone, Copy)]
pub struct Collect<T>(PhantomData<T>);

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Stored + Clone + Debug> Aggregator for Collect<T> {
    type Input = T;
    type State = Vec<T>;
    type Output = Vec<T>;

    fn init(&self) -> Vec<T> {
        Vec::new()
    }
    fn add(&self, state: &mut Vec<T>, input: T) {
        state.push(input);
    }
    fn merge(&self, state: &mut Vec<T>, other: &Vec<T>) {
        state.extend_from_slice(other);
    }
    fn result(&self, state: &Vec<T>) -> Vec<T> {
        state.clone()
    }
}

/// An aggregator of four plain functions.
#[derive(Debug, Clone, Copy)]
pub struct Functions<I, A, M, R, T> {
    init: I,
    add: A,
    merge: M,
    result: R,
    input: PhantomData<fn(T)>,
}

/// Makes an aggregator of four plain functions over any state that can live in a checkpoint.
pub fn aggregator<T, S, O, I, A, M, R>(
    init: I,
    add: A,
    merge: M,
    result: R,
) -> Functions<I, A, M, R, T>
where
    S: Stored + Clone + Debug,
    I: Fn() -> S,
    A: Fn(&mut S, T),
    M: Fn(&mut S, &S),
    R: Fn(&S) -> O,
{
    Functions { init, add, merge, result, input: PhantomData }
}

impl<T, S, O, I, A, M, R> Aggregator for Functions<I, A, M, R, T>
where
    S: Stored + Clone + Debug,
    I: Fn() -> S,
    A: Fn(&mut S, T),
    M: Fn(&mut S, &S),
    R: Fn(&S) -> O,
{
    type Input = T;
    type State = S;
    type Output = O;

    fn init(&self) -> S {
        (self.init)()
    }
    fn add(&self, state: &mut S, input: T) {
        (self.add)(state, input);
    }
    fn merge(&self, state: &mut S, other: &S) {
        (self.merge)(state, other);
    }
    fn result(&self, state: &S) -> O {
        (self.result)(state)
    }
}

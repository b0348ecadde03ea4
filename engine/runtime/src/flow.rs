//! The builder of pipelines: `source → stateless transforms → keyed stages → sinks`, typed from end to
//! end, and compiled into one loop. A transform is a plain function over an event and the batch that
//! it came in; a keyed stage has state with a name, which goes into checkpoints. What leaves the
//! pipeline (rows, rejects, late events, panes) is put into the user's own output type by plain
//! functions, so that side outputs need no machinery.
//!
//! `In` is what the source hands over, `B` the batch that texts are read from, `O` the outputs. Transforms
//! may change the batch and run on any thread; keyed stages see it read-only and run on the thread that
//! owns their keys. Invariant: what a keyed stage does depends on the events of its keys, their order,
//! the watermark and the time alone.

mod keyed;
mod keyed_stages;
mod run;
mod side_input;
mod state;
mod stateless;
#[doc = include_str!("../TUTORIAL.md")]
pub mod tutorial {}

pub use keyed::{Begin, FilterMap, Keyed, Next, Sink, Stage, Then};
pub use keyed_stages::{Aggregate, Distinct, Entry, OwnedPane, PerKey, Window};
pub use run::{Arrivals, Happened, Pipeline, Reading, Runs, Shard};
pub use side_input::SideInput;
pub use state::{
    IncompatibleState, RestoreError, State, StateRecord, delta, restore_delta, restore_snapshot,
    snapshot,
};
pub use stateless::{FlatMap, Flow, Identity, Map, MaybeMap, Transform, source};

#[cfg(test)]
mod tests;

//! A read-only view of a run in the terminal. It sees snapshots and nothing else: it cannot slow the run
//! down or change it, but for `q`, which asks for the end. Drawing is a pure function of the state.

mod state;
mod terminal;
mod view;

pub use state::{Action, Snapshot, State};
pub use terminal::{Message, show};
pub use view::view;

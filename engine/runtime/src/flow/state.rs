//! State by name: what a stage writes to a checkpoint, and how a pipeline goes on from one. Every state
//! stores the name of its layout with a snapshot. Invariant: a snapshot is applied only when every
//! state in it is known and has the layout that it was written with; otherwise the answer names the
//! state, and nothing is guessed.

use std::collections::BTreeSet;

use bytes::Bytes;
use windtunnel_model::{ProcessingTime, Reader, Torn};

/// A stage's state.
pub trait State {
    /// Its name, unique in the pipeline and the same over all versions of it.
    fn name(&self) -> &str;
    /// The name of its layout: types and whatever else must be the same to read it back.
    fn schema(&self) -> String;
    /// Ends an epoch: adds what changed in it.
    fn take_delta(&mut self, now: ProcessingTime, out: &mut Vec<u8>);
    /// Adds everything.
    fn snapshot(&self, out: &mut Vec<u8>);
    /// Applies what [`State::take_delta`] wrote.
    ///
    /// # Errors
    /// [`Torn`].
    fn apply_delta(&mut self, from: &mut Reader<'_>) -> Result<(), Torn>;
    /// Begins with what [`State::snapshot`] wrote.
    ///
    /// # Errors
    /// [`Torn`].
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Torn>;
    /// Keys, or keys and windows, held now.
    fn entries(&self) -> u64;
    /// What a bound has cost: entries given up before their time, events refused.
    fn lost(&self) -> u64 {
        0
    }
}

/// One state in a checkpoint.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StateRecord {
    /// The state's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The name of its layout, in a snapshot.
    #[prost(string, tag = "2")]
    pub schema: String,
    /// What it wrote.
    #[prost(bytes = "bytes", tag = "3")]
    pub content: Bytes,
}

/// Why a pipeline cannot go on from a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncompatibleState {
    /// The layout is another.
    #[error(
        "state `{name}` has changed: the checkpoint holds `{found}`, this pipeline has `{expected}`; \
         drain the old pipeline first, or give the new state another name"
    )]
    Changed {
        /// The state.
        name: String,
        /// The layout in the checkpoint.
        found: String,
        /// The layout that the pipeline has.
        expected: String,
    },
    /// The pipeline does not have the state any more.
    #[error(
        "state `{name}` is in the checkpoint and not in this pipeline, and it is not empty there; drain \
         the old pipeline first, or keep the stage"
    )]
    Gone {
        /// The state.
        name: String,
    },
}

/// Why a checkpoint's states cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Written by another pipeline.
    #[error(transparent)]
    Incompatible(#[from] IncompatibleState),
    /// Not what the state wrote.
    #[error("state `{name}`: {source}")]
    Torn {
        /// The state.
        name: String,
        /// What is wrong.
        source: Torn,
    },
}

/// What calls a function with every state of a pipeline, in the order of its stages.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&mut dyn State));

/// Ends an epoch in every state.
pub fn delta(states: Visit<'_>, now: ProcessingTime) -> Vec<StateRecord> {
    let mut records = Vec::new();
    states(&mut |state| {
        let mut content = Vec::new();
        state.take_delta(now, &mut content);
        let name = state.name().to_owned();
        records.push(StateRecord { name, schema: String::new(), content: content.into() });
    });
    records
}

/// Ends an epoch in every state and writes all of them whole.
pub fn snapshot(states: Visit<'_>, now: ProcessingTime) -> Vec<StateRecord> {
    let mut records = Vec::new();
    states(&mut |state| {
        let mut content = Vec::new();
        state.take_delta(now, &mut content);
        content.clear();
        state.snapshot(&mut content);
        let (name, schema) = (state.name().to_owned(), state.schema());
        records.push(StateRecord { name, schema, content: content.into() });
    });
    records
}

/// Applies the deltas of an epoch.
///
/// # Errors
/// [`RestoreError`].
pub fn restore_delta(states: Visit<'_>, records: &[StateRecord]) -> Result<(), RestoreError> {
    restore(states, records, |state, reader| state.apply_delta(reader))
}

/// Begins with a snapshot, after having compared every layout. A state that the snapshot does not know
/// begins empty.
///
/// # Errors
/// [`RestoreError`].
pub fn restore_snapshot(states: Visit<'_>, records: &[StateRecord]) -> Result<(), RestoreError> {
    let mut known = BTreeSet::new();
    let mut changed = None;
    states(&mut |state| {
        known.insert(state.name().to_owned());
        let expected = state.schema();
        let record = records.iter().find(|record| record.name == state.name());
        if let Some(record) = record.filter(|record| record.schema != expected) {
            changed.get_or_insert(IncompatibleState::Changed {
                name: record.name.clone(),
                found: record.schema.clone(),
                expected,
            });
        }
    });
    if let Some(changed) = changed {
        return Err(changed.into());
    }
    if let Some(record) = records.iter().find(|record| !known.contains(&record.name)) {
        return Err(IncompatibleState::Gone { name: record.name.clone() }.into());
    }
    restore(states, records, |state, reader| state.restore(reader))
}

fn restore(
    states: Visit<'_>,
    records: &[StateRecord],
    apply: impl Fn(&mut dyn State, &mut Reader<'_>) -> Result<(), Torn>,
) -> Result<(), RestoreError> {
    let mut result = Ok(());
    states(&mut |state| {
        let Some(record) = records.iter().find(|record| record.name == state.name()) else {
            return;
        };
        let mut reader = Reader::new(&record.content);
        let applied = apply(state, &mut reader)
            .and_then(|()| if reader.is_empty() { Ok(()) } else { Err(Torn) });
        if let Err(source) = applied {
            result = Err(RestoreError::Torn { name: record.name.clone(), source });
        }
    });
    result
}

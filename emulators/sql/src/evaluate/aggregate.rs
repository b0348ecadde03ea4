//! Grouping: one entry for each group, found by the hash of its keys without keeping memory for each row.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::relation::order;
use super::{Evaluator, Registers, Row, Sink};
use crate::error::Result;
use crate::functions::{Accumulator, AggregateNulls, Call};
use crate::resolved::{Aggregate, AggregateCall, AggregateKind};
use crate::sql_type::Type;
use crate::value::{GroupKey, Value, compare};

/// A group: its keys and its aggregates under way.
struct Group {
    keys: Row,
    /// Which grouping set it belongs to.
    set: usize,
    states: Vec<State>,
}

/// One aggregate of one group.
struct State {
    accumulator: Box<dyn Accumulator>,
    seen: HashSet<Vec<GroupKey>>,
    /// Rows held back until the end, for `ORDER BY` and `LIMIT`: keys of the order and arguments.
    held: Vec<(Row, Row)>,
    /// The best value of `HAVING MAX` or `HAVING MIN` so far.
    extreme: Option<Value>,
    failed: bool,
}

/// A call with what its accumulators need to know.
pub(super) struct Prepared<'p> {
    call: &'p AggregateCall,
    types: Vec<Type>,
}

impl<'p> Prepared<'p> {
    fn new(call: &'p AggregateCall) -> Self {
        Self { call, types: call.args.iter().map(|arg| arg.expr_type.clone()).collect() }
    }
}

impl<'p> Evaluator<'p> {
    pub(super) fn aggregate(
        &self,
        aggregate: &'p Aggregate,
        row: &mut Registers,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        let all: Vec<usize> = (0..aggregate.keys.len()).collect();
        let one = [all];
        let sets: &[Vec<usize>] = aggregate.sets.as_deref().unwrap_or(&one);
        let prepared: Vec<Prepared<'p>> = aggregate.calls.iter().map(Prepared::new).collect();
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<usize> = HashTable::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut keys = vec![Value::Null; aggregate.keys.len()];
        let mut masked = keys.clone();
        let _flow = self.run(&aggregate.input, row, &mut |row| {
            for (slot, (_, key)) in keys.iter_mut().zip(&aggregate.keys) {
                *slot = self.eval(key, row)?;
            }
            for (set_index, set) in sets.iter().enumerate() {
                let keys = match aggregate.sets {
                    None => &keys,
                    Some(_) => {
                        masked.fill(Value::Null);
                        set.iter().for_each(|index| masked[*index] = keys[*index].clone());
                        &masked
                    }
                };
                let hash = hash_keys(&hasher, keys, set_index);
                let same = |index: &usize| is_group(&groups[*index], keys, set_index);
                let index = match table.find(hash, same) {
                    Some(index) => *index,
                    None => {
                        let index = groups.len();
                        groups.push(self.new_group(
                            keys.iter().cloned().collect(),
                            set_index,
                            &prepared,
                        ));
                        table.insert_unique(hash, index, |index| {
                            let group = &groups[*index];
                            hash_keys(&hasher, &group.keys, group.set)
                        });
                        index
                    }
                };
                self.add(&prepared, &mut groups[index].states, row)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Without keys there is a group of all rows, even of none.
        for (set_index, set) in sets.iter().enumerate() {
            if aggregate.keys.is_empty()
                && set.is_empty()
                && !groups.iter().any(|group| group.set == set_index)
            {
                let keys = vec![Value::Null; aggregate.keys.len()].into();
                groups.push(self.new_group(keys, set_index, &prepared));
            }
        }
        for group in groups {
            for ((id, _), value) in aggregate.keys.iter().zip(&group.keys) {
                row.set(*id, value.clone());
            }
            for (id, key) in &aggregate.grouping {
                let is_left_out = !sets[group.set].contains(key);
                row.set(*id, Value::Int64(i64::from(is_left_out)));
            }
            for (prepared, state) in prepared.iter().zip(group.states) {
                let value = self.finish(prepared, state)?;
                row.set(prepared.call.column, value);
            }
            if sink(row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn new_group(&self, keys: Row, set: usize, prepared: &[Prepared<'p>]) -> Group {
        let states = prepared.iter().map(|prepared| self.new_state(prepared)).collect();
        Group { keys, set, states }
    }

    fn new_state(&self, prepared: &Prepared<'p>) -> State {
        State {
            accumulator: self.accumulator(prepared),
            seen: HashSet::new(),
            held: Vec::new(),
            extreme: None,
            failed: false,
        }
    }

    fn accumulator(&self, prepared: &Prepared<'p>) -> Box<dyn Accumulator> {
        let AggregateKind::BuiltIn { function, .. } = &prepared.call.kind;
        (function.make)(&self.call_of(prepared))
    }

    fn call_of<'c>(&'c self, prepared: &'c Prepared<'p>) -> Call<'c> {
        Call { session: self.session, args: &prepared.types }
    }

    /// Takes the row in flight into a group's aggregates.
    fn add(
        &self,
        prepared: &[Prepared<'p>],
        states: &mut [State],
        row: &mut Registers,
    ) -> Result<()> {
        for (prepared, state) in prepared.iter().zip(states) {
            let added = self.add_one(prepared, state, row);
            match added {
                Err(_) if prepared.call.safe => state.failed = true,
                added => added?,
            }
        }
        Ok(())
    }

    fn add_one(
        &self,
        prepared: &Prepared<'p>,
        state: &mut State,
        row: &mut Registers,
    ) -> Result<()> {
        let call = prepared.call;
        if let Some(filter) = &call.filter
            && !self.eval(filter, row)?.is_true()
        {
            return Ok(());
        }
        // One and two arguments, which nearly all have, need no memory of their own.
        match &call.args[..] {
            [] => self.take(prepared, state, &[], row),
            [one] => {
                let args = [self.eval(one, row)?];
                self.take(prepared, state, &args, row)
            }
            [one, two] => {
                let args = [self.eval(one, row)?, self.eval(two, row)?];
                self.take(prepared, state, &args, row)
            }
            args => {
                let args =
                    args.iter().map(|arg| self.eval(arg, row)).collect::<Result<Vec<_>>>()?;
                self.take(prepared, state, &args, row)
            }
        }
    }

    fn take(
        &self,
        prepared: &Prepared<'p>,
        state: &mut State,
        args: &[Value],
        row: &mut Registers,
    ) -> Result<()> {
        let call = prepared.call;
        let AggregateKind::BuiltIn { function, .. } = &call.kind;
        if let Some((is_max, value)) = &call.having {
            let value = self.eval(value, row)?;
            if value.is_null() {
                return Ok(());
            }
            let order = state.extreme.as_ref().map(|extreme| compare(&value, extreme));
            match order {
                Some(order) if order.is_eq() => {}
                Some(order) if order.is_gt() != *is_max => return Ok(()),
                _ => {
                    *state = self.new_state(prepared);
                    state.extreme = Some(value);
                }
            }
        }
        let is_skipped = match function.nulls {
            AggregateNulls::Skipped => args.iter().any(Value::is_null),
            AggregateNulls::Counted => {
                call.ignore_nulls && args.first().is_some_and(Value::is_null)
            }
        };
        if is_skipped {
            return Ok(());
        }
        if call.distinct && !state.seen.insert(args.iter().cloned().map(GroupKey).collect()) {
            return Ok(());
        }
        if call.order_by.is_empty() && call.limit.is_none() {
            return state.accumulator.add(&self.call_of(prepared), args);
        }
        let keys = call
            .order_by
            .iter()
            .map(|item| self.eval(&item.value, row))
            .collect::<Result<Row>>()?;
        state.held.push((keys, args.into()));
        Ok(())
    }

    fn finish(&self, prepared: &Prepared<'p>, mut state: State) -> Result<Value> {
        if state.failed {
            return Ok(Value::Null);
        }
        let call = self.call_of(prepared);
        let result = (|| {
            state.held.sort_by(|left, right| order(&prepared.call.order_by, &left.0, &right.0));
            let limit = prepared.call.limit.unwrap_or(usize::MAX);
            for (_, args) in state.held.iter().take(limit) {
                state.accumulator.add(&call, args)?;
            }
            state.accumulator.result(&call)
        })();
        match result {
            Err(_) if prepared.call.safe => Ok(Value::Null),
            result => result,
        }
    }
}

fn hash_keys(hasher: &DefaultHashBuilder, keys: &[Value], set: usize) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_usize(set);
    keys.iter().for_each(|key| crate::value::hash_group(key, &mut state));
    state.finish()
}

fn is_group(group: &Group, keys: &[Value], set: usize) -> bool {
    group.set == set
        && group.keys.iter().zip(keys).all(|(left, right)| compare(left, right).is_eq())
}

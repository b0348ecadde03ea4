//! Results of queries that need not run again: the same text with the same parameters, over tables that did
//! not change since. Bounded; the oldest go first.

use std::collections::{BTreeMap, HashMap};

use super::QueryResult;
use crate::limits::CACHED_RESULTS_MAX;
use crate::table::TableId;

/// What a query was, all that its result depends on but the tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    pub(crate) project: String,
    pub(crate) default_dataset: Option<(String, String)>,
    pub(crate) text: String,
    /// Parameters, as JSON.
    pub(crate) parameters: String,
    /// Who asked: row access policies show different rows.
    pub(crate) caller: super::Caller,
}

/// A table as a query saw it: incarnation and version.
pub(crate) type Seen = (TableId, u64, u64);

/// The results that are kept.
#[derive(Debug, Default)]
pub(crate) struct QueryCache {
    entries: HashMap<CacheKey, (u64, Vec<Seen>, QueryResult)>,
    order: BTreeMap<u64, CacheKey>,
    next: u64,
}

impl QueryCache {
    /// The result of a query, if `is_current` says so of all its tables.
    pub(crate) fn get(
        &self,
        key: &CacheKey,
        is_current: impl Fn(&Seen) -> bool,
    ) -> Option<&QueryResult> {
        let (_, seen, result) = self.entries.get(key)?;
        seen.iter().all(is_current).then_some(result)
    }

    /// Keeps a result with the tables that it is of.
    pub(crate) fn put(&mut self, key: CacheKey, seen: Vec<Seen>, result: QueryResult) {
        self.next += 1;
        if let Some((place, _, _)) = self.entries.insert(key.clone(), (self.next, seen, result)) {
            self.order.remove(&place);
        }
        self.order.insert(self.next, key);
        while self.order.len() > CACHED_RESULTS_MAX {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.entries.remove(&oldest);
            }
        }
    }
}

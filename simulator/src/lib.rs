//! Seeded load and its ledger: devices and visitors, open-loop arrivals, disorder, and the account of
//! what must become of each event. It does not know the engine, so it cannot make what the engine
//! "expects". Invariant: the events of a workload are a function of its seed alone.

mod arrivals;
mod device;
mod fingerprint;
mod ledger;
pub mod limits;
mod plan;
mod stream;
mod text;
mod visitor;
mod windowed;
mod workload;

pub use fingerprint::{CanonicalEvent, fingerprint, id_hash};
pub use ledger::{DeadLetter, Ledger, LedgerSummary, Observations, RowSeen, Tolerance};
pub use plan::{Expect, Malformation, Plan, PlannedEvent, StreamDigest};
pub use windowed::Windowed;
pub use workload::{Arrivals, Disorder, Source, SourceKind, Workload, WorkloadError};

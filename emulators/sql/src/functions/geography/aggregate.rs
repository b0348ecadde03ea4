//! Aggregates of geographies: their union, the center of all and the box around all.
//! Invariant: the order of the rows matters for the order of shapes alone.

use super::super::{Accumulator, AggregateFunction, AggregateNulls};
use super::measure::box_value;
use super::{Call, Geography, Result, Value, geography, value};
use crate::geography::{bounds, centroid, union_all};

pub(crate) const AGGREGATES: &[AggregateFunction] = &[
    AggregateFunction {
        name: "ST_UNION_AGG",
        signatures: &["(GEOGRAPHY) -> GEOGRAPHY"],
        nulls: AggregateNulls::Skipped,
        make: |_| collection(|parts| value(union_all(parts))),
    },
    AggregateFunction {
        name: "ST_CENTROID_AGG",
        signatures: &["(GEOGRAPHY) -> GEOGRAPHY"],
        nulls: AggregateNulls::Skipped,
        make: |_| {
            collection(|parts| {
                let center = centroid(&together(parts));
                value(center.map(Geography::point).unwrap_or_default())
            })
        },
    },
    AggregateFunction {
        name: "ST_EXTENT",
        signatures: &[super::measure::BOX],
        nulls: AggregateNulls::Skipped,
        make: |_| collection(|parts| bounds(&together(parts)).map_or(Value::Null, box_value)),
    },
];

fn together(parts: &[Geography]) -> Geography {
    let mut whole = Geography::default();
    parts.iter().cloned().for_each(|part| whole.append(part));
    whole
}

/// All geographies of a group, and what is made of them.
struct Collection {
    parts: Vec<Geography>,
    finish: fn(&[Geography]) -> Value,
}

fn collection(finish: fn(&[Geography]) -> Value) -> Box<dyn Accumulator> {
    Box::new(Collection { parts: Vec::new(), finish })
}

impl Accumulator for Collection {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        self.parts.push(geography(&args[0])?.clone());
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        // No rows, or NULL alone, make NULL.
        Ok(if self.parts.is_empty() { Value::Null } else { (self.finish)(&self.parts) })
    }
}

//! Proptest strategies for pipelines: events, the order in which a disordered source delivers them,
//! and steps of time. All shrink towards few, early, orderly events.

use proptest::prelude::*;

/// An event for a test of windows: which key, when, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestEvent {
    /// Unique in its list: what dedup would know the event by.
    pub id: u32,
    /// Which of the keys, from 0.
    pub key: u8,
    /// Event time, in microseconds.
    pub time: i64,
    /// A whole number, so that sums of any order are equal.
    pub value: i32,
}

impl TestEvent {
    /// The key as a text.
    #[must_use]
    pub fn key_text(&self) -> String {
        format!("device-{}", self.key)
    }

    /// The event as the JSON of the reference pipeline.
    #[must_use]
    pub fn json(&self) -> String {
        format!(
            r#"{{"event_id":"e{}","event_timestamp":"{}","event_type":"telemetry","device_id":"{}","properties":{{"value":{}}}}}"#,
            self.id,
            windtunnel_model::EventTime(self.time),
            self.key_text(),
            self.value
        )
    }
}

/// Up to `count` events of up to `keys` keys within `span_micros` of event time, each with its own id.
pub fn events(count: usize, keys: u8, span_micros: i64) -> impl Strategy<Value = Vec<TestEvent>> {
    let event = (0..keys.max(1), 0..span_micros.max(1), -1_000_i32..1_000);
    proptest::collection::vec(event, 0..=count).prop_map(|events| {
        (0_u32..)
            .zip(events)
            .map(|(id, (key, time, value))| TestEvent { id, key, time, value })
            .collect()
    })
}

/// The order in which a source delivers events: each is held back by less than `bound_micros` behind
/// its event time, and about one in `duplicate_one_in` is delivered a second time within the bound.
pub fn disorder(
    events: impl Strategy<Value = Vec<TestEvent>>,
    bound_micros: i64,
    duplicate_one_in: u32,
) -> impl Strategy<Value = Vec<TestEvent>> {
    let bound = bound_micros.max(1);
    let fate = (0..bound, 0..bound, 0..duplicate_one_in.max(2));
    events
        .prop_flat_map(move |events| {
            let fates = proptest::collection::vec(fate.clone(), events.len());
            (Just(events), fates)
        })
        .prop_map(|(events, fates)| {
            let mut deliveries = Vec::with_capacity(events.len());
            for (event, (delay, again, duplicate)) in events.into_iter().zip(fates) {
                deliveries.push((event.time.saturating_add(delay), event));
                if duplicate == 1 {
                    deliveries.push((event.time.saturating_add(again), event));
                }
            }
            deliveries.sort_by_key(|(at, event)| (*at, event.id));
            deliveries.into_iter().map(|(_, event)| event).collect()
        })
}

/// What happens between two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStep {
    /// The next event comes in the same batch.
    Together,
    /// The batch ends.
    EndBatch,
    /// Processing time passes, in microseconds.
    Wait(i64),
    /// The engine stops and goes on from its last checkpoint.
    Restart,
}

/// So many steps of time; most events come together, pauses are below `pause_micros`.
pub fn time_steps(count: usize, pause_micros: i64) -> impl Strategy<Value = Vec<TimeStep>> {
    let step = prop_oneof![
        6 => Just(TimeStep::Together),
        3 => Just(TimeStep::EndBatch),
        2 => (0..pause_micros.max(1)).prop_map(TimeStep::Wait),
        1 => Just(TimeStep::Restart),
    ];
    proptest::collection::vec(step, count)
}

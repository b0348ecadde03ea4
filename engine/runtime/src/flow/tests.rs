//! Goal: a pipeline does what its parts say for any cut into batches, and goes on from a checkpoint as if
//! nothing had happened. Method: a small pipeline with every kind of stage against plain code; random
//! cuts, with a restart from snapshot and deltas at random places.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use windtunnel_model::{EventKey, EventTime, ProcessingTime};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::hash_of;
use windtunnel_stages::watermark::WatermarkConfig;
use windtunnel_stages::windowing::{Accumulation, Count, Trigger, WindowFn, Windowing};

use super::*;

/// An event of the test: id, key, time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    id: u32,
    key: String,
    time: i64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outputs {
    rows: Vec<Event>,
    odd: Vec<u32>,
    duplicates: Vec<u32>,
    windows: Vec<(String, i64, u64)>,
    hours: Vec<(String, i64, u64)>,
    alarms: Vec<(String, u64)>,
}

const WATERMARK: WatermarkConfig = WatermarkConfig {
    bound_micros: 50,
    idle_after_micros: None,
    ahead_micros_max: 1_000_000,
    alignment_micros: None,
};

fn windows(size: i64) -> Windowing {
    Windowing::new(WindowFn::fixed(size)).triggering(Trigger::Default, Accumulation::Discarding)
}

/// Events; windows of 20 beside the stream; an alarm when a key is silent for 100, with how many events
/// it had; windows of 60 that count the alarms.
fn pipeline() -> Box<dyn Runs<Event, (), Outputs>> {
    Box::new(
        source::<Event, ()>()
            .flat_map(|event, ()| (event.id != 13).then_some(event))
            .map(|event, ()| event)
            .keyed(
                |event: &Event, ()| hash_of(&event.key),
                |event, ()| Some(Happened { time: EventTime(event.time), published: None }),
            )
            .distinct(
                "seen",
                DedupConfig::default(),
                |event, ()| EventKey(u128::from(event.id)),
                |event, (), out: &mut Outputs| out.duplicates.push(event.id),
            )
            .filter_map(|event, (), out| {
                if event.id % 10 == 7 {
                    out.odd.push(event.id);
                    return None;
                }
                Some(event)
            })
            .window(
                "windows",
                windows(20),
                Count,
                |event, ()| Entry { key: &event.key, time: EventTime(event.time), input: () },
                |pane, out| {
                    out.windows.push((pane.key.to_owned(), pane.window.start.0, pane.value));
                },
                |_, _, (), _| panic!("nothing is late"),
            )
            .per_key(
                "silence",
                |event: &Event, ()| event.key.as_str(),
                |event, state, (), out| {
                    *state.state += 1_u64;
                    state.set_event_timer(EventTime(event.time + 100));
                    out.rows.push(event.clone());
                    None
                },
                |_, state, out| {
                    out.alarms.push((state.key.to_owned(), *state.state));
                    let alarm = (state.key.to_owned(), state.watermark.0);
                    state.clear();
                    Some(alarm)
                },
            )
            .aggregate(
                "hours",
                windows(60),
                Count,
                |(key, time), ()| Entry { key, time: EventTime(*time), input: () },
                |_, _, (), _| {},
            )
            .sink(|pane, (), out| out.hours.push((pane.key, pane.window.start.0, pane.value)))
            .build(WATERMARK),
    )
}

fn record(pipeline: &mut dyn Runs<Event, (), Outputs>, is_snapshot: bool) -> Vec<StateRecord> {
    let mut states = |visit: &mut dyn FnMut(&mut dyn State)| pipeline.states(visit);
    let write = if is_snapshot { snapshot } else { delta };
    write(&mut states, ProcessingTime(0))
}

fn restored(log: &[Vec<StateRecord>]) -> Box<dyn Runs<Event, (), Outputs>> {
    let mut pipeline = pipeline();
    let mut states = |visit: &mut dyn FnMut(&mut dyn State)| pipeline.states(visit);
    for (position, records) in log.iter().enumerate() {
        let read = if position == 0 { restore_snapshot } else { restore_delta };
        read(&mut states, records).expect("a checkpoint is read back");
    }
    pipeline
}

/// Batches end where `cuts` says; 1 restarts, 2 restarts after a new snapshot.
fn run(events: &[Event], cuts: &[u8]) -> Outputs {
    let mut pipeline = pipeline();
    let mut log = vec![record(pipeline.as_mut(), true)];
    let mut out = Outputs::default();
    let mut batch = Vec::new();
    let mut cuts = cuts.iter().copied().chain(std::iter::repeat(0));
    for event in events {
        batch.push(event.clone());
        let cut = cuts.next().expect("cuts never end");
        if cut > 4 {
            continue;
        }
        pipeline.process(&mut batch.drain(..), &mut (), &mut out, ProcessingTime(0));
        let is_snapshot = cut == 2;
        if is_snapshot {
            log.clear();
        }
        log.push(record(pipeline.as_mut(), is_snapshot));
        if cut == 1 || cut == 2 {
            pipeline = restored(&log);
        }
    }
    pipeline.process(&mut batch.drain(..), &mut (), &mut out, ProcessingTime(0));
    pipeline.drain(&(), &mut out);
    for list in [&mut out.windows, &mut out.hours] {
        list.sort();
    }
    out.alarms.sort();
    out.rows.sort();
    out
}

proptest! {
    #[test]
    fn cuts_and_restarts_change_nothing(
        steps in proptest::collection::vec((0_u32..60, 0_i64..30, 0_i64..40), 0..60),
        cuts in proptest::collection::vec(0_u8..10, 0..60),
    ) {
        let mut now = 0;
        let events: Vec<Event> = steps.iter().map(|&(id, step, delay)| {
            now += step;
            // An id has one key and time, so that copies are copies.
            Event { id, key: format!("k{}", id % 4), time: now - delay }
        }).collect();
        let out = run(&events, &cuts);
        let mut seen = BTreeSet::new();
        let mut expected = Outputs::default();
        let mut counts: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for event in events.iter().filter(|event| event.id != 13) {
            if !seen.insert(event.id) {
                expected.duplicates.push(event.id);
            } else if event.id % 10 == 7 {
                expected.odd.push(event.id);
            } else {
                let start = event.time.div_euclid(20) * 20;
                *counts.entry((event.key.clone(), start)).or_default() += 1;
                expected.rows.push(event.clone());
            }
        }
        expected.rows.sort();
        let windows = counts.into_iter().map(|((key, start), count)| (key, start, count));
        prop_assert_eq!(out.windows, windows.collect::<Vec<_>>());
        prop_assert_eq!(&out.rows, &expected.rows);
        prop_assert_eq!(out.duplicates, expected.duplicates);
        prop_assert_eq!(out.odd, expected.odd);
        // Every row is in one alarm, and every alarm in one window.
        let alarmed: u64 = out.alarms.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(alarmed, out.rows.len() as u64);
        let counted: u64 = out.hours.iter().map(|(_, _, count)| count).sum();
        prop_assert_eq!(counted, out.alarms.len() as u64);
    }
}

fn named(name: &'static str, size: i64) -> Box<dyn Runs<Event, (), Outputs>> {
    Box::new(
        source::<Event, ()>()
            .keyed(|event: &Event, ()| hash_of(&event.key), |_, ()| None)
            .aggregate(
                name,
                windows(size),
                Count,
                |event, ()| Entry { key: &event.key, time: EventTime(event.time), input: () },
                |_, _, (), _: &mut Outputs| {},
            )
            .sink(|_, (), _| {})
            .build(WATERMARK),
    )
}

#[test]
fn a_pipeline_that_has_changed_is_compatible_or_refused_by_name() {
    let cases = [
        ("minutes", 20, None),
        ("minutes", 30, Some("state `minutes` has changed")),
        ("hours", 20, Some("state `minutes` is in the checkpoint and not in this pipeline")),
    ];
    for (name, size, refusal) in cases {
        let mut old = named("minutes", 20);
        let records = snapshot(
            &mut |visit: &mut dyn FnMut(&mut dyn State)| old.states(visit),
            ProcessingTime(0),
        );
        let mut new = named(name, size);
        let mut states = |visit: &mut dyn FnMut(&mut dyn State)| new.states(visit);
        let restored = restore_snapshot(&mut states, &records);
        match refusal {
            None => assert_eq!(restored, Ok(())),
            Some(refusal) => {
                let error = restored.unwrap_err().to_string();
                assert!(error.contains(refusal), "{error}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "two stages have state under the name twice")]
fn two_states_of_one_name_are_a_mistake() {
    let config = DedupConfig::default();
    let _ = source::<u32, ()>()
        .keyed(|_, ()| 0, |_, ()| None)
        .distinct("twice", config, |id, ()| EventKey(u128::from(*id)), |_, (), _: &mut ()| {})
        .distinct("twice", config, |id, ()| EventKey(u128::from(*id)), |_, (), _| {})
        .sink(|_, (), _| {})
        .build(WATERMARK);
}

#[test]
fn a_side_input_is_replaced_as_a_whole() {
    let limits = SideInput::new(vec![1, 2]);
    let (reader, before) = (limits.clone(), limits.get());
    limits.set(vec![3]);
    assert_eq!((before.as_slice(), reader.get().as_slice()), (&[1, 2][..], &[3][..]));
}

//! Goal: windows keep Beam's rules, and their final panes do not depend on order, duplication, batches
//! or restarts. Method: tables of steps and panes by hand, and random streams against the sorted run.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use windtunnel_model::{EventTime, ProcessingTime, Reader};

use super::*;
use crate::testing::strategies::{TestEvent, TimeStep, disorder, events, time_steps};
use crate::testing::{SeenPane, TestStream};

/// A pane in short: timing, index, last, window, values.
type Short = (char, u32, bool, (i64, i64), Vec<i64>);

fn short(pane: SeenPane<Vec<i64>>) -> Short {
    let timing = match pane.info.timing {
        Timing::Early => 'e',
        Timing::OnTime => 'o',
        Timing::Late => 'l',
    };
    let mut values = pane.value;
    values.sort_unstable();
    let window = (pane.window.start.0, pane.window.end.0);
    (timing, pane.info.index, pane.info.is_last, window, values)
}

enum Step {
    Elements(&'static [i64]),
    Watermark(i64),
    Time(i64),
    Panes(Vec<Short>),
    Late(usize),
}
use Step::{Elements, Late, Panes, Time, Watermark};

/// Elements are their own event times, of one key; every check runs once with a restart after each step.
fn check(windowing: &Windowing, steps: &[Step]) {
    for restarts in [false, true] {
        let mut stream = TestStream::new(windowing.clone(), Collect::<i64>::default());
        for (position, step) in steps.iter().enumerate() {
            match step {
                Elements(times) => {
                    stream.elements(times.iter().map(|&time| ("k", time, time)));
                }
                Watermark(to) => {
                    stream.advance_watermark(*to);
                }
                Time(by) => {
                    stream.advance_time(*by);
                }
                Panes(expected) => {
                    let panes: Vec<_> = stream.take_panes().into_iter().map(short).collect();
                    assert_eq!(&panes, expected, "step {position}, restarts {restarts}");
                }
                Late(expected) => assert_eq!(stream.take_late().len(), *expected),
            }
            if restarts {
                stream.restart(Collect::default());
            }
        }
    }
}

fn repeatedly_count(count: u32) -> Trigger {
    Trigger::AfterCount(count).repeatedly()
}

#[test]
fn the_default_trigger_fires_on_time_and_for_each_batch_of_late_events() {
    let windowing = Windowing::new(WindowFn::fixed(10)).allowing(5);
    check(
        &windowing,
        &[
            Elements(&[1, 12, 3]),
            Panes(vec![]),
            Watermark(10),
            Panes(vec![('o', 0, false, (0, 10), vec![1, 3])]),
            Elements(&[4, 5]),
            Panes(vec![('l', 1, false, (0, 10), vec![4, 5])]),
            Watermark(15),
            Elements(&[6]),
            Late(1),
            Watermark(30),
            Panes(vec![('o', 0, true, (10, 20), vec![12])]),
        ],
    );
}

#[test]
fn at_expiry_everything_comes_in_one_complete_pane() {
    let windowing = Windowing::new(WindowFn::fixed(10))
        .triggering(Trigger::AtExpiry, Accumulation::Discarding)
        .allowing(5);
    check(
        &windowing,
        &[
            Elements(&[1]),
            Watermark(14),
            Elements(&[2]),
            Panes(vec![]),
            Watermark(15),
            Panes(vec![('o', 0, true, (0, 10), vec![1, 2])]),
            Elements(&[3]),
            Late(1),
        ],
    );
}

#[test]
fn early_and_late_firings_accumulate() {
    let trigger =
        Trigger::after_watermark(Some(Trigger::AfterCount(2)), Some(Trigger::AfterCount(1)));
    let windowing = Windowing::new(WindowFn::fixed(10))
        .triggering(trigger, Accumulation::Accumulating)
        .allowing(100);
    check(
        &windowing,
        &[
            Elements(&[1]),
            Panes(vec![]),
            Elements(&[2]),
            Panes(vec![('e', 0, false, (0, 10), vec![1, 2])]),
            Elements(&[3]),
            Watermark(10),
            Panes(vec![('o', 1, false, (0, 10), vec![1, 2, 3])]),
            Elements(&[4]),
            Panes(vec![('l', 2, false, (0, 10), vec![1, 2, 3, 4])]),
            Watermark(110),
            Panes(vec![]),
        ],
    );
}

#[test]
fn processing_time_fires_after_its_delay_from_the_first_event() {
    let trigger = Trigger::AfterProcessingTime { delay_micros: 5 }.repeatedly();
    let windowing = Windowing::new(WindowFn::Global).triggering(trigger, Accumulation::Discarding);
    check(
        &windowing,
        &[
            Elements(&[1]),
            Time(3),
            Elements(&[2]),
            Panes(vec![]),
            Time(2),
            Panes(vec![('e', 0, false, (i64::MIN, i64::MAX), vec![1, 2])]),
            Time(100),
            Panes(vec![]),
            Elements(&[3]),
            Time(5),
            Panes(vec![('e', 1, false, (i64::MIN, i64::MAX), vec![3])]),
        ],
    );
}

#[test]
fn composed_triggers_fire_as_their_parts_say() {
    let any = Trigger::AfterAny(vec![
        Trigger::AfterCount(3),
        Trigger::AfterProcessingTime { delay_micros: 5 },
    ]);
    let windowing =
        Windowing::new(WindowFn::fixed(10)).triggering(any.repeatedly(), Accumulation::Discarding);
    check(
        &windowing,
        &[
            Elements(&[1, 2, 3]),
            Panes(vec![('e', 0, false, (0, 10), vec![1, 2, 3])]),
            Time(9),
            Panes(vec![]),
            Elements(&[4]),
            Time(5),
            Panes(vec![('e', 1, false, (0, 10), vec![4])]),
            Elements(&[5]),
            Watermark(10),
            Panes(vec![('o', 2, true, (0, 10), vec![5])]),
        ],
    );
    let each = Trigger::AfterEach(vec![
        Trigger::AfterCount(1),
        Trigger::AfterAll(vec![Trigger::AfterCount(1), Trigger::after_watermark(None, None)]),
    ]);
    let windowing =
        Windowing::new(WindowFn::fixed(10)).triggering(each, Accumulation::Discarding).allowing(9);
    check(
        &windowing,
        &[
            Elements(&[1]),
            Panes(vec![('e', 0, false, (0, 10), vec![1])]),
            Elements(&[2]),
            Panes(vec![]),
            Watermark(10),
            Panes(vec![('o', 1, true, (0, 10), vec![2])]),
            Elements(&[3]),
            Late(1),
        ],
    );
}

#[test]
fn a_trigger_that_fires_once_closes_its_window() {
    let windowing = Windowing::new(WindowFn::fixed(10))
        .triggering(Trigger::AfterCount(2), Accumulation::Discarding);
    check(
        &windowing,
        &[
            Elements(&[1, 2]),
            Panes(vec![('e', 0, true, (0, 10), vec![1, 2])]),
            Elements(&[3]),
            Late(1),
            Watermark(10),
            Panes(vec![]),
        ],
    );
}

#[test]
fn sessions_grow_together() {
    let windowing = Windowing::new(WindowFn::session(10));
    check(
        &windowing,
        &[
            Elements(&[1, 20, 30]),
            Elements(&[10]),
            Watermark(20),
            Panes(vec![('o', 0, true, (1, 20), vec![1, 10])]),
            Watermark(29),
            Elements(&[21]),
            Watermark(60),
            Panes(vec![('o', 0, true, (20, 31), vec![20, 21]), ('o', 0, true, (30, 40), vec![30])]),
        ][..2],
    );
    check(
        &windowing,
        &[
            Elements(&[1, 20]),
            Elements(&[11]),
            Watermark(100),
            Panes(vec![('o', 0, true, (1, 11), vec![1]), ('o', 0, true, (11, 30), vec![11, 20])]),
        ],
    );
}

#[test]
fn a_session_that_grows_counts_its_panes_anew() {
    let windowing = Windowing::new(WindowFn::session(10))
        .triggering(repeatedly_count(1), Accumulation::Accumulating);
    check(
        &windowing,
        &[
            Elements(&[5]),
            Panes(vec![('e', 0, false, (5, 15), vec![5])]),
            Elements(&[5]),
            Panes(vec![('e', 1, false, (5, 15), vec![5, 5])]),
            Elements(&[1]),
            Panes(vec![('e', 0, false, (1, 15), vec![1, 5, 5])]),
            Elements(&[12]),
            Panes(vec![('e', 0, false, (1, 22), vec![1, 5, 5, 12])]),
        ],
    );
}

#[test]
fn sliding_windows_hold_an_event_several_times() {
    check(
        &Windowing::new(WindowFn::sliding(10, 5)),
        &[
            Elements(&[7]),
            Watermark(10),
            Panes(vec![('o', 0, true, (0, 10), vec![7])]),
            Elements(&[8]),
            Late(0),
            Watermark(15),
            Panes(vec![('o', 0, true, (5, 15), vec![7, 8])]),
        ],
    );
}

#[test]
fn events_at_the_ends_of_time_do_not_overflow() {
    for window_fn in
        [WindowFn::fixed(60), WindowFn::sliding(60, 7), WindowFn::session(5), WindowFn::Global]
    {
        let mut stream = TestStream::new(Windowing::new(window_fn).allowing(9), Count);
        stream.elements([("k", i64::MAX, ()), ("k", i64::MIN, ()), ("k", i64::MAX - 1, ())]);
        stream.advance_watermark(0).advance_watermark_to_the_end();
        assert_eq!(stream.windows().open(), 0, "{window_fn:?}: state is dropped at the end");
        assert_eq!(stream.windows().keys(), 0);
    }
}

#[test]
fn a_device_that_makes_up_instants_takes_no_more_than_its_share() {
    for window_fn in [WindowFn::fixed(60), WindowFn::session(60)] {
        let windowing = Windowing { open_max: 100, ..Windowing::new(window_fn) };
        let mut stream = TestStream::new(windowing, Count);
        stream.elements((0..10_000).map(|time| ("flood", time * 1_000, ())));
        assert_eq!(stream.windows().open(), 100);
        assert_eq!((stream.take_late().len(), stream.windows().refused()), (9_900, 9_900));
        stream.advance_watermark_to_the_end();
        assert_eq!(stream.take_panes().len(), 100);
    }
}

/// The last pane of each key and window that holds everything, for a stream in this order.
fn final_values(
    windowing: &Windowing,
    bound: i64,
    deliveries: &[TestEvent],
    steps: &[TimeStep],
) -> BTreeMap<(String, Window), Vec<i64>> {
    let mut stream = TestStream::new(windowing.clone(), Collect::<i64>::default());
    let mut seen = BTreeSet::new();
    let mut newest = i64::MIN;
    let mut steps = steps.iter().chain(std::iter::repeat(&TimeStep::EndBatch));
    let mut batch = Vec::new();
    for event in deliveries {
        if seen.insert(event.id) {
            batch.push((event.key_text(), event.time, i64::from(event.value)));
        }
        newest = newest.max(event.time);
        let step = steps.next().expect("steps never end");
        if *step == TimeStep::Together {
            continue;
        }
        stream.elements(batch.iter().map(|(key, time, value)| (key.as_str(), *time, *value)));
        batch.clear();
        match step {
            TimeStep::Wait(micros) => {
                stream.advance_time(*micros);
            }
            TimeStep::Restart => {
                stream.restart(Collect::default());
            }
            TimeStep::Together | TimeStep::EndBatch => {}
        }
        stream.advance_watermark(newest.saturating_sub(bound));
    }
    stream.elements(batch.iter().map(|(key, time, value)| (key.as_str(), *time, *value)));
    stream.advance_watermark_to_the_end();
    assert_eq!(stream.take_late(), vec![], "disorder within bound and lateness is never late");
    let mut last = BTreeMap::new();
    for pane in stream.take_panes() {
        let mut value = pane.value;
        value.sort_unstable();
        last.insert((pane.key, pane.window), value);
    }
    if matches!(windowing.window_fn, WindowFn::Session { .. }) {
        // Early panes of a session that has grown since are not final.
        let all: Vec<_> = last.keys().cloned().collect();
        last.retain(|(key, window), _| {
            !all.iter().any(|(other_key, other)| {
                let holds = other.start <= window.start && window.end <= other.end;
                other_key == key && other != window && holds
            })
        });
    }
    last
}

fn any_windowing() -> impl Strategy<Value = Windowing> {
    let window_fn = prop_oneof![
        Just(WindowFn::fixed(60)),
        Just(WindowFn::sliding(60, 25)),
        Just(WindowFn::session(20)),
        Just(WindowFn::Global),
    ];
    let trigger = prop_oneof![
        Just(Trigger::Default),
        Just(Trigger::AtExpiry),
        Just(repeatedly_count(2)),
        Just(Trigger::AfterProcessingTime { delay_micros: 15 }.repeatedly()),
        Just(Trigger::after_watermark(
            Some(Trigger::AfterProcessingTime { delay_micros: 9 }),
            Some(Trigger::AfterCount(1)),
        )),
        Just(Trigger::AfterEach(vec![Trigger::AfterCount(1), repeatedly_count(3)])),
    ];
    (window_fn, trigger).prop_map(|(window_fn, trigger)| {
        Windowing::new(window_fn).triggering(trigger, Accumulation::Accumulating).allowing(30)
    })
}

proptest! {
    /// Goal: final panes depend on the events alone. Method: a disordered, duplicated delivery cut into
    /// batches, pauses and restarts at random, against the sorted one in single steps.
    #[test]
    fn any_delivery_within_the_lateness_ends_as_the_sorted_batch(
        windowing in any_windowing(),
        deliveries in disorder(events(60, 4, 1_000), 50, 5),
        steps in time_steps(80, 20),
    ) {
        let mut sorted = deliveries.clone();
        sorted.sort_by_key(|event| (event.time, event.id));
        prop_assert_eq!(
            final_values(&windowing, 20, &deliveries, &steps),
            final_values(&windowing, 20, &sorted, &[])
        );
    }

    /// Goal: discarding panes share the events out among them. Method: all panes of a key and window
    /// together hold what the last accumulating one holds.
    #[test]
    fn discarding_panes_add_up_to_the_accumulating_one(
        deliveries in disorder(events(60, 4, 1_000), 50, 5),
        count in 1_u32..4,
    ) {
        let run = |accumulation| {
            let windowing = Windowing::new(WindowFn::fixed(60))
                .triggering(repeatedly_count(count), accumulation).allowing(30);
            let mut stream = TestStream::new(windowing, Collect::<i64>::default());
            for event in &deliveries {
                stream.elements([(event.key_text().as_str(), event.time, i64::from(event.value))]);
            }
            stream.advance_watermark_to_the_end();
            let mut values: BTreeMap<_, Vec<i64>> = BTreeMap::new();
            for pane in stream.take_panes() {
                let all = values.entry((pane.key, pane.window)).or_default();
                if accumulation == Accumulation::Accumulating {
                    all.clear();
                }
                all.extend(pane.value);
                all.sort_unstable();
            }
            values
        };
        prop_assert_eq!(run(Accumulation::Discarding), run(Accumulation::Accumulating));
    }

    /// Goal: deltas rebuild the windows. Method: a second instance follows by deltas alone, begins again
    /// from a snapshot at a random epoch, and in the end closes with the same panes.
    #[test]
    fn deltas_and_snapshots_rebuild_the_windows(
        windowing in any_windowing(),
        epochs in proptest::collection::vec(
            (proptest::collection::vec((0_u8..4, 0_i64..300), 0..8), 0_i64..40), 1..20
        ),
        cut in 0_usize..20,
    ) {
        let new = || KeyedWindows::new(windowing.clone(), Collect::<i64>::default());
        let (mut windows, mut follower) = (new(), new());
        let (mut watermark, mut now) = (0, 0);
        for (position, (events, step)) in epochs.into_iter().enumerate() {
            for (key, time) in events {
                windows.add(&key.to_string(), EventTime(time), time);
            }
            (watermark, now) = (watermark + step, now + step);
            windows.end_batch(EventTime(watermark), ProcessingTime(now), &mut |_| {});
            let mut delta = Vec::new();
            windows.take_delta(&mut delta);
            prop_assert_eq!(follower.apply(&mut Reader::new(&delta)), Ok(()));
            if position == cut {
                let mut snapshot = Vec::new();
                follower.snapshot(&mut snapshot);
                follower = new();
                prop_assert_eq!(follower.apply(&mut Reader::new(&snapshot)), Ok(()));
            }
            prop_assert_eq!(windows.open(), follower.open());
        }
        let close = |mut windows: KeyedWindows<Collect<i64>>| {
            let mut panes = Vec::new();
            windows.set_time(ProcessingTime(now));
            windows.close_all(&mut |pane| {
                let mut value = pane.value;
                value.sort_unstable();
                panes.push((pane.key.to_owned(), pane.window, pane.info, value));
            });
            panes.sort();
            panes
        };
        prop_assert_eq!(close(windows), close(follower));
    }

    /// Goal: outside bytes are refused, never a panic.
    #[test]
    fn any_bytes_are_applied_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..100), windowing in any_windowing()
    ) {
        let mut windows = KeyedWindows::new(windowing, Collect::<i64>::default());
        if windows.apply(&mut Reader::new(&bytes)).is_ok() {
            windows.add("k", EventTime(5), 1);
            windows.end_batch(EventTime(100), ProcessingTime(100), &mut |_| {});
        }
    }
}

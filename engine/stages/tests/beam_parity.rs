//! Goal: windows, triggers and lateness give the panes that Apache Beam gives. Method: the cases that
//! `beam_parity/generate.py` recorded with Beam's own TestStream are replayed, every case once more
//! with a restart from a snapshot after each step. `beam_parity/README.md` says where Beam's Python
//! runner departs from Beam's model and what is compared there.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::collections::BTreeMap;

use serde_json::Value;
use windtunnel_stages::testing::{SeenPane, TestStream};
use windtunnel_stages::windowing::{Accumulation, Collect, Timing, Trigger, WindowFn, Windowing};

const CASES: &str = include_str!("../beam_parity/cases.jsonl");
const SECOND: i64 = 1_000_000;

/// A pane as far as it is compared: key, window, values.
type Shown = (String, i64, i64, Vec<i64>);

/// What an on-time trigger says of a pane besides: timing, index, on-time index.
type Place = (String, i64, i64);

fn micros(value: &Value) -> i64 {
    (value.as_f64().unwrap() * SECOND as f64).round() as i64
}

fn window_fn(spec: &Value) -> WindowFn {
    let number = |index: usize| micros(&spec[index]);
    match spec[0].as_str().unwrap() {
        "fixed" => WindowFn::Fixed { size_micros: number(1), offset_micros: number(2) },
        "sliding" => WindowFn::Sliding {
            size_micros: number(1),
            period_micros: number(2),
            offset_micros: number(3),
        },
        "session" => WindowFn::Session { gap_micros: number(1) },
        _ => WindowFn::Global,
    }
}

fn trigger(spec: &Value) -> Trigger {
    let part = |index: usize| spec[index].is_array().then(|| trigger(&spec[index]));
    let parts = || spec.as_array().unwrap()[1..].iter().map(trigger).collect();
    match spec[0].as_str().unwrap() {
        "default" => Trigger::Default,
        "after_watermark" => Trigger::after_watermark(part(1), part(2)),
        "after_count" => Trigger::AfterCount(u32::try_from(spec[1].as_u64().unwrap()).unwrap()),
        "after_processing_time" => Trigger::AfterProcessingTime { delay_micros: micros(&spec[1]) },
        "repeatedly" => part(1).unwrap().repeatedly(),
        "after_any" => Trigger::AfterAny(parts()),
        "after_all" => Trigger::AfterAll(parts()),
        "after_each" => Trigger::AfterEach(parts()),
        other => panic!("no trigger {other}"),
    }
}

/// Whether a trigger fires at a window's end whatever came: only then does Beam's Python runner, which
/// holds the watermark for a window that has not fired, always know when a window's time is over.
fn fires_on_time(spec: &Value) -> bool {
    match spec[0].as_str().unwrap() {
        "default" | "after_watermark" => true,
        "repeatedly" => fires_on_time(&spec[1]),
        "after_any" => spec.as_array().unwrap()[1..].iter().any(fires_on_time),
        _ => false,
    }
}

fn replay(case: &Value, restarts: bool) -> Vec<SeenPane<Vec<i64>>> {
    let accumulation = match case["accumulation"].as_str().unwrap() {
        "accumulating" => Accumulation::Accumulating,
        _ => Accumulation::Discarding,
    };
    let windowing = Windowing::new(window_fn(&case["window"]))
        .triggering(trigger(&case["trigger"]), accumulation)
        .allowing(micros(&case["lateness"]));
    let mut stream = TestStream::new(windowing, Collect::<i64>::default());
    for step in case["steps"].as_array().unwrap() {
        if let Some(elements) = step["elements"].as_array() {
            stream.elements(elements.iter().map(|element| {
                let key = element[0].as_str().unwrap();
                (key, micros(&element[1]), element[2].as_i64().unwrap())
            }));
        } else if step["watermark"].is_number() {
            stream.advance_watermark(micros(&step["watermark"]));
        } else {
            stream.advance_time(micros(&step["time"]));
        }
        if restarts {
            stream.restart(Collect::default());
        }
    }
    stream.advance_watermark_to_the_end();
    stream.take_panes()
}

fn ours(pane: &SeenPane<Vec<i64>>) -> (Shown, Place, bool) {
    let mut values = pane.value.clone();
    values.sort_unstable();
    let timing = match pane.info.timing {
        Timing::Early => "EARLY",
        Timing::OnTime => "ON_TIME",
        Timing::Late => "LATE",
    };
    let place = (
        timing.to_owned(),
        i64::from(pane.info.index),
        pane.info.on_time_index.map_or(-1, i64::from),
    );
    let shown = (pane.key.clone(), pane.window.start.0, pane.window.end.0, values);
    (shown, place, pane.info.is_last)
}

fn theirs(pane: &Value) -> (Shown, Place, bool) {
    let bound = |name: &str, global| pane[name].as_i64().map_or(global, |second| second * SECOND);
    let values = pane["values"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap());
    let shown = (
        pane["key"].as_str().unwrap().to_owned(),
        bound("start", i64::MIN),
        bound("end", i64::MAX),
        values.collect(),
    );
    let on_time_index = pane["on_time_index"].as_i64().unwrap();
    // Beam's runner calls this "watermark moved backwards": late elements held its output back.
    let timing = match pane["timing"].as_str().unwrap() {
        "EARLY" if on_time_index >= 0 => "LATE",
        timing => timing,
    };
    let place = (timing.to_owned(), pane["index"].as_i64().unwrap(), on_time_index);
    (shown, place, pane["is_last"].as_bool().unwrap())
}

/// Compares; the answer is how many of our panes Beam's Python runner leaves out.
fn check(case: &Value, restarts: bool) -> usize {
    let name = format!("{} (restarts: {restarts})\n{case}", case["name"]);
    let compares_place = fires_on_time(&case["trigger"]);
    let place_of = |place: Place| if compares_place { place } else { (String::new(), place.1, 0) };
    let mut expected: BTreeMap<(Shown, Place), (usize, bool)> = BTreeMap::new();
    for pane in case["panes"].as_array().unwrap() {
        let (shown, place, is_last) = theirs(pane);
        let entry = expected.entry((shown, place_of(place))).or_insert((0, is_last));
        entry.0 += 1;
    }
    let mut closing = 0;
    for pane in replay(case, restarts) {
        let (shown, place, is_last) = ours(&pane);
        match expected.get_mut(&(shown.clone(), place_of(place.clone()))) {
            Some((count, beams)) if *count > 0 => {
                *count -= 1;
                assert!(!*beams || is_last, "Beam says the pane {shown:?} is the last: {name}");
            }
            _ => {
                let is_closing = is_last && place.0 != "EARLY" && !shown.3.is_empty();
                assert!(is_closing, "Beam has no pane {shown:?} {place:?}: {name}");
                closing += 1;
            }
        }
    }
    expected.retain(|_, (count, _)| *count > 0);
    assert!(expected.is_empty(), "Beam has panes {expected:?} besides: {name}");
    closing
}

#[test]
fn every_recorded_case_gives_beams_panes() {
    let (mut cases, mut panes, mut closing) = (0, 0, 0);
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        cases += 1;
        panes += case["panes"].as_array().unwrap().len();
        closing += check(&case, false);
        check(&case, true);
    }
    println!(
        "{cases} cases, {panes} panes equal, {closing} closing panes that Beam's runner omits"
    );
    assert!(cases > 400 && panes > 1_500, "{cases} cases, {panes} panes");
}

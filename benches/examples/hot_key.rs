//! Goal: a hot key costs no more than its share. Method: the same number of 98-byte events through the
//! reference pipeline with none, a tenth and a half of them on one device, CPU time of the stages; beside
//! it the part before the keyed stages (decode, validate, enrich), which is spread over all workers
//! whatever the keys are. The tally is asserted.
//!
//! `cargo run --package windtunnel-benches --example hot_key`

use windtunnel_benches::{BATCH, cpu, messages};
use windtunnel_model::{EventBatch, ProcessingTime};
use windtunnel_runtime::pipeline::{Pipeline, read};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

const EVENTS: u64 = 400_000;
const DEVICES: u64 = 10_000;

/// An event; `percent` of them are the hot device's.
fn event(number: u64, percent: u64) -> String {
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let device = if hash % 100 < percent { 0 } else { 1 + hash % DEVICES };
    let second = number / 2_000;
    format!(
        r#"{{"event_id":"{number:08x}","event_timestamp":"2024-01-01T12:{:02}:{:02}Z","event_type":"t","device_id":"d{device:05}"}}"#,
        second / 60,
        second % 60
    )
}

/// Nanoseconds an event of the whole pipeline, and of what comes before the keyed stages.
fn run(percent: u64) -> (f64, f64) {
    let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
    let (mut whole, mut before, mut rows) = (0, 0, 0);
    for first in (0..EVENTS).step_by(BATCH) {
        let messages = messages(first..first + BATCH as u64, |number| event(number, percent));
        let mut batch = EventBatch::for_messages(messages.clone());
        let begun = cpu::thread_nanos();
        (0..BATCH as u32).for_each(|index| assert!(read(index, &mut batch).is_ok()));
        before += cpu::thread_nanos() - begun;
        let begun = cpu::thread_nanos();
        let outcome = pipeline.process(messages, ProcessingTime(0));
        whole += cpu::thread_nanos() - begun;
        rows += outcome.events.events.len() as u64;
    }
    assert_eq!(rows, EVENTS, "every event is a row");
    (whole as f64 / EVENTS as f64, before as f64 / EVENTS as f64)
}

fn main() {
    println!("on one key  ns an event  before the keyed stages  in them");
    for percent in [0, 10, 50] {
        let (whole, before) = run(percent);
        println!("{percent:>8} % {whole:>12.0} {before:>24.0} {:>8.0}", whole - before);
    }
}

//! Goal: an event costs the same however many came before and however many keys there are. Method: the
//! reference pipeline over 98-byte events, CPU time of the stages alone, a checkpoint every 20,000
//! events; the second half of each run is what counts. With a million keys every event opens a window of
//! its own, and the price of that row is in the figure.
//!
//! `cargo run --package windtunnel-benches --example scaling` (add numbers to choose the events)

use windtunnel_benches::{BATCH, cpu, messages};
use windtunnel_model::ProcessingTime;
use windtunnel_runtime::checkpoint::state_record;
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

/// Events that make a figure: short runs are repeated, because the kernel accounts in milliseconds.
const EVENTS_MIN: u64 = 500_000;

/// 2,000 events for every second of event time, over so many devices.
fn event(number: u64, keys: u64) -> String {
    let device = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys;
    let second = number / 2_000;
    format!(
        r#"{{"event_id":"{number:08x}","event_timestamp":"2024-01-01T{:02}:{:02}:{:02}Z","event_type":"t","device_id":"d{device}"}}"#,
        second / 3_600 % 24,
        second / 60 % 60,
        second % 60
    )
}

/// What the second half of a run cost.
#[derive(Default)]
struct Run {
    nanos: u64,
    events: u64,
    rows: u64,
    checkpoint_bytes: usize,
}

fn run(count: u64, keys: u64) -> Run {
    let dedup = DedupConfig { horizon_micros: 60_000_000, ..DedupConfig::default() };
    let mut pipeline = Pipeline::new(dedup, WindowConfig::default());
    let mut run = Run::default();
    for first in (0..count).step_by(BATCH) {
        let end = (first + BATCH as u64).min(count);
        let messages = messages(first..end, |number| event(number, keys));
        // Processing time goes with event time: 2,000 events a second.
        let now = ProcessingTime((first * 500).cast_signed());
        let before = cpu::thread_nanos();
        let outcome = pipeline.process(messages, now);
        let rows = outcome.windows.len() as u64;
        drop(outcome);
        if first % 20_000 < BATCH as u64 {
            let record = state_record(&mut pipeline, first / 20_000 + 1, false, now);
            run.checkpoint_bytes = record.states.iter().map(|state| state.content.len()).sum();
        }
        if first >= count / 2 {
            run.nanos += cpu::thread_nanos() - before;
            run.events += end - first;
            run.rows += rows;
        }
    }
    run
}

fn main() {
    let chosen: Vec<u64> = std::env::args().skip(1).filter_map(|it| it.parse().ok()).collect();
    let counts = if chosen.is_empty() { vec![10_000, 100_000, 1_000_000] } else { chosen };
    println!("    events      keys  ns an event  rows an event  checkpoint kB  peak MB");
    for keys in [100, 10_000, 1_000_000] {
        for &count in &counts {
            let runs: Vec<Run> =
                (0..(EVENTS_MIN / count).max(1)).map(|_| run(count, keys)).collect();
            let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>() as f64;
            let events = sum(|run| run.events);
            println!(
                "{count:>10} {keys:>9} {:>12.0} {:>14.2} {:>14} {:>8}",
                sum(|run| run.nanos) / events,
                sum(|run| run.rows) / events,
                runs[0].checkpoint_bytes >> 10,
                cpu::peak_kilobytes() >> 10
            );
        }
    }
}

//! Planted bugs that are pipelines: the stages of the reference pipeline, put together wrongly. For tests
//! alone.

use std::sync::Arc;

use windtunnel_model::{EventBatch, EventKey};
use windtunnel_runtime::flow::source;
use windtunnel_runtime::pipeline::{self, DEDUP, DEVICE_WINDOWS, Decoded, Outcome};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;
use windtunnel_stages::windowing::Values;

use super::super::engine::Stages;
use super::Tamper;

/// The stages with the bug that is planted in them.
pub(super) fn planted(tamper: Tamper, dedup: DedupConfig, windows: WindowConfig) -> Stages {
    match tamper.misses_borders() {
        true => missing_borders(dedup, windows),
        false => counting_twice(dedup, windows),
    }
}

/// An event in the last tenth of its window becomes a row, and no window counts it.
fn missing_borders(dedup: DedupConfig, windows: WindowConfig) -> Stages {
    let size = windows.size_micros;
    let accept = move |decoded: Decoded, batch: &EventBatch, out: &mut Outcome| {
        let index = pipeline::accept(decoded, batch, out)?;
        let time = batch.events[index as usize].event_time;
        if time.0 - time.window_start(size).0 >= size / 10 * 9 {
            out.accept(index);
            return None;
        }
        Some(index)
    };
    Stages(Arc::new(move || {
        Box::new(
            source::<u32, EventBatch>()
                .map(pipeline::read)
                .keyed(pipeline::shard_key, pipeline::happened)
                .distinct(DEDUP, dedup, pipeline::identity, |_, _, out: &mut Outcome| {
                    out.duplicates += 1;
                })
                .filter_map(accept)
                .window(
                    DEVICE_WINDOWS,
                    windows.windowing(),
                    Values,
                    pipeline::device,
                    pipeline::window_row,
                    pipeline::late,
                )
                .sink(|index, _, out| out.accept(index))
                .build(windows.watermark()),
        )
    }))
}

/// Windows count every delivery; dedup sees to it that rows and rejects are there once. Nothing is late, since
/// late events would leave twice too.
fn counting_twice(dedup: DedupConfig, windows: WindowConfig) -> Stages {
    let windows = WindowConfig { allowed_lateness_micros: 86_400_000_000, ..windows };
    // Every delivery of an event is new to the first of the two, and every reject is known.
    let delivery = |decoded: &Decoded, batch: &EventBatch| match decoded {
        Ok(index) => {
            let event = &batch.events[*index as usize];
            EventKey(event.key.0 ^ u128::from(batch.message_of(event).ack.0 + 1))
        }
        Err(_) => pipeline::identity(decoded, batch),
    };
    Stages(Arc::new(move || {
        Box::new(
            source::<u32, EventBatch>()
                .map(pipeline::read)
                .keyed(pipeline::shard_key, pipeline::happened)
                .distinct("rejects", dedup, delivery, |_, _, out: &mut Outcome| {
                    out.duplicates += 1;
                })
                .filter_map(pipeline::accept)
                .window(
                    DEVICE_WINDOWS,
                    windows.windowing(),
                    Values,
                    pipeline::device,
                    pipeline::window_row,
                    pipeline::late,
                )
                .distinct(
                    DEDUP,
                    dedup,
                    |index: &u32, batch: &EventBatch| batch.events[*index as usize].key,
                    |_, _, out: &mut Outcome| out.duplicates += 1,
                )
                .sink(|index, _, out| out.accept(index))
                .build(windows.watermark()),
        )
    }))
}

//! Goal: the hot path allocates less than three times an event, and state costs what its documentation
//! says. Method: an allocator that counts, around the reference pipeline and around windows alone. One
//! test in a process of its own, so that nothing else allocates meanwhile.

#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use windtunnel_benches::{BATCH, large_event, messages, small_event};
use windtunnel_model::{EventKey, EventTime, ProcessingTime};
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_stages::dedup::{BYTES_PER_KEY, DedupConfig, DedupIndex};
use windtunnel_stages::window::WindowConfig;
use windtunnel_stages::windowing::{KeyedWindows, Values, WindowFn, Windowing};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations an event of the reference pipeline, once its state has its size.
fn allocations_per_event(event: fn(u64) -> String) -> f64 {
    const EVENTS: u64 = 100_000;
    let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
    let mut counted = 0;
    for first in (0..2 * EVENTS).step_by(BATCH) {
        let messages = messages(first..first + BATCH as u64, event);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let outcome = pipeline.process(messages, ProcessingTime(0));
        if first >= EVENTS {
            counted += ALLOCATIONS.load(Ordering::Relaxed) - before;
        }
        assert_eq!(outcome.events.events.len(), BATCH);
    }
    counted as f64 / EVENTS as f64
}

/// Bytes of state for each of so many keys with so many windows.
fn bytes_per_key(keys: u64, windows: i64) -> f64 {
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let mut state = KeyedWindows::new(Windowing::new(WindowFn::fixed(60)), Values);
    for key in 0..keys {
        let key = format!("device-{key:08}");
        for window in 0..windows {
            state.add(&key, EventTime(60 * window), Some(1.0));
        }
    }
    // What changed is kept until the next checkpoint; a state at rest has none of that.
    state.take_delta(&mut Vec::new());
    let bytes = LIVE_BYTES.load(Ordering::Relaxed) - before;
    assert_eq!(state.open() as u64, keys * windows as u64);
    bytes as f64 / keys as f64
}

fn bytes_per_dedup_key(keys: u64) -> f64 {
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let mut index = DedupIndex::new(DedupConfig::default());
    for key in 0..keys {
        index.insert(EventKey::of_event(&key.to_string()), ProcessingTime(0));
    }
    (LIVE_BYTES.load(Ordering::Relaxed) - before) as f64 / index.len() as f64
}

#[test]
fn allocations_and_memory_are_what_they_should_be() {
    for (name, event) in
        [("98 bytes", small_event as fn(u64) -> String), ("350 bytes", large_event)]
    {
        let allocations = allocations_per_event(event);
        println!("{name}: {allocations:.3} allocations an event");
        assert!(allocations < 3.0, "{allocations}");
    }
    for keys in [100_000, 130_000, 200_000] {
        let (one, four) = (bytes_per_key(keys, 1), bytes_per_key(keys, 4));
        println!("{keys} keys: {one:.0} bytes with one window, {four:.0} with four");
        assert!(one < 400.0 && four < 1_000.0);
        let dedup = bytes_per_dedup_key(keys);
        println!("{keys} remembered ids: {dedup:.1} bytes each");
        assert!(dedup <= BYTES_PER_KEY as f64 + 1.0, "{dedup}");
    }
}

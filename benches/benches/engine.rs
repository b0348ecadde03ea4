//! Goal: the engine alone, from JSON in memory to windowed rows, in events per CPU second of one thread,
//! beside a hand-written loop over the same bytes.
//! Method: decode, validate, dedup and one-minute windows over 10,000 devices in micro-batches of
//! 1,000 distinct events; the tally of every run is asserted, and the loop must come to the same.

use std::hint::black_box;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hashbrown::{HashMap, HashSet};
use windtunnel_benches::{BATCH, Tally, cpu, large_event, messages, small_event};
use windtunnel_model::{Aggregate, EventKey, EventTime, Message, ProcessingTime};
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_stages::decode::parse;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

const EVENTS: u64 = 100_000;
const MINUTE: i64 = 60_000_000;

fn batches(event: fn(u64) -> String) -> Vec<Vec<Message>> {
    messages(0..EVENTS, event).chunks(BATCH).map(<[Message]>::to_vec).collect()
}

fn run(batches: Vec<Vec<Message>>) -> Tally {
    let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
    let mut tally = Tally::default();
    for batch in batches {
        tally.add(&black_box(pipeline.process(batch, ProcessingTime(0))));
    }
    tally.windows += pipeline.drain().windows.len() as u64;
    tally
}

/// What one would write by hand for this job alone: same parser and hash, no rows, no lateness, no
/// checkpoints.
fn hand_written(batches: Vec<Vec<Message>>) -> Tally {
    let mut seen: HashSet<EventKey> = HashSet::new();
    let mut windows: HashMap<i64, HashMap<String, Aggregate>> = HashMap::new();
    let mut tally = Tally::default();
    for message in batches.iter().flatten() {
        let Ok(event) = parse(&message.data) else { continue };
        let (Some(id), Some(time), Some(device)) = (
            event.event_id.as_deref(),
            event.event_timestamp.as_deref(),
            event.device_id.as_deref(),
        ) else {
            continue;
        };
        let (Ok(time), key) = (EventTime::parse(time), EventKey::of_event(id)) else { continue };
        if event.event_type.is_none_or(|it| it.is_empty()) || device.is_empty() || !seen.insert(key)
        {
            continue;
        }
        tally.rows += 1;
        tally.keys = tally.keys.wrapping_add(key.0);
        let window = windows.entry(time.0.div_euclid(MINUTE)).or_default();
        match window.get_mut(device) {
            Some(aggregate) => aggregate.add(event.properties.value),
            None => window.entry(device.to_owned()).or_default().add(event.properties.value),
        }
    }
    tally.windows = windows.values().map(HashMap::len).sum::<usize>() as u64;
    tally
}

/// CPU time of the bench's thread, shown as criterion shows wall time.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        cpu::thread_nanos()
    }
    fn end(&self, start: u64) -> u64 {
        cpu::thread_nanos() - start
    }
    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }
    fn zero(&self) -> u64 {
        0
    }
    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn engine(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10);
    for (name, event) in
        [("98 bytes", small_event as fn(u64) -> String), ("350 bytes", large_event)]
    {
        let batches = batches(event);
        let expected = run(batches.clone());
        assert_eq!(expected.rows, EVENTS, "every event of the bench is a row");
        let mut bench = |name: String, run: fn(Vec<Vec<Message>>) -> Tally| {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    || batches.clone(),
                    |batches| assert_eq!(run(batches), expected),
                    BatchSize::LargeInput,
                );
            });
        };
        bench(name.to_owned(), run);
        bench(format!("{name}, hand-written"), hand_written);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = engine
}
criterion_main!(benches);

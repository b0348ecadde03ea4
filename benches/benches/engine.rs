//! Goal: the engine alone, from JSON in memory to windowed rows, in events per second of one thread.
//! Method: decode, validate, dedup and one-minute windows over 10,000 devices in micro-batches of
//! 1,000 distinct events; the tally of every run is asserted. One thread does all the work, so events
//! per second are events per CPU second.

use std::collections::BTreeMap;
use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel_benches::{BATCH, Tally, cpu, large_event, small_event};
use windtunnel_model::{AckId, EventTime, Message, Origin, ProcessingTime};
use windtunnel_runtime::pipeline::Pipeline;
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::window::WindowConfig;

const EVENTS: u64 = 100_000;

fn batches(event: fn(u64) -> String) -> Vec<Vec<Message>> {
    let messages: Vec<Message> = (0..EVENTS)
        .map(|number| Message {
            ack: AckId(number),
            data: Bytes::from(event(number)),
            publish_time: EventTime(0),
            origin: Origin::Pubsub { message_id: String::new(), attributes: BTreeMap::new() },
        })
        .collect();
    messages.chunks(BATCH).map(<[Message]>::to_vec).collect()
}

fn run(batches: Vec<Vec<Message>>) -> Tally {
    let mut pipeline = Pipeline::new(DedupConfig::default(), WindowConfig::default());
    let mut tally = Tally::default();
    for batch in batches {
        tally.add(&black_box(pipeline.process(batch, ProcessingTime(0))));
    }
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
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || batches.clone(),
                |batches| assert_eq!(run(batches), expected),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = engine
}
criterion_main!(benches);

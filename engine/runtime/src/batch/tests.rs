//! Goal: a batch run writes the same rows for any number of workers and any block size, and after any
//! crash. Method: a small pipeline over a made-up file, against plain code; crashes are copies of the
//! folders in the middle, with rubbish at the end of every output.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use windtunnel_model::{EventKey, EventTime};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::hash_of;
use windtunnel_stages::watermark::WatermarkConfig;
use windtunnel_stages::windowing::{Count, WindowFn, Windowing};

use super::*;
use crate::flow::{Entry, Happened, source};

#[derive(Default)]
struct Rows {
    events: Vec<u8>,
    windows: Vec<u8>,
    bad: Vec<u8>,
}

impl Outputs for Rows {
    fn files(&mut self, visit: &mut dyn FnMut(&'static str, &mut Vec<u8>)) {
        visit("events", &mut self.events);
        visit("windows", &mut self.windows);
        visit("bad", &mut self.bad);
    }
}

/// A line `id key time`, or one that is not.
struct Event {
    line: Line,
    key: Span,
    time: i64,
}

fn parse(line: Line, block: &mut Block) -> Result<Event, Line> {
    let (text, mut added) = block.line(line);
    let mut fields = text.split(' ').skip(1);
    let (Some(key), Some(time)) = (fields.next(), fields.next()) else { return Err(line) };
    let time = time.parse().map_err(|_| line)?;
    Ok(Event { line, key: added.span(key), time })
}

fn run(config: &BatchConfig) -> Result<BatchReport, BatchError> {
    run_batch(config, || {
        source::<Line, Block>()
            .map(parse)
            .keyed(
                |event, block| match event {
                    Ok(event) => hash_of(block.text(event.key)),
                    Err(_) => 0,
                },
                |event, _| {
                    let time = EventTime(event.as_ref().ok()?.time);
                    Some(Happened { time, published: None })
                },
            )
            .filter_map(|event, block: &Block, out: &mut Rows| match event {
                Ok(event) => Some(event),
                Err(line) => {
                    out.bad.extend_from_slice(block.bytes(line));
                    out.bad.push(b'\n');
                    None
                }
            })
            .distinct(
                "seen",
                DedupConfig { horizon_micros: 500, memory_bytes_max: 1 << 20 },
                |event, block| EventKey::of_event(block.text(event.line)),
                |_, _, _| {},
            )
            .window(
                "minutes",
                Windowing::new(WindowFn::fixed(60)),
                Count,
                |event, block| Entry {
                    key: block.text(event.key),
                    time: EventTime(event.time),
                    input: (),
                },
                |pane, out| {
                    let row = format!("{} {} {}\n", pane.key, pane.window.start.0, pane.value);
                    out.windows.extend_from_slice(row.as_bytes());
                },
                |_, _, _, _| panic!("nothing is late"),
            )
            .sink(|event, block, out| {
                out.events.extend_from_slice(block.text(event.line).as_bytes());
                out.events.push(b'\n');
            })
            .build(WatermarkConfig { bound_micros: 100, ..WatermarkConfig::default() })
    })
}

/// Lines with disorder, duplicates, empty, broken and non-UTF-8 ones, and no line break at the end.
fn input() -> Vec<u8> {
    let mut text = String::new();
    for id in 0_i64..3_000 {
        let (key, time) = (id * id % 37, id + (id * 7) % 50);
        writeln!(text, "{id} device-{key} {time}").unwrap();
        match id % 97 {
            3 => writeln!(text, "{id} device-{key} {time}").unwrap(),
            5 => text.push('\n'),
            7 => text.push_str("broken\n"),
            9 => text.push_str("\u{1}\n"),
            _ => {}
        }
    }
    let mut bytes = text.into_bytes();
    for byte in bytes.iter_mut().filter(|byte| **byte == 1) {
        *byte = 0xff;
    }
    bytes.pop();
    bytes
}

fn expected(input: &[u8]) -> [Vec<Vec<u8>>; 3] {
    let (mut events, mut bad) = (BTreeSet::new(), Vec::new());
    let mut windows = BTreeMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let mut fields = text.split(' ').skip(1);
        let (Some(key), Some(time)) = (fields.next(), fields.next()) else {
            bad.push(line.to_vec());
            continue;
        };
        if events.insert(line.to_vec()) {
            let start = time.parse::<i64>().unwrap() / 60 * 60;
            *windows.entry((key.to_owned(), start)).or_insert(0) += 1;
        }
    }
    let windows = windows.into_iter().map(|((key, start), count)| format!("{key} {start} {count}"));
    let mut windows: Vec<_> = windows.map(String::into_bytes).collect();
    windows.sort();
    bad.sort();
    [events.into_iter().collect(), windows, bad]
}

fn output(folder: &Path) -> [Vec<Vec<u8>>; 3] {
    ["events", "windows", "bad"].map(|name| {
        let mut lines = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file_name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(file_name.ends_with(".jsonl"), "{file_name} is not committed");
            if file_name.starts_with(name) {
                let content = fs::read(&path).unwrap();
                let content = content.strip_suffix(b"\n").unwrap_or(&content).to_vec();
                lines.extend(content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            }
        }
        lines.sort();
        lines
    })
}

/// Compares without showing thousands of rows.
fn check_output(config: &BatchConfig, input: &[u8], what: &str) {
    let (seen, expected) = (output(&config.output), expected(input));
    for (name, (seen, expected)) in
        ["events", "windows", "bad"].iter().zip(seen.iter().zip(&expected))
    {
        let different = seen.iter().zip(expected).find(|(seen, expected)| seen != expected);
        let different = different.map(|(seen, expected)| {
            [seen, expected].map(|line| String::from_utf8_lossy(line).into_owned())
        });
        let counts = (seen.len(), expected.len());
        assert!(
            counts.0 == counts.1 && different.is_none(),
            "{what}: {name} {counts:?} {different:?}"
        );
    }
}

fn config(folder: &Path, workers: usize, block_bytes: u64) -> BatchConfig {
    BatchConfig {
        input: folder.join("input"),
        output: folder.join("output"),
        checkpoints: folder.join("checkpoints"),
        workers,
        block_bytes,
        checkpoint_blocks: 12,
        stop_after_checkpoints: None,
    }
}

#[test]
fn rows_do_not_depend_on_workers_or_blocks() {
    let input = input();
    for (workers, block_bytes) in [(1, 1 << 20), (1, 64), (2, 1_000), (3, 333), (5, 7)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("input"), &input).unwrap();
        let mut config = config(folder.path(), workers, block_bytes);
        config.checkpoint_blocks = (30_000 / block_bytes).max(1);
        let report = run(&config).unwrap();
        assert_eq!(report.lines, input.split(|byte| *byte == b'\n').count() as u64);
        check_output(&config, &input, &format!("{workers} workers, {block_bytes} bytes"));
        assert_eq!(run(&config).unwrap().lines, 0, "a finished run is not run again");
        check_output(&config, &input, "run again");
    }
}

#[test]
fn a_run_goes_on_from_any_checkpoint() {
    let input = input();
    let whole = tempfile::tempdir().unwrap();
    fs::write(whole.path().join("input"), &input).unwrap();
    let whole = config(whole.path(), 2, 1_000);
    let checkpoints = run(&whole).unwrap().checkpoints;
    for crash_at in 1..checkpoints {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("input"), &input).unwrap();
        let mut config = config(folder.path(), 2, 1_000);
        config.stop_after_checkpoints = Some(crash_at);
        let stopped = run(&config).unwrap_err();
        assert!(matches!(stopped, BatchError::Stopped { epoch } if epoch == crash_at));
        config.stop_after_checkpoints = None;
        for entry in fs::read_dir(&config.output).unwrap() {
            let mut content = fs::read(entry.as_ref().unwrap().path()).unwrap();
            content.extend_from_slice(b"rubbish after the checkpoint");
            fs::write(entry.unwrap().path(), content).unwrap();
        }
        let report = run(&config).unwrap();
        assert_eq!(report.first_block, crash_at * 12);
        check_output(&config, &input, &format!("crash at {crash_at}"));
    }
}

#[test]
fn other_settings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("input"), input()).unwrap();
    run(&config(folder.path(), 2, 1_000)).unwrap();
    let refused = run(&config(folder.path(), 3, 1_000)).unwrap_err();
    assert!(matches!(refused, BatchError::OtherSettings { what: "workers", .. }), "{refused}");
}

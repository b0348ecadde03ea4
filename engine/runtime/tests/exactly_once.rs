//! Goal: whatever is lost, doubled, reordered or crashed, every message ends in exactly one place,
//! rows become visible only after their checkpoint, and acks come last.
//! Method: the real coordinator against a world in memory (write streams with exact offsets, an object
//! store, a checkpoint log, a source that delivers again what is not acknowledged). A list of bytes
//! drives every choice, so that a failing run shrinks; crash points are also tried one by one.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "exactly_once/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use windtunnel_model::{AckId, EventBatch, EventTime, Message, Origin, ProcessingTime};
use windtunnel_runtime::command::{Command, Input, SinkCommand, Visibility};
use windtunnel_runtime::coordinator::{Coordinator, CoordinatorConfig, Phase};
use windtunnel_runtime::flow::source;
use windtunnel_runtime::pipeline::{self, Pipeline};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::template::Template;
use windtunnel_stages::window::WindowConfig;
use windtunnel_stages::windowing::{Accumulation, Trigger, Values, WindowFn, Windowing};

use world::{World, is_refused, is_refused_later};

const MESSAGES: u64 = 40;
/// Ids of messages that cannot be decoded.
const MALFORMED: u64 = 7;

fn config() -> CoordinatorConfig {
    CoordinatorConfig {
        job: "job".to_owned(),
        shard: 0,
        checkpoint_interval_micros: 10,
        predict: true,
        visibility: Visibility::ByEpoch,
        dedup: DedupConfig::default(),
        windows: WindowConfig {
            size_micros: 60_000_000,
            allowed_lateness_micros: 3_600_000_000,
            watermark_bound_micros: 0,
        },
    }
}

fn message(id: u64) -> Message {
    let data = if id.is_multiple_of(MALFORMED) {
        format!("{{\"id\": {id}")
    } else {
        let minute = id % 5;
        format!(
            r#"{{"event_id":"e{id}","event_type":"t","device_id":"d{}","event_timestamp":"2024-01-01T12:0{minute}:00Z","properties":{{"value":{id}}}}}"#,
            id % 3
        )
    };
    Message {
        ack: AckId(id),
        data: Bytes::from(data),
        publish_time: EventTime(0),
        origin: Origin::Pubsub { message_id: id.to_string(), attributes: BTreeMap::new() },
    }
}

/// One run of the engine over a world: choices come from bytes, and calm follows when they are used up.
struct Run<'a> {
    choices: std::slice::Iter<'a, u8>,
    world: World,
    now: i64,
    /// Crash before this command is carried out, counted from 1.
    crash_at: Option<usize>,
    carried_out: usize,
    pipeline: fn() -> Pipeline,
}

impl Run<'_> {
    fn config(&self) -> CoordinatorConfig {
        CoordinatorConfig { visibility: self.world.visibility, ..config() }
    }

    fn choice(&mut self) -> u8 {
        self.choices.next().copied().unwrap_or(255)
    }

    /// Runs the engine until it has drained or crashed; true when it has drained.
    fn run_engine(&mut self) -> bool {
        let (mut coordinator, mut commands) =
            Coordinator::start_with(self.config(), (self.pipeline)(), &self.world.log)
                .expect("the log is whole");
        coordinator = coordinator.archiving(&mut commands);
        let mut waiting: Vec<Command> = Vec::new();
        let mut delivered = BTreeSet::new();
        let mut draining = false;
        for _ in 0..10_000 {
            waiting.append(&mut commands);
            if coordinator.phase() == Phase::Drained {
                // What is left (acks, ends of streams, appends to streams that were given up) is
                // carried out, and nobody waits for the answers.
                for command in waiting {
                    self.world.carry_out(command, 0);
                }
                return true;
            }
            self.now += 3;
            let choice = self.choice();
            if choice == 0 {
                return false;
            }
            let undelivered: Vec<u64> = (1..=MESSAGES)
                .filter(|id| !self.world.acked.contains(id) && !delivered.contains(id))
                .collect();
            let input = if choice.is_multiple_of(3)
                && coordinator.wants_messages()
                && !undelivered.is_empty()
            {
                // Now and then a message comes twice, in any order.
                let take = 1 + usize::from(choice / 3) % 5;
                let skip = usize::from(choice) % undelivered.len();
                let mut ids: Vec<u64> = undelivered.into_iter().skip(skip).take(take).collect();
                delivered.extend(ids.iter().copied());
                if choice.is_multiple_of(2) {
                    ids.push(ids[0]);
                }
                Input::Pulled(ids.into_iter().map(message).collect())
            } else if let Some(position) = self.pick(&waiting, choice) {
                let command = waiting.remove(position);
                self.carried_out += 1;
                if self.crash_at == Some(self.carried_out) {
                    return false;
                }
                let misfortune = if choice < 40 { choice % 3 } else { 0 };
                let Some(input) = self.world.carry_out(command, misfortune) else { continue };
                input
            } else if undelivered.is_empty() && !draining {
                draining = true;
                Input::Drain
            } else {
                // Idle: time passes, and pauses come to their end.
                self.now += 20_000;
                Input::Tick
            };
            coordinator
                .step(input, ProcessingTime(self.now), &mut commands)
                .expect("nothing fatal happens in this world");
        }
        panic!("the engine makes no progress: {:?}", coordinator.counters());
    }

    /// Any waiting command may be next, but appends of a table keep their order.
    fn pick(&self, waiting: &[Command], choice: u8) -> Option<usize> {
        let is_append =
            |command: &Command| matches!(command, Command::Sink(SinkCommand::Append { .. }));
        if waiting.is_empty() {
            return None;
        }
        let position = usize::from(choice / 4) % waiting.len();
        if is_append(&waiting[position]) {
            waiting.iter().position(is_append)
        } else {
            Some(position)
        }
    }
}

fn judge(world: &World) {
    let mut events: Vec<String> = Vec::new();
    let mut windows: BTreeMap<String, u64> = BTreeMap::new();
    for row in world.visible() {
        if let Some(window) = row.strip_prefix("w ") {
            let (key, count) = window.rsplit_once(' ').unwrap();
            let before = windows.insert(key.to_owned(), count.parse().unwrap());
            assert_eq!(before, None, "window {key} was written twice");
        } else {
            events.push(row);
        }
    }
    let mut letters = world.dead_letters();
    events.sort();
    letters.sort();
    let (mut rows_expected, mut letters_expected) = (Vec::new(), Vec::new());
    let mut windows_expected: BTreeMap<String, u64> = BTreeMap::new();
    for id in 1..=MESSAGES {
        // A table that changes takes rows or refuses them, whenever they come.
        let event_id = format!("e{id}");
        let is_refused = is_refused(&event_id)
            || world.strict_from.is_some()
                && is_refused_later(&event_id)
                && letters.contains(&id.to_string());
        if id.is_multiple_of(MALFORMED) || is_refused {
            letters_expected.push(id.to_string());
        } else {
            rows_expected.push(event_id);
        }
        if !id.is_multiple_of(MALFORMED) {
            let start = 1_704_110_400_000_000_i64 + 60_000_000 * (id % 5) as i64;
            *windows_expected.entry(format!("{start} d{}", id % 3)).or_default() += 1;
        }
    }
    rows_expected.sort();
    letters_expected.sort();
    assert_eq!(events, rows_expected);
    // Everything that was checkpointed is archived once, and nothing else.
    let (raw, processed) = world.archived();
    let mut ids: Vec<String> = (1..=MESSAGES).map(|id| id.to_string()).collect();
    ids.sort();
    assert_eq!(raw, ids, "raw archive");
    assert_eq!(processed, rows_expected, "processed archive");
    assert_eq!(letters, letters_expected);
    assert_eq!(windows, windows_expected);
    assert_eq!(world.acked.len() as u64, MESSAGES);
}

/// Pipelines that must end alike: the reference, and one whose events go to tables that it names.
const PIPELINES: [fn() -> Pipeline; 2] = [reference, by_name];

fn reference() -> Pipeline {
    Pipeline::new(config().dedup, config().windows)
}

/// The reference's stages, but each device has a table of its own.
fn by_name() -> Pipeline {
    let windows = config().windows;
    let table = Template::parse("events_{device_id}").unwrap();
    Pipeline::of(Box::new(
        source::<u32, EventBatch>()
            .map(pipeline::read)
            .keyed(pipeline::shard_key, pipeline::happened)
            .distinct(
                "dedup",
                DedupConfig::default(),
                pipeline::identity,
                |_, _, out: &mut pipeline::Outcome| out.duplicates += 1,
            )
            .filter_map(pipeline::accept)
            .window(
                "device_windows",
                windows.windowing(),
                Values,
                pipeline::device,
                pipeline::window_row,
                pipeline::late,
            )
            .sink(move |index, batch: &EventBatch, out| {
                let event = &batch.events[index as usize];
                let mut name = String::new();
                table.write(|_| Some(batch.text(event.device_id)), &mut name);
                let row = BTreeMap::from([("event_id", batch.text(event.event_id))]);
                out.row(&name, &row, Some(batch.message_of(event)));
            })
            .build(windows.watermark()),
    ))
}

fn run_to_the_end(choices: &[u8], crash_at: Option<usize>, pipeline: fn() -> Pipeline) -> usize {
    run_in(World::default(), choices, crash_at, pipeline)
}

fn run_in(
    world: World,
    choices: &[u8],
    crash_at: Option<usize>,
    pipeline: fn() -> Pipeline,
) -> usize {
    let choices = choices.iter();
    let mut run = Run { choices, world, now: 0, crash_at, carried_out: 0, pipeline };
    while !run.run_engine() {}
    judge(&run.world);
    run.carried_out
}

/// A world whose rows become visible when the job is drained.
fn at_end() -> World {
    let mut world = World::default();
    world.visibility = Visibility::AtEnd;
    world
}

/// Goal: a commit, and what leads to it, can be cut off anywhere. Method: every command in turn is the last,
/// and what was committed is committed again.
#[test]
fn a_crash_before_any_single_command_commits_every_row_once() {
    for choices in [&[][..], &[9, 33, 6, 12, 60, 3, 90, 45, 5, 15, 21, 66, 30, 4, 2, 1, 99, 18][..]]
    {
        for pipeline in PIPELINES {
            let commands = run_in(at_end(), choices, None, pipeline);
            for crash_at in 1..=commands {
                run_in(at_end(), choices, Some(crash_at), pipeline);
            }
        }
    }
}

#[test]
fn a_calm_run_places_every_message_once() {
    for pipeline in PIPELINES {
        run_to_the_end(&[], None, pipeline);
    }
}

#[test]
fn a_crash_before_any_single_command_changes_nothing() {
    for choices in [&[][..], &[9, 33, 6, 12, 60, 3, 90, 45, 5, 15, 21, 66, 30, 4, 2, 1, 99, 18][..]]
    {
        for pipeline in PIPELINES {
            let commands = run_to_the_end(choices, None, pipeline);
            for crash_at in 1..=commands {
                run_to_the_end(choices, Some(crash_at), pipeline);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]
    #[test]
    fn any_fate_places_every_message_once(
        choices in proptest::collection::vec(any::<u8>(), 0..400), pipeline in 0..PIPELINES.len(),
        strict_from in proptest::option::of(1..40_usize), is_at_end in any::<bool>(),
    ) {
        let mut world = if is_at_end { at_end() } else { World::default() };
        world.strict_from = strict_from;
        run_in(world, &choices, None, PIPELINES[pipeline]);
    }
}

/// The reference's stages, but windows that give out what has come every 50 microseconds of processing
/// time, too: their panes must add up to the events whatever happens.
fn impatient() -> Pipeline {
    let windows = config().windows;
    let windowing = Windowing::new(WindowFn::fixed(windows.size_micros))
        .triggering(
            Trigger::AfterProcessingTime { delay_micros: 50 }.repeatedly(),
            Accumulation::Discarding,
        )
        .allowing(windows.allowed_lateness_micros);
    Pipeline::of(Box::new(
        source::<u32, EventBatch>()
            .map(pipeline::read)
            .keyed(pipeline::shard_key, pipeline::happened)
            .distinct(
                "dedup",
                DedupConfig::default(),
                pipeline::identity,
                |_, _, out: &mut pipeline::Outcome| out.duplicates += 1,
            )
            .filter_map(pipeline::accept)
            .window(
                "impatient_windows",
                windowing,
                Values,
                pipeline::device,
                pipeline::window_row,
                pipeline::late,
            )
            .sink(|index, _, out| out.accept(index))
            .build(windows.watermark()),
    ))
}

/// Goal: timers of processing time and a pipeline of one's own keep the guarantees. Method: messages,
/// silence, a crash after every checkpoint in turn; the panes that are visible in the end count every
/// event once.
#[test]
fn another_pipeline_streams_exactly_once_and_its_timers_fire_in_silence() {
    for crash_after in 0..12 {
        let (mut world, mut now) = (World::default(), 0);
        let mut panes_before_the_drain = 0;
        for is_last in [false, true] {
            let (mut coordinator, mut commands) =
                Coordinator::start_with(config(), impatient(), &world.log).unwrap();
            let mut steps = 0;
            while coordinator.phase() != Phase::Drained {
                steps += 1;
                if !is_last && steps == 4 * crash_after + 3 {
                    break;
                }
                now += 20;
                // Now and then a message; those that are skipped come in one batch at the end.
                let next = (1..=MESSAGES).find(|id| !world.acked.contains(id) && *id >= steps);
                let input = match commands.is_empty() {
                    false => match world.carry_out(commands.remove(0), 0) {
                        Some(answer) => answer,
                        None => continue,
                    },
                    true if steps < 200 && coordinator.wants_messages() => match next {
                        Some(id) => Input::Pulled(vec![message(id)]),
                        None => Input::Tick,
                    },
                    true if steps < 400 => Input::Tick,
                    true if steps == 400 || coordinator.phase() == Phase::Running => {
                        let rest: Vec<_> = (1..=MESSAGES)
                            .filter(|id| !world.acked.contains(id))
                            .map(message)
                            .collect();
                        panes_before_the_drain = world.visible().len();
                        match rest.is_empty() || steps > 400 {
                            true => Input::Drain,
                            false => Input::Pulled(rest),
                        }
                    }
                    true => Input::Tick,
                };
                coordinator.step(input, ProcessingTime(now), &mut commands).unwrap();
            }
            for command in std::mem::take(&mut commands).into_iter().filter(|_| is_last) {
                world.carry_out(command, 0);
            }
        }
        let counts = world.visible().into_iter().filter(|row| row.starts_with("w "));
        let counted: u64 =
            counts.map(|row| row.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
        let decoded = (1..=MESSAGES).filter(|id| !id.is_multiple_of(MALFORMED)).count() as u64;
        assert_eq!(counted, decoded, "crash after {crash_after}");
        assert!(panes_before_the_drain > 0, "silence does not keep panes back");
        assert_eq!(world.acked.len() as u64, MESSAGES);
    }
}

//! Goal: whatever a message holds, no value of a configured field leaves the coordinator: not in rows,
//! dead letters, late output or checkpoints, nor in what is sent to the model. Method: events with secrets
//! at configured places, spoilt in every way; all commands that follow are searched, dead letters with
//! their base64 undone. Planted: without redaction the same search finds the secrets.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use windtunnel_model::{AckId, EventTime, Message, Origin, ProcessingTime};
use windtunnel_runtime::checkpoint::Record;
use windtunnel_runtime::command::{
    AppendError, ArchiveCommand, Command, Input, Rows, ScoreOutcome, SinkCommand, Visibility,
};
use windtunnel_runtime::coordinator::{Coordinator, CoordinatorConfig, Phase};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::privacy::{Action, Key, Place, Privacy, Rule};
use windtunnel_stages::window::WindowConfig;

/// A text that stands nowhere but where it was put.
const SECRET: &str = "S3CR3Tx";

fn privacy() -> Arc<Privacy> {
    let field = |path: &str, action| Rule {
        place: Place::Field(path.split('.').map(str::to_owned).collect()),
        action,
    };
    let attribute = |name: &str, action| Rule { place: Place::Attribute(name.to_owned()), action };
    let rules = vec![
        field("event_id", Action::Hash),
        field("device_id", Action::Hash),
        field("user_id", Action::Hash),
        field("event_timestamp", Action::Drop),
        field("properties", Action::Drop),
        field("contact.*", Action::Hash),
        attribute("publish_id", Action::Hash),
        attribute("source", Action::Hash),
        attribute("client", Action::Drop),
    ];
    let key = Key::new("k1", EventTime(0), &[7; 32]).unwrap();
    Arc::new(Privacy::new(rules, vec![key]).unwrap())
}

/// What a value can look like.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("\"{SECRET}\"")),
        Just(format!("\"before {SECRET} after\"")),
        Just("\"\\u0053\\u0033CR3Tx\"".to_owned()),
        Just(format!("[\"{SECRET}\",{{\"x\":\"{SECRET}\"}}]")),
        Just(format!("{{\"deep\":{{\"{SECRET}\":\"{SECRET}\"}}}}")),
        Just("null".to_owned()),
    ]
}

/// How a payload is spoilt; none of it renames a field.
#[derive(Debug, Clone)]
enum Spoilt {
    Not,
    Truncated(proptest::sample::Index),
    Wrapped,
    Doubled,
    Ended(Vec<u8>),
    Begun(Vec<u8>),
    Oversize,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let names = ["event_id", "device_id", "user_id", "event_timestamp", "properties", "contact"];
    let entry = (proptest::sample::select(names.to_vec()), value(), 0_u8..3).prop_map(
        |(name, value, kind)| match (name, kind) {
            ("properties", 0) => format!("\"properties\":{{\"page_url\":{value},\"value\":1}}"),
            ("contact", _) => format!("\"contact\":[{{\"mail\":{value}}},{{\"x\":{value}}}]"),
            (name, 1) => format!("\"\\u{:04x}{}\":{value}", name.as_bytes()[0], &name[1..]),
            (name, _) => format!("\"{name}\":{value}"),
        },
    );
    let index = any::<proptest::sample::Index>();
    let bytes = proptest::collection::vec(any::<u8>(), 1..9);
    let spoilt = prop_oneof![
        6 => Just(Spoilt::Not),
        2 => index.prop_map(Spoilt::Truncated),
        1 => Just(Spoilt::Wrapped),
        1 => Just(Spoilt::Doubled),
        1 => bytes.clone().prop_map(Spoilt::Ended),
        1 => bytes.prop_map(Spoilt::Begun),
    ];
    (proptest::collection::vec(entry, 0..6), any::<bool>(), spoilt).prop_map(
        |(mut entries, complete, spoilt)| {
            if complete {
                entries.push("\"event_type\":\"t\",\"device_id\":\"d\"".to_owned());
            }
            spoil(format!("{{{}}}", entries.join(",")).into_bytes(), &spoilt)
        },
    )
}

fn spoil(mut bytes: Vec<u8>, how: &Spoilt) -> Vec<u8> {
    match how {
        Spoilt::Not => bytes,
        Spoilt::Truncated(at) => {
            bytes.truncate(at.index(bytes.len()));
            bytes
        }
        Spoilt::Wrapped => [b"[", &bytes[..], b"]"].concat(),
        Spoilt::Doubled => bytes.repeat(2),
        Spoilt::Ended(more) => [&bytes[..], more].concat(),
        Spoilt::Begun(more) => [more, &bytes[..]].concat(),
        Spoilt::Oversize => {
            bytes.resize(1 << 21, b' ');
            bytes
        }
    }
}

fn message(id: u64, data: Vec<u8>) -> Message {
    let attributes = ["publish_id", "source", "client"]
        .map(|name| (name.to_owned(), format!("{SECRET}-{id}-{name}")));
    Message {
        ack: AckId(id),
        data: Bytes::from(data),
        publish_time: EventTime(1_704_110_400_000_000),
        origin: Origin::Pubsub { message_id: id.to_string(), attributes: attributes.into() },
    }
}

/// Runs messages through a coordinator, refusing every third row, and gives everything that came out of
/// it as one text.
fn everything(privacy: Option<Arc<Privacy>>, payloads: Vec<Vec<u8>>) -> String {
    let config = CoordinatorConfig {
        job: "job".to_owned(),
        shard: 0,
        checkpoint_interval_micros: 10,
        predict: true,
        visibility: Visibility::ByEpoch,
        dedup: DedupConfig::default(),
        windows: WindowConfig::default(),
    };
    let (coordinator, mut commands) = Coordinator::start(config, &[]).unwrap();
    let mut coordinator = coordinator.with_privacy(privacy).archiving(&mut commands);
    let messages = (0_u64..).zip(payloads).map(|(id, data)| message(id, data)).collect();
    let mut inputs = VecDeque::from([Input::Pulled(messages)]);
    let mut out = String::new();
    let mut streams = 0;
    // A refused row costs a stream, and the next one is opened after a pause: time passes.
    for now in 1_i64.. {
        let input = inputs.pop_front().unwrap_or(match now {
            0..1_000 => Input::Tick,
            _ => Input::Drain,
        });
        coordinator.step(input, ProcessingTime(now * 10_000), &mut commands).unwrap();
        for command in commands.drain(..) {
            out.push_str(&format!("{command:?}\n"));
            inputs.extend(carry_out(command, &mut streams, &mut out));
        }
        if coordinator.phase() == Phase::Drained {
            break;
        }
        assert!(now < 10_000, "the coordinator does not drain");
    }
    out
}

fn carry_out(command: Command, streams: &mut u64, out: &mut String) -> Option<Input> {
    match command {
        Command::Sink(SinkCommand::Open { stream, .. }) => {
            *streams += 1;
            Some(Input::StreamOpened { stream, result: Ok(format!("s{streams}").into()) })
        }
        Command::Sink(SinkCommand::Append { append, rows, .. }) => {
            let refused = match &rows {
                Rows::Events(batch) => batch.events.len() > 2,
                Rows::Windows(_) | Rows::Named(_) => false,
            };
            let result = match refused {
                true => Err(AppendError::RowsRefused(vec![(0, "no".to_owned())])),
                false => Ok(()),
            };
            Some(Input::Appended { append, result })
        }
        Command::Sink(SinkCommand::Flush { name, rows }) => {
            Some(Input::Flushed { name, result: Ok(rows) })
        }
        Command::Sink(SinkCommand::Seal { .. } | SinkCommand::Commit { .. }) => {
            unreachable!("rows become visible by epoch")
        }
        Command::Sink(SinkCommand::Finalize { .. }) | Command::Ack(_) => None,
        Command::Score(command) => {
            let outcomes = command.batch.events.iter().map(|_| ScoreOutcome::Value(0.5)).collect();
            Some(Input::Scored { score: command.score, outcomes, model_version: String::new() })
        }
        Command::Object(object) => {
            show_letters(&object.content, out);
            Some(Input::ObjectWritten { name: object.name, result: Ok(()) })
        }
        Command::Archive(ArchiveCommand::Prune { .. }) => {
            Some(Input::ArchivePruned { result: Ok(()) })
        }
        Command::Archive(ArchiveCommand::Write { epoch, .. }) => {
            Some(Input::Archived { epoch, result: Ok(()) })
        }
        Command::SaveCheckpoint(checkpoint) => {
            let record = Record::decode(checkpoint.bytes).unwrap();
            for object in &record.outbox {
                show_letters(&object.content, out);
            }
            for state in &record.states {
                out.push_str(&String::from_utf8_lossy(&state.content));
            }
            Some(Input::CheckpointSaved { epoch: checkpoint.epoch, result: Ok(()) })
        }
    }
}

/// The lines of an object, and the bytes that they hold in base64.
fn show_letters(content: &Bytes, out: &mut String) {
    for line in String::from_utf8_lossy(content).lines() {
        out.push_str(line);
        let data = line.split("\"data_base64\":\"").nth(1).unwrap().split('"').next().unwrap();
        out.push_str(&String::from_utf8_lossy(&STANDARD.decode(data).unwrap()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_configured_value_leaves(payloads in proptest::collection::vec(payload(), 1..12)) {
        let out = everything(Some(privacy()), payloads);
        prop_assert!(!out.contains("CR3Tx"), "{out}");
    }
}

#[test]
fn an_oversize_payload_is_withheld_and_the_search_finds_what_is_not_redacted() {
    let json = format!(r#"{{"event_type":"t","device_id":"d","user_id":"{SECRET}"}}"#);
    let oversize = spoil(json.clone().into_bytes(), &Spoilt::Oversize);
    let payloads = vec![json.into_bytes(), oversize, b"{".to_vec()];
    let out = everything(Some(privacy()), payloads.clone());
    assert!(!out.contains("CR3Tx") && out.contains("k1."), "{out}");
    assert!(out.contains("\"reason\":\"oversize\"") && out.contains("\"bytes\":2097152"), "{out}");
    let open = everything(None, payloads);
    assert!(open.matches("CR3Tx").count() > 5, "{open}");
}

//! Events and windows as protobuf rows of the Storage Write API, written by hand into one buffer: no
//! message object a row. The descriptors say what the numbers mean.

use bytes::{Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use windtunnel_model::{Event, EventBatch, EventTime, Score, WindowRow};

/// Field numbers of an event row.
mod event {
    pub(super) const EVENT_ID: u32 = 1;
    pub(super) const EVENT_TIMESTAMP: u32 = 2;
    pub(super) const EVENT_TYPE: u32 = 3;
    pub(super) const DEVICE_ID: u32 = 4;
    pub(super) const USER_ID: u32 = 5;
    pub(super) const PROPERTIES: u32 = 6;
    pub(super) const PREDICTION_SCORE: u32 = 7;
    pub(super) const PREDICTION_DEGRADED: u32 = 8;
    pub(super) const MODEL_VERSION: u32 = 9;
    pub(super) const PROCESSED_TIMESTAMP: u32 = 10;
    pub(super) const PUBLISH_TIMESTAMP: u32 = 11;
    pub(super) const SOURCE: u32 = 12;
}

/// The message type of an event row.
pub(crate) fn event_descriptor() -> DescriptorProto {
    let properties = DescriptorProto {
        name: Some("Properties".to_owned()),
        field: vec![
            field("page_url", 1, Type::String, Label::Optional),
            field("referrer", 2, Type::String, Label::Optional),
            field("value", 3, Type::Double, Label::Optional),
            field("temperature", 4, Type::Double, Label::Optional),
            field("humidity", 5, Type::Double, Label::Optional),
            field("battery", 6, Type::Double, Label::Optional),
        ],
        ..DescriptorProto::default()
    };
    DescriptorProto {
        name: Some("EventRow".to_owned()),
        field: vec![
            field("event_id", event::EVENT_ID, Type::String, Label::Required),
            field("event_timestamp", event::EVENT_TIMESTAMP, Type::Int64, Label::Required),
            field("event_type", event::EVENT_TYPE, Type::String, Label::Required),
            field("device_id", event::DEVICE_ID, Type::String, Label::Required),
            field("user_id", event::USER_ID, Type::String, Label::Optional),
            FieldDescriptorProto {
                type_name: Some("Properties".to_owned()),
                ..field("properties", event::PROPERTIES, Type::Message, Label::Optional)
            },
            field("prediction_score", event::PREDICTION_SCORE, Type::Double, Label::Optional),
            field("prediction_degraded", event::PREDICTION_DEGRADED, Type::Bool, Label::Optional),
            field("model_version", event::MODEL_VERSION, Type::String, Label::Optional),
            field("processed_timestamp", event::PROCESSED_TIMESTAMP, Type::Int64, Label::Optional),
            field("publish_timestamp", event::PUBLISH_TIMESTAMP, Type::Int64, Label::Optional),
            field("source", event::SOURCE, Type::String, Label::Optional),
        ],
        nested_type: vec![properties],
        ..DescriptorProto::default()
    }
}

/// The message type of a window row.
pub(crate) fn window_descriptor() -> DescriptorProto {
    DescriptorProto {
        name: Some("WindowRow".to_owned()),
        field: vec![
            field("device_id", 1, Type::String, Label::Required),
            field("window_start", 2, Type::Int64, Label::Required),
            field("window_end", 3, Type::Int64, Label::Required),
            field("event_count", 4, Type::Int64, Label::Required),
            field("value_count", 5, Type::Int64, Label::Required),
            field("value_sum", 6, Type::Double, Label::Optional),
            field("value_min", 7, Type::Double, Label::Optional),
            field("value_max", 8, Type::Double, Label::Optional),
        ],
        ..DescriptorProto::default()
    }
}

fn field(name: &str, number: u32, proto: Type, label: Label) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: i32::try_from(number).ok(),
        label: Some(label.into()),
        r#type: Some(proto.into()),
        ..FieldDescriptorProto::default()
    }
}

/// The rows of a batch's events, as slices of one buffer.
pub(crate) fn encode_events(batch: &EventBatch) -> Vec<Bytes> {
    let mut buffer = BytesMut::with_capacity(batch.events.len() * 256);
    let mut nested = Vec::with_capacity(256);
    let rows = batch.events.iter().map(|event| {
        encode_event(batch, event, &mut nested, &mut buffer);
        buffer.split().freeze()
    });
    rows.collect()
}

fn encode_event(batch: &EventBatch, it: &Event, nested: &mut Vec<u8>, out: &mut BytesMut) {
    text(event::EVENT_ID, batch.text(it.event_id), out);
    time(event::EVENT_TIMESTAMP, it.event_time, out);
    text(event::EVENT_TYPE, batch.text(it.event_type), out);
    text(event::DEVICE_ID, batch.text(it.device_id), out);
    if let Some(user) = it.user_id {
        text(event::USER_ID, batch.text(user), out);
    }
    nested.clear();
    for (number, span) in [(1, it.page_url), (2, it.referrer)] {
        if let Some(span) = span {
            text(number, batch.text(span), nested);
        }
    }
    for (number, value) in [(3, it.value), (4, it.temperature), (5, it.humidity), (6, it.battery)] {
        if let Some(value) = value {
            double(number, value, nested);
        }
    }
    if !nested.is_empty() {
        delimited(event::PROPERTIES, nested, out);
    }
    match it.score {
        Score::Absent => {}
        Score::Value(value) => {
            double(event::PREDICTION_SCORE, value, out);
            text(event::MODEL_VERSION, &batch.model_version, out);
        }
        Score::Degraded => {
            encode_key(event::PREDICTION_DEGRADED, WireType::Varint, out);
            encode_varint(1, out);
        }
    }
    if let Some(processed) = it.processed_time {
        time(event::PROCESSED_TIMESTAMP, processed, out);
    }
    time(event::PUBLISH_TIMESTAMP, batch.message_of(it).publish_time, out);
    if let Some(source) = it.source {
        text(event::SOURCE, batch.text(source), out);
    }
}

/// The rows of closed windows.
pub(crate) fn encode_windows(rows: &[WindowRow]) -> Vec<Bytes> {
    let mut buffer = BytesMut::with_capacity(rows.len() * 96);
    let encoded = rows.iter().map(|row| {
        let aggregate = &row.aggregate;
        text(1, &row.device_id, &mut buffer);
        time(2, row.start, &mut buffer);
        time(3, row.end, &mut buffer);
        for (number, count) in [(4, aggregate.count), (5, aggregate.value_count)] {
            encode_key(number, WireType::Varint, &mut buffer);
            encode_varint(count, &mut buffer);
        }
        // Without values there is no sum, least or greatest.
        if aggregate.value_count > 0 {
            double(6, aggregate.value_sum, &mut buffer);
            double(7, aggregate.value_min, &mut buffer);
            double(8, aggregate.value_max, &mut buffer);
        }
        buffer.split().freeze()
    });
    encoded.collect()
}

/// Bytes that rows take in a request.
pub(crate) fn encoded_len(row: &Bytes) -> usize {
    row.len() + encoded_len_varint(row.len() as u64) + 1
}

pub(crate) fn text(number: u32, value: &str, out: &mut impl bytes::BufMut) {
    delimited(number, value.as_bytes(), out);
}

pub(crate) fn delimited(number: u32, value: &[u8], out: &mut impl bytes::BufMut) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.put_slice(value);
}

pub(crate) fn double(number: u32, value: f64, out: &mut impl bytes::BufMut) {
    encode_key(number, WireType::SixtyFourBit, out);
    out.put_f64_le(value);
}

fn time(number: u32, value: EventTime, out: &mut impl bytes::BufMut) {
    varint(number, value.0, out);
}

#[expect(clippy::cast_sign_loss, reason = "protobuf's int64 is two's complement in a varint")]
pub(crate) fn varint(number: u32, value: i64, out: &mut impl bytes::BufMut) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value as u64, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message as _;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, EventKey, Message, Origin};

    #[derive(Clone, PartialEq, prost::Message)]
    struct Row {
        #[prost(string, tag = "1")]
        event_id: String,
        #[prost(int64, tag = "2")]
        event_timestamp: i64,
        #[prost(string, optional, tag = "5")]
        user_id: Option<String>,
        #[prost(message, optional, tag = "6")]
        properties: Option<Properties>,
        #[prost(double, optional, tag = "7")]
        prediction_score: Option<f64>,
        #[prost(bool, optional, tag = "8")]
        prediction_degraded: Option<bool>,
        #[prost(string, optional, tag = "9")]
        model_version: Option<String>,
        #[prost(int64, optional, tag = "11")]
        publish_timestamp: Option<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Properties {
        #[prost(double, optional, tag = "3")]
        value: Option<f64>,
    }

    proptest! {
        /// Goal: prost reads what is written here. Method: a derived message with the same numbers.
        #[test]
        fn rows_are_read_back(
            id in "\\PC{1,20}", time in any::<i64>(), user in proptest::option::of("\\PC{0,9}"),
            value in proptest::option::of(-1e9_f64..1e9), score in 0_u8..3,
        ) {
            let mut batch = EventBatch::for_messages(vec![Message {
                ack: AckId(0), data: Bytes::new(), publish_time: EventTime(9),
                origin: Origin::Pubsub { message_id: String::new(), attributes: BTreeMap::new() },
            }]);
            let score = [Score::Absent, Score::Value(0.25), Score::Degraded][usize::from(score)];
            batch.model_version = "7".to_owned();
            let event = Event {
                key: EventKey(0), message: 0, event_id: batch.intern(&id),
                event_time: EventTime(time),
                event_type: batch.intern("t"), device_id: batch.intern("d"),
                user_id: user.as_deref().map(|user| batch.intern(user)), page_url: None,
                referrer: None,
                value, temperature: None, humidity: None, battery: None, processed_time: None,
                source: None, score, replay: windtunnel_model::Replay::No,
            };
            batch.events.push(event);
            let row = Row::decode(encode_events(&batch).remove(0)).unwrap();
            prop_assert_eq!(row, Row {
                event_id: id, event_timestamp: time, user_id: user,
                properties: value.map(|value| Properties { value: Some(value) }),
                prediction_score: (score == Score::Value(0.25)).then_some(0.25),
                prediction_degraded: (score == Score::Degraded).then_some(true),
                model_version: (score == Score::Value(0.25)).then(|| "7".to_owned()),
                publish_timestamp: Some(9),
            });
        }
    }
}

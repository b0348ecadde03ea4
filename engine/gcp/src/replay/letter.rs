//! One dead letter as it was stored, and the message that it becomes again. Pure. Invariant: the message
//! is a function of the letter and its place, so that sending it twice sends the same.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use google_cloud_pubsub::model::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use windtunnel_model::{
    ATTRIBUTE_REPLAY_OF, ATTRIBUTE_REPLAY_PUBLISHED, ATTRIBUTE_REPLAY_STAGE,
    ATTRIBUTE_SOURCE_MESSAGE_ID, EventTime, RejectReason, Stage,
};

/// The attribute in which a replayed message says where it was sent, for the case that it comes back.
const ATTRIBUTE_REPLAY_TOPIC: &str = "replay_topic";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) reason: RejectReason,
    stage: Stage,
    data: Bytes,
    /// Its payload was not stored.
    pub(super) is_withheld: bool,
    attributes: BTreeMap<String, String>,
    message_id: String,
    pub(super) publish_time: EventTime,
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    stage: String,
    data_base64: String,
    withheld: Option<IgnoredAny>,
    attributes: BTreeMap<String, String>,
    message_id: String,
    publish_time: String,
}

impl Letter {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let unknown = |name: &str, text: &str| format!("{name} \"{text}\" is unknown");
        Ok(Self {
            reason: RejectReason::parse(&line.reason)
                .ok_or_else(|| unknown("reason", &line.reason))?,
            stage: Stage::parse(&line.stage).ok_or_else(|| unknown("stage", &line.stage))?,
            data: STANDARD
                .decode(&line.data_base64)
                .map_err(|error| format!("data_base64: {error}"))?
                .into(),
            is_withheld: line.withheld.is_some(),
            attributes: line.attributes,
            message_id: line.message_id,
            publish_time: EventTime::parse(&line.publish_time)
                .map_err(|error| format!("publish_time: {error}"))?,
        })
    }

    /// The topic that the letter's message came from: what has passed the preprocessing function goes
    /// behind it again.
    pub(super) fn topic(&self) -> &str {
        if let Some(topic) = self.attributes.get(ATTRIBUTE_REPLAY_TOPIC) {
            return topic;
        }
        let passed = self.attributes.contains_key(ATTRIBUTE_SOURCE_MESSAGE_ID);
        if passed && self.stage != Stage::Preprocess { "processed-events" } else { "iot-events" }
    }

    /// The original bytes and attributes, and who the message is.
    pub(super) fn message(&self, place: &str, topic: &str) -> Message {
        let mut attributes = self.attributes.clone();
        // An event without an id of its own keeps the one that its first message gave it.
        attributes
            .entry(ATTRIBUTE_SOURCE_MESSAGE_ID.to_owned())
            .or_insert_with(|| self.message_id.clone());
        for (name, value) in [
            (ATTRIBUTE_REPLAY_OF, place),
            (ATTRIBUTE_REPLAY_STAGE, self.stage.as_str()),
            (ATTRIBUTE_REPLAY_TOPIC, topic),
            (ATTRIBUTE_REPLAY_PUBLISHED, &self.publish_time.to_string()),
        ] {
            attributes.insert(name.to_owned(), value.to_owned());
        }
        Message::new().set_data(self.data.clone()).set_attributes(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windtunnel_model::{AckId, Origin, Reject};

    fn line(stage: Stage, attributes: &[(&str, &str)]) -> Vec<u8> {
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let reject = Reject {
            stage,
            reason: RejectReason::RowRefused,
            detail: "d".to_owned(),
            message: windtunnel_model::Message {
                ack: AckId(0),
                data: Bytes::from_static(b"\xff{}"),
                publish_time: EventTime(7),
                origin: Origin::Pubsub {
                    message_id: "9".to_owned(),
                    attributes: attributes.collect(),
                },
            },
            event_id: None,
            event_time: None,
            watermark: None,
        };
        let mut out = Vec::new();
        reject.write_json_line(&mut out);
        out
    }

    #[test]
    fn what_the_engine_wrote_goes_back_as_it_came() {
        let letter = Letter::parse(&line(Stage::Sink, &[("publish_id", "p")])).unwrap();
        let message = letter.message("failed_events/o:3", letter.topic());
        assert_eq!(&message.data[..], b"\xff{}");
        let expected = [
            ("publish_id", "p"),
            ("replay_of", "failed_events/o:3"),
            ("replay_publish_time", "1970-01-01T00:00:00.000007Z"),
            ("replay_stage", "sink"),
            ("replay_topic", "iot-events"),
            ("source_message_id", "9"),
        ];
        let attributes: BTreeMap<_, _> = message.attributes.into_iter().collect();
        let attributes: Vec<_> = attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(attributes, expected);
    }

    #[test]
    fn a_letter_knows_its_topic() {
        let passed = &[("source_message_id", "1")][..];
        let back = &[("source_message_id", "1"), ("replay_topic", "iot-events")][..];
        for (stage, attributes, topic) in [
            (Stage::Preprocess, &[][..], "iot-events"),
            (Stage::Sink, &[][..], "iot-events"),
            (Stage::Sink, passed, "processed-events"),
            (Stage::Preprocess, passed, "iot-events"),
            (Stage::Sink, back, "iot-events"),
        ] {
            let letter = Letter::parse(&line(stage, attributes)).unwrap();
            assert_eq!(letter.topic(), topic, "{stage:?} {attributes:?}");
        }
    }

    #[test]
    fn what_is_no_letter_is_refused_with_a_reason() {
        let good = String::from_utf8(line(Stage::Sink, &[])).unwrap();
        for (from, to) in [
            ("row_refused", "other"),
            ("\"sink\"", "\"other\""),
            ("1970", "year"),
            ("/3t9", "?"),
            ("{", "["),
        ] {
            assert!(good.contains(from), "{good} has no {from}");
            assert!(Letter::parse(good.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
        }
    }
}

//! A rejected message: data and not an error. It keeps the original bytes, the reason and the stage,
//! and becomes one JSON line of a dead-letter object. Invariant: the line is a function of the
//! message and of the stage's decision alone, so that writing it again writes the same bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::{EventTime, Message, Origin, Withheld};

/// The stage that rejected a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The preprocessing function.
    Preprocess,
    /// JSON to an event.
    Decode,
    /// The rules that an event must keep.
    Validate,
    /// Event-time windows: later than the allowed lateness.
    Window,
    /// The row was refused by the table.
    Sink,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 5] =
        [Self::Preprocess, Self::Decode, Self::Validate, Self::Window, Self::Sink];

    /// The stage of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The stage's name in dead letters and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preprocess => "preprocess",
            Self::Decode => "decode",
            Self::Validate => "validate",
            Self::Window => "window",
            Self::Sink => "sink",
        }
    }
}

/// Why a message was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectReason {
    /// The payload is larger than the limit for an event.
    Oversize,
    /// The payload is not UTF-8.
    InvalidUtf8,
    /// The payload is not JSON.
    InvalidJson,
    /// The JSON ends too early.
    TruncatedJson,
    /// A field has another JSON type than the schema says.
    WrongType,
    /// A required field is missing, null or empty.
    MissingField,
    /// `event_timestamp` is not RFC 3339.
    InvalidTimestamp,
    /// A value is outside what the schema allows.
    OutOfRange,
    /// The event came after its window's allowed lateness.
    Late,
    /// BigQuery refused the row.
    RowRefused,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Oversize,
        Self::InvalidUtf8,
        Self::InvalidJson,
        Self::TruncatedJson,
        Self::WrongType,
        Self::MissingField,
        Self::InvalidTimestamp,
        Self::OutOfRange,
        Self::Late,
        Self::RowRefused,
    ];

    /// The reason of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The reason's name in dead letters and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oversize => "oversize",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::TruncatedJson => "truncated_json",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::OutOfRange => "out_of_range",
            Self::Late => "late",
            Self::RowRefused => "row_refused",
        }
    }
}

/// A rejected message with the decision about it.
#[derive(Debug, Clone)]
pub struct Reject {
    /// The stage that rejected it.
    pub stage: Stage,
    /// The class of the reason.
    pub reason: RejectReason,
    /// What exactly was wrong, for a person.
    pub detail: String,
    /// The message as it came.
    pub message: Message,
    /// The event's id, where decoding got that far.
    pub event_id: Option<String>,
    /// The event's own time, where decoding got that far.
    pub event_time: Option<EventTime>,
    /// The watermark that made the event late.
    pub watermark: Option<EventTime>,
}

#[derive(Serialize)]
struct Line<'a> {
    reason: &'a str,
    stage: &'a str,
    detail: &'a str,
    data_base64: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<WithheldLine>,
    attributes: Attributes<'a>,
    message_id: String,
    publish_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark: Option<String>,
}

/// In the place of a payload that privacy keeps back.
#[derive(Serialize)]
struct WithheldLine {
    bytes: u64,
    hmac_sha256: String,
}

struct Attributes<'a>(&'a Origin);

impl Serialize for Attributes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Origin::Pubsub { attributes, .. } => serializer.collect_map(attributes),
            Origin::File { object, generation, line, .. } => serializer.collect_map([
                ("object", object.to_string()),
                ("generation", generation.to_string()),
                ("line", line.to_string()),
            ]),
        }
    }
}

impl Reject {
    /// Writes the dead letter as one JSON line, the line break included.
    pub fn write_json_line(&self, out: &mut Vec<u8>) {
        let withheld = Withheld::of_payload(&self.message.data);
        let line = Line {
            reason: self.reason.as_str(),
            stage: self.stage.as_str(),
            detail: &self.detail,
            data_base64: match withheld {
                None => STANDARD.encode(&self.message.data),
                Some(_) => String::new(),
            },
            withheld: withheld.map(|it| WithheldLine { bytes: it.bytes, hmac_sha256: it.hash }),
            attributes: Attributes(&self.message.origin),
            message_id: self.message.message_id(),
            publish_time: self.message.publish_time.to_string(),
            event_id: self.event_id.as_deref(),
            event_timestamp: self.event_time.map(|time| time.to_string()),
            watermark: self.watermark.map(|time| time.to_string()),
        };
        serde_json::to_writer(&mut *out, &line).expect("the line holds only strings");
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AckId;
    use bytes::Bytes;
    use std::collections::BTreeMap;

    #[test]
    fn a_dead_letter_keeps_everything_that_a_replay_needs() {
        let reject = Reject {
            stage: Stage::Decode,
            reason: RejectReason::InvalidUtf8,
            detail: "invalid UTF-8 at byte 0".to_owned(),
            message: Message {
                ack: AckId(1),
                data: Bytes::from_static(b"\xff"),
                publish_time: EventTime(0),
                origin: Origin::Pubsub {
                    message_id: "7".to_owned(),
                    attributes: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
                },
            },
            event_id: None,
            event_time: None,
            watermark: None,
        };
        let mut out = Vec::new();
        reject.write_json_line(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"reason\":\"invalid_utf8\",\"stage\":\"decode\",\"detail\":\"invalid UTF-8 at byte 0\",\
             \"data_base64\":\"/w==\",\"attributes\":{\"k\":\"v\"},\"message_id\":\"7\",\
             \"publish_time\":\"1970-01-01T00:00:00.000000Z\"}\n"
        );
    }
}

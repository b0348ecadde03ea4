//! What the preprocessing function does to one raw message: checks that it is a JSON object with the
//! required fields, gives it an id and a time where they are missing, and adds
//! `processed_timestamp`. Invariant: the output is a function of the message alone, so that a
//! redelivered message gives the same bytes.

use serde_json::{Map, Value};
use windtunnel_model::{Message, Reject, RejectReason, Stage};

use crate::decode::{failure, reject, text_of};

/// The fields without which an event goes no further.
const REQUIRED: [&str; 2] = ["event_type", "device_id"];

/// Checks and completes one raw message; the result is the JSON to publish.
///
/// # Errors
/// The reject, with the original bytes, when the payload is too large, not UTF-8, not a JSON object,
/// or lacks a required field.
pub fn preprocess(message: &Message) -> Result<Vec<u8>, Box<Reject>> {
    complete(message)
        .map_err(|(reason, detail)| Box::new(reject(message, Stage::Preprocess, reason, detail)))
}

fn complete(message: &Message) -> Result<Vec<u8>, (RejectReason, String)> {
    let mut event = parse_object(&message.data)?;
    for field in REQUIRED {
        match event.get(field) {
            Some(Value::String(text)) if !text.is_empty() => {}
            None | Some(Value::Null | Value::String(_)) => {
                return Err((RejectReason::MissingField, format!("{field} is missing or empty")));
            }
            Some(_) => {
                return Err((RejectReason::WrongType, format!("{field} must be a string")));
            }
        }
    }
    if is_absent(event.get("event_id")) {
        let mut id = String::new();
        message.write_derived_event_id(&mut id);
        event.insert("event_id".to_owned(), Value::String(id));
    }
    let publish_time = message.publish_time.to_string();
    if is_absent(event.get("event_timestamp")) {
        event.insert("event_timestamp".to_owned(), Value::String(publish_time.clone()));
    }
    event.insert("processed_timestamp".to_owned(), Value::String(publish_time));
    Ok(serde_json::to_vec(&event).expect("a JSON value has a text"))
}

fn parse_object(data: &[u8]) -> Result<Map<String, Value>, (RejectReason, String)> {
    let text = text_of(data)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(event)) => Ok(event),
        Ok(_) => Err((RejectReason::WrongType, "the event is not a JSON object".to_owned())),
        Err(error) => Err(failure(data, &error)),
    }
}

fn is_absent(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, EventTime, Origin};

    fn message(data: &[u8]) -> Message {
        Message {
            ack: AckId(0),
            data: Bytes::copy_from_slice(data),
            publish_time: EventTime(0),
            origin: Origin::Pubsub { message_id: "7".to_owned(), attributes: BTreeMap::new() },
        }
    }

    #[test]
    fn an_event_is_completed_from_its_message_alone() {
        let out = preprocess(&message(br#"{"event_type":"click","device_id":"d"}"#)).unwrap();
        let event: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(event["event_id"], "msg-7");
        assert_eq!(event["event_timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(event["processed_timestamp"], "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn what_cannot_be_completed_is_rejected_with_its_reason() {
        let cases: [(&[u8], RejectReason); 6] = [
            (br#"{"event_type":"click"}"#, RejectReason::MissingField),
            (br#"{"event_type":1,"device_id":"d"}"#, RejectReason::WrongType),
            (br#"[]"#, RejectReason::WrongType),
            (br#"{"event_type""#, RejectReason::TruncatedJson),
            (br#"{"value":NaN}"#, RejectReason::InvalidJson),
            (b"\xc3\x28", RejectReason::InvalidUtf8),
        ];
        for (data, expected) in cases {
            let reject = preprocess(&message(data)).unwrap_err();
            assert_eq!(reject.reason, expected);
            assert_eq!(&reject.message.data[..], data);
        }
    }

    proptest! {
        /// What the function publishes, the function would publish again unchanged.
        #[test]
        fn completing_twice_changes_nothing(id in "[a-z]{0,4}", value in any::<i32>()) {
            let raw = format!(
                r#"{{"event_id":"{id}","event_type":"t","device_id":"d","properties":{{"value":{value}}}}}"#
            );
            let once = preprocess(&message(raw.as_bytes())).unwrap();
            prop_assert_eq!(preprocess(&message(&once)).unwrap(), once);
        }
    }
}
